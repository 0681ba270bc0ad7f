//! The rate that an upstream accepts, learnt from what it refuses (design §3.7).
//!
//! An upstream with a limit lets its rate through and answers the rest 429. So the share accepted,
//! times the pace at which we asked, is its rate: after a refusal the pace is cut to 0.95 × that,
//! but never by more than half at once. From there it grows by a small step with each success until
//! the next refusal. Time is *pace time*: of each request the part of a second that it takes at the
//! pace at which it went. So an idle night says nothing for a rate, nor against it.
//!
//! Four things keep that from going wrong:
//! - Answers to requests sent before a cut took hold never cut again. They only count.
//! - What was counted at a slower pace counts half each time the pace has grown by 7 %, so that a
//!   climb from far below is not taken for the upstream's rate.
//! - A refusal with nothing accepted since the last one measures nothing. The pace is halved until
//!   something is accepted again, as when a quota for a minute is used up in ten seconds. It then
//!   returns to what was accepted on average, over the time before that silence and in it.
//! - The step doubles when nothing is refused for long: the limit may have been raised.

use crate::base::time::Timestamp;

/// How much of what was accepted is asked for after a refusal.
const CAUTION: f64 = 0.95;
/// The slowest pace: a request a minute still finds out when more is accepted.
const SLOWEST: f64 = 1.0 / 60.0;
/// The fastest, which is none.
const FASTEST: f64 = 1e6;
/// Accepted requests from which on their share is a measure, and not chance.
const ENOUGH: f64 = 20.0;
/// The step where the rate was measured, as a part of it. With a larger one the limit is found too
/// often, and each time that costs refusals; with a smaller one it is not used up.
const FINE_STEP: f64 = 1.0 / 10_000.0;
/// The step where it was not.
const COARSE_STEP: f64 = 1.0 / 500.0;
/// The step doubles after so many successes, or after a period if that is over sooner ...
const PATIENCE: f64 = 2_000.0;
/// ... and again each time that this part of that has passed.
const IMPATIENCE: f64 = 0.25;
/// A refusal is to be expected in each period of pace time, in seconds: this, or as long as a quota
/// seems to be for, up to an hour.
const PERIOD: f64 = 250.0;
const LONGEST_PERIOD: f64 = 3_600.0;
/// If there was none in so many periods, what was learnt is doubted, and growth is fast.
const DOUBT: f64 = 5.0;
/// Fast growth doubles the pace in so many seconds ...
const DOUBLES_IN: f64 = 5.0;
/// ... but no success multiplies it by less than this, nor by more than 2.
const LEAST_FACTOR: f64 = 1.03;
/// In fast growth the success of a request sent at one pace is no proof for another that is more
/// than so many times faster: if answers take long, very many more are under way.
const REACH: f64 = 1.25;
/// What was counted counts half when the pace has grown by this factor.
const FORGETTING: f64 = 1.07;

/// A rate, and what is known about it.
#[derive(Clone, Debug)]
pub struct Pace {
    /// Requests a second.
    rate: f64,
    /// What the rate never exceeds.
    ceiling: f64,
    growth: Growth,
    /// Answers since the last cut, those counting less that were sent at a slower pace.
    recent: Tally,
    /// The rate when `recent` was begun or last halved.
    recent_from: f64,
    /// Answers since the last silence ended, those in the present one included.
    cycle: Tally,
    /// The rate when nothing was accepted any more, if that is so.
    silent_since: Option<f64>,
    /// The pace time since the last refusal, in seconds, of those who waited for it.
    calm: f64,
    /// In seconds.
    period: f64,
    /// Whether it was ever refused.
    learnt: bool,
}

/// What a success does.
#[derive(Clone, Copy, Debug)]
enum Growth {
    /// Multiplies the rate: nothing is known of what would be accepted.
    Fast,
    /// Adds a step.
    Steady {
        step: f64,
        /// What is left of the patience, from 1 to 0.
        patience: f64,
    },
}

/// Answers to requests.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    accepted: f64,
    heard: f64,
    /// Pace time of the accepted and the refused.
    seconds: f64,
}

impl Pace {
    /// A rate that the settings name: it is believed in until it is refused, and never exceeded.
    pub fn given(rate: f64) -> Self {
        Self {
            rate,
            ceiling: rate,
            growth: Growth::Steady { step: 0.0, patience: 1.0 },
            recent: Tally::default(),
            recent_from: rate,
            cycle: Tally::default(),
            silent_since: None,
            calm: 0.0,
            period: PERIOD,
            learnt: false,
        }
    }

