//! How fast the upstream may be asked: for one credential, or for all of them together.
//!
//! Three things say when the next request may go, and the latest of them counts: the rate, given by
//! the settings or learnt from refusals, a pause that the upstream asked for, and a quota that it
//! told. A request that is let through carries [`Spent`] until its answer is heard.

use crate::base::time::Timestamp;
use crate::fields::quota::Quota;
use crate::policy::bucket::Bucket;
use crate::policy::pace::Lately;
use crate::policy::pace::Pace;
use std::time::Duration;

/// The longest that an upstream may have us pause.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);
/// What is not used for so long is forgotten: the limits may be others by then.
const MEMORY: Duration = Duration::from_mins(10);
/// How long what was accepted without a pace still counts.
const RECENT: Duration = Duration::from_secs(10);
/// The longest that an answer is taken to have been on its way.
const LONGEST_ANSWER: Duration = Duration::from_secs(2);
/// How late a timer may be without making the learnt pace slower.
const LATENESS: Duration = Duration::from_millis(5);

/// The rate of the settings.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rate {
    /// Unpaced until the first 429, then at the pace learnt from what is accepted.
    Learn,
    /// Never paced: neither pause nor quota is obeyed.
    Off,
    /// Requests a second. Refused all the same, it gives way like a learnt one and grows back.
    PerSecond(f64),
}

/// What the settings say about a budget.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Terms {
    /// How fast requests may go.
    pub rate: Rate,
    /// How many may go at once after a rest, where the rate is given.
    pub burst: u32,
}

/// What a request that was let through carries until its answer is heard.
#[derive(Clone, Copy, Debug)]
pub struct Spent {
    /// How many went until it did, itself among them.
    turn: u64,
    at: Timestamp,
    /// The pace at which it went, in requests a second; `None` for unpaced.
    rate: Option<f64>,
    /// Whether it had to wait for the budget.
    waited: bool,
}

/// What an answer says about the rate.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Told {
    /// It was within the limit.
    Accepted,
    /// A 5xx, or no answer: nothing.
    Troubled,
    /// A 429: it was beyond the limit.
    Limited,
}

/// What was heard of a request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hearing {
    /// What the answer says about the rate.
    pub told: Told,
    /// `Retry-After` of a 429 or a 503, and of no other.
    pub retry_after: Option<Duration>,
    /// What the upstream says is left of a quota.
    pub quota: Option<Quota>,
}

/// How fast the upstream may be asked, and what it has said about that.
#[derive(Clone, Debug)]
pub struct Budget {
    terms: Terms,
    /// `None`: unpaced.
    paced: Option<Paced>,
    /// What was accepted while unpaced.
    lately: Lately,
    /// Nothing goes before.
    pause: Timestamp,
    ration: Ration,
    cut: Cut,
    /// How many have gone.
    turns: u64,
    /// Gone and not yet heard of.
    under_way: u64,
    last_used: Timestamp,
}

#[derive(Clone, Debug)]
struct Paced {
    pace: Pace,
    bucket: Bucket,
    /// Beside a learnt pace: that of the rate of the settings, which is never exceeded. The learnt
    /// one makes up for late timers, and could.
    given: Option<Bucket>,
}

/// When the pace was last cut. What was sent earlier is no reason for another cut.
#[derive(Clone, Copy, Debug, Default)]
struct Cut {
    /// How many had gone.
    turns: u64,
    /// Until then requests that go may still overtake those.
    settled_at: Timestamp,
}

/// What may still go of a quota.
#[derive(Clone, Copy, Debug, Default)]
struct Ration {
    left: u64,
    /// When the quota is whole again.
    until: Timestamp,
    /// The turn of the request whose answer told it.
    turn: u64,
}

impl Budget {
    /// Of which nothing is spent.
    pub fn new(terms: Terms, now: Timestamp) -> Self {
        Self {
            terms,
            paced: Paced::given(terms, now),
            lately: Lately::default(),
            pause: Timestamp::default(),
            ration: Ration::default(),
            cut: Cut::default(),
            turns: 0,
            under_way: 0,
            last_used: now,
        }
    }

