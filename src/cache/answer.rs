//! What the floors above are handed: an answer, or why there is none.

use crate::base::time::Timestamp;
use crate::fields::cache_status;
use crate::fields::cache_status::CacheStatus;
use crate::fields::cache_status::Handling;
use crate::store::response::StoredResponse;
use crate::upstream::failure::Failure;
use crate::upstream::streamed::Streamed;
use bytes::Bytes;
use http::HeaderMap;
use http::StatusCode;
use hyper::ext::ReasonPhrase;
use std::time::Duration;

/// An answer to a client. `Age` and `Cache-Status` are not among its fields yet.
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// The upstream's own reason phrase, where it has one and the answer passes through.
    pub reason: Option<ReasonPhrase>,
    /// Its end-to-end fields.
    pub fields: HeaderMap,
    /// Its body.
    pub body: AnswerBody,
    /// Its age, if it comes from the store.
    pub age: Option<Duration>,
    /// How it came to be.
    pub how: CacheStatus,
}

/// The body of an answer.
pub enum AnswerBody {
    /// All there.
    Whole(Bytes),
    /// As it comes from the upstream.
    Streamed(Streamed),
}

/// How an exchange ends.
pub enum Ending {
    /// With an answer: the upstream's, or one stored before.
    Answered(Box<Answer>),
    /// Without one.
    Failed {
        /// Why.
        failure: Failure,
        /// How the request was handled.
        how: CacheStatus,
        /// The rest of the request's body may still be on its way.
        unread: bool,
    },
}

impl Answer {
    /// The answer that a stored response is.
    pub fn from_store(stored: &StoredResponse, now: Timestamp) -> Self {
        let age = stored.facts.current_age(now);
        let ttl = cache_status::ttl(stored.facts.lifetime, age);
        Self {
            status: stored.status,
            reason: None,
            fields: stored.fields(ADDED_FIELDS),
            body: AnswerBody::Whole(stored.body()),
            age: Some(age),
            how: CacheStatus {
                handling: Handling::Hit { ttl },
                stored: false,
                collapsed: false,
                detail: stored.negative.then_some("not-found"),
            },
        }
    }
}

/// `Age`, `Cache-Status`, `Date` and `Content-Length` may be added to what is stored.
const ADDED_FIELDS: usize = 4;
