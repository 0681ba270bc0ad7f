//! Octets in places where they do not belong: before, in and behind every token of a request.

use crate::case::Draft;
use crate::case::Place;

/// Controls, spaces, delimiters, and what is beyond ASCII.
fn octets() -> impl Iterator<Item = u8> {
    let marks = b"\"#%(),/:;<=>?@[\\]^`{|}!_~";
    (0..=0x20).chain([0x7f, 0x80, 0xa0, 0xc3, 0xff]).chain(marks.iter().copied())
}

/// Requests with one place (`\u{1}`) each.
const PLACES: &[(&str, &str, Place)] = &[
    (
        "before the method",
        "\x01GET /v2/x?c=@canary@ HTTP/1.1\r\nhost: gateway\r\n",
        Place::Elsewhere,
    ),
    ("in the method", "PO\x01ST /v2/x?c=@canary@ HTTP/1.1\r\nhost: gateway\r\n", Place::Elsewhere),
    (
        "behind the method",
        "GET\x01 /v2/x?c=@canary@ HTTP/1.1\r\nhost: gateway\r\n",
        Place::Elsewhere,
    ),
    (
        "before the target",
        "GET \x01/v2/x?c=@canary@ HTTP/1.1\r\nhost: gateway\r\n",
        Place::Elsewhere,
    ),
    ("in the path", "GET /v2/x\x01y?c=@canary@ HTTP/1.1\r\nhost: gateway\r\n", Place::Elsewhere),
    ("in the query", "GET /v2/x?c=@canary@\x01d HTTP/1.1\r\nhost: gateway\r\n", Place::Elsewhere),
    (
        "behind the target",
        "GET /v2/x?c=@canary@\x01 HTTP/1.1\r\nhost: gateway\r\n",
        Place::Elsewhere,
    ),
    (
        "before the version",
        "GET /v2/x?c=@canary@ \x01HTTP/1.1\r\nhost: gateway\r\n",
        Place::Elsewhere,
    ),
    ("in the version", "GET /v2/x?c=@canary@ HTTP/1\x01.1\r\nhost: gateway\r\n", Place::Elsewhere),
    (
        "behind the version",
        "GET /v2/x?c=@canary@ HTTP/1.1\x01\r\nhost: gateway\r\n",
        Place::Elsewhere,
    ),
    (
        "in the end of a line",
        "GET /v2/x?c=@canary@ HTTP/1.1\r\x01\nhost: gateway\r\n",
        Place::Elsewhere,
    ),
    (
        "before the first name",
        "GET /v2/x?c=@canary@ HTTP/1.1\r\n\x01host: gateway\r\n",
        Place::Elsewhere,
    ),
    (
        "in a name",
        "GET /v2/x?c=@canary@ HTTP/1.1\r\nhost: gateway\r\nx-o\x01dd: a\r\n",
        Place::Elsewhere,
    ),
    (
        "behind a name",
        "GET /v2/x?c=@canary@ HTTP/1.1\r\nhost: gateway\r\nx-odd\x01: a\r\n",
        Place::Elsewhere,
    ),
    (
        "instead of a name",
        "GET /v2/x?c=@canary@ HTTP/1.1\r\nhost: gateway\r\n\x01: a\r\n",
        Place::Elsewhere,
    ),
    (
        "before a value",
        "GET /v2/x?c=@canary@ HTTP/1.1\r\nhost: gateway\r\nx-odd:\x01a\r\n",
        Place::Elsewhere,
    ),
    (
        "in a value",
        "GET /v2/x?c=@canary@ HTTP/1.1\r\nhost: gateway\r\nx-odd: a\x01b\r\n",
        Place::Elsewhere,
    ),
    (
        "behind a value",
        "GET /v2/x?c=@canary@ HTTP/1.1\r\nhost: gateway\r\nx-odd: a\x01\r\n",
        Place::Elsewhere,
    ),
    ("before the host", "GET /v2/x?c=@canary@ HTTP/1.1\r\nhost:\x01gateway\r\n", Place::Elsewhere),
    ("in the host", "GET /v2/x?c=@canary@ HTTP/1.1\r\nhost: gate\x01way\r\n", Place::Elsewhere),
    ("behind the host", "GET /v2/x?c=@canary@ HTTP/1.1\r\nhost: gateway\x01\r\n", Place::Elsewhere),
    (
        "in the credential",
        "GET /v2/support-tickets/t1?c=@canary@ HTTP/1.1\r\nhost: gateway\r\nauthorization: Bearer a\x01b\r\n",
        Place::Ticket,
    ),
    (
        "in the query of a ticket",
        "GET /v2/support-tickets/t1?c=@canary@\x01d HTTP/1.1\r\nhost: gateway\r\nauthorization: Bearer a\r\n",
        Place::Ticket,
    ),
];

pub fn drafts() -> Vec<Draft> {
    let mut drafts = Vec::new();
    for (name, template, place) in PLACES {
        let template = format!("{template}x-request-id: @canary@\r\n\r\n");
        let at = template.find('\x01').unwrap();
        for octet in octets() {
            let mut octets = template.clone().into_bytes();
            octets[at] = octet;
            let name = format!("{} {name}", [octet].escape_ascii());
            drafts.push(Draft::new(name, octets, *place));
        }
    }
    drafts
}
