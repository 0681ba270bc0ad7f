//! How long things take: counts in buckets, cheap enough for every hit.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Up to and including how long each bucket counts; what takes longer is in one more. A hit takes
/// tens of microseconds, an upstream tenths of a second, and who waits in line up to a minute.
pub const BOUNDS: [Duration; 21] = [
    Duration::from_micros(10),
    Duration::from_micros(25),
    Duration::from_micros(50),
    Duration::from_micros(100),
    Duration::from_micros(250),
    Duration::from_micros(500),
    Duration::from_millis(1),
    Duration::from_micros(2_500),
    Duration::from_millis(5),
    Duration::from_millis(10),
    Duration::from_millis(25),
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_millis(2_500),
    Duration::from_secs(5),
    Duration::from_secs(10),
    Duration::from_secs(30),
    Duration::from_mins(1),
];

const BUCKETS: usize = BOUNDS.len() + 1;

/// Durations, counted.
#[derive(Debug, Default)]
pub struct Histogram {
    buckets: [AtomicU64; BUCKETS],
    /// Of all of them, in nanoseconds.
    sum: AtomicU64,
}

/// What was counted until a moment.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counted {
    /// How many each bucket has; not those of the buckets below it.
    pub buckets: [u64; BUCKETS],
    /// All durations together.
    pub sum: Duration,
}

impl Histogram {
    /// Counts one.
    pub fn note(&self, took: Duration) {
        let place = BOUNDS.iter().position(|bound| took <= *bound).unwrap_or(BOUNDS.len());
        if let Some(bucket) = self.buckets.get(place) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        self.sum.fetch_add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// What has been counted.
    pub fn counted(&self) -> Counted {
        Counted {
            buckets: std::array::from_fn(|place| {
                self.buckets.get(place).map_or(0, |bucket| bucket.load(Ordering::Relaxed))
            }),
            sum: Duration::from_nanos(self.sum.load(Ordering::Relaxed)),
        }
    }
}

impl Counted {
    /// How many there are.
    pub fn count(&self) -> u64 {
        self.buckets.iter().fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// Both together.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        self.with(other, u64::saturating_add, self.sum.saturating_add(other.sum))
    }

    /// What was counted since `earlier`.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        self.with(earlier, u64::saturating_sub, self.sum.saturating_sub(earlier.sum))
    }

    fn with(&self, other: &Self, op: fn(u64, u64) -> u64, sum: Duration) -> Self {
        let mut buckets = self.buckets;
        for (count, other) in buckets.iter_mut().zip(other.buckets) {
            *count = op(*count, other);
        }
        Self { buckets, sum }
    }

    /// Within how long so many of all were done (0.99 for all but one of a hundred): as if those of a
    /// bucket were spread over it evenly. `None` if there are none.
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        let rank = as_f64(self.count()) * share;
        let (mut below, mut from) = (0.0, Duration::ZERO);
        for (count, bound) in self.buckets.iter().zip(BOUNDS) {
            let count = as_f64(*count);
            if count > 0.0 && below + count >= rank {
                return Some(
                    from + bound
                        .saturating_sub(from)
                        .mul_f64(((rank - below) / count).clamp(0.0, 1.0)),
                );
            }
            (below, from) = (below + count, bound);
        }
        // The last bucket has no end.
        (self.count() > 0).then_some(from)
    }
}

#[expect(clippy::cast_precision_loss, reason = "a share of a count, not the count")]
const fn as_f64(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn of(took: &[Duration]) -> Counted {
        let histogram = Histogram::default();
        for took in took {
            histogram.note(*took);
        }
        histogram.counted()
    }

    #[test]
    fn a_bucket_counts_up_to_and_including_its_bound() {
        assert!(BOUNDS.is_sorted());
        for (took, place) in [
            (Duration::ZERO, 0),
            (Duration::from_micros(10), 0),
            (Duration::from_nanos(10_001), 1),
            (Duration::from_mins(1), 20),
            (Duration::from_nanos(60_000_000_001), 21),
            (Duration::from_hours(1), 21),
        ] {
            let counted = of(&[took]);
            assert_eq!(
                counted.buckets.iter().position(|count| *count == 1),
                Some(place),
                "{took:?}"
            );
            assert_eq!((counted.count(), counted.sum), (1, took), "{took:?}");
        }
    }

    #[test]
    fn what_is_counted_is_added_and_taken_away() {
        let (one, both) = (of(&[MS]), of(&[MS, 9 * MS]));
        assert_eq!(both.since(&one), of(&[9 * MS]));
        assert_eq!(one.and(&of(&[9 * MS])), both);
        assert_eq!(both.since(&both), Counted::default());
    }

    #[test]
    fn a_quantile_lies_in_its_bucket() {
        assert_eq!(of(&[]).quantile(0.5), None);
        let mut took = vec![2 * MS; 98];
        took.extend([200 * MS; 2]);
        for (share, least, most) in
            [(0.0, 1, 1), (0.5, 1, 3), (0.98, 2, 3), (0.99, 100, 250), (1.0, 250, 250)]
        {
            let found = of(&took).quantile(share).unwrap();
            assert!((least * MS..=most * MS).contains(&found), "{share} {found:?}");
        }
        assert_eq!(of(&[Duration::from_hours(1)]).quantile(0.5), Some(Duration::from_mins(1)));
    }
}
