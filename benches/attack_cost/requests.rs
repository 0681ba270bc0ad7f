//! What is refused: each class as short as it comes, and as long as it may be.

use crate::plain::TICKET;
use crate::row::Beside;
use crate::row::LONGEST_HEAD;
use crate::row::MAP;
use crate::row::NAMES;
use crate::row::Row;
use crate::row::filled;
use crate::script::Lines;
use crate::trial::cut;

/// What a head is refused for.
pub(crate) fn heads() -> Vec<Row> {
    let get = |target: &str| format!("GET {target} HTTP/1.1\r\nHost: gateway\r\n\r\n");
    let long = |part| get(&format!("/v2{}/support-tickets/t1", filled(part, LONGEST_PATH)));
    let x = |length| "x".repeat(length);
    vec![
        Row::head("method, unknown", "get / HTTP/1.1\r\nHost: a\r\n\r\n", "501|METHOD_UNKNOWN"),
        Row::head(
            "method, 31 KiB",
            format!("{} / HTTP/1.1\r\nHost: a\r\n\r\n", "X".repeat(LONGEST_HEAD)),
            "501|METHOD_UNKNOWN",
        ),
        Row::head("CONNECT", "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", "405|METHOD_NOT"),
        Row::head("TRACE", "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", "405|METHOD_NOT"),
        Row::head("target, 8 KiB and 1", get(&format!("/{}", x(8 * 1024))), "414|TARGET_TOO_LONG"),
        Row::head("target, 31 KiB", get(&format!("/{}", x(LONGEST_HEAD))), "414|TARGET_TOO_LONG"),
        Row::head("target, asterisk", get("*"), "400|BAD_TARGET"),
        Row::head("target, other scheme", get("ftp://gateway/"), "400|BAD_TARGET"),
        Row::head("target, other host", get("http://elsewhere/"), "400|BAD_TARGET"),
        Row::head(
            "target, other host of 8 KiB",
            get(&format!("http://{}/", x(LONGEST_PATH))),
            "400|BAD_TARGET",
        ),
        Row::path("path, ambiguous", get("/v2/support-tickets/%74"), "400|AMBIGUOUS_PATH"),
        Row::path("path, 8 KiB of dot segments", long("/x/%2e%2e"), "400|AMBIGUOUS_PATH"),
        Row::path("path, 8 KiB of parameters", long("/.;"), "400|AMBIGUOUS_PATH"),
        Row::path(
            "path, 8 KiB of %2525...",
            get(&format!("/v2/support-tickets/%{}74", filled("25", LONGEST_PATH))),
            "400|AMBIGUOUS_PATH",
        ),
        Row::path("path, control octet", get("/%00"), "400|AMBIGUOUS_PATH"),
        Row::path(
            "path, control octet after 8 KiB",
            get(&format!("/{}%00", filled("%41", LONGEST_PATH))),
            "400|AMBIGUOUS_PATH",
        ),
        Row::path("no such page", get("/_gateway/x"), "404|NO_SUCH_PAGE"),
        Row::path(
            "no such page, 8 KiB",
            get(&format!("/_gateway/{}", x(LONGEST_PATH))),
            "404|NO_SUCH_PAGE",
        ),
        Row::head("batch, GET", get("/_gateway/tickets"), "405|BATCH_METHOD"),
        Row::head(
            "batch, no credential",
            "POST /_gateway/tickets HTTP/1.1\r\nHost: a\r\n\r\n",
            "401|NO_CREDENTIAL",
        ),
    ]
}

const LONGEST_PATH: usize = 8_000;

