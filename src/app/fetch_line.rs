//! The lines of a batch (design §4): read as the gateway sends them and as `fetch` has kept them.

use crate::api::answer;
use crate::api::answer::Meaning;
use crate::api::answer::Oddity;
use http::HeaderMap;
use http::HeaderValue;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde::Deserialize;
use serde_json::value::RawValue;

/// One line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Line<'a> {
    /// What became of one id.
    Answer(Answer<'a>),
    /// The end of a call.
    Last(Last),
}

/// What became of one id.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Answer<'a> {
    /// The id's place among those asked for.
    pub index: usize,
    /// The id.
    pub id: String,
    /// Of the answer.
    pub status: u16,
    /// Where the answer comes from: `hit`, `miss` and the like; small letters only.
    pub cache: String,
    /// JSON, as it was written.
    pub body: &'a str,
}

/// What a call came to.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Last {
    /// Answered without the upstream.
    pub hits: u64,
    /// Calls of the upstream.
    pub upstream: u64,
    /// Why the call ended before all of its ids were asked for.
    pub stopped: Option<String>,
}

/// The word of a call that ended because its credential is dead.
pub const CREDENTIAL_DEAD: &str = "credential-dead";

/// What an answer is worth.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Finding {
    /// The ticket.
    Found,
    /// There is no such ticket.
    Missing,
    /// Neither: worth asking again. With a word where the status does not say why.
    Failed(&'static str),
}

#[derive(Deserialize)]
struct Members<'a> {
    index: Option<usize>,
    id: Option<String>,
    status: Option<u16>,
    cache: Option<String>,
    #[serde(borrow)]
    body: Option<&'a RawValue>,
    #[serde(default)]
    done: bool,
    #[serde(default)]
    hits: u64,
    #[serde(default)]
    upstream: u64,
    stopped: Option<String>,
}

/// Reads a line; `None` if it is none of a batch's.
pub fn read(line: &[u8]) -> Option<Line<'_>> {
    let members: Members<'_> = serde_json::from_slice(line).ok()?;
    if members.done {
        let Members { hits, upstream, stopped, .. } = members;
        return Some(Line::Last(Last { hits, upstream, stopped }));
    }
    let cache = members.cache?;
    let is_word = cache.bytes().all(|octet| octet.is_ascii_lowercase() || octet == b'-');
    is_word.then_some(Line::Answer(Answer {
        index: members.index?,
        id: members.id?,
        status: members.status?,
        cache,
        body: members.body.map_or("null", RawValue::get),
    }))
}

impl Answer<'_> {
    /// What it is worth. A 200 need not be the ticket, and not every not-found is a 404 (design
    /// §3.3).
    pub fn finding(&self) -> Finding {
        let Ok(status) = StatusCode::from_u16(self.status) else { return Finding::Failed("") };
        let json = HeaderValue::from_static("application/json");
        let fields = HeaderMap::from_iter([(CONTENT_TYPE, json)]);
        match answer::meaning(status, &fields, self.body.as_bytes(), &self.id) {
            Meaning::Ticket(_) => Finding::Found,
            Meaning::NotFound(_) => Finding::Missing,
            _ if self.cache == REFUSED => Finding::Failed(REFUSED),
            Meaning::Other(oddity) if oddity != Oddity::Status => Finding::Failed(oddity.as_str()),
            _ => Finding::Failed(""),
        }
    }

    /// Whether it cost no call of the upstream.
    pub fn is_hit(&self) -> bool {
        matches!(&*self.cache, "hit" | "stale")
    }

    /// Whether it cost a call of the upstream.
    pub fn is_miss(&self) -> bool {
        self.cache == "miss"
    }
}

/// The gateway's own answer, without the upstream.
const REFUSED: &str = "refused";

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(line: &str) -> Answer<'_> {
        match read(line.as_bytes()) {
            Some(Line::Answer(answer)) => answer,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn an_answer_keeps_its_body_to_the_letter() {
        let line =
            r#"{"index":7,"id":"a","status":200,"cache":"hit","body":{"b": 1.0e2, "b":"é"}}"#;
        let expected = Answer {
            index: 7,
            id: "a".to_owned(),
            status: 200,
            cache: "hit".to_owned(),
            body: r#"{"b": 1.0e2, "b":"é"}"#,
        };
        assert_eq!(answer(line), expected);
    }

    #[test]
    fn the_last_line_says_what_the_call_came_to() {
        for (line, hits, upstream, stopped) in [
            (r#"{"done":true}"#, 0, 0, None),
            (r#"{"done":true,"asked":3,"hits":1,"upstream":2,"waited_ms":5}"#, 1, 2, None),
            (r#"{"done":true,"stopped":"credential-dead"}"#, 0, 0, Some(CREDENTIAL_DEAD)),
        ] {
            let stopped = stopped.map(str::to_owned);
            let expected = Line::Last(Last { hits, upstream, stopped });
            assert_eq!(read(line.as_bytes()), Some(expected), "{line}");
        }
    }

    #[test]
    fn what_is_no_line_of_a_batch_is_not_taken_for_one() {
        for line in [
            "",
            "x",
            "[]",
            "{}",
            r#"{"done":false}"#,
            r#"{"index":0,"id":"a","status":200,"cache":"hit","body":{"#,
            r#"{"index":-1,"id":"a","status":200,"cache":"hit","body":1}"#,
            r#"{"index":0,"id":7,"status":200,"cache":"hit","body":1}"#,
            r#"{"index":0,"id":"a","status":70000,"cache":"hit","body":1}"#,
            r#"{"index":0,"id":"a","status":200,"cache":"\",\"x","body":1}"#,
            r#"{"index":0,"id":"a","status":200,"body":1}"#,
            r#"{"index":0,"id":"a","id":"b","status":200,"cache":"hit","body":1}"#,
        ] {
            assert_eq!(read(line.as_bytes()), None, "{line}");
        }
        assert_eq!(read(b"{\"id\":\"\xff\"}"), None);
    }

    #[test]
    fn an_answer_is_worth_what_it_proves() {
        for (status, cache, body, expected) in [
            (200, "miss", r#"{"data":{"_id":"a"}}"#, Finding::Found),
            (200, "stale", r#"{"success":true,"data":{"_id":"a"}}"#, Finding::Found),
            (404, "hit", r#"{"message":"SUPPORT_TICKET_NOT_FOUND"}"#, Finding::Missing),
            (200, "miss", r#"{"message":"SUPPORT_TICKET_NOT_FOUND"}"#, Finding::Missing),
            (200, "miss", r#"{"data":{"_id":"b"}}"#, Finding::Failed("wrong-id")),
            (200, "miss", r#""<html>""#, Finding::Failed("not-an-object")),
            (200, "miss", "null", Finding::Failed("not-an-object")),
            (404, "miss", r#""<html>""#, Finding::Failed("not-an-object")),
            (500, "miss", r#"{"data":{"_id":"a"}}"#, Finding::Failed("")),
            (429, "miss", r#"{"message":"slow down"}"#, Finding::Failed("")),
            (401, "miss", r#"{"message":"NotFound"}"#, Finding::Failed("")),
            (403, "miss", r#"{"message":"no credits"}"#, Finding::Failed("")),
            (503, "refused", r#"{"code":"GATEWAY_FULL"}"#, Finding::Failed("refused")),
            (99, "miss", r#"{"data":{"_id":"a"}}"#, Finding::Failed("")),
        ] {
            let line = format!(
                r#"{{"index":0,"id":"a","status":{status},"cache":"{cache}","body":{body}}}"#
            );
            assert_eq!(answer(&line).finding(), expected, "{line}");
        }
    }
}
