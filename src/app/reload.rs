//! New settings for a gateway that runs: read when a signal says so or their files' content changes,
//! judged as at the start, and put in force for what begins from then on (threats.md R22, R23).

use crate::admin::desk::Desk;
use crate::app::assemble;
use crate::app::certificate;
use crate::app::controls::Controls;
use crate::app::manager;
use crate::app::operators;
use crate::app::origin::Origin;
use crate::app::origin::Watched;
use crate::app::origin::content;
use crate::app::process;
use crate::observe::logging::Log;
use crate::policy::key::FIRST_EDITION;
use crate::settings::changes::Changes;
use crate::settings::changes::changes;
use crate::settings::load::Loaded;
use crate::settings::model;
use crate::settings::model::Settings;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::Signal;
use tokio::signal::unix::SignalKind;
use tokio::signal::unix::signal;
use tokio::task::spawn_blocking;
use tokio::time::sleep;
use tracing::info;
use tracing::level_filters::LevelFilter;
use tracing::warn;

/// Between two looks at the files. Kubernetes swaps a symlink and does not say so; whoever edits a file
/// looks at the log a moment later.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Reads settings anew and puts them in force.
pub struct Reloader {
    origin: Origin,
    /// What is in force.
    loaded: Loaded,
    controls: Controls,
    desk: Option<Arc<Desk>>,
    log: Arc<Log>,
    /// Of the settings that keys depend on.
    edition: u64,
    /// The settings files.
    sources: Watched,
    /// The files that they name.
    named: Watched,
    /// Why the files are not in force, if they are not. What was missing may come, in a file that
    /// nobody knows of.
    refused: Option<String>,
    /// The signal to reload; heard from the start, since it would end a process that does not hear it.
    hangup: io::Result<Signal>,
    /// What stood in `upstream.ca_file`.
    roots: blake3::Hash,
    /// What stood in `admin.token_file`.
    token: blake3::Hash,
}

/// What came of a reload.
struct Applied {
    changes: Changes,
    /// Other certificates are trusted, under the same key.
    roots: bool,
    /// Operators have to say another token, under the same key.
    token: bool,
}

impl Reloader {
    /// For a gateway that runs with what is `loaded`.
    pub fn new(
        origin: Origin,
        loaded: Loaded,
        controls: Controls,
        desk: Option<Arc<Desk>>,
        log: Arc<Log>,
    ) -> Self {
        let sources = Watched::now(origin.sources.files.clone());
        let named = Watched::now(origin.named(&loaded));
        let roots = content(&roots(&loaded.settings));
        let token = content(&token(&loaded.settings));
        let hangup = signal(SignalKind::hangup());
        if let Err(error) = &hangup {
            warn!(%error, "SIGHUP is not heard; settings are read again when their files change");
        }
        Self {
            origin,
            loaded,
            controls,
            desk,
            log,
            edition: FIRST_EDITION,
            sources,
            named,
            refused: None,
            hangup,
            roots,
            token,
        }
    }

    /// Reloads whenever there is reason to. Runs until it is dropped.
    pub async fn watch(mut self) {
        loop {
            tokio::select! {
                () = hung_up(&mut self.hangup) => self.reload().await,
                () = sleep(LOOK_EVERY) => {
                    if self.has_changed().await {
                        self.reload().await;
                    } else if self.refused.is_some() {
                        self.try_again().await;
                    }
                }
            }
        }
    }

    /// Whether the files hold something else than when they were last read.
    async fn has_changed(&self) -> bool {
        let (sources, named) = (self.sources.files.clone(), self.named.files.clone());
        let now = spawn_blocking(move || [content(&sources), content(&named)]).await;
        now.is_ok_and(|now| now != [self.sources.content, self.named.content])
    }

    /// Reads the settings, and puts them in force unless something is wrong with them.
    pub async fn reload(&mut self) {
        manager::reloading();
        let outcome = self.read_and_put_in_force().await;
        self.tell(outcome);
        if let Some(certificate) = &self.controls.certificate {
            certificate::look(certificate).await;
        }
        manager::ready();
    }

    /// The same for settings that were refused, of which nothing is told if they still are.
    async fn try_again(&mut self) {
        let outcome = self.read_and_put_in_force().await;
        if outcome.as_ref().err() != self.refused.as_ref() {
            self.tell(outcome);
        }
    }

    async fn read_and_put_in_force(&mut self) -> Result<Applied, String> {
        let (origin, before) = (self.origin.clone(), self.named.files.clone());
        let read = spawn_blocking(move || {
            let sources = Watched::now(origin.sources.files.clone());
            let before = Watched::now(before);
            let loaded = origin.read();
            // Those that are named now are read later.
            let now = loaded.as_ref().ok().map(|loaded| Watched::now(origin.named(loaded)));
            (sources, now.unwrap_or(before), loaded)
        });
        let (sources, named, loaded) =
            read.await.map_err(|_| "they could not be read".to_owned())?;
        (self.sources, self.named) = (sources, named);
        self.put_in_force(loaded?).await
    }

