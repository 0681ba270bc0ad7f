//! `serve`: from settings to a gateway that runs until it is told to end.

use crate::app::certificate;
use crate::app::drain;
use crate::app::drain::Signals;
use crate::app::ending::Ending;
use crate::app::manager;
use crate::app::process;
use crate::app::quiet;
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
use crate::settings::tree::DEFAULT;
use crate::settings::tree::place;
use std::ffi::OsString;
use std::io;
use std::io::Write;
use std::sync::Arc;
use tokio::runtime::Builder;
use tracing::info;
use tracing::level_filters::LevelFilter;
use tracing::warn;

/// Runs the gateway. Returns when it has ended.
pub fn serve(
    sources: &Sources,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> Ending {
    let environment: Vec<_> = environment.into_iter().collect();
    let names = environment.iter().find(|(name, _)| name == "LISTEN_FDNAMES");
    let names = names.map(|(_, names)| names.to_string_lossy().into_owned());
    let loaded = match load::load(sources, environment) {
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
    match block_on(run(&loaded, Given { certificate, sockets })) {
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

async fn run(loaded: &Loaded, given: Given) -> Result<Ending, String> {
    let settings = &loaded.settings;
    let log = begin_log(settings)?;
    let running = running::start(settings, given).await?;
    let ending = until_told(running, settings).await;
    log.tell_all_dropped();
    Ok(ending)
}

/// Serves until a signal comes, and drains.
pub async fn until_told(running: Running, settings: &Settings) -> Ending {
    let mut signals = match Signals::listen() {
        Ok(signals) => signals,
        Err(error) => return Ending::failed(format_args!("signals: {error}")),
    };
    let (cache, ready) = (Arc::clone(&running.cache), running.ready.clone());
    let heading = running.heading();
    let mut serving = running.serve();
    // Not through the log: whoever starts the gateway waits for this line at any level.
    say(&heading);
    manager::ready();
    signals.next().await;
    ready.send_replace(false);
    manager::stopping();
    let (waiting, under_way) = cache.queue.load();
    info!(waiting, under_way, "asked to end; reads of the upstream that are not done yet");
    let (course, crowd) = (drain::course(&settings.lifecycle), serving.crowd.clone());
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
    if set_at(loaded, "log", "level").is_none() {
        settings.log.level = level;
        if set_at(loaded, "log", "access").is_none() {
            settings.log.access = model::Access::Off;
        }
    }
    settings
}

/// Where a key was set, if it was.
pub(crate) fn set_at<'a>(loaded: &'a Loaded, section: &str, key: &str) -> Option<&'a str> {
    loaded.tree.leaf(section, key).map(place).filter(|place| *place != DEFAULT)
}

fn open_log(log: &model::Log) -> Result<Log, String> {
    let format = match log.format {
        model::Format::Text => Format::Text,
        model::Format::Json => Format::Json,
    };
    Log::open(format, level(log.level)).map_err(|error| format!("the log: {error}"))
}

/// `log.level`, as the log takes it.
pub(crate) const fn level(level: model::Level) -> LevelFilter {
    match level {
        model::Level::Off => LevelFilter::OFF,
        model::Level::Error => LevelFilter::ERROR,
        model::Level::Warn => LevelFilter::WARN,
        model::Level::Info => LevelFilter::INFO,
        model::Level::Debug => LevelFilter::DEBUG,
        model::Level::Trace => LevelFilter::TRACE,
    }
}

/// Says something on standard error, whatever the log's level is. That nobody listens there is no
/// reason not to serve.
pub fn say(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}
