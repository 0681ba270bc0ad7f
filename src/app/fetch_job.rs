//! The work of `fetch`: call after call until every id has been asked for.

use crate::app::fetch_call::Broken;
use crate::app::fetch_call::Caller;
use crate::app::fetch_kept::Kept;
use crate::app::fetch_line;
use crate::app::fetch_line::Answer;
use crate::app::fetch_line::CREDENTIAL_DEAD;
use crate::app::fetch_line::Finding;
use crate::app::fetch_line::Last;
use crate::app::fetch_line::Line;
use crate::app::fetch_patience::Patience;
use crate::app::fetch_report::Failures;
use crate::app::fetch_report::Stop;
use crate::app::fetch_tally::Board;
use crate::app::fetch_tally::Cost;
use crate::settings::mistakes::escaped;
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::time::sleep;

/// What is to be done, and what has come of it.
pub struct Job<'a> {
    /// Who is asked.
    pub caller: Caller,
    /// What is to be asked for: each id with its place in the list.
    pub left: VecDeque<(usize, &'a str)>,
    /// Ids in one call.
    pub at_once: usize,
    /// Takes what is to be kept.
    pub keeper: mpsc::Sender<Kept>,
    /// Where it is counted.
    pub board: Arc<Board>,
    /// Ids that failed.
    pub failures: Failures,
}

/// One call under way.
struct Round<'a> {
    asked: Vec<(usize, &'a str)>,
    /// Which of them were answered.
    answered: Vec<bool>,
    /// Whether something was answered for good.
    fruitful: bool,
    /// What its lines tell of its cost.
    cost: Cost,
}

impl Job<'_> {
    /// Works until there is nothing left, or nothing more to be had. It may be dropped wherever it
    /// waits: what is counted has been handed on to be kept.
    pub async fn work(&mut self) -> Stop {
        let (mut patience, mut reached) = (Patience::default(), false);
        while !self.left.is_empty() {
            let mut round = Round::begin(&mut self.left, self.at_once);
            let heard = self.call(&mut round).await;
            round.put_back(&mut self.left);
            reached |= !matches!(heard, Err(Broken::Unreachable(_)));
            let why = match heard {
                Ok(Last { stopped: Some(word), .. }) => return stopped(&word),
                Ok(_) if round.fruitful && round.is_complete() => {
                    patience.restore();
                    continue;
                }
                Ok(_) => "gave up, since nothing but failures was answered".to_owned(),
                Err(Broken::TooMany(_)) if round.asked.len() > 1 => {
                    // Another gateway's `batch.max_ids` may be smaller than ours.
                    self.at_once = round.asked.len() / 2;
                    continue;
                }
                Err(Broken::Refused(why) | Broken::TooMany(why)) => return Stop::Refused(why),
                // A wrong address, most likely: no waiting makes it right.
                Err(Broken::Unreachable(why)) if !reached => return Stop::NoAnswer(why),
                Err(Broken::Unreachable(why) | Broken::Cut(why)) => why,
            };
            match patience.pause(round.fruitful) {
                _ if self.left.is_empty() => {}
                Some(pause) => sleep(pause).await,
                None => return Stop::NoAnswer(why),
            }
        }
        Stop::AllAsked
    }

    /// Takes no more: what was handed on is all there will be.
    pub fn finish(self) -> Failures {
        self.failures
    }

    /// One call, from the request to the last line of its answer.
    async fn call(&mut self, round: &mut Round<'_>) -> Result<Last, Broken> {
        let ids: Vec<_> = round.asked.iter().map(|(_, id)| *id).collect();
        let mut answers = self.caller.ask(&ids).await?;
        loop {
            let line = answers.next_line().await?;
            let answer = match fetch_line::read(&line) {
                None => return Err(answers.nonsense("sent a line that is none of a batch's")),
                Some(Line::Answer(answer)) => answer,
                Some(Line::Last(last)) => {
                    self.board.update(|tally| tally.correct(round.cost, Cost::from(&last)));
                    return Ok(last);
                }
            };
            match round.claim(&answer) {
                Some(index) => self.take(index, &answer, round).await?,
                None => return Err(answers.nonsense("answered what was not asked")),
            }
        }
    }

    async fn take(
        &mut self,
        index: usize,
        answer: &Answer<'_>,
        round: &mut Round<'_>,
    ) -> Result<(), Broken> {
        let finding = answer.finding();
        if let Finding::Failed(why) = finding {
            self.failures.note(&answer.id, answer.status, why);
        } else {
            // It has given up only on an error, which the report then tells instead.
            let given_up = |_| Broken::Refused("nothing more can be kept".to_owned());
            let place = self.keeper.reserve().await.map_err(given_up)?;
            place.send(Kept::new(index, finding == Finding::Found, answer));
            round.fruitful = true;
        }
        round.cost = round.cost.and(Cost::of(answer));
        self.board.update(|tally| tally.count_answer(answer, finding));
        Ok(())
    }
}

