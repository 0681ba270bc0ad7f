//! How a body is framed: every length beside every coding, in every order, on every kind of request.

use crate::case::Draft;
use crate::case::Place;
use crate::corpus::OTHER;
use crate::corpus::READ;
use crate::corpus::head;

const LENGTHS: &[&str] = &[
    "0",
    "5",
    "05",
    "00",
    "+5",
    "-5",
    "-0",
    "5,5",
    "5, 5",
    "0, 5",
    "5;5",
    "0x5",
    "5.0",
    "5e0",
    "5_",
    "",
    "\"5\"",
    "5 5",
    "٥",
    "18446744073709551616",
    "99999999999999999999999",
    "five",
];

const CODINGS: &[&str] = &[
    "chunked",
    "Chunked",
    "gzip",
    "gzip, chunked",
    "chunked, gzip",
    "chunked, chunked",
    "identity",
    "identity, chunked",
    ", chunked",
    "chunked,",
    "xchunked",
    "chunkedx",
    "chunked;a=b",
    "chunked; q=1",
    "\"chunked\"",
    "'chunked'",
    "chunk",
    "cow",
    "",
    "chunked chunked",
    "chunked\x0b",
    "\x0cchunked",
    "\0chunked",
    "chunked\0",
    "chünked",
    "ch unked",
    "trailers",
    "compress, deflate",
];

/// Ways to write the name of a field that are that field's, another's, or none's.
const NAMES: &[&str] = &[
    "{}:",
    "{} :",
    "{}\t:",
    "{}\x0b:",
    "{}\0:",
    " {}:",
    "\t{}:",
    "x {}:",
    "{}\r:",
    "{}\r\n :",
    "\u{feff}{}:",
    "({}):",
    "{}",
    "{}=",
    "_{}:",
    "{}-:",
    "{}::",
    ":{}:",
];

pub fn drafts() -> Vec<Draft> {
    let new = alone().chain(beside(CODINGS)).chain(twice()).chain(misnamed());
    // There every coding is refused, whatever stands beside it.
    let old = alone().chain(beside(&CODINGS[..4])).chain(twice()).chain(misnamed());
    let versioned = new.map(|fields| ("HTTP/1.1", fields));
    let versioned = versioned.chain(old.map(|fields| ("HTTP/1.0", fields)));
    let mut drafts = Vec::new();
    for (version, fields) in versioned {
        for (line, place, credential) in
            [(OTHER, Place::Elsewhere, ""), (READ, Place::Ticket, AUTHORIZED)]
        {
            let start = format!("{line} {version}\r\n");
            let template = head(&start, &format!("{credential}{fields}")) + body(&fields);
            drafts.push(Draft::new(format!("framing {fields:?}"), template, place));
        }
    }
    drafts
}

const AUTHORIZED: &str = "authorization: Bearer hostile\r\n";

fn alone() -> impl Iterator<Item = String> {
    let lengths = LENGTHS.iter().map(|length| format!("content-length: {length}\r\n"));
    lengths.chain(CODINGS.iter().map(|coding| format!("transfer-encoding: {coding}\r\n")))
}

/// Both, in both orders. What is chunked beside a length is left to the parser, so once is enough.
fn beside(codings: &[&str]) -> impl Iterator<Item = String> {
    LENGTHS.iter().flat_map(move |length| {
        let codings = codings.iter().filter(|coding| **coding != "Chunked");
        codings.flat_map(move |coding| {
            let length = format!("content-length: {length}\r\n");
            let coding = format!("Transfer-Encoding: {coding}\r\n");
            [format!("{length}{coding}"), format!("{coding}{length}")]
        })
    })
}

fn twice() -> impl Iterator<Item = String> {
    let lengths = [
        ("5", "5"),
        ("5", "6"),
        ("5", "0"),
        ("0", "5"),
        ("0", "0"),
        ("5", "05"),
        ("05", "5"),
        ("5", "x"),
    ];
    let lengths = lengths
        .into_iter()
        .map(|(one, other)| format!("content-length: {one}\r\nContent-Length: {other}\r\n"));
    let codings = CODINGS
        .iter()
        .map(|coding| format!("transfer-encoding: {coding}\r\nTransfer-Encoding: chunked\r\n"));
    lengths.chain(codings)
}

fn misnamed() -> impl Iterator<Item = String> {
    NAMES.iter().flat_map(|name| {
        let named = |field, value| format!("{} {value}\r\n", name.replace("{}", field));
        [named("Content-Length", "0"), named("Transfer-Encoding", "chunked")]
    })
}

/// What the sender may take for the body: in chunks where there is a word of it, else five octets.
fn body(fields: &str) -> &'static str {
    let lower = fields.to_lowercase();
    match () {
        () if lower.lines().any(|line| line == "transfer-encoding: chunked") => "0\r\n\r\n",
        () if lower.starts_with("content-length: 5\r\n") && !lower.contains("encoding") => "five.",
        () => "",
    }
}