/// What its fields are refused for.
pub(crate) fn fields() -> Vec<Row> {
    let with = |fields: &str| format!("{TICKET}{fields}\r\n");
    let hosts = |fields: &str| format!("GET / HTTP/1.1\r\n{fields}\r\n");
    let wide =
        |name: &str, part: &str, end: &str| format!("{name}: {}{end}\r\n", filled(part, 30 * 1024));
    vec![
        Row::head("Host, none", hosts(""), "400|BAD_HOST"),
        Row::head("Host, twice", hosts("Host: a\r\nHost: a\r\n"), "400|BAD_HOST"),
        Row::head("Host, 90 times", hosts(&"Host: a\r\n".repeat(90)), "400|BAD_HOST")
            .known(40.0, MAP),
        Row::head("Host, bad", hosts("Host: a/b\r\n"), "400|BAD_HOST"),
        Row::head("Host, bad after 30 KiB", hosts(&wide("Host", "a.", "@")), "400|BAD_HOST"),
        Row::head("two credentials", with("Authorization: b\r\n"), "400|TWO_CREDENTIALS"),
        Row::head(
            "two credentials, 30 KiB",
            with(&wide("Authorization", "b", "")),
            "400|TWO_CREDENTIALS",
        ),
        Row::head(
            "Connection: authorization",
            with("Connection: authorization\r\n"),
            "400|BAD_CONNECTION",
        ),
        Row::head(
            "the same after 30 KiB of names",
            with(&wide("Connection", "a,", "authorization")),
            "400|BAD_CONNECTION",
        )
        .known(15.0, NAMES),
        Row::head(
            "length and coding",
            with("Content-Length: 1\r\nTransfer-Encoding: gzip, chunked\r\n"),
            "400|BAD_FRAMING",
        ),
        Row::head(
            "two codings",
            with("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n"),
            "400|BAD_FRAMING",
        ),
        Row::head("a coding", with("Transfer-Encoding: gzip, chunked\r\n"), "400|BAD_FRAMING"),
        Row::head(
            "codings, 30 KiB",
            with(&wide("Transfer-Encoding", "a,", "chunked")),
            "400|BAD_FRAMING",
        ),
        Row::head("length, 007", with("Content-Length: 007\r\n"), "400|BAD_FRAMING"),
        Row::head("length, 30 KiB of zeros", with(&wide("Content-Length", "0", "1")), "400|"),
        Row::head("Expect on a read", with("Expect: 100-continue\r\n"), "417|EXPECTATION"),
    ]
}

/// What is refused for its body.
pub(crate) fn bodies() -> Vec<Row> {
    let read = |fields: &str, body: &str| Lines::new(format!("{TICKET}{fields}\r\n{body}"));
    let chunked = "Transfer-Encoding: chunked\r\n";
    vec![
        Row::request(
            "body on a read",
            read("Content-Length: 20000\r\n", &"b".repeat(20_000)),
            "400|BODY_ON_READ",
            Beside::Body,
        ),
        Row::request(
            "the same in chunks",
            read(chunked, &"1\r\nb\r\n".repeat(3_000)),
            "400|BODY_ON_READ",
            Beside::Body,
        ),
        Row::request(
            "none, after 8 KiB of extension",
            read(chunked, &format!("0;{}\r\n\r\n", "x".repeat(8_000))),
            "200|; hit;",
            Beside::Body,
        )
        .known(20.0, EXTENSIONS),
    ]
}

/// hyper reads an extension octet by octet, 16 KiB of them at most.
const EXTENSIONS: &str = "hyper, octet by octet";

