//! Bad answers, first part: what is wrong is seen in the octets.

use crate::support::bad::Ended;
use crate::support::bad::Kind;
use crate::support::bad::LENGTH;
use crate::support::bad::MALFORMED;
use crate::support::bad::RESET;
use crate::support::bad::TICKET;
use crate::support::bad::WHOLE;
use crate::support::bad::wire;
use crate::support::upstream::Say;
use std::time::Duration;

/// All of them.
pub fn kinds() -> Vec<Kind> {
    let of = [two_framings(), lengths(), chunks(), ends(), beginnings(), interims(), fields()];
    let long = long();
    of.into_iter().flatten().chain(followed()).chain(long).collect()
}

/// Two framings, or codings other than `chunked` alone.
fn two_framings() -> Vec<Kind> {
    let whole = format!("25\r\n{TICKET}\r\n0\r\n\r\n");
    let rows = [
        ("a length and chunks", "content-length: 37\r\ntransfer-encoding: chunked\r\n"),
        ("chunks and a length", "transfer-encoding: chunked\r\ncontent-length: 37\r\n"),
        ("chunked twice", "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n"),
        ("chunked twice in one line", "transfer-encoding: chunked, chunked\r\n"),
        ("gzip, chunked", "transfer-encoding: gzip, chunked\r\n"),
        ("chunked, gzip", "transfer-encoding: chunked, gzip\r\n"),
        ("chunked, identity", "transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n"),
        ("identity", "transfer-encoding: identity\r\n"),
        ("nothing, chunked", "transfer-encoding: , chunked\r\n"),
        ("no coding at all", "transfer-encoding:\r\n"),
        ("a coding nobody knows", "transfer-encoding: xchunked\r\n"),
        ("chunked with a parameter", "transfer-encoding: chunked;q=1\r\n"),
        ("chunked in quotes", "transfer-encoding: \"chunked\"\r\n"),
        ("chunked behind a vertical tab", "transfer-encoding: \x0bchunked\r\n"),
    ];
    let mut kinds: Vec<_> =
        rows.map(|(name, fields)| Kind::malformed(name, wire("200 OK", fields, &whole))).into();
    let old = format!("HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{whole}");
    kinds.push(Kind::malformed("chunks in HTTP/1.0", old));
    kinds
}

/// Lengths that are none, or more than one.
fn lengths() -> Vec<Kind> {
    let values = [
        "37\r\ncontent-length: 36",
        "37\r\ncontent-length: 37",
        "37, 37",
        "37, 36",
        "+37",
        "-37",
        "-0",
        "0x25",
        "037",
        "37.0",
        "3 7",
        "37;",
        "\"37\"",
        "",
        "thirty-seven",
        "\u{ff13}\u{ff17}",
        "18446744073709551615",
        "18446744073709551616",
        "99999999999999999999999999999999999999",
    ];
    let kind = |value: &str| {
        let fields = format!("content-length: {value}\r\n");
        Kind::malformed(&format!("length {value:?}"), wire("200 OK", &fields, TICKET))
    };
    values.map(kind).into()
}

/// Chunks that are none.
fn chunks() -> Vec<Kind> {
    let size_lines = [
        "zz",
        "-25",
        "+25",
        "0x25",
        "",
        " ",
        "25 x",
        "25\r",
        "25\n\r",
        "10000000000000025",
        "ffffffffffffffff1",
        "2 5",
        ";x",
    ];
    let chunked = "transfer-encoding: chunked\r\n";
    let kind = |line: &str| {
        let rest = format!("{line}\r\n{TICKET}\r\n0\r\n\r\n");
        Kind::truncated(&format!("chunk size {line:?}"), wire("200 OK", chunked, &rest))
    };
    let endless_extension = format!("25;{}", "x".repeat(100_000));
    let trailers: String = (0..2_000).map(|n| format!("x-{n}: {n}\r\n")).collect();
    let rests = [
        ("a chunk longer than its size", format!("24\r\n{TICKET}\r\n0\r\n\r\n")),
        ("a chunk shorter than its size", format!("26\r\n{TICKET}\r\n0\r\n\r\n")),
        ("no end of a chunk", format!("25\r\n{TICKET}0\r\n\r\n")),
        ("an endless chunk extension", format!("{endless_extension}\r\n{TICKET}\r\n0\r\n\r\n")),
        ("a flood of trailers", format!("25\r\n{TICKET}\r\n0\r\n{trailers}\r\n")),
        ("a trailer that is none", format!("25\r\n{TICKET}\r\n0\r\nx y\0\r\n\r\n")),
    ];
    let rests = rests.map(|(name, rest)| Kind::truncated(name, wire("200 OK", chunked, &rest)));
    size_lines.map(kind).into_iter().chain(rests).collect()
}

