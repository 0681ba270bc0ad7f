//! The grammar of chunks: sizes, extensions, ends and trailers.

use crate::case::Draft;
use crate::case::Place;
use crate::corpus::OTHER;
use crate::corpus::READ;
use crate::corpus::head;

/// A first chunk's line and data, and what ends it.
const FIRST: &[&str] = &[
    "5\r\nhello\r\n",
    "05\r\nhello\r\n",
    "0000000005\r\nhello\r\n",
    "00000000000000000000000000000000000000005\r\nhello\r\n",
    "a\r\nhellohello\r\n",
    "A\r\nhellohello\r\n",
    "5;\r\nhello\r\n",
    "5;a\r\nhello\r\n",
    "5;a=b\r\nhello\r\n",
    "5;a=\"b\"\r\nhello\r\n",
    "5;a=\"b\r\nhello\r\n",
    "5;a=\"b;c\"\r\nhello\r\n",
    "5 ;a=b\r\nhello\r\n",
    "5; a = b\r\nhello\r\n",
    "5;;\r\nhello\r\n",
    "5;=b\r\nhello\r\n",
    "5;a=\r\nhello\r\n",
    "5;a\0b\r\nhello\r\n",
    "5;a\x01b\r\nhello\r\n",
    "5;a\tb\r\nhello\r\n",
    "5;\u{e9}\r\nhello\r\n",
    "5;a=b;c=d;e\r\nhello\r\n",
    "5 \r\nhello\r\n",
    "5\t\r\nhello\r\n",
    "5 \t \r\nhello\r\n",
    " 5\r\nhello\r\n",
    "\t5\r\nhello\r\n",
    "+5\r\nhello\r\n",
    "-5\r\nhello\r\n",
    "0x5\r\nhello\r\n",
    "5h\r\nhello\r\n",
    "5_\r\nhello\r\n",
    "5.0\r\nhello\r\n",
    "5,5\r\nhello\r\n",
    "5 5\r\nhello\r\n",
    "\r\nhello\r\n",
    ";a=b\r\nhello\r\n",
    "g\r\nhello\r\n",
    "five\r\nhello\r\n",
    "\u{665}\r\nhello\r\n",
    "\"5\"\r\nhello\r\n",
    "\u{0}5\r\nhello\r\n",
    "5\0\r\nhello\r\n",
    "5\nhello\r\n",
    "5\rhello\r\n",
    "5\r\r\nhello\r\n",
    "5\r\nhello\n",
    "5\r\nhello\r",
    "5\r\nhello",
    "5\r\nhello\r\r\n",
    "5\r\nhello\n\r\n",
    "5\r\nhelloX\r\n",
    "4\r\nhello\r\n",
    "6\r\nhello\r\n\r\n",
    "5;a\nb\r\nhello\r\n",
    "5;a\rb\r\nhello\r\n",
    "5;a\n\r\nhello\r\n",
    "FFFFFFFFFFFFFFFF1\r\nhello\r\n",
    "10000000000000005\r\nhello\r\n",
    "fffffffffffffffff\r\nhello\r\n",
    "100000000000000000000005\r\nhello\r\n",
    "5\r\nhello\r\n5\r\nworld\r\n",
    "1\r\na\r\n1\r\nb\r\n2\r\ncd\r\n",
    "5\r\nGET /\r\n",
    "2\r\n\r\n\r\n",
];

/// A last chunk, and its trailers.
const LAST: &[&str] = &[
    "0\r\n\r\n",
    "00\r\n\r\n",
    "0000000000000000\r\n\r\n",
    "0;a=b\r\n\r\n",
    "0;\r\n\r\n",
    "0 \r\n\r\n",
    "-0\r\n\r\n",
    "0x0\r\n\r\n",
    "0\n\r\n",
    "0\r\n\n",
    "0\n\n",
    "0\r\r\n\r\n",
    "0\r\nx: y\r\n\r\n",
    "0\r\nauthorization: Bearer other\r\n\r\n",
    "0\r\ncontent-length: 50\r\n\r\n",
    "0\r\ntransfer-encoding: chunked\r\n\r\n",
    "0\r\nhost: elsewhere\r\n\r\n",
    "0\r\nx-request-id: other\r\n\r\n",
    "0\r\nx y: z\r\n\r\n",
    "0\r\n: z\r\n\r\n",
    "0\r\nx\r\n\r\n",
    "0\r\nx: y\n\r\n",
    "0\r\nx: a\0b\r\n\r\n",
    "0\r\nx: a\r\n b\r\n\r\n",
    "0\r\nx : y\r\n\r\n",
    "0\r\nx: y\r\nx: y\r\n\r\n",
];

pub fn drafts() -> Vec<Draft> {
    let mut drafts = Vec::new();
    let firsts = FIRST.iter().map(|first| format!("{first}0\r\n\r\n"));
    let lasts = LAST.iter().flat_map(|last| [(*last).to_owned(), format!("5\r\nhello\r\n{last}")]);
    for body in firsts.chain(lasts) {
        let coding = "transfer-encoding: chunked\r\n";
        let credential = "authorization: Bearer hostile\r\n";
        for (line, place, fields) in [
            (OTHER, Place::Elsewhere, coding.to_owned()),
            (READ, Place::Ticket, format!("{credential}{coding}")),
        ] {
            let template = head(&format!("{line} HTTP/1.1\r\n"), &fields) + &body;
            drafts.push(Draft::new(format!("chunks {body:?}"), template, place));
        }
    }
    drafts
}
