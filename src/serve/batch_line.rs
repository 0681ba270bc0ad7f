//! The lines of a batch's answer: one for each id, and a last one with the totals.

use crate::api::answer;
use crate::api::answer::Meaning;
use crate::base::room::Room;
use crate::cache::answer::Answer;
use crate::cache::answer::AnswerBody;
use crate::cache::answer::Ending;
use crate::fields::cache_status::CacheStatus;
use crate::fields::cache_status::Handling;
use crate::serve::notice::Notice;
use crate::serve::refusal;
use crate::upstream::failure::Failure;
use crate::upstream::streamed::Streamed;
use bytes::Bytes;
use bytes::BytesMut;
use http::StatusCode;
use http_body_util::BodyExt;
use serde_json::Value;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

/// What one id has come to.
pub struct Line {
    /// Its line, with the line's end.
    pub text: String,
    /// How it counts.
    pub counts: Counts,
    /// Its answer says that the credential is good for nothing any more.
    pub dead: bool,
}

/// What is counted, of one id or of a whole call.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// Lines with an answer, from the store or the upstream, a documented not-found among them.
    pub answered: u64,
    /// Answers from the store.
    pub hits: u64,
    /// Ids for which the upstream was asked on this call's account.
    pub upstream: u64,
    /// Lines without an answer, or with one that says that there is none now: 5xx, 429, 401.
    pub failed: u64,
    /// How long ids stood in line, summed up.
    pub waited: Duration,
}

/// How the line of an id begins.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    /// Where the id stands in the call, from 0.
    pub index: usize,
    /// The id: letters, digits, `_` and `-`.
    pub id: &'a str,
}

impl Counts {
    /// The two together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            answered: self.answered + other.answered,
            hits: self.hits + other.hits,
            upstream: self.upstream + other.upstream,
            failed: self.failed + other.failed,
            waited: self.waited.saturating_add(other.waited),
        }
    }
}

/// An ending with its body whole, as a line needs it: what is still to come is read into some of the
/// `room`, if it is not longer than `longest`.
pub async fn whole(ending: Ending, longest: usize, room: &Arc<Room>) -> Ending {
    let Ending::Answered(mut answer) = ending else { return ending };
    let AnswerBody::Streamed(streamed) = answer.body else { return Ending::Answered(answer) };
    match gather(streamed, longest, room).await {
        Ok(whole) => {
            answer.body = AnswerBody::Whole(whole);
            Ending::Answered(answer)
        }
        Err(failure) => Ending::failed(failure, answer.how).after(answer.queued),
    }
}

/// The line of an id whose forward has ended.
pub fn of_ending(place: Place<'_>, ending: &Ending) -> Line {
    match ending {
        Ending::Answered(answer) => of_whole(place, answer),
        Ending::Failed { failure, how, queued, .. } => of_failure(place, *failure, how, *queued),
    }
}

/// The line of an id whose answer is there. (One whose body is still to come has none yet.)
pub fn of_whole(place: Place<'_>, answer: &Answer) -> Line {
    let empty = Bytes::new();
    let body = if let AnswerBody::Whole(whole) = &answer.body { whole } else { &empty };
    let (status, word) = (answer.status, word(answer));
    // Of these only the text tells what they are.
    let told = matches!(status.as_u16(), 401 | 403 | 408 | 409)
        .then(|| answer::meaning(status, &answer.fields, body, place.id));
    let dead = told == Some(Meaning::CredentialDead);
    let outage = told == Some(Meaning::Outage) || status.is_server_error();
    let failed = dead || outage || status == StatusCode::TOO_MANY_REQUESTS;
    let counts = Counts {
        answered: u64::from(!failed),
        hits: u64::from(word == "hit" || word == "stale"),
        upstream: u64::from(was_sent(&answer.how)),
        failed: u64::from(failed),
        waited: answer.queued,
    };
    Line { text: text(place, status, word, body), counts, dead }
}

/// The line of an id that could not be had.
pub fn of_failure(place: Place<'_>, failure: Failure, how: &CacheStatus, queued: Duration) -> Line {
    let notice = refusal::notice(failure);
    let refused = matches!(failure, Failure::Paced(_) | Failure::Open(_) | Failure::Full);
    let word = match how.collapsed {
        _ if refused => "refused",
        true => "collapsed",
        false => "miss",
    };
    let upstream = u64::from(!how.collapsed && !refused && !is_unconnected(failure));
    let counts = Counts { failed: 1, upstream, waited: queued, ..Counts::default() };
    of_notice(place, &notice, word, counts)
}

