//! What a forward carries, and what it brings back.

use crate::api::credential;
use crate::base::time::WallTime;
use crate::cache::answer::Answer;
use crate::cache::answer::AnswerBody;
use crate::cache::answer::Ending;
use crate::fields::cache_control::RequestDirectives;
use crate::fields::cache_status::CacheStatus;
use crate::fields::cache_status::ForwardReason;
use crate::policy::inquiry::Inquiry;
use crate::policy::key::Key;
use crate::policy::key::Tag;
use crate::policy::rules::Rules;
use crate::policy::storable::NotKept;
use crate::store::response::StoredResponse;
use crate::upstream::failure::Failure;
use crate::upstream::request::TicketRequest;
use crate::upstream::streamed::Streamed;
use bytes::Bytes;
use http::HeaderMap;
use http::StatusCode;
use http::Uri;
use http::header::AUTHORIZATION;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

/// A read on its way to the upstream: owned, because it outlives whoever asked.
pub struct Errand {
    /// The rules of the exchange.
    pub rules: Arc<Rules>,
    /// The id asked for.
    pub id: Box<str>,
    /// Under which the answer would be stored.
    pub key: Key,
    /// Whose it would be.
    pub credential: Tag,
    /// The ticket.
    pub ticket: Tag,
    /// What the client said about storing.
    pub directives: RequestDirectives,
    /// When the credential ends, by its own word.
    pub credential_ends: Option<WallTime>,
    /// What is sent.
    pub request: TicketRequest,
}

impl Errand {
    /// Packs what is needed of a request.
    pub fn new(
        rules: &Arc<Rules>,
        inquiry: &Inquiry<'_>,
        ticket: Tag,
        uri: Uri,
        fields: &HeaderMap,
    ) -> Self {
        let authorization = fields.get(AUTHORIZATION);
        Self {
            rules: Arc::clone(rules),
            id: inquiry.id.into(),
            key: inquiry.key,
            credential: inquiry.credential.tag(),
            ticket,
            directives: inquiry.directives,
            credential_ends: authorization.and_then(|value| credential::expiry(value.as_bytes())),
            request: TicketRequest::new(uri, fields),
        }
    }
}

/// The outcome of a forward, as every waiter receives it.
#[derive(Clone)]
pub enum Landed {
    /// Between the asker's look and the forward's, someone else's answer was stored.
    Found(Arc<StoredResponse>),
    /// An answer, read whole.
    Answer(Arc<Fetched>),
    /// An answer too long to be read whole: for the first asker only.
    Long(Arc<Handoff>),
    /// No answer.
    Failed(Failure),
}

/// An answer that was read whole.
pub struct Fetched {
    /// Its status.
    pub status: StatusCode,
    /// Its end-to-end fields.
    pub fields: HeaderMap,
    /// Its body.
    pub body: Bytes,
    /// Whether it is stored now.
    pub kept: Result<(), NotKept>,
    /// Whether those who asked with other request fields may have it too.
    pub shared: bool,
}

/// An answer that is still coming, on its way to the one who takes it.
pub struct Handoff {
    /// Its status.
    pub status: StatusCode,
    /// Its end-to-end fields.
    pub fields: HeaderMap,
    /// Its body, until it is taken.
    pub body: Mutex<Option<Streamed>>,
}

impl Landed {
    /// Whether someone who merely waited may have this outcome.
    pub fn is_for_everyone(&self) -> bool {
        match self {
            Self::Found(_) | Self::Failed(_) => true,
            Self::Answer(fetched) => fetched.shared,
            Self::Long(_) => false,
        }
    }
}

impl Fetched {
    /// The answer, to someone who asked for `reason` and perhaps only waited.
    pub fn answer(&self, reason: ForwardReason, collapsed: bool) -> Answer {
        let forwarded = CacheStatus::forwarded(reason, Some(self.status.as_u16()));
        Answer {
            status: self.status,
            reason: None,
            fields: self.fields.clone(),
            body: AnswerBody::Whole(self.body.clone()),
            age: None,
            how: CacheStatus {
                stored: self.kept.is_ok(),
                collapsed,
                detail: self.kept.err().map(NotKept::as_str),
                ..forwarded
            },
        }
    }
}

impl Handoff {
    /// The answer, to the one who begins to read it; a failure to any other.
    pub fn take(&self, reason: ForwardReason) -> Ending {
        let forwarded = CacheStatus::forwarded(reason, Some(self.status.as_u16()));
        let how = CacheStatus { detail: Some(NotKept::TooLong.as_str()), ..forwarded };
        let body = self.body.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(body) = body else {
            return Ending::Failed { failure: Failure::Dropped, how, unread: false };
        };
        Ending::Answered(Box::new(Answer {
            status: self.status,
            reason: None,
            fields: self.fields.clone(),
            body: AnswerBody::Streamed(body),
            age: None,
            how,
        }))
    }
}
