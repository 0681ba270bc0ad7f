//! The log: text or JSON lines on standard error, through a writer that drops rather than stalls.
//!
//! A reader that stops reading must not stop the gateway. Lines wait in a bounded queue; what does
//! not fit is dropped and counted, and the count is logged.

use crate::observe::access;
use std::io;
use std::time::Duration;
use tokio::time::sleep;
use tracing::level_filters::LevelFilter;
use tracing_appender::non_blocking::ErrorCounter;
use tracing_appender::non_blocking::NonBlockingBuilder;
use tracing_appender::non_blocking::WorkerGuard;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::util::TryInitError;

/// How lines are written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Format {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Keeps the log going; what is still queued is written when it is dropped.
pub struct Log {
    _worker: WorkerGuard,
    dropped: ErrorCounter,
}

impl Log {
    /// Opens the process's log.
    ///
    /// # Errors
    /// If there is one already.
    pub fn open(format: Format, level: LevelFilter) -> Result<Self, TryInitError> {
        let (writer, worker) = NonBlockingBuilder::default()
            .lossy(true)
            .buffered_lines_limit(QUEUED_LINES)
            .thread_name("log")
            .finish(io::stderr());
        let dropped = writer.error_counter();
        let lines = match format {
            Format::Text => fmt::layer().with_ansi(false).with_writer(writer).boxed(),
            Format::Json => fmt::layer().json().flatten_event(true).with_writer(writer).boxed(),
        };
        tracing_subscriber::registry().with(lines.with_filter(filter(level))).try_init()?;
        Ok(Self { _worker: worker, dropped })
    }

    /// Says at the end how many lines were dropped, if any were.
    pub fn tell_all_dropped(&self) {
        let dropped = self.dropped.dropped_lines();
        if dropped > 0 {
            tracing::warn!(lines = dropped, "log lines were dropped, in all");
        }
    }

    /// A watch over dropped lines, to be run as a task.
    pub fn dropped(&self) -> Dropped {
        Dropped { counter: self.dropped.clone(), told: 0 }
    }
}

/// Whether lines were dropped, and how many.
pub struct Dropped {
    counter: ErrorCounter,
    told: usize,
}

impl Dropped {
    /// Says from time to time how many lines were dropped since it last said so.
    pub async fn tell(mut self) {
        loop {
            sleep(TELL_EVERY).await;
            let dropped = self.counter.dropped_lines();
            if dropped > self.told {
                tracing::warn!(lines = dropped - self.told, "log lines were dropped");
                self.told = dropped;
            }
        }
    }
}

const QUEUED_LINES: usize = 16 * 1024;
const TELL_EVERY: Duration = Duration::from_secs(10);

/// Our own lines at the level asked for; the libraries' only from warnings on, and never below
/// that: at `trace` they would print what passes through them (threats.md S2).
fn filter(level: LevelFilter) -> Targets {
    Targets::new()
        .with_default(level.min(LevelFilter::WARN))
        .with_target(OURS, level)
        .with_target(access::TARGET, access_level(level))
}

/// Access lines have a switch of their own, `log.access`; only `off` silences them too.
fn access_level(level: LevelFilter) -> LevelFilter {
    if level == LevelFilter::OFF { LevelFilter::OFF } else { LevelFilter::INFO }
}

const OURS: &str = "verifik_gateway";

#[cfg(test)]
mod tests {
    use super::*;
    use tracing::Level;

    #[test]
    fn the_libraries_never_speak_below_a_warning_and_access_lines_have_their_own_switch() {
        let rows = [
            (LevelFilter::TRACE, "verifik_gateway::cache", Level::TRACE, true),
            (LevelFilter::TRACE, "hyper::proto", Level::INFO, false),
            (LevelFilter::TRACE, "rustls", Level::WARN, true),
            (LevelFilter::ERROR, "verifik_gateway::cache", Level::WARN, false),
            (LevelFilter::ERROR, "rustls", Level::WARN, false),
            (LevelFilter::ERROR, "access", Level::INFO, true),
            (LevelFilter::TRACE, "access", Level::INFO, true),
            (LevelFilter::OFF, "access", Level::INFO, false),
            (LevelFilter::OFF, "verifik_gateway", Level::ERROR, false),
        ];
        for (level, target, line, expected) in rows {
            assert_eq!(
                filter(level).would_enable(target, &line),
                expected,
                "{level} {target} {line}"
            );
        }
    }
}
