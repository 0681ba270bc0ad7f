//! `serve`: from settings to a gateway that runs until it is told to end.

use crate::app::certificate;
use crate::app::drain;
use crate::app::drain::Signals;
use crate::app::ending::Ending;
use crate::app::manager;
use crate::app::origin::Origin;
use crate::app::process;
use crate::app::quiet;
use crate::app::reload;
use crate::app::reload::Reloader;
use crate::app::running;
use crate::app::running::Given;
use crate::app::running::Running;
use crate::app::sockets;
use crate::observe::accounts::Totals;
use crate::observe::logging::Format;
use crate::observe::logging::Log;
use crate::settings::load;
use crate::settings::load::Loaded;
use crate::settings::model;
use crate::settings::model::Settings;
use crate::settings::sources::Sources;
use std::ffi::OsString;
use std::io;
use std::io::Write;
use std::sync::Arc;
use tokio::runtime::Builder;
use tokio::task::JoinHandle;
use tracing::info;
use tracing::warn;

/// Runs the gateway. Returns when it has ended.
pub fn serve(
    sources: &Sources,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> Ending {
    let environment: Vec<_> = environment.into_iter().collect();
    let names = environment.iter().find(|(name, _)| name == "LISTEN_FDNAMES");
    let names = names.map(|(_, names)| names.to_string_lossy().into_owned());
    let loaded = match load::load(sources, environment.clone()) {
        Ok(loaded) => loaded,
        Err(mistakes) => return Ending::from(mistakes),
    };
    let certificate = match certificate::load(&loaded.settings.listen) {
        Ok(certificate) => certificate,
        Err(wrong) => return Ending::misused(wrong),
    };
    let sockets = match sockets::take(names.as_deref()) {
        Ok(sockets) => sockets,
        Err(wrong) => return Ending::failed(wrong),
    };
    let origin = Origin { sources: sources.clone(), environment };
    match block_on(run(loaded, origin, Given { certificate, sockets })) {
        Ok(Ok(ending)) | Err(ending) => ending,
        Ok(Err(error)) => Ending::failed(error),
    }
}

/// Does this work on threads of its own.
///
/// # Errors
/// If they cannot be had.
pub(crate) fn block_on<T>(work: impl Future<Output = T>) -> Result<T, Ending> {
    let runtime = Builder::new_multi_thread().enable_all().build();
    let failed = |error| Ending::failed(format_args!("the runtime did not start: {error}"));
    let runtime = runtime.map_err(failed)?;
    let done = runtime.block_on(work);
    // What hangs on a name look-up or on who does not read cannot be cancelled, and must not hold
    // the end up.
    runtime.shutdown_background();
    Ok(done)
}

async fn run(loaded: Loaded, origin: Origin, given: Given) -> Result<Ending, String> {
    let log = Arc::new(begin_log(&loaded.settings)?);
    let losses = Some(log.dropped_lines());
    let running = running::start(&loaded.settings, given).await?;
    let running = running.with_operators(&loaded, losses).await?;
    let desk = running.operators.as_ref().map(|operators| Arc::clone(&operators.desk));
    let controls = running.controls();
    let reloader = Reloader::new(origin, loaded, controls, desk, Arc::clone(&log));
    let reloading = tokio::spawn(reloader.watch());
    let ending = until_told(running, Some(reloading)).await;
    log.tell_all_dropped();
    Ok(ending)
}

/// Serves until a signal comes, and drains. `reloading` ends before that.
pub async fn until_told(running: Running, reloading: Option<JoinHandle<()>>) -> Ending {
    let mut signals = match Signals::listen() {
        Ok(signals) => signals,
        Err(error) => return Ending::failed(format_args!("signals: {error}")),
    };
    let (cache, ready) = (Arc::clone(&running.cache), running.ready.clone());
    let (settings, headings) = (Arc::clone(&running.settings), running.headings());
    let mut serving = running.serve();
    // Not through the log: whoever starts the gateway waits for these lines at any level.
    say(&headings);
    manager::ready();
    signals.next().await;
    if let Some(reloading) = reloading {
        reloading.abort();
        // One that is under way is over before anything goes by the settings of the drain.
        let _ = reloading.await;
    }
    ready.send_replace(false);
    manager::stopping();
    let (waiting, under_way) = cache.queue.load();
    info!(waiting, under_way, "asked to end; reads of the upstream that are not done yet");
    let (course, crowd) = (drain::course(&settings.load().lifecycle), serving.crowd.clone());
    let gone = quiet::quiet(&crowd, &cache.clock);
    let drained = drain::drain(&mut signals, course, gone, serving.finish()).await;
    let cut_off = crowd.census().under_way;
    serving.stop().await;
    tell_accounts(&cache.accounts.totals());
    drain::ending(drained, cut_off)
}

/// What has come of every request, at the end.
fn tell_accounts(totals: &Totals) {
    let Totals { requests, stored, collapsed, forwarded, refused, own, left, .. } = *totals;
    let Totals { upstream, retries, background, .. } = *totals;
    info!(
        requests,
        stored, collapsed, forwarded, refused, own, left, upstream, retries, background, "accounts"
    );
}

/// Opens the log as the settings have it, and keeps the process's memory as they have it.
///
/// # Errors
/// If there is one already.
pub(crate) fn begin_log(settings: &Settings) -> Result<Log, String> {
    let log = open_log(&settings.log)?;
    tokio::spawn(log.dropped().tell());
    if let Err(error) = process::settle(settings.lifecycle.core_dumps) {
        warn!(%error, "lifecycle.core_dumps is without effect: the system refuses");
    }
    if settings.lifecycle.core_dumps {
        warn!("lifecycle.core_dumps is on: a core dump holds tokens and tickets in the clear");
    }
    Ok(log)
}

/// The settings with a log of this level, unless somebody set it: what is told should not drown in
/// it.
pub(crate) fn quieter(loaded: &Loaded, level: model::Level) -> Settings {
    let mut settings = loaded.settings.clone();
    if loaded.set_at("log", "level").is_none() {
        settings.log.level = level;
        if loaded.set_at("log", "access").is_none() {
            settings.log.access = model::Access::Off;
        }
    }
    settings
}

fn open_log(log: &model::Log) -> Result<Log, String> {
    let format = match log.format {
        model::Format::Text => Format::Text,
        model::Format::Json => Format::Json,
    };
    Log::open(format, reload::level(log.level)).map_err(|error| format!("the log: {error}"))
}

/// Says something on standard error, whatever the log's level is. That nobody listens there is no
/// reason not to serve.
pub fn say(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}
