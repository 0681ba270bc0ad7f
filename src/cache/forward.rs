//! Forwards: one for all who ask the same, sent as a task of its own, and what each of those who
//! waited makes of its outcome.

use crate::cache::answer::Answer;
use crate::cache::answer::Ending;
use crate::cache::collapse::Boarding;
use crate::cache::collapse::Waiters;
use crate::cache::errand::Audience;
use crate::cache::errand::Errand;
use crate::cache::errand::Landed;
use crate::cache::errand::Share;
use crate::cache::state::Cache;
use crate::cache::state::Lane;
use crate::fields::cache_status::CacheStatus;
use crate::fields::cache_status::ForwardReason;
use crate::fields::validation;
use crate::policy::key::Key;
use crate::policy::reuse;
use crate::policy::reuse::Besides;
use crate::policy::reuse::Plan;
use crate::policy::rules::Deadlines;
use crate::store::response::StoredResponse;
use crate::upstream::attempt;
use crate::upstream::attempt::Heard;
use crate::upstream::attempt::Lost;
use crate::upstream::attempt::Question;
use crate::upstream::failure::Failure;
use http::HeaderName;
use http::HeaderValue;
use http::StatusCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;
use tracing::error;
use tracing::warn;

/// How an asker goes upstream.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Sharing {
    /// With whoever asks the same.
    Shared,
    /// With whoever asks the same and has not been sent yet.
    Anew,
    /// By itself.
    Alone,
}

/// On what account an asker goes upstream, and how.
#[derive(Clone, Copy)]
pub(crate) struct Way {
    /// Why.
    pub(crate) reason: ForwardReason,
    /// With whom.
    pub(crate) sharing: Sharing,
    /// What it has of what the answer is known to vary on.
    pub(crate) variant: Option<Key>,
    /// The same in a word of our own.
    pub(crate) detail: Option<&'static str>,
}

impl Cache {
    /// Has an errand done, and makes an ending of its outcome.
    pub(crate) async fn fetch(self: Arc<Self>, errand: Arc<Errand>, way: Way) -> Ending {
        let (landed, collapsed) = self.join_in_time(&errand, way).await;
        self.conclude(&errand, landed, way, collapsed)
    }

    /// What an asker is told of an outcome.
    pub(crate) fn conclude(
        &self,
        errand: &Errand,
        landed: Landed,
        way: Way,
        collapsed: bool,
    ) -> Ending {
        let Way { reason, detail, .. } = way;
        let how = |status: Option<StatusCode>| {
            let status = status.map(|status| status.as_u16());
            CacheStatus { collapsed, detail, ..CacheStatus::forwarded(reason, status) }
        };
        let answer = match landed {
            Landed::Found(stored) => Answer::from_store(&stored, self.clock.now()),
            Landed::Answer(fetched) => {
                let stand_in = || self.stand_in(errand, how(Some(fetched.told)));
                match fetched.failing.then(stand_in).flatten() {
                    Some(answer) => answer,
                    // A mark came just now over what stood in for what is its first asker's only.
                    None if collapsed && matches!(fetched.audience, Audience::Nobody) => {
                        let how = how(Some(fetched.told));
                        return Ending::Failed { failure: Failure::Dropped, how, unread: false };
                    }
                    None => fetched.answer(how(Some(fetched.told))),
                }
            }
            Landed::Long(handoff) => {
                let stand_in = || self.stand_in(errand, how(Some(handoff.status)));
                match handoff.failing.then(stand_in).flatten() {
                    Some(answer) => answer,
                    None => return handoff.take(reason),
                }
            }
            Landed::Failed(failure) => match self.stand_in(errand, how(None)) {
                Some(answer) => answer,
                None => return Ending::Failed { failure, how: how(None), unread: false },
            },
        };
        Ending::Answered(Box::new(answer))
    }

