//! A token bucket kept as one moment: when it will be full again (the generic cell rate algorithm
//! of ITU-T I.371). Nothing ticks, and there are no fractions: whole nanoseconds, rounded so that the
//! rate is never exceeded.

use crate::base::time::Timestamp;
use std::time::Duration;

/// Lets requests through at a rate, and some ahead of their time.
///
/// In any span no more go than the burst and what the rate makes of the span, as long as none goes
/// before [`Bucket::ready_at`] says it may.
#[derive(Clone, Debug)]
pub struct Bucket {
    /// From one request to the next.
    interval: Duration,
    /// How far ahead of its time a request may go: a place in the burst for each interval.
    tolerance: Duration,
    /// When nothing will be owed any more. Each that goes moves it on by an interval.
    full_at: Timestamp,
}

impl Bucket {
    /// Full: `burst` requests, at least one, may go at once. `rate` is in requests a second; if it
    /// is none, being zero or less or no number, nothing goes after them.
    pub fn new(rate: f64, burst: u32, now: Timestamp) -> Self {
        let interval = interval(rate);
        let tolerance = interval.saturating_mul(burst.saturating_sub(1));
        Self { interval, tolerance, full_at: now }
    }

    /// Empty, and without a burst: the first goes an interval from now, and all go evenly. One that
    /// goes up to `lateness` after its time, as timers have it, does not make those after it late.
    pub fn even(rate: f64, lateness: Duration, now: Timestamp) -> Self {
        let interval = interval(rate);
        let full_at = now.after(interval.saturating_add(lateness));
        Self { interval, tolerance: lateness, full_at }
    }

    /// When the request with `ahead` others before it may go, if each goes as soon as it may and
    /// none before `from`.
    pub fn ready_from(&self, ahead: u64, from: Timestamp) -> Timestamp {
        self.settled(from).ready_at(ahead).max(from)
    }

    /// When the request with `ahead` others before it might have gone, if each goes as soon as it
    /// may and that is not before now; for the next one, with none before it, whenever that is. It
    /// may lie in the past.
    pub fn ready_at(&self, ahead: u64) -> Timestamp {
        let ahead = u32::try_from(ahead).unwrap_or(u32::MAX);
        earlier(self.full_at.after(self.interval.saturating_mul(ahead)), self.tolerance)
    }

    /// One goes. If it was not ready it goes on credit, and those who come after it pay.
    pub fn take(&mut self, now: Timestamp) {
        self.full_at = self.full_at.max(now).after(self.interval);
    }

    /// From now on at another rate. What is owed is owed in requests: at a faster rate it is paid
    /// the sooner.
    pub fn retune(&mut self, rate: f64, now: Timestamp) {
        let interval = interval(rate);
        let ratio = interval.as_secs_f64() / self.interval.as_secs_f64();
        let owed = self.full_at.since(now);
        let owed = Duration::try_from_secs_f64(owed.as_secs_f64() * ratio).unwrap_or(owed);
        self.full_at = self.full_at.min(now).after(owed);
        self.interval = interval;
    }

    /// From now on at another rate and with another burst, as if it had been made with them. What is
    /// owed is owed in requests.
    pub fn refit(&mut self, rate: f64, burst: u32, now: Timestamp) {
        self.retune(rate, now);
        self.tolerance = self.interval.saturating_mul(burst.saturating_sub(1));
    }

    /// From one request to the next; rounded up.
    pub fn interval(&self) -> Duration {
        self.interval
    }

    /// Whether a whole burst may go.
    pub fn is_full(&self, now: Timestamp) -> bool {
        self.full_at <= now
    }

    /// The bucket at `from`, if none goes until then: it is full and no fuller.
    fn settled(&self, from: Timestamp) -> Self {
        Self { full_at: self.full_at.max(from), ..self.clone() }
    }
}

/// The shortest whole number of nanoseconds that does not exceed the rate.
fn interval(rate: f64) -> Duration {
    let nearest = Duration::try_from_secs_f64(rate.recip()).unwrap_or(Duration::MAX);
    let is_short = nearest.as_secs_f64() * rate < 1.0;
    nearest.saturating_add(Duration::from_nanos(u64::from(is_short)))
}

