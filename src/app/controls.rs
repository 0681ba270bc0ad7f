//! What new settings change of a gateway that runs.

use crate::app::assemble;
use crate::app::process;
use crate::cache::regime::Regime;
use crate::cache::state::Cache;
use crate::serve::places::Places;
use crate::serve::terms::Terms;
use crate::serve::tls::Certificate;
use crate::settings::model::Settings;
use crate::upstream::sender::Sender;
use arc_swap::ArcSwap;
use std::sync::Arc;
use tracing::warn;

/// What of a gateway that runs new settings change.
pub struct Controls {
    /// What answers.
    pub cache: Arc<Cache>,
    /// What holds for exchanges.
    pub regime: Arc<ArcSwap<Regime>>,
    /// What holds for connections.
    pub terms: Arc<ArcSwap<Terms>>,
    /// How many of those there may be.
    pub places: Places,
    /// What proves to clients that it is the gateway, over TLS.
    pub certificate: Option<Arc<Certificate>>,
    /// What the rest goes by.
    pub settings: Arc<ArcSwap<Settings>>,
}

impl Controls {
    /// Puts new settings in force for what begins from now on. `sender`: another way to the upstream;
    /// `flush`: what is stored means nothing under them.
    pub fn take_over(
        &self,
        settings: &Settings,
        sender: Option<Arc<dyn Sender>>,
        edition: u64,
        flush: bool,
    ) {
        let cache = &self.cache;
        let elsewhere = self.settings.load().upstream.url != settings.upstream.url;
        let sender = sender.unwrap_or_else(|| Arc::clone(&self.regime.load().destination.sender));
        // Before anything is stored for longer, or sent that may take longer.
        let retention = assemble::lifetimes(settings).retention();
        cache.store.reach(retention, settings.upstream.total_timeout);
        self.regime.store(Arc::new(assemble::regime(settings, sender, edition)));
        if elsewhere {
            cache.fuse.start_anew();
        }
        cache.queue.go_by(assemble::turns(settings));
        self.terms.store(Arc::new(assemble::terms(&settings.listen)));
        let mut settings = settings.clone();
        settings.listen.max_connections = within_open_files(&settings);
        self.places.resize(settings.listen.max_connections);
        self.settings.store(Arc::new(settings));
        if flush {
            cache.store.clear(cache.clock.now());
            cache.leases.end_all(cache.store.begin());
        }
    }
}

/// As many connections as the settings and the system's limit on open files allow. Some files are
/// kept back: with all of them taken by clients nobody could be answered.
pub(crate) fn within_open_files(settings: &Settings) -> usize {
    let wanted = settings.listen.max_connections;
    // Each client's connection may have one upstream beside it.
    let all = wanted.saturating_mul(2).saturating_add(KEPT_FILES);
    let allowed = process::open_files(all);
    let kept = settings.upstream.max_in_flight.saturating_mul(2).saturating_add(KEPT_FILES);
    let connections = wanted.min(allowed - kept.min(allowed / 2)).max(1);
    if connections < wanted {
        warn!(
            connections,
            "listen.max_connections is {wanted}, but the system allows {allowed} open files"
        );
    }
    connections
}

/// For the log, the listener, the settings files, name look-ups.
const KEPT_FILES: usize = 64;