    /// After the first refusal ever; until then `accepted` requests a second went through, without
    /// any pace. That is a guess, so it grows fast until the next refusal.
    pub fn found(accepted: f64) -> Self {
        let rate = (CAUTION * accepted).clamp(1.0, FASTEST);
        Self {
            ceiling: FASTEST,
            growth: Growth::Fast,
            cycle: Tally { accepted, heard: accepted, seconds: 1.0 },
            learnt: true,
            ..Self::given(rate)
        }
    }

    /// Requests a second.
    pub fn rate(&self) -> f64 {
        self.rate
    }

    /// Whether the upstream has refused it.
    pub fn is_learnt(&self) -> bool {
        self.learnt
    }

    /// A request that was sent at the pace `sent_at`, since the last cut, was accepted. `waited`:
    /// for the pace; only then does its success speak for a faster one.
    pub fn accept(&mut self, sent_at: f64, waited: bool) {
        if let Some(rate) = self.silent_since.take() {
            self.end_silence(rate);
        }
        self.count(sent_at, true);
        if waited {
            self.grow(sent_at);
        }
    }

    /// A request that was sent at the pace `sent_at`, since the last cut, was refused.
    pub fn refuse(&mut self, sent_at: f64) {
        self.count(sent_at, false);
        let is_measured = self.recent.accepted >= ENOUGH;
        let recent = self.recent;
        let pace = if is_measured { recent.pace_towards(self.rate) } else { recent.pace() };
        let rate = (CAUTION * recent.share() * pace).max(self.rate / 2.0);
        let rate = rate.max(SLOWEST).min(self.rate);
        if self.recent.accepted > 0.0 {
            self.growth = if is_measured { Growth::fine(rate) } else { Growth::coarse(rate) };
            self.silent_since = None;
        } else {
            self.silent_since = self.silent_since.or(Some(self.rate));
        }
        self.calm = 0.0;
        self.rate = rate;
        self.recent = Tally::default();
        self.recent_from = rate;
        self.learnt = true;
    }

    /// What was heard of a request that was sent at the pace `sent_at`, before the last cut.
    pub fn overhear(&mut self, sent_at: f64, accepted: bool) {
        self.count(sent_at, accepted);
    }

    fn count(&mut self, sent_at: f64, accepted: bool) {
        self.recent.count(sent_at, accepted);
        self.cycle.count(sent_at, accepted);
    }

    /// Back to what was accepted on average, over the time before the silence and in it; but not
    /// beyond the rate at which it began.
    fn end_silence(&mut self, began_at: f64) {
        self.growth = Growth::Fast;
        if self.cycle.accepted >= ENOUGH {
            let accepted = CAUTION * self.cycle.accepted / self.cycle.seconds;
            self.rate = accepted.min(began_at).max(self.rate);
            self.recent_from = self.rate;
            self.growth = Growth::coarse(self.rate);
        }
        self.period = self.cycle.seconds.clamp(PERIOD, LONGEST_PERIOD);
        self.cycle = Tally::default();
    }

    fn grow(&mut self, sent_at: f64) {
        self.calm += sent_at.recip();
        if self.calm > DOUBT * self.period {
            self.growth = Growth::Fast;
            self.period = PERIOD;
        }
        let grown = match &mut self.growth {
            Growth::Fast => {
                let factor = (1.0 / (DOUBLES_IN * self.rate)).exp2().clamp(LEAST_FACTOR, 2.0);
                (self.rate * factor).min(sent_at * factor.max(REACH))
            }
            Growth::Steady { step, patience } => {
                *patience -= PATIENCE.recip().max(sent_at.recip() / self.period);
                if *patience <= 0.0 {
                    (*step, *patience) = (*step * 2.0, IMPATIENCE);
                }
                self.rate + *step
            }
        };
        self.rate = grown.min(self.ceiling).max(self.rate);
        if self.rate > FORGETTING * self.recent_from {
            self.recent = self.recent.halved();
            self.recent_from = self.rate;
        }
    }
}

impl Growth {
    fn fine(rate: f64) -> Self {
        Self::Steady { step: FINE_STEP * rate, patience: 1.0 }
    }

    fn coarse(rate: f64) -> Self {
        Self::Steady { step: COARSE_STEP * rate, patience: IMPATIENCE }
    }
}

impl Tally {
    fn count(&mut self, sent_at: f64, accepted: bool) {
        self.seconds += sent_at.recip();
        self.heard += 1.0;
        self.accepted += if accepted { 1.0 } else { 0.0 };
    }

    /// Of all heard of, how many were accepted.
    fn share(self) -> f64 {
        self.accepted / self.heard
    }

