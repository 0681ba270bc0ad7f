//! What the floors above are handed: an answer, or why there is none.

use crate::base::time::Timestamp;
use crate::fields::cache_status;
use crate::fields::cache_status::CacheStatus;
use crate::fields::cache_status::Handling;
use crate::policy::portion;
use crate::policy::portion::Portion;
use crate::policy::reuse::StandIn;
use crate::store::response::StoredResponse;
use crate::upstream::failure::Failure;
use crate::upstream::streamed::Streamed;
use bytes::Bytes;
use http::HeaderMap;
use http::Method;
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
    /// How long its forward stood in line while this asker waited.
    pub queued: Duration,
    /// Whether it is what is stored: the client's conditions and range are answered from it here.
    pub is_stored: bool,
    /// It came before all of the request's body had passed: the rest may still be on its way.
    pub unread: bool,
    /// How it came to be.
    pub how: CacheStatus,
}

/// The body of an answer.
pub enum AnswerBody {
    /// All there.
    Whole(Bytes),
    /// As it comes from the upstream.
    Streamed(Streamed),
    /// The upstream was asked for none: its answer to a HEAD.
    Unsent,
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
        /// How long its forward stood in line while this asker waited.
        queued: Duration,
    },
}

impl Ending {
    /// Without an answer, to a request without a body.
    pub const fn failed(failure: Failure, how: CacheStatus) -> Self {
        Self::Failed { failure, how, unread: false, queued: Duration::ZERO }
    }

    /// The same, after this time in line.
    #[must_use]
    pub fn after(mut self, waited: Duration) -> Self {
        let queued = match &mut self {
            Self::Answered(answer) => &mut answer.queued,
            Self::Failed { queued, .. } => queued,
        };
        *queued = queued.saturating_add(waited);
        self
    }
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
            queued: Duration::ZERO,
            is_stored: true,
            unread: false,
            how: CacheStatus {
                handling: Handling::Hit { ttl },
                stored: false,
                collapsed: false,
                detail: stored.facts.negative.then_some("not-found"),
            },
        }
    }

    /// The answer that a stored response is in the place of a failure. `failed`: how the request
    /// was handled until then.
    pub fn in_place(
        stored: &StoredResponse,
        why: StandIn,
        failed: CacheStatus,
        now: Timestamp,
    ) -> Self {
        let answer = Self::from_store(stored, now);
        let left = answer.age.map(|age| cache_status::ttl(stored.facts.lifetime, age));
        let handling = match failed.handling {
            Handling::Forward { reason, status, .. } => {
                Handling::Forward { reason, status, ttl: left }
            }
            handling => handling,
        };
        let how = CacheStatus { handling, detail: Some(why.as_str()), ..failed };
        Self { how, ..answer }
    }

    /// As much of the answer as a client asks for that has conditions or wants a range (RFC 9110
    /// sections 13 and 14).
    #[must_use]
    pub fn portioned(self, method: &Method, asked: &HeaderMap) -> Self {
        let AnswerBody::Whole(body) = &self.body else { return self };
        if !self.is_stored {
            return self;
        }
        let (body, length) = (body.clone(), u64::try_from(body.len()).unwrap_or(u64::MAX));
        let portion = portion::portion(method, self.status, asked, &self.fields, length);
        if portion == Portion::Whole {
            return self;
        }
        Self {
            status: portion.status(self.status),
            fields: portion.fields(self.fields, length),
            body: AnswerBody::Whole(portion.content(body)),
            ..self
        }
    }
}

/// `Age`, `Cache-Status`, `Content-Length` and a `Content-Range` may be added to what is stored.
const ADDED_FIELDS: usize = 4;
