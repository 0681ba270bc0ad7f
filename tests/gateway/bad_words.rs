//! Bad answers, second part: the octets are in order, what they say is not.

use crate::support::bad::Kind;
use crate::support::bad::LENGTH;
use crate::support::bad::TICKET;
use crate::support::bad::Then;
use crate::support::bad::WHOLE;
use crate::support::bad::wire;
use crate::support::upstream::Say;

/// All of them.
pub fn kinds() -> Vec<Kind> {
    let of = [statuses(), types(), texts(), tickets(), bombs(), hindrances()];
    of.into_iter().flatten().collect()
}

/// Statuses that say it all.
fn statuses() -> Vec<Kind> {
    let out_of_order = "{\"code\":\"Endpoint_out_of_service\"}";
    let rows: [(&[u16], &str, &str, Then); 9] = [
        (&[201, 202, 203, 205, 206, 226, 299], TICKET, "status", Then::Stays),
        (&[300, 301, 302, 303, 305, 307, 308, 399], TICKET, "status", Then::Stays),
        (&[400, 402, 405, 406, 412, 418, 451, 499], "{}", "status", Then::Stays),
        (&[401], TICKET, "credential-dead", Then::Goes),
        (&[403, 410], "{}", "status", Then::Goes),
        (&[404], "{}", "status", Then::Goes),
        (&[409], out_of_order, "outage", Then::StandsIn),
        (&[429], TICKET, "limited", Then::StandsIn),
        (&[408, 500, 501, 502, 503, 504, 511, 599, 600, 999], TICKET, "outage", Then::StandsIn),
    ];
    let kind = |status, body, why, then| {
        Kind::delivered(&format!("a {status}"), Say::json(status, body, &[]), why, then)
    };
    let of = |(statuses, body, why, then): (&'static [u16], &'static str, &'static str, Then)| {
        statuses.iter().map(move |&status| kind(status, body, why, then))
    };
    let bodiless = |status: &str, why| {
        let got = (status[..3].parse().unwrap(), "");
        Kind::written(status, Say::Raw(wire(status, "", "")), got, why, true)
    };
    let empty = [bodiless("204 No Content", "status"), bodiless("304 Not Modified", "status")];
    rows.into_iter().flat_map(of).chain(empty).collect()
}

fn typed(media_type: &str, body: &[u8]) -> Say {
    Say::Answer(200, vec![("content-type", media_type.to_owned())], body.to_vec())
}

/// A media type that is not JSON's.
fn types() -> Vec<Kind> {
    let html = "<html><body>Log in to the network</body></html>";
    let rows = [
        ("a log-in page", typed("text/html", html.as_bytes())),
        ("the ticket as a page", typed("text/html; charset=utf-8", TICKET.as_bytes())),
        ("the ticket as text/json", typed("text/json", TICKET.as_bytes())),
        ("the ticket as UTF-16", typed("application/json; charset=utf-16", TICKET.as_bytes())),
        ("the ticket as two types", typed("application/json, text/html", TICKET.as_bytes())),
        ("the ticket as nothing", Say::Answer(200, Vec::new(), TICKET.into())),
    ];
    rows.map(|(name, say)| Kind::delivered(name, say, "not-json", Then::Stays)).into()
}

