//! A whole gateway, put together as the binary puts it together, between a client and an upstream
//! that cost nothing: neither kernel, nor socket, nor another task. What those add is alike for all
//! that is sent and would only make differences look smaller.

use crate::script::Account;
use crate::script::Lines;
use crate::script::Script;
use http::Uri;
use hyper_util::rt::TokioIo;
use std::future::Ready;
use std::future::ready;
use std::io;
use std::sync::Arc;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;
use tokio::runtime::Builder;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::task::yield_now;
use tower_service::Service;
use verifik_gateway::app::assemble;
use verifik_gateway::app::assemble::World;
use verifik_gateway::base::draw::Draw;
use verifik_gateway::base::secret::Secret;
use verifik_gateway::base::time::Clock;
use verifik_gateway::policy::key::KeySecret;
use verifik_gateway::serve::exchanges::Exchanges;
use verifik_gateway::serve::listener::Door;
use verifik_gateway::settings::load::load;
use verifik_gateway::settings::model::Rate;
use verifik_gateway::settings::sources::Sources;
use verifik_gateway::upstream::client::PooledClient;

/// A gateway, and what its upstream says.
pub(crate) struct House {
    door: Door,
    runtime: Runtime,
    /// What was taken of the upstream's answers.
    pub(crate) upstream: Account,
    _drain: watch::Sender<bool>,
}

/// What every request to the upstream is answered with.
#[derive(Clone)]
pub(crate) struct Answer {
    pub(crate) lines: Lines,
    /// How long the bodies of the requests are.
    pub(crate) after: usize,
}

impl House {
    /// With the shipped settings, but that tickets stay fresh while they are asked for, and that the
    /// upstream is asked at once, once, and however it has answered so far.
    pub(crate) fn new(answer: Answer) -> io::Result<Self> {
        let mut settings = load(&Sources::default(), []).map_err(io::Error::other)?.settings;
        settings.lifetimes.open = Duration::from_hours(1);
        settings.lifetimes.lease = Duration::from_hours(1);
        settings.upstream.retries = 0;
        settings.limit.rate = Rate::Off;
        settings.breaker.failures = 0;
        let upstream = Account::new();
        let plug = Plug { answer: Arc::new(answer), account: upstream.clone() };
        let world = World {
            sender: Arc::new(PooledClient::new(plug, assemble::connection_limits(&settings))),
            clock: Clock::system(),
            draw: Draw::seeded(7),
            keys: KeySecret::new(Secret::new([7; 32])),
        };
        let (drain, draining) = watch::channel(false);
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let door = {
            let _entered = runtime.enter();
            assemble::door(&settings, world, draining)
        };
        Ok(Self { door, runtime, upstream, _drain: drain })
    }

    /// Serves a connection to its end, and what it has left behind.
    pub(crate) fn serve(&self, client: Script) {
        self.runtime.block_on(async {
            self.door.serve(client, Exchanges::default()).await;
            for _ in 0..AFTERMATH {
                yield_now().await;
            }
        });
    }
}

/// How often tasks that outlive a connection are given a turn: more often than any needs.
const AFTERMATH: usize = 8;

/// Connects to the upstream.
#[derive(Clone)]
struct Plug {
    answer: Arc<Answer>,
    account: Account,
}

impl Service<Uri> for Plug {
    type Response = TokioIo<Script>;
    type Error = io::Error;
    type Future = Ready<io::Result<Self::Response>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let Answer { lines, after } = &*self.answer;
        let script = Script::upstream(lines.clone(), self.account.clone(), *after);
        ready(Ok(TokioIo::new(script)))
    }
}
