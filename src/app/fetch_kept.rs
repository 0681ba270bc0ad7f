//! An answer as `fetch` keeps it: one line, whose body can also stand alone.

use crate::app::fetch_line::Answer;
use std::ops::Range;

/// An answer to be kept.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Kept {
    /// Which ticket.
    pub id: Box<str>,
    /// Whether it is the ticket, or that there is none.
    pub found: bool,
    /// With its end.
    line: Vec<u8>,
    /// Where the body stands in it.
    body: Range<usize>,
}

impl Kept {
    /// Writes an answer down under `index`, its id's place in the whole list.
    pub fn new(index: usize, found: bool, answer: &Answer<'_>) -> Self {
        let Answer { id, status, cache, body, .. } = answer;
        let mut line =
            format!(r#"{{"index":{index},"id":"{id}","status":{status},"cache":"{cache}","body":"#);
        let start = line.len();
        line.push_str(body);
        let body = start..line.len();
        line.push_str("}\n");
        Self { id: id.as_str().into(), found, line: line.into_bytes(), body }
    }

    /// The whole line.
    pub fn line(&self) -> &[u8] {
        &self.line
    }

    /// The body alone.
    pub fn body(&self) -> &[u8] {
        self.line.get(self.body.clone()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::fetch_line;
    use crate::app::fetch_line::Line;

    #[test]
    fn what_is_kept_reads_like_what_was_heard() {
        let body = r#"{"data":{"_id":"a-1","é": "\n"}}"#;
        let heard =
            Answer { index: 3, id: "a-1".to_owned(), status: 200, cache: "hit".to_owned(), body };
        let kept = Kept::new(90_003, true, &heard);
        assert_eq!(kept.body(), body.as_bytes());
        let line = kept.line().strip_suffix(b"\n").unwrap();
        assert_eq!(fetch_line::read(line), Some(Line::Answer(Answer { index: 90_003, ..heard })));
    }
}
