//! From settings to a gateway.

use crate::base::draw;
use crate::base::draw::Draw;
use crate::base::room::Room;
use crate::base::time::Clock;
use crate::cache::apart::Apart;
use crate::cache::collapse::Forwards;
use crate::cache::courtesy::Courtesy;
use crate::cache::regime::Regime;
use crate::cache::state::Cache;
use crate::observe::accounts::Accounts;
use crate::observe::metrics::Metrics;
use crate::observe::repeated::Repeated;
use crate::policy::breaker;
use crate::policy::budget;
use crate::policy::closing::LINGER;
use crate::policy::freshness::Lifetimes;
use crate::policy::key::FIRST_EDITION;
use crate::policy::key::KeySecret;
use crate::policy::lease;
use crate::policy::line;
use crate::policy::rules::Access;
use crate::policy::rules::Batch;
use crate::policy::rules::Deadlines;
use crate::policy::rules::Rules;
use crate::serve::batch;
use crate::serve::crowd::Crowd;
use crate::serve::gateway::Gateway;
use crate::serve::listener::Door;
use crate::serve::patience::Limits;
use crate::serve::places::Places;
use crate::serve::terms::Terms;
use crate::settings::model;
use crate::settings::model::Settings;
use crate::store::leases::Leases;
use crate::store::memory::Store;
use crate::upstream::client::ConnectionLimits;
use crate::upstream::client::PooledClient;
use crate::upstream::destination::Destination;
use crate::upstream::egress::Proxy;
use crate::upstream::queue::Queue;
use crate::upstream::request::Base;
use crate::upstream::sender::Sender;
use crate::upstream::tls;
use crate::upstream::tls::Roots;
use crate::upstream::tls::TlsError;
use arc_swap::ArcSwap;
use http::uri::Authority;
use http::uri::Scheme;
use std::fmt;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use tokio::sync::Semaphore;
use tokio::sync::watch;
use tracing::info;

/// What a gateway needs of the world, so that a test can give it another.
pub struct World {
    /// How the upstream is reached.
    pub sender: Arc<dyn Sender>,
    /// What time it is.
    pub clock: Clock,
    /// For jitter.
    pub draw: Draw,
    /// Under which keys are made.
    pub keys: KeySecret,
}

/// Why a gateway could not be put together.
#[derive(Debug)]
pub enum AssemblyError {
    /// TLS to the upstream.
    Tls(TlsError),
    /// The operating system gave no random numbers to make keys from.
    NoRandomness(getrandom::Error),
}

impl fmt::Display for AssemblyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tls(error) => error.fmt(f),
            Self::NoRandomness(error) => write!(f, "no random numbers to make keys from: {error}"),
        }
    }
}

impl std::error::Error for AssemblyError {}

impl World {
    /// The real one: sockets, the system's clocks, chance.
    pub fn real(settings: &Settings) -> Result<Self, AssemblyError> {
        let secret = draw::fresh_secret().map_err(AssemblyError::NoRandomness)?;
        Ok(Self {
            sender: sender(settings).map_err(AssemblyError::Tls)?,
            clock: Clock::system(),
            draw: Draw::unforeseen(),
            keys: KeySecret::new(secret),
        })
    }
}

/// What carries requests to the upstream. This reads certificates from the disk.
///
/// # Errors
/// What is wrong with those.
pub fn sender(settings: &Settings) -> Result<Arc<dyn Sender>, TlsError> {
    let upstream = &settings.upstream;
    let roots = match upstream.url.scheme {
        model::Scheme::Http => Roots::none(),
        model::Scheme::Https => Roots::load(upstream.ca_file.as_deref())?,
    };
    info!(roots = roots.source.as_str(), "trusting certificates");
    let proxy = proxy(upstream);
    let connector = tls::connector(&roots, proxy.as_ref(), upstream.connect_timeout)?;
    Ok(Arc::new(PooledClient::new(connector, connection_limits(settings))))
}

/// Through whom the upstream is reached, which the log is told: not the password, if there is one.
fn proxy(upstream: &model::Upstream) -> Option<Proxy> {
    let proxy = upstream.proxy.as_ref().filter(|_| upstream.url.scheme == model::Scheme::Https);
    let Some(model::Proxy { uri, authorization, variable }) = proxy else {
        info!("reaching the upstream without a proxy");
        return None;
    };
    let proxy = uri.authority().map(Authority::as_str);
    info!(proxy, variable, "reaching the upstream through a proxy");
    Some(Proxy { uri: uri.clone(), authorization: authorization.clone() })
}

/// How connections to the upstream are made and kept.
pub fn connection_limits(settings: &Settings) -> ConnectionLimits {
    ConnectionLimits {
        connect_timeout: settings.upstream.connect_timeout,
        idle_timeout: settings.upstream.idle_timeout,
        max_idle: settings.upstream.max_in_flight,
    }
}

