//! Who asks for what, in which order: the same for every server and every round.

use crate::support::work::Question;
use crate::support::work::TOKENS;
use std::iter::repeat_with;
use std::ops::Range;
use std::time::Duration;
use std::time::Instant;

/// Tickets asked for again and again, each with every token.
const HOT_TICKETS: u64 = 256;
/// Above all that are hot, and above those of the traces.
const FIRST_FRESH: u64 = 1_000_000;

/// Each hot one once.
pub(crate) fn every_hot() -> impl Iterator<Item = Question> {
    (0..HOT_TICKETS * TOKENS).map(|n| Question { ticket: n / TOKENS, token: n % TOKENS })
}

/// Without end.
pub(crate) fn hot() -> impl Iterator<Item = Question> {
    let mut draw = fastrand::Rng::with_seed(1);
    repeat_with(move || Question { ticket: draw.u64(..HOT_TICKETS), token: draw.u64(..TOKENS) })
}

/// Never asked for before, if no number comes twice.
pub(crate) fn fresh(numbers: Range<u64>) -> impl Iterator<Item = Question> {
    numbers.map(|n| Question { ticket: FIRST_FRESH + n, token: n % TOKENS })
}

/// Without end: the n-th ticket is asked for an n-th as often as the first.
pub(crate) fn zipf(tickets: u32, seed: u64) -> impl Iterator<Item = Question> {
    let sums: Vec<f64> = (1..=tickets)
        .scan(0.0, |sum, rank| {
            *sum += 1.0 / f64::from(rank);
            Some(*sum)
        })
        .collect();
    let whole = sums.last().copied().unwrap_or_default();
    let mut draw = fastrand::Rng::with_seed(seed);
    repeat_with(move || {
        let drawn = draw.f64() * whole;
        let rank = sums.partition_point(|sum| *sum <= drawn);
        let ticket = u64::try_from(rank).unwrap_or_default();
        Question { ticket, token: ticket % TOKENS }
    })
}

/// Those asked before `span` is over.
pub(crate) fn lasting(
    span: Duration,
    questions: impl Iterator<Item = Question>,
) -> impl Iterator<Item = Question> {
    let end = Instant::now() + span;
    questions.take_while(move |_| Instant::now() < end)
}