    /// What is stored, where it may be given out in the place of a failure. It is looked for now:
    /// what was stored when the asker came may have been taken back since.
    pub(crate) fn stand_in(&self, errand: &Errand, failed: CacheStatus) -> Option<Answer> {
        let now = self.clock.now();
        let seen = self.look_again(errand, now);
        let why = reuse::stand_in(&errand.directives, seen.sight()?, now)?;
        seen.found.stored.map(|stored| Answer::in_place(&stored, why, failed, now))
    }

    /// Begins a forward that nobody waits for, unless one is under way: what is stored under its key
    /// is given out meanwhile.
    pub(crate) fn refresh(self: &Arc<Self>, errand: Arc<Errand>, way: Way) {
        let lane = self.lane(&errand, way.variant);
        let cache = Arc::clone(self);
        self.forwards.begin(lane, move |waiters| cache.forward(errand, way.sharing, waiters));
    }

    /// Waits for the outcome of a forward, and whether it was another asker's; not for ever.
    pub(crate) async fn join_in_time(
        self: &Arc<Self>,
        errand: &Arc<Errand>,
        way: Way,
    ) -> (Landed, bool) {
        let patience = patience(&errand.rules.deadlines);
        let joined = timeout(patience, self.join(errand, way)).await;
        joined.unwrap_or((Landed::Failed(Failure::TotalTimeout), false))
    }

    /// Four things send an asker round once more: a forward that ended without an outcome is begun
    /// again, once; an answer that is others' for what it varies on is looked for among one's own
    /// like; one that is its first asker's only is asked for anew by each of the others, unless it is
    /// a failure that what is stored stands in for; one that was found in the store may be too old for
    /// who merely waited.
    async fn join(self: &Arc<Self>, errand: &Arc<Errand>, mut way: Way) -> (Landed, bool) {
        let mut ended_without = 0;
        loop {
            let now = self.clock.now();
            let cache = Arc::clone(self);
            let (errand_sent, sharing) = (Arc::clone(errand), way.sharing);
            let forward = move |waiters| cache.forward(errand_sent, sharing, waiters);
            let lane = || self.lane(errand, way.variant);
            let joined = match way.sharing {
                _ if self.apart.holds(&errand.key, now) => self.forwards.alone(forward).await,
                Sharing::Alone => self.forwards.alone(forward).await,
                Sharing::Shared => self.forwards.join(lane(), Boarding::Any, forward).await,
                Sharing::Anew => self.forwards.join(lane(), Boarding::Unsent, forward).await,
            };
            let collapsed = joined.collapsed;
            let Some(landed) = joined.outcome else {
                error!("a forward ended without an outcome");
                ended_without += 1;
                if ended_without > 1 {
                    return (Landed::Failed(Failure::Dropped), collapsed);
                }
                continue;
            };
            match errand.share(&landed, &self.keys) {
                _ if !collapsed => return (landed, false),
                Share::Yes if !self.will_do(errand, &landed) => way.sharing = Sharing::Anew,
                Share::Yes => return (landed, true),
                _ if self.is_stood_in_for(errand, &landed) => return (landed, true),
                Share::OfOthers(own) if way.variant.is_none() => way.variant = Some(own),
                Share::OfOthers(_) | Share::No => way.sharing = Sharing::Alone,
            }
        }
    }

    /// Whether an outcome will do for an asker who waited for another's forward. What that found
    /// may have been asked for before this asker came, who would not have taken it from the store.
    fn will_do(&self, errand: &Errand, landed: &Landed) -> bool {
        !matches!(landed, Landed::Found(_)) || {
            let now = self.clock.now();
            let seen = self.look_again(errand, now);
            let plan = reuse::plan(&errand.directives, seen.sight(), seen.missing(), now);
            matches!(plan, Plan::Reuse(_))
        }
    }

    fn is_stood_in_for(&self, errand: &Errand, landed: &Landed) -> bool {
        let failing = matches!(landed, Landed::Answer(fetched) if fetched.failing);
        let failed = CacheStatus::forwarded(ForwardReason::Stale, None);
        failing && self.stand_in(errand, failed).is_some()
    }

