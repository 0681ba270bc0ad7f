//! An upstream in trouble, and how often it is asked all the same.

use crate::support::house::House;
use crate::support::upstream::Say;
use crate::support::wire::Message;
use http::Request;
use http::Response;
use hyper::body::Incoming;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use verifik_gateway::settings::model::Settings;
use verifik_gateway::upstream::body::RequestBody;
use verifik_gateway::upstream::sender::Broken;
use verifik_gateway::upstream::sender::Lane;
use verifik_gateway::upstream::sender::Sender;

/// The beginning of an answer.
pub const HALF: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\
    content-length: 37\r\n\r\n{";

/// What is wrong with the upstream.
#[derive(Clone, Debug)]
pub enum Fault {
    /// Its port is closed.
    Refuses,
    /// Connecting takes for ever.
    Silent,
    /// It is there, but says this.
    Says(Say),
}

impl Fault {
    /// It answers with this status.
    pub fn status(status: u16) -> Self {
        Self::Says(Say::json(status, "{}", &[]))
    }

    /// From now on.
    pub fn befall(&self, house: &House) {
        house.reachable.store(!matches!(self, Self::Refuses), Ordering::Relaxed);
        house.silent.store(matches!(self, Self::Silent), Ordering::Relaxed);
        if let Self::Says(say) = self {
            house.upstream.always(say.clone());
        }
    }
}

/// The end of the connection, without an answer.
pub fn nothing() -> Say {
    Say::RawThenClose(Vec::new())
}

/// Says one after another, then the last for ever.
pub fn in_turn(says: &[Say]) -> impl FnMut(&Message) -> Say + Send + 'static {
    let mut rest = says.to_vec();
    move |_| if rest.len() > 1 { rest.remove(0) } else { rest[0].clone() }
}

/// Between the house and its upstream: counts what is sent, whether or not it arrives.
struct Counted {
    sender: Arc<dyn Sender>,
    sends: Arc<AtomicUsize>,
}

impl Sender for Counted {
    fn send(
        &self,
        request: Request<RequestBody>,
        lane: Lane,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Incoming>, Broken>> + Send>> {
        self.sends.fetch_add(1, Ordering::Relaxed);
        self.sender.send(request, lane)
    }
}

/// How often a house has sent something.
#[derive(Clone, Default)]
pub struct Sends(Arc<AtomicUsize>);

impl Sends {
    pub fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// A house with settings of its own, and how often it sends something: unlike what the upstream
/// counts, with what never reached it.
pub fn counted_house(change: impl FnOnce(&mut Settings)) -> (House, Sends) {
    let sends = Sends::default();
    let counter = Arc::clone(&sends.0);
    let house = House::behind(change, |sender| Arc::new(Counted { sender, sends: counter }));
    (house, sends)
}
