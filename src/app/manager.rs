//! What the service manager that started the gateway is told (`sd_notify(3)`). Without one, which
//! the environment says (`NOTIFY_SOCKET`), nothing is.

use sd_notify::NotifyState;
use std::future::pending;
use std::time::Duration;
use tokio::task::spawn_blocking;
use tokio::time::interval;
use tracing::debug;

/// The ports are open.
pub fn ready() {
    tell(&[NotifyState::Ready]);
}

/// The drain begins.
pub fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// A reload begins; [`ready`] says that it has ended.
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        // Without the time systemd would take it for a reload that fails.
        Err(error) => debug!(%error, "the service manager is not told of a reload"),
    }
}

/// Says that the gateway lives, if the service manager wants to hear it (`WatchdogSec=`).
pub async fn keep_telling() {
    let Some(within) = sd_notify::watchdog_enabled() else { return pending().await };
    let mut tick = interval(every(within));
    loop {
        tick.tick().await;
        // Apart: if it has stopped listening, this waits.
        let _ = spawn_blocking(|| tell(&[NotifyState::Watchdog])).await;
    }
}

/// Half of what is waited for at most (`sd_watchdog_enabled(3)`).
fn every(within: Duration) -> Duration {
    (within / 2).max(Duration::from_millis(1))
}

fn tell(states: &[NotifyState]) {
    if let Err(error) = sd_notify::notify(states) {
        debug!(%error, "the service manager could not be told");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_watchdog_is_told_twice_as_often_as_it_asks_and_never_without_a_pause() {
        for (within, expected) in [(30_000, 15_000), (3, 1), (1, 1), (0, 1)] {
            let told = every(Duration::from_millis(within)).as_millis();
            assert_eq!(told, expected, "{within}");
        }
    }
}