    /// Goes by other terms from now on. A pace that was learnt stays while the rate is the same; what
    /// the upstream has said of a pause or a quota stays unless nothing is paced any more. What has
    /// gone at a given rate counts at the new one: no reload is worth a burst.
    pub fn go_by(&mut self, terms: Terms, now: Timestamp) {
        if terms == self.terms {
            return;
        }
        let mut given = self.paced.as_mut().and_then(Paced::given_mut);
        if let (Some(bucket), Rate::PerSecond(rate)) = (&mut given, terms.rate) {
            bucket.refit(rate, terms.burst, now);
        }
        if terms.rate != self.terms.rate {
            let before = given.cloned();
            self.paced = Paced::given(terms, now);
            if let Some((paced, before)) = self.paced.as_mut().zip(before) {
                paced.bucket = before;
            }
            self.cut = Cut { turns: self.turns, settled_at: now };
        }
        if terms.rate == Rate::Off {
            (self.pause, self.ration) = (Timestamp::default(), Ration::default());
        }
        self.terms = terms;
    }

    /// When the request with `ahead` others before it may go: now if that is not after `now`.
    ///
    /// It is exact as long as the rate stays and each goes as soon as it may.
    pub fn ready_at(&self, ahead: u64, now: Timestamp) -> Timestamp {
        let forgotten_at = self.last_used.after(MEMORY);
        if self.is_learnt() && self.ready(self.paced.as_ref(), 0, now) >= forgotten_at {
            // So much is owed that the pace is forgotten before anything goes at it.
            return self.ready(self.unlearnt().as_ref(), ahead, now.max(forgotten_at));
        }
        self.ready(self.paced.as_ref(), ahead, now)
    }

    /// The same, should it stay paced like this.
    fn ready(&self, paced: Option<&Paced>, ahead: u64, now: Timestamp) -> Timestamp {
        let from = now.max(self.pause);
        let ready = |ahead, from| match paced {
            Some(paced) => paced.ready_from(ahead, from),
            None => from,
        };
        let Ration { left, until, .. } = self.ration;
        if until <= from || ahead < left {
            return ready(ahead, from);
        }
        // Those within the quota may go before it is whole again, as fast as they are paced.
        ready(ahead, from).max(ready(ahead - left, until))
    }

    /// One is let through. `waited`: it would have gone before, but for this budget.
    pub fn spend(&mut self, waited: bool, now: Timestamp) -> Spent {
        if self.is_outdated(now) {
            self.paced = self.unlearnt();
            self.cut = Cut { turns: self.turns, settled_at: now };
        }
        let rate = self.rate();
        self.charge(now);
        self.under_way += 1;
        Spent { turn: self.turns, at: now, rate, waited }
    }

    /// One more was sent without asking: those who come after it pay.
    pub fn charge(&mut self, now: Timestamp) {
        if let Some(paced) = &mut self.paced {
            paced.take(now);
        }
        self.ration.left = self.ration.left.saturating_sub(1);
        self.turns += 1;
        self.last_used = now;
    }

    /// What was heard of one that was let through.
    pub fn heard(&mut self, spent: Spent, hearing: &Hearing, now: Timestamp) {
        self.under_way = self.under_way.saturating_sub(1);
        self.last_used = now;
        if self.terms.rate == Rate::Off {
            return;
        }
        if let Some(pause) = hearing.retry_after {
            self.pause = self.pause.max(now.after(pause.min(LONGEST_PAUSE)));
        }
        if let Some(quota) = hearing.quota {
            self.ration_out(spent, quota, now);
        }
        match hearing.told {
            Told::Accepted => self.learn(spent, true, now),
            Told::Limited => self.learn(spent, false, now),
            Told::Troubled => {}
        }
    }

