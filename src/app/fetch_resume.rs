//! What earlier runs have left to do.

use crate::app::fetch_line;
use crate::app::fetch_line::Finding;
use crate::app::fetch_line::Line;
use crate::app::fetch_tally::Tally;
use std::collections::HashMap;

/// The ids that are still to be asked for, and what is there of the others.
#[derive(Debug)]
pub struct Rest<'a> {
    /// Each with its place in the list.
    left: HashMap<&'a str, usize>,
    tally: Tally,
}

/// A line is none that `fetch` writes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ForeignLine;

impl<'a> Rest<'a> {
    /// All of them. `ids` are distinct.
    pub fn all(ids: &[&'a str]) -> Self {
        let asked = u64::try_from(ids.len()).unwrap_or(u64::MAX);
        let left = ids.iter().enumerate().map(|(index, id)| (*id, index)).collect();
        Self { left, tally: Tally { asked, ..Tally::default() } }
    }

    /// Takes in a line of an earlier run: what was answered for good is not asked for again.
    ///
    /// # Errors
    /// If it is not a line of ours.
    pub fn strike_line(&mut self, line: &[u8]) -> Result<(), ForeignLine> {
        let Some(Line::Answer(answer)) = fetch_line::read(line) else { return Err(ForeignLine) };
        match answer.finding() {
            Finding::Failed(_) => {}
            finding => self.strike(&answer.id, finding),
        }
        Ok(())
    }

    /// The tickets that are there are not asked for again.
    pub fn strike_tickets(&mut self, is_there: impl Fn(&str) -> bool) {
        let there: Vec<_> = self.left.keys().copied().filter(|id| is_there(id)).collect();
        for id in there {
            self.strike(id, Finding::Found);
        }
    }

    /// What is left, in the order of the list and each with its place there, and the count of what
    /// is there.
    pub fn into_parts(self) -> (Vec<(usize, &'a str)>, Tally) {
        let mut left: Vec<_> = self.left.into_iter().map(|(id, index)| (index, id)).collect();
        left.sort_unstable();
        (left, self.tally)
    }

    fn strike(&mut self, id: &str, finding: Finding) {
        if self.left.remove(id).is_some() {
            self.tally.count(finding);
            self.tally.earlier = self.tally.earlier.saturating_add(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDS: [&str; 4] = ["d", "c", "b", "a"];

    #[test]
    fn without_an_earlier_run_all_is_left() {
        let (left, tally) = Rest::all(&IDS).into_parts();
        assert_eq!(left, [(0, "d"), (1, "c"), (2, "b"), (3, "a")]);
        assert_eq!(tally, Tally { asked: 4, ..Tally::default() });
    }

    #[test]
    fn what_was_answered_for_good_is_not_asked_for_again() {
        let mut rest = Rest::all(&IDS);
        for line in [
            r#"{"index":9,"id":"c","status":200,"cache":"hit","body":{"data":{"_id":"c"}}}"#,
            // Twice, and one of another list: no harm.
            r#"{"index":9,"id":"c","status":200,"cache":"hit","body":{"data":{"_id":"c"}}}"#,
            r#"{"index":0,"id":"z","status":200,"cache":"hit","body":{"data":{"_id":"z"}}}"#,
            r#"{"index":2,"id":"b","status":404,"cache":"miss","body":{"message":"NotFound"}}"#,
            r#"{"index":0,"id":"d","status":503,"cache":"miss","body":"out"}"#,
        ] {
            assert_eq!(rest.strike_line(line.as_bytes()), Ok(()), "{line}");
        }
        let (left, tally) = rest.into_parts();
        assert_eq!(left, [(0, "d"), (3, "a")]);
        let expected = Tally { asked: 4, found: 1, missing: 1, earlier: 2, ..Tally::default() };
        assert_eq!(tally, expected);
    }

    #[test]
    fn a_ticket_that_is_there_is_not_asked_for_again() {
        let mut rest = Rest::all(&IDS);
        rest.strike_tickets(|id| id < "c");
        let (left, tally) = rest.into_parts();
        assert_eq!(left, [(0, "d"), (1, "c")]);
        assert_eq!((tally.found, tally.earlier), (2, 2));
    }

    #[test]
    fn a_file_of_something_else_is_noticed() {
        for line in ["", "a,b", r#"{"id":"a"}"#, r#"{"done":true,"asked":1}"#] {
            assert_eq!(Rest::all(&IDS).strike_line(line.as_bytes()), Err(ForeignLine), "{line}");
        }
    }
}
