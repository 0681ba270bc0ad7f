//! Connections: accepted while there are permits, served by hyper's HTTP/1.1, ended by their
//! deadlines or by a drain.

use crate::serve::gateway::Gateway;
use crate::serve::gateway::Handling;
use crate::serve::patience::Exchanges;
use crate::serve::patience::Limits;
use crate::serve::patience::Patient;
use crate::serve::patience::UnderWay;
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
use tokio::sync::Semaphore;
use tokio::sync::watch;
use tokio::time::sleep;
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
    /// Turns true when the gateway is to take no more requests.
    pub draining: watch::Receiver<bool>,
}

impl Door {
    /// Takes connections until the drain begins.
    pub async fn open(self, listener: TcpListener) {
        let mut draining = self.draining.clone();
        loop {
            let accepted = tokio::select! {
                accepted = self.accept(&listener) => accepted,
                () = begin(&mut draining) => return,
            };
            if let Some((io, permit)) = accepted {
                let door = self.clone();
                tokio::spawn(async move {
                    door.serve(io).await;
                    drop(permit);
                });
            }
        }
    }

    /// One connection, as soon as there is a permit for it.
    async fn accept(
        &self,
        listener: &TcpListener,
    ) -> Option<(tokio::net::TcpStream, tokio::sync::OwnedSemaphorePermit)> {
        let permit = Arc::clone(&self.permits).acquire_owned().await.ok()?;
        match listener.accept().await {
            Ok((io, _)) => {
                // Without this a reply in two writes waits for the client's acknowledgement.
                if let Err(error) = io.set_nodelay(true) {
                    debug!(%error, "a connection ended while it was being accepted");
                }
                Some((io, permit))
            }
            Err(error) => {
                // Most often no file descriptor is free; a busy loop would not free one.
                warn!(%error, "a connection could not be accepted");
                sleep(AFTER_A_FAILED_ACCEPT).await;
                None
            }
        }
    }

    /// Serves the requests of one connection, in their order.
    pub async fn serve<T>(&self, io: T)
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let exchanges = Exchanges::default();
        let io = Patient::new(io, self.limits, exchanges.clone());
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            // `Patient` keeps these deadlines: hyper has one for a head and for idleness both.
            .header_read_timeout(None)
            // No `pipeline_flush`: with it hyper takes answers without a bound for a client that
            // does not read them.
            .max_header_size(self.max_header_bytes);
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
        let under_way = Some(self.exchanges.begin());
        let version = request.version();
        Holding { handling: self.gateway.handle(request), version, under_way }
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
        Poll::Ready(Ok(reply.map(|body| Held { body, _under_way: under_way })))
    }
}

/// A reply's body: while it is being sent its exchange is under way.
struct Held {
    body: ReplyBody,
    _under_way: Option<UnderWay>,
}

impl Body for Held {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