    fn lane(&self, errand: &Errand, variant: Option<Key>) -> Lane {
        let mark = self.store.mark_over(errand.credential, errand.thing, self.clock.now());
        Lane { key: errand.key, mark, variant }
    }

    /// The forward itself, as a task of its own.
    async fn forward(
        self: Arc<Self>,
        errand: Arc<Errand>,
        sharing: Sharing,
        mut waiters: Waiters<Lane, Landed>,
    ) {
        let patience = errand.rules.deadlines.place;
        // Still queued, it ends with its last waiter; once sent, it runs on and is stored.
        let place = tokio::select! {
            place = self.places.take(patience) => place,
            () = waiters.all_left() => return,
        };
        waiters.sent();
        let landed = match place {
            Ok(_place) => self.ask(&errand, sharing).await,
            Err(full) => Landed::Failed(full),
        };
        waiters.announce(landed);
    }

    async fn ask(&self, errand: &Errand, sharing: Sharing) -> Landed {
        let now = self.clock.now();
        let seen = self.look_again(errand, now);
        if sharing == Sharing::Shared && !errand.request.is_head() {
            // Between an asker's look-up and its place on the list of forwards, the forward before
            // it may have landed and left the list.
            let plan = reuse::plan(&errand.directives, seen.sight(), seen.missing(), now);
            if plan == Plan::Reuse(Besides::Nothing)
                && let Some(stored) = seen.found.stored
            {
                return Landed::Found(stored);
            }
        }
        // A not-found is short-lived and proved by its text alone: it is asked for anew.
        let base = seen
            .valid()
            .filter(|base| !errand.verbatim && !errand.request.is_head() && !base.facts.negative);
        if let Some(base) = base
            && let Some(landed) = self.validate(errand, base).await
        {
            return landed;
        }
        let turn = self.store.begin();
        match self.send(errand, &[]).await {
            Ok(heard) => self.land(errand, turn, heard),
            Err(lost) => failed(&lost),
        }
    }

    /// RFC 9111 section 4.3: asks whether what is stored is still current. `None` if that cannot be
    /// asked, or the answer speaks of something else.
    async fn validate(&self, errand: &Errand, base: &StoredResponse) -> Option<Landed> {
        let conditions = validation::conditions(&base.fields(0), base.own_tag);
        if conditions.is_empty() {
            return None;
        }
        let turn = self.store.begin();
        match self.send(errand, &conditions).await {
            Ok(heard) if heard.status == StatusCode::NOT_MODIFIED => {
                self.freshen(errand, turn, base, &heard)
            }
            Ok(heard) => Some(self.land(errand, turn, heard)),
            Err(lost) => Some(failed(&lost)),
        }
    }

    async fn send(
        &self,
        errand: &Errand,
        conditions: &[(HeaderName, HeaderValue)],
    ) -> Result<Heard, Lost> {
        let question = Question {
            request: &errand.request,
            conditions,
            retry: errand.retry,
            read_whole: errand.rules.max_stored_body,
            deadlines: &errand.rules.deadlines,
        };
        attempt::ask(&*self.sender, &question, &self.clock).await
    }
}

fn failed(lost: &Lost) -> Landed {
    warn!(failure = lost.failure.as_str(), cause = lost.cause, "a read failed upstream");
    Landed::Failed(lost.failure)
}

/// Every step of a forward has its own deadline; this one is for what none of them foresaw. A
/// forward may be two, the second without conditions, and an asker may wait for two of them.
fn patience(deadlines: &Deadlines) -> Duration {
    let forward = deadlines.total.saturating_mul(2);
    deadlines.place.saturating_add(forward).saturating_add(MARGIN).saturating_mul(2)
}

/// What the steps of a forward may take beside their deadlines.
const MARGIN: Duration = Duration::from_secs(5);
