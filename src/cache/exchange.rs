//! A read of a resource, from the look-up to the answer. The one function that conducts is
//! [`Cache::answer`]; its lines are the files of the day in the life.

use crate::base::draw::Draw;
use crate::base::time::Clock;
use crate::base::time::Timestamp;
use crate::cache::answer::Answer;
use crate::cache::answer::Ending;
use crate::cache::collapse::Forwards;
use crate::cache::collapse::Waiters;
use crate::cache::errand::Errand;
use crate::cache::errand::Landed;
use crate::cache::landing::Ground;
use crate::cache::long::LongAnswers;
use crate::fields::cache_status::CacheStatus;
use crate::fields::cache_status::ForwardReason;
use crate::policy::inquiry::Inquiry;
use crate::policy::key::Key;
use crate::policy::key::KeySecret;
use crate::policy::order::Turn;
use crate::policy::reuse;
use crate::policy::reuse::Plan;
use crate::policy::rules::Rules;
use crate::store::memory::Store;
use crate::upstream::attempt;
use crate::upstream::failure::Failure;
use crate::upstream::queue::Places;
use crate::upstream::request::Base;
use crate::upstream::sender::Sender;
use http::HeaderMap;
use http::uri::PathAndQuery;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;
use tracing::error;
use tracing::warn;

/// The cache: what is remembered, whom to ask, and the forwards under way.
pub struct Cache {
    /// What is remembered.
    pub store: Store,
    /// Whom to ask.
    pub sender: Arc<dyn Sender>,
    /// Where they are.
    pub base: Base,
    /// Under which keys are made.
    pub keys: KeySecret,
    /// How many forwards may be under way.
    pub places: Places,
    /// What time it is.
    pub clock: Clock,
    /// For the jitter of lifetimes.
    pub draw: Draw,
    /// The forwards that may be joined. A mark is part of what they are joined by, so nobody who
    /// asks after it joins a forward begun before.
    pub forwards: Forwards<(Key, Turn), Landed>,
    /// The keys that are not collapsed for now.
    pub long: LongAnswers,
}

/// An answer now or later. Hits are `Now`: they wait for nothing and cost no task.
#[expect(
    clippy::large_enum_variant,
    reason = "a box for each hit would cost more than moving the larger variant"
)]
pub enum Step {
    /// From the store.
    Now(Answer),
    /// After a forward.
    Later(Pin<Box<dyn Future<Output = Ending> + Send>>),
}

/// Whether a forward may be shared with others who ask the same.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Sharing {
    Shared,
    Alone,
}

impl Cache {
    /// Answers a read.
    pub fn answer(
        self: &Arc<Self>,
        rules: &Arc<Rules>,
        inquiry: &Inquiry<'_>,
        target: &PathAndQuery,
        fields: &HeaderMap,
        now: Timestamp,
    ) -> Step {
        let tags = || (inquiry.credential.tag(), self.keys.ticket(inquiry.id));
        let found = self.store.look_up(&inquiry.key, tags, now);
        let plan = reuse::plan(inquiry.directives, found.facts(), found.mark, now);
        let (reason, sharing) = match (plan, found.stored) {
            (Plan::Reuse, Some(stored)) => return Step::Now(Answer::from_store(&stored, now)),
            (Plan::Reuse, None) => (ForwardReason::UriMiss, Sharing::Shared),
            (Plan::Forward(reason), _) => (reason, Sharing::Shared),
            (Plan::ForwardAlone(reason), _) => (reason, Sharing::Alone),
        };
        let Some(uri) = self.base.uri(target) else {
            let how = CacheStatus::forwarded(reason, None);
            let failed = Ending::Failed { failure: Failure::Malformed, how, unread: false };
            return Step::Later(Box::pin(async move { failed }));
        };
        let ticket = self.keys.ticket(inquiry.id);
        let errand = Arc::new(Errand::new(rules, inquiry, ticket, uri, fields));
        Step::Later(Box::pin(Arc::clone(self).fetch(errand, reason, sharing)))
    }

