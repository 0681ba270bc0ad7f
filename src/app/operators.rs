//! The operators' port, put together and kept up to date.

use crate::admin::desk::Desk;
use crate::admin::desk::InForce;
use crate::admin::desk::Reloads;
use crate::admin::desk::Setting;
use crate::admin::port::Port;
use crate::admin::token::Token;
use crate::cache::state::Cache;
use crate::observe::history::History;
use crate::observe::history::SPAN;
use crate::observe::logging::DroppedLines;
use crate::serve::port;
use crate::serve::port::Caller;
use crate::settings::changes::Restart;
use crate::settings::load::Loaded;
use crate::settings::model::Admin;
use crate::settings::model::Settings;
use crate::settings::token;
use arc_swap::ArcSwap;
use arc_swap::ArcSwapOption;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;
use tokio::time::interval;
use tokio::time::sleep;
use tracing::warn;

/// The operators' port, open.
pub struct Operators {
    /// What they see.
    pub desk: Arc<Desk>,
    /// Where.
    pub port: port::Port,
}

impl Operators {
    /// The line that says where operators connect.
    pub fn heading(&self) -> String {
        format!("verifik-gateway: admin on {}", self.place())
    }

    /// Where that is.
    pub fn place(&self) -> String {
        let place = self.port.place();
        let scheme = if matches!(place, port::Place::Tcp(_)) { "http://" } else { "" };
        format!("{scheme}{place}")
    }

    /// Serves them. Runs until it is dropped.
    pub async fn serve(self) {
        let Self { desk, port: listener } = self;
        let (port, mut tasks) = (Port::new(Arc::clone(&desk)), JoinSet::new());
        tasks.spawn(keep_history(desk));
        while let Some(room) = port.room().await {
            let port = port.clone();
            match listener.accept().await {
                Ok(Caller::Tcp(io, _)) => tasks.spawn(async move {
                    port.serve(io).await;
                    drop(room);
                }),
                Ok(Caller::Unix(io)) => tasks.spawn(async move {
                    port.serve(io).await;
                    drop(room);
                }),
                Err(error) => {
                    warn!(%error, "an operator's connection could not be accepted");
                    sleep(AFTER_A_FAILED_ACCEPT).await;
                    continue;
                }
            };
            while tasks.try_join_next().is_some() {}
        }
    }
}

const AFTER_A_FAILED_ACCEPT: Duration = Duration::from_millis(100);

/// The desk over a gateway.
pub fn desk(
    cache: Arc<Cache>,
    ready: watch::Receiver<bool>,
    in_force: InForce,
    token: Option<Token>,
    losses: Option<DroppedLines>,
) -> Arc<Desk> {
    let began = cache.clock.now();
    Arc::new(Desk {
        cache,
        ready,
        began,
        history: History::default(),
        in_force: ArcSwap::from_pointee(in_force),
        token: ArcSwapOption::from_pointee(token),
        losses,
        reloads: Reloads::default(),
    })
}

/// The token that operators have to say, if there is one. This reads it from the disk.
///
/// # Errors
/// A sentence that says why it cannot be had, without the file's name: that may be the token.
pub fn token(admin: &Admin) -> Result<Option<Token>, String> {
    let Some(path) = &admin.token_file else { return Ok(None) };
    let text = token::read(path).map_err(|fault| format!("admin.token_file: {fault}"))?;
    Ok(Some(Token::new(text.expose())))
}

/// What of the settings operators are shown. None of them is a secret: tokens stand in files.
/// `waiting`: the keys whose new value waits for the next start; `connections`: how many may really
/// be open.
pub fn in_force(
    settings: &Settings,
    loaded: &Loaded,
    waiting: &[Restart],
    connections: usize,
) -> InForce {
    let told = loaded.told().into_iter();
    let told = told.map(|[key, value, from]| {
        let waits = waiting.iter().any(|restart| restart.key == key);
        let from = if waits { format!("{from}, from the next start on") } else { from };
        Setting { key, value, from }
    });
    InForce {
        settings: told.collect(),
        memory: settings.cache.memory,
        places: settings.upstream.max_in_flight,
        connections,
    }
}

/// Takes note of what happens, span by span. Runs until it is dropped.
async fn keep_history(desk: Arc<Desk>) {
    let mut tick = interval(SPAN);
    // Spans are equal, or the figures of one would look like a peak.
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        desk.history.note(desk.reading(), desk.cache.clock.now());
    }
}
