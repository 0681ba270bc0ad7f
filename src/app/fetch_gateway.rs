//! The gateway that `fetch` asks: one that runs already, or one of its own.

use crate::app::assemble;
use crate::app::assemble::World;
use crate::app::run;
use crate::observe::logging::Log;
use crate::serve::listener::Door;
use crate::settings::load::Loaded;
use crate::settings::model::Access;
use crate::settings::model::Level;
use crate::settings::model::Settings;
use crate::settings::model::UpstreamUrl;
use crate::settings::tree::DEFAULT;
use crate::settings::tree::place;
use http::HeaderValue;
use http::uri::Authority;
use std::io;
use std::net::Ipv4Addr;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::interval;
use tokio::time::timeout;
use tracing::warn;

/// Where a gateway takes batches unless its settings say otherwise.
const BATCH_PATH: &str = "/_gateway/tickets";

/// The gateway that is asked.
pub struct Gateway {
    /// Where it listens.
    pub authority: Authority,
    /// Of its batch endpoint.
    pub path: String,
    embedded: Option<Embedded>,
}

/// A gateway inside this process.
struct Embedded {
    door: Door,
    drain: watch::Sender<bool>,
    /// `limit.total_rate`.
    total_rate: Option<f64>,
    /// `listen.max_connections`, and so how many permits the door has.
    connections: usize,
    /// `lifecycle.drain_timeout`.
    patience: Duration,
    _log: Log,
    _tasks: JoinSet<()>,
}

impl Gateway {
    /// One that runs.
    pub fn elsewhere(url: &UpstreamUrl, settings: &Settings) -> Self {
        let path = format!("{}{}", url.prefix, batch_path(settings));
        Self { authority: url.authority.clone(), path, embedded: None }
    }

    /// Starts one, on a port of its own that only this machine can reach.
    ///
    /// # Errors
    /// A sentence that says what could not be had.
    pub async fn embedded(loaded: &Loaded) -> Result<Self, String> {
        let settings = quieter(loaded);
        let log = run::open_log(&settings.log)?;
        for unheeded in loaded.not_yet_in_force() {
            warn!("{unheeded}");
        }
        let world = World::real(&settings).map_err(|error| error.to_string())?;
        let refused = |error: io::Error| format!("a port of 127.0.0.1: {error}");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?.to_string();
        let (drain, draining) = watch::channel(false);
        let door = assemble::door(&settings, world, draining);
        let mut tasks = JoinSet::new();
        tasks.spawn(log.dropped().tell());
        tasks.spawn(tidy(door.clone()));
        tasks.spawn(door.clone().open(listener));
        let embedded = Embedded {
            door,
            drain,
            total_rate: settings.limit.total_rate,
            connections: settings.listen.max_connections,
            patience: settings.lifecycle.drain_timeout,
            _log: log,
            _tasks: tasks,
        };
        Ok(Self {
            authority: address.parse().map_err(|_| format!("{address} is no authority"))?,
            path: batch_path(&settings).to_owned(),
            embedded: Some(embedded),
        })
    }

    /// How many calls a second the upstream is asked at most for this token; `None` while it is not
    /// paced, or where that is another process's affair.
    pub fn budget(&self, token: &HeaderValue) -> impl Fn() -> Option<f64> + Send + use<> {
        let paced = self.embedded.as_ref().map(|Embedded { door, total_rate, .. }| {
            let cache = &door.gateway.cache;
            let credential = cache.keys.credential(token.as_bytes()).tag();
            (cache.queue.clone(), credential, *total_rate)
        });
        move || {
            let (queue, credential, total) = paced.as_ref()?;
            queue.rate(*credential).into_iter().chain(*total).reduce(f64::min)
        }
    }

    /// Takes leave: one of its own is drained.
    pub async fn close(self) {
        let Some(Embedded { door, drain, connections, patience, .. }) = self.embedded else {
            return;
        };
        drain.send_replace(true);
        // Every connection holds a permit; with all of them here, none is open.
        let all = u32::try_from(connections).unwrap_or(u32::MAX);
        let _ = timeout(patience, door.permits.acquire_many(all)).await;
    }
}

fn batch_path(settings: &Settings) -> &str {
    settings.batch.path.as_deref().unwrap_or(BATCH_PATH)
}

/// Unless somebody set the log's level, only what is wrong with the gateway itself is told: what is
/// wrong with a ticket, the report tells. Batches are taken even if other gateways take none.
fn quieter(loaded: &Loaded) -> Settings {
    let mut settings = loaded.settings.clone();
    let is_set = |key| loaded.tree.leaf("log", key).is_some_and(|leaf| place(leaf) != DEFAULT);
    if !is_set("level") {
        settings.log.level = Level::Error;
        if !is_set("access") {
            settings.log.access = Access::Off;
        }
    }
    settings.batch.path = Some(batch_path(&settings).to_owned());
    settings
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
