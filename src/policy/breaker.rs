//! When an upstream that fails is left alone, and how its recovery is noticed (design §3.7).
//!
//! *Closed* lets through. Failures in a row open the breaker for a penalty; after it, half-open,
//! one request is let through as a probe, and if that fails too the penalty doubles. Meanwhile no
//! client waits for the upstream: all others are refused at once. So that a long penalty does not
//! outlast the failure by much, one refused request in a while that may go at once is sent all the
//! same, as a scout, for whose answer nobody waits.

use crate::base::time::Timestamp;
use crate::policy::key::Tag;
use std::time::Duration;

/// What the settings say about the breaker.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Terms {
    /// So many failures in a row open it, if they are of three things at least. 0: it never opens.
    pub failures: u32,
    /// How long it stays open at first, and how far apart scouts are sent.
    pub penalty: Duration,
    /// How long at most.
    pub max_penalty: Duration,
}

/// What a request to the upstream carries until its outcome is known.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Pass {
    epoch: u64,
}

/// Whether a request may be sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Leave {
    /// It may.
    Go(Pass),
    /// The upstream is being left alone.
    Refused {
        /// When it is worth asking again; never zero.
        retry_in: Duration,
        /// The client is refused, but its request is sent with this pass: a scout.
        scout: Option<Pass>,
    },
}

/// What the outcome of a request says about the upstream.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Health {
    /// It answered.
    Well,
    /// No connection, no answer in time, or a 502, 503 or 504.
    Ill,
    /// Neither: a 429 is of one credential, and so is what was never sent for want of budget.
    Neutral,
}

/// What an outcome did to the breaker.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Change {
    /// It opened, or opened again.
    Opened {
        /// For how long.
        penalty: Duration,
    },
    /// It lets through again.
    Closed,
}

/// What the breaker does at a moment.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Position {
    /// It lets through.
    Closed,
    /// It refuses, for so long still.
    Open(Duration),
    /// It lets one through, or has, to find out whether the upstream is back.
    HalfOpen,
}

impl Position {
    /// Every word there is.
    pub const WORDS: [&'static str; 3] = ["closed", "open", "half-open"];

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open(_) => "open",
            Self::HalfOpen => "half-open",
        }
    }
}

/// The breaker of the upstream. [`Default`] is closed.
#[derive(Default)]
pub struct Breaker {
    /// Passes of earlier epochs say nothing any more. One begins when the breaker opens, when it
    /// closes, and with each trial: so a trial's pass is known by its epoch alone.
    epoch: u64,
    state: State,
}

#[derive(Clone, Copy)]
enum State {
    Closed(Failures),
    Open(Open),
}

impl Default for State {
    fn default() -> Self {
        Self::Closed(Failures::default())
    }
}

/// Failures in a row.
#[derive(Clone, Copy, Default)]
struct Failures {
    count: u32,
    /// Of what: one broken ticket must not shut the rest out, whoever asks for it.
    things: [Option<Tag>; ENOUGH_THINGS],
}

const ENOUGH_THINGS: usize = 3;

#[derive(Clone, Copy)]
struct Open {
    /// The penalty that is being served, before chance: the next one is twice as long.
    penalty: Duration,
    /// The first one, for comparison.
    first: Duration,
    /// From here on it is half-open: the next request is let through as a probe.
    until: Timestamp,
    /// From here on a scout may be sent.
    scout_from: Timestamp,
    /// The trial under way.
    trial: Option<Trial>,
}

#[derive(Clone, Copy)]
struct Trial {
    kind: Kind,
    sent_at: Timestamp,
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Kind {
    /// Sent half-open, for a client that waits. Its failure doubles the penalty.
    Probe,
    /// Sent before that. Its failure is no news.
    Scout,
}

/// A trial that was not heard of for so long is given up. All have deadlines of their own,
/// which the settings may make longer: this is the second lock on the door behind which every other
/// request waits.
const GIVEN_UP_AFTER: Duration = Duration::from_mins(2);

/// The least to tell a refused client to wait.
const SHORTEST_WAIT: Duration = Duration::from_millis(1);

impl Breaker {
    /// Asks for leave to send one request.
    pub fn ask(&mut self, now: Timestamp) -> Leave {
        let State::Open(open) = self.state else {
            return Leave::Go(Pass { epoch: self.epoch });
        };
        let Some(retry_in) = open.refused_for(now) else {
            return Leave::Go(self.try_with(Kind::Probe, open, now));
        };
        let scout = open.may_scout(now).then(|| self.try_with(Kind::Scout, open, now));
        Leave::Refused { retry_in, scout }
    }

