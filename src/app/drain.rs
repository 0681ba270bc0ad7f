//! The end of a running gateway: a signal, a drain, and how it went.

use std::io;
use std::time::Duration;
use tokio::signal::unix::Signal;
use tokio::signal::unix::SignalKind;
use tokio::signal::unix::signal;
use tokio::time::sleep;
use tokio::time::timeout;
use tracing::info;

/// The signals that end a gateway.
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

/// How a drain ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Drained {
    /// Every exchange was finished.
    Finished,
    /// It was cut off at its deadline.
    Late,
    /// It was cut off by a second signal.
    Hurried,
}

impl Signals {
    /// Listens for SIGTERM and SIGINT.
    pub fn listen() -> io::Result<Self> {
        let terminate = signal(SignalKind::terminate())?;
        Ok(Self { terminate, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Returns at the next one.
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Goes on serving for `delay`, then has `finish` done within `deadline`. Another signal ends it.
pub async fn drain(
    signals: &mut Signals,
    delay: Duration,
    deadline: Duration,
    finish: impl Future<Output = ()>,
) -> Drained {
    info!("draining");
    let drained = async {
        sleep(delay).await;
        timeout(deadline, finish).await
    };
    tokio::select! {
        drained = drained => drained.map_or(Drained::Late, |()| Drained::Finished),
        () = signals.next() => Drained::Hurried,
    }
}
