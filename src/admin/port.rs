//! The operators' port: its own listener, its own few connections, nothing of the gateway's.

use crate::admin::desk::Desk;
use crate::admin::router;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::rt::TokioTimer;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tracing::debug;

/// How many connections may be open: operators, a probe, a scraper or two.
const MOST: usize = 64;

/// For a request's head, and how long a connection may be idle.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a connection may last, whatever it does: who reads slowly does not keep a place.
const LONGEST: Duration = Duration::from_mins(2);

/// A head longer than this is no operator's.
const LONGEST_HEAD: usize = 16 * 1024;

/// The operators' port.
#[derive(Clone)]
pub struct Port {
    desk: Arc<Desk>,
    permits: Arc<Semaphore>,
}

impl Port {
    /// The port of this desk.
    pub fn new(desk: Arc<Desk>) -> Self {
        Self { desk, permits: Arc::new(Semaphore::new(MOST)) }
    }

    /// Room for one more connection, as soon as there is some.
    pub async fn room(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.permits).acquire_owned().await.ok()
    }

    /// Serves one connection.
    pub async fn serve<T>(&self, io: T)
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let desk = &self.desk;
        let service = service_fn(|request| async move {
            Ok::<_, Infallible>(router::answer(desk, request).await)
        });
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(PATIENCE)
            .max_header_size(LONGEST_HEAD)
            .max_buf_size(LONGEST_HEAD);
        let served = timeout(LONGEST, http.serve_connection(TokioIo::new(io), service)).await;
        if let Ok(Err(error)) = served {
            debug!(%error, "an operator's connection ended early");
        }
    }
}
