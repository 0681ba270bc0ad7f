//! `purge`: has a running gateway forget a ticket, or everything.

use crate::app::admin_arguments::PurgeErrand;
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
const PATIENCE: Duration = Duration::from_secs(10);

/// Asks for it, and says what came of it.
pub fn purge(
    errand: &PurgeErrand,
    sources: &Sources,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> Ending {
    asked(errand, sources, environment.into_iter().collect()).unwrap_or_else(|ending| ending)
}

fn asked(
    errand: &PurgeErrand,
    sources: &Sources,
    mut environment: Vec<(OsString, OsString)>,
) -> Result<Ending, Ending> {
    let variable = admin_token::take(&mut environment);
    let settings = load(sources, environment)?.settings;
    // There is no log to say if it cannot.
    let _ = process::settle(settings.lifecycle.core_dumps);
    let place = Place::asked(errand.port.place.as_ref(), &settings.admin.address)?;
    let file = settings.admin.token_file.as_deref();
    let held = admin_token::find(errand.port.token_file.as_deref(), variable.as_ref(), file)?;
    let body = serde_json::to_vec(&errand.scope()).map_err(Ending::failed)?;
    let token = held.as_ref().map(|held| &held.token);
    let question = Question { method: Method::POST, path: "/purge", body, token };
    let answer = run::block_on(ask(&place, question, PATIENCE))?;
    let answer = answer.map_err(|why| Ending::failed(format_args!("{why} {place}")))?;
    Ok(match outcome(&answer) {
        Outcome::Done => Ending::Done(format!("purged at {place}: {}\n", errand.scope())),
        Outcome::Unknown => Ending::failed(match held {
            Some(held) => format!("{place} does not accept the token of {}", held.from),
            None => format!("{place} wants a token; purge --help says where it is taken from"),
        }),
        Outcome::Refused => Ending::failed(format_args!("{place} {}", answer.in_words())),
    })
}

/// What came of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Outcome {
    Done,
    /// Who asks is not known.
    Unknown,
    Refused,
}

#[derive(Deserialize)]
struct Confirmation {
    done: bool,
}

fn outcome(answer: &Answer) -> Outcome {
    match answer.status {
        StatusCode::OK => match serde_json::from_slice(&answer.body) {
            Ok(Confirmation { done: true }) => Outcome::Done,
            _ => Outcome::Refused,
        },
        StatusCode::UNAUTHORIZED => Outcome::Unknown,
        _ => Outcome::Refused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    #[test]
    fn only_a_confirmation_is_one() {
        for (status, body, expected) in [
            (200, r#"{"done":true}"#, Outcome::Done),
            (200, r#"{"done":true,"more":1}"#, Outcome::Done),
            (200, r#"{"done":false}"#, Outcome::Refused),
            (200, "<html>", Outcome::Refused),
            (200, "", Outcome::Refused),
            (204, "", Outcome::Refused),
            (401, "", Outcome::Unknown),
            (403, "", Outcome::Refused),
            (404, r#"{"done":true}"#, Outcome::Refused),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            let answer = Answer { status, body: Bytes::from_static(body.as_bytes()) };
            assert_eq!(outcome(&answer), expected, "{status} {body}");
        }
    }
}
