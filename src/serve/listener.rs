//! Connections: accepted while there are permits, secured where there is a certificate, served by
//! hyper's HTTP/1.1, ended by their deadlines or by a drain.

use crate::base::time::Timestamp;
use crate::observe::repeated::Event;
use crate::observe::repeated::Line;
use crate::policy::closing::Closing;
use crate::policy::closing::closing;
use crate::policy::shed::Peer;
use crate::serve::counted::Counted;
use crate::serve::crowd::Crowd;
use crate::serve::exchanges::Exchanges;
use crate::serve::gateway::Gateway;
use crate::serve::patience::Patient;
use crate::serve::places::Places;
use crate::serve::places::Taken;
use crate::serve::port::Caller;
use crate::serve::port::Port;
use crate::serve::terms::Terms;
use crate::serve::tls::Certificate;
use arc_swap::ArcSwap;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::rt::TokioTimer;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::sync::watch;
use tokio::time::sleep;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tracing::debug;
use tracing::warn;

/// How connections are taken and kept.
#[derive(Clone)]
pub struct Door {
    /// What answers on them.
    pub gateway: Gateway,
    /// How those are kept that come now.
    pub terms: Arc<ArcSwap<Terms>>,
    /// `listen.max_connections`: those that may be open.
    pub places: Places,
    /// Those that are.
    pub crowd: Crowd,
    /// Over TLS, if there is a certificate.
    pub certificate: Option<Arc<Certificate>>,
    /// Turns true when the gateway is to end: each reply is its connection's last.
    pub draining: watch::Receiver<bool>,
    /// How long it then waits for another request on each, and for newcomers.
    pub linger: Duration,
}

impl Door {
    /// Takes connections until the drain begins, and then until nobody is left to come. Whom the system
    /// has taken for a port that was handed on, the next process serves.
    pub async fn open(self, port: Port) {
        let mut draining = self.draining.clone();
        self.accept(&port, begin(&mut draining)).await;
        if port.is_handed_on() {
            return;
        }
        self.accept(&port, sleep(self.linger)).await;
        for caller in port.close() {
            self.let_in(caller).await;
        }
    }

    /// Takes connections until `end`.
    async fn accept(&self, port: &Port, end: impl Future<Output = ()>) {
        let mut end = pin!(end);
        loop {
            // Nothing else may stand here: an accepted connection must not be dropped.
            let accepted = tokio::select! {
                accepted = port.accept() => accepted,
                () = end.as_mut() => return,
            };
            match accepted {
                Ok(caller) => self.let_in(caller).await,
                Err(error) => self.recover(&error).await,
            }
        }
    }

    async fn let_in(&self, caller: Caller) {
        match caller {
            Caller::Tcp(io, peer) => self.take(io, peer).await,
            Caller::Unix(io) => self.take(io, Peer::LOCAL).await,
        }
    }

    /// A connection could not be accepted.
    async fn recover(&self, error: &io::Error) {
        // Most often no file descriptor is free; a busy loop would not free one.
        if let Line::Written { left_out } = self.told("not accepted") {
            warn!(%error, left_out, "a connection could not be accepted");
        }
        let made = self.crowd.make_room(self.now());
        sleep(if made > 0 { ROOM_IS_MADE } else { AFTER_A_FAILED_ACCEPT }).await;
    }

