//! The body of a batch call, read whole before any of it is asked for: what is wrong with it can
//! then still be said with a status.

use crate::api::listing;
use crate::api::listing::Unlisted;
use crate::serve::refusal::Refusal;
use bytes::BytesMut;
use http_body_util::BodyExt;
use hyper::body::Body;
use hyper::body::Incoming;
use std::time::Duration;
use tokio::time::timeout;

/// How many times longer than it may be silent a client may take in all: it holds the place of a call.
const IN_ALL: u32 = 6;

/// How much memory the ids of a call may take, at most `most`, in bytes: an id in memory takes about
/// twice what it takes on its line.
pub fn memory(body: &Incoming, most: usize) -> usize {
    let longest = listing::longest(most);
    let announced = body.size_hint().upper().and_then(|length| usize::try_from(length).ok());
    announced.map_or(longest, |length| length.min(longest)).saturating_mul(2)
}

/// Reads the ids, at most `most`. `patience`: how long the client may be silent.
pub async fn ids(body: Incoming, most: usize, patience: Duration) -> Result<Vec<String>, Refusal> {
    let body = whole(body, listing::longest(most), patience);
    let body = timeout(patience.saturating_mul(IN_ALL), body).await;
    let body = body.unwrap_or(Err(Refusal::BatchBroken))?;
    listing::ids(&body, most).map_err(Refusal::BatchBody)
}

async fn whole(
    mut body: Incoming,
    longest: usize,
    patience: Duration,
) -> Result<BytesMut, Refusal> {
    let mut whole = BytesMut::new();
    loop {
        let frame = match timeout(patience, body.frame()).await {
            Ok(Some(Ok(frame))) => frame,
            Ok(None) => return Ok(whole),
            Ok(Some(Err(_))) | Err(_) => return Err(Refusal::BatchBroken),
        };
        if let Ok(data) = frame.into_data() {
            if whole.len().saturating_add(data.len()) > longest {
                return Err(Refusal::BatchBody(Unlisted::TooMany));
            }
            whole.extend_from_slice(&data);
        }
    }
}
