//! Chance that can be had again.

use std::ops::Range;

/// The seeds of a test that tries the same with much luck: `usual`, unless the environment names
/// others, as in `SEED=7 cargo test --test gateway simulation` or `SEED=0..10000`.
pub fn seeds(usual: Range<u64>) -> Range<u64> {
    let Ok(named) = std::env::var("SEED") else { return usual };
    let number = |text: &str| text.parse::<u64>().expect("SEED is a number, or a range of them");
    match named.split_once("..") {
        Some((first, end)) => number(first)..number(end),
        None => number(&named)..number(&named) + 1,
    }
}
