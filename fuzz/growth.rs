//! Long inputs: a reader whose work grew faster than what it reads would not be done in time.

use http::HeaderMap;
use http::HeaderValue;
use http::Method;
use http::StatusCode;
use rustix::time::ClockId;
use rustix::time::clock_gettime;
use std::time::Duration;

use crate::resources::RESOURCES;
use verifik_gateway::api::answer::meaning;
use verifik_gateway::api::credential::expiry;
use verifik_gateway::api::listing::ids;
use verifik_gateway::api::route::route;
use verifik_gateway::api::write::listed_ids;
use verifik_gateway::api::write::touched;
use verifik_gateway::base::time::WallTime;
use verifik_gateway::fields::cache_control::RequestDirectives;
use verifik_gateway::fields::cache_control::ResponseDirectives;
use verifik_gateway::fields::conditions::is_not_modified;
use verifik_gateway::fields::hop_by_hop;
use verifik_gateway::fields::media_type::is_json;
use verifik_gateway::fields::prefer;
use verifik_gateway::fields::priority::urgency;
use verifik_gateway::fields::quota::quota;
use verifik_gateway::fields::vary::Vary;
use verifik_gateway::fields::vary::normalised;

/// As long as the longest head that is let in. Squared it takes far longer than patience.
const LENGTH: usize = 32 << 10;
/// Of this thread alone, so that a busy machine makes no difference. Some 50 ms are needed.
const PATIENCE: Duration = Duration::from_secs(3);

#[test]
fn work_grows_with_what_is_read_and_no_faster() {
    let pieces = [
        "%25",
        "%",
        "%2",
        "%2525",
        "/..",
        "/.",
        "//",
        "/x;a",
        "\\",
        "%2e%2e/",
        "a,",
        ",",
        "\"",
        "\\\"",
        "\"a\",",
        "a=b,",
        "a=\"b\",",
        "a;",
        "no-store ",
        "W/\"a\"",
        " ",
        "\t,",
        "[",
        "{\"a\":",
        "{\"data\":",
        "\"\\u0061\"",
        "1",
        "1,",
        "x\n",
        "{\"id\":\"x\"}\n",
        "\"x\"\n",
        "a.b.",
        "r=1;",
        "u=1,",
        "bytes=0-1,",
        "é",
    ];
    for piece in pieces {
        let text = piece.repeat(LENGTH / piece.len());
        let began = spent();
        read_as_everything(&text);
        let took = spent().saturating_sub(began);
        assert!(took < PATIENCE, "{LENGTH} octets of {piece:?} took {took:?}");
    }
}

/// What the processor has done for this thread so far.
fn spent() -> Duration {
    clock_gettime(ClockId::ThreadCPUTime).try_into().expect("no time below zero")
}

fn read_as_everything(text: &str) {
    for path in [format!("/{text}"), format!("/v2/support-tickets/{text}")] {
        route(&*RESOURCES, &path);
        touched(&*RESOURCES, &Method::PUT, &path);
    }
    let _ = (expiry(text.as_bytes()), ids(text.as_bytes(), 10_000), listed_ids(text.as_bytes()));
    meaning(StatusCode::OK, &HeaderMap::new(), text.as_bytes(), "x");
    for body in [format!("{{\"data\":{text}"), format!("[{text}]"), format!("{{\"ids\":[{text}]}}")]
    {
        let json = fields("content-type", "application/json");
        meaning(StatusCode::OK, &json, body.as_bytes(), "x");
        let _ = (listed_ids(body.as_bytes()), ids(body.as_bytes(), 10_000));
    }
    let received = WallTime::from_secs(1_800_000_000);
    let (mut connection, stored) = (fields("connection", text), fields("etag", "\"a\""));
    let _ = RequestDirectives::read(&fields("cache-control", text));
    let _ = ResponseDirectives::read(&fields("cache-control", text));
    let _ = (Vary::read(&fields("vary", text)), is_json(&fields("content-type", text)));
    let _ = normalised(&http::header::ACCEPT, &fields("accept", text));
    let _ = (prefer::wait(&fields("prefer", text)), urgency(&fields("priority", text)));
    let _ = (
        quota(&fields("ratelimit", text), received),
        is_not_modified(&fields("if-none-match", text), &stored),
    );
    let _ = hop_by_hop::dropped_in_bad_faith(&connection);
    hop_by_hop::strip(&mut connection);
}

/// One line; without the octets that no field has.
fn fields(name: &'static str, text: &str) -> HeaderMap {
    let value = HeaderValue::from_bytes(text.replace('\n', ",").as_bytes()).expect("a value");
    let mut fields = HeaderMap::new();
    fields.insert(name, value);
    fields
}