fn stopped(word: &str) -> Stop {
    match word {
        CREDENTIAL_DEAD => Stop::CredentialDead,
        word => Stop::Refused(format!("the gateway ended the call: {}", escaped(word))),
    }
}

impl<'a> Round<'a> {
    /// Takes the next ids.
    fn begin(left: &mut VecDeque<(usize, &'a str)>, at_once: usize) -> Self {
        let asked: Vec<_> = left.drain(..at_once.min(left.len())).collect();
        let answered = vec![false; asked.len()];
        Self { asked, answered, fruitful: false, cost: Cost::default() }
    }

    /// The place in the whole list of the id that is answered, if it was asked for and has not been
    /// answered yet.
    fn claim(&mut self, answer: &Answer<'_>) -> Option<usize> {
        let (index, id) = self.asked.get(answer.index)?;
        let answered = self.answered.get_mut(answer.index)?;
        (*id == answer.id && !std::mem::replace(answered, true)).then_some(*index)
    }

    fn is_complete(&self) -> bool {
        self.answered.iter().all(|answered| *answered)
    }

    /// What was not answered is the next to be asked for.
    fn put_back(&self, left: &mut VecDeque<(usize, &'a str)>) {
        let asked = self.asked.iter().zip(&self.answered).rev();
        asked.filter(|(_, answered)| !**answered).for_each(|(id, _)| left.push_front(*id));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(index: usize, id: &str) -> Answer<'static> {
        let (id, cache) = (id.to_owned(), "miss".to_owned());
        Answer { index, id, status: 200, cache, body: "1" }
    }

    #[test]
    fn only_what_was_asked_is_answered_and_only_once() {
        let mut left = VecDeque::from([(7, "a"), (8, "b"), (9, "c")]);
        let mut round = Round::begin(&mut left, 2);
        for (index, id, expected) in [
            (1, "b", Some(8)),
            (1, "b", None),
            (0, "b", None),
            (2, "c", None),
            (usize::MAX, "a", None),
        ] {
            assert_eq!(round.claim(&answer(index, id)), expected, "{index} {id}");
        }
        assert!(!round.is_complete());
    }

    #[test]
    fn what_was_not_answered_is_asked_for_next_and_in_order() {
        let all = [(0, "a"), (1, "b"), (2, "c"), (3, "d"), (4, "e")];
        let mut left = VecDeque::from(all);
        let mut round = Round::begin(&mut left, 4);
        assert_eq!(left, [(4, "e")]);
        round.claim(&answer(1, "b"));
        round.put_back(&mut left);
        assert_eq!(left, [(0, "a"), (2, "c"), (3, "d"), (4, "e")]);
        let round = Round::begin(&mut left, 100);
        assert!(left.is_empty());
        round.put_back(&mut left);
        assert_eq!(left.len(), 4);
    }
}