/// What is refused for the list that it brings.
pub(crate) fn batches() -> Vec<Row> {
    let batch = |body: &[u8]| {
        let length = body.len();
        let head = format!(
            "POST /_gateway/tickets HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer a\r\n\
             Connection: close\r\nContent-Length: {length}\r\n\r\n"
        );
        Lines::new([head.as_bytes(), body].concat())
    };
    let refused =
        |name, body: &[u8], expects| Row::request(name, batch(body), expects, Beside::Body);
    let megabyte = |part: &str| filled(part, 1024 * 1024);
    vec![
        refused("not UTF-8", &[0xff; 20_000], "400|BAD_IDS"),
        refused("no list", b"{}", "400|BAD_IDS"),
        refused("not an id", b"a\n/", "400|BAD_IDS"),
        refused("not an id after 9 999", ("a\n".repeat(9_999) + "/").as_bytes(), "400|BAD_IDS"),
        refused(
            "the same in JSON",
            format!("{{\"ids\":[{}\"/\"]}}", "\"a\",".repeat(9_999)).as_bytes(),
            "400|BAD_IDS",
        ),
        refused("10 001 ids", "a\n".repeat(10_001).as_bytes(), "413|TOO_MANY_IDS"),
        refused("1 MiB of ids", megabyte("a\n").as_bytes(), "413|TOO_MANY_IDS"),
        refused("1 MiB of ids in quotes", megabyte("\"a\"\n").as_bytes(), "413|TOO_MANY_IDS"),
        refused(
            "1 MiB of ids in JSON",
            format!("{{\"ids\":[{}\"a\"]}}", megabyte("\"a\",")).as_bytes(),
            "413|TOO_MANY_IDS",
        ),
        refused("1 MiB of objects", megabyte("{\"id\":\"a\"}\n").as_bytes(), "413|TOO_MANY_IDS"),
        refused("1 MiB of [", megabyte("[").as_bytes(), "400|BAD_IDS"),
        refused(
            "1 MiB of [ in a list",
            format!("{{\"ids\":{}", megabyte("[")).as_bytes(),
            "400|BAD_IDS",
        ),
        refused(
            "1 MiB of other names",
            format!("{{{}", megabyte("\"a\":1,")).as_bytes(),
            "400|BAD_IDS",
        ),
        refused("1 MiB of blank lines", megabyte("\n").as_bytes(), "400|BAD_IDS")
            .known(25.0, "a look at each octet, of less than a nanosecond"),
        refused("3 MiB", megabyte("a").repeat(3).as_bytes(), "413|TOO_MANY_IDS"),
    ]
}

/// What the parser refuses, or waits for in vain.
pub(crate) fn unparsed() -> Vec<Row> {
    let hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";
    let drip = |piece, part| Lines {
        piece,
        ..cut(format!("GET / HTTP/1.1\r\n{}", filled(part, LONGEST_HEAD)))
    };
    let field = "x: y\r\n";
    vec![
        Row::request("a TLS hello", Lines::new(hello.repeat(40)), "400|", Beside::Hit),
        Row::request(
            "31 KiB of noise",
            Lines::new(filled("\u{fffd}", LONGEST_HEAD)),
            "400|",
            Beside::Hit,
        ),
        Row::head("folded field", "GET / HTTP/1.1\r\nx: a\r\n b\r\n\r\n", "400|"),
        Row::head(
            "folded after 31 KiB",
            format!("{TICKET}x: {}\r\n b\r\n\r\n", "a".repeat(LONGEST_HEAD - 200)),
            "400|",
        ),
        Row::head("101 fields", format!("{TICKET}{}\r\n", field.repeat(101)), "431|"),
        Row::head("5 000 fields", format!("{TICKET}{}\r\n", field.repeat(5_000)), "431|"),
        Row::head(
            "one field of 64 KiB",
            format!("{TICKET}x: {}\r\n", "a".repeat(64 * 1024)),
            "431|",
        ),
        Row::request(
            "31 KiB of a head and no end",
            cut(format!("{TICKET}x: {}", "a".repeat(LONGEST_HEAD - 200))),
            "|",
            Beside::Hit,
        ),
        Row::request("31 KiB of empty lines", cut(filled("\r\n", LONGEST_HEAD)), "|", Beside::Hit),
        Row::request("drip by 1, one field", drip(1, "x"), "|", Beside::Hit),
        Row::request("drip by 1, short fields", drip(1, "a:b\n"), "|", Beside::Hit),
        Row::request(
            "drip by 40, short fields",
            drip(40, "x: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n"),
            "|",
            Beside::Hit,
        ),
    ]
}
