//! How far a run is, told while it goes on: a bar on a terminal, else a line now and then.

use crate::app::fetch_pace::Pace;
use crate::app::fetch_tally::Board;
use crate::app::fetch_tally::Tally;
use crate::app::run;
use crate::base::time::Clock;
use indicatif::ProgressBar;
use indicatif::ProgressDrawTarget;
use indicatif::ProgressStyle;
use std::convert::Infallible;
use std::io;
use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::mpsc;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::RecvTimeoutError;
use std::sync::mpsc::Sender;
use std::thread;
use std::time::Duration;

/// How long a standard error that nobody reads may keep a run from ending.
const LAST_SIGHT: Duration = Duration::from_secs(1);

/// Tells until it is dropped. It has a thread of its own: whoever does not read standard error
/// must not hold the run up.
pub struct Progress {
    /// Nothing is sent: what counts is that it is dropped.
    stop: Option<Sender<Infallible>>,
    /// The same from the other side.
    ended: Receiver<Infallible>,
}

impl Progress {
    /// Begins to tell what stands on the board. `budget`: how many calls a second the upstream is
    /// asked at most at the moment. `alone`: nothing else is written to the terminal meanwhile.
    pub fn show(
        board: Arc<Board>,
        budget: impl Fn() -> Option<f64> + Send + 'static,
        alone: bool,
        clock: Clock,
    ) -> Self {
        let (stop, stopped) = mpsc::channel();
        let (ending, ended) = mpsc::channel();
        // Without a thread nothing is told, which is no reason not to go on.
        let _ = thread::Builder::new().name("progress".to_owned()).spawn(move || {
            let sight = Sight::fitting(board.tally().asked, alone);
            tell(&sight, &board, budget, &clock, &stopped);
            sight.clear();
            drop::<Sender<Infallible>>(ending);
        });
        Self { stop: Some(stop), ended }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        drop(self.stop.take());
        // Until the bar is gone, so that the report does not run into it.
        let _ = self.ended.recv_timeout(LAST_SIGHT);
    }
}

fn tell(
    sight: &Sight,
    board: &Board,
    budget: impl Fn() -> Option<f64>,
    clock: &Clock,
    stopped: &Receiver<Infallible>,
) {
    let mut pace = Pace::default();
    pace.see(&board.tally(), clock.now());
    while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(sight.every()) {
        let tally = board.tally();
        pace.see(&tally, clock.now());
        sight.draw(&tally, pace.words(&tally, budget()));
    }
}

/// How it is shown.
enum Sight {
    Bar(ProgressBar),
    Lines,
}

impl Sight {
    /// A bar where it can be drawn.
    fn fitting(asked: u64, alone: bool) -> Self {
        let style = ProgressStyle::with_template("{bar:12} {pos}/{len} {wide_msg}");
        match style {
            Ok(style) if alone && io::stderr().is_terminal() => {
                let bar = ProgressBar::with_draw_target(Some(asked), ProgressDrawTarget::stderr());
                Self::Bar(bar.with_style(style))
            }
            _ => Self::Lines,
        }
    }

    const fn every(&self) -> Duration {
        match self {
            Self::Bar(_) => Duration::from_millis(200),
            Self::Lines => Duration::from_secs(5),
        }
    }

    fn draw(&self, tally: &Tally, words: String) {
        let Tally { asked, .. } = tally;
        match self {
            Self::Bar(bar) => {
                bar.set_message(words);
                bar.set_position(tally.done());
            }
            Self::Lines => {
                run::say(&format!("verifik-gateway: {} of {asked}, {words}", tally.done()));
            }
        }
    }

    /// Leaves the screen to others.
    fn clear(&self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}
