//! The wall clock steps, while ages run on (threats.md R21): forth and back, by an hour and by ten
//! years, at any time in the life of what is stored.

use crate::support::house::ANN;
use crate::support::house::House;
use crate::support::house::WALL_AT_START;
use crate::support::house::pass;
use crate::support::recall::T1;
use crate::support::upstream::Say;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::UNIX_EPOCH;

const HOUR: i64 = 3_600;
const TEN_YEARS: i64 = 3_652 * 24 * HOUR;

/// When the wall steps.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Stage {
    WhileItIsAskedFor,
    BeforeTheHit,
    BeforeTheOutage,
}

/// An answer, and as whom it is asked for.
struct Answer {
    token: String,
    fields: Vec<(&'static str, String)>,
}

impl Answer {
    fn with(fields: &[(&'static str, String)]) -> Self {
        Self { token: ANN.to_owned(), fields: fields.to_vec() }
    }

    fn say(&self) -> Say {
        let fields: Vec<_> = self.fields.iter().map(|(name, value)| (*name, &**value)).collect();
        Say::ticket("t1", "open", &fields)
    }
}

/// A date as HTTP writes it, so many seconds after the start, by a clock that is right.
fn date(after: u64) -> String {
    httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(WALL_AT_START + after))
}

fn max_age() -> (&'static str, String) {
    ("cache-control", "max-age=15".to_owned())
}

/// How a read is answered: from the store or not, with which status and age.
async fn read(house: &House, answer: &Answer) -> String {
    let before = house.upstream.count();
    let reply = house.client().ask("GET", T1, &[("authorization", &answer.token)]).await;
    let how = if house.upstream.count() == before { "hit" } else { "asked" };
    format!("{how} {} {}", reply.status, reply.field("age").unwrap_or("-"))
}

/// What becomes of an answer that takes two seconds: at an age of thirteen seconds, and of fifteen,
/// when the upstream is out of order.
async fn life(answer: &Answer, step: i64, stage: Stage) -> [String; 2] {
    let house = House::with(|settings| {
        settings.lifetimes.stale_while_revalidate = Duration::ZERO;
        settings.lifetimes.lease = Duration::from_hours(1);
    });
    let reach = |reached| {
        if reached == stage {
            house.wall_moved.store(step, Ordering::Relaxed);
        }
    };
    house.upstream.always(answer.say().after(2));
    let stepping = async {
        pass(1).await;
        reach(Stage::WhileItIsAskedFor);
    };
    let (first, ()) = tokio::join!(read(&house, answer), stepping);
    assert_eq!(first, "asked 200 -");
    house.upstream.always(answer.say());
    reach(Stage::BeforeTheHit);
    pass(11).await;
    let then = read(&house, answer).await;
    house.upstream.always(Say::json(503, "{}", &[]));
    reach(Stage::BeforeTheOutage);
    pass(2).await;
    [then, read(&house, answer).await]
}

const AS_EVER: [&str; 2] = ["hit 200 13", "asked 200 15"];
const ENDED: [&str; 2] = ["hit 200 13", "asked 503 -"];
const NEVER_STORED: [&str; 2] = ["asked 200 -", "asked 503 -"];

#[tokio::test(start_paused = true)]
async fn the_wall_counts_once_for_what_it_is_asked_about_and_never_for_an_age() {
    let expires = |after| ("expires", date(after));
    let ends = URL_SAFE_NO_PAD.encode(format!(r#"{{"exp":{}}}"#, WALL_AT_START + 14));
    let ending = Answer { token: format!("Bearer e30.{ends}.c2ln"), fields: vec![max_age()] };
    // An answer, what becomes of it, and what if the wall went forth or back while it was asked for.
    let rows = [
        (Answer::with(&[]), AS_EVER, AS_EVER, AS_EVER),
        (Answer::with(&[max_age()]), AS_EVER, AS_EVER, AS_EVER),
        (Answer::with(&[expires(15), ("date", date(0))]), AS_EVER, NEVER_STORED, AS_EVER),
        // Nothing but the wall says how long that is from when it has come.
        (Answer::with(&[expires(17)]), AS_EVER, NEVER_STORED, ["hit 200 13", "hit 200 15"]),
        // What a token says can only shorten.
        (ending, ENDED, NEVER_STORED, AS_EVER),
    ];
    for (answer, usually, forth, back) in rows {
        for step in [0, HOUR, -HOUR, TEN_YEARS, -TEN_YEARS] {
            for stage in [Stage::WhileItIsAskedFor, Stage::BeforeTheHit, Stage::BeforeTheOutage] {
                let expected = match (stage, step.signum()) {
                    (Stage::WhileItIsAskedFor, 1) => forth,
                    (Stage::WhileItIsAskedFor, -1) => back,
                    _ => usually,
                };
                let found = life(&answer, step, stage).await;
                assert_eq!(found, expected, "{:?} {step} {stage:?}", answer.fields);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_confirmed_after_the_wall_has_stepped_is_as_fresh_as_ever() {
    for step in [HOUR, -HOUR, TEN_YEARS, -TEN_YEARS] {
        let house = House::new();
        let answer = Answer::with(&[max_age(), ("etag", "\"a\"".to_owned())]);
        house.upstream.always(answer.say());
        read(&house, &answer).await;
        house.wall_moved.store(step, Ordering::Relaxed);
        pass(60).await;
        house.upstream.always(Say::Raw(b"HTTP/1.1 304 Not Modified\r\n\r\n".to_vec()));
        assert_eq!(read(&house, &answer).await, "asked 200 -", "{step}");
        pass(14).await;
        assert_eq!(read(&house, &answer).await, "hit 200 14", "{step}");
    }
}
