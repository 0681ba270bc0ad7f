//! `fetch`: a list of ids in, their tickets out, through the batch endpoint of a gateway. It can be
//! ended at any time and gone on with.

use crate::app::drain::Signals;
use crate::app::ending::Ending;
use crate::app::fetch_arguments::Destination;
use crate::app::fetch_arguments::Errand;
use crate::app::fetch_call::Caller;
use crate::app::fetch_gateway::Gateway;
use crate::app::fetch_ids::distinct;
use crate::app::fetch_input::bad_list;
use crate::app::fetch_input::read_ids;
use crate::app::fetch_input::read_token;
use crate::app::fetch_job::Job;
use crate::app::fetch_keep::Output;
use crate::app::fetch_keep::keep;
use crate::app::fetch_output::open;
use crate::app::fetch_progress::Progress;
use crate::app::fetch_report::Failures;
use crate::app::fetch_report::Report;
use crate::app::fetch_report::Stop;
use crate::app::fetch_resume::Rest;
use crate::app::fetch_tally::Board;
use crate::app::fetch_tally::Tally;
use crate::app::fetch_token::Token;
use crate::app::process;
use crate::app::run;
use crate::base::time::Clock;
use crate::settings::load::Loaded;
use crate::settings::load::load;
use crate::settings::mistakes::escaped;
use crate::settings::sources::Sources;
use std::ffi::OsString;
use std::io;
use std::io::IsTerminal;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::task::spawn_blocking;

/// Ids in one call, if `batch.max_ids` allows as many. Between two calls the last answers of the
/// first are waited for, so they should be few and long.
const AT_ONCE: usize = 10_000;

/// Answers that wait to be written.
const KEPT_AHEAD: usize = 16;

/// Fetches. Returns when everything has been asked for, or nothing more can be had.
///
/// # Errors
/// If it could not begin: nothing was asked then.
pub fn fetch(
    errand: &Errand,
    sources: &Sources,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Report, Ending> {
    let mut environment: Vec<_> = environment.into_iter().collect();
    let token = read_token(errand.token_file.as_deref(), &mut environment)?;
    let loaded = load(sources, environment)?;
    // A gateway of its own does so again, and has a log to say if it cannot.
    let _ = process::settle(loaded.settings.lifecycle.core_dumps);
    let text = read_ids(&errand.ids)?;
    let ids = distinct(&text).map_err(|fault| bad_list(&errand.ids, &fault))?;
    let mut rest = Rest::all(&ids);
    let output = open(errand.destination(), errand.resume, &mut rest)?;
    let (left, tally) = rest.into_parts();
    let done = run::block_on(run(errand, &loaded, token, left, tally, output));
    done?.map_err(Ending::failed)
}

async fn run(
    errand: &Errand,
    loaded: &Loaded,
    token: Token,
    left: Vec<(usize, &str)>,
    tally: Tally,
    output: Output,
) -> Result<Report, String> {
    let (clock, board) = (Clock::system(), Arc::new(Board::new(tally)));
    let mut signals = Signals::listen().map_err(|error| format!("signals: {error}"))?;
    let gateway = match &errand.gateway {
        Some(url) => Gateway::elsewhere(url, &loaded.settings),
        None => Gateway::embedded(loaded).await?,
    };
    let budget = gateway.budget(token.value());
    let (keeper, kept) = mpsc::channel(KEPT_AHEAD);
    let keeping = spawn_blocking(move || keep(output, kept));
    let mut job = Job {
        caller: Caller { gateway: gateway.authority.clone(), path: gateway.path.clone(), token },
        left: left.into(),
        at_once: AT_ONCE.min(loaded.settings.batch.max_ids),
        keeper: keeper.clone(),
        board: Arc::clone(&board),
        failures: Failures::default(),
    };
    // A bar and answers on one screen would write over each other.
    let alone = errand.destination() != Destination::Stdout || !io::stdout().is_terminal();
    let progress = Progress::show(Arc::clone(&board), budget, alone, clock.clone());
    let began = clock.now();
    let stop = tokio::select! {
        stop = job.work() => stop,
        () = signals.next() => Stop::Interrupted,
        // Only on an error, which `close` then tells.
        () = keeper.closed() => Stop::AllAsked,
    };
    drop(keeper);
    let failures = job.finish();
    let stop = tokio::select! {
        written = close(keeping, gateway, errand.destination()) => written.err().unwrap_or(stop),
        () = signals.next() => Stop::Hurried,
    };
    drop(progress);
    let resumable = errand.destination() != Destination::Stdout;
    let (tally, took) = (board.tally(), clock.now().since(began));
    Ok(Report { tally, stop, failures, took, resumable })
}

/// Waits until everything is written, and lets the gateway go.
async fn close(
    keeping: JoinHandle<io::Result<()>>,
    gateway: Gateway,
    destination: Destination<'_>,
) -> Result<(), Stop> {
    let written = keeping.await.unwrap_or_else(|_| Err(io::Error::other(LOST)));
    gateway.close().await;
    written.map_err(|error| Stop::Unwritten(format!("{}: {error}", name(destination))))
}

/// In the place of what a panic said, which may quote a ticket.
const LOST: &str = "a defect of verifik-gateway's ended the writing";

fn name(destination: Destination<'_>) -> String {
    match destination {
        Destination::Stdout => "standard output".to_owned(),
        Destination::File(path) | Destination::Directory(path) => {
            escaped(&path.display().to_string())
        }
    }
}
