//! The end of a running gateway: a signal, a drain, and how it went (threats.md R27).

use crate::app::ending::Ending;
use crate::policy::closing::LINGER;
use crate::settings::model::Lifecycle;
use crate::settings::model::Mode;
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

/// What a drain waits for, one after the other, each for so long at most.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Course {
    /// Until load balancers have noticed: the gateway goes on as before.
    notice: Duration,
    /// Until the application has gone, if the gateway ends after it: it goes on as before.
    application: Option<Duration>,
    /// Until nothing is under way: each reply is its connection's last.
    closing: Duration,
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

/// What the settings ask for.
pub fn course(lifecycle: &Lifecycle) -> Course {
    let (notice, most) = (lifecycle.drain_delay, lifecycle.drain_timeout);
    match lifecycle.mode {
        Mode::Gateway => Course { notice, application: None, closing: most },
        // Within the same time: what is left of it is enough to take leave.
        Mode::Sidecar => {
            let closing = LEAVE.min(most);
            Course { notice, application: Some(most.saturating_sub(closing)), closing }
        }
    }
}

/// What a sidecar keeps of its time to close what is still open.
const LEAVE: Duration = LINGER.saturating_mul(2);

/// Takes this course, with `gone` returning when the application has gone, and `finish` when nothing is
/// under way. Another signal ends it.
pub async fn drain(
    signals: &mut Signals,
    course: Course,
    gone: impl Future<Output = ()>,
    finish: impl Future<Output = ()>,
) -> Drained {
    info!("draining");
    tokio::select! {
        drained = walk(course, gone, finish) => drained,
        () = signals.next() => Drained::Hurried,
    }
}

async fn walk(
    course: Course,
    gone: impl Future<Output = ()>,
    finish: impl Future<Output = ()>,
) -> Drained {
    sleep(course.notice).await;
    if let Some(most) = course.application
        && timeout(most, gone).await.is_ok()
    {
        return Drained::Finished;
    }
    timeout(course.closing, finish).await.map_or(Drained::Late, |()| Drained::Finished)
}

/// How the program ends after a drain that left so many exchanges under way. Connections on which
/// nobody waits for an answer are no loss.
pub fn ending(drained: Drained, under_way: usize) -> Ending {
    match (drained, under_way) {
        (Drained::Finished, _) | (Drained::Late, 0) => Ending::Done(String::new()),
        (Drained::Late, _) => Ending::failed("the drain was cut off at lifecycle.drain_timeout"),
        (Drained::Hurried, _) => Ending::failed("the drain was cut off by a second signal"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::pending;
    use std::future::ready;
    use tokio::time::Instant;

    const fn lifecycle(mode: Mode, delay: u64, most: u64) -> Lifecycle {
        let (drain_delay, drain_timeout) = (Duration::from_secs(delay), Duration::from_secs(most));
        Lifecycle { mode, drain_delay, drain_timeout, core_dumps: false }
    }

    #[test]
    fn a_sidecar_waits_for_its_application_and_keeps_a_moment_to_take_leave() {
        for (mode, delay, most, expected) in [
            (Mode::Gateway, 5, 30, (5, None, 30)),
            (Mode::Gateway, 0, 0, (0, None, 0)),
            (Mode::Sidecar, 5, 30, (5, Some(28), 2)),
            (Mode::Sidecar, 0, 1, (0, Some(0), 1)),
            (Mode::Sidecar, 0, 0, (0, Some(0), 0)),
        ] {
            let Course { notice, application, closing } = course(&lifecycle(mode, delay, most));
            let secs =
                (notice.as_secs(), application.map(|most| most.as_secs()), closing.as_secs());
            assert_eq!(secs, expected, "{mode:?} {delay} {most}");
        }
    }

    #[test]
    fn only_exchanges_that_are_cut_off_and_signals_are_failures() {
        for (drained, under_way, code) in [
            (Drained::Finished, 0, 0),
            (Drained::Late, 0, 0),
            (Drained::Late, 1, 1),
            (Drained::Hurried, 0, 1),
            (Drained::Hurried, 1, 1),
        ] {
            assert_eq!(ending(drained, under_way).code(), code, "{drained:?} {under_way}");
        }
    }

    #[tokio::test(start_paused = true)]
    #[expect(clippy::disallowed_methods, reason = "the clock of paused time")]
    async fn each_part_of_a_drain_has_its_time() {
        let secs = |secs| async move { sleep(Duration::from_secs(secs)).await };
        for (mode, gone, finished, expected) in [
            (Mode::Gateway, Some(0), Some(9), (5 + 9, Drained::Finished)),
            (Mode::Gateway, Some(0), None, (5 + 30, Drained::Late)),
            (Mode::Sidecar, Some(7), None, (5 + 7, Drained::Finished)),
            (Mode::Sidecar, None, Some(1), (5 + 28 + 1, Drained::Finished)),
            (Mode::Sidecar, None, None, (5 + 30, Drained::Late)),
        ] {
            let began = Instant::now();
            let until = |after: Option<u64>| async move {
                match after {
                    Some(after) => secs(after).await,
                    None => pending().await,
                }
            };
            let drained = walk(course(&lifecycle(mode, 5, 30)), until(gone), until(finished)).await;
            let took = began.elapsed().as_secs();
            assert_eq!((took, drained), expected, "{mode:?} {gone:?} {finished:?}");
        }
        let none = walk(course(&lifecycle(Mode::Gateway, 0, 0)), pending(), ready(())).await;
        assert_eq!(none, Drained::Finished, "what is done needs no time");
    }
}
