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
    sights: VecDeque<Sight>,
}

/// How far the run was at some moment.
#[derive(Clone, Copy, Debug)]
struct Sight {
    at: Timestamp,
    /// Ids that were done.
    done: u64,
    /// Calls of the upstream.
    upstream: u64,
}

impl Pace {
    /// Takes in how far the run is.
    pub fn see(&mut self, tally: &Tally, now: Timestamp) {
        while self.sights.get(1).is_some_and(|sight| now.since(sight.at) >= WINDOW) {
            self.sights.pop_front();
        }
        self.sights.push_back(Sight { at: now, done: tally.done_now(), upstream: tally.upstream });
    }

    /// The state of the run in words, what counts most first: a terminal may have no room for the
    /// rest. `budget`: how many calls a second the upstream is asked at most, if that is known.
    pub fn words(&self, tally: &Tally, budget: Option<f64>) -> String {
        let Window { done, upstream, millis } = self.window().unwrap_or_default();
        let share = tally.hits.saturating_mul(100).checked_div(tally.done_now());
        let left = self.time_for(tally.left());
        let left =
            left.map_or_else(String::new, |left| format!("{} left, ", format_duration(left)));
        let budget = budget.map_or_else(String::new, |rate| format!(" of {rate:.1}"));
        let failed = match tally.last_failure {
            Some(status) => format!("{} failed (last: {status}), ", tally.failed),
            None => String::new(),
        };
        format!(
            "{}/s, {left}{failed}{} % hits, {}{budget} calls/s, {} upstream calls",
            a_second(done, millis),
            share.unwrap_or_default().min(100),
            a_second(upstream, millis),
            tally.upstream,
        )
    }

    /// How long `ids` take, in whole seconds; `None` while nothing tells.
    fn time_for(&self, ids: u64) -> Option<Duration> {
        let Window { done, millis, .. } = self.window()?;
        let millis = u128::from(ids).saturating_mul(millis).checked_div(u128::from(done))?;
        Some(Duration::from_secs(u64::try_from(millis.div_ceil(1_000)).unwrap_or(u64::MAX)))
    }

    fn window(&self) -> Option<Window> {
        let (first, last) = (self.sights.front()?, self.sights.back()?);
        Some(Window {
            done: last.done.saturating_sub(first.done),
            upstream: last.upstream.saturating_sub(first.upstream),
            millis: last.at.since(first.at).as_millis(),
        })
    }
}

/// What was done in the window, and how long that took.
#[derive(Clone, Copy, Debug, Default)]
struct Window {
    done: u64,
    upstream: u64,
    millis: u128,
}

/// With one decimal.
fn a_second(count: u64, millis: u128) -> String {
    let tenths = u128::from(count).saturating_mul(10_000).checked_div(millis).unwrap_or_default();
    format!("{}.{}", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(found: u64) -> Tally {
        Tally { asked: 1_000, found, hits: found / 4, upstream: found / 2, ..Tally::default() }
    }

    /// Sights are moments in seconds and what was done by then.
    fn words(sights: &[(u64, u64)]) -> String {
        let mut pace = Pace::default();
        for (secs, found) in sights {
            pace.see(&tally(*found), Timestamp::from_secs(*secs));
        }
        pace.words(&tally(sights.last().map_or(0, |(_, found)| *found)), None)
    }

    #[test]
    fn the_pace_is_that_of_the_last_half_minute() {
        for (sights, expected) in [
            (&[][..], "0.0/s, 0 % hits, 0.0 calls/s, 0 upstream calls"),
            (&[(5, 0)], "0.0/s, 0 % hits, 0.0 calls/s, 0 upstream calls"),
            (&[(5, 0), (10, 0)], "0.0/s, 0 % hits, 0.0 calls/s, 0 upstream calls"),
            (&[(5, 0), (10, 100)], "20.0/s, 45s left, 25 % hits, 10.0 calls/s, 50 upstream calls"),
            (&[(0, 0), (30, 1)], "0.0/s, 8h 19m 30s left, 0 % hits, 0.0 calls/s, 0 upstream calls"),
            // A fast beginning no longer counts.
            (
                &[(0, 0), (10, 600), (20, 605), (40, 660)],
                "2.0/s, 2m 50s left, 25 % hits, 1.0 calls/s, 330 upstream calls",
            ),
            (
                &[(0, 0), (9, 1_000)],
                "111.1/s, 0s left, 25 % hits, 55.5 calls/s, 500 upstream calls",
            ),
        ] {
            assert_eq!(words(sights), expected, "{sights:?}");
        }
    }

    #[test]
    fn the_budget_stands_beside_what_is_used_of_it_and_fits_the_screen() {
        let mut pace = Pace::default();
        for (second, found) in [(0, 0), (30, 570)] {
            pace.see(&tally(found), Timestamp::from_secs(second));
        }
        let words = pace.words(&tally(570), Some(10.0));
        let (first, _) = words.rsplit_once(", ").unwrap();
        assert_eq!(first, "19.0/s, 23s left, 24 % hits, 9.5 of 10.0 calls/s");
        let before = "████████████ 570/1000 ";
        assert!(before.chars().count() + first.chars().count() <= 80);
    }

    #[test]
    fn who_waits_for_an_upstream_that_fails_sees_why() {
        let tally = Tally { asked: 9, failed: 2, last_failure: Some(502), ..Tally::default() };
        let words = Pace::default().words(&tally, None);
        assert!(words.starts_with("0.0/s, 2 failed (last: 502), 0 % hits, "), "{words}");
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
