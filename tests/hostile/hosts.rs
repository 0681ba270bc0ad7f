//! Hosts, and fields that must be said once.

use crate::case::CANARY_FIELD;
use crate::case::Draft;
use crate::case::Place;

const HOSTS: &[&str] = &[
    "gateway",
    "GATEWAY",
    "gateway.",
    "gateway:",
    "gateway:80",
    "gateway:0",
    "gateway:65535",
    "gateway:65536",
    "gateway:99999",
    "gateway:00080",
    "gateway:+80",
    "gateway:-80",
    "gateway: 80",
    "gateway :80",
    "gateway:80:80",
    "gateway:http",
    "gateway:８０",
    "gateway:80/",
    "gateway/",
    "gateway/v2",
    "gateway?a",
    "gateway#a",
    "gateway\\a",
    "ann@gateway",
    "ann:x@gateway",
    "@gateway",
    "gateway@",
    "gateway,elsewhere",
    "gateway, elsewhere",
    "gateway,",
    ",gateway",
    "gateway elsewhere",
    "gateway\telsewhere",
    "gate_way",
    "gate~way",
    "gate!way",
    "gate$way",
    "gate&way",
    "gate'way",
    "gate(way)",
    "gate*way",
    "gate+way",
    "gate;way",
    "gate=way",
    "gate%2eway",
    "gateway%00",
    "gate%zzway",
    "%67ateway",
    "gate\"way",
    "gate<way>",
    "gate^way",
    "gate`way",
    "gate{way}",
    "gate|way",
    "gate[way]",
    "caf\u{e9}",
    "\u{ff47}ateway",
    "gate\0way",
    "gate\x01way",
    "gate\x0bway",
    "gate\x7fway",
    "gate\rway",
    "",
    "-",
    ".",
    "..",
    ":",
    ":80",
    "127.0.0.1",
    "127.0.0.1:80",
    "127.1",
    "999.999.999.999",
    "0x7f000001",
    "[::1]",
    "[::1]:80",
    "[::1]:",
    "[::1",
    "::1]",
    "::1",
    "[::1]80",
    "[::1]:x",
    "[::1]:80:80",
    "[::1]]",
    "[[::1]]",
    "[]",
    "[]:80",
    "[:]",
    "[gateway]",
    "[127.0.0.1]",
    "[::ffff:127.0.0.1]",
    "[fe80::1%25eth0]",
    "[fe80::1%eth0]",
    "[v1.a]",
    "[1:2:3:4:5:6:7:8:9]",
    "[2001:DB8::1]",
    "http://gateway",
    "//gateway",
    "*",
    "gateway\u{a0}",
    "xn--caf-dma",
];

/// Lines around a good `Host`, or in its place.
const AROUND: &[&str] = &[
    "",
    "host: gateway\r\nhost: gateway\r\n",
    "host: gateway\r\nHost: elsewhere\r\n",
    "HOST: elsewhere\r\nhost: gateway\r\n",
    "host: gateway\r\nhost:\r\n",
    "host:\r\nhost: gateway\r\n",
    "host : gateway\r\n",
    " host: gateway\r\n",
    "host: gateway\r\n host: elsewhere\r\n",
    "host:\r\n gateway\r\n",
    "host: gate\r\n\tway\r\n",
    "h\u{f6}st: gateway\r\n",
    "x-host: gateway\r\n",
    "host_: gateway\r\n",
    "host-: gateway\r\n",
    "host: gateway\r\nx-host: elsewhere\r\n",
    "host: gateway\r\nhost_: elsewhere\r\n",
    "host: gateway\r\nx-forwarded-host: elsewhere\r\nforwarded: host=elsewhere\r\n",
    "host: gateway\r\nconnection: host\r\n",
    "host: gateway\r\nconnection: HOST , x\r\n",
    "host: gateway\r\nconnection: x, authorization\r\n",
    "host: gateway\r\nconnection: x\r\nconnection: Content-Length\r\n",
    "host: gateway\r\nconnection: transfer-encoding\r\n",
    "host: gateway\r\nconnection: Cache-Control\r\n",
    "host: gateway\r\nconnection: x-anything, close\r\n",
    "host: gateway\r\nconnection: keep-alive, x-odd\r\nx-odd: a\r\n",
    "host: gateway\r\nconnection: upgrade\r\nupgrade: h2c\r\n",
    "host: gateway\r\nconnection: upgrade\r\nupgrade: websocket\r\n",
    "host: gateway\r\nconnection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQ\r\n",
    "host: gateway\r\nauthorization: Bearer a\r\nauthorization: Bearer b\r\n",
    "host: gateway\r\nauthorization: Bearer a\r\nAuthorization: Bearer a\r\n",
    "host: gateway\r\nauthorization:\r\nauthorization: Bearer a\r\n",
    "host: gateway\r\nauthorization: Bearer a,Bearer b\r\n",
    "host: gateway\r\nauthorization: Bearer\r\n a\r\n",
    "host: gateway\r\nproxy-authorization: Bearer b\r\n",
    "host: gateway\r\ncookie: token=b\r\n",
    "host: gateway\r\nx-http-method-override: DELETE\r\n",
    "host: gateway\r\nx-original-url: /v2/support-tickets/t2\r\nx-rewrite-url: /v2/support-tickets/t2\r\n",
    "host: gateway\r\nkeep-alive: timeout=1\r\nproxy-connection: keep-alive\r\n",
    "host: gateway\r\nte: trailers\r\n",
    "host: gateway\r\ntrailer: authorization\r\n",
    "host: gateway\r\ntransfer_encoding: chunked\r\n",
    "host: gateway\r\ncontent_length: 5\r\n",
    "host: gateway\r\nexpect: 200-ok\r\n",
    "host: gateway\r\n\r",
    "host: gateway\r\nconnection: keep-alive\r\nhost: gateway\r\n",
    "host: gateway\r\nconnection: keep-alive\r\nexpect: 100-continue\r\n",
    "host: gateway\r\nconnection: keep-alive\r\nauthorization: a\r\nauthorization: a\r\n",
];