    /// At which they went, on average.
    fn pace(self) -> f64 {
        self.heard / self.seconds
    }

    /// Half-way between that and the `last` one. An upstream that allows a burst has refused the
    /// first of these, and one that allows none the other.
    fn pace_towards(self, last: f64) -> f64 {
        f64::midpoint(self.pace(), last)
    }

    fn halved(self) -> Self {
        let Self { accepted, heard, seconds } = self;
        Self { accepted: accepted / 2.0, heard: heard / 2.0, seconds: seconds / 2.0 }
    }
}

/// After so many seconds what was accepted counts little more than a third.
const MEMORY: f64 = 5.0;

/// How many requests were accepted in the last seconds, before there is a pace: they count less
/// and less.
#[derive(Clone, Debug, Default)]
pub struct Lately {
    accepted: f64,
    counted_at: Timestamp,
    /// When the first of them was accepted.
    since: Timestamp,
}

impl Lately {
    /// One was accepted.
    pub fn count(&mut self, now: Timestamp) {
        let left = self.left(now);
        if left < 0.1 {
            self.since = now;
        }
        self.accepted = left + 1.0;
        self.counted_at = self.counted_at.max(now);
    }

    /// Accepted a second: since the first or, if that is longer, in the last seconds; but over a
    /// second at least.
    pub fn rate(&self, now: Timestamp) -> f64 {
        let passed = now.since(self.since).as_secs_f64();
        let seconds = MEMORY * -(-passed / MEMORY).exp_m1();
        self.left(now) / seconds.max(1.0)
    }