    /// Hears the outcome of a request, or of one try of it: only the first one of a trial counts,
    /// and none of what was sent before the breaker last opened. `thing`: what was asked for;
    /// `fraction`: chance, from 0 to 1, which keeps many gateways from returning together.
    pub fn heard(
        &mut self,
        pass: Pass,
        health: Health,
        thing: Tag,
        terms: Terms,
        fraction: f64,
        now: Timestamp,
    ) -> Option<Change> {
        if pass.epoch != self.epoch {
            return None;
        }
        match self.state {
            State::Closed(failures) => {
                let failures = failures.and(health, thing);
                self.state = State::Closed(failures);
                failures.suffice(terms).then(|| self.open(terms.penalty, terms, fraction, now))
            }
            State::Open(open) => {
                let trial = open.trial?;
                self.tried(open, trial, health, terms, fraction, now)
            }
        }
    }

    /// A request ended without an outcome, or was never sent. A trial makes room for the next, which
    /// may then be sent at once.
    pub fn lost(&mut self, pass: Pass) {
        if let State::Open(open) = &mut self.state
            && pass.epoch == self.epoch
            && let Some(trial) = open.trial.take()
        {
            open.scout_from = open.scout_from.min(trial.sent_at);
        }
    }

    /// Another upstream is asked: nothing is known of it.
    pub fn start_anew(&mut self) {
        self.begin(State::default());
    }

    /// How long it would still refuse; `None` while it would let a request through.
    pub fn is_open(&self, now: Timestamp) -> Option<Duration> {
        match self.state {
            State::Closed(_) => None,
            State::Open(open) => open.refused_for(now),
        }
    }

    /// What it does at `now`.
    pub fn position(&self, now: Timestamp) -> Position {
        match self.state {
            State::Closed(_) => Position::Closed,
            State::Open(open) if now < open.until => Position::Open(open.until.since(now)),
            State::Open(_) => Position::HalfOpen,
        }
    }

    fn try_with(&mut self, kind: Kind, open: Open, now: Timestamp) -> Pass {
        let trial = Some(Trial { kind, sent_at: now });
        self.begin(State::Open(Open { trial, scout_from: now.after(open.first), ..open }));
        Pass { epoch: self.epoch }
    }

    fn tried(
        &mut self,
        open: Open,
        trial: Trial,
        health: Health,
        terms: Terms,
        fraction: f64,
        now: Timestamp,
    ) -> Option<Change> {
        // Who switched the breaker off while it was open does not wait for the upstream.
        if health == Health::Well || terms.failures == 0 {
            self.begin(State::default());
            return Some(Change::Closed);
        }
        if health == Health::Ill && trial.kind == Kind::Probe {
            let doubled = open.penalty.saturating_mul(2).max(terms.penalty);
            return Some(self.open(doubled, terms, fraction, now));
        }
        let scout_from = trial.sent_at.after(lengthened(terms.penalty, fraction));
        self.state = State::Open(Open { trial: None, scout_from, ..open });
        None
    }

    fn open(&mut self, penalty: Duration, terms: Terms, fraction: f64, now: Timestamp) -> Change {
        let penalty = penalty.min(terms.max_penalty);
        let served = lengthened(penalty, fraction).min(terms.max_penalty);
        self.begin(State::Open(Open {
            penalty,
            first: terms.penalty,
            until: now.after(served),
            // Never before the end of the first penalty, where the probe goes anyway.
            scout_from: now.after(lengthened(terms.penalty, fraction)),
            trial: None,
        }));
        Change::Opened { penalty: served }
    }

    const fn begin(&mut self, state: State) {
        self.epoch = self.epoch.wrapping_add(1);
        self.state = state;
    }
}

impl Failures {
    fn and(self, health: Health, thing: Tag) -> Self {
        match health {
            Health::Well => Self::default(),
            Health::Neutral => self,
            Health::Ill => Self { count: self.count.saturating_add(1), ..self }.of(thing),
        }
    }