    /// It was never sent, or nothing will be heard of it.
    pub fn lost(&mut self, _: Spent) {
        self.under_way = self.under_way.saturating_sub(1);
    }

    /// Requests a second at which it paces now; `None` for unpaced.
    pub fn rate(&self) -> Option<f64> {
        self.paced.as_ref().map(|paced| paced.pace.rate())
    }

    /// Whether a new budget would do as well.
    pub fn can_be_forgotten(&self, now: Timestamp) -> bool {
        let is_owed = self.paced.as_ref().is_some_and(|paced| !paced.bucket.is_full(now));
        let is_held = now < self.pause || now < self.ration.until;
        let is_known = match self.terms.rate {
            Rate::Learn if self.paced.is_none() => now.since(self.last_used) < RECENT,
            _ => self.is_learnt() && !self.is_outdated(now),
        };
        self.under_way == 0 && !is_owed && !is_held && !is_known
    }

    /// When something was last sent or heard.
    pub fn last_used(&self) -> Timestamp {
        self.last_used
    }

    fn learn(&mut self, spent: Spent, accepted: bool, now: Timestamp) {
        let is_early = spent.turn <= self.cut.turns || spent.at < self.cut.settled_at;
        match self.paced.as_mut().zip(spent.rate) {
            Some((paced, sent_at)) if is_early => paced.pace.overhear(sent_at, accepted),
            Some((paced, sent_at)) if accepted => paced.accept(sent_at, spent.waited, now),
            None if accepted => self.lately.count(now),
            None if is_early || self.terms.rate != Rate::Learn => {}
            Some((paced, sent_at)) => {
                paced.refuse(sent_at, now);
                self.cut = Cut::at(spent, self.turns, now);
            }
            None => {
                self.paced = Some(Paced::at(Pace::found(self.lately.rate(now)), now));
                self.cut = Cut::at(spent, self.turns, now);
            }
        }
    }

    /// Of two answers the one to the later request counts, whichever comes first. Those under way
    /// may not be counted in it yet.
    fn ration_out(&mut self, spent: Spent, quota: Quota, now: Timestamp) {
        if spent.turn > self.ration.turn {
            let left = quota.remaining.saturating_sub(self.under_way);
            let until = now.after(quota.resets_in.min(LONGEST_PAUSE));
            self.ration = Ration { left, until, turn: spent.turn };
        }
    }

    /// As it is paced without what was learnt: at the rate of the settings, on which what has gone
    /// counts.
    fn unlearnt(&self) -> Option<Paced> {
        let Rate::PerSecond(rate) = self.terms.rate else { return None };
        let bucket = self.paced.as_ref()?.given.clone()?;
        Some(Paced { pace: Pace::given(rate), bucket, given: None })
    }

    fn is_learnt(&self) -> bool {
        self.paced.as_ref().is_some_and(|paced| paced.pace.is_learnt())
    }

    /// Whether the pace was learnt too long ago.
    fn is_outdated(&self, now: Timestamp) -> bool {
        self.is_learnt() && now.since(self.last_used) >= MEMORY
    }
}

impl Cut {
    /// For a refusal that is heard now. Half the time that took, its request was on its way.
    fn at(refused: Spent, turns: u64, now: Timestamp) -> Self {
        let took = now.since(refused.at).min(LONGEST_ANSWER);
        Self { turns, settled_at: now.after(took / 2) }
    }
}

impl Paced {
    /// What the settings say.
    fn given(terms: Terms, now: Timestamp) -> Option<Self> {
        let Rate::PerSecond(rate) = terms.rate else {
            return None;
        };
        let bucket = Bucket::new(rate, terms.burst, now);
        Some(Self { pace: Pace::given(rate), bucket, given: None })
    }

    /// The bucket of the rate of the settings, if they give one.
    fn given_mut(&mut self) -> Option<&mut Bucket> {
        if self.pace.is_learnt() { self.given.as_mut() } else { Some(&mut self.bucket) }
    }

