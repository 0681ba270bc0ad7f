//! What a stored response costs in memory above its body: `cargo bench --bench memory`.
//!
//! Fetches many tickets nobody has asked for through the gateway as shipped, with room for all of
//! them, and compares the memory of its process before and after. Then asks for some again: the
//! figure stands only if they were really stored. `--quick` only shows that it works.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a bench prints its figures")]
#![expect(clippy::disallowed_methods, reason = "a bench measures time as it passes")]

#[path = "../support/mod.rs"]
mod support;

use crate::support::load::Expected;
use crate::support::load::Load;
use crate::support::pinning::Pinning;
use crate::support::server::Server;
use crate::support::upstream::Upstream;
use crate::support::work;
use crate::support::work::Question;
use crate::support::work::TOKENS;
use std::env;
use std::fs;
use std::io;
use std::ops::Range;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

const CONNECTIONS: usize = 64;
/// Fetched first, so that buffers, connections and tables have their size.
const WARM_UP: u64 = 2_000;
const SETTINGS: [(&str, &str); 5] = [
    ("CACHE__MEMORY", "2GiB"),
    ("LIFETIMES__OPEN", "1h"),
    ("LIFETIMES__LEASE", "1h"),
    ("LOG__ACCESS", "off"),
    // Otherwise only the superuser may see how much memory it has.
    ("LIFECYCLE__CORE_DUMPS", "true"),
];
/// Longer than deferred housekeeping takes.
const SETTLING: Duration = Duration::from_millis(2_500);

fn main() -> ExitCode {
    let full = env::args().any(|argument| argument == "--bench");
    let quick = env::args().any(|argument| argument == "--quick");
    let tickets = if full && !quick { 200_000 } else { 20_000 };
    match bench(tickets) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn bench(tickets: u64) -> io::Result<()> {
    let upstream = Upstream::start(Duration::ZERO)?;
    let gateway = Server::gateway(Pinning::of_this_process(), upstream.address, &SETTINGS)?;
    let mut load = Load::open(gateway.address, CONNECTIONS)?;
    let miss = Expected::cache_status("; fwd=uri-miss");
    load.run(questions(0..WARM_UP), miss)?;
    let before = memory_at_rest(&gateway)?;
    let tally = load.run(questions(WARM_UP..WARM_UP + tickets), miss)?;
    let after = memory_at_rest(&gateway)?;

    let fetched = upstream.requests();
    let sample = (WARM_UP..WARM_UP + tickets).step_by(7);
    load.run(sample.map(question), Expected::cache_status("; hit"))?;
    if upstream.requests() != fetched {
        return Err(io::Error::other("some of the tickets were not stored"));
    }

    let body = u64::try_from(work::body(&work::id(0)).len()).map_err(io::Error::other)?;
    let each = after.saturating_sub(before) / tickets;
    println!("{} tickets of {body} B fetched in {:.1?}", tally.latencies.len(), tally.took);
    println!("the process took {before} B before and {after} B after");
    println!("{each} B for each, {} B above its body", each.saturating_sub(body));
    Ok(())
}

fn questions(tickets: Range<u64>) -> impl Iterator<Item = Question> {
    tickets.map(question)
}

fn question(ticket: u64) -> Question {
    Question { ticket, token: ticket % TOKENS }
}

/// The server's proportional set size in bytes: memory it shares is counted in part.
fn memory_at_rest(server: &Server) -> io::Result<u64> {
    thread::sleep(SETTLING);
    let rollup = fs::read_to_string(format!("/proc/{}/smaps_rollup", server.pid()))?;
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"));
    let kibibytes = line.and_then(|rest| rest.split_whitespace().next()).unwrap_or_default();
    kibibytes.parse().map(|kibibytes: u64| kibibytes * 1_024).map_err(io::Error::other)
}
