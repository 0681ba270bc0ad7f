//! Fields that are long to read, on requests that are good otherwise: hits.

use crate::plain::TICKET;
use crate::row::Beside;
use crate::row::MAP;
use crate::row::NAMES;
use crate::row::Row;
use crate::row::filled;
use crate::script::Lines;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

const HIT: &str = "200|; hit;";

pub(crate) fn hits() -> Vec<Row> {
    let wide = |name: &str, before: &str, part: &str| {
        format!("{TICKET}{name}: {before}{}\r\n\r\n", filled(part, 30 * 1024))
    };
    let many = |part: &str, times| format!("{TICKET}{}\r\n", part.repeat(times));
    vec![
        Row::head("Cache-Control, directives", wide("Cache-Control", "", "a,"), HIT),
        Row::head("Cache-Control, max-stale", wide("Cache-Control", "", "max-stale,"), HIT),
        Row::head("Cache-Control, quotes", wide("Cache-Control", "", "a=\"\\\"\","), HIT),
        Row::head("Cache-Control, 80 fields", many("Cache-Control: a, b, c\r\n", 80), HIT)
            .known(40.0, MAP),
        Row::head("Range, 10 000 ranges", wide("Range", "bytes=", "0-,"), HIT),
        Row::head("Range, long numbers", wide("Range", "bytes=", "9"), HIT),
        Row::head("If-None-Match, 7 500 tags", wide("If-None-Match", "", "\"\","), HIT),
        Row::head("If-None-Match, weak tags", wide("If-None-Match", "", "W/\"\","), HIT),
        Row::head("If-None-Match, commas", wide("If-None-Match", "", ","), HIT),
        Row::head("If-None-Match, no end", wide("If-None-Match", "", "\"a"), HIT),
        Row::head("If-Match, 7 500 tags", wide("If-Match", "", "\"a\","), HIT),
        Row::head("If-Modified-Since, noise", wide("If-Modified-Since", "", "Sun, "), HIT),
        Row::head("Accept-Language", wide("Accept-Language", "", "a;q=0.1,"), HIT),
        Row::head("Origin, 30 KiB", wide("Origin", "", "o"), HIT),
        Row::head("Connection, names", wide("Connection", "", "a,"), HIT).known(15.0, NAMES),
        Row::head(
            "Connection, long names",
            wide("Connection", "", "abcdefghijklmnopqrstuvwxyz,"),
            HIT,
        ),
        Row::head("Connection, one name again", wide("x-a: 1\r\nConnection", "", "x-a,"), HIT),
        Row::head("Connection, no names", wide("Connection", "", "(,"), HIT).known(15.0, NAMES),
        Row::head("Prefer", wide("Prefer", "", "a,"), HIT),
        Row::head("Prefer, parameters", wide("Prefer", "a", ";b=\"c\""), HIT),
        Row::head("Priority", wide("Priority", "", "u=1,"), HIT),
        Row::head("Priority, inner lists", wide("Priority", "a=", "("), HIT),
        Row::head("Pragma", wide("Pragma", "", "a,"), HIT),
        Row::head("TE", wide("TE", "", "a,"), HIT),
        Row::head("Cookie, 30 KiB", wide("Cookie", "", "a=b; "), HIT),
        Row::head("90 fields", many("x-a: b\r\n", 90), HIT).known(40.0, MAP),
        Row::head(
            "90 fields of one length",
            (10..100)
                .map(|n| format!("x-{n}: b\r\n"))
                .fold(TICKET.to_owned(), |all, one| all + &one)
                + "\r\n",
            HIT,
        )
        .known(40.0, MAP),
    ]
}

/// It is decoded in three ways, and each is normalised.
const READINGS: &str = "each way in which it could be read, one after the other";

/// Targets, credentials and bodies.
pub(crate) fn others() -> Vec<Row> {
    let escapes = filled("%C3%A9", 8_000);
    let get = |target: &str, credential: &str| {
        format!(
            "GET {target} HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n\
             Authorization: Bearer {credential}\r\n\r\n"
        )
    };
    let ticket = |credential: &str| get("/v2/support-tickets/t1", credential);
    let token = |claims: &str| format!("a.{}.b", URL_SAFE_NO_PAD.encode(claims));
    let bulk = |part: &str| {
        let body = format!("{{\"ids\":[{}\"a\"]}}", filled(part, 60 * 1024));
        let length = body.len();
        Lines::new(format!(
            "POST /v2/support-tickets/bulk HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n\
             Authorization: Bearer a\r\nContent-Length: {length}\r\n\r\n{body}"
        ))
    };
    vec![
        Row::head(
            "query, 8 KiB of escapes",
            get(&format!("/v2/support-tickets/t1?{escapes}"), "a"),
            HIT,
        ),
        Row::path(
            "path, 8 KiB of escapes",
            get(&format!("/v2/lookups/{escapes}"), "a"),
            "200|; fwd=bypass",
        )
        .known(15.0, READINGS),
        Row::path(
            "path, 8 KiB of slashes",
            get(&format!("/v2/lookups{}", "/".repeat(8_000)), "a"),
            "200|; fwd=bypass",
        ),
        Row::path(
            "path, 8 KiB of dot segments, elsewhere",
            get(&format!("/v2/lookups{}", filled("/a/..", 8_000)), "a"),
            "200|; fwd=bypass",
        )
        .known(15.0, READINGS),
        Row::head("credential, 30 KiB", ticket(&"a".repeat(30 * 1024)), HIT),
        Row::head("credential, 20 KiB of [", ticket(&token(&"[".repeat(20 * 1024))), HIT),
        Row::head(
            "credential, 20 KiB of claims",
            ticket(&token(&format!("{{{}\"a\":1}}", filled("\"a\":1,", 20 * 1024)))),
            HIT,
        ),
        Row::head("credential, dots", ticket(&".".repeat(30 * 1024)), HIT),
        Row::request("bulk, 60 KiB of ids", bulk("\"a\","), "200|; fwd=", Beside::Body),
        Row::request("bulk, too many ids", bulk("1,"), "200|; fwd=", Beside::Body),
    ]
}