/// The line of an id that was lost on the way: a defect of ours.
pub fn of_dropped(place: Place<'_>) -> Line {
    let counts = Counts { failed: 1, ..Counts::default() };
    of_notice(place, &refusal::notice(Failure::Dropped), "miss", counts)
}

/// The line of an id of which the gateway speaks for itself.
pub fn of_notice(place: Place<'_>, notice: &Notice, word: &str, counts: Counts) -> Line {
    let text = text(place, notice.status, word, notice.body().as_bytes());
    Line { text, counts, dead: false }
}

/// The last line. `stopped`: why the call has ended before its ids did.
pub fn last(asked: usize, counts: &Counts, stopped: Option<&str>) -> String {
    let Counts { answered, hits, upstream, failed, waited } = counts;
    let stopped = stopped.map(|why| format!(r#","stopped":"{why}""#)).unwrap_or_default();
    let waited = waited.as_millis();
    format!(
        r#"{{"done":true,"asked":{asked},"answered":{answered},"hits":{hits},"upstream":{upstream},"failed":{failed},"waited_ms":{waited}{stopped}}}"#
    ) + "\n"
}

fn word(answer: &Answer) -> &'static str {
    match answer.how.handling {
        Handling::Hit { ttl } if ttl >= 0 => "hit",
        Handling::Hit { .. } => "stale",
        // What stood in for a failure.
        _ if answer.age.is_some() => "stale",
        _ if answer.how.collapsed => "collapsed",
        Handling::Forward { .. } => "miss",
        Handling::Refused => "refused",
    }
}

fn was_sent(how: &CacheStatus) -> bool {
    !how.collapsed && matches!(how.handling, Handling::Forward { status: Some(_), .. })
}

/// Whether nothing was sent, since nobody was there to send it to.
const fn is_unconnected(failure: Failure) -> bool {
    matches!(
        failure,
        Failure::Name
            | Failure::Connect
            | Failure::ConnectTimeout
            | Failure::Tls
            | Failure::Certificate
    )
}

fn text(place: Place<'_>, status: StatusCode, word: &str, body: &[u8]) -> String {
    let Place { index, id, .. } = place;
    let mut text = String::with_capacity(body.len() + id.len() + 96);
    // Writing to a string does not fail.
    let _ = write!(
        text,
        r#"{{"index":{index},"id":"{id}","status":{},"cache":"{word}","body":"#,
        status.as_u16()
    );
    push_body(&mut text, body);
    text.push_str("}\n");
    text
}

/// A body that is one JSON value stands as it is, but on one line: between its tokens, and only
/// there, JSON may hold line ends. Any other stands as a string; so does one that some readers of
/// JSON refuse, and the whole line with it: nested too deep, or with half a surrogate pair.
fn push_body(text: &mut String, body: &[u8]) {
    let as_it_is = std::str::from_utf8(body).ok();
    let json = as_it_is.filter(|body| serde_json::from_str::<Value>(body).is_ok());
    match json {
        Some(json) if json.contains(['\n', '\r']) => {
            text.extend(json.chars().map(|c| if matches!(c, '\n' | '\r') { ' ' } else { c }));
        }
        Some(json) => text.push_str(json),
        None => {
            let lossy = String::from_utf8_lossy(body);
            text.push_str(&Value::from(lossy).to_string());
        }
    }
}

/// Reads what is still to come of an answer, if it is not too long for a line and there is room.
async fn gather(
    mut streamed: Streamed,
    longest: usize,
    room: &Arc<Room>,
) -> Result<Bytes, Failure> {
    let (mut whole, mut taken) = (BytesMut::new(), room.begin());
    while let Some(frame) = streamed.frame().await {
        if let Ok(data) = frame?.into_data() {
            if whole.len().saturating_add(data.len()) > longest {
                return Err(Failure::TooLong);
            }
            if !taken.grow(data.len()) {
                return Err(Failure::Full);
            }
            whole.extend_from_slice(&data);
        }
    }
    Ok(taken.hold(whole))
}