/// The gateway behind its door. `draining` turns true when it is to take no more requests.
pub fn door(settings: &Settings, world: World, draining: watch::Receiver<bool>) -> Door {
    let gateway = Gateway {
        regime: Arc::new(ArcSwap::from_pointee(regime(settings, world.sender, FIRST_EDITION))),
        calls: Arc::new(Semaphore::new(batch::MOST_CALLS)),
        cache: Arc::new(Cache {
            store: store(settings),
            room: Room::new(room(settings.cache.memory)),
            leases: Leases::default(),
            keys: world.keys,
            queue: Queue::new(turns(settings), world.clock.clone()),
            fuse: Arc::default(),
            churn: Mutex::default(),
            hit: AtomicBool::new(false),
            clock: world.clock,
            draw: world.draw,
            forwards: Forwards::default(),
            probes: Forwards::default(),
            apart: Apart::default(),
            courtesy: Courtesy::default(),
            accounts: Accounts::default(),
            metrics: Metrics::default(),
            repeated: Repeated::default(),
        }),
    };
    Door {
        gateway,
        terms: Arc::new(ArcSwap::from_pointee(terms(&settings.listen))),
        places: Places::new(settings.listen.max_connections),
        crowd: Crowd::default(),
        certificate: None,
        draining,
        linger: LINGER,
    }
}

/// What the settings mean for connections.
pub const fn terms(listen: &model::Listen) -> Terms {
    Terms {
        limits: Limits {
            header: listen.header_timeout,
            idle: listen.idle_timeout,
            write: listen.write_timeout,
        },
        max_header_bytes: listen.max_header_bytes,
    }
}

/// What the settings mean for exchanges. `edition`: of those of them that keys depend on.
pub fn regime(settings: &Settings, sender: Arc<dyn Sender>, edition: u64) -> Regime {
    let base = base(&settings.upstream.url);
    Regime {
        rules: Arc::new(rules(settings, edition)),
        destination: Arc::new(Destination { base, sender }),
    }
}

/// What the settings mean for decisions.
fn rules(settings: &Settings, edition: u64) -> Rules {
    let leases = &settings.lifetimes;
    Rules {
        edition,
        resources: settings.resources.clone(),
        lifetimes: lifetimes(settings),
        lease: lease::Terms { lease: leases.lease, grace: leases.lease_grace },
        client_directives: settings.cache.client_directives,
        max_stored_body: settings.cache.max_stored_body,
        max_target_bytes: settings.listen.max_target_bytes,
        max_request_body: settings.listen.max_request_body,
        retries: settings.upstream.retries,
        breaker: breaker::Terms {
            failures: settings.breaker.failures,
            penalty: settings.breaker.penalty,
            max_penalty: settings.breaker.max_penalty,
        },
        batch: settings
            .batch
            .path
            .as_ref()
            .map(|path| Batch { path: path.as_str().into(), max_ids: settings.batch.max_ids }),
        deadlines: Deadlines {
            answer: settings.upstream.answer_timeout,
            body: settings.upstream.body_timeout,
            total: settings.upstream.total_timeout,
            pass_through: settings.upstream.pass_through_answer_timeout,
            request_body: settings.listen.header_timeout,
            turn: settings.limit.max_wait,
        },
        access: match settings.log.access {
            model::Access::All => Access::All,
            model::Access::Forwarded => Access::Forwarded,
            model::Access::Off => Access::Off,
        },
    }
}

/// How the upstream's resources are to be asked for.
pub fn turns(settings: &Settings) -> line::Terms {
    let limit = &settings.limit;
    let rate = match limit.rate {
        model::Rate::Learn => budget::Rate::Learn,
        model::Rate::Off => budget::Rate::Off,
        model::Rate::PerSecond(rate) => budget::Rate::PerSecond(rate),
    };
    line::Terms {
        budget: budget::Terms { rate, burst: limit.burst },
        total_rate: limit.total_rate,
        places: settings.upstream.max_in_flight,
        max_waiting: limit.max_queue,
    }
}

/// How long answers stay fresh, and of use.
pub fn lifetimes(settings: &Settings) -> Lifetimes {
    let lifetimes = &settings.lifetimes;
    Lifetimes {
        open: lifetimes.open,
        settled: lifetimes.settled,
        not_found: lifetimes.not_found,
        max: lifetimes.max,
        while_revalidate: lifetimes.stale_while_revalidate,
        if_error: lifetimes.stale_if_error,
    }
}

fn store(settings: &Settings) -> Store {
    // A mark must outlive whatever may be stored.
    let retention = lifetimes(settings).retention();
    Store::new(for_storing(settings.cache.memory), retention, settings.upstream.total_timeout)
}

/// `cache.memory` is for all bodies, wherever they are: a quarter of it, if that is not much, is not
/// for storing, so that there is room for what is on its way.
const fn for_storing(memory: u64) -> u64 {
    let quarter = memory / 4;
    memory - if quarter < MOST_ON_THE_WAY { quarter } else { MOST_ON_THE_WAY }
}

/// What all bodies together may take: with a small memory, or none, answers are read whole and
/// shared all the same.
fn room(memory: u64) -> usize {
    usize::try_from(memory.max(LEAST_ROOM)).unwrap_or(usize::MAX)
}

const MOST_ON_THE_WAY: u64 = 16 * 1024 * 1024;

const LEAST_ROOM: u64 = 8 * 1024 * 1024;

fn base(url: &model::UpstreamUrl) -> Base {
    Base {
        scheme: match url.scheme {
            model::Scheme::Http => Scheme::HTTP,
            model::Scheme::Https => Scheme::HTTPS,
        },
        authority: url.authority.clone(),
        prefix: url.prefix.clone(),
    }
}
