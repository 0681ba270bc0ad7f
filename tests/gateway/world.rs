//! The upstream of the simulation: what it says of its tickets, whom it refuses, and when writes
//! land.

use crate::model::Model;
use crate::model::Part;
use crate::support::upstream::Say;
use crate::support::upstream::id_of;
use crate::support::wire::Message;
use crate::verdict::Reading;
use crate::verdict::Taken;
use fastrand::Rng;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::time::Duration;
use tokio::time::Instant;
use tokio::time::sleep;

/// How long a ticket may be given out once it is stale where the upstream does not say.
const OURS: Option<(u64, u64)> = Some((30, 600));

const fn ticket(
    state: &'static str,
    secs: u64,
    fields: &'static [(&'static str, &'static str)],
) -> Reading {
    Reading { status: 200, state, secs, stale: OURS, fields }
}

const fn stale(reading: Reading, stale: Option<(u64, u64)>) -> Reading {
    Reading { stale, ..reading }
}

const fn other(status: u16, secs: u64, fields: &'static [(&'static str, &'static str)]) -> Reading {
    Reading { status, state: "", secs, stale: None, fields }
}

const USUAL: [Reading; 2] = [ticket("open", 15, &[]), ticket("closed", 600, &[])];
const ODD: [Reading; 17] = [
    ticket("odd", 40, &[("cache-control", "max-age=40")]),
    ticket("closed", 10, &[("cache-control", "max-age=40"), ("age", "30")]),
    ticket("open", 90, &[("cache-control", "max-age=90"), DATE]),
    ticket("open", 3_600, &[("expires", "Mon, 06 Nov 2034 08:49:37 GMT")]),
    ticket("open", 15, &[("vary", "user-agent")]),
    ticket("closed", 600, &[("vary", "origin, user-agent, cookie")]),
    stale(ticket("open", 0, &[("cache-control", "no-store")]), None),
    stale(ticket("open", 20, &[("cache-control", "max-age=20, must-revalidate")]), None),
    stale(ticket("open", 0, &[("cache-control", "max-age=60, no-cache")]), None),
    stale(ticket("open", 0, &[("cache-control", "max-age=0")]), Some((0, 600))),
    stale(ticket("closed", 5, &[("cache-control", BOTH)]), Some((40, 20))),
    stale(ticket("closed", 5, &[("cache-control", NEITHER)]), Some((0, 0))),
    other(404, 10, &[]),
    other(403, 0, &[]),
    other(503, 0, &[]),
    other(429, 0, &[]),
    other(429, 0, &[("retry-after", "3")]),
];
const DOWN: [Reading; 5] = [
    other(503, 0, &[]),
    other(503, 0, &[]),
    other(503, 0, &[("retry-after", "1")]),
    other(500, 0, &[]),
    other(429, 0, &[]),
];
const DEAD: [Reading; 2] = [other(401, 0, &[("x-dead", "1")]), other(403, 0, &[("x-dead", "1")])];
const DATE: (&str, &str) = ("date", "Fri, 15 Jan 2027 08:00:00 GMT");
const BOTH: &str = "max-age=5, stale-while-revalidate=40, stale-if-error=20";
const NEITHER: &str = "max-age=5, stale-while-revalidate=0, stale-if-error=0";

/// How many milliseconds an answer takes: fewer than the gateway waits for what it asks only to
/// find out whether the upstream is back, so that every answer is heard.
const TAKES: [u64; 8] = [0, 0, 0, 1, 40, 40, 900, 4_500];

/// What a request says that the upstream must not hear.
pub const ONLY_IF_CACHED: (&str, &str) = ("x-request-id", "only-if-cached");

/// The upstream and the model of it.
#[derive(Clone, Default)]
pub struct World(Arc<Mutex<Model>>);

