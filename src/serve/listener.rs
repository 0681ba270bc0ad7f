//! Connections: accepted while there are permits, served by hyper's HTTP/1.1, ended by their
//! deadlines or by a drain.

use crate::observe::repeated::Event;
use crate::observe::repeated::Line;
use crate::policy::shed::Peer;
use crate::serve::crowd::Crowd;
use crate::serve::exchanges::Exchanges;
use crate::serve::exchanges::UnderWay;
use crate::serve::gateway::Gateway;
use crate::serve::gateway::Handling;
use crate::serve::patience::Limits;
use crate::serve::patience::Patient;
use crate::serve::reply::ReplyBody;
use crate::upstream::failure::Failure;
use bytes::Bytes;
use http::Request;
use http::Response;
use http::Version;
use http::header::CONNECTION;
use http_body::Body;
use http_body::Frame;
use http_body::SizeHint;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper_util::rt::TokioIo;
use hyper_util::rt::TokioTimer;
use std::convert::Infallible;
use std::net::IpAddr;
use std::pin::Pin;
use std::pin::pin;
use std::sync::Arc;
use std::task::Context;
use std::task::Poll;
use std::task::ready;
use std::time::Duration;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::net::TcpListener;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::Semaphore;
use tokio::sync::watch;
use tokio::time::sleep;
use tokio::time::timeout;
use tracing::debug;
use tracing::warn;

/// How connections are taken and kept.
#[derive(Clone)]
pub struct Door {
    /// What answers on them.
    pub gateway: Gateway,
    /// How long their clients are waited for.
    pub limits: Limits,
    /// `listen.max_header_bytes`.
    pub max_header_bytes: usize,
    /// `listen.max_connections`: those that may be open.
    pub permits: Arc<Semaphore>,
    /// Those that are.
    pub crowd: Crowd,
    /// Turns true when the gateway is to take no more requests.
    pub draining: watch::Receiver<bool>,
}

impl Door {
    /// Takes connections until the drain begins.
    pub async fn open(self, listener: TcpListener) {
        let mut draining = self.draining.clone();
        loop {
            tokio::select! {
                () = self.accept(&listener) => {}
                () = begin(&mut draining) => return,
            }
        }
    }

    async fn accept(&self, listener: &TcpListener) {
        match listener.accept().await {
            Ok((io, peer)) => {
                // Without this a reply in two writes waits for the client's acknowledgement.
                if let Err(error) = io.set_nodelay(true) {
                    debug!(%error, "a connection ended while it was being accepted");
                }
                self.take(io, peer.ip()).await;
            }
            Err(error) => {
                // Most often no file descriptor is free; a busy loop would not free one.
                if let Line::Written { left_out } = self.told("not accepted") {
                    warn!(%error, left_out, "a connection could not be accepted");
                }
                let made = self.crowd.make_room(self.gateway.cache.clock.now());
                sleep(if made > 0 { ROOM_IS_MADE } else { AFTER_A_FAILED_ACCEPT }).await;
            }
        }
    }

    /// Takes a connection, as soon as there is room for it.
    pub async fn take<T>(&self, io: T, peer: IpAddr)
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Some(permit) = self.permit().await else { return };
        let (exchanges, now) = (Exchanges::default(), self.gateway.cache.clock.now());
        let part = self.crowd.enter(Peer::from(peer), exchanges.clone(), now);
        let (door, number) = (self.clone(), part.number());
        let serving = tokio::spawn(async move {
            door.serve(io, exchanges).await;
            drop((part, permit));
        });
        self.crowd.is_served(number, serving.abort_handle());
    }

    /// Room for one more connection: others are closed for it, if there are any that wait for nothing
    /// of ours.
    async fn permit(&self) -> Option<OwnedSemaphorePermit> {
        loop {
            if let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() {
                return Some(permit);
            }
            if self.crowd.make_room(self.gateway.cache.clock.now()) > 0
                && let Line::Written { left_out } = self.told("full")
            {
                warn!(left_out, "too many connections: idle ones are closed to make room");
            }
            let freed = timeout(WAIT_FOR_ROOM, Arc::clone(&self.permits).acquire_owned()).await;
            if let Ok(permit) = freed {
                return permit.ok();
            }
        }
    }

    fn told(&self, what: &'static str) -> Line {
        let cache = &self.gateway.cache;
        cache.repeated.note(Event("connections", what), cache.clock.now())
    }

    /// Serves the requests of one connection, in their order.
    pub async fn serve<T>(&self, io: T, exchanges: Exchanges)
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let io = Patient::new(io, self.limits, exchanges.clone());
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            // `Patient` keeps these deadlines: hyper has one for a head and for idleness both.
            .header_read_timeout(None)
            // No `pipeline_flush`: with it hyper takes answers without a bound for a client that
            // does not read them.
            .max_header_size(self.max_header_bytes)
            // Also what is held of a long answer for a client that does not read; without a word it
            // would be 400 KiB.
            .max_buf_size(self.max_header_bytes);
        let service = Counted { gateway: self.gateway.clone(), exchanges };
        let mut connection = pin!(http.serve_connection(TokioIo::new(io), service));
        let mut draining = self.draining.clone();
        let ended = tokio::select! {
            biased;
            ended = connection.as_mut() => ended,
            () = begin(&mut draining) => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            // The client's affair, most often: it left, or was waited for long enough.
            debug!(%error, "a connection ended early");
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

/// The gateway, with the exchanges of one connection counted for its deadlines.
struct Counted {
    gateway: Gateway,
    exchanges: Exchanges,
}

impl Service<Request<Incoming>> for Counted {
    type Response = Response<Held>;
    type Error = Infallible;
    type Future = Holding;

    fn call(&self, request: Request<Incoming>) -> Holding {
        let version = request.version();
        let Some(under_way) = self.exchanges.begin() else {
            // The connection is being closed: no answer to it must be begun.
            return Holding { handling: Handling::Now(None), version, under_way: None };
        };
        Holding { handling: self.gateway.handle(request), version, under_way: Some(under_way) }
    }
}

/// A reply on its way, and its exchange.
struct Holding {
    handling: Handling,
    /// The request's.
    version: Version,
    under_way: Option<UnderWay>,
}

impl Future for Holding {
    type Output = Result<Response<Held>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Ok(mut reply) = ready!(Pin::new(&mut self.handling).poll(cx));
        if self.version < Version::HTTP_11 && reply.headers().contains_key(CONNECTION) {
            // It says `close`. To an HTTP/1.0 client that asked for `keep-alive` hyper says that too,
            // unless the reply is of that version.
            *reply.version_mut() = self.version;
        }
        let under_way = self.under_way.take();
        Poll::Ready(Ok(reply.map(|body| Held { body, under_way })))
    }
}

/// A reply's body: while it is being sent its exchange is under way.
struct Held {
    body: ReplyBody,
    under_way: Option<UnderWay>,
}

impl Body for Held {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        let Self { body, under_way } = self.get_mut();
        let (ReplyBody::Streamed(_), Some(under_way)) = (&body, under_way) else {
            return Pin::new(body).poll_frame(cx);
        };
        // A part at a time: hyper would gather many for a client that does not read them.
        ready!(under_way.exchanges().poll_written(cx));
        let part = ready!(Pin::new(body).poll_frame(cx));
        under_way.exchanges().hands_on();
        Poll::Ready(part)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