    async fn fetch(
        self: Arc<Self>,
        errand: Arc<Errand>,
        reason: ForwardReason,
        sharing: Sharing,
    ) -> Ending {
        // Every step of a forward has its own deadline; this one is for what none of them foresaw.
        let deadlines = &errand.rules.deadlines;
        let patience = deadlines.place.saturating_add(deadlines.total).saturating_add(MARGIN);
        let waited = timeout(patience.saturating_mul(2), self.join(&errand, sharing)).await;
        let (landed, collapsed) = waited.unwrap_or((Landed::Failed(Failure::TotalTimeout), false));
        let failed = CacheStatus { collapsed, ..CacheStatus::forwarded(reason, None) };
        match landed {
            Landed::Found(stored) => {
                Ending::Answered(Box::new(Answer::from_store(&stored, self.clock.now())))
            }
            Landed::Answer(fetched) => {
                Ending::Answered(Box::new(fetched.answer(reason, collapsed)))
            }
            Landed::Long(handoff) => handoff.take(reason),
            Landed::Failed(failure) => Ending::Failed { failure, how: failed, unread: false },
        }
    }

    /// Waits for the outcome of a forward, and whether it was another asker's. Two things send an
    /// asker round once more: a forward that ended without an outcome is begun again, once; an
    /// answer that is its first asker's only is asked for anew by each of the others.
    async fn join(self: &Arc<Self>, errand: &Arc<Errand>, mut sharing: Sharing) -> (Landed, bool) {
        let mut ended_without = 0;
        loop {
            let now = self.clock.now();
            let forward = |waiters| Arc::clone(self).forward(Arc::clone(errand), sharing, waiters);
            let joined = if sharing == Sharing::Alone || self.long.holds(&errand.key, now) {
                self.forwards.alone(forward).await
            } else {
                let mark = self.store.mark_over(errand.credential, errand.ticket, now);
                self.forwards.join((errand.key, mark), forward).await
            };
            match joined.outcome {
                None if ended_without > 0 => {
                    return (Landed::Failed(Failure::Dropped), joined.collapsed);
                }
                None => {
                    error!("a forward ended without an outcome");
                    ended_without += 1;
                }
                Some(landed) if joined.collapsed && !landed.is_for_everyone() => {
                    sharing = Sharing::Alone;
                }
                Some(landed) => return (landed, joined.collapsed),
            }
        }
    }

    /// The forward itself, as a task of its own.
    async fn forward(
        self: Arc<Self>,
        errand: Arc<Errand>,
        sharing: Sharing,
        mut waiters: Waiters<(Key, Turn), Landed>,
    ) {
        let patience = errand.rules.deadlines.place;
        // Still queued, it ends with its last waiter; once sent, it runs on and is stored.
        let place = tokio::select! {
            place = self.places.take(patience) => place,
            () = waiters.all_left() => return,
        };
        let landed = match place {
            Ok(_place) => self.ask(&errand, sharing).await,
            Err(full) => Landed::Failed(full),
        };
        waiters.announce(landed);
    }

    async fn ask(&self, errand: &Errand, sharing: Sharing) -> Landed {
        if sharing == Sharing::Shared
            && let Some(found) = self.look_again(errand)
        {
            return found;
        }
        let turn = self.store.begin();
        let rules = &errand.rules;
        let (request, read_whole) = (&errand.request, rules.max_stored_body);
        let asked = attempt::ask(&*self.sender, request, read_whole, &rules.deadlines, &self.clock);
        match asked.await {
            Ok(heard) => {
                let ground = Ground { store: &self.store, long: &self.long, draw: &self.draw };
                ground.land(errand, turn, heard)
            }
            Err(lost) => {
                warn!(
                    failure = lost.failure.as_str(),
                    cause = lost.cause,
                    "a read failed upstream"
                );
                Landed::Failed(lost.failure)
            }
        }
    }

    /// Between an asker's look-up and its place on the list of forwards, the forward before it may
    /// have landed and left the list.
    fn look_again(&self, errand: &Errand) -> Option<Landed> {
        let now = self.clock.now();
        let found = self.store.look_up(&errand.key, || (errand.credential, errand.ticket), now);
        let plan = reuse::plan(errand.directives, found.facts(), found.mark, now);
        found.stored.filter(|_| plan == Plan::Reuse).map(Landed::Found)
    }
}

/// What the steps of a forward may take beside their deadlines.
const MARGIN: Duration = Duration::from_secs(5);