/// Texts that are not JSON, or not one.
fn texts() -> Vec<Kind> {
    let utf_16: Vec<u8> = TICKET.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let with = |before: &[u8], after: &[u8]| [before, TICKET.as_bytes(), after].concat();
    let told = |text: &str| format!(r#"{{"data":{{"_id":"t1","x":{text}}}}}"#).into_bytes();
    let rows: Vec<(&str, Vec<u8>)> = vec![
        ("a page that calls itself JSON", "<html></html>".into()),
        ("half a ticket in a whole answer", TICKET[..30].into()),
        ("UTF-16", utf_16),
        ("a byte order mark", with(b"\xef\xbb\xbf", b"")),
        ("two tickets", with(b"", TICKET.as_bytes())),
        ("two tickets in two lines", with(b"", &with(b"\n", b"\n"))),
        ("a ticket and an octet", with(b"", b"}")),
        ("a ticket and NUL", with(b"", b"\0")),
        ("NUL and a ticket", with(b"\0", b"")),
        ("a script that calls a function", with(b"callback(", b");")),
        ("a prefix against scripts", with(b")]}',\n", b"")),
        ("a comment", with(b"/* */", b"")),
        ("a trailing comma", told("[1,]")),
        ("single quotes", told("'x'")),
        ("not a number", told("NaN")),
        ("an endless number", told("Infinity")),
        ("a number too large", told("1e999999")),
        ("a number with a zero before it", told("01")),
        ("half a surrogate pair", told(r#""\ud800""#)),
        ("surrogates the wrong way round", told(r#""\udc00\ud800""#)),
        ("NUL in a string", told("\"a\0b\"")),
        ("a line feed in a string", told("\"a\nb\"")),
        ("no escape", told(r#""\x41""#)),
        ("octets that are not UTF-8", b"{\"data\":{\"_id\":\"t1\",\"x\":\"\xff\"}}".to_vec()),
        ("an overlong octet", b"{\"data\":{\"_id\":\"t1\",\"x\":\"\xc0\xaf\"}}".to_vec()),
        ("a surrogate in UTF-8", b"{\"data\":{\"_id\":\"t1\",\"x\":\"\xed\xa0\x80\"}}".to_vec()),
    ];
    let json = "application/json; charset=utf-8";
    let kind = |(name, body): (&str, Vec<u8>)| {
        Kind::delivered(name, typed(json, &body), "malformed", Then::Stays)
    };
    let nothing = [("nothing", ""), ("blanks", " \r\n\t ")];
    let nothing = nothing
        .map(|(name, body)| Kind::delivered(name, Say::json(200, body, &[]), "empty", Then::Stays));
    rows.into_iter().map(kind).chain(nothing).collect()
}

/// JSON that is not the ticket asked for, or not beyond doubt.
fn tickets() -> Vec<Kind> {
    let rows = [
        ("not-an-object", "null"),
        ("not-an-object", "true"),
        ("not-an-object", "7"),
        ("not-an-object", "\"t1\""),
        ("not-an-object", r#"[{"data":{"_id":"t1"}}]"#),
        ("wrong-id", r#"{"data":{"_id":"t2","status":"open"}}"#),
        ("wrong-id", r#"{"data":{"_id":"T1"}}"#),
        ("wrong-id", r#"{"data":{"_id":"t1 "}}"#),
        ("wrong-id", r#"{"data":{"_id":"t1\u0000"}}"#),
        ("wrong-id", r#"{"data":{"_id":7}}"#),
        ("wrong-id", r#"{"data":{"_id":["t1"]}}"#),
        ("wrong-id", r#"{"data":{"_id":"t1","id":"t2"}}"#),
        ("no-id", r#"{"data":{"status":"open"}}"#),
        ("no-id", r#"{"data":{"ticket":{"_id":"t1"}}}"#),
        ("no-ticket", "{}"),
        ("no-ticket", r#"{"_id":"t1"}"#),
        ("no-ticket", r#"{"data":[{"_id":"t1"}]}"#),
        ("no-ticket", r#"{"data":null}"#),
        ("no-ticket", r#"{"data":"t1"}"#),
        ("unsuccessful", r#"{"success":false,"data":{"_id":"t1"}}"#),
        ("unsuccessful", r#"{"error":"no","data":{"_id":"t1"}}"#),
        ("unsuccessful", r#"{"error":{"message":"no"}}"#),
        ("contradictory", r#"{"code":"NotFound","data":{"_id":"t1"}}"#),
        ("duplicate-member", r#"{"data":{"_id":"t2"},"data":{"_id":"t1"}}"#),
        ("duplicate-member", r#"{"data":{"_id":"t2","_id":"t1"}}"#),
        ("duplicate-member", r#"{"data":{"id":"t2","id":"t1"}}"#),
        ("duplicate-member", r#"{"data":{"_id":"t1","\u005fid":"t2"}}"#),
        ("duplicate-member", r#"{"success":true,"success":false,"data":{"_id":"t1"}}"#),
    ];
    rows.map(|(why, body)| Kind::delivered(body, Say::json(200, body, &[]), why, Then::Stays))
        .into()
}

/// A body that is read whole.
const LARGE: usize = WHOLE / 2;

/// Little to send, and much to read.
fn bombs() -> Vec<Kind> {
    let in_data = |text: &str| format!(r#"{{"data":{{"_id":"t2","x":{text}}}}}"#);
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    let numbers =
        |number: &str| format!("[{}]", vec![number; LARGE / (number.len() + 1)].join(","));
    let members = |of: fn(u32) -> String| {
        format!("{{{}}}", (0..15_000).map(of).collect::<Vec<_>>().join(","))
    };
    let rows = [
        ("too-deep", "65 levels", in_data(&nested(63))),
        ("too-deep", "100 000 levels", in_data(&nested(100_000))),
        ("too-deep", "100 000 levels without end", "[".repeat(100_000)),
        ("too-deep", "objects in objects", r#"{"a":"#.repeat(LARGE / 5)),
        ("too-deep", "data in data", r#"{"data":"#.repeat(LARGE / 8)),
        ("wrong-id", "a hundred thousand numbers", in_data(&numbers("0"))),
        ("wrong-id", "long numbers", in_data(&numbers("12345678901234567890123.5e-300"))),
        (
            "wrong-id",
            "80 000 empty lists",
            in_data(&format!("[{}]", vec!["[]"; LARGE / 3].join(","))),
        ),
        ("wrong-id", "15 000 members", in_data(&members(|n| format!("\"k{n}\":{n}")))),
        (
            "wrong-id",
            "15 000 times the same member",
            in_data(&members(|_| r#""key":null"#.to_owned())),
        ),
        ("wrong-id", "a long string", in_data(&format!("\"{}\"", "x".repeat(LARGE)))),
        ("wrong-id", "escapes", in_data(&format!("\"{}\"", "\\u00e9".repeat(LARGE / 6)))),
        ("wrong-id", "a long id", format!(r#"{{"data":{{"_id":"{}"}}}}"#, "t1".repeat(LARGE / 2))),
        ("malformed", "a long number", in_data(&"9".repeat(LARGE))),
    ];
    rows.map(|(why, name, body)| {
        Kind::delivered(name, Say::json(200, &body, &[]), why, Then::Stays)
    })
    .into()
}

/// The ticket asked for, and something that forbids to keep it.
fn hindrances() -> Vec<Kind> {
    let rows = [
        ("set-cookie", "set-cookie", "session=1; HttpOnly", Then::Goes),
        ("vary", "vary", "*", Then::Goes),
        ("vary", "vary", "no name", Then::Goes),
        ("no-store", "cache-control", "no-store", Then::Goes),
        ("no-store", "cache-control", "max-age=60, No-Store", Then::Goes),
        ("partial", "content-range", "bytes 0-36/37", Then::Goes),
        ("content-coding", "content-encoding", "gzip", Then::Goes),
        ("content-coding", "content-encoding", "identity, br", Then::Goes),
    ];
    let kind = |(why, name, value, then)| {
        let say = Say::json(200, TICKET, &[(name, value)]);
        Kind::delivered(&format!("{name}: {value}"), say, why, then)
    };
    let gzip = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xab\xae\x05\x00\x43\xbf\xa6\xa3\x02";
    let coding = ("content-encoding", "gzip".to_owned());
    let json = ("content-type", "application/json".to_owned());
    let coded = Say::Answer(200, vec![json, coding], gzip.to_vec());
    let coded = Kind::delivered("gzip that nobody asked for", coded, "malformed", Then::Stays);
    let twice = format!("content-type: text/html\r\n{LENGTH}");
    let twice = Say::Raw(wire("200 OK", &twice, TICKET));
    let twice = Kind::written("two media types", twice, (200, TICKET), "not-json", true);
    rows.map(kind).into_iter().chain([coded, twice]).collect()
}