    /// Takes a connection, as soon as there is room for it.
    pub async fn take<T>(&self, io: T, peer: Peer)
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Some(place) = self.place().await else { return };
        let opened = self.gateway.cache.metrics.connections.open();
        let exchanges = Exchanges::default();
        let part = self.crowd.enter(peer, exchanges.clone(), self.now());
        let (door, number) = (self.clone(), part.number());
        let serving = tokio::spawn(async move {
            door.serve(io, exchanges).await;
            drop((part, opened, place));
        });
        self.crowd.is_served(number, serving.abort_handle());
    }

    /// Room for one more connection: others are closed for it, if there are any that wait for nothing
    /// of ours.
    async fn place(&self) -> Option<Taken> {
        loop {
            if let Some(place) = self.places.try_take() {
                return Some(place);
            }
            if self.crowd.make_room(self.now()) > 0
                && let Line::Written { left_out } = self.told("full")
            {
                warn!(left_out, "too many connections: idle ones are closed to make room");
            }
            if let Ok(freed) = timeout(WAIT_FOR_ROOM, self.places.take()).await {
                return freed;
            }
        }
    }

    fn told(&self, what: &'static str) -> Line {
        self.gateway.cache.repeated.note(Event("connections", what), self.now())
    }

    fn now(&self) -> Timestamp {
        self.gateway.cache.clock.now()
    }

    /// Serves one connection, over TLS if there is a certificate.
    pub async fn serve<T>(&self, io: T, exchanges: Exchanges)
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (opened, terms) = (self.now(), **self.terms.load());
        // Beneath TLS: a handshake is part of the wait for the first request.
        let io = Patient::new(io, terms.limits, exchanges.clone());
        let Some(certificate) = &self.certificate else {
            return self.converse(io, terms, exchanges, opened).await;
        };
        let acceptor = TlsAcceptor::from(certificate.current());
        let mut draining = self.draining.clone();
        let secured = async {
            let left = async {
                begin(&mut draining).await;
                self.leave(&exchanges, opened).await;
            };
            let shaken = tokio::select! {
                biased;
                shaken = acceptor.accept(io) => shaken,
                () = left => return,
            };
            match shaken {
                Ok(io) => self.converse(io, terms, exchanges, opened).await,
                // Who does not speak TLS, or not ours, or not in time.
                Err(error) => debug!(%error, "a connection ended before it was secured"),
            }
        };
        // Apart: it is large, and would be part of every connection without TLS.
        Box::pin(secured).await;
    }

    /// Serves the requests of one connection, in their order.
    async fn converse<T>(&self, io: T, terms: Terms, exchanges: Exchanges, opened: Timestamp)
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            // `Patient` keeps these deadlines: hyper has one for a head and for idleness both.
            .header_read_timeout(None)
            // No `pipeline_flush`: with it hyper takes answers without a bound for a client that
            // does not read them.
            .max_header_size(terms.max_header_bytes)
            // Also what is held of a long answer for a client that does not read; without a word it
            // would be 400 KiB.
            .max_buf_size(terms.max_header_bytes);
        let service = Counted { gateway: self.gateway.clone(), exchanges: exchanges.clone() };
        let mut connection = pin!(http.serve_connection(TokioIo::new(io), service));
        let mut draining = self.draining.clone();
        let ended = tokio::select! {
            biased;
            () = begin(&mut draining) => {
                exchanges.end_with_the_next();
                tokio::select! {
                    biased;
                    // First: a request that has come in time is answered.
                    ended = connection.as_mut() => ended,
                    () = self.leave(&exchanges, opened) => {
                        connection.as_mut().graceful_shutdown();
                        connection.await
                    }
                }
            }
            ended = connection.as_mut() => ended,
        };
        if let Err(error) = ended {
            // The client's affair, most often: it left, or was waited for long enough.
            debug!(%error, "a connection ended early");
        }
    }

    /// Returns when a connection that was opened then is no longer waited for, since the drain begins
    /// now.
    async fn leave(&self, exchanges: &Exchanges, opened: Timestamp) {
        let since = self.now();
        let waits_since = || exchanges.waits_since().map(|waited| opened.after(waited));
        while let Closing::In(wait) = closing(waits_since(), since, self.linger, self.now()) {
            sleep(wait).await;
        }
    }
}

/// Returns when the drain begins; a drain that can no longer be announced has begun.
async fn begin(draining: &mut watch::Receiver<bool>) {
    let _announced = draining.wait_for(|draining| *draining).await;
}

const AFTER_A_FAILED_ACCEPT: Duration = Duration::from_millis(100);

/// Within which those who make room have gone.
const ROOM_IS_MADE: Duration = Duration::from_millis(1);

/// How long until somebody else is looked for who could make room.
const WAIT_FOR_ROOM: Duration = Duration::from_millis(100);