    /// All that can go wrong comes first, so that nothing or all of it is in force.
    async fn put_in_force(&mut self, mut loaded: Loaded) -> Result<Applied, String> {
        let changes = changes(&self.loaded.settings, &loaded.settings);
        let settings = Changes::without_restart(&self.loaded.settings, &loaded.settings);
        let (now_roots, now_token) = (content(&roots(&settings)), content(&token(&settings)));
        let applied = Applied {
            roots: now_roots != self.roots,
            token: now_token != self.token && !changes.keys.contains(&"admin.token_file"),
            changes,
        };
        let changes = &applied.changes;
        let admin = settings.admin.clone();
        let token = spawn_blocking(move || operators::token(&admin)).await;
        let token = token.map_err(|error| error.to_string())??;
        let sender = if applied.roots || reaches_otherwise(changes) {
            let settings = settings.clone();
            let sender = spawn_blocking(move || assemble::sender(&settings)).await;
            Some(sender.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?)
        } else {
            None
        };
        if let (Some(certificate), Some(tls)) = (&self.controls.certificate, &settings.listen.tls) {
            certificate::move_to(certificate, tls).await?;
        }
        self.edition = self.edition.saturating_add(u64::from(changes.flush));
        self.controls.take_over(&settings, sender, self.edition, changes.flush);
        if let Err(error) = self.log.relevel(level(settings.log.level)) {
            warn!(%error, "log.level stays as it was");
        }
        if changes.keys.contains(&"lifecycle.core_dumps")
            && let Err(error) = process::settle(settings.lifecycle.core_dumps)
        {
            warn!(%error, "lifecycle.core_dumps is without effect: the system refuses");
        }
        loaded.settings = settings;
        if let Some(desk) = &self.desk {
            let connections = self.controls.settings.load().listen.max_connections;
            let shown =
                operators::in_force(&loaded.settings, &loaded, &changes.restart, connections);
            desk.in_force.store(Arc::new(shown));
            desk.token.store(token.map(Arc::new));
        }
        self.loaded = loaded;
        (self.roots, self.token) = (now_roots, now_token);
        Ok(applied)
    }

    /// Tells the log, and whoever looks at the status page.
    fn tell(&mut self, outcome: Result<Applied, String>) {
        self.refused = outcome.as_ref().err().cloned();
        let now = self.controls.cache.clock.now();
        let (applied, words) = match outcome {
            Err(why) => {
                warn!("the settings stay as they were: {why}");
                (false, why)
            }
            Ok(applied) => (true, applied.in_words()),
        };
        if let Some(desk) = &self.desk {
            desk.reloads.note(applied, words, now);
        }
    }
}

impl Applied {
    /// Tells the log what has changed; the same in a sentence.
    fn in_words(&self) -> String {
        let Self { changes: Changes { keys, restart, flush }, roots, token } = self;
        let in_force = keys.iter().filter(|key| !restart.iter().any(|waits| waits.key == **key));
        let in_force: Vec<_> = in_force.copied().collect();
        let mut words = Vec::new();
        if !in_force.is_empty() {
            words.push(format!("in force now: {}", in_force.join(", ")));
        }
        if *roots {
            words.push("other certificates are trusted".to_owned());
        }
        if *token {
            words.push("operators have another token".to_owned());
        }
        if *flush {
            words.push("nothing that was stored is used any more".to_owned());
        }
        if words.is_empty() && restart.is_empty() {
            words.push("nothing has changed".to_owned());
        }
        if !words.is_empty() {
            info!("settings were read again: {}", words.join("; "));
        }
        for waits in restart {
            warn!("{} waits for the next start: {}", waits.key, waits.why);
            words.push(format!("{} waits for the next start: {}", waits.key, waits.why));
        }
        words.join("; ")
    }
}

/// `log.level`, as the log takes it.
pub(crate) const fn level(level: model::Level) -> LevelFilter {
    match level {
        model::Level::Off => LevelFilter::OFF,
        model::Level::Error => LevelFilter::ERROR,
        model::Level::Warn => LevelFilter::WARN,
        model::Level::Info => LevelFilter::INFO,
        model::Level::Debug => LevelFilter::DEBUG,
        model::Level::Trace => LevelFilter::TRACE,
    }
}

/// Returns when the signal comes; never without one.
async fn hung_up(hangup: &mut io::Result<Signal>) {
    match hangup {
        Ok(hangup) => {
            if hangup.recv().await.is_none() {
                std::future::pending::<()>().await;
            }
        }
        Err(_) => std::future::pending().await,
    }
}

/// Whether connections to the upstream are made or kept in another way.
fn reaches_otherwise(changes: &Changes) -> bool {
    const KEYS: [&str; 5] = [
        "upstream.url",
        "upstream.ca_file",
        "upstream.connect_timeout",
        "upstream.idle_timeout",
        "upstream.max_in_flight",
    ];
    changes.keys.iter().any(|key| KEYS.contains(key))
}

fn token(settings: &Settings) -> Vec<PathBuf> {
    settings.admin.token_file.iter().cloned().collect()
}

fn roots(settings: &Settings) -> Vec<PathBuf> {
    settings.upstream.ca_file.iter().cloned().collect()
}
