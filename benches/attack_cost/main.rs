//! What an attack costs, per octet of it: `cargo bench --bench attack_cost`.
//!
//! Everything that is refused, what is long to read on requests that are good otherwise, and what a
//! hostile upstream answers, each sent to a whole gateway beside something plain of the same size, in
//! turns. `--quick` measures processor time for a moment only; memory is counted either way.
//!
//! It fails if anything did not come to what it should, or if an octet of an attack costs more than
//! [`cost::MOST`] octets of memory, or times the processor time of a plain one; or more than the row
//! says where it says why.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a bench prints its figures")]

mod meter;
mod script;
mod house;
mod trial;
mod plain;
mod row;
mod requests;
mod costly;
mod answers;
mod cost;

use crate::cost::Cost;
use crate::cost::MOST;
use crate::cost::Plan;
use crate::cost::Whole;
use crate::row::Row;
use std::env;
use std::io;
use std::process::ExitCode;
use std::time::Duration;

const FULL: Plan = Plan { rounds: 15, span: Duration::from_millis(4), leeway: 1.0 };
const QUICK: Plan = Plan { rounds: 5, span: Duration::from_millis(1), leeway: 1.5 };

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let given = |flag: &str| arguments.iter().any(|argument| argument == flag);
    // Cargo adds `--bench` to what it is given, and not when it merely tests.
    let plan = if given("--quick") || !given("--bench") { &QUICK } else { &FULL };
    let outcome = exchanges(plan).map(|()| attacks(plan));
    let amiss = match outcome {
        Ok(0) => return ExitCode::SUCCESS,
        Ok(amiss) => format!("{amiss} cost too much, or came to something else"),
        Err(error) => error.to_string(),
    };
    eprintln!("error: {amiss}");
    ExitCode::FAILURE
}

/// What is plain, whole: what the others are measured by.
fn exchanges(plan: &Plan) -> io::Result<()> {
    println!("{:42}   octets allocated     peak   CPU-µs", "a connection with");
    for (name, sent) in [
        ("no exchange", plain::silence()),
        ("a hit", plain::hit(0)),
        ("a hit of 8 KiB", plain::hit(8 * 1024)),
        ("a hit of 31 KiB", plain::hit(row::LONGEST_HEAD)),
        ("a GET that passes through", plain::passage(0)),
        ("a GET of 8 KiB that passes through", plain::passage(8 * 1024)),
        ("a body of 1 MiB that passes through", plain::body(1024 * 1024)),
        ("a miss", plain::miss(0)),
        ("a miss of 1 MiB", plain::miss(1024 * 1024 - 1024)),
    ] {
        println!("  {name:40} {}", Whole::measure(&sent, plan)?);
    }
    Ok(())
}

/// How many are amiss.
fn attacks(plan: &Plan) -> usize {
    let mut amiss = 0;
    for (title, rows) in [
        ("refused for its head", requests::heads()),
        ("refused for its fields", requests::fields()),
        ("refused for its body", requests::bodies()),
        ("batches refused for their ids", requests::batches()),
        ("not understood", requests::unparsed()),
        ("hits with costly fields", costly::hits()),
        ("other costly requests", costly::others()),
        ("answers, their bodies", answers::bodies()),
        ("answers, their frames", answers::frames()),
        ("answers, their heads", answers::heads()),
    ] {
        println!("\n{title:42}   octets allocated   peak    CPU-ns   times");
        for row in rows {
            amiss += usize::from(!is_fine(&row, plan));
        }
    }
    amiss
}

/// Measures a row and prints it.
fn is_fine(row: &Row, plan: &Plan) -> bool {
    let name = row.name;
    let cost = match Cost::measure(row, plan) {
        Ok(cost) => cost,
        Err(error) => {
            println!("  {name:40} {error}");
            return false;
        }
    };
    let (most, why) = row.known.unwrap_or((MOST, ""));
    let over = cost.is_over(most, plan.leeway);
    let remark = if over { " TOO MUCH" } else { why };
    println!("  {name:40} {cost}  {remark}");
    !over
}
