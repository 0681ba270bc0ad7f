//! A way to the upstream that is broken on our side.

use crate::support::house::House;
use http::Request;
use http::Response;
use hyper::body::Incoming;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::sleep;
use verifik_gateway::upstream::body::RequestBody;
use verifik_gateway::upstream::sender::Broken;
use verifik_gateway::upstream::sender::Lane;
use verifik_gateway::upstream::sender::Sender;

/// Between the house and its upstream: panics as often as it is told to.
struct Faulty {
    sound: Arc<dyn Sender>,
    panics: Arc<AtomicUsize>,
}

impl Sender for Faulty {
    fn send(
        &self,
        request: Request<RequestBody>,
        lane: Lane,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Incoming>, Broken>> + Send>> {
        let left =
            self.panics.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1));
        let sent = left.is_err().then(|| self.sound.send(request, lane));
        Box::pin(async move {
            sleep(Duration::from_secs(1)).await;
            sent.expect("no panic is left").await
        })
    }
}

/// A house whose first forwards panic, after a second each, and how many are still to do so.
pub fn faulty_house(panics: usize) -> (House, Arc<AtomicUsize>) {
    let left = Arc::new(AtomicUsize::new(panics));
    let panics = Arc::clone(&left);
    let house = House::behind(|_| {}, |sound| Arc::new(Faulty { sound, panics }));
    (house, left)
}
