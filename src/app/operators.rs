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
use crate::settings::load::Loaded;
use crate::settings::model::Settings;
use arc_swap::ArcSwap;
use arc_swap::ArcSwapOption;
use std::sync::Arc;
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;
use tokio::time::interval;

/// The desk over a gateway. `connections`: how many may really be open.
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

/// What of the settings operators are shown. None of them is a secret: tokens stand in files.
/// `connections`: how many may really be open.
pub fn in_force(settings: &Settings, loaded: &Loaded, connections: usize) -> InForce {
    let told = loaded.told().into_iter();
    InForce {
        settings: told.map(|[key, value, from]| Setting { key, value, from }).collect(),
        memory: settings.cache.memory,
        places: settings.upstream.max_in_flight,
        connections,
    }
}

/// Takes note of what happens, span by span. Runs until it is dropped.
pub async fn keep_history(desk: Arc<Desk>) {
    let mut tick = interval(SPAN);
    // Spans are equal, or the figures of one would look like a peak.
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        desk.history.note(desk.reading(), desk.cache.clock.now());
    }
}

/// The port of a desk.
pub fn port(desk: &Arc<Desk>) -> Port {
    Port::new(Arc::clone(desk))
}
