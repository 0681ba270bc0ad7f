//! One try of a forward: its place among those under way, its leave to ask the upstream, and what
//! each of the two hears of the answer.

use crate::base::time::Moment;
use crate::base::time::Timestamp;
use crate::cache::errand::Errand;
use crate::cache::errand::Landed;
use crate::fields::quota;
use crate::fields::retry_after;
use crate::policy::breaker::Health;
use crate::policy::budget::Hearing;
use crate::policy::budget::Told;
use crate::policy::lane::Ticket;
use crate::policy::retry::Trouble;
use crate::upstream::attempt::Heard;
use crate::upstream::attempt::Lost;
use crate::upstream::fuse::Crossing;
use crate::upstream::queue::Place;
use crate::upstream::sender::Lane;
use http::HeaderMap;
use http::StatusCode;
use std::time::Duration;

/// A try under way.
pub(crate) struct Trip {
    /// Which connections may carry it.
    pub(crate) lane: Lane,
    /// Its place.
    pub(crate) place: Place,
    /// Its leave.
    pub(crate) crossing: Crossing,
    /// What its answer says about the upstream; `None` before there is one.
    pub(crate) health: Option<Health>,
    /// How much of the whole forward's time it may take.
    pub(crate) left: Duration,
    /// Whether it is made for nobody: a scout.
    pub(crate) of_nobody: bool,
}

/// The tries of one forward.
pub(crate) struct Course {
    /// Its place in line, once it has had one.
    pub(crate) ticket: Option<Ticket>,
    /// What it has come back with so far, and when.
    pub(crate) so_far: Option<(Landed, Timestamp)>,
    /// How many tries there were that the upstream did not call too many.
    pub(crate) tries: u32,
    /// How many there were that it did.
    pub(crate) limited: u32,
    /// How much time is left for tries, pauses between them included.
    pub(crate) left: Duration,
}

/// How often the upstream may call one forward too many before that is its outcome.
const MOST_LIMITED: u32 = 20;

impl Course {
    /// Of a forward whose tries may take `total` together.
    pub(crate) const fn new(total: Duration) -> Self {
        Self { ticket: None, so_far: None, tries: 0, limited: 0, left: total }
    }

    /// Which connections may carry the next try. What is sent once only must not meet a connection
    /// that the upstream is closing; nor may what has been sent before, lest it be sent once more.
    pub(crate) const fn lane(&self, errand: &Errand) -> Lane {
        match (errand.retry, self.tries) {
            (false, _) => Lane::Brisk,
            (true, 0) => Lane::Pooled,
            (true, _) => Lane::New,
        }
    }

    /// Whether a forward that the upstream calls one too many goes back in line.
    pub(crate) const fn goes_back(&mut self) -> bool {
        self.limited += 1;
        self.limited < MOST_LIMITED
    }
}

impl Trip {
    /// Takes note of what one question has brought.
    pub(crate) fn note(&mut self, outcome: &Result<Heard, Lost>, now: Moment) {
        let (hearing, health) = match outcome {
            Ok(heard) => (hearing(heard.status, &heard.fields, now), health(heard.status)),
            Err(lost) => {
                let hearing = Hearing { told: Told::Troubled, retry_after: None, quota: None };
                (hearing, lost.failure.health())
            }
        };
        self.place.hear(hearing);
        self.health = Some(health);
    }
}

/// What an answer says about the budget.
fn hearing(status: StatusCode, fields: &HeaderMap, now: Moment) -> Hearing {
    let told = match status {
        StatusCode::TOO_MANY_REQUESTS => Told::Limited,
        status if status.is_server_error() => Told::Troubled,
        _ => Told::Accepted,
    };
    let pauses = matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
    Hearing {
        told,
        retry_after: pauses.then(|| retry_after::retry_after(fields, now.wall)).flatten(),
        quota: quota::quota(fields, now.wall),
    }
}

/// What an answer says about the upstream. A 429 is about one credential.
const fn health(status: StatusCode) -> Health {
    match status.as_u16() {
        429 => Health::Neutral,
        502..=504 => Health::Ill,
        _ => Health::Well,
    }
}

/// What there is to try again for, if anything.
pub(crate) enum Shortfall {
    /// Nothing: it is an outcome.
    None,
    /// The upstream has called it one too many.
    Limited,
    /// It has failed.
    Trouble(Trouble),
}

/// What an outcome lacks.
pub(crate) fn shortfall(landed: &Landed) -> Shortfall {
    match landed {
        Landed::Found(_) | Landed::Long(_) => Shortfall::None,
        Landed::Failed(failure) => Shortfall::Trouble(failure.trouble()),
        Landed::Answer(fetched) if !fetched.failing => Shortfall::None,
        Landed::Answer(fetched) if fetched.told == StatusCode::TOO_MANY_REQUESTS => {
            Shortfall::Limited
        }
        Landed::Answer(fetched) => Shortfall::Trouble(Trouble::Status(fetched.told)),
    }
}
