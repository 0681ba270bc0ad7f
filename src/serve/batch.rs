//! A batch call: many ids in, a line for each as it is answered.
//!
//! The answer's body is what does the work. It goes on only as fast as the client reads it, and ends
//! with it: who leaves takes with it whatever was not sent yet.

use crate::base::room::Taken;
use crate::cache::answer::Ending;
use crate::cache::exchange::Step;
use crate::serve::batch_line;
use crate::serve::batch_line::Counts;
use crate::serve::batch_line::Line;
use crate::serve::batch_line::Place;
use crate::serve::refusal::Refusal;
use crate::serve::tickets::Tickets;
use bytes::Bytes;
use std::collections::HashMap;
use std::collections::VecDeque;
use std::task::Context;
use std::task::Poll;
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::Id;
use tokio::task::JoinError;
use tokio::task::JoinSet;
use tracing::error;
use tracing::info;

/// How many ids of a call are asked for at one time: enough to fill the time an answer takes, few
/// enough that a call's leaving leaves little behind.
const AT_ONCE: usize = 64;

/// How many calls may be under way: each holds its ids, which may be 2 MiB.
pub const MOST_CALLS: usize = 64;

/// So much is handed to the client at a time, if there is as much.
const CHUNK: usize = 16 * 1024;

/// A call under way.
pub struct Batch {
    tickets: Tickets,
    asked: usize,
    left: VecDeque<(usize, String)>,
    under_way: JoinSet<Ending>,
    /// Which ids those are, should one end without a line.
    places: HashMap<Id, (usize, String)>,
    lines: String,
    counts: Counts,
    stage: Stage,
    _permit: OwnedSemaphorePermit,
    _taken: Taken,
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Stage {
    /// Ids are asked for.
    Asking,
    /// The credential is dead: no more are.
    Stopped,
    /// The last line is written.
    Ended,
}

impl Batch {
    /// A call for these ids, none of which is asked for before the first line is wanted.
    /// `permit`: one of those for calls under way; `taken`: the room for its ids.
    pub fn new(
        tickets: Tickets,
        ids: Vec<String>,
        permit: OwnedSemaphorePermit,
        taken: Taken,
    ) -> Self {
        let asked = ids.len();
        Self {
            tickets,
            asked,
            left: ids.into_iter().enumerate().collect(),
            under_way: JoinSet::new(),
            places: HashMap::new(),
            lines: String::new(),
            counts: Counts::default(),
            stage: Stage::Asking,
            _permit: permit,
            _taken: taken,
        }
    }

    /// The next lines; `None` after the last.
    pub fn poll_lines(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        loop {
            self.begin_more();
            if self.lines.len() >= CHUNK {
                return self.hand_over();
            }
            match self.under_way.poll_join_next_with_id(cx) {
                Poll::Ready(Some(Ok((id, ending)))) => self.write_ended(id, &ending),
                Poll::Ready(Some(Err(error))) => self.write_lost(&error),
                Poll::Ready(None) if !self.left.is_empty() => {}
                Poll::Ready(None) => {
                    self.end();
                    return self.hand_over();
                }
                Poll::Pending if self.lines.is_empty() => return Poll::Pending,
                Poll::Pending => return self.hand_over(),
            }
        }
    }

    fn hand_over(&mut self) -> Poll<Option<Bytes>> {
        let lines = std::mem::take(&mut self.lines);
        Poll::Ready((!lines.is_empty()).then(|| Bytes::from(lines)))
    }

    /// Asks for as many more as may be under way, or fill what is handed over at a time.
    fn begin_more(&mut self) {
        while self.under_way.len() < AT_ONCE
            && self.lines.len() < CHUNK
            && let Some((index, id)) = self.left.pop_front()
        {
            self.begin(index, id);
        }
    }

    fn begin(&mut self, index: usize, id: String) {
        let place = Place { index, id: &id };
        match self.tickets.ask(&id) {
            None => self.write(&batch_line::of_dropped(place)),
            Some(Step::Now(answer)) => self.write(&batch_line::of_whole(place, &answer)),
            Some(Step::Later(ending)) => {
                let (longest, room) = self.tickets.room_of_a_line();
                let task = self
                    .under_way
                    .spawn(async move { batch_line::whole(ending.await, longest, &room).await });
                self.places.insert(task.id(), (index, id));
            }
            Some(Step::Refused) => {
                let notice = Refusal::NotStored.notice();
                let counts = Counts { failed: 1, ..Counts::default() };
                self.write(&batch_line::of_notice(place, &notice, "refused", counts));
            }
        }
    }

    /// Only now its line is made: until the client reads, an answer takes no more than its body does.
    fn write_ended(&mut self, task: Id, ending: &Ending) {
        if let Some((index, id)) = self.places.remove(&task) {
            self.write(&batch_line::of_ending(Place { index, id: &id }, ending));
        }
    }

    fn write(&mut self, line: &Line) {
        if self.stage != Stage::Asking {
            return;
        }
        self.counts = self.counts.and(line.counts);
        self.lines.push_str(&line.text);
        if line.dead {
            // Every further id would only hear the same.
            self.stage = Stage::Stopped;
            self.left.clear();
            self.under_way.abort_all();
        }
    }

    /// A line was lost: a defect of ours, or it was given up after the call had been stopped.
    fn write_lost(&mut self, lost: &JoinError) {
        let place = self.places.remove(&lost.id());
        if let (Stage::Asking, Some((index, id))) = (self.stage, place) {
            error!("an id of a batch ended without an outcome");
            self.write(&batch_line::of_dropped(Place { index, id: &id }));
        }
    }

    fn end(&mut self) {
        if self.stage == Stage::Ended {
            return;
        }
        let stopped = (self.stage == Stage::Stopped).then_some("credential-dead");
        self.lines.push_str(&batch_line::last(self.asked, &self.counts, stopped));
        self.stage = Stage::Ended;
        self.tell(stopped.unwrap_or("done"));
    }

    fn tell(&self, how: &str) {
        let Counts { answered, hits, upstream, failed, waited } = self.counts;
        let waited_ms = u64::try_from(waited.as_millis()).unwrap_or(u64::MAX);
        info!(
            how,
            asked = self.asked,
            answered,
            hits,
            upstream,
            failed,
            waited_ms,
            "a batch ended"
        );
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        if self.stage != Stage::Ended {
            self.tell("left");
        }
    }
}
