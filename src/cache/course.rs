//! The forward itself, a task of its own: in line, upstream, perhaps again.

use crate::api::route::Kind;
use crate::cache::collapse::Waiters;
use crate::cache::errand::Errand;
use crate::cache::errand::Landed;
use crate::cache::state::Cache;
use crate::cache::state::Lane;
use crate::cache::trip;
use crate::cache::trip::Course;
use crate::cache::trip::Shortfall;
use crate::cache::trip::Trip;
use crate::cache::way::Sharing;
use crate::policy::breaker::Change;
use crate::policy::class::Class;
use crate::policy::privacy::Privacy;
use crate::policy::retry;
use crate::policy::retry::Again;
use crate::policy::reuse;
use crate::policy::wish::Wish;
use crate::upstream::failure::Failure;
use crate::upstream::fuse::Crossing;
use crate::upstream::queue::Asked;
use crate::upstream::queue::Place;
use std::pin::pin;
use std::sync::Arc;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::futures::Notified;
use tokio::time::sleep;
use tracing::info;
use tracing::warn;

impl Cache {
    /// The forward itself, as a task of its own: as many tries as it takes and may have. In line, it
    /// ends with its last waiter; once sent, it runs on and is stored.
    pub(crate) async fn forward(
        self: Arc<Self>,
        errand: Arc<Errand>,
        sharing: Sharing,
        wish: Wish,
        mut waiters: Waiters<Lane, Landed>,
    ) {
        let mut course = Course::new(errand.rules.deadlines.total);
        self.watch_for_churn(&errand);
        let landed = loop {
            let opened = self.fuse.opened();
            if let Err(failure) = self.refuse_if_open(&errand) {
                break Landed::Failed(failure);
            }
            let came = self.clock.now();
            let turn = self.turn(&errand, wish, &mut course, &mut waiters, opened).await;
            let place = match turn {
                Turn::Has(place) => {
                    self.metrics.queued.note(self.clock.now().since(came));
                    place
                }
                Turn::Refused(failure) => break Landed::Failed(failure),
                Turn::InVain => continue,
                Turn::Left => return,
            };
            waiters.sent();
            course.ticket = Some(place.ticket());
            let landed = self.travel(&errand, sharing, place, &mut course).await;
            let of_others = wish.class == Class::Background && waiters.are_several();
            match self.after(&errand, of_others, &landed, &mut course) {
                Next::Land => break landed,
                Next::BackInLine => course.so_far = Some((landed, self.clock.now())),
                Next::Again(pause) => {
                    // Should it have to stand in line after all: not everybody waits for better.
                    course.so_far = Some((landed, self.clock.now()));
                    let began = self.clock.now();
                    sleep(pause).await;
                    course.left = course.left.saturating_sub(self.clock.now().since(began));
                }
            }
        };
        waiters.announce(landed);
    }

    fn watch_for_churn(&self, errand: &Errand) {
        let of_somebody = errand.kind == Kind::Ticket && errand.privacy == Privacy::Private;
        let mut churn = self.churn.lock().unwrap_or_else(PoisonError::into_inner);
        let hit = self.hit.swap(false, Ordering::Relaxed);
        if of_somebody && churn.note(errand.credential, errand.thing, hit) {
            warn!(
                "nearly every read comes with an Authorization not seen before, so nothing can be \
                 answered from memory: let the application keep its token instead of making a new \
                 one for each call"
            );
        }
    }

    /// An upstream that is left alone is asked nothing for a client, but now and then in the
    /// background whether it is back.
    fn refuse_if_open(self: &Arc<Self>, errand: &Arc<Errand>) -> Result<(), Failure> {
        let now = self.clock.now();
        if !self.fuse.is_open(now) {
            return Ok(());
        }
        let Err(open) = self.fuse.cross(now) else { return Ok(()) };
        if let Some(crossing) = open.scout {
            let (cache, errand) = (Arc::clone(self), Arc::clone(errand));
            tokio::spawn(async move { cache.scout(&errand, crossing).await });
        }
        Err(Failure::Open(open.retry_in))
    }

    /// Asks the upstream for nobody who waits, to find out whether it is back; at once or not at all,
    /// for in line it would keep others from finding out.
    async fn scout(&self, errand: &Errand, crossing: Crossing) {
        let asked = self.queue.ask(errand.credential, Class::Background, None);
        let Asked::Has(place) = asked else { return };
        let left = errand.rules.deadlines.total.min(SCOUTING);
        let lane = Course::new(left).lane(errand);
        let mut trip = Trip { lane, place, crossing, health: None, left, of_nobody: true };
        // What it means is heeded, and stored if it may be; nobody is there to be told.
        let _heeded = self.ask(errand, Sharing::Anew, &mut trip).await;
        self.arrive(errand, trip);
    }

