//! What grows, and what it costs: `cargo bench --bench growth`.
//!
//! The gateway as shipped, over loopback, in rounds that take turns. First what CPU a hit takes with
//! more stored responses, credentials, connections, octets or marks, each grown alone from the same
//! base. Then how late hits at a fixed rate are, counted from when they are due, alone and beside what
//! else a gateway does: validations in the background, evictions, writes, and the misses of another
//! credential. `--quick` only shows that it works; `--help` tells what can be measured alone.
//!
//! It fails if any answer was not the ticket asked for, or if a hit was none. It ends only processes
//! it started.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a bench prints its figures")]
#![expect(clippy::disallowed_methods, reason = "a bench measures time as it passes")]

#[path = "../hit_cost/figures.rs"]
mod figures;
#[expect(dead_code, reason = "only that more files may be opened is of use here")]
#[path = "../compare/process.rs"]
mod process;
#[expect(dead_code, reason = "the upstream and the load are its own here")]
#[path = "../support/mod.rs"]
mod support;

mod options;
mod work;
mod upstream;
mod load;
mod axes;
mod hits;
mod asker;
mod stand;
mod scenarios;
mod tail;

use crate::options::Options;
use crate::options::Part;
use crate::options::Plan;
use crate::support::pinning::Pinning;
use std::io;
use std::process::ExitCode;

/// The gateway's own choice.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let plan = match Options::of_this_run() {
        Ok(options) => options.plan(),
        Err((told, false)) => {
            println!("{told}");
            return ExitCode::SUCCESS;
        }
        Err((told, true)) => {
            eprintln!("{told}");
            return ExitCode::from(2);
        }
    };
    match bench(&plan) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn bench(plan: &Plan) -> io::Result<()> {
    // Thousands of connections need more than is usual.
    process::open_more_files()?;
    let pinning = Pinning::of_this_process();
    println!("{pinning}; hits in rounds of {:?}, in turns", plan.round);
    if plan.quick {
        println!("only to show that it works: at most 1 000 of everything, and 100 connections");
    }
    for part in &plan.parts {
        let title = match part {
            Part::Stored => "stored responses",
            Part::Credentials => "credentials",
            Part::Connections => "connections",
            Part::Bodies => "bodies",
            Part::Marks => "marks",
            Part::Tail => {
                tail::measure(plan, pinning)?;
                continue;
            }
        };
        hits::measure(title, &axes::rows(*part, plan.quick), plan, pinning)?;
    }
    Ok(())
}
