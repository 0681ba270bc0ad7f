//! How fast a run gets on, and how long the rest of it will take.

use crate::app::fetch_tally::Tally;
use crate::base::time::Timestamp;
use humantime::format_duration;
use std::collections::VecDeque;
use std::time::Duration;

/// What the pace of the moment is taken from: long enough to be steady, short enough that a rate
/// which has changed shows.
const WINDOW: Duration = Duration::from_secs(30);

/// The pace of the moment. It holds as many sights as are taken within the window.
#[derive(Debug, Default)]
pub struct Pace {
    /// How many ids were done at which moment.
    sights: VecDeque<(Timestamp, u64)>,
}

impl Pace {
    /// Takes in how far the run is.
    pub fn see(&mut self, tally: &Tally, now: Timestamp) {
        while self.sights.get(1).is_some_and(|(at, _)| now.since(*at) >= WINDOW) {
            self.sights.pop_front();
        }
        self.sights.push_back((now, tally.done_now()));
    }

    /// The state of the run in words.
    pub fn words(&self, tally: &Tally) -> String {
        let tenths = self.tenths_per_second().unwrap_or_default();
        let share = tally.hits.saturating_mul(100).checked_div(tally.done_now());
        let left = self.time_for(tally.left());
        let left =
            left.map_or_else(String::new, |left| format!("{} left, ", format_duration(left)));
        format!(
            "{}.{}/s, {left}{} failed, {} % hits, {} upstream calls",
            tenths / 10,
            tenths % 10,
            tally.failed,
            share.unwrap_or_default().min(100),
            tally.upstream,
        )
    }

    fn tenths_per_second(&self) -> Option<u128> {
        let (done, millis) = self.window()?;
        u128::from(done).saturating_mul(10_000).checked_div(millis)
    }

    /// How long `ids` take, in whole seconds; `None` while nothing tells.
    fn time_for(&self, ids: u64) -> Option<Duration> {
        let (done, millis) = self.window()?;
        let millis = u128::from(ids).saturating_mul(millis).checked_div(u128::from(done))?;
        Some(Duration::from_secs(u64::try_from(millis.div_ceil(1_000)).unwrap_or(u64::MAX)))
    }

    /// What was done in the window, and how many milliseconds that took.
    fn window(&self) -> Option<(u64, u128)> {
        let ((from, before), (to, after)) = (self.sights.front()?, self.sights.back()?);
        Some((after.saturating_sub(*before), to.since(*from).as_millis()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(found: u64) -> Tally {
        Tally { asked: 1_000, found, hits: found / 4, upstream: 7, ..Tally::default() }
    }

    /// Sights are moments in seconds and what was done by then.
    fn words(sights: &[(u64, u64)]) -> String {
        let mut pace = Pace::default();
        for (secs, found) in sights {
            pace.see(&tally(*found), Timestamp::from_secs(*secs));
        }
        pace.words(&tally(sights.last().map_or(0, |(_, found)| *found)))
    }

    #[test]
    fn the_pace_is_that_of_the_last_half_minute() {
        for (sights, expected) in [
            (&[][..], "0.0/s, 0 failed, 0 % hits, 7 upstream calls"),
            (&[(5, 0)], "0.0/s, 0 failed, 0 % hits, 7 upstream calls"),
            (&[(5, 0), (10, 0)], "0.0/s, 0 failed, 0 % hits, 7 upstream calls"),
            (&[(5, 0), (10, 100)], "20.0/s, 45s left, 0 failed, 25 % hits, 7 upstream calls"),
            (&[(0, 0), (30, 1)], "0.0/s, 8h 19m 30s left, 0 failed, 0 % hits, 7 upstream calls"),
            // A fast beginning no longer counts.
            (
                &[(0, 0), (10, 600), (20, 605), (40, 660)],
                "2.0/s, 2m 50s left, 0 failed, 25 % hits, 7 upstream calls",
            ),
            (&[(0, 0), (9, 1_000)], "111.1/s, 0s left, 0 failed, 25 % hits, 7 upstream calls"),
        ] {
            assert_eq!(words(sights), expected, "{sights:?}");
        }
    }

    #[test]
    fn no_more_is_held_than_the_window_shows() {
        let mut pace = Pace::default();
        for second in 0..10_000 {
            pace.see(&tally(second), Timestamp::from_secs(second));
        }
        assert_eq!(pace.sights.len(), 31);
    }
}