/// Answers that end before their end, or never.
fn ends() -> Vec<Kind> {
    const STOOD_STILL: &str = "GATEWAY_BODY_TIMEOUT";
    let half = &TICKET[..20];
    let (longer, chunked) = ("content-length: 38\r\n", "transfer-encoding: chunked\r\n");
    let chunk = format!("25\r\n{TICKET}\r\n");
    let old = format!("HTTP/1.0 200 OK\r\ncontent-type: application/json\r\n\r\n{TICKET}");
    let drip = |fields| {
        let octets = TICKET.bytes().map(|octet| (vec![octet], Duration::from_secs(20)));
        let head = (wire("200 OK", fields, ""), Duration::from_secs(20));
        Say::Parts([head].into_iter().chain(octets).collect())
    };
    vec![
        Kind::truncated("one octet short", wire("200 OK", longer, TICKET)),
        Kind::truncated("half a body", wire("200 OK", LENGTH, half)),
        Kind::truncated("no body", wire("200 OK", LENGTH, "")),
        Kind::truncated("half a not-found", wire("404 Not Found", LENGTH, r#"{"code":"No"#)),
        Kind::truncated("no last chunk", wire("200 OK", chunked, &chunk)),
        Kind::truncated("half a chunk", wire("200 OK", chunked, &chunk[..20])),
        Kind::truncated("half a size", wire("200 OK", chunked, "2")),
        Kind::truncated("no chunk", wire("200 OK", chunked, "")),
        Kind::truncated("half an end", wire("200 OK", chunked, &(chunk + "0\r\n"))),
        Kind::truncated("no length and half a body", wire("200 OK", "", half)),
        Kind::truncated("no length and no body", wire("200 OK", "", "")),
        Kind::truncated("half a head", &wire("200 OK", LENGTH, "")[..40]),
        Kind::truncated("half a status line", &b"HTTP/1.1 20"[..]),
        Kind::refused("nothing", Say::RawThenClose(Vec::new()), RESET),
        Kind::refused("nothing for ever", Say::Never, "GATEWAY_ANSWER_TIMEOUT"),
        Kind::refused(
            "half a head for ever",
            Say::Raw(wire("200 OK", LENGTH, "")[..40].to_vec()),
            "GATEWAY_ANSWER_TIMEOUT",
        ),
        Kind::refused("half a body for ever", Say::Raw(wire("200 OK", LENGTH, half)), STOOD_STILL),
        Kind::refused("no end of chunks", Say::Raw(wire("200 OK", chunked, "")), STOOD_STILL),
        Kind::refused("no end at all", Say::Raw(wire("200 OK", "", TICKET)), STOOD_STILL),
        Kind::refused("a body in drips", drip(LENGTH), "GATEWAY_TOTAL_TIMEOUT"),
        Kind::refused("an endless body in drips", drip(""), "GATEWAY_TOTAL_TIMEOUT"),
        Kind::cut_perhaps("no length", wire("200 OK", "", TICKET), TICKET),
        Kind::cut_perhaps("no length in HTTP/1.0", old, TICKET),
    ]
}

/// What does not begin as an answer does.
fn beginnings() -> Vec<Kind> {
    let rest = format!("\r\n{LENGTH}\r\n{TICKET}");
    let lines = [
        "HTTP/2.0 200 OK",
        "HTTP/1.2 200 OK",
        "HTTP/11 200 OK",
        "http/1.1 200 OK",
        "ICY 200 OK",
        "HTTP/1.1  200 OK",
        "HTTP/1.1\t200 OK",
        " HTTP/1.1 200 OK",
        "HTTP/1.1 2x0 OK",
        "HTTP/1.1 20 OK",
        "HTTP/1.1 2000 OK",
        "HTTP/1.1 -200 OK",
        "HTTP/1.1 000 OK",
        "HTTP/1.1 099 OK",
        "HTTP/1.1 200 O\0K",
        "HTTP/1.1 200 O\rK",
        "GET / HTTP/1.1",
        "SSH-2.0-OpenSSH_9.6",
        "<html>",
        "{}",
        "\u{feff}HTTP/1.1 200 OK",
        "\x15\x03\x01\0\x02\x02F",
    ];
    let kind = |line: &str| Kind::malformed(&format!("{line:?}"), format!("{line}{rest}"));
    lines.map(kind).into()
}

/// Interim answers without end, and one that nobody asked for.
fn interims() -> Vec<Kind> {
    let good = wire("200 OK", LENGTH, TICKET);
    let flood = |interim: &str, count| [interim.repeat(count).into_bytes(), good.clone()].concat();
    let hint = format!("HTTP/1.1 103 Early Hints\r\nlink: {}\r\n\r\n", "a".repeat(30_000));
    let drips = vec![(b"HTTP/1.1 102 Processing\r\n\r\n".to_vec(), Duration::from_secs(1)); 60];
    let switch = "upgrade: h2c\r\nconnection: upgrade\r\n";
    vec![
        Kind::malformed("seventeen interim answers", flood("HTTP/1.1 100 Continue\r\n\r\n", 17)),
        Kind::malformed("20 000 of them", flood("HTTP/1.1 100 Continue\r\n\r\n", 20_000)),
        Kind::malformed("20 000 in HTTP/1.0", flood("HTTP/1.0 199 x\n\n", 20_000)),
        Kind::malformed("long ones", flood(&hint, 100)),
        Kind::refused("one each second", Say::Parts(drips), MALFORMED),
        Kind::malformed("a switch of protocols", wire("101 Switching Protocols", switch, "")),
        Kind::malformed("a switch without a word", wire("101 Switching Protocols", "", "")),
    ]
}

/// Lines that are no fields, and too many that are.
fn fields() -> Vec<Kind> {
    let flood = |count| -> String { (0..count).map(|n| format!("x-{n}: {n}\r\n")).collect() };
    let rows = [
        ("a space before the colon", "x : y\r\n".to_owned()),
        ("a space before the colon of the length", "content-length : 37\r\n".to_owned()),
        ("a space in a name", "x y: z\r\n".to_owned()),
        ("no name", ": y\r\n".to_owned()),
        ("no colon", "x\r\n".to_owned()),
        ("a folded line", "x: y\r\n z\r\n".to_owned()),
        ("a folded line at the beginning", " x: y\r\n".to_owned()),
        ("NUL in a value", "x: y\0z\r\n".to_owned()),
        ("a carriage return in a value", "x: y\rset-cookie: a=b\r\n".to_owned()),
        ("a bell in a value", "x: y\x07\r\n".to_owned()),
        ("NUL in a name", "x\0: y\r\n".to_owned()),
        ("a letter that is not ASCII in a name", "x\u{e9}: y\r\n".to_owned()),
        ("101 fields", flood(99)),
        ("20 000 fields", flood(20_000)),
        ("a value of 70 000 octets", format!("x: {}\r\n", "y".repeat(70_000))),
        ("a name of 70 000 octets", format!("{}: y\r\n", "x".repeat(70_000))),
        ("fields without end", flood(100) + &"x: y\r\n".repeat(200_000)),
    ];
    let kind = |(name, fields): (&str, String)| {
        Kind::malformed(name, wire("200 OK", &(fields + LENGTH), TICKET))
    };
    rows.map(kind).into()
}

/// Answers with something behind them, which may be theirs or another answer. What has no body by
/// definition has none whatever follows.
fn followed() -> Vec<Kind> {
    let other = r#"{"data":{"_id":"t1","title":"not hers"}}"#;
    let second = String::from_utf8(wire("200 OK", "content-length: 40\r\n", other)).unwrap();
    let (gone, same) = ("204 No Content", "304 Not Modified");
    let behind = |name, rest: &str| {
        Kind::malformed(name, wire("200 OK", LENGTH, &format!("{TICKET}{rest}")))
    };
    let row = |name, status: &str, fields, rest: &str| {
        let got = (status[..3].parse().unwrap(), "");
        Kind::written(name, Say::Raw(wire(status, fields, rest)), got, "status", false)
    };
    vec![
        behind("an octet more", "}"),
        behind("a line more", "\r\n"),
        behind("another answer", &second),
        behind("a second head", "HTTP/1.1 100 Continue\r\n\r\n"),
        Kind::malformed("a length too short", wire("200 OK", "content-length: 36\r\n", TICKET)),
        Kind::malformed("a length of nothing", wire("200 OK", "content-length: 0\r\n", TICKET)),
        row("a 204 with a body", gone, "", TICKET),
        row("a 204 with a body and its length", gone, LENGTH, TICKET),
        row("a 204 and another answer", gone, "", &second),
        row("a 304 with a body", same, "", TICKET),
        row("a 304 with a body and its length", same, LENGTH, TICKET),
        row("a 304 and another answer", same, "", &second),
    ]
}

/// Answers too long to store.
fn long() -> Vec<Kind> {
    let body = format!(r#"{{"data":{{"_id":"t1","description":"{}"}}}}"#, "x".repeat(WHOLE));
    let length = |more: usize| format!("content-length: {}\r\n", body.len() + more);
    let chunked = "transfer-encoding: chunked\r\n";
    let chunk = format!("{:x}\r\n{body}\r\n", body.len());
    let huge = "content-length: 9223372036854775807\r\n";
    let close = |fields: &str, rest: &str| Say::RawThenClose(wire("200 OK", fields, rest));
    vec![
        Kind::streamed("too long", Say::json(200, &body, &[]), &body, Ended::Whole),
        Kind::streamed(
            "too long in chunks",
            Say::Raw(wire("200 OK", chunked, &(chunk.clone() + "0\r\n\r\n"))),
            &body,
            Ended::Whole,
        ),
        Kind::streamed("too long and cut", close(&length(1), &body), &body, Ended::BrokenOff),
        Kind::streamed(
            "too long and no last chunk",
            close(chunked, &chunk),
            &body,
            Ended::BrokenOff,
        ),
        Kind::streamed(
            "too long and a bad chunk",
            close(chunked, &(chunk.clone() + "zz\r\n")),
            &body,
            Ended::BrokenOff,
        ),
        Kind::streamed("nearly endless by its word", close(huge, TICKET), TICKET, Ended::BrokenOff),
        Kind::streamed(
            "too long and silent",
            Say::Raw(wire("200 OK", &length(9), &body)),
            &body,
            Ended::BrokenOff,
        ),
    ]
}