const LINES: &[(&str, Place)] = &[
    ("GET /v2/support-tickets/t1?c=@canary@", Place::Ticket),
    ("HEAD /v2/support-tickets/t1?c=@canary@", Place::Ticket),
    ("POST /v2/x?c=@canary@", Place::Elsewhere),
    ("GET /_gateway/live?c=@canary@", Place::Live),
];

pub fn drafts() -> Vec<Draft> {
    let mut drafts = Vec::new();
    for (line, place) in LINES {
        for version in ["HTTP/1.1", "HTTP/1.0"] {
            let alone = HOSTS.iter().map(|host| format!("Host: {host}\r\n"));
            for fields in alone.chain(AROUND.iter().map(|fields| (*fields).to_owned())) {
                let template = format!("{line} {version}\r\n{fields}{CANARY_FIELD}\r\n");
                drafts.push(Draft::new(format!("host {fields:?}"), template, *place));
            }
        }
    }
    drafts.extend(absolute());
    drafts.extend(versions());
    drafts.extend(many());
    drafts
}

/// The same host in a URL.
fn absolute() -> impl Iterator<Item = Draft> {
    // What would end the authority makes another URL; that is for the targets.
    let hosts = HOSTS.iter().filter(|host| !host.contains(['/', '?', '#', '\\', '\r', '\0', ' ']));
    hosts.map(|host| {
        let template = format!(
            "GET http://{host}/v2/x?c=@canary@ HTTP/1.1\r\nhost: {host}\r\n{CANARY_FIELD}\r\n"
        );
        Draft::new(format!("URL of {host:?}"), template, Place::Elsewhere)
    })
}

fn versions() -> impl Iterator<Item = Draft> {
    let versions = [
        "HTTP/0.9",
        "HTTP/1.2",
        "HTTP/1.9",
        "HTTP/2.0",
        "HTTP/2",
        "HTTP/3.0",
        "HTTP/1",
        "HTTP/1.",
        "HTTP/1.01",
        "HTTP/1.10",
        "HTTP/01.1",
        "HTTP/1,1",
        "http/1.1",
        "Http/1.1",
        "HTTP /1.1",
        "HTTP/ 1.1",
        "HTTP/1.1 x",
        "HTTPS/1.1",
        "HTTP1.1",
        "ICY/1.1",
        "",
        "HTTP/-1.1",
        "HTTP/1.1.1",
        "HTTP/11",
        "HTTP/１.1",
    ];
    let versions = versions.into_iter().map(|version| {
        let template =
            format!("GET /v2/x?c=@canary@ {version}\r\nhost: gateway\r\n{CANARY_FIELD}\r\n");
        Draft::new(format!("version {version:?}"), template, Place::Elsewhere)
    });
    let simple =
        ["GET /v2/x?c=@canary@\r\n\r\n", "GET\r\n\r\n", "\x16\x03\x01\x02\0\x01\0\x01\r\n\r\n"];
    let preface = ["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "PRI * HTTP/1.1\r\nhost: gateway\r\n\r\n"];
    let odd =
        simple.into_iter().chain(preface).map(|raw| Draft::new("no HTTP/1", raw, Place::Elsewhere));
    versions.chain(odd)
}

/// As many fields, and as long ones, as are taken, and one more.
fn many() -> impl Iterator<Item = Draft> {
    let counts = [97, 98, 99, 100, 200, 1_000].map(|count| "x-odd: a\r\n".repeat(count));
    let lengths = [1_000, 30_000].map(|length| format!("x-odd: {}\r\n", "a".repeat(length)));
    counts.into_iter().chain(lengths).map(|fields| {
        let template =
            format!("GET /v2/x?c=@canary@ HTTP/1.1\r\nhost: gateway\r\n{fields}{CANARY_FIELD}\r\n");
        Draft::new(format!("{} octets of fields", fields.len()), template, Place::Elsewhere)
    })
}
