//! `serve`: from settings to a gateway that runs until it is told to end.

use crate::app::assemble;
use crate::app::assemble::World;
use crate::app::drain;
use crate::app::drain::Drained;
use crate::app::drain::Signals;
use crate::app::ending::Ending;
use crate::observe::logging::Format;
use crate::observe::logging::Log;
use crate::serve::listener::Door;
use crate::settings::load;
use crate::settings::load::Loaded;
use crate::settings::model;
use crate::settings::model::Address;
use crate::settings::model::Settings;
use crate::settings::sources::Sources;
use std::ffi::OsString;
use std::io;
use std::io::Write;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio::sync::watch;
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
    match Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => {
            let ending = runtime.block_on(run(&loaded));
            // A name look-up under way cannot be cancelled, and must not hold the end up.
            runtime.shutdown_background();
            ending
        }
        Err(error) => failed(format!("the runtime did not start: {error}")),
    }
}

async fn run(loaded: &Loaded) -> Ending {
    let settings = &loaded.settings;
    let log = match open_log(&settings.log) {
        Ok(log) => log,
        Err(error) => return failed(error),
    };
    tokio::spawn(log.dropped().tell());
    for unheeded in loaded.not_yet_in_force() {
        warn!("{unheeded}");
    }
    match start(settings).await {
        Ok(gateway) => gateway.run_until_told(settings).await,
        Err(error) => failed(error),
    }
}

/// A gateway whose port is open.
pub struct Running {
    /// Where its clients connect.
    pub address: SocketAddr,
    door: Door,
    listener: TcpListener,
    drain: watch::Sender<bool>,
    signals: Signals,
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
    let signals = Signals::listen().map_err(|error| format!("signals: {error}"))?;
    let (drain, draining) = watch::channel(false);
    let door = assemble::door(settings, world, draining);
    Ok(Running { address, door, listener, drain, signals })
}

impl Running {
    /// Serves until a signal comes, and drains.
    pub async fn run_until_told(self, settings: &Settings) -> Ending {
        let Self { address, door, listener, drain, mut signals } = self;
        let tidying = tokio::spawn(tidy(door.clone()));
        let (permits, all) = (door.permits.clone(), settings.listen.max_connections);
        let queue = door.gateway.cache.queue.clone();
        let serving = tokio::spawn(door.open(listener));
        // Not through the log: whoever starts the gateway waits for this line at any level.
        say(&format!("verifik-gateway: listening on http://{address}"));
        signals.next().await;
        let (waiting, under_way) = queue.load();
        info!(waiting, under_way, "asked to end; reads of the upstream that are not done yet");
        let lifecycle = &settings.lifecycle;
        let finish = async {
            drain.send_replace(true);
            // Every connection holds a permit; with all of them here, none is open.
            let all = u32::try_from(all).unwrap_or(u32::MAX);
            drop(permits.acquire_many(all).await);
        };
        let (delay, deadline) = (lifecycle.drain_delay, lifecycle.drain_timeout);
        let drained = drain::drain(&mut signals, delay, deadline, finish).await;
        serving.abort();
        tidying.abort();
        match drained {
            Drained::Finished => Ending::Done(String::new()),
            Drained::Late => failed("the drain was cut off at lifecycle.drain_timeout"),
            Drained::Hurried => failed("the drain was cut off by a second signal"),
        }
    }
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

/// Opens the log as the settings have it.
///
/// # Errors
/// If there is one already.
pub fn open_log(log: &model::Log) -> Result<Log, String> {
    let format = match log.format {
        model::Format::Text => Format::Text,
        model::Format::Json => Format::Json,
    };
    let level = match log.level {
        model::Level::Off => LevelFilter::OFF,
        model::Level::Error => LevelFilter::ERROR,
        model::Level::Warn => LevelFilter::WARN,
        model::Level::Info => LevelFilter::INFO,
        model::Level::Debug => LevelFilter::DEBUG,
        model::Level::Trace => LevelFilter::TRACE,
    };
    Log::open(format, level).map_err(|error| format!("the log: {error}"))
}

/// Says something on standard error, whatever the log's level is. That nobody listens there is no
/// reason not to serve.
pub fn say(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

fn failed(why: impl Into<String>) -> Ending {
    Ending::Failed(format!("verifik-gateway: {}\n", why.into()))
}
