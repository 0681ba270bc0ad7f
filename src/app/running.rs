//! A gateway from its settings on: its port opened, serving, and taking leave of its clients.

use crate::app::assemble;
use crate::app::assemble::World;
use crate::app::certificate;
use crate::app::manager;
use crate::app::process;
use crate::app::sockets::Handed;
use crate::app::sockets::Sockets;
use crate::cache::state::Cache;
use crate::serve::crowd::Crowd;
use crate::serve::listener::Door;
use crate::serve::port::Place;
use crate::serve::port::Port;
use crate::serve::tls::Certificate;
use crate::settings::model::Address;
use crate::settings::model::Settings;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::interval;
use tracing::warn;

/// What is there before the gateway's ports are open.
#[derive(Default)]
pub struct Given {
    /// For clients.
    pub certificate: Option<Arc<Certificate>>,
    /// Ports that others have opened.
    pub sockets: Sockets,
}

/// A gateway whose port is open.
pub struct Running {
    /// Where its clients connect.
    pub place: Place,
    /// What answers them.
    pub cache: Arc<Cache>,
    /// What proves to them that it is the gateway, over TLS.
    pub certificate: Option<Arc<Certificate>>,
    /// A socket for operators, if one was handed on. Whoever serves them takes it.
    pub admin: Option<Handed>,
    /// Turns false when the gateway is asked to end: whoever balances load sends clients elsewhere.
    pub ready: watch::Sender<bool>,
    door: Door,
    port: Port,
    drain: watch::Sender<bool>,
    /// How many permits the door has.
    connections: usize,
}

/// A gateway that serves, until this is dropped.
pub struct Serving {
    /// The open connections.
    pub crowd: Crowd,
    permits: Arc<Semaphore>,
    drain: watch::Sender<bool>,
    connections: usize,
    /// Takes connections.
    taking: JoinSet<()>,
    _tasks: JoinSet<()>,
}

/// Opens the gateway's port.
///
/// # Errors
/// A sentence that says what could not be had.
pub async fn start(settings: &Settings, given: Given) -> Result<Running, String> {
    let Given { certificate, sockets: Sockets { listen, admin } } = given;
    let world = World::real(settings).map_err(|error| error.to_string())?;
    let port = open(&settings.listen.address, listen).await?;
    let (drain, draining) = watch::channel(false);
    let mut settings = settings.clone();
    settings.listen.max_connections = within_open_files(&settings);
    let mut door = assemble::door(&settings, world, draining);
    door.certificate.clone_from(&certificate);
    let (cache, connections) = (Arc::clone(&door.gateway.cache), settings.listen.max_connections);
    let (place, ready) = (port.place().clone(), watch::Sender::new(true));
    Ok(Running { place, cache, certificate, admin, ready, door, port, drain, connections })
}

/// The port that was handed on, or the one that the settings name.
async fn open(address: &Address, handed: Option<Handed>) -> Result<Port, String> {
    if let Some(handed) = handed {
        return handed.port().map_err(|error| format!("the socket that was handed on: {error}"));
    }
    match address {
        Address::Tcp(address) => {
            Port::open(*address).map_err(|error| format!("listen.address {address}: {error}"))
        }
        Address::Unix(path) => {
            let refused = |error| format!("listen.address unix:{}: {error}", path.display());
            Port::make(path).await.map_err(refused)
        }
    }
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
    /// The line that says where clients connect.
    pub fn heading(&self) -> String {
        let scheme = match (&self.place, &self.certificate) {
            (Place::Tcp(_), Some(_)) => "https://",
            (Place::Tcp(_), None) => "http://",
            (Place::Unix(_), _) => "",
        };
        format!("verifik-gateway: listening on {scheme}{}", self.place)
    }

    /// Serves.
    pub fn serve(self) -> Serving {
        let Self { door, port, drain, connections, certificate, .. } = self;
        let (permits, crowd) = (Arc::clone(&door.permits), door.crowd.clone());
        let (mut taking, mut tasks) = (JoinSet::new(), JoinSet::new());
        tasks.spawn(tidy(door.clone()));
        tasks.spawn(manager::keep_telling());
        if let Some(certificate) = certificate {
            tasks.spawn(certificate::watch(certificate));
        }
        taking.spawn(door.open(port));
        Serving { crowd, permits, drain, connections, taking, _tasks: tasks }
    }

    /// Serves one client, which takes leave before the gateway does: nobody is waited for at the end.
    pub fn serve_one(mut self) -> Serving {
        self.door.linger = Duration::ZERO;
        self.serve()
    }
}

impl Serving {
    /// Takes leave of all clients, and waits until the requests under way are answered.
    pub async fn finish(&mut self) {
        self.drain.send_replace(true);
        // First: whoever still comes needs a permit.
        while self.taking.join_next().await.is_some() {}
        // Every connection holds a permit; with all of them here, none is open.
        let all = u32::try_from(self.connections).unwrap_or(u32::MAX);
        drop(self.permits.acquire_many(all).await);
    }

    /// Closes the port, if that is not done. A socket's file goes with it.
    pub async fn stop(mut self) {
        self.taking.shutdown().await;
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