    fn left(&self, now: Timestamp) -> f64 {
        self.accepted * (-now.since(self.counted_at).as_secs_f64() / MEMORY).exp()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use std::time::Duration;

    fn assert_near(found: f64, expected: f64, case: &str) {
        assert!((found / expected - 1.0).abs() < 1e-3, "{case}: {found}, not {expected}");
    }

    /// As many as are told are accepted at the present pace, all of which waited for it.
    fn succeed(pace: &mut Pace, times: u32) {
        for _ in 0..times {
            pace.accept(pace.rate(), true);
        }
    }

    fn refused(mut pace: Pace) -> Pace {
        pace.refuse(pace.rate());
        pace
    }

    #[test]
    fn a_refusal_cuts_to_a_little_less_than_what_was_accepted() {
        // accepted before the refusal at 10 a second, and the pace after it
        let rows = [(0, 5.0), (1, 5.0), (2, 6.333), (9, 8.55), (99, 9.405), (10_000, 9.499)];
        for (accepted, expected) in rows {
            let mut pace = Pace::given(10.0);
            succeed(&mut pace, accepted);
            assert!(!pace.is_learnt());
            let pace = refused(pace);
            assert!(pace.is_learnt());
            assert_near(pace.rate(), expected, &format!("{accepted} accepted"));
        }
    }

    #[test]
    fn what_was_heard_of_requests_sent_before_a_cut_only_counts() {
        let mut pace = Pace::given(100.0);
        succeed(&mut pace, 1_000);
        let mut pace = refused(pace);
        let rate = pace.rate();
        for nth in 0..100 {
            pace.overhear(100.0, nth % 5 < 3);
        }
        assert_near(pace.rate(), rate, "overheard");
        // At half-way between the pace at which those went and the present one.
        assert_near(refused(pace).rate(), 54.98, "three of five, counted");
    }

    #[test]
    fn a_given_pace_gives_way_and_grows_back_but_never_beyond() {
        let mut pace = Pace::given(10.0);
        succeed(&mut pace, 100);
        assert_near(pace.rate(), 10.0, "not refused yet");
        let mut pace = refused(pace);
        succeed(&mut pace, 5_000);
        assert_near(pace.rate(), 10.0, "grown back");
    }

    #[test]
    fn only_those_who_waited_for_it_make_it_faster() {
        let mut pace = refused(Pace::given(10.0));
        for _ in 0..5_000 {
            pace.accept(5.0, false);
        }
        assert_near(pace.rate(), 5.0, "nobody waited");
    }

    #[test]
    fn the_step_is_small_where_the_rate_was_measured_and_doubles_in_time() {
        // accepted before the cut from 10, successes after it, and by what part they add
        let rows = [(19, 400, 0.8), (999, 1_000, 0.1), (999, 2_000, 0.2001), (999, 2_500, 0.3002)];
        for (accepted, successes, part) in rows {
            let mut pace = Pace::found(10.0 / CAUTION);
            pace.growth = Growth::Steady { step: 0.0, patience: 1.0 };
            succeed(&mut pace, accepted);
            let mut pace = refused(pace);
            let cut = pace.rate();
            succeed(&mut pace, successes);
            let case = format!("{accepted} accepted, then {successes}");
            assert_near(pace.rate(), cut * (1.0 + part), &case);
        }
    }

    #[test]
    fn where_nothing_is_known_it_grows_fast() {
        let mut pace = Pace::found(0.0);
        assert_near(pace.rate(), 1.0, "of nothing");
        let mut seconds = 0.0;
        while pace.rate() < 200.0 {
            seconds += pace.rate().recip();
            succeed(&mut pace, 1);
        }
        assert!((15.0..30.0).contains(&seconds), "{seconds} s");
        let mut pace = Pace::found(100.0);
        for _ in 0..1_000 {
            pace.accept(95.0, true);
        }
        assert_near(pace.rate(), 95.0 * REACH, "no further than what was sent at 95 proves");
    }

    #[test]
    fn after_a_silence_it_returns_to_what_was_accepted_with_it_and_before_it() {
        let mut pace = Pace::given(50.0);
        succeed(&mut pace, 100);
        let mut silent_for = 0.0;
        while silent_for < 58.0 {
            silent_for += pace.rate().recip();
            pace = refused(pace);
        }
        assert!(pace.rate() < 0.1, "{}", pace.rate());
        succeed(&mut pace, 1);
        let expected = CAUTION * 100.0 / (2.0 + silent_for) * (1.0 + COARSE_STEP);
        assert_near(pace.rate(), expected, "a hundred in all that time, and a step");
        let before = pace.rate();
        succeed(&mut pace, 10);
        assert!(pace.rate() < before * 1.05, "slowly, from there");
    }

    #[test]
    fn what_was_learnt_from_a_long_silence_is_given_up_when_nothing_more_is_refused() {
        let mut pace = Pace::given(10.0);
        succeed(&mut pace, 30);
        for _ in 0..70 {
            pace = refused(pace);
        }
        succeed(&mut pace, 1);
        assert!(pace.rate() < 0.02, "thirty in an hour: {}", pace.rate());
        let mut seconds = 0.0;
        while pace.rate() < 9.0 {
            seconds += pace.rate().recip();
            succeed(&mut pace, 1);
        }
        assert!(seconds < 7_200.0, "{seconds} s");
    }

    #[test]
    fn what_was_accepted_lately_is_a_rate() {
        // seconds of one a second, then how many at once, and the rate
        let rows =
            [(0, 1, 1.0), (0, 100, 100.0), (2, 0, 0.9033), (60, 0, 0.9033), (60, 20, 4.9033)];
        for (seconds, at_once, expected) in rows {
            let mut lately = Lately::default();
            let mut now = Timestamp::from_secs(1_000);
            for _ in 0..seconds {
                lately.count(now);
                now = now.after(Duration::from_secs(1));
            }
            for _ in 0..at_once {
                lately.count(now);
            }
            let case = format!("{seconds} s, then {at_once}");
            assert_near(lately.rate(now), expected, &case);
            assert!(lately.rate(now.after(Duration::from_mins(1))) < 0.001, "{case}");
        }
        assert!(Lately::default().rate(Timestamp::from_secs(1_000)) < 0.001);
    }

    proptest! {
        #[test]
        fn a_pace_is_within_its_bounds_and_never_cut_by_more_than_half(
            given in proptest::option::of(0.001_f64..1e6), accepted in 0.0_f64..1e6,
            history in vec((0_u8..5, 0.001_f64..1e6, any::<bool>(), 1_u16..400), 0..60),
        ) {
            let mut pace = given.map_or_else(|| Pace::found(accepted), Pace::given);
            let ceiling = given.unwrap_or(FASTEST);
            let floor = ceiling.min(SLOWEST);
            for (kind, sent_at, waited, times) in history {
                for _ in 0..times {
                    let before = pace.rate();
                    match kind {
                        0 | 1 => pace.accept(before, waited),
                        2 => pace.refuse(before),
                        3 => pace.refuse(sent_at),
                        _ => pace.overhear(sent_at, waited),
                    }
                    let rate = pace.rate();
                    let is_cut = kind == 2 || kind == 3;
                    prop_assert!((floor..=ceiling).contains(&rate), "{rate}");
                    prop_assert!(rate >= if is_cut { before / 2.0 } else { before }, "{before}: {rate}");
                    prop_assert!(rate <= if is_cut { before } else { ceiling }, "{before}: {rate}");
                }
            }
        }
    }
}
