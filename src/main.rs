//! The command: reads the command line, has it done, and turns the ending into an exit code.

use mimalloc::MiMalloc;
use std::convert::Infallible;
use std::env;
use std::io;
use std::io::Write;
use std::process::ExitCode;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;
use verifik_gateway::app::check;
use verifik_gateway::app::cli;
use verifik_gateway::app::cli::Command;
use verifik_gateway::app::demo;
use verifik_gateway::app::ending::Ending;
use verifik_gateway::app::fetch;
use verifik_gateway::app::fetch_report::Report;
use verifik_gateway::app::health;
use verifik_gateway::app::process;
use verifik_gateway::app::purge;
use verifik_gateway::app::run;

/// Cheaper than the system's allocator where tickets are fetched and stored; hits see no difference.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    // First of all: the environment may hold a token.
    process::conceal();
    process::keep_to_small_pages();
    process::hush_panics();
    let ending = match cli::parse(env::args_os()) {
        Ok(Command::Serve(sources)) => run::serve(&sources, env::vars_os()),
        Ok(Command::Check(sources)) => check::check(&sources, env::vars_os()),
        Ok(Command::Demo { sources, upstream_only }) => {
            demo::demo(&sources, env::vars_os(), upstream_only)
        }
        Ok(Command::Fetch(sources, errand)) => {
            match fetch::fetch(&errand, &sources, env::vars_os()) {
                Ok(report) => return told(&report),
                Err(ending) => ending,
            }
        }
        Ok(Command::Purge(sources, errand)) => purge::purge(&errand, &sources, env::vars_os()),
        Ok(Command::Health(sources, port)) => health::health(&port, &sources, env::vars_os()),
        Err(ending) => ending,
    };
    let code = ending.code();
    match ending {
        // `check | head` closes the pipe early; what was asked for was done all the same.
        Ending::Done(words) => drop(io::stdout().write_all(words.as_bytes())),
        Ending::Misused(words) | Ending::Failed(words) => complain(words),
    }
    ExitCode::from(code)
}

/// Standard output may hold what was fetched, so what came of it is told on the other stream.
fn told(report: &Report) -> ExitCode {
    complain(report.to_string());
    ExitCode::from(report.code())
}

/// Says on standard error why it ended. A log whose reader has stopped reading holds that stream,
/// and must not keep the program from ending.
fn complain(words: String) {
    let (said, heard) = mpsc::channel::<Infallible>();
    let saying = thread::Builder::new().spawn(move || {
        drop(io::stderr().write_all(words.as_bytes()));
        drop(said);
    });
    drop(saying);
    // Returns when `said` is dropped, or at the deadline.
    let _ = heard.recv_timeout(LAST_WORDS);
}

const LAST_WORDS: Duration = Duration::from_secs(1);
