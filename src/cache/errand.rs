//! What a forward carries, and what it brings back.

use crate::api::route::Kind;
use crate::base::time::WallTime;
use crate::cache::answer::Answer;
use crate::cache::answer::AnswerBody;
use crate::cache::answer::Ending;
use crate::fields::cache_control::RequestDirectives;
use crate::fields::cache_status::CacheStatus;
use crate::fields::cache_status::ForwardReason;
use crate::observe::accounts::Page;
use crate::policy::freshen;
use crate::policy::key::Key;
use crate::policy::key::KeySecret;
use crate::policy::key::Tag;
use crate::policy::key::Variant;
use crate::policy::privacy::Privacy;
use crate::policy::rules::Rules;
use crate::policy::storable::NotKept;
use crate::store::response::StoredResponse;
use crate::upstream::destination::Destination;
use crate::upstream::failure::Failure;
use crate::upstream::request;
use crate::upstream::request::ReadRequest;
use crate::upstream::streamed::Streamed;
use bytes::Bytes;
use http::HeaderMap;
use http::HeaderName;
use http::StatusCode;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

/// A read on its way to the upstream: owned, because it outlives whoever asked.
pub struct Errand {
    /// The rules of the exchange.
    pub rules: Arc<Rules>,
    /// Whom to ask.
    pub destination: Arc<Destination>,
    /// What kind of resource is read.
    pub kind: Kind,
    /// Whether it may be asked for again after a failure.
    pub retry: bool,
    /// Whether its cookies may be stored.
    pub cookies: bool,
    /// Whether only the asker may have the answer.
    pub privacy: Privacy,
    /// The id asked for.
    pub id: Box<str>,
    /// Under which the answer would be stored.
    pub key: Key,
    /// Whose it would be.
    pub credential: Tag,
    /// What it would be of.
    pub thing: Tag,
    /// What the client said about storing.
    pub directives: RequestDirectives,
    /// When the credential ends, by its own word.
    pub credential_ends: Option<WallTime>,
    /// What is sent.
    pub request: ReadRequest,
    /// Whether that holds the client's own conditions, so that there is no room for ours.
    pub verbatim: bool,
    /// The asker's, in the accounts.
    pub page: Arc<Page>,
}

/// The outcome of a forward, as every waiter receives it.
#[derive(Clone)]
pub enum Landed {
    /// Between the asker's look and the forward's, someone else's answer was stored.
    Found(Arc<StoredResponse>),
    /// An answer, read whole.
    Answer(Arc<Fetched>),
    /// An answer that is not read whole, for its length or for want of room: for the first asker
    /// only.
    Long(Arc<Handoff>),
    /// No answer.
    Failed(Failure),
}

impl From<Failure> for Landed {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// The outcome of a probe, as those who wait for it receive it.
#[derive(Clone)]
pub struct Probed {
    /// That of the forward that proved something, or nothing.
    pub landed: Landed,
    /// Whether a forward of another asker's served as the probe.
    pub collapsed: bool,
}

impl From<Failure> for Probed {
    fn from(failure: Failure) -> Self {
        Self { landed: Landed::Failed(failure), collapsed: false }
    }
}

/// An answer that was read whole.
pub struct Fetched {
    /// Its status.
    pub status: StatusCode,
    /// Its end-to-end fields.
    pub fields: HeaderMap,
    /// Those of its fields that only the one who asked may have.
    pub askers: Vec<HeaderName>,
    /// Its body; `None` where none was asked for.
    pub body: Option<Bytes>,
    /// The status that the upstream told: another one where it was asked to validate.
    pub told: StatusCode,
    /// Whether it is stored now.
    pub kept: Result<(), NotKept>,
    /// Whether what is stored may stand in for it.
    pub failing: bool,
    /// Who may have it besides the first asker.
    pub audience: Audience,
}

/// Who may have an answer that somebody else asked for under the same key.
pub enum Audience {
    /// Everyone.
    Everyone,
    /// Whoever has the same of what it varies on.
    Alike(Box<Variant>),
    /// Nobody.
    Nobody,
}

/// An answer that is still coming, on its way to the one who takes it.
pub struct Handoff {
    /// Its status.
    pub status: StatusCode,
    /// Its end-to-end fields.
    pub fields: HeaderMap,
    /// Whether what is stored may stand in for it.
    pub failing: bool,
    /// Why it was not read whole, and so is not stored.
    pub why: NotKept,
    /// Its body, until it is taken.
    pub body: Mutex<Option<Streamed>>,
}

/// Whether someone who merely waited may have the outcome.
pub enum Share {
    /// Yes.
    Yes,
    /// Not this one: it varies, and who waited belongs to those who have this of it.
    OfOthers(Key),
    /// Not this one, nor that of anybody else.
    No,
}

impl Errand {
    /// Whether the answer may be one to this asker's own wish, and not what others would be told.
    pub fn is_particular(&self) -> bool {
        self.verbatim
            || self.directives.no_store
            || self.request.is_head()
            || request::is_answered_there(self.request.fields())
    }

    /// What the waiter with this errand has of an outcome.
    pub fn share(&self, landed: &Landed, keys: &KeySecret) -> Share {
        match landed {
            Landed::Failed(_) => Share::Yes,
            Landed::Long(_) => Share::No,
            Landed::Found(stored) => self.share_of(stored.variant.as_deref(), keys),
            Landed::Answer(fetched) => match &fetched.audience {
                Audience::Everyone => Share::Yes,
                Audience::Alike(variant) => self.share_of(Some(variant), keys),
                Audience::Nobody => Share::No,
            },
        }
    }

    fn share_of(&self, variant: Option<&Variant>, keys: &KeySecret) -> Share {
        let Some(variant) = variant else { return Share::Yes };
        let own = keys.selecting(&variant.names, self.request.fields());
        if own == variant.values { Share::Yes } else { Share::OfOthers(own) }
    }
}

impl Fetched {
    /// The answer, to someone for whom it was come by like this.
    pub fn answer(&self, how: CacheStatus) -> Answer {
        let fields = if how.collapsed {
            freshen::without(&self.fields, &self.askers)
        } else {
            self.fields.clone()
        };
        Answer {
            status: self.status,
            reason: None,
            fields,
            body: self.body.clone().map_or(AnswerBody::Unsent, AnswerBody::Whole),
            age: None,
            queued: Duration::ZERO,
            is_stored: self.kept.is_ok(),
            unread: false,
            how: CacheStatus {
                stored: self.kept.is_ok(),
                detail: self.kept.err().map(NotKept::as_str).or(how.detail),
                ..how
            },
        }
    }
}

impl Handoff {
    /// The answer, to the one who begins to read it; a failure to any other.
    pub fn take(&self, reason: ForwardReason) -> Ending {
        let forwarded = CacheStatus::forwarded(reason, Some(self.status.as_u16()));
        let how = CacheStatus { detail: Some(self.why.as_str()), ..forwarded };
        let body = self.body.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(body) = body else {
            return Ending::failed(Failure::Dropped, how);
        };
        Ending::Answered(Box::new(Answer {
            status: self.status,
            reason: None,
            fields: self.fields.clone(),
            body: AnswerBody::Streamed(body),
            age: None,
            queued: Duration::ZERO,
            is_stored: false,
            unread: false,
            how,
        }))
    }
}
