//! The gateway beside other HTTP caches, on the same work: `cargo bench --bench compare`.
//!
//! nginx, Varnish and `HAProxy`, as far as they are installed (`--install` has apt-get install
//! Debian's), each tuned as well as its manual tells, bare hyper as the limit, and the gateway as
//! shipped: all in front of one upstream, keyed on token and path. They take turns, round by round,
//! so that what else the machine does falls on all alike. Medians go to stdout and, with each sample
//! and a plot, to `compare/` in cargo's target directory. `--quick` only shows that it works;
//! `--help` tells the other options.
//!
//! First it verifies that each really caches, and really tells tokens and tickets apart; it fails if
//! one does not, or if any answer later is not the one asked for. Whatever it starts it ends, by its
//! id, also when it is interrupted.
//!
//! Pingora is left out: it is a library, Debian has no server made of it, and one written here would
//! measure what was written here.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a bench prints its figures")]
#![expect(clippy::disallowed_methods, reason = "a bench measures time as it passes")]

#[path = "../hit_cost/bare.rs"]
mod bare;
#[expect(dead_code, reason = "the upstream, and how servers are started, are its own here")]
#[path = "../support/mod.rs"]
mod support;

mod options;
mod interrupt;
mod process;
mod origin;
mod ask;
mod questions;
mod paced;
mod contender;
mod contenders;
mod running;
mod verify;
mod figures;
mod measures;
mod table;
mod plot;
mod report;

use crate::contender::Contender;
use crate::contender::Stand;
use crate::figures::Figures;
use crate::measures::Bench;
use crate::options::Options;
use crate::options::Plan;
use crate::origin::Origin;
use crate::process::Usage;
use crate::support::pinning::Pinning;
use std::env;
use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;
use std::process::ExitCode;

/// The gateway's own choice.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let is_server = env::args().any(|argument| argument == bare::FLAG);
    let outcome = if is_server { bare::serve() } else { compare(&Options::of_this_run()) };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn compare(options: &Options) -> io::Result<()> {
    if options.install {
        install()?;
    }
    let plan = options.plan();
    interrupt::watch(plan.longest())?;
    process::open_more_files()?;
    let pinning = Pinning::of_this_process();
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("compare");
    fs::create_dir_all(&directory)?;
    let gateway = options.gateway()?;
    let stand = Stand { pinning, origin: Origin::start()?, directory, gateway };
    let mut about =
        vec![format!("{pinning}; turns of {1:?}, {0} for each", plan.rounds, plan.round)];
    let present = present(&plan, &stand, &mut about)?;
    let about = about.join("\n");
    println!("{about}");
    verify::all(&stand, &present)?;

    let mut bench = Bench { plan: &plan, stand: &stand, figures: Figures::default(), fresh: 0 };
    let before = Usage::now()?;
    let outcome = measures::all(&mut bench, &present);
    let others = Usage::now()?.others_since(before);
    bench.figures.remark(format!("other work took {others} % of the machine in the meantime"));
    // What was measured before something went wrong is still worth reading.
    report::write(&about, &bench.figures, &stand.directory)?;
    outcome
}

/// Those asked for that are on this machine. Each is told about.
fn present(
    plan: &Plan,
    stand: &Stand,
    about: &mut Vec<String>,
) -> io::Result<Vec<&'static Contender>> {
    if let Some(name) = plan.only.iter().find(|name| contenders::named(name).is_none()) {
        let known = contenders::names();
        return Err(io::Error::other(format!("no contender is named {name}; there are {known}")));
    }
    let mut present = Vec::new();
    for contender in &contenders::ALL {
        if !plan.takes(contender.name) {
            continue;
        }
        match contender.version(stand) {
            Some(version) => {
                about.push(format!("{:24} {version}", contender.title));
                present.push(contender);
            }
            None => about.push(format!("{:24} missing: left out", contender.title)),
        }
    }
    if present.is_empty() {
        return Err(io::Error::other("nothing to compare"));
    }
    Ok(present)
}

/// Nothing of this run ends it: an installation is better finished than cut off. It has its own bound.
fn install() -> io::Result<()> {
    let script = include_str!("install.sh");
    if Command::new("sh").args(["-c", script]).status()?.success() {
        return Ok(());
    }
    Err(io::Error::other("the installation failed"))
}
