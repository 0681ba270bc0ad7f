//! Questions that are due at a fixed rate, or whenever an answer has come, beside others and the
//! upstream on one thread.
//!
//! A server that stalls does not keep the next of the first kind from being due: what a closed loop
//! would leave out of its figures is in these.

use crate::figures;
use crate::load::Expected;
use crate::load::Load;
use crate::load::Tally;
use crate::support::server::Server;
use crate::upstream::Upstream;
use crate::work::Question;
use std::collections::VecDeque;
use std::io;
use std::time::Duration;
use std::time::Instant;

/// How long after its end a run may still wait for answers.
const GRACE: Duration = Duration::from_secs(15);

/// Who asks, and what came of it.
pub(crate) struct Asker<'a> {
    pub(crate) tally: Tally,
    load: &'a mut Load,
    questions: &'a mut dyn Iterator<Item = Question>,
    expected: Expected,
    /// Between two questions. Nothing: each as soon as a connection is idle.
    gap: Option<Duration>,
    next_due: Instant,
    /// When each of the questions was due that are not sent yet.
    due: VecDeque<Instant>,
    /// Whether there are no more questions.
    out_of_questions: bool,
}

impl<'a> Asker<'a> {
    /// So many a second; or as many as are answered.
    pub(crate) fn new(
        load: &'a mut Load,
        questions: &'a mut dyn Iterator<Item = Question>,
        expected: Expected,
        per_second: Option<u32>,
    ) -> Self {
        Self {
            tally: Tally::default(),
            load,
            questions,
            expected,
            gap: per_second.map(|number| Duration::from_secs(1) / number),
            next_due: Instant::now(),
            due: VecDeque::new(),
            out_of_questions: false,
        }
    }

    /// Asks what is due before `end`, and takes a batch of the answers that are there.
    fn turn(&mut self, now: Instant, end: Instant) -> io::Result<()> {
        if let Some(gap) = self.gap {
            while self.next_due <= now && self.next_due < end {
                self.due.push_back(self.next_due);
                self.next_due += gap;
            }
        }
        while self.load.has_idle() && !self.out_of_questions {
            let closed = self.gap.is_none() && now < end;
            let Some(due) = self.due.pop_front().or(closed.then_some(now)) else { break };
            match self.questions.next() {
                Some(question) => self.load.ask(question, due, &mut self.tally)?,
                None => self.out_of_questions = true,
            }
        }
        self.load.listen(Some(Duration::ZERO), self.expected, &mut self.tally).map(|_| ())
    }

    fn is_done(&self, now: Instant, end: Instant) -> bool {
        let asks_no_more = self.out_of_questions || (now >= end && self.due.is_empty());
        asks_no_more && self.load.is_idle()
    }
}

/// Has all of them ask for `span`, or until they are out of questions, and waits for what is still
/// to be answered. The part of the span that the server was busy.
pub(crate) fn drive(
    askers: &mut [Asker<'_>],
    upstream: &mut Upstream,
    server: &Server,
    span: Duration,
) -> io::Result<f64> {
    let used = figures::cpu_time(server.pid())?;
    let busy = |began: Instant| -> io::Result<f64> {
        let spent = figures::cpu_time(server.pid())?.saturating_sub(used);
        Ok(spent.as_secs_f64() / began.elapsed().as_secs_f64())
    };
    let began = Instant::now();
    let (end, mut was_busy) = (began + span, None);
    loop {
        let now = Instant::now();
        for asker in &mut *askers {
            asker.turn(now, end)?;
            // Sleeping would wake late: this thread has a core to itself, and spins.
            upstream.serve(Some(Duration::ZERO))?;
        }
        let done = askers.iter().all(|asker| asker.is_done(now, end));
        if was_busy.is_none() && (done || now >= end) {
            was_busy = Some(busy(began)?);
        }
        if let Some(part) = was_busy.filter(|_| done) {
            return Ok(part);
        }
        if now > end + GRACE {
            return Err(io::Error::other(format!("fell {GRACE:?} behind")));
        }
    }
}
