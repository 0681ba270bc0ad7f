//! A token bucket kept as one moment: when it will be full again (the generic cell rate algorithm,
//! ITU-T I.371 annex A). No ticking and no fractions: whole nanoseconds, rounded so that the rate is
//! never exceeded.

use crate::base::time::Timestamp;
use std::time::Duration;

/// Lets requests through at a rate, and some ahead of their time.
///
/// In any span no more go than `burst` plus what the rate makes of the span, as long as each goes
/// when [`Bucket::ready_at`] says it may.
#[derive(Clone, Debug)]
pub struct Bucket {
    /// From one request to the next.
    interval: Duration,
    /// How far ahead of its time a request may go: a place in the burst for each interval.
    tolerance: Duration,
    /// When nothing is owed any more. What has gone ahead of its time moves it on.
    full_at: Timestamp,
}

impl Bucket {
    /// Full: `burst` requests, at least one, may go at once. `rate` is in requests a second and
    /// above zero; one that is not lets nothing through after them.
    pub fn new(rate: f64, burst: u32, now: Timestamp) -> Self {
        let interval = interval(rate);
        let tolerance = interval.saturating_mul(burst.saturating_sub(1));
        Self { interval, tolerance, full_at: now }
    }

    /// Empty, and with room for one request, so that they go evenly: the first an interval from
    /// now. One that goes up to `lateness` after its time, as timers have it, does not make those
    /// after it late.
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

    /// When the request with `ahead` others before it may go in a bucket that is not left idle; may
    /// lie in the past.
    pub fn ready_at(&self, ahead: u64) -> Timestamp {
        let ahead = u32::try_from(ahead).unwrap_or(u32::MAX);
        earlier(self.full_at.after(self.interval.saturating_mul(ahead)), self.tolerance)
    }

    /// One goes. If it was not ready it goes on credit, and those who come after it pay.
    pub fn take(&mut self, now: Timestamp) {
        self.full_at = self.full_at.max(now).after(self.interval);
    }

    /// From now on `rate`; what is owed stays owed.
    pub fn quicken(&mut self, rate: f64) {
        self.interval = interval(rate);
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
