//! What a write leaves behind: the marks over what it touched.
//!
//! They are set before the client hears of the outcome, so that its next read is asked for after
//! them; and also when there is no outcome to hear of, because the exchange was cut off.

use crate::api::answer::Meaning;
use crate::api::route::Kind;
use crate::api::write;
use crate::api::write::Aftermath as Landing;
use crate::api::write::ListedIds;
use crate::api::write::Touched;
use crate::base::room::Taken;
use crate::cache::state::Cache;
use crate::policy::key::Tag;
use crate::store::marks::Aftermath;
use crate::store::marks::Scope;
use crate::upstream::body::BodyCopy;
use crate::upstream::failure::Failure;
use http::StatusCode;
use std::sync::Arc;
use std::time::Duration;

/// The marks that a write will leave. Armed from the moment it may have been sent.
pub struct Wake {
    cache: Arc<Cache>,
    touched: Touched,
    /// The beginning of the body, where the ids stand in it; without room for one they are not read.
    listed: Option<Arc<BodyCopy>>,
    _held: Option<Taken>,
    credential: Option<Tag>,
    /// What it was sent to, where that is not all that it touches, and what the answer names.
    named: Vec<Scope>,
    stage: Stage,
}

/// How far it has come to leaving its marks.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Stage {
    /// They will be left.
    Armed,
    /// They are being left: found so by the drop, that has panicked.
    Leaving,
    /// There are none, or they are left.
    Over,
}

/// How long a write whose outcome is unknown may still land (design §3.5).
const MAY_STILL_LAND: Duration = Duration::from_mins(1);

impl Wake {
    /// The wake of a write that touches `touched`.
    pub fn new(cache: Arc<Cache>, touched: Touched, credential: Option<Tag>) -> Self {
        let (mut listed, mut held) = (None, None);
        if touched == Touched::Listed {
            held = cache.room.take(write::LONGEST_LISTING);
            let copy = || Arc::new(BodyCopy::new(write::LONGEST_LISTING));
            listed = held.as_ref().map(|_| copy());
        }
        let stage = if touched == Touched::Nothing { Stage::Over } else { Stage::Armed };
        Self { cache, touched, listed, _held: held, credential, named: Vec::new(), stage }
    }

    /// Where to copy the body to, if it is to be read for ids.
    pub fn body_copy(&self) -> Option<Arc<BodyCopy>> {
        self.listed.clone()
    }

    /// Whether there will be any.
    pub fn is_armed(&self) -> bool {
        self.stage == Stage::Armed
    }

    /// Whether it is one to an opaque resource, so that its answer may name more of the same
    /// (RFC 9111 section 4.4).
    pub const fn may_name_more(&self) -> bool {
        matches!(self.touched, Touched::Thing { .. })
    }

    /// It touches these too.
    pub fn name(&mut self, named: impl IntoIterator<Item = Scope>) {
        self.named.extend(named);
    }

    /// The upstream answered; what its text means, where that was read.
    pub fn answered(mut self, status: StatusCode, told: Option<Meaning>) {
        self.leave(match told {
            _ if self.may_name_more() => write::aftermath_of_opaque(status),
            Some(told) if status == StatusCode::CONFLICT => write::aftermath_of_conflict(told),
            _ => write::aftermath(status),
        });
    }

    /// The exchange failed.
    pub fn failed(mut self, failure: Failure) {
        // What was not sent will not land; that it is marked all the same costs one read.
        let landing = if failure.before_sending() { Landing::Applied } else { Landing::Unknown };
        self.leave(landing);
    }

    fn leave(&mut self, landing: Landing) {
        let scopes = match self.stage {
            Stage::Over => return,
            Stage::Armed => None,
            // What it touches is not asked again, lest that panic again.
            Stage::Leaving => Some(vec![Scope::Everything]),
        };
        self.stage = Stage::Leaving;
        let now = self.cache.clock.now();
        let aftermath = match landing {
            Landing::Refused => {
                self.stage = Stage::Over;
                return;
            }
            Landing::Applied => Aftermath::Settled,
            Landing::Unknown => Aftermath::UnsettledUntil(now.after(MAY_STILL_LAND)),
        };
        let mut scopes = scopes.unwrap_or_else(|| self.scopes());
        scopes.append(&mut self.named);
        self.cache.store.invalidate(&scopes, aftermath, now);
        self.stage = Stage::Over;
    }

    fn scopes(&self) -> Vec<Scope> {
        let own = |credential: Option<Tag>| credential.map(Scope::Credential).into_iter().collect();
        match &self.touched {
            Touched::Nothing => Vec::new(),
            Touched::Ticket(id) => vec![Scope::Ticket(self.cache.keys.ticket(id))],
            Touched::EveryTicket => vec![Scope::Everything],
            Touched::EveryTicketOfCredential | Touched::Credential => own(self.credential),
            Touched::Listed => self.listed_scopes(),
            Touched::Thing { resource, id } => {
                vec![Scope::Ticket(self.cache.keys.thing(Kind::Opaque, resource, id))]
            }
        }
    }

    fn listed_scopes(&self) -> Vec<Scope> {
        let body = self.listed.as_ref().and_then(|copy| copy.whole());
        match body.map(|body| write::listed_ids(&body)) {
            Some(ListedIds::These(ids)) => {
                ids.iter().map(|id| Scope::Ticket(self.cache.keys.ticket(id))).collect()
            }
            Some(ListedIds::Unreadable) | None => vec![Scope::Everything],
        }
    }
}

impl Drop for Wake {
    /// Cut off: the client left, or the task was ended.
    fn drop(&mut self) {
        self.leave(Landing::Unknown);
    }
}
