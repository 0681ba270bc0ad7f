//! Forwards: one for all who ask the same, and what each of those who waited makes of its outcome.

use crate::cache::answer::Answer;
use crate::cache::answer::Ending;
use crate::cache::collapse::Boarding;
use crate::cache::collapse::Stage;
use crate::cache::collapse::Waiter;
use crate::cache::errand::Audience;
use crate::cache::errand::Errand;
use crate::cache::errand::Landed;
use crate::cache::errand::Probed;
use crate::cache::errand::Share;
use crate::cache::state::Cache;
use crate::cache::state::Lane;
use crate::cache::way::Sharing;
use crate::cache::way::Way;
use crate::fields::cache_status::CacheStatus;
use crate::fields::cache_status::ForwardReason;
use crate::policy::key::Key;
use crate::policy::reuse;
use crate::policy::reuse::Plan;
use crate::policy::rules::Deadlines;
use crate::upstream::failure::Failure;
use http::StatusCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::sleep;
use tracing::error;

impl Cache {
    /// Has an errand done, and makes an ending of its outcome.
    pub(crate) async fn fetch(self: Arc<Self>, errand: Arc<Errand>, way: Way) -> Ending {
        let (joined, queued) = self.join(&errand, way, |_| {}).await;
        self.conclude(&errand, joined.landed, way, joined.collapsed).after(queued)
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
                        return Ending::failed(Failure::Dropped, how);
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
                None => return Ending::failed(failure, how(None)),
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
        self.forwards
            .begin(lane, move |waiters| cache.forward(errand, way.sharing, way.wish, waiters));
    }

    /// Waits for the outcome of a forward, and whether it was another asker's; and how long it stood
    /// in line. `relay` is told how far it has come.
    ///
    /// Four things send an asker round once more: a forward that ended without an outcome is begun
    /// again, once; an answer that is others' for what it varies on is looked for among one's own
    /// like; one that is its first asker's only is asked for anew by each of the others, unless it is
    /// a failure that what is stored stands in for; one that was found in the store may be too old for
    /// who merely waited. And a job comes back when the upstream is no longer left alone.
    pub(crate) async fn join(
        self: &Arc<Self>,
        errand: &Arc<Errand>,
        mut way: Way,
        mut relay: impl FnMut(&Stage<Landed>),
    ) -> (Probed, Duration) {
        let (mut ended_without, mut queued) = (0, Duration::ZERO);
        loop {
            let waiter = self.board(errand, way);
            let collapsed = waiter.collapsed;
            let patience = patience(&errand.rules.deadlines);
            let heard = self.sit_out(waiter, &way.wish, patience, &mut relay).await;
            queued = queued.saturating_add(heard.queued);
            let Some(landed) = heard.outcome else {
                error!("a forward ended without an outcome");
                ended_without += 1;
                if ended_without > 1 {
                    return (Failure::Dropped.into(), queued);
                }
                continue;
            };
            if way.wish.of_a_job
                && let Some(pause) = comes_back_after(&landed)
                && !self.could_stand_in(errand)
            {
                sleep(pause).await;
                queued = queued.saturating_add(pause);
                continue;
            }
            match errand.share(&landed, &self.keys) {
                _ if !collapsed => return (Probed { landed, collapsed }, queued),
                Share::Yes if !self.will_do(errand, &landed) => way.sharing = Sharing::Anew,
                Share::Yes => return (Probed { landed, collapsed }, queued),
                _ if self.is_stood_in_for(errand, &landed) => {
                    return (Probed { landed, collapsed }, queued);
                }
                Share::OfOthers(own) if way.variant.is_none() => way.variant = Some(own),
                Share::OfOthers(_) | Share::No => way.sharing = Sharing::Alone,
            }
        }
    }

    fn board(self: &Arc<Self>, errand: &Arc<Errand>, way: Way) -> Waiter<Landed> {
        let (cache, sent) = (Arc::clone(self), Arc::clone(errand));
        let forward = move |waiters| cache.forward(sent, way.sharing, way.wish, waiters);
        let lane = || self.lane(errand, way.variant);
        match way.sharing {
            _ if self.apart.holds(&errand.key, self.clock.now()) => self.forwards.alone(forward),
            Sharing::Alone => self.forwards.alone(forward),
            Sharing::Shared => self.forwards.join(lane(), Boarding::Any, forward),
            Sharing::Anew => self.forwards.join(lane(), Boarding::Unsent, forward),
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
}

/// When a job comes back for what could not be asked: soon, for a penalty may end before its time, and
/// with nobody to ask there would be no scouts.
pub(crate) fn comes_back_after(landed: &Landed) -> Option<Duration> {
    match landed {
        Landed::Failed(Failure::Open(pause)) => Some(SOON.min(*pause)),
        Landed::Failed(Failure::Full) => Some(SOON),
        _ => None,
    }
}

/// How long a job stays away.
const SOON: Duration = Duration::from_secs(1);

/// Every step of a try has its own deadline; this one is for what none of them foresaw. A try may be
/// two questions, the second without conditions, and there may be several.
pub(crate) fn patience(deadlines: &Deadlines) -> Duration {
    deadlines.total.saturating_mul(2).saturating_add(MARGIN).saturating_mul(2)
}

/// What the steps of a forward may take beside their deadlines.
const MARGIN: Duration = Duration::from_secs(5);
