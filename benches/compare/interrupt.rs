//! Whatever was started ends with the bench, also when that is interrupted or takes too long.

use crate::process;
use std::io;
use std::process::Child;
use std::process::Command;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::thread;
use std::time::Duration;
use tokio::runtime;
use tokio::signal::unix::SignalKind;
use tokio::signal::unix::signal;
use tokio::time;

/// Held while a process is started, and from an interruption on: none is started behind its back.
static STARTING: Mutex<()> = Mutex::new(());

/// What a shell says of a program that was interrupted.
const INTERRUPTED: i32 = 130;

/// Starts a process that an interruption ends.
pub(crate) fn spawn(command: &mut Command) -> io::Result<Child> {
    let _starting = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
    command.spawn().map_err(|error| io::Error::other(format!("{command:?}: {error}")))
}

/// From now on an interruption ends all that was started, and then this process; so does the end of
/// `longest`.
pub(crate) fn watch(longest: Duration) -> io::Result<()> {
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    let entered = runtime.enter();
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    drop(entered);
    thread::spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = hangup.recv() => {}
                () = time::sleep(longest) => eprintln!("error: not done after {longest:?}"),
            }
        });
        give_up();
    });
    Ok(())
}

#[expect(clippy::exit, reason = "the main thread may be in the middle of anything")]
fn give_up() {
    let _starting = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
    eprintln!("giving up: ending what was started");
    process::end(&process::children_of_this());
    std::process::exit(INTERRUPTED);
}
