//! The last minutes, for people: what happened in each of a row of equal spans.

use crate::base::time::Timestamp;
use crate::observe::accounts::Totals;
use crate::observe::histogram::Counted;
use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;

/// How long one span is; whoever calls [`History::note`] keeps to it.
pub const SPAN: Duration = Duration::from_secs(5);

/// How many spans are kept: ten minutes.
const SPANS: usize = 120;

/// All that was counted until a moment.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reading {
    /// The accounts.
    pub totals: Totals,
    /// Requests to the upstream that have failed.
    pub failures: u64,
    /// How long replies took.
    pub took: Counted,
    /// How long the upstream took over reads.
    pub forward: Counted,
}

/// The last minutes.
#[derive(Debug, Default)]
pub struct History(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    last: Reading,
    noted_at: Option<Timestamp>,
    /// The oldest first.
    spans: VecDeque<Reading>,
}

impl History {
    /// A span ends.
    pub fn note(&self, reading: Reading, now: Timestamp) {
        let mut kept = self.lock();
        kept.noted_at = Some(now);
        let span = reading.since(&kept.last);
        kept.last = reading;
        if kept.spans.len() >= SPANS {
            kept.spans.pop_front();
        }
        kept.spans.push_back(span);
    }

    /// What happened in each span, the oldest first.
    pub fn spans(&self) -> Vec<Reading> {
        self.lock().spans.iter().copied().collect()
    }

    /// When the last of them ended.
    pub fn noted_at(&self) -> Option<Timestamp> {
        self.lock().noted_at
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reading {
    /// What was counted since `earlier`.
    fn since(&self, earlier: &Self) -> Self {
        Self {
            totals: self.totals.since(&earlier.totals),
            failures: self.failures.saturating_sub(earlier.failures),
            took: self.took.since(&earlier.took),
            forward: self.forward.since(&earlier.forward),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(requests: u64) -> Reading {
        Reading { totals: Totals { requests, ..Totals::default() }, ..Reading::default() }
    }

    #[test]
    fn each_span_has_what_came_since_the_one_before_and_the_oldest_go() {
        let history = History::default();
        for total in [3, 3, 10] {
            history.note(reading(total), Timestamp::from_secs(total));
        }
        let requests = |history: &History| -> Vec<u64> {
            history.spans().iter().map(|span| span.totals.requests).collect()
        };
        assert_eq!(requests(&history), [3, 0, 7]);
        for more in 1..=120 {
            history.note(reading(10 + more), Timestamp::default());
        }
        assert_eq!(requests(&history), [1; 120]);
    }
}