    /// Waits for a turn, unless the breaker opens meanwhile.
    async fn turn(
        &self,
        errand: &Errand,
        wish: Wish,
        course: &mut Course,
        waiters: &mut Waiters<Lane, Landed>,
        opened: Notified<'_>,
    ) -> Turn {
        let mut waiting = match self.queue.ask(errand.credential, wish.class, course.ticket) {
            Asked::Has(place) => {
                waiters.called();
                return Turn::Has(place);
            }
            Asked::Full => return Turn::Refused(Failure::Full),
            Asked::Waits(waiting) => waiting,
        };
        course.ticket = Some(waiting.ticket());
        waiters.queued(waiting.ticket(), course.so_far.clone());
        let left = wish.left(self.clock.now()).unwrap_or_default();
        let mut of_nobody = wish.class == Class::Background;
        let mut opened = pin!(opened);
        loop {
            tokio::select! {
                place = waiting.called() => {
                    waiters.called();
                    return place.map_or(Turn::Refused(Failure::Dropped), Turn::Has);
                }
                () = waiters.all_left() => return Turn::Left,
                () = opened.as_mut() => return Turn::InVain,
                () = sleep(left), if of_nobody => {
                    of_nobody = false;
                    waiters.for_somebody_only();
                }
            }
        }
    }

    /// One try.
    async fn travel(
        &self,
        errand: &Errand,
        sharing: Sharing,
        place: Place,
        course: &mut Course,
    ) -> Landed {
        let began = self.clock.now();
        let crossing = match self.fuse.cross(began) {
            Ok(crossing) => crossing,
            Err(open) => return Landed::Failed(Failure::Open(open.retry_in)),
        };
        if course.tries == 0 && course.limited == 0 {
            self.fuse.allowance().deposit();
        }
        let (lane, left) = (course.lane(errand), course.left);
        let mut trip = Trip { lane, place, crossing, health: None, left, of_nobody: false };
        let landed = self.ask(errand, sharing, &mut trip).await;
        course.tries = course.tries.saturating_add(trip.place.resent());
        self.arrive(errand, trip);
        let took = self.clock.now().since(began);
        self.metrics.forward.note(took);
        course.left = course.left.saturating_sub(took);
        landed
    }

    /// Has the upstream's health heeded; the place is given back.
    fn arrive(&self, errand: &Errand, trip: Trip) {
        let Trip { place, crossing, health, .. } = trip;
        drop(place);
        let Some(health) = health else { return };
        let (terms, now) = (errand.rules.breaker, self.clock.now());
        let change = crossing.heard(health, errand.thing, terms, self.draw.fraction(), now);
        match change {
            Some(Change::Opened { penalty }) => {
                self.metrics.breaker.add("opened");
                let penalty_ms = u64::try_from(penalty.as_millis()).unwrap_or(u64::MAX);
                warn!(penalty_ms, "the upstream fails and is left alone for a while");
            }
            Some(Change::Closed) => {
                self.metrics.breaker.add("closed");
                info!("the upstream is back");
            }
            None => {}
        }
    }

    /// Whether what is stored could be given to the asker in the place of a failure.
    pub(crate) fn could_stand_in(&self, errand: &Errand) -> bool {
        let now = self.clock.now();
        let seen = self.look_again(errand, now);
        let stand_in = |sight| reuse::stand_in(&errand.directives, sight, now);
        seen.sight().and_then(stand_in).is_some()
    }

    /// What becomes of a forward after a try. `of_others`: it was begun in the background, and somebody
    /// has come to wait for it.
    fn after(
        &self,
        errand: &Errand,
        of_others: bool,
        landed: &Landed,
        course: &mut Course,
    ) -> Next {
        let shortfall = trip::shortfall(landed);
        if !errand.retry || errand.request.is_head() || matches!(shortfall, Shortfall::None) {
            return Next::Land;
        }
        // Who is given something stored need not wait for better. Others may want better.
        if !of_others && self.could_stand_in(errand) {
            return Next::Land;
        }
        match shortfall {
            Shortfall::None => Next::Land,
            Shortfall::Limited => {
                let paced = self.queue.rate(errand.credential);
                info!(
                    requests_per_second = paced,
                    "the upstream has called a request one too many"
                );
                let paced = paced.is_some();
                if paced && course.goes_back() { Next::BackInLine } else { Next::Land }
            }
            Shortfall::Trouble(trouble) => {
                course.tries += 1;
                if self.fuse.is_open(self.clock.now()) {
                    return Next::Land;
                }
                let (retries, chance) = (errand.rules.retries, self.draw.fraction());
                let mut allowance = self.fuse.allowance();
                let tries = course.tries;
                match retry::again(trouble, tries, retries, course.left, &mut allowance, chance) {
                    Again::After(pause) => Next::Again(pause),
                    Again::No(_) => Next::Land,
                }
            }
        }
    }
}

/// What came of waiting for a turn.
enum Turn {
    /// It has come.
    Has(Place),
    /// It will not come.
    Refused(Failure),
    /// The upstream is being left alone: when it came, it would be refused.
    InVain,
    /// Nobody waits any more.
    Left,
}

/// What becomes of a forward after a try.
enum Next {
    /// It has its outcome.
    Land,
    /// It waits for another turn, the upstream having called it one too many.
    BackInLine,
    /// It is tried again after a pause.
    Again(Duration),
}

/// How long a scout is waited for: meanwhile no other can be sent.
const SCOUTING: Duration = Duration::from_secs(5);
