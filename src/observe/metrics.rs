//! What is counted and timed of every exchange and every forward, beside the
//! [accounts](crate::observe::accounts). The operators' port prints it.

use crate::fields::cache_status::CacheStatus;
use crate::fields::cache_status::Handling;
use crate::observe::access::Outcome;
use crate::observe::connections::Connections;
use crate::observe::counts::Counts;
use crate::observe::histogram::Counted;
use crate::observe::histogram::Histogram;
use http::StatusCode;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// The counts and timings of one gateway.
#[derive(Debug, Default)]
pub struct Metrics {
    /// Replies, by how they came about.
    exchanges: Counts<Exchange>,
    /// The commonest of those: fresh, found, from the store.
    plain_hits: AtomicU64,
    /// From a request's head to that of its reply, by where that came from.
    from_store: Histogram,
    from_upstream: Histogram,
    of_our_own: Histogram,
    /// From a read's head to the knowledge of what is to be done about it.
    pub lookup: Histogram,
    /// How long forwards stood in line for a turn; nothing, if they could go at once.
    pub queued: Histogram,
    /// From a turn to the whole answer, one try of a forward.
    pub forward: Histogram,
    /// From the sending of what passes through to the head of its answer.
    pub passage: Histogram,
    /// Requests to the upstream that have failed, by why.
    pub failures: Counts<&'static str>,
    /// Answers of the upstream, by kind.
    answers: Counts<&'static str>,
    /// Probes of a credential, by what came of them.
    pub probes: Counts<&'static str>,
    /// What the breaker has done.
    pub breaker: Counts<&'static str>,
    /// Those of the gateway's port.
    pub connections: Arc<Connections>,
}

/// A reply, by how it came about: the words of its `Cache-Status`, or of its refusal.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Exchange {
    /// `hit`, the reason it was forwarded for, or `none`.
    pub cache: &'static str,
    /// Whether it is stored now.
    pub stored: bool,
    /// Whether another's forward brought it.
    pub collapsed: bool,
    /// `Cache-Status`'s detail, or nothing.
    pub detail: &'static str,
    /// Why it was refused or has failed, or nothing.
    pub error: &'static str,
}

impl Exchange {
    /// How a reply came about.
    pub fn of(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Answered(how) => Self::handled(how, ""),
            Outcome::Failed(how, error) => Self::handled(how, error),
            Outcome::Own(error) => Self { cache: NONE, error, ..Self::default() },
            Outcome::Page => Self { cache: NONE, ..Self::default() },
        }
    }

    /// Whether it was refused by the gateway itself.
    pub fn is_refusal(&self) -> bool {
        self.cache == NONE && !matches!(self.error, "" | "live")
    }

    fn handled(how: &CacheStatus, error: &'static str) -> Self {
        let CacheStatus { stored, collapsed, detail, .. } = *how;
        Self { cache: how.word(), stored, collapsed, detail: detail.unwrap_or_default(), error }
    }

    const PLAIN_HIT: Self =
        Self { cache: "hit", stored: false, collapsed: false, detail: "", error: "" };
}

/// Of what the cache has no part in.
const NONE: &str = "none";

/// Where a reply came from, and how long those took.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Took {
    /// From the store.
    pub from_store: Counted,
    /// From the upstream, or from what stood in for it.
    pub from_upstream: Counted,
    /// Refusals and pages of our own.
    pub of_our_own: Counted,
}

impl Metrics {
    /// A reply is made, so long after its request's head came.
    pub fn note(&self, outcome: &Outcome, took: Duration) {
        let timed = match outcome {
            Outcome::Answered(CacheStatus {
                handling: Handling::Hit { .. },
                collapsed: false,
                ..
            }) => &self.from_store,
            Outcome::Answered(_) | Outcome::Failed(..) => &self.from_upstream,
            Outcome::Own(_) | Outcome::Page => &self.of_our_own,
        };
        timed.note(took);
        match outcome {
            Outcome::Answered(CacheStatus {
                handling: Handling::Hit { .. },
                stored: false,
                collapsed: false,
                detail: None,
            }) => drop(self.plain_hits.fetch_add(1, Ordering::Relaxed)),
            _ => self.exchanges.add(Exchange::of(outcome)),
        }
    }

    /// The upstream has answered.
    pub fn answered(&self, status: StatusCode) {
        self.answers.add(match status.as_u16() {
            200..=299 => "2xx",
            300..=399 => "3xx",
            429 => "429",
            400..=499 => "4xx",
            _ => "5xx",
        });
    }

    /// Replies, by how they came about.
    pub fn exchanges(&self) -> Vec<(Exchange, u64)> {
        let mut all = self.exchanges.all();
        all.push((Exchange::PLAIN_HIT, self.plain_hits.load(Ordering::Relaxed)));
        all
    }

    /// Answers of the upstream, by kind.
    pub fn answers(&self) -> Vec<(&'static str, u64)> {
        self.answers.all()
    }

    /// How long replies took.
    pub fn took(&self) -> Took {
        Took {
            from_store: self.from_store.counted(),
            from_upstream: self.from_upstream.counted(),
            of_our_own: self.of_our_own.counted(),
        }
    }
}

impl Took {
    /// All of them.
    pub fn all(&self) -> Counted {
        self.from_store.and(&self.from_upstream).and(&self.of_our_own)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::cache_status::ForwardReason;

    #[test]
    fn a_reply_is_counted_once_by_the_words_of_its_cache_status() {
        let miss = CacheStatus::forwarded(ForwardReason::UriMiss, Some(200));
        let stored = CacheStatus { stored: true, ..miss };
        let hit = CacheStatus { handling: Handling::Hit { ttl: 9 }, ..miss };
        let negative = CacheStatus { detail: Some("not-found"), ..hit };
        let metrics = Metrics::default();
        for outcome in [
            Outcome::Answered(hit),
            Outcome::Answered(CacheStatus { handling: Handling::Hit { ttl: 1 }, ..hit }),
            Outcome::Answered(negative),
            Outcome::Answered(stored),
            Outcome::Failed(miss, "connect"),
            Outcome::Own("GATEWAY_BAD_HOST"),
            Outcome::Page,
        ] {
            metrics.note(&outcome, Duration::from_millis(1));
        }
        let none = Exchange { cache: "none", ..Exchange::default() };
        let missed = Exchange { cache: "uri-miss", ..Exchange::default() };
        let mut expected = vec![
            (Exchange::PLAIN_HIT, 2),
            (Exchange { detail: "not-found", ..Exchange::PLAIN_HIT }, 1),
            (Exchange { stored: true, ..missed }, 1),
            (Exchange { error: "connect", ..missed }, 1),
            (Exchange { error: "GATEWAY_BAD_HOST", ..none }, 1),
            (none, 1),
        ];
        expected.sort();
        let mut all = metrics.exchanges();
        all.sort();
        assert_eq!(all, expected);
        let took = metrics.took();
        let counts = [took.from_store, took.from_upstream, took.of_our_own].map(|t| t.count());
        assert_eq!((counts, took.all().count()), ([3, 2, 2], 7));
    }

    #[test]
    fn a_429_is_no_other_answer() {
        let metrics = Metrics::default();
        for status in [200, 304, 404, 429, 429, 503] {
            metrics.answered(StatusCode::from_u16(status).unwrap());
        }
        let expected = [("2xx", 1), ("3xx", 1), ("429", 2), ("4xx", 1), ("5xx", 1)];
        assert_eq!(metrics.answers(), expected);
    }
}
