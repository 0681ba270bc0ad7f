//! Forwards: one for all who ask the same, sent as a task of its own, and what each of those who
//! waited makes of its outcome.

use crate::cache::answer::Answer;
use crate::cache::answer::Ending;
use crate::cache::collapse::Boarding;
use crate::cache::collapse::Stage;
use crate::cache::collapse::Waiter;
use crate::cache::collapse::Waiters;
use crate::cache::errand::Audience;
use crate::cache::errand::Errand;
use crate::cache::errand::Landed;
use crate::cache::errand::Probed;
use crate::cache::errand::Share;
use crate::cache::state::Cache;
use crate::cache::state::Lane;
use crate::cache::trip;
use crate::cache::trip::Course;
use crate::cache::trip::Shortfall;
use crate::cache::trip::Trip;
use crate::fields::cache_status::CacheStatus;
use crate::fields::cache_status::ForwardReason;
use crate::fields::validation;
use crate::policy::breaker::Change;
use crate::policy::class::Class;
use crate::policy::key::Key;
use crate::policy::retry;
use crate::policy::retry::Again;
use crate::policy::reuse;
use crate::policy::reuse::Besides;
use crate::policy::reuse::Plan;
use crate::policy::rules::Deadlines;
use crate::policy::wish::Wish;
use crate::store::response::StoredResponse;
use crate::upstream::attempt;
use crate::upstream::attempt::Heard;
use crate::upstream::attempt::Lost;
use crate::upstream::attempt::Question;
use crate::upstream::failure::Failure;
use crate::upstream::fuse::Crossing;
use crate::upstream::queue::Asked;
use crate::upstream::queue::Place;
use http::HeaderName;
use http::HeaderValue;
use http::StatusCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::sleep;
use tokio::time::timeout;
use tracing::error;
use tracing::info;
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
    /// How it waits for its turn.
    pub(crate) wish: Wish,
}

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
        self.forwards.begin(lane, move |waiters| cache.forward(errand, way, waiters));
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
            let waited = self.sit_out(waiter, &way.wish, patience, &mut relay).await;
            queued = queued.saturating_add(waited.queued);
            let Some(landed) = waited.outcome else {
                error!("a forward ended without an outcome");
                ended_without += 1;
                if ended_without > 1 {
                    return (Failure::Dropped.into(), queued);
                }
                continue;
            };
            if way.wish.of_a_job
                && let Some(pause) = comes_back_after(&landed)
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
        let forward = move |waiters| cache.forward(sent, way, waiters);
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

    /// The forward itself, as a task of its own: as many tries as it takes and may have. In line, it
    /// ends with its last waiter; once sent, it runs on and is stored.
    async fn forward(
        self: Arc<Self>,
        errand: Arc<Errand>,
        way: Way,
        mut waiters: Waiters<Lane, Landed>,
    ) {
        let mut course = Course::new(errand.rules.deadlines.total);
        let landed = loop {
            if let Err(failure) = self.refuse_if_open(&errand) {
                break Landed::Failed(failure);
            }
            let place = match self.turn(&errand, way.wish, &mut course, &mut waiters).await {
                Some(Ok(place)) => place,
                Some(Err(failure)) => break Landed::Failed(failure),
                None => return,
            };
            waiters.sent();
            course.ticket = Some(place.ticket());
            let landed = self.travel(&errand, way.sharing, place, &mut course).await;
            match self.after(&errand, way.wish, &landed, &mut course) {
                Next::Land => break landed,
                Next::BackInLine => course.so_far = Some(landed),
                Next::Again(pause) => sleep(pause).await,
            }
        };
        waiters.announce(landed);
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

    /// Asks the upstream for nobody who waits, to find out whether it is back.
    async fn scout(&self, errand: &Errand, crossing: Crossing) {
        let patience = errand.rules.deadlines.turn;
        let place = match self.queue.ask(errand.credential, Class::Background, None) {
            Asked::Has(place) => place,
            Asked::Waits(mut waiting) => match timeout(patience, waiting.called()).await {
                Ok(Some(place)) => place,
                Ok(None) | Err(_) => return,
            },
            Asked::Full => return,
        };
        let left = errand.rules.deadlines.total.min(SCOUTING);
        let mut trip = Trip { place, crossing, health: None, left };
        // What it means is heeded, and stored if it may be; nobody is there to be told.
        let _heeded = self.ask(errand, Sharing::Anew, &mut trip).await;
        self.arrive(errand, trip);
    }

    /// Waits for a turn. `None` if everybody has left meanwhile.
    async fn turn(
        &self,
        errand: &Errand,
        wish: Wish,
        course: &mut Course,
        waiters: &mut Waiters<Lane, Landed>,
    ) -> Option<Result<Place, Failure>> {
        let mut waiting = match self.queue.ask(errand.credential, wish.class, course.ticket) {
            Asked::Has(place) => return Some(Ok(place)),
            Asked::Full => return Some(Err(Failure::Full)),
            Asked::Waits(waiting) => waiting,
        };
        waiters.queued(waiting.ticket(), course.so_far.clone());
        let left = wish.left(self.clock.now()).unwrap_or_default();
        let mut of_nobody = wish.class == Class::Background;
        loop {
            tokio::select! {
                place = waiting.called() => {
                    waiters.called();
                    return Some(place.ok_or(Failure::Dropped));
                }
                () = waiters.all_left() => return None,
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
        let mut trip = Trip { place, crossing, health: None, left: course.left };
        let landed = self.ask(errand, sharing, &mut trip).await;
        course.tries = course.tries.saturating_add(trip.place.resent());
        self.arrive(errand, trip);
        course.left = course.left.saturating_sub(self.clock.now().since(began));
        landed
    }

    /// Has the upstream's health heeded; the place is given back.
    fn arrive(&self, errand: &Errand, trip: Trip) {
        let Trip { place, crossing, health, .. } = trip;
        drop(place);
        let Some(health) = health else { return };
        let (terms, now) = (errand.rules.breaker, self.clock.now());
        let change = crossing.heard(health, errand.key, terms, self.draw.fraction(), now);
        match change {
            Some(Change::Opened { penalty }) => {
                let penalty_ms = u64::try_from(penalty.as_millis()).unwrap_or(u64::MAX);
                warn!(penalty_ms, "the upstream fails and is left alone for a while");
            }
            Some(Change::Closed) => info!("the upstream is back"),
            None => {}
        }
    }

    /// What becomes of a forward after a try.
    fn after(&self, errand: &Errand, wish: Wish, landed: &Landed, course: &mut Course) -> Next {
        let now = self.clock.now();
        let shortfall = trip::shortfall(landed);
        if !errand.retry || errand.request.is_head() || matches!(shortfall, Shortfall::None) {
            return Next::Land;
        }
        // Who is given something stored need not wait for better.
        if self.has_stand_in(errand, now) {
            return Next::Land;
        }
        match shortfall {
            Shortfall::None => Next::Land,
            Shortfall::Limited => {
                let paced = self.queue.rate(errand.credential).is_some();
                let waited_for = wish.class != Class::Background;
                let goes = paced && waited_for && course.goes_back();
                if goes { Next::BackInLine } else { Next::Land }
            }
            Shortfall::Trouble(trouble) => {
                course.tries += 1;
                if self.fuse.is_open(now) {
                    return Next::Land;
                }
                let (retries, chance) = (errand.rules.retries, self.draw.fraction());
                let mut allowance = self.fuse.allowance();
                let tries = course.tries;
                match retry::again(trouble, tries, retries, course.left, &mut allowance, chance) {
                    Again::After(pause) => {
                        course.left = course.left.saturating_sub(pause);
                        Next::Again(pause)
                    }
                    Again::No(_) => Next::Land,
                }
            }
        }
    }

    async fn ask(&self, errand: &Errand, sharing: Sharing, trip: &mut Trip) -> Landed {
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
            && let Some(landed) = self.validate(errand, base, trip).await
        {
            return landed;
        }
        let turn = self.store.begin();
        match self.send(errand, &[], trip).await {
            Ok(heard) => self.land(errand, turn, heard),
            Err(lost) => failed(&lost),
        }
    }

    /// RFC 9111 section 4.3: asks whether what is stored is still current. `None` if that cannot be
    /// asked, or the answer speaks of something else.
    async fn validate(
        &self,
        errand: &Errand,
        base: &StoredResponse,
        trip: &mut Trip,
    ) -> Option<Landed> {
        let conditions = validation::conditions(&base.fields(0), base.own_tag);
        if conditions.is_empty() {
            return None;
        }
        let turn = self.store.begin();
        match self.send(errand, &conditions, trip).await {
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
        trip: &mut Trip,
    ) -> Result<Heard, Lost> {
        if trip.health.is_some() {
            // The second question of a try.
            trip.place.charge();
        }
        let question = Question {
            request: &errand.request,
            conditions,
            retry: errand.retry,
            read_whole: errand.rules.max_stored_body,
            deadlines: &errand.rules.deadlines,
            left: trip.left,
            place: &trip.place,
        };
        let outcome = attempt::ask(&*self.sender, &question, &self.clock).await;
        trip.note(&outcome, self.clock.moment());
        outcome
    }
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

/// When a job comes back for what could not be asked.
fn comes_back_after(landed: &Landed) -> Option<Duration> {
    match landed {
        Landed::Failed(Failure::Open(pause)) => Some(*pause),
        Landed::Failed(Failure::Full) => Some(Duration::from_secs(1)),
        _ => None,
    }
}

fn failed(lost: &Lost) -> Landed {
    warn!(failure = lost.failure.as_str(), cause = lost.cause, "a read failed upstream");
    Landed::Failed(lost.failure)
}

/// Every step of a try has its own deadline; this one is for what none of them foresaw. A try may be
/// two questions, the second without conditions, and there may be several.
pub(crate) fn patience(deadlines: &Deadlines) -> Duration {
    deadlines.total.saturating_mul(2).saturating_add(MARGIN).saturating_mul(2)
}

/// How long a scout is waited for: meanwhile no other can be sent.
const SCOUTING: Duration = Duration::from_secs(5);

/// What the steps of a forward may take beside their deadlines.
const MARGIN: Duration = Duration::from_secs(5);
