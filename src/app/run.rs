//! `serve`: from settings to a gateway that runs until it is told to end.

use crate::app::assemble;
use crate::app::assemble::World;
use crate::app::drain;
use crate::app::drain::Drained;
use crate::app::drain::Signals;
use crate::app::ending::Ending;
use crate::app::process;
use crate::cache::state::Cache;
use crate::observe::accounts::Totals;
use crate::observe::logging::Format;
use crate::observe::logging::Log;
use crate::serve::listener::Door;
use crate::settings::load;
use crate::settings::load::Loaded;
use crate::settings::model;
use crate::settings::model::Address;
use crate::settings::model::Settings;
use crate::settings::sources::Sources;
use crate::settings::tree::DEFAULT;
use crate::settings::tree::place;
use std::ffi::OsString;
use std::io;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio::sync::Semaphore;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::interval;
use tracing::info;
use tracing::level_filters::LevelFilter;
use tracing::warn;

/// Runs the gateway. Returns when it has ended.
pub fn serve(
    sources: &Sources,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> Ending {
    let loaded = match load::load(sources, environment) {
        Ok(loaded) => loaded,
        Err(mistakes) => return Ending::from(mistakes),
    };
    match block_on(run(&loaded)) {
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

async fn run(loaded: &Loaded) -> Result<Ending, String> {
    let settings = &loaded.settings;
    let log = begin_log(loaded, settings)?;
    let ending = start(settings).await?.run_until_told(settings).await;
    log.tell_all_dropped();
    Ok(ending)
}

/// A gateway whose port is open.
pub struct Running {
    /// Where its clients connect.
    pub address: SocketAddr,
    /// What answers them.
    pub cache: Arc<Cache>,
    door: Door,
    listener: TcpListener,
    drain: watch::Sender<bool>,
    /// How many permits the door has.
    connections: usize,
}

/// A gateway that serves, until this is dropped.
pub struct Serving {
    permits: Arc<Semaphore>,
    drain: watch::Sender<bool>,
    connections: usize,
    _tasks: JoinSet<()>,
}

/// Opens the gateway's port.
///
/// # Errors
/// A sentence that says what could not be had.
pub async fn start(settings: &Settings) -> Result<Running, String> {
    let world = World::real(settings).map_err(|error| error.to_string())?;
    let Address::Tcp(address) = settings.listen.address else {
        return Err("listen.address: a unix socket is not served in this release".to_owned());
    };
    let refused = |error| format!("listen.address {address}: {error}");
    let listener = TcpListener::bind(address).await.map_err(refused)?;
    let address = listener.local_addr().map_err(refused)?;
    let (drain, draining) = watch::channel(false);
    let mut settings = settings.clone();
    settings.listen.max_connections = within_open_files(&settings);
    let door = assemble::door(&settings, world, draining);
    let (cache, connections) = (Arc::clone(&door.gateway.cache), settings.listen.max_connections);
    Ok(Running { address, cache, door, listener, drain, connections })
}

/// As many connections as the settings and the system's limit on open files allow. Some files are
/// kept back: with all of them taken by clients nobody could be answered.
fn within_open_files(settings: &Settings) -> usize {
    let wanted = settings.listen.max_connections;
    // Each client's connection may have one upstream beside it.
    let all = wanted.saturating_mul(2).saturating_add(KEPT_FILES);
    let allowed = process::open_files(all);
    let kept = settings.upstream.max_in_flight.saturating_mul(2).saturating_add(KEPT_FILES);
    let connections = wanted.min(allowed - kept.min(allowed / 2)).max(1);
    if connections < wanted {
        warn!(
            connections,
            "listen.max_connections is {wanted}, but the system allows {allowed} open files"
        );
    }
    connections
}

/// For the log, the listener, the settings files, name look-ups.
const KEPT_FILES: usize = 64;

impl Running {
    /// Serves until a signal comes, and drains.
    pub async fn run_until_told(self, settings: &Settings) -> Ending {
        let mut signals = match Signals::listen() {
            Ok(signals) => signals,
            Err(error) => return Ending::failed(format_args!("signals: {error}")),
        };
        let (address, cache) = (self.address, Arc::clone(&self.cache));
        let serving = self.serve();
        // Not through the log: whoever starts the gateway waits for this line at any level.
        say(&format!("verifik-gateway: listening on http://{address}"));
        signals.next().await;
        let (waiting, under_way) = cache.queue.load();
        info!(waiting, under_way, "asked to end; reads of the upstream that are not done yet");
        let lifecycle = &settings.lifecycle;
        let (delay, deadline) = (lifecycle.drain_delay, lifecycle.drain_timeout);
        let drained = drain::drain(&mut signals, delay, deadline, serving.finish()).await;
        tell_accounts(&cache.accounts.totals());
        match drained {
            Drained::Finished => Ending::Done(String::new()),
            Drained::Late => Ending::failed("the drain was cut off at lifecycle.drain_timeout"),
            Drained::Hurried => Ending::failed("the drain was cut off by a second signal"),
        }
    }

    /// Serves.
    pub fn serve(self) -> Serving {
        let Self { door, listener, drain, connections, .. } = self;
        let (permits, mut tasks) = (Arc::clone(&door.permits), JoinSet::new());
        tasks.spawn(tidy(door.clone()));
        tasks.spawn(door.open(listener));
        Serving { permits, drain, connections, _tasks: tasks }
    }
}

impl Serving {
    /// Takes no more requests, and waits until those under way are answered.
    pub async fn finish(&self) {
        self.drain.send_replace(true);
        // Every connection holds a permit; with all of them here, none is open.
        let all = u32::try_from(self.connections).unwrap_or(u32::MAX);
        drop(self.permits.acquire_many(all).await);
    }
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

/// Does the store's housekeeping, which traffic alone would leave undone.
async fn tidy(door: Door) {
    let mut tick = interval(TIDY_EVERY);
    loop {
        tick.tick().await;
        door.gateway.cache.store.tidy();
    }
}

const TIDY_EVERY: Duration = Duration::from_secs(5);

/// Opens the log as the settings have it, keeps the process's memory as they have it, and tells what of
/// them is without effect.
///
/// # Errors
/// If there is one already.
pub(crate) fn begin_log(loaded: &Loaded, settings: &Settings) -> Result<Log, String> {
    let log = open_log(&settings.log)?;
    tokio::spawn(log.dropped().tell());
    if let Err(error) = process::settle(settings.lifecycle.core_dumps) {
        warn!(%error, "lifecycle.core_dumps is without effect: the system refuses");
    }
    if settings.lifecycle.core_dumps {
        warn!("lifecycle.core_dumps is on: a core dump holds tokens and tickets in the clear");
    }
    for unheeded in loaded.not_yet_in_force() {
        warn!("{unheeded}");
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
