//! Time as plain data, and the one place that reads the system's clocks.
//!
//! Ages and deadlines live on [`Timestamp`], a monotonic clock that also counts the time a machine
//! sleeps: a laptop that wakes after an hour must not serve an hour-old ticket as fresh. The wall
//! clock, [`WallTime`], may step; it is read only where a `Date`, an `Expires` or a JWT speaks of it.

use rustix::time::ClockId;
use rustix::time::Timespec;
use rustix::time::clock_gettime;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use std::time::SystemTime;
use std::time::UNIX_EPOCH;

/// A moment on the monotonic clock, in nanoseconds since an arbitrary origin.
///
/// Arithmetic saturates: no input makes it wrap or panic.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The moment `secs` seconds after the clock's origin.
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs.saturating_mul(1_000_000_000))
    }

    /// Time passed since `earlier`; zero if `earlier` is later.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// The moment `span` later.
    #[must_use]
    pub fn after(self, span: Duration) -> Self {
        let nanos = u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(nanos))
    }
}

/// A moment on the wall clock, in milliseconds since the Unix epoch. Arithmetic saturates.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct WallTime(u64);

impl WallTime {
    /// The moment `secs` seconds after the Unix epoch.
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs.saturating_mul(1_000))
    }

    /// The moment `millis` milliseconds after the Unix epoch.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Time passed since `earlier`; zero if `earlier` is later.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// The moment `span` later.
    #[must_use]
    pub fn after(self, span: Duration) -> Self {
        let millis = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(millis))
    }
}

impl From<SystemTime> for WallTime {
    /// A time before the epoch reads as the epoch.
    fn from(time: SystemTime) -> Self {
        Self(0).after(time.duration_since(UNIX_EPOCH).unwrap_or_default())
    }
}

/// Both clocks, read together.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Moment {
    /// For ages and deadlines.
    pub now: Timestamp,
    /// For `Date`, `Expires` and JWTs.
    pub wall: WallTime,
}

/// Where the current time comes from: an argument, so that tests can turn the hands.
#[derive(Clone)]
pub struct Clock {
    now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    wall: Arc<dyn Fn() -> WallTime + Send + Sync>,
}

impl Clock {
    /// The system's clocks: `CLOCK_BOOTTIME`, which goes on while the machine sleeps, and the wall.
    pub fn system() -> Self {
        Self { now: Arc::new(boot_time), wall: Arc::new(wall_time) }
    }

    /// Clocks that say what the two functions say.
    pub fn told_by(
        now: impl Fn() -> Timestamp + Send + Sync + 'static,
        wall: impl Fn() -> WallTime + Send + Sync + 'static,
    ) -> Self {
        Self { now: Arc::new(now), wall: Arc::new(wall) }
    }

    /// The monotonic clock.
    pub fn now(&self) -> Timestamp {
        (self.now)()
    }

    /// Both clocks.
    pub fn moment(&self) -> Moment {
        Moment { now: (self.now)(), wall: (self.wall)() }
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

fn boot_time() -> Timestamp {
    let Timespec { tv_sec, tv_nsec } = clock_gettime(ClockId::Boottime);
    let whole = Timestamp::from_secs(u64::try_from(tv_sec).unwrap_or_default());
    whole.after(Duration::from_nanos(u64::try_from(tv_nsec).unwrap_or_default()))
}

#[expect(clippy::disallowed_methods, reason = "this is the clock")]
fn wall_time() -> WallTime {
    WallTime::from(SystemTime::now())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_saturates() {
        let last = Timestamp(u64::MAX);
        assert_eq!(last.after(Duration::MAX), last);
        assert_eq!(Timestamp::default().since(last), Duration::ZERO);
        assert_eq!(Timestamp::from_secs(u64::MAX), last);
        let last = WallTime(u64::MAX);
        assert_eq!(last.after(Duration::MAX), last);
        assert_eq!(WallTime::from_secs(u64::MAX), last);
        assert_eq!(WallTime::default().since(last), Duration::ZERO);
    }

    #[test]
    fn the_system_clock_does_not_run_backward() {
        let clock = Clock::system();
        let earlier = clock.now();
        assert!(clock.now() >= earlier);
        assert!(clock.moment().wall > WallTime::from_secs(1_700_000_000));
    }
}