impl World {
    pub fn model(&self) -> MutexGuard<'_, Model> {
        self.0.lock().unwrap()
    }

    /// What the upstream does about a request.
    pub fn say(&self, asked: &Message, rng: &mut Rng) -> Say {
        let pause = Duration::from_millis(rng.choice(TAKES).unwrap());
        if asked.field(ONLY_IF_CACHED.0) == Some(ONLY_IF_CACHED.1) {
            self.model().wrongs.push(format!("asked what only the store was to be: {asked:?}"));
        }
        let reads = asked.start.starts_with("GET") || asked.start.starts_with("HEAD");
        let say = if reads { self.read(asked, pause, rng) } else { self.write(asked, pause, rng) };
        Say::After(pause, Box::new(say))
    }

    fn read(&self, asked: &Message, pause: Duration, rng: &mut Rng) -> Say {
        let (id, token) = (id_of(asked), asked.field("authorization").unwrap());
        let mut model = self.model();
        let now = Instant::now();
        if model.is_hasty(token, id) {
            model.wrongs.push(format!("asked though told to wait: {asked:?}"));
        }
        let dead = model.dead_until.get(token).is_some_and(|end| now < *end);
        let down = model.down_until.is_some_and(|end| now < end);
        let mut says = match rng.u8(..4) {
            _ if dead => rng.choice(DEAD).unwrap(),
            _ if down => rng.choice(DOWN).unwrap(),
            0 => rng.choice(ODD).unwrap(),
            _ => rng.choice(USUAL).unwrap(),
        };
        let (event, state) = (model.event(), model.state(token, id));
        let confirmed = confirmed(&mut model, asked, token, state);
        let confirmed = confirmed.filter(|_| !dead && !down && rng.u8(..4) > 0);
        if let Some(known) = confirmed {
            says = known;
        }
        let (lost, void) = (rng.u8(..40) == 0, confirmed.is_some() && rng.u8(..8) == 0);
        let proves = !lost && !void && matches!(says.status, 200 | 404);
        let (at, arrives) = (now, now + pause);
        let (token, ticket) = (token.to_owned(), id.to_owned());
        let reading = Taken { at, arrives, token, ticket, says, state, proves, void, lost };
        model.readings.insert(event, reading.clone());
        if lost {
            return Say::RawThenClose(Vec::new());
        }
        if dead {
            self.know_soon(Part::Of(reading.token.clone()), event, pause);
        }
        match confirmed {
            Some(_) => confirmation(&reading, asked, event, rng),
            None => telling(&reading, asked, event, rng),
        }
    }

    /// A refusal is known to the house, and by that to everyone, once it is there.
    fn know_soon(&self, part: Part, event: u64, pause: Duration) {
        let world = self.clone();
        tokio::spawn(async move {
            sleep(pause + Duration::from_millis(1)).await;
            world.model().know(part, event);
        });
    }

    /// A write that is not refused lands within a minute, whatever is said about it; a minute after
    /// that, everyone could know. Whoever is told of its success knows at once.
    fn write(&self, asked: &Message, pause: Duration, rng: &mut Rng) -> Say {
        let token = asked.field("authorization").unwrap();
        if self.model().dead_until.get(token).is_some_and(|end| Instant::now() < *end) {
            let event = self.model().event().to_string();
            return Say::json(401, "{}", &[("x-event", &event)]);
        }
        let id = asked.field("x-write").unwrap().to_owned();
        let late = Duration::from_millis(rng.u64(..59_000));
        let (lands_after, say) = match rng.u8(..24) {
            0 => return Say::json(422, "{}", &[]),
            1 => (late, Say::json(500, "{}", &[])),
            2 => (late, Say::RawThenClose(Vec::new())),
            3 => (late, Say::Never),
            4 => (late, Say::json(409, r#"{"code":"Endpoint_out_of_service"}"#, &[])),
            5 => return Say::json(409, r#"{"code":"MissingParameter"}"#, &[]),
            _ => (pause, Say::json(200, "{}", &[]).after(1)),
        };
        let world = self.clone();
        tokio::spawn(async move {
            sleep(lands_after).await;
            world.model().land(&id);
            sleep(Duration::from_mins(1)).await;
            world.model().know_write(&id);
        });
        say
    }
}

/// The reading whose tag a request bears, if it is still true.
fn confirmed(model: &mut Model, asked: &Message, token: &str, state: u64) -> Option<Reading> {
    let tag = asked.field("if-none-match")?.trim_matches('"');
    let known = tag.parse().ok().and_then(|event: u64| model.readings.get(&event).cloned());
    let own = known.filter(|known| known.token == token);
    if own.is_none() {
        model.wrongs.push(format!("a tag that was never given to {token}: {asked:?}"));
    }
    own.filter(|known| known.state == state).map(|known| known.says)
}

/// A 304, with all fields that a 200 would have, or with none of them; or one of another tag, which
/// confirms nothing.
fn confirmation(taken: &Taken, asked: &Message, event: u64, rng: &mut Rng) -> Say {
    let own = asked.field("if-none-match").unwrap();
    let tag = if taken.void { "\"other\"" } else { own };
    let event = event.to_string();
    let agent = asked.field("user-agent").unwrap_or_default();
    let mut lines = vec![("x-event", event.as_str()), ("x-seen", &taken.token), ("x-agent", agent)];
    if taken.void || rng.bool() {
        lines.push(("etag", tag));
        lines.extend(taken.says.fields);
    }
    let lines: String = lines.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    Say::Raw(format!("HTTP/1.1 304 Not Modified\r\n{lines}\r\n").into_bytes())
}

/// What a reading says, whole.
fn telling(taken: &Taken, asked: &Message, event: u64, rng: &mut Rng) -> Say {
    let Reading { status, state, fields, .. } = taken.says;
    let (id, version, filling) = (id_of(asked), taken.state, "x".repeat(rng.usize(..80)));
    let dead = fields.contains(&("x-dead", "1"));
    let body = match status {
        200 => format!(
            r#"{{"data":{{"_id":"{id}","status":"{state}","v":{version},"x":"{filling}"}}}}"#
        ),
        403 if dead => r#"{"message":"token_expired"}"#.to_owned(),
        _ => r#"{"code":"NotFound"}"#.to_owned(),
    };
    let (event, tag) = (event.to_string(), format!("\"{event}\""));
    let agent = asked.field("user-agent").unwrap_or_default();
    let mut lines = vec![("x-event", event.as_str()), ("x-seen", &taken.token), ("x-agent", agent)];
    // What has an age loses it when it is confirmed, and is fresh for longer then.
    let tagged = status == 200 && !fields.iter().any(|(name, _)| *name == "age") && rng.bool();
    lines.extend(tagged.then_some(("etag", tag.as_str())));
    lines.extend(fields);
    Say::json(status, &body, &lines)
}
