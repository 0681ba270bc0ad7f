//! The gateway that `fetch` asks: one that runs already, or one of its own.

use crate::app::run;
use crate::app::running;
use crate::app::running::Given;
use crate::app::running::Serving;
use crate::cache::state::Cache;
use crate::observe::logging::Log;
use crate::settings::load::Loaded;
use crate::settings::model::Address;
use crate::settings::model::Level;
use crate::settings::model::Settings;
use crate::settings::model::UpstreamUrl;
use http::HeaderValue;
use http::uri::Authority;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

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
    serving: Serving,
    cache: Arc<Cache>,
    /// `limit.total_rate`.
    total_rate: Option<f64>,
    /// `lifecycle.drain_timeout`.
    patience: Duration,
    _log: Log,
}

impl Gateway {
    /// One that runs.
    pub fn elsewhere(url: &UpstreamUrl, settings: &Settings) -> Self {
        let path = format!("{}{}", url.prefix, batch_path(settings));
        Self { authority: url.authority.clone(), path, embedded: None }
    }

    /// Starts one, on a port of its own that only this machine can reach. It takes batches even if
    /// other gateways take none. What is wrong with a ticket, the report tells, and not the log.
    ///
    /// # Errors
    /// A sentence that says what could not be had.
    pub async fn embedded(loaded: &Loaded) -> Result<Self, String> {
        let mut settings = run::quieter(loaded, Level::Error);
        let path = batch_path(&settings).to_owned();
        settings.batch.path = Some(path.clone());
        settings.listen.address = Address::Tcp(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
        let log = run::begin_log(&settings)?;
        let running = running::start(&settings, Given::default()).await?;
        let address = running.place.to_string();
        let embedded = Embedded {
            cache: Arc::clone(&running.cache),
            serving: running.serve_one(),
            total_rate: settings.limit.total_rate,
            patience: settings.lifecycle.drain_timeout,
            _log: log,
        };
        let authority = address.parse().map_err(|_| format!("{address} is no authority"))?;
        Ok(Self { authority, path, embedded: Some(embedded) })
    }

    /// How many calls a second the upstream is asked at most for this token; `None` while it is not
    /// paced, or where that is another process's affair.
    pub fn budget(&self, token: &HeaderValue) -> impl Fn() -> Option<f64> + Send + use<> {
        let paced = self.embedded.as_ref().map(|Embedded { cache, total_rate, .. }| {
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
        if let Some(Embedded { mut serving, patience, .. }) = self.embedded {
            let _ = timeout(patience, serving.finish()).await;
        }
    }
}

fn batch_path(settings: &Settings) -> &str {
    settings.batch.path.as_deref().unwrap_or(BATCH_PATH)
}
