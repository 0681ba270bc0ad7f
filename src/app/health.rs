//! `health`: whether a running gateway is ready, for whoever starts and stops it.

use crate::app::admin_arguments::AdminPort;
use crate::app::admin_call::Answer;
use crate::app::admin_call::Question;
use crate::app::admin_call::ask;
use crate::app::admin_place::Place;
use crate::app::admin_token;
use crate::app::ending::Ending;
use crate::app::process;
use crate::app::run;
use crate::settings::load::load;
use crate::settings::sources::Sources;
use http::Method;
use http::StatusCode;
use serde::Deserialize;
use std::ffi::OsString;
use std::time::Duration;

/// For everything, from the host's name to the answer's end.
const PATIENCE: Duration = Duration::from_secs(5);

/// Asks, and says what was answered.
pub fn health(
    port: &AdminPort,
    sources: &Sources,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> Ending {
    asked(port, sources, environment.into_iter().collect()).unwrap_or_else(|ending| ending)
}

fn asked(
    port: &AdminPort,
    sources: &Sources,
    mut environment: Vec<(OsString, OsString)>,
) -> Result<Ending, Ending> {
    drop(admin_token::take(&mut environment));
    let settings = load(sources, environment)?.settings;
    // There is no log to say if it cannot.
    let _ = process::settle(settings.lifecycle.core_dumps);
    let place = Place::asked(port.place.as_ref(), &settings.admin.address)?;
    // Everybody may ask this, so no token goes where it is not wanted.
    let held = admin_token::find(port.token_file.as_deref(), None, None)?;
    let token = held.as_ref().map(|held| &held.token);
    let question = Question { method: Method::GET, path: "/ready", body: Vec::new(), token };
    let answer = run::block_on(ask(&place, question, PATIENCE))?;
    let answer = answer.map_err(|why| Ending::failed(format_args!("{why} {place}")))?;
    Ok(match readiness(&answer) {
        Readiness::Ready => Ending::Done("ready\n".to_owned()),
        Readiness::NotReady(why) => Ending::failed(format_args!("not ready: {why}")),
        Readiness::Unknown => Ending::failed(format_args!("{place} {}", answer.in_words())),
    })
}

/// What an answer to `/ready` says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Readiness<'a> {
    Ready,
    NotReady(&'a str),
    Unknown,
}

fn readiness(answer: &Answer) -> Readiness<'_> {
    match answer.status {
        StatusCode::OK => Readiness::Ready,
        StatusCode::SERVICE_UNAVAILABLE => Readiness::NotReady(reason(&answer.body)),
        _ => Readiness::Unknown,
    }
}

/// The reason, if it is one: a word. What else might stand there is not for a terminal.
fn reason(body: &[u8]) -> &str {
    let status = serde_json::from_slice(body).map_or("", |Said { status }| status);
    let plain = |char: char| char.is_ascii_lowercase() || char == ' ';
    let is_reason = (1..=64).contains(&status.len()) && status.chars().all(plain);
    if is_reason { status } else { UNSAID }
}

#[derive(Deserialize)]
struct Said<'a> {
    status: &'a str,
}

const UNSAID: &str = "it is draining, or has not started yet";

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    #[test]
    fn an_answer_is_ready_or_not_or_somebody_elses() {
        let long = format!(r#"{{"status":"{}"}}"#, "x".repeat(65));
        for (status, body, expected) in [
            (200, "", Readiness::Ready),
            (200, r#"{"status":"ready"}"#, Readiness::Ready),
            (503, r#"{"status":"draining"}"#, Readiness::NotReady("draining")),
            (503, "draining", Readiness::NotReady(UNSAID)),
            (503, "", Readiness::NotReady(UNSAID)),
            (503, r#"{"status":"\u001b[2J"}"#, Readiness::NotReady(UNSAID)),
            (503, r#"{"status":"{}"}"#, Readiness::NotReady(UNSAID)),
            (503, &*long, Readiness::NotReady(UNSAID)),
            (204, "", Readiness::Unknown),
            (301, "", Readiness::Unknown),
            (401, "", Readiness::Unknown),
            (404, "draining", Readiness::Unknown),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            let answer = Answer { status, body: Bytes::copy_from_slice(body.as_bytes()) };
            assert_eq!(readiness(&answer), expected, "{status} {body:?}");
        }
    }
}
