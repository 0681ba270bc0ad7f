//! The log: text or JSON lines on standard error, through a writer that drops rather than stalls.
//!
//! A reader that stops reading must not stop the gateway. Lines wait in a bounded queue; what does
//! not fit is dropped and counted, and the count is logged.

use crate::observe::access;
use std::io;
use std::time::Duration;
use tokio::time::sleep;
use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_appender::non_blocking::ErrorCounter;
use tracing_appender::non_blocking::NonBlockingBuilder;
use tracing_appender::non_blocking::WorkerGuard;
use tracing_subscriber::Layer;
use tracing_subscriber::Registry;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry;
use tracing_subscriber::reload;
use tracing_subscriber::reload::Handle;
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
    dropped: DroppedLines,
    filter: Handle<Targets, Registry>,
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
        let dropped = DroppedLines(writer.error_counter());
        let (lines, filter) = lines(format, level, writer);
        lines.try_init()?;
        Ok(Self { _worker: worker, dropped, filter })
    }

    /// Writes lines of this level from now on. Returns when every call site knows of it: what is not
    /// written costs as little as if it had never been.
    ///
    /// # Errors
    /// If the process's log is gone, or a panic has left it as it should not be.
    pub fn relevel(&self, level: LevelFilter) -> Result<(), reload::Error> {
        self.filter.reload(filter(level))
    }

    /// Says at the end how many lines were dropped, if any were.
    pub fn tell_all_dropped(&self) {
        let dropped = self.dropped.lines();
        if dropped > 0 {
            tracing::warn!(lines = dropped, "log lines were dropped, in all");
        }
    }

    /// A watch over dropped lines, to be run as a task.
    pub fn dropped(&self) -> Dropped {
        Dropped { counter: self.dropped.clone(), told: 0 }
    }

    /// How many lines were dropped, to be asked at any time.
    pub fn dropped_lines(&self) -> DroppedLines {
        self.dropped.clone()
    }
}

/// What writes lines of this level, and how the level is changed.
fn lines<W>(
    format: Format,
    level: LevelFilter,
    writer: W,
) -> (impl Subscriber + Send + Sync, Handle<Targets, Registry>)
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = match format {
        Format::Text => fmt::layer().with_ansi(false).with_writer(writer).boxed(),
        Format::Json => fmt::layer().json().flatten_event(true).with_writer(writer).boxed(),
    };
    // `Targets` says of a call site always or never, which the call site keeps until the filter is
    // changed: the lock around it is not taken for a line.
    let (filter, handle) = reload::Layer::new(filter(level));
    (registry().with(lines.with_filter(filter)), handle)
}

/// The count of lines that the log has dropped because nobody read them in time.
#[derive(Clone, Debug)]
pub struct DroppedLines(ErrorCounter);

impl DroppedLines {
    /// How many, since the log was opened.
    pub fn lines(&self) -> u64 {
        u64::try_from(self.0.dropped_lines()).unwrap_or(u64::MAX)
    }
}

/// Whether lines were dropped, and how many.
pub struct Dropped {
    counter: DroppedLines,
    told: u64,
}

impl Dropped {
    /// Says from time to time how many lines were dropped since it last said so.
    pub async fn tell(mut self) {
        loop {
            sleep(TELL_EVERY).await;
            let dropped = self.counter.lines();
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
    use std::io::Write;
    use std::sync::Arc;
    use std::sync::Mutex;
    use tracing::Dispatch;
    use tracing::Level;
    use tracing::callsite::Callsite;
    use tracing::dispatcher::set_default;
    use tracing::metadata::Kind;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<String>>);

    impl Write for Written {
        fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().push_str(&String::from_utf8_lossy(octets));
            Ok(octets.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// The same call sites each time, which keep what they were told.
    fn say_something() {
        tracing::error!("an error");
        tracing::info!("an event");
        tracing::debug!("a decision");
        tracing::trace!(target: "hyper", "a token");
        tracing::info!(target: access::TARGET, "a line");
    }

    #[test]
    fn the_level_can_be_changed_while_lines_are_written() {
        let written = Written::default();
        let writer = written.clone();
        let (lines, filter) = lines(Format::Text, LevelFilter::INFO, move || writer.clone());
        let (unused, worker) = NonBlockingBuilder::default().finish(io::sink());
        let log = Log { _worker: worker, dropped: DroppedLines(unused.error_counter()), filter };
        // Of two dispatchers each is asked about a new call site, whichever thread meets it first.
        let (_writing, _idle) = (set_default(&Dispatch::new(lines)), Dispatch::new(registry()));
        let all = ["an error", "an event", "a decision", "a token", "a line"];
        for (level, expected) in [
            (LevelFilter::INFO, &["an error", "an event", "a line"][..]),
            (LevelFilter::DEBUG, &["an error", "an event", "a decision", "a line"]),
            (LevelFilter::ERROR, &["an error", "a line"]),
            (LevelFilter::OFF, &[]),
            (LevelFilter::TRACE, &["an error", "an event", "a decision", "a line"]),
            (LevelFilter::INFO, &["an error", "an event", "a line"]),
        ] {
            log.relevel(level).unwrap();
            say_something();
            let text = std::mem::take(&mut *written.0.lock().unwrap());
            let told = all.into_iter().filter(|line| text.contains(line)).collect::<Vec<_>>();
            assert_eq!(told, expected, "{level}: {text}");
        }
    }

    #[test]
    fn lines_that_find_no_place_are_counted() {
        let written = Written::default();
        let nobody_reads = written.0.lock().unwrap();
        let log = NonBlockingBuilder::default().lossy(true).buffered_lines_limit(1);
        let (mut writer, worker) = log.finish(written.clone());
        let dropped = DroppedLines(writer.error_counter());
        assert_eq!(dropped.lines(), 0);
        // One is being written, one waits.
        for _ in 0..5 {
            writer.write_all(b"a line\n").unwrap();
        }
        assert!((3..=4).contains(&dropped.clone().lines()), "{dropped:?}");
        drop(nobody_reads);
        drop(worker);
    }

    /// A lock around the filter would otherwise be taken for each line, written or not.
    #[test]
    fn a_call_site_is_told_always_or_never_and_asks_no_more() {
        let (lines, filter_handle) = lines(Format::Text, LevelFilter::INFO, io::sink);
        let lines = Dispatch::new(lines);
        for (level, expected) in [(LevelFilter::INFO, false), (LevelFilter::DEBUG, true)] {
            filter_handle.reload(filter(level)).unwrap();
            let site = tracing::callsite!(
                name: "a call site",
                kind: Kind::EVENT,
                target: "verifik_gateway::cache",
                level: Level::DEBUG,
                fields: message
            );
            let interest = lines.register_callsite(site.metadata());
            let told = (interest.is_always(), interest.is_never());
            assert_eq!(told, (expected, !expected), "{level}");
        }
    }

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
