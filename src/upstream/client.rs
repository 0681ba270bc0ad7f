//! The client: hyper-util's pooled one over HTTP/1.1, three times.
//!
//! One pool serves requests that may be sent again; one keeps connections for a second only, for
//! those that may not; one keeps none, for the second try.

use crate::upstream::body::RequestBody;
use crate::upstream::failure;
use crate::upstream::failure::Failure;
use crate::upstream::sender::Broken;
use crate::upstream::sender::Lane;
use crate::upstream::sender::Sender;
use crate::upstream::wire::Tally;
use crate::upstream::wire::Wire;
use http::Extensions;
use http::Request;
use http::Response;
use http::Uri;
use hyper::body::Incoming;
use hyper::rt::Read;
use hyper::rt::Write;
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::Connection;
use hyper_util::rt::TokioExecutor;
use hyper_util::rt::TokioIo;
use hyper_util::rt::TokioTimer;
use std::error::Error;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;
use tokio::time::timeout;
use tower_service::Service;

/// The client for one upstream, over connections that `C` makes.
#[derive(Clone)]
pub struct PooledClient<C> {
    pooled: legacy::Client<Dial<C>, RequestBody>,
    brisk: legacy::Client<Dial<C>, RequestBody>,
    unpooled: legacy::Client<Dial<C>, RequestBody>,
}

/// How connections are made and kept.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionLimits {
    /// `upstream.connect_timeout`: name, TCP, a proxy's tunnel and TLS together.
    pub connect_timeout: Duration,
    /// `upstream.idle_timeout`.
    pub idle_timeout: Duration,
    /// The most idle connections kept in a pool.
    pub max_idle: usize,
}

/// How long a connection for requests that are sent only once may have been idle: well below the
/// five seconds after which Node's server, the upstream's, closes one.
const BRISK: Duration = Duration::from_secs(1);

/// The longest head of an answer: above Node's own limit of 16 KiB.
const MAX_HEAD_BYTES: usize = 64 * 1024;

impl<C> PooledClient<C>
where
    C: Service<Uri> + Clone + Send + Sync + 'static,
    C::Response: Connection + Read + Write + Send + Unpin + 'static,
    C::Error: Into<Box<dyn Error + Send + Sync>>,
    C::Future: Send + 'static,
{
    /// A client that connects through `connector`.
    pub fn new(connector: C, limits: ConnectionLimits) -> Self {
        let dial = Dial { connector, connect_timeout: limits.connect_timeout };
        let client = |idle: Duration, kept: usize| {
            legacy::Client::builder(TokioExecutor::new())
                .timer(TokioTimer::new())
                .pool_timer(TokioTimer::new())
                .pool_idle_timeout(idle)
                .pool_max_idle_per_host(kept)
                .http1_max_buf_size(MAX_HEAD_BYTES)
                .build(dial.clone())
        };
        Self {
            pooled: client(limits.idle_timeout, limits.max_idle),
            brisk: client(BRISK.min(limits.idle_timeout), limits.max_idle),
            unpooled: client(limits.idle_timeout, 0),
        }
    }
}

impl<C> Sender for PooledClient<C>
where
    C: Service<Uri> + Clone + Send + Sync + 'static,
    C::Response: Connection + Read + Write + Send + Unpin + 'static,
    C::Error: Into<Box<dyn Error + Send + Sync>>,
    C::Future: Send + Unpin + 'static,
{
    fn send(
        &self,
        request: Request<RequestBody>,
        lane: Lane,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Incoming>, Broken>> + Send>> {
        let client = match lane {
            Lane::Pooled => &self.pooled,
            Lane::Brisk => &self.brisk,
            Lane::New => &self.unpooled,
        };
        let answer = client.request(request);
        Box::pin(async move { answer.await.map_err(|error| broken(&error)) })
    }
}

/// Reads an error of the client: what happened, and on what kind of connection.
fn broken(error: &legacy::Error) -> Broken {
    let failure = match Failure::of_request(error) {
        // The connector's own deadline for an address, or the kernel's.
        Failure::Reset if error.is_connect() && failure::timed_out(error) => {
            Failure::ConnectTimeout
        }
        // An error while connecting with no better name, such as a refused connection.
        Failure::Reset if error.is_connect() => Failure::Connect,
        other => other,
    };
    let mut extras = Extensions::new();
    if let Some(connection) = error.connect_info() {
        connection.get_extras(&mut extras);
    }
    let trace = extras.get::<Tally>().map(|tally| tally.trace(failure == Failure::Reset));
    let trace = trace.unwrap_or_default();
    let failure = match failure {
        Failure::Reset if trace.answered => Failure::Truncated,
        other => other,
    };
    Broken { failure, trace, cause: failure::causes_in_words(error) }
}

/// Makes connections within a deadline, and watches what they carry.
#[derive(Clone)]
pub struct Dial<C> {
    connector: C,
    connect_timeout: Duration,
}

impl<C> Service<Uri> for Dial<C>
where
    C: Service<Uri> + Clone + Send + 'static,
    C::Response: Connection + Read + Write + Send + Unpin + 'static,
    C::Error: Into<Box<dyn Error + Send + Sync>>,
    C::Future: Send + 'static,
{
    type Response = TokioIo<Wire<C::Response>>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, io::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), io::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, upstream: Uri) -> Self::Future {
        let (mut connector, deadline) = (self.connector.clone(), self.connect_timeout);
        Box::pin(async move {
            let connect = async {
                poll_fn(|cx| connector.poll_ready(cx)).await.map_err(io::Error::other)?;
                connector.call(upstream).await.map_err(io::Error::other)
            };
            match timeout(deadline, connect).await {
                Ok(connected) => connected.map(|io| TokioIo::new(Wire::new(io))),
                Err(_) => Err(io::Error::other(Failure::ConnectTimeout)),
            }
        })
    }
}
