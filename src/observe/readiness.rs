//! Whether the gateway is to be sent requests.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

/// Ready from when its port is open until it is told to end.
#[derive(Debug, Default)]
pub struct Readiness(AtomicBool);

impl Readiness {
    /// It takes requests from now on.
    pub fn begin(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// It is about to end.
    pub fn end(&self) {
        self.0.store(false, Ordering::Release);
    }

    /// Whether it is ready.
    pub fn holds(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}
