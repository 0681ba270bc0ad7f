//! The settings as plain data, parsed and consistent: nothing is checked again once they are loaded.
//!
//! `config/default.toml` explains every key to the operator; here stands what a value means to the
//! code. A duration of zero means never fresh, or off, where zero is accepted (design §3.4).
//!

use crate::api::route::Resource;
use http::HeaderValue;
use http::Uri;
use http::uri::Authority;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Everything an operator can set (design §4).
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The port the applications use.
    pub listen: Listen,
    /// Whom the gateway asks.
    pub upstream: Upstream,
    /// What may be remembered.
    pub cache: Cache,
    /// How long it may be remembered.
    pub lifetimes: Lifetimes,
    /// How fast the upstream may be asked.
    pub limit: Limit,
    /// The lane for batch jobs.
    pub batch: Batch,
    /// When a failing upstream is left alone.
    pub breaker: Breaker,
    /// The operators' port.
    pub admin: Admin,
    /// What is logged, and how.
    pub log: Log,
    /// How the gateway ends.
    pub lifecycle: Lifecycle,
    /// The paths the cache answers; none makes the gateway a plain proxy.
    pub resources: Vec<Resource>,
}

/// `[listen]`
#[derive(Clone, Debug, PartialEq)]
pub struct Listen {
    /// Where clients connect.
    pub address: Address,
    /// TLS for clients, unless `None`.
    pub tls: Option<CertificateFiles>,
    /// Connections open at one time; at least 1.
    pub max_connections: usize,
    /// From a connection's first byte to the end of a request's header; never zero.
    pub header_timeout: Duration,
    /// A kept-alive connection without a request; never zero.
    pub idle_timeout: Duration,
    /// A client that does not read its answer; never zero.
    pub write_timeout: Duration,
    /// Request line and header fields together; at least 8 KiB, hyper's smallest buffer.
    pub max_header_bytes: usize,
    /// Path and query of a request; at most 65 534, what the `http` crate can hold.
    pub max_target_bytes: usize,
    /// Body of a request that passes through, in bytes; `None` is no limit.
    pub max_request_body: Option<u64>,
}

/// A certificate and its key, both PEM.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CertificateFiles {
    /// The chain, leaf first.
    pub cert_file: PathBuf,
    /// The private key.
    pub key_file: PathBuf,
}

/// Where a listener is opened.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Address {
    /// IP address and port; port 0 takes a free one.
    Tcp(SocketAddr),
    /// A socket in the file system, by absolute path.
    Unix(PathBuf),
}

/// `[upstream]`
#[derive(Clone, Debug, PartialEq)]
pub struct Upstream {
    /// The base URL.
    pub url: UpstreamUrl,
    /// Roots trusted beside the system's, PEM.
    pub ca_file: Option<PathBuf>,
    /// Through whom it is reached: not a key, but what the environment says for this URL.
    pub proxy: Option<Proxy>,
    /// Name, TCP, a proxy's tunnel and TLS together; never zero.
    pub connect_timeout: Duration,
    /// Resources: to the first byte of the answer; never zero.
    pub answer_timeout: Duration,
    /// Resources: between bytes of the body; never zero.
    pub body_timeout: Duration,
    /// Resources: one forward, retries included; never zero. The tighter of it and the others wins.
    pub total_timeout: Duration,
    /// Other traffic: to the first byte of the answer; never zero.
    pub pass_through_answer_timeout: Duration,
    /// How long a pooled connection is kept; never zero.
    pub idle_timeout: Duration,
    /// Further attempts after a failed one.
    pub retries: u32,
    /// Forwards under way at one time, on resources; at least 1.
    pub max_in_flight: usize,
}

/// The upstream's base URL, in the parts a request is built from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct UpstreamUrl {
    /// With or without TLS.
    pub scheme: Scheme,
    /// Host and perhaps port; never user information.
    pub authority: Authority,
    /// Goes before every path: empty, or such as `/v9`, never with a trailing slash.
    pub prefix: String,
}

/// Of the upstream's URL.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Scheme {
    /// In the clear: for a stand-in or a proxy on the same host.
    Http,
    /// TLS, always verified.
    Https,
}

