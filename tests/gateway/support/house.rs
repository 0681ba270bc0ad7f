//! The house: a whole gateway, put together as the binary puts it together, but over pipes, with a
//! clock that follows paused time and chance that does not surprise.

use crate::support::client::Client;
use crate::support::client::Reply;
use crate::support::operator::Operator;
use crate::support::search;
use crate::support::upstream::Upstream;
use http::Uri;
use hyper_util::client::legacy::connect::Connected;
use hyper_util::client::legacy::connect::Connection;
use hyper_util::rt::TokioIo;
use std::io;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicI64;
use std::sync::atomic::Ordering;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::io::DuplexStream;
use tokio::io::ReadBuf;
use tokio::io::duplex;
use tokio::sync::watch;
use tokio::time::Instant;
use tower_service::Service;
use verifik_gateway::admin::desk::Desk;
use verifik_gateway::admin::port::Port;
use verifik_gateway::app::assemble;
use verifik_gateway::app::assemble::World;
use verifik_gateway::app::operators;
use verifik_gateway::base::draw::Draw;
use verifik_gateway::base::secret::Secret;
use verifik_gateway::base::time::Clock;
use verifik_gateway::base::time::Timestamp;
use verifik_gateway::base::time::WallTime;
use verifik_gateway::policy::key::KeySecret;
use verifik_gateway::policy::shed::Peer;
use verifik_gateway::serve::listener::Door;
use verifik_gateway::settings::load::Loaded;
use verifik_gateway::settings::load::load;
use verifik_gateway::settings::model::Rate;
use verifik_gateway::settings::model::Settings;
use verifik_gateway::settings::sources::Sources;
use verifik_gateway::upstream::client::PooledClient;
use verifik_gateway::upstream::sender::Sender;

/// What a pipe holds before a writer has to wait.
pub const PIPE: usize = 64 * 1024;

/// Where the wall clock stands when a house is built.
pub const WALL_AT_START: u64 = 1_800_000_000;

/// Two credentials.
pub const ANN: &str = "Bearer ann-7f3cSECRET";
pub const BEN: &str = "Bearer ben-7f3cSECRET";

/// A whole gateway and what is around it.
pub struct House {
    pub door: Door,
    pub upstream: Upstream,
    /// Seconds by which the wall clock has been moved.
    pub wall_moved: Arc<AtomicI64>,
    /// Turns the upstream's port off and on.
    pub reachable: Arc<AtomicBool>,
    /// Whether connecting to it takes for ever.
    pub silent: Arc<AtomicBool>,
    pub drain: watch::Sender<bool>,
    /// What operators see of it.
    pub desk: Arc<Desk>,
    /// Whether it is to be sent requests.
    pub ready: watch::Sender<bool>,
}

impl House {
    /// With the compiled defaults.
    pub fn new() -> Self {
        Self::with(|_| {})
    }

    /// With settings of its own.
    pub fn with(change: impl FnOnce(&mut Settings)) -> Self {
        Self::behind(change, |sender| sender)
    }

    /// With settings of its own and something between it and the upstream.
    pub fn behind(
        change: impl FnOnce(&mut Settings),
        between: impl FnOnce(Arc<dyn Sender>) -> Arc<dyn Sender>,
    ) -> Self {
        search::begin();
        let loaded = load(&Sources::default(), []).expect("the defaults");
        let mut settings = loaded.settings.clone();
        change(&mut settings);
        let (upstream, reachable) = (Upstream::new(), Arc::new(AtomicBool::new(true)));
        let silent = Arc::new(AtomicBool::new(false));
        let plug = Plug {
            upstream: upstream.clone(),
            reachable: Arc::clone(&reachable),
            silent: Arc::clone(&silent),
        };
        let limits = assemble::connection_limits(&settings);
        let wall_moved = Arc::new(AtomicI64::new(0));
        let world = World {
            sender: between(Arc::new(PooledClient::new(plug, limits))),
            clock: clock(Arc::clone(&wall_moved)),
            draw: Draw::seeded(7),
            keys: KeySecret::new(Secret::new([7; 32])),
        };
        let (drain, draining) = watch::channel(false);
        let door = assemble::door(&settings, world, draining);
        let ready = watch::Sender::new(false);
        let desk = desk(&door, &settings, &loaded, &ready);
        Self { door, upstream, wall_moved, reachable, silent, drain, desk, ready }
    }