    /// After a refusal: nothing is left of the upstream's burst.
    fn at(pace: Pace, now: Timestamp) -> Self {
        let bucket = Bucket::even(pace.rate(), LATENESS, now);
        Self { pace, bucket, given: None }
    }

    /// A learnt pace is no faster than the given one, so those who have to wait for the given rate
    /// first still go at the learnt one from there on: what it would have let through meanwhile is
    /// not saved up.
    fn ready_from(&self, ahead: u64, from: Timestamp) -> Timestamp {
        let Some(given) = &self.given else { return self.bucket.ready_from(ahead, from) };
        let first = given.ready_from(0, from);
        self.bucket.ready_from(ahead, first).max(given.ready_from(ahead, from))
    }

    fn take(&mut self, now: Timestamp) {
        self.bucket.take(now);
        if let Some(given) = &mut self.given {
            given.take(now);
        }
    }

    fn accept(&mut self, sent_at: f64, waited: bool, now: Timestamp) {
        self.pace.accept(sent_at, waited);
        if self.pace.is_learnt() {
            self.bucket.retune(self.pace.rate(), now);
        }
    }

    fn refuse(&mut self, sent_at: f64, now: Timestamp) {
        let is_given = !self.pace.is_learnt();
        let given = self.given.take().or_else(|| is_given.then(|| self.bucket.clone()));
        self.pace.refuse(sent_at);
        *self = Self { given, ..Self::at(self.pace.clone(), now) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    const START: Timestamp = Timestamp::from_secs(1_000);
    const ACCEPTED: Hearing = Hearing { told: Told::Accepted, retry_after: None, quota: None };
    const LIMITED: Hearing = Hearing { told: Told::Limited, ..ACCEPTED };
    const TROUBLED: Hearing = Hearing { told: Told::Troubled, ..ACCEPTED };

    fn at(millis: u64) -> Timestamp {
        START.after(Duration::from_millis(millis))
    }

    fn millis(moment: Timestamp) -> u128 {
        moment.since(START).as_millis()
    }

    fn budget(rate: Rate, burst: u32) -> Budget {
        Budget::new(Terms { rate, burst }, START)
    }

    fn pausing(hearing: Hearing, secs: u64) -> Hearing {
        Hearing { retry_after: Some(Duration::from_secs(secs)), ..hearing }
    }

    fn telling(remaining: u64, secs: u64) -> Hearing {
        let quota = Quota { remaining, resets_in: Duration::from_secs(secs) };
        Hearing { quota: Some(quota), ..ACCEPTED }
    }

    /// One goes and is heard of at once.
    fn exchange(budget: &mut Budget, hearing: Hearing, now: Timestamp) {
        let spent = budget.spend(true, now);
        budget.heard(spent, &hearing, now);
    }

    /// One that learns, and that lets one go at the start. Fifty others are accepted until 100 ms
    /// later, when the first is refused.
    fn met_its_limit() -> Budget {
        let mut budget = budget(Rate::Learn, 20);
        let first = budget.spend(false, START);
        for _ in 0..50 {
            exchange(&mut budget, ACCEPTED, at(100));
        }
        exchange(&mut budget, TROUBLED, at(100));
        assert_eq!((budget.rate(), budget.ready_at(9_999, at(100))), (None, at(100)));
        budget.heard(first, &LIMITED, at(100));
        budget
    }

    #[test]
    fn a_limit_that_is_not_known_is_no_limit_until_it_is_met() {
        let budget = met_its_limit();
        assert_eq!(budget.rate(), Some(47.5));
        let foretold = [0, 1, 9].map(|ahead| millis(budget.ready_at(ahead, at(100))));
        assert_eq!(foretold, [121, 142, 310]);
    }

    #[test]
    fn what_was_sent_soon_after_a_cut_is_no_reason_for_another() {
        for (sent_at, expected) in [(100, 47.5), (149, 47.5), (150, 23.75), (1_000, 23.75)] {
            let mut budget = met_its_limit();
            let spent = [(); 3].map(|()| budget.spend(true, at(sent_at)));
            for spent in spent {
                budget.heard(spent, &LIMITED, at(sent_at + 100));
                assert_eq!(budget.rate(), Some(expected), "sent after {sent_at} ms");
            }
        }
    }

    #[test]
    fn a_pause_is_obeyed_within_reason() {
        let learn = Rate::Learn;
        let known = Rate::PerSecond(10.0);
        // what is heard of one that went at the start, and when the next may go
        let rows = [
            (learn, pausing(TROUBLED, 5), 5_000),
            (learn, pausing(TROUBLED, 0), 0),
            (learn, pausing(TROUBLED, 1_000_000), 60_000),
            (learn, pausing(LIMITED, 5), 5_000),
            (known, pausing(LIMITED, 5), 5_000),
            (known, pausing(TROUBLED, 5), 5_000),
            (known, pausing(LIMITED, 0), 200),
            (known, LIMITED, 200),
            (known, TROUBLED, 0),
            (Rate::Off, pausing(LIMITED, 5), 0),
            (Rate::Off, telling(0, 5), 0),
        ];
        for row @ (rate, hearing, expected) in rows {
            let mut budget = budget(rate, 20);
            exchange(&mut budget, hearing, START);
            assert_eq!(millis(budget.ready_at(0, START)), expected, "{row:?}");
        }
    }

    #[test]
    fn the_longer_of_two_pauses_counts() {
        let mut budget = budget(Rate::Learn, 20);
        exchange(&mut budget, pausing(TROUBLED, 30), START);
        exchange(&mut budget, pausing(TROUBLED, 10), at(1_000));
        assert_eq!(millis(budget.ready_at(0, at(2_000))), 30_000);
    }

    #[test]
    fn no_more_go_than_are_left_of_a_quota() {
        // remaining, seconds until it is whole, how many are under way, and when the first five go
        let rows = [
            (0, 30, 0, [30_000, 30_000, 30_000, 30_000, 30_000]),
            (3, 30, 0, [0, 0, 0, 30_000, 30_000]),
            (3, 30, 2, [0, 30_000, 30_000, 30_000, 30_000]),
            (3, 30, 9, [30_000, 30_000, 30_000, 30_000, 30_000]),
            (2, 900, 0, [0, 0, 60_000, 60_000, 60_000]),
            (0, 0, 0, [0, 0, 0, 0, 0]),
            (u64::MAX, 30, 0, [0, 0, 0, 0, 0]),
        ];
        for row @ (remaining, secs, under_way, expected) in rows {
            let mut budget = budget(Rate::Learn, 20);
            let first = budget.spend(false, START);
            for _ in 0..under_way {
                let _ = budget.spend(false, START);
            }
            budget.heard(first, &telling(remaining, secs), START);
            let foretold = [0, 1, 2, 3, 4].map(|ahead| millis(budget.ready_at(ahead, START)));
            assert_eq!(foretold, expected, "{row:?}");
        }
    }

    #[test]
    fn of_two_answers_about_a_quota_the_one_to_the_later_request_counts() {
        let mut budget = budget(Rate::Learn, 20);
        let (first, second) = (budget.spend(false, START), budget.spend(false, START));
        budget.heard(second, &telling(8, 30), START);
        budget.heard(first, &telling(9, 30), START);
        assert_eq!(millis(budget.ready_at(6, START)), 0);
        assert_eq!(millis(budget.ready_at(7, START)), 30_000, "one of eight was under way");
        budget.charge(START);
        assert_eq!(millis(budget.ready_at(6, START)), 30_000);
    }

    #[test]
    fn what_is_sent_without_asking_is_paid_by_those_who_come() {
        let mut budget = budget(Rate::PerSecond(10.0), 1);
        exchange(&mut budget, ACCEPTED, START);
        budget.charge(START);
        assert_eq!(millis(budget.ready_at(0, START)), 200);
    }

    #[test]
    fn what_waits_for_the_given_rate_goes_at_the_learnt_one_from_there_on() {
        let mut budget = budget(Rate::PerSecond(0.5), 1);
        for _ in 0..20 {
            exchange(&mut budget, ACCEPTED, START);
        }
        exchange(&mut budget, LIMITED, START);
        let (first, second) = (budget.ready_at(0, START), budget.ready_at(1, START));
        assert_eq!(millis(first), 42_000, "all that went on credit is paid at the given rate");
        let _ = budget.spend(true, first);
        assert_eq!(budget.ready_at(0, first), second);
        assert_eq!(millis(second), 44_205, "at the pace that was learnt");
    }

    #[test]
    fn what_was_learnt_is_forgotten_when_nobody_comes_for_long() {
        for rate in [Rate::Learn, Rate::PerSecond(10.0)] {
            let unused = budget(rate, 20).ready_at(30, at(599_900 + 100));
            let mut budget = budget(rate, 20);
            for _ in 0..5 {
                exchange(&mut budget, LIMITED, START);
            }
            assert!(budget.ready_at(0, START) > START);
            assert!(!budget.can_be_forgotten(at(599_999)), "{rate:?}");
            assert!(budget.can_be_forgotten(at(600_000)), "{rate:?}");
            assert_eq!(budget.ready_at(30, at(600_000)), unused, "{rate:?}");
            let _ = budget.spend(true, at(600_000));
            let expected = if let Rate::PerSecond(rate) = rate { Some(rate) } else { None };
            assert_eq!(budget.rate(), expected);
        }
    }

    #[test]
    fn a_budget_is_kept_while_it_knows_something() {
        let known = Rate::PerSecond(10.0);
        // the rate, what is heard of the one that went, and since when nothing would be lost
        let rows = [
            (known, Some(ACCEPTED), 100),
            (known, Some(pausing(TROUBLED, 5)), 5_000),
            (known, Some(telling(9, 5)), 5_000),
            (known, Some(LIMITED), 600_000),
            (known, None, u64::MAX),
            (Rate::Learn, Some(ACCEPTED), 10_000),
            (Rate::Off, Some(LIMITED), 0),
        ];
        for row @ (rate, hearing, expected) in rows {
            let mut budget = budget(rate, 20);
            assert!(budget.can_be_forgotten(at(10_000)), "{row:?}");
            let spent = budget.spend(false, START);
            if let Some(hearing) = hearing {
                budget.heard(spent, &hearing, START);
                assert!(budget.can_be_forgotten(at(expected)), "{row:?}");
            }
            let early = expected.checked_sub(1).map(at);
            assert!(early.is_none_or(|early| !budget.can_be_forgotten(early)), "{row:?}");
            if hearing.is_none() {
                budget.lost(spent);
                assert!(budget.can_be_forgotten(at(100)), "nothing will be heard");
            }
        }
    }

    #[test]
    fn other_terms_are_no_new_burst() {
        let ten = |burst| Terms { rate: Rate::PerSecond(10.0), burst };
        for (terms, expected) in [
            (ten(1), 2_000),
            (ten(20), 100),
            (ten(30), 0),
            (Terms { rate: Rate::PerSecond(5.0), burst: 20 }, 200),
            (Terms { rate: Rate::PerSecond(100.0), burst: 20 }, 10),
            (Terms { rate: Rate::Learn, burst: 20 }, 0),
            (Terms { rate: Rate::Off, burst: 20 }, 0),
        ] {
            let mut budget = budget(Rate::PerSecond(10.0), 20);
            for _ in 0..20 {
                let _ = budget.spend(false, START);
            }
            budget.go_by(terms, START);
            assert_eq!(millis(budget.ready_at(0, START)), expected, "{terms:?}");
        }
    }

    #[test]
    fn a_learnt_pace_stays_while_the_rate_is_the_same() {
        let with = |rate, burst| Terms { rate, burst };
        let known = Rate::PerSecond(10.0);
        for (before, after, expected) in [
            (Rate::Learn, with(Rate::Learn, 5), true),
            (known, with(known, 5), true),
            (Rate::Learn, with(known, 20), false),
            (known, with(Rate::Learn, 20), false),
            (known, with(Rate::PerSecond(11.0), 20), false),
            (known, with(Rate::Off, 20), false),
        ] {
            let mut budget = budget(before, 20);
            exchange(&mut budget, LIMITED, START);
            budget.go_by(after, START);
            assert_eq!(budget.is_learnt(), expected, "{before:?} {after:?}");
        }
    }

    #[test]
    fn a_burst_that_has_changed_beside_a_learnt_pace_is_in_force_when_that_is_forgotten() {
        let mut budget = budget(Rate::PerSecond(10.0), 20);
        exchange(&mut budget, LIMITED, START);
        budget.go_by(Terms { rate: Rate::PerSecond(10.0), burst: 2 }, START);
        assert_eq!(millis(budget.ready_at(2, at(600_000))), 600_100);
    }

    #[test]
    fn what_the_upstream_said_is_obeyed_under_other_terms_but_not_where_nothing_is_paced() {
        for (rate, expected) in
            [(Rate::Learn, 5_000), (Rate::PerSecond(99.0), 5_000), (Rate::Off, 0)]
        {
            for hearing in [pausing(TROUBLED, 5), telling(0, 5)] {
                let mut budget = budget(Rate::PerSecond(10.0), 20);
                exchange(&mut budget, hearing, START);
                budget.go_by(Terms { rate, burst: 20 }, START);
                assert_eq!(millis(budget.ready_at(0, START)), expected, "{rate:?} {hearing:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn under_changing_terms_no_more_go_than_the_most_generous_would_let_go(
            terms in vec((1_u32..100, 1_u32..20, 1_u64..2_000), 1..8),
        ) {
            let mut budget = budget(Rate::PerSecond(1.0), 1);
            let (mut now, mut gone) = (START, 0_u32);
            let (mut fastest, mut widest) = (1, 1);
            for (rate, burst, millis) in terms {
                (fastest, widest) = (fastest.max(rate), widest.max(burst));
                budget.go_by(Terms { rate: Rate::PerSecond(rate.into()), burst }, now);
                let end = now.after(Duration::from_millis(millis));
                while budget.ready_at(0, now) <= end {
                    now = now.max(budget.ready_at(0, now));
                    let _ = budget.spend(true, now);
                    gone += 1;
                }
                now = end;
            }
            let most = f64::from(widest) + now.since(START).as_secs_f64() * f64::from(fastest);
            prop_assert!(f64::from(gone) <= most + 0.001, "{} of {}", gone, most);
        }

        #[test]
        fn what_is_foretold_comes_true(
            rate in prop_oneof![Just(Rate::Learn), (0.5..200.0).prop_map(Rate::PerSecond)],
            burst in 1_u32..20, ahead in 0_u64..40,
            history in vec((0_u64..500, 0_usize..8, 0_u64..20, 0_u64..20), 0..40),
        ) {
            let mut budget = budget(rate, burst);
            let mut now = START;
            for (gap, kind, number, secs) in history {
                let other = [Rate::Learn, Rate::Off, Rate::PerSecond(7.0)];
                if let Some(rate) = kind.checked_sub(5).map(|turn| other[turn]) {
                    let burst = u32::try_from(number).unwrap();
                    budget.go_by(Terms { rate, burst }, now);
                    continue;
                }
                now = now.after(Duration::from_millis(gap));
                let hearings = [
                    ACCEPTED, ACCEPTED, LIMITED, pausing(TROUBLED, secs), telling(number, secs),
                ];
                exchange(&mut budget, hearings[kind], now);
            }
            let foretold = budget.ready_at(ahead, now);
            for _ in 0..ahead {
                now = now.max(budget.ready_at(0, now));
                let _ = budget.spend(true, now);
            }
            prop_assert_eq!(now.max(budget.ready_at(0, now)), foretold);
        }
    }
}