/// The proxy for an `https` upstream.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Proxy {
    /// `http://HOST:PORT/`; never user information.
    pub uri: Uri,
    /// What it is told in `Proxy-Authorization`: marked sensitive, so that nothing prints it.
    pub authorization: Option<HeaderValue>,
    /// The variable that names it.
    pub variable: &'static str,
}

/// `[cache]`
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Cache {
    /// Bytes for all stored responses; 0 stores nothing.
    pub memory: u64,
    /// Bytes of the longest body stored; at least 1, at most 1 GiB.
    pub max_stored_body: usize,
    /// Whether a client's `Cache-Control` is honoured.
    pub client_directives: bool,
}

/// `[lifetimes]`; the first three are never longer than `max`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Lifetimes {
    /// Freshness of a ticket somebody still works on, or of unknown status.
    pub open: Duration,
    /// Freshness of a ticket resolved, closed or cancelled.
    pub settled: Duration,
    /// Freshness of a not-found.
    pub not_found: Duration,
    /// How long past its freshness a response may be reused while it is validated (RFC 5861 §3).
    pub stale_while_revalidate: Duration,
    /// How long past its freshness a response may stand in for a failure (RFC 5861 §4).
    pub stale_if_error: Duration,
    /// How long an answer proves that its credential lives; zero asks for no proof.
    pub lease: Duration,
    /// How long past its lease a credential is trusted while the upstream cannot be asked.
    pub lease_grace: Duration,
    /// The longest freshness, whoever grants it. Marks are kept by it, so nothing may outlast it.
    pub max: Duration,
}

/// `[limit]`
#[derive(Clone, Debug, PartialEq)]
pub struct Limit {
    /// Per credential.
    pub rate: Rate,
    /// Requests let through at once before the rate counts; at least 1.
    pub burst: u32,
    /// The longest wait for a turn; zero refuses at once.
    pub max_wait: Duration,
    /// Requests waiting for a turn; 0 lets none wait.
    pub max_queue: usize,
    /// Requests a second for all credentials together; `None` is no limit.
    pub total_rate: Option<f64>,
}

/// How fast one credential may ask the upstream.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rate {
    /// Unpaced until the upstream answers 429, then by what it accepted (design §3.7).
    Learn,
    /// Never paced.
    Off,
    /// Requests a second, from 0.001 to 1 000 000.
    PerSecond(f64),
}

/// `[batch]`
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Batch {
    /// The path that takes batches, under `/_gateway/`; `None` takes none.
    pub path: Option<String>,
    /// Ids in one batch; at least 1.
    pub max_ids: usize,
}

/// `[breaker]`
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Breaker {
    /// Failures that open it; 0 never does.
    pub failures: u32,
    /// How long it stays open at first; never zero.
    pub penalty: Duration,
    /// How long at most; never shorter than `penalty`.
    pub max_penalty: Duration,
}

/// `[admin]`
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Admin {
    /// Where operators connect.
    pub address: Address,
    /// Holds the operators' token; always set when the address can be reached from elsewhere.
    pub token_file: Option<PathBuf>,
}

/// `[log]`
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Log {
    /// For people or for machines.
    pub format: Format,
    /// The least severe line that is written.
    pub level: Level,
    /// Which exchanges get an access line.
    pub access: Access,
}

/// How a log line looks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Format {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Severity, each including the ones before it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Level {
    /// Nothing.
    Off,
    /// What needs somebody.
    Error,
    /// What may need somebody.
    Warn,
    /// Starts, stops, changes.
    Info,
    /// Decisions.
    Debug,
    /// Everything.
    Trace,
}

/// Which exchanges get an access line.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Access {
    /// Every one.
    All,
    /// Those that reached the upstream.
    Forwarded,
    /// None.
    Off,
}

/// `[lifecycle]`
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Lifecycle {
    /// What the gateway is to its clients.
    pub mode: Mode,
    /// How long it goes on as before after the signal to end.
    pub drain_delay: Duration,
    /// How long it then waits for exchanges under way; zero does not wait.
    pub drain_timeout: Duration,
    /// Whether the system may write the process's memory to a file, and debuggers may look into it.
    pub core_dumps: bool,
}

/// What the gateway is to its clients.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Mode {
    /// A service of its own: it ends when its requests are answered.
    Gateway,
    /// Beside one application: it ends after the application.
    Sidecar,
}
