//! What goes on beside hits, one thing at a time.

use crate::load::Expected;
use crate::load::MISS;
use crate::load::WRITTEN;
use crate::stand::B;
use crate::stand::Side;
use crate::upstream::Terms;
use crate::work::Kind;
use std::time::Duration;

type Settings = &'static [(&'static str, &'static str)];

/// Two servers that differ in one thing.
pub(crate) struct Scenario {
    pub(crate) title: &'static str,
    pub(crate) alone: Settings,
    pub(crate) beside: Settings,
    /// Of both upstreams.
    pub(crate) terms: Terms,
    /// What the other credential asks of the second; nothing where the server has something to do
    /// by itself.
    pub(crate) side: Option<Side>,
    /// Fetched into both at first, with no room for all.
    pub(crate) overfill: u64,
    /// Whether the second one's upstream is asked for more than what is answered.
    pub(crate) asks_more: bool,
}

const SILENT: (&str, &str) = ("LOG__ACCESS", "off");
const UNLIMITED: (&str, &str) = ("LIMIT__RATE", "off");
const LEASE: (&str, &str) = ("LIFETIMES__LEASE", "10m");
/// Nothing becomes stale in the meantime.
const LONG: (&str, &str) = ("LIFETIMES__OPEN", "10m");
const PLAIN: Settings = &[LONG, LEASE, UNLIMITED, SILENT];

/// Each ticket becomes stale when the second ends in which the upstream gave it out, and is given
/// out stale until it has come anew.
const SHORT: Settings = &[
    ("LIFETIMES__OPEN", "1s"),
    ("LIFETIMES__STALE_WHILE_REVALIDATE", "10m"),
    LEASE,
    UNLIMITED,
    SILENT,
];

/// Room for about 2 500 tickets.
const SMALL: Settings = &[("CACHE__MEMORY", "8MiB"), LONG, LEASE, UNLIMITED, SILENT];
const OVERFILL: u64 = 4_000;

/// A mark is kept for as long as what it covers may be of use: here nine seconds, so that some are
/// forgotten before the last round. A turn takes two, and what is hot comes anew before each.
const FORGETFUL: Settings = &[
    ("LIFETIMES__MAX", "4s"),
    ("LIFETIMES__OPEN", "4s"),
    ("LIFETIMES__SETTLED", "4s"),
    ("LIFETIMES__NOT_FOUND", "4s"),
    ("LIFETIMES__STALE_WHILE_REVALIDATE", "0s"),
    ("LIFETIMES__STALE_IF_ERROR", "0s"),
    ("UPSTREAM__TOTAL_TIMEOUT", "1s"),
    LEASE,
    UNLIMITED,
    SILENT,
];

/// The default `LIMIT__RATE`, which learns from refusals.
const LEARNING: Settings = &[LONG, LEASE, SILENT];

const AT_ONCE: Terms = Terms { latency: Duration::ZERO, limit: None };
const AWAY: Terms = Terms { latency: Duration::from_millis(20), limit: None };
/// Of the other credential it takes 200 in each second. Where nothing is refused the default rate
/// limits nothing.
const STRICT: Terms = Terms { limit: Some((B, 200)), ..AWAY };

const fn side(kind: Kind, per_second: Option<u32>, expected: Expected) -> Side {
    Side { kind, connections: 64, per_second, expected }
}

/// In the order they are measured.
pub(crate) const ALL: [Scenario; 5] = [
    Scenario {
        title: "validation in the background",
        alone: PLAIN,
        beside: SHORT,
        terms: AT_ONCE,
        side: None,
        overfill: 0,
        asks_more: true,
    },
    Scenario {
        title: "500 misses a second into a full store",
        alone: SMALL,
        beside: SMALL,
        terms: AT_ONCE,
        side: Some(side(Kind::Read, Some(500), MISS)),
        overfill: OVERFILL,
        asks_more: false,
    },
    Scenario {
        title: "1 000 writes a second, marks of nine seconds",
        alone: FORGETFUL,
        beside: FORGETFUL,
        terms: AT_ONCE,
        side: Some(side(Kind::Write, Some(1_000), WRITTEN)),
        overfill: 0,
        asks_more: false,
    },
    Scenario {
        title: "a storm of misses: 64 connections, upstream 20 ms away",
        alone: PLAIN,
        beside: PLAIN,
        terms: AWAY,
        side: Some(side(Kind::Read, None, MISS)),
        overfill: 0,
        asks_more: false,
    },
    Scenario {
        title: "the same storm, upstream takes 200 a second of it, limit.rate learns",
        alone: LEARNING,
        beside: LEARNING,
        terms: STRICT,
        side: Some(side(Kind::Read, None, Expected { may_be_limited: true, ..MISS })),
        overfill: 0,
        asks_more: true,
    },
];
