//! The log, captured.

use crate::support::search::Searcher;
use serde_json::Value;
use std::io;
use std::sync::Arc;
use std::sync::Mutex;
use tracing::Dispatch;
use tracing::Level;
use tracing::dispatcher::DefaultGuard;
use tracing::dispatcher::set_default;
use tracing_subscriber::fmt;
use tracing_subscriber::registry;

/// What is logged on this thread, at every level and from every crate.
#[derive(Clone, Default)]
pub struct Captured(Arc<Mutex<Vec<u8>>>);

impl io::Write for Captured {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(octets);
        Searcher::default().write(octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Captured {
    /// Captures as long as the guard lives. With the second, idle dispatcher `tracing` asks each of
    /// the two about a new call site; one alone it would ask only on its own thread, and other
    /// tests' threads would switch call sites off.
    pub fn begin() -> (Self, DefaultGuard, Dispatch) {
        let captured = Self::default();
        let writer = captured.clone();
        let lines = fmt().json().flatten_event(true).with_max_level(Level::TRACE);
        let lines = lines.with_writer(move || writer.clone()).finish();
        let idle = Dispatch::new(registry());
        (captured, set_default(&Dispatch::new(lines)), idle)
    }

    /// The log so far.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }

    /// The access lines since the log was last taken.
    pub fn take_access_lines(&self) -> Vec<Value> {
        let text = String::from_utf8(std::mem::take(&mut *self.0.lock().unwrap())).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.filter(|line| line["target"] == "access").collect()
    }
}