    fn of(mut self, thing: Tag) -> Self {
        let is_known = self.things.contains(&Some(thing));
        if let Some(place) = self.things.iter_mut().find(|place| place.is_none() && !is_known) {
            *place = Some(thing);
        }
        self
    }

    fn suffice(&self, terms: Terms) -> bool {
        let over_enough_things = self.things.iter().all(Option::is_some);
        terms.failures > 0 && self.count >= terms.failures && over_enough_things
    }
}

impl Open {
    /// How long a request that asks now is refused; `None`: it is the probe.
    fn refused_for(&self, now: Timestamp) -> Option<Duration> {
        let left = self.until.since(now);
        match (left.is_zero(), self.is_trying(now)) {
            (true, false) => None,
            (true, true) => Some(self.first.max(SHORTEST_WAIT)),
            (false, _) => Some(left.max(SHORTEST_WAIT)),
        }
    }

    fn may_scout(&self, now: Timestamp) -> bool {
        now >= self.scout_from && !self.is_trying(now)
    }

    fn is_trying(&self, now: Timestamp) -> bool {
        self.trial.is_some_and(|trial| now.since(trial.sent_at) < GIVEN_UP_AFTER)
    }
}

/// By up to a quarter.
fn lengthened(span: Duration, fraction: f64) -> Duration {
    span.saturating_add(span.mul_f64(0.25 * fraction.clamp(0.0, 1.0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::secret::Secret;
    use crate::policy::key::KeySecret;

    const TERMS: Terms =
        Terms { failures: 3, penalty: Duration::from_secs(1), max_penalty: Duration::from_mins(1) };

    fn thing(name: char) -> Tag {
        KeySecret::new(Secret::new([1; 32])).ticket(&name.to_string())
    }

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_secs(1_000).after(Duration::from_millis(millis))
    }

    /// One that three failures opened at the beginning.
    fn opened(terms: Terms, fraction: f64) -> Breaker {
        let mut breaker = Breaker::default();
        let pass = Pass { epoch: 0 };
        for name in ['A', 'B', 'C'] {
            breaker.heard(pass, Health::Ill, thing(name), terms, fraction, at(0));
        }
        assert!(matches!(breaker.state, State::Open(_)));
        breaker
    }

    fn hear(breaker: &mut Breaker, pass: Pass, health: Health, millis: u64) -> Option<Change> {
        breaker.heard(pass, health, thing('A'), TERMS, 0.0, at(millis))
    }

    fn go(leave: Leave) -> Pass {
        match leave {
            Leave::Go(pass) => pass,
            Leave::Refused { .. } => panic!("{leave:?}"),
        }
    }

    fn scout(leave: Leave) -> Pass {
        match leave {
            Leave::Refused { scout: Some(pass), .. } => pass,
            _ => panic!("{leave:?}"),
        }
    }

    /// Refused and nothing more, with this long to wait.
    fn refused(millis: u64) -> Leave {
        Leave::Refused { retry_in: Duration::from_millis(millis), scout: None }
    }

    fn opens_for(millis: u64) -> Change {
        Change::Opened { penalty: Duration::from_millis(millis) }
    }

    #[test]
    fn failures_in_a_row_over_three_things_open_it() {
        // a letter: a failure of that thing; `.`: a success; `~`: neither
        let rows = [
            (7, "ABCABCA", true),
            (7, "ABCABC", false),
            (7, "AAAAAAAAAAAA", false),
            (7, "ABABABABABAB", false),
            (7, "AAAAAABBBBBC", true),
            (7, "AAAABC", false),
            (7, "ABCDEFG", true),
            (7, "ABCABC.A", false),
            (7, "ABCABC.ABCABCA", true),
            (7, "ABC~ABC~A", true),
            (7, "~~~~~~~", false),
            (3, "AB.CA", false),
            (3, "AB.C.AAAABB", false),
            (1, "AB", false),
            (1, "ABC", true),
            (0, "ABCABCABCABC", false),
        ];
        for row @ (failures, outcomes, expected) in rows {
            let (mut breaker, terms) = (Breaker::default(), Terms { failures, ..TERMS });
            let changes = outcomes.chars().filter_map(|name| {
                let health = match name {
                    '.' => Health::Well,
                    '~' => Health::Neutral,
                    _ => Health::Ill,
                };
                breaker.heard(Pass { epoch: 0 }, health, thing(name), terms, 0.0, at(0))
            });
            let expected = expected.then(|| opens_for(1_000));
            assert_eq!(changes.collect::<Vec<_>>(), Vec::from_iter(expected), "{row:?}");
        }
    }

    #[test]
    fn the_penalty_doubles_up_to_the_longest_and_begins_anew_after_a_success() {
        // chance, and the penalties in milliseconds
        let rows = [
            (0.0, [2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]),
            (1.0, [2_500, 5_000, 10_000, 20_000, 40_000, 60_000, 60_000]),
            (0.5, [2_250, 4_500, 9_000, 18_000, 36_000, 60_000, 60_000]),
            (9.0, [2_500, 5_000, 10_000, 20_000, 40_000, 60_000, 60_000]),
            (-9.0, [2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]),
        ];
        for (fraction, penalties) in rows {
            let (mut breaker, mut now) = (opened(TERMS, fraction), at(0));
            for penalty in penalties {
                now = now.after(breaker.is_open(now).unwrap());
                let probe = go(breaker.ask(now));
                let change = breaker.heard(probe, Health::Ill, thing('A'), TERMS, fraction, now);
                assert_eq!(change, Some(opens_for(penalty)), "{fraction}");
            }
            now = now.after(breaker.is_open(now).unwrap());
            let probe = go(breaker.ask(now));
            assert_eq!(
                breaker.heard(probe, Health::Well, thing('A'), TERMS, fraction, now),
                Some(Change::Closed)
            );
            let pass = go(breaker.ask(now));
            for name in ['A', 'B', 'C'] {
                breaker.heard(pass, Health::Ill, thing(name), TERMS, 0.0, now);
            }
            assert_eq!(breaker.is_open(now), Some(TERMS.penalty), "{fraction}");
        }
    }

    #[test]
    fn half_open_it_lets_one_through_whose_place_is_always_freed() {
        let mut breaker = opened(TERMS, 0.0);
        assert_eq!(breaker.ask(at(0)), refused(1_000));
        assert_eq!(breaker.ask(at(600)), refused(400));
        assert_eq!(breaker.is_open(at(999)), Some(Duration::from_millis(1)));
        let almost = at(999).after(Duration::from_micros(999));
        assert_eq!(breaker.ask(almost), refused(1), "never zero");
        assert_eq!(breaker.is_open(at(1_000)), None);
        let lost = go(breaker.ask(at(1_000)));
        assert_eq!(breaker.ask(at(5_000)), refused(1_000), "while the probe is out");
        assert_eq!(breaker.is_open(at(5_000)), Some(TERMS.penalty));
        breaker.lost(lost);
        let limited = go(breaker.ask(at(5_000)));
        breaker.lost(lost);
        assert_eq!(breaker.ask(at(5_000)), refused(1_000), "it was lost before");
        assert_eq!(hear(&mut breaker, limited, Health::Neutral, 5_100), None);
        let failed = go(breaker.ask(at(5_200)));
        assert_eq!(hear(&mut breaker, failed, Health::Ill, 5_300), Some(opens_for(2_000)));
        assert_eq!(hear(&mut breaker, failed, Health::Well, 5_300), None, "its second try");
        let silent = go(breaker.ask(at(7_300)));
        assert_eq!(breaker.ask(at(127_299)), refused(1_000));
        let well = go(breaker.ask(at(127_300)));
        assert_eq!(hear(&mut breaker, silent, Health::Ill, 127_400), None, "given up");
        assert_eq!(hear(&mut breaker, well, Health::Well, 127_400), Some(Change::Closed));
        assert_eq!(breaker.is_open(at(127_400)), None);
    }

    /// One whose second penalty runs from 1 s to 3 s.
    fn opened_again() -> Breaker {
        let mut breaker = opened(TERMS, 0.0);
        let probe = go(breaker.ask(at(1_000)));
        assert_eq!(hear(&mut breaker, probe, Health::Ill, 1_000), Some(opens_for(2_000)));
        breaker
    }

    #[test]
    fn scouts_go_while_clients_are_refused_one_at_a_time_and_one_per_first_penalty() {
        let mut breaker = opened_again();
        assert_eq!(breaker.ask(at(1_999)), refused(1_001));
        let first = scout(breaker.ask(at(2_000)));
        assert_eq!(breaker.ask(at(2_900)), refused(100), "one is out");
        assert_eq!(hear(&mut breaker, first, Health::Ill, 2_950), None);
        let probe = go(breaker.ask(at(3_000)));
        assert_eq!(hear(&mut breaker, probe, Health::Ill, 3_000), Some(opens_for(4_000)));
        let failed = scout(breaker.ask(at(4_100)));
        let change = breaker.heard(failed, Health::Ill, thing('A'), TERMS, 1.0, at(4_200));
        assert_eq!(change, None);
        assert_eq!(breaker.ask(at(5_349)), refused(1_651), "1.25 s after the last one left");
        let lost = scout(breaker.ask(at(5_350)));
        breaker.lost(lost);
        let slow = scout(breaker.ask(at(5_350)));
        assert_eq!(breaker.ask(at(7_000)), refused(1_000), "in place of the probe");
        assert_eq!(hear(&mut breaker, slow, Health::Ill, 7_500), None);
        go(breaker.ask(at(7_500)));
    }

    #[test]
    fn a_scout_that_is_answered_closes_it_at_once() {
        let mut breaker = opened_again();
        let pass = scout(breaker.ask(at(2_000)));
        assert_eq!(hear(&mut breaker, pass, Health::Well, 2_100), Some(Change::Closed));
        go(breaker.ask(at(2_100)));
    }

    #[test]
    fn what_was_sent_before_it_opened_says_nothing() {
        let mut breaker = Breaker::default();
        let early = go(breaker.ask(at(0)));
        for name in ['A', 'B', 'C'] {
            breaker.heard(early, Health::Ill, thing(name), TERMS, 0.0, at(0));
        }
        assert_eq!(hear(&mut breaker, early, Health::Well, 500), None);
        assert_eq!(breaker.ask(at(500)), refused(500));
        let probe = go(breaker.ask(at(1_000)));
        assert_eq!(hear(&mut breaker, early, Health::Well, 1_100), None);
        breaker.lost(early);
        assert_eq!(breaker.ask(at(1_100)), refused(1_000), "the probe is still out");
        hear(&mut breaker, probe, Health::Well, 1_200);
        for name in ['A', 'B', 'C'] {
            for late in [early, probe] {
                let change = breaker.heard(late, Health::Ill, thing(name), TERMS, 0.0, at(1_300));
                assert_eq!(change, None, "{name}");
            }
        }
    }

    #[test]
    fn other_settings_apply_from_the_next_outcome_on() {
        // the settings, the outcome of the probe, what it did
        let failures = |failures| Terms { failures, ..TERMS };
        let longer = Terms { penalty: Duration::from_secs(5), ..TERMS };
        let shorter = Terms { max_penalty: Duration::from_millis(500), ..TERMS };
        let longest = Terms { penalty: Duration::MAX, max_penalty: Duration::MAX, failures: 1 };
        let rows = [
            (failures(0), Health::Ill, Some(Change::Closed)),
            (failures(0), Health::Neutral, Some(Change::Closed)),
            (failures(9), Health::Ill, Some(opens_for(2_000))),
            (longer, Health::Ill, Some(opens_for(5_000))),
            (shorter, Health::Ill, Some(opens_for(500))),
            (longest, Health::Ill, Some(Change::Opened { penalty: Duration::MAX })),
        ];
        for row @ (terms, health, expected) in rows {
            let mut breaker = opened(TERMS, 0.0);
            let probe = go(breaker.ask(at(1_000)));
            let change = breaker.heard(probe, health, thing('A'), terms, 0.0, at(1_000));
            assert_eq!(change, expected, "{row:?}");
        }
        let nothing = Terms { penalty: Duration::ZERO, ..TERMS };
        let mut breaker = opened(nothing, 0.5);
        go(breaker.ask(at(0)));
        assert_eq!(breaker.ask(at(0)), refused(1), "a probe is out");
    }
}
