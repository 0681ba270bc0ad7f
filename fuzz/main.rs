//! Whatever reads bytes from outside, fed with what nobody would write: `fuzz/README.md`.
//!
//! Each target replays its kept corpus, then mutates it from a fixed seed. A check is not only that
//! nothing panics: a second, plain reading of the same bytes has to agree.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a check that fails may say so loudly; the long form reads the clock and its length"
)]
#![expect(unreachable_pub, reason = "a test binary has no outside; `pub` says who else may use it")]

mod mutation;
mod runner;
mod resources;
mod json;
mod paths;
mod heads;
mod directives;
mod numbers;
mod validators;
mod lists;
mod answers;
mod writes;
mod batches;
mod credentials;
mod growth;

use crate::runner::run;

#[test]
fn a_path_means_one_thing_or_is_refused() {
    run(&paths::TARGET);
}

#[test]
fn a_head_that_is_let_in_can_be_read_in_one_way() {
    run(&heads::TARGET);
}

#[test]
fn directives_only_ever_restrict() {
    run(&directives::TARGET);
}

#[test]
fn numbers_and_dates_are_read_as_written_or_not_at_all() {
    run(&numbers::TARGET);
}

#[test]
fn validators_never_match_what_they_do_not_name() {
    run(&validators::TARGET);
}

#[test]
fn lists_of_names_lose_none() {
    run(&lists::TARGET);
}

#[test]
fn a_second_reader_finds_the_same_ticket_in_an_answer() {
    run(&answers::TARGET);
}

#[test]
fn a_write_touches_at_least_the_ticket_it_names() {
    run(&writes::TARGET);
}

#[test]
fn a_batch_asks_for_the_ids_that_stand_there() {
    run(&batches::TARGET);
}

#[test]
fn a_credential_never_outlives_a_claim() {
    run(&credentials::TARGET);
}
