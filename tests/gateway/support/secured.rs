//! A house whose upstream is asked over TLS: real handshakes over pipes, in paused time.

use crate::support::certificates::YEARS;
use crate::support::certificates::authority;
use crate::support::certificates::signed;
use crate::support::certificates::written;
use crate::support::house::House;
use crate::support::house::PIPE;
use crate::support::house::Pipe;
use crate::support::upstream::Upstream;
use http::Uri;
use hyper_util::rt::TokioIo;
use rcgen::CertifiedIssuer;
use rcgen::KeyPair;
use rustls::ServerConfig;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::io::DuplexStream;
use tokio::io::copy_bidirectional;
use tokio::io::duplex;
use tokio_rustls::TlsAcceptor;
use tower_service::Service;
use verifik_gateway::settings::model::Settings;
use verifik_gateway::upstream::client::ConnectionLimits;
use verifik_gateway::upstream::client::PooledClient;
use verifik_gateway::upstream::tls;
use verifik_gateway::upstream::tls::Roots;

/// The upstream's name in the default settings.
pub const NAME: &str = "api.verifik.co";

/// What a new connection meets.
#[derive(Clone, Debug)]
pub enum Meets {
    /// A handshake with this certificate, and behind it the scripted upstream.
    Certificate(Arc<ServerConfig>),
    /// The same, and then exactly this, for the first request; `true`: TLS is ended as it should be.
    Octets(Arc<ServerConfig>, Vec<u8>, bool),
    /// This, before a word is heard.
    Plainly(&'static [u8]),
    /// The end, after the first octets are heard.
    Cut,
    /// Silence.
    Silence,
}

/// What stands before the upstream.
#[derive(Clone)]
pub struct Secured {
    /// What hears the requests.
    pub upstream: Upstream,
    state: Arc<Mutex<State>>,
}

struct State {
    meets: Meets,
    connections: usize,
    open: usize,
    /// What was said beneath TLS to who did not shake hands.
    plain: Vec<u8>,
}

/// Whom the house trusts, and a certificate it has to believe.
pub struct Trust {
    pub authority: CertifiedIssuer<'static, KeyPair>,
    pub good: Arc<ServerConfig>,
}

impl Secured {
    /// A house with an upstream whose certificate is good.
    pub fn house(change: impl FnOnce(&mut Settings)) -> (House, Self, Trust) {
        let authority = authority("ours");
        let good = signed(NAME, YEARS, Some(&authority));
        let state = State {
            meets: Meets::Certificate(Arc::clone(&good)),
            connections: 0,
            open: 0,
            plain: Vec::new(),
        };
        let secured = Self { upstream: Upstream::new(), state: Arc::new(Mutex::new(state)) };
        let file = written(&format!("ca-{}.pem", fastrand::u64(..)), &authority.pem());
        let roots = Roots::load(Some(&file)).unwrap();
        std::fs::remove_file(file).unwrap();
        let connector = tls::over(&roots, secured.clone()).unwrap();
        let limits = ConnectionLimits {
            connect_timeout: Duration::from_secs(2),
            idle_timeout: Duration::from_secs(15),
            max_idle: 256,
        };
        let house = House::behind(change, |_| Arc::new(PooledClient::new(connector, limits)));
        (house, secured, Trust { authority, good })
    }

    /// From now on.
    pub fn meets(&self, meets: Meets) {
        self.state.lock().unwrap().meets = meets;
    }

    /// How many connections were made to it.
    pub fn connections(&self) -> usize {
        self.state.lock().unwrap().connections
    }

    /// How many of them are open.
    pub fn open(&self) -> usize {
        self.state.lock().unwrap().open
    }

    /// What was said to who did not shake hands.
    pub fn plain(&self) -> String {
        String::from_utf8_lossy(&self.state.lock().unwrap().plain).into_owned()
    }

    async fn serve(self, io: DuplexStream) {
        let meets = {
            let mut state = self.state.lock().unwrap();
            state.connections += 1;
            state.open += 1;
            state.meets.clone()
        };
        self.converse(meets, io).await;
        self.state.lock().unwrap().open -= 1;
    }

    async fn converse(&self, meets: Meets, mut io: DuplexStream) {
        match meets {
            Meets::Certificate(config) => {
                let Ok(mut io) = TlsAcceptor::from(config).accept(io).await else { return };
                let (mut ours, theirs) = duplex(PIPE);
                tokio::spawn(self.upstream.clone().serve(theirs));
                let _ = copy_bidirectional(&mut io, &mut ours).await;
            }
            Meets::Octets(config, octets, ended) => {
                let Ok(mut io) = TlsAcceptor::from(config).accept(io).await else { return };
                let _ = io.read(&mut [0; 4096]).await;
                let _ = io.write_all(&octets).await;
                let _ = io.flush().await;
                if ended {
                    let _ = io.shutdown().await;
                }
            }
            Meets::Plainly(octets) => {
                let _ = io.write_all(octets).await;
                self.listen(io).await;
            }
            Meets::Cut => {
                let _ = io.read(&mut [0; 16]).await;
            }
            Meets::Silence => self.listen(io).await,
        }
    }

    /// Until the other side leaves.
    async fn listen(&self, mut io: DuplexStream) {
        let mut part = [0; 4096];
        while let Ok(length @ 1..) = io.read(&mut part).await {
            self.state.lock().unwrap().plain.extend_from_slice(&part[..length]);
        }
    }
}

impl Service<Uri> for Secured {
    type Response = TokioIo<Pipe>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, io::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), io::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let (ours, theirs) = duplex(PIPE);
        tokio::spawn(self.clone().serve(theirs));
        Box::pin(async move { Ok(TokioIo::new(Pipe(ours))) })
    }
}
