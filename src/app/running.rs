//! A gateway from its settings on: its port opened, serving, and taking leave of its clients.

use crate::app::assemble;
use crate::app::assemble::World;
use crate::app::certificate;
use crate::app::controls;
use crate::app::controls::Controls;
use crate::app::manager;
use crate::app::operators;
use crate::app::operators::Operators;
use crate::app::sockets;
use crate::app::sockets::Handed;
use crate::app::sockets::Sockets;
use crate::cache::state::Cache;
use crate::observe::logging::DroppedLines;
use crate::serve::crowd::Crowd;
use crate::serve::listener::Door;
use crate::serve::places::Places;
use crate::serve::port::Place;
use crate::serve::port::Port;
use crate::serve::tls::Certificate;
use crate::settings::load::Loaded;
use crate::settings::model::Settings;
use arc_swap::ArcSwap;
use std::sync::Arc;
use std::time::Duration;
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
    /// The operators' port, if it has one.
    pub operators: Option<Operators>,
    /// What it does goes by this.
    pub settings: Arc<ArcSwap<Settings>>,
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
}

/// A gateway that serves, until this is dropped.
pub struct Serving {
    /// The open connections.
    pub crowd: Crowd,
    places: Places,
    drain: watch::Sender<bool>,
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
    let port = sockets::open("listen", &settings.listen.address, listen).await?;
    let (drain, draining) = watch::channel(false);
    let mut settings = settings.clone();
    settings.listen.max_connections = controls::within_open_files(&settings);
    let mut door = assemble::door(&settings, world, draining);
    door.certificate.clone_from(&certificate);
    Ok(Running {
        place: port.place().clone(),
        operators: None,
        settings: Arc::new(ArcSwap::from_pointee(settings)),
        cache: Arc::clone(&door.gateway.cache),
        certificate,
        admin,
        ready: watch::Sender::new(true),
        door,
        port,
        drain,
    })
}

impl Running {
    /// The lines that say where clients connect, and operators.
    pub fn headings(&self) -> String {
        let scheme = match (&self.place, &self.certificate) {
            (Place::Tcp(_), Some(_)) => "https://",
            (Place::Tcp(_), None) => "http://",
            (Place::Unix(_), _) => "",
        };
        let clients = format!("verifik-gateway: listening on {scheme}{}", self.place);
        let operators = self.operators.iter().map(Operators::heading);
        [clients].into_iter().chain(operators).collect::<Vec<_>>().join("\n")
    }

    /// Opens the operators' port too, unless that cannot be had and nobody has asked for it: the address of
    /// the defaults is taken, most likely by another gateway.
    ///
    /// # Errors
    /// A sentence that says what could not be had.
    pub async fn with_operators(
        mut self,
        loaded: &Loaded,
        losses: Option<DroppedLines>,
    ) -> Result<Self, String> {
        let settings = self.settings.load_full();
        let token = operators::token(&settings.admin)?;
        match sockets::open("admin", &settings.admin.address, self.admin.take()).await {
            Ok(port) => {
                let shown = operators::in_force(&settings, loaded, &[], self.connections());
                let (cache, ready) = (Arc::clone(&self.cache), self.ready.subscribe());
                let desk = operators::desk(cache, ready, shown, token, losses);
                self.operators = Some(Operators { desk, port });
            }
            Err(error) if loaded.set_at("admin", "address").is_none() => {
                warn!("{error}: going on without the operators' port, which nobody has asked for");
            }
            Err(error) => return Err(error),
        }
        Ok(self)
    }

    /// How many connections may be open.
    fn connections(&self) -> usize {
        self.settings.load().listen.max_connections
    }

    /// What new settings change.
    pub fn controls(&self) -> Controls {
        Controls {
            cache: Arc::clone(&self.cache),
            regime: Arc::clone(&self.door.gateway.regime),
            terms: Arc::clone(&self.door.terms),
            places: self.door.places.clone(),
            certificate: self.certificate.clone(),
            settings: Arc::clone(&self.settings),
        }
    }

    /// Serves.
    pub fn serve(self) -> Serving {
        let Self { door, port, drain, certificate, operators, .. } = self;
        let (places, crowd) = (door.places.clone(), door.crowd.clone());
        let (mut taking, mut tasks) = (JoinSet::new(), JoinSet::new());
        tasks.spawn(tidy(door.clone()));
        tasks.spawn(manager::keep_telling());
        if let Some(certificate) = certificate {
            tasks.spawn(certificate::watch(certificate));
        }
        if let Some(operators) = operators {
            tasks.spawn(operators.serve());
        }
        taking.spawn(door.open(port));
        Serving { crowd, places, drain, taking, _tasks: tasks }
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
        // Every connection has one.
        self.places.all_are_free().await;
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