    /// A client on a new connection.
    pub fn client(&self) -> Client {
        let (ours, theirs) = duplex(PIPE);
        let (door, peer) = (self.door.clone(), Peer::from(IpAddr::from(Ipv4Addr::LOCALHOST)));
        tokio::spawn(async move { door.take(theirs, peer).await });
        Client::new(ours)
    }

    /// A client from an address of its own, once its connection is taken.
    pub async fn client_from(&self, peer: IpAddr) -> Client {
        let (ours, theirs) = duplex(PIPE);
        self.door.take(theirs, Peer::from(peer)).await;
        Client::new(ours)
    }

    /// An operator on a new connection.
    pub fn operator(&self) -> Operator {
        let (ours, theirs) = duplex(PIPE);
        let port = Port::new(Arc::clone(&self.desk));
        tokio::spawn(async move { port.serve(theirs).await });
        Operator::new(ours)
    }

    /// GETs a target as `token`, on a connection of its own.
    pub async fn get(&self, target: &str, token: &str) -> Reply {
        self.client().ask("GET", target, &[("authorization", token)]).await
    }

    /// GETs a ticket as `token`, on a connection of its own.
    pub async fn ticket(&self, id: &str, token: &str) -> Reply {
        self.get(&format!("/v2/support-tickets/{id}"), token).await
    }

    /// Sends a write as `token`, on a connection of its own.
    pub async fn write(&self, method: &str, target: &str, token: &str, body: &str) -> Reply {
        self.client().send(method, target, &[("authorization", token)], body).await
    }
}

/// What operators see of a gateway, for whoever is on this machine.
pub fn desk(
    door: &Door,
    settings: &Settings,
    loaded: &Loaded,
    ready: &watch::Sender<bool>,
) -> Arc<Desk> {
    let in_force = operators::in_force(settings, loaded, &[], settings.listen.max_connections);
    operators::desk(Arc::clone(&door.gateway.cache), ready.subscribe(), in_force, None, None)
}

/// For tests about something else: what the store cannot answer is sent at once and once, however
/// the upstream takes it.
pub fn once_and_at_once(settings: &mut Settings) {
    settings.upstream.retries = 0;
    settings.limit.rate = Rate::Off;
    settings.breaker.failures = 0;
}

/// Paused time, and a wall that a test can move.
fn clock(wall_moved: Arc<AtomicI64>) -> Clock {
    let began = Instant::now();
    let now = move || Timestamp::from_secs(1_000).after(began.elapsed());
    let wall = move || {
        let moved = WALL_AT_START.saturating_add_signed(wall_moved.load(Ordering::Relaxed));
        WallTime::from_secs(moved).after(began.elapsed())
    };
    Clock::told_by(now, wall)
}

/// Lets paused time pass.
pub async fn pass(secs: u64) {
    tokio::time::sleep(Duration::from_secs(secs)).await;
}

/// How long something takes in paused time, and what comes of it.
pub async fn timed<T>(something: impl Future<Output = T>) -> (Duration, T) {
    let began = Instant::now();
    let outcome = something.await;
    (began.elapsed(), outcome)
}

/// Connects to the scripted upstream.
#[derive(Clone)]
struct Plug {
    upstream: Upstream,
    reachable: Arc<AtomicBool>,
    silent: Arc<AtomicBool>,
}

impl Service<Uri> for Plug {
    type Response = TokioIo<Pipe>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, io::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), io::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let plug = self.clone();
        Box::pin(async move {
            if plug.silent.load(Ordering::Relaxed) {
                std::future::pending::<()>().await;
            }
            if !plug.reachable.load(Ordering::Relaxed) {
                return Err(io::ErrorKind::ConnectionRefused.into());
            }
            let (ours, theirs) = duplex(PIPE);
            tokio::spawn(plug.upstream.serve(theirs));
            Ok(TokioIo::new(Pipe(ours)))
        })
    }
}

/// A pipe, as hyper-util wants a connection to be.
pub struct Pipe(pub DuplexStream);

impl Connection for Pipe {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl AsyncRead for Pipe {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
