//! What has become of the ids so far: counted by the one who asks, read by the one who tells.

use crate::app::fetch_line::Answer;
use crate::app::fetch_line::Finding;
use crate::app::fetch_line::Last;
use std::sync::Mutex;
use std::sync::PoisonError;

/// How many ids came to what.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Tally {
    /// Distinct ids of the list.
    pub asked: u64,
    /// Tickets that are there, those of earlier runs included.
    pub found: u64,
    /// Ids that do not exist, those of earlier runs included.
    pub missing: u64,
    /// Of these two, what earlier runs have brought.
    pub earlier: u64,
    /// Answers that were neither.
    pub failed: u64,
    /// The status of the last of those.
    pub last_failure: Option<u16>,
    /// Answers of this run that cost no call of the upstream.
    pub hits: u64,
    /// Calls of the upstream in this run.
    pub upstream: u64,
}

impl Tally {
    /// Ids that have been answered, in whatever way.
    pub const fn done(&self) -> u64 {
        self.found.saturating_add(self.missing).saturating_add(self.failed)
    }

    /// Ids that this run has had answered.
    pub const fn done_now(&self) -> u64 {
        self.done().saturating_sub(self.earlier)
    }

    /// Ids that have not been answered.
    pub const fn left(&self) -> u64 {
        self.asked.saturating_sub(self.done())
    }

    /// Counts an answer of this run.
    pub fn count_answer(&mut self, answer: &Answer<'_>, finding: Finding) {
        if let Finding::Failed(_) = finding {
            self.last_failure = Some(answer.status);
        }
        self.count(finding);
        self.add(Cost::of(answer));
    }

    /// Counts one id.
    pub fn count(&mut self, finding: Finding) {
        let of = match finding {
            Finding::Found => &mut self.found,
            Finding::Missing => &mut self.missing,
            Finding::Failed(_) => &mut self.failed,
        };
        *of = of.saturating_add(1);
    }
}

/// What one call has cost as far as its lines tell; its last line knows it for certain.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Cost {
    hits: u64,
    upstream: u64,
}

impl Cost {
    /// What one answer has cost.
    pub fn of(answer: &Answer<'_>) -> Self {
        Self { hits: answer.is_hit().into(), upstream: answer.is_miss().into() }
    }

    /// Together with another.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self {
            hits: self.hits.saturating_add(other.hits),
            upstream: self.upstream.saturating_add(other.upstream),
        }
    }
}

impl From<&Last> for Cost {
    fn from(last: &Last) -> Self {
        Self { hits: last.hits, upstream: last.upstream }
    }
}

impl Tally {
    /// Adds a cost.
    pub fn add(&mut self, cost: Cost) {
        self.hits = self.hits.saturating_add(cost.hits);
        self.upstream = self.upstream.saturating_add(cost.upstream);
    }

    /// Puts what is certain in the place of what was `told`.
    pub fn correct(&mut self, told: Cost, certain: Cost) {
        self.hits = self.hits.saturating_sub(told.hits);
        self.upstream = self.upstream.saturating_sub(told.upstream);
        self.add(certain);
    }
}

/// A tally that another thread reads.
#[derive(Debug, Default)]
pub struct Board(Mutex<Tally>);

impl Board {
    /// Begins with this.
    pub const fn new(tally: Tally) -> Self {
        Self(Mutex::new(tally))
    }

    /// What it stands at.
    pub fn tally(&self) -> Tally {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes it.
    pub fn update(&self, change: impl FnOnce(&mut Tally)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_id_is_done_or_left() {
        let mut tally = Tally { asked: 10, found: 3, missing: 1, earlier: 4, ..Tally::default() };
        for finding in [Finding::Found, Finding::Missing, Finding::Failed(""), Finding::Found] {
            tally.count(finding);
        }
        assert_eq!((tally.found, tally.missing, tally.failed), (5, 2, 1));
        assert_eq!((tally.done(), tally.done_now(), tally.left()), (8, 4, 2));
    }

    #[test]
    fn the_last_line_of_a_call_corrects_what_its_lines_told() {
        let answer = |cache: &str| Answer {
            index: 0,
            id: "a".to_owned(),
            status: 200,
            cache: cache.to_owned(),
            body: "1",
        };
        let mut tally = Tally { hits: 10, upstream: 10, ..Tally::default() };
        let mut told = Cost::default();
        for cache in ["hit", "miss", "stale", "collapsed", "refused"] {
            let cost = Cost::of(&answer(cache));
            told = told.and(cost);
            tally.add(cost);
        }
        assert_eq!((tally.hits, tally.upstream), (12, 11));
        let last = Last { hits: 3, upstream: 2, stopped: None };
        tally.correct(told, Cost::from(&last));
        assert_eq!((tally.hits, tally.upstream), (13, 12));
    }
}