/// The moment `span` before; the clock's origin if there is none.
fn earlier(moment: Timestamp, span: Duration) -> Timestamp {
    let origin = Timestamp::default();
    origin.after(moment.since(origin.after(span)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    const START: Timestamp = Timestamp::from_secs(1_000);
    const LAST: Timestamp = Timestamp::from_secs(u64::MAX);

    fn at(millis: u64) -> Timestamp {
        START.after(Duration::from_millis(millis))
    }

    /// Milliseconds after the start; 0 for whatever was before.
    fn millis(moment: Timestamp) -> u128 {
        moment.since(START).as_millis()
    }

    #[test]
    fn an_interval_is_whole_nanoseconds_and_never_too_short() {
        let rows = [
            (0.001, 1_000_000_000_000),
            (1.0, 1_000_000_000),
            (2.5, 400_000_000),
            (3.0, 333_333_334),
            (7.0, 142_857_143),
            (10.0, 100_000_000),
            (1e6, 1_000),
            (1e300, 1),
        ];
        for (rate, nanos) in rows {
            assert_eq!(interval(rate), Duration::from_nanos(nanos), "{rate}");
        }
        for no_rate in [0.0, -0.0, -1.0, f64::NAN, f64::MIN_POSITIVE] {
            assert_eq!(interval(no_rate), Duration::MAX, "{no_rate}");
        }
    }

    #[test]
    fn a_burst_goes_at_once_and_the_rest_at_the_rate() {
        let mut bucket = Bucket::new(10.0, 3, START);
        let mut went = Vec::new();
        let mut now = START;
        for _ in 0..6 {
            now = bucket.ready_from(0, now);
            bucket.take(now);
            went.push(millis(now));
        }
        assert_eq!(went, [0, 0, 0, 100, 200, 300]);
        assert!(!bucket.is_full(at(599)));
        assert!(bucket.is_full(at(600)));
        // However long the rest was, the burst is no larger.
        assert_eq!(
            [0, 2, 3, 4].map(|ahead| millis(bucket.ready_from(ahead, at(9_000)))),
            [9_000, 9_000, 9_100, 9_200]
        );
    }

    #[test]
    fn an_even_bucket_has_no_burst_and_forgives_a_late_timer() {
        let mut bucket = Bucket::even(10.0, Duration::from_millis(5), START);
        assert_eq!([0, 1, 2].map(|ahead| millis(bucket.ready_at(ahead))), [100, 200, 300]);
        bucket.take(at(104));
        assert_eq!(millis(bucket.ready_at(0)), 200);
        bucket.take(at(230));
        assert_eq!(millis(bucket.ready_at(0)), 325, "later than timers are");
    }

    #[test]
    fn what_goes_on_credit_is_paid_by_those_who_come_after() {
        let mut bucket = Bucket::new(10.0, 1, START);
        for _ in 0..3 {
            bucket.take(START);
        }
        assert_eq!(millis(bucket.ready_at(0)), 300);
        bucket.retune(20.0, at(100));
        assert_eq!(millis(bucket.ready_at(0)), 200, "two were owed");
        bucket.retune(5.0, at(150));
        assert_eq!(millis(bucket.ready_at(0)), 350, "one was owed");
    }

    #[test]
    fn the_ends_of_the_clock_are_no_special_case() {
        let first = Bucket::new(1.0, 20, Timestamp::default());
        assert_eq!(first.ready_at(19), Timestamp::default());
        assert_eq!(first.ready_from(20, Timestamp::default()), Timestamp::from_secs(1));
        let mut never = Bucket::new(0.0, 0, LAST);
        never.take(LAST);
        never.retune(f64::INFINITY, LAST);
        never.retune(0.0, START);
        assert_eq!(never.ready_from(u64::MAX, START), LAST);
    }

    /// When each goes who comes so many milliseconds after the one before, and is late by so many
    /// microseconds.
    fn history(bucket: &mut Bucket, comers: &[(u64, u64)]) -> Vec<Timestamp> {
        let mut came_at = START;
        let mut went = Vec::new();
        for (gap, lateness) in comers {
            came_at = came_at.after(Duration::from_millis(*gap));
            let now = bucket.ready_from(0, came_at).after(Duration::from_micros(*lateness));
            let now = went.last().map_or(now, |before| now.max(*before));
            bucket.take(now);
            went.push(now);
        }
        went
    }

    fn comers() -> impl Strategy<Value = Vec<(u64, u64)>> {
        vec((prop_oneof![Just(0), 0_u64..50, 0_u64..2_000], 0_u64..1_000), 1..60)
    }

    proptest! {
        #[test]
        fn no_span_has_more_than_the_burst_and_what_the_rate_makes_of_it(
            rate in 0.5..300.0, burst in 1_u32..30, comers in comers(),
        ) {
            let went = history(&mut Bucket::new(rate, burst, START), &comers);
            for (first, from) in went.iter().enumerate() {
                for (last, to) in went.iter().enumerate().skip(first) {
                    let most = rate.mul_add(to.since(*from).as_secs_f64(), f64::from(burst));
                    let count = u32::try_from(last - first + 1).unwrap();
                    prop_assert!(f64::from(count) <= most + 1e-6, "{first} to {last}");
                }
            }
        }

        #[test]
        fn what_is_foretold_comes_true(
            rate in 0.5..300.0, burst in 1_u32..30, comers in comers(), ahead in 0_u64..50,
            rest in 0_u64..5_000,
        ) {
            let mut bucket = Bucket::new(rate, burst, START);
            let last = history(&mut bucket, &comers).pop().unwrap();
            let mut now = last.after(Duration::from_millis(rest));
            let foretold = bucket.ready_from(ahead, now);
            for _ in 0..ahead {
                now = bucket.ready_from(0, now);
                bucket.take(now);
            }
            prop_assert_eq!(bucket.ready_from(0, now), foretold);
        }
    }
}
