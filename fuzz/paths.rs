//! Paths: what `api::route` makes of one, and what readers that decode and normalise could.

use crate::resources::RESOURCES;
use crate::resources::is_id;
use crate::resources::named;
use crate::runner::Target;
use verifik_gateway::api::route::Route;
use verifik_gateway::api::route::route;
use verifik_gateway::api::route::ticket_at;
use verifik_gateway::fields::path::holds_refused_octet;
use verifik_gateway::fields::path::is_plain;
use verifik_gateway::fields::path::readings;
use verifik_gateway::fields::path::tidied;

pub const TARGET: Target = Target { name: "paths", words: WORDS, check };

const WORDS: &[&str] = &[
    "/v2",
    "/support-tickets",
    "/projects/",
    "/flow",
    "/x",
    "/..",
    "/.",
    "//",
    "%2e",
    "%2E%2e",
    "%2f",
    "%5c",
    "\\",
    ";",
    ";a=b",
    "%3b",
    "%25",
    "%2525",
    "%32%66",
    "%00",
    "%0d%0a",
    "bulk",
    "threads",
    "insert",
    "%73",
    "%C3%A9",
    "/v2/support-tickets/",
    "/../",
    "/..;/",
    "%252e",
    "%25%32%65",
];

fn check(input: &[u8]) -> String {
    let Ok(path) = str::from_utf8(input) else { return "not text".to_owned() };
    if !path.starts_with('/') {
        return "no path".to_owned(); // Refused before, as `heads` sees.
    }
    let read = route(&*RESOURCES, path);
    match read {
        Route::Resource { index, id } => {
            assert!(is_id(id, index == 0), "{id}");
            let segments: Vec<&str> = path.split('/').skip(1).collect();
            assert_eq!(named(&segments), Some(id));
            assert!(is_plain(path) && !holds_refused_octet(path));
            assert_eq!(tidied(path), path, "the most forgiving reader reads it as written");
            assert!(readings(path).all(|reading| reading == path));
            assert!(index == 1 || ticket_at(&*RESOURCES, path) == Some(id));
        }
        Route::Elsewhere => hides_nothing(path),
        Route::Ambiguous(_) => assert!(!is_plain(path)),
    }
    assert_eq!(tidied(&tidied(path)), tidied(path), "tidied once is tidied");
    let kinds =
        [is_plain(path), holds_refused_octet(path), path.contains('%'), path.contains("..")];
    format!("{:?} {kinds:?} {}", std::mem::discriminant(&read), path.split('/').count().min(9))
}

/// No reader, however it combines what readers do, finds a resource in another path.
fn hides_nothing(path: &str) {
    assert!(!path.bytes().any(|octet| octet.is_ascii_control()));
    let mut decoded = path.as_bytes().to_vec();
    for _ in 0..=DEPTH {
        for ways in 0..8 {
            let seen = String::from_utf8_lossy(&decoded).into_owned();
            let seen = seen_by(&seen, ways & 1 > 0, ways & 2 > 0, ways & 4 > 0);
            let segments: Vec<&str> = seen.split('/').skip(1).collect();
            let id = named(&segments);
            assert!(seen == path || id.is_none(), "read as {seen:?} it names {id:?}");
        }
        let next = decoded_once(&decoded);
        if next == decoded {
            return;
        }
        decoded = next;
    }
}

/// As many decodings as a chain of readers does.
const DEPTH: usize = 3;

/// A path as a reader sees it that takes `\` for `/`, drops parameters or removes dot segments.
fn seen_by(path: &str, backslash: bool, parameters: bool, dots: bool) -> String {
    let path = if backslash { path.replace('\\', "/") } else { path.to_owned() };
    let mut kept = Vec::new();
    for segment in path.strip_prefix('/').unwrap_or(&path).split('/') {
        let segment = if parameters { segment.split(';').next().unwrap() } else { segment };
        match segment {
            "." if dots => {}
            ".." if dots => drop(kept.pop()),
            segment => kept.push(segment),
        }
    }
    format!("/{}", kept.join("/"))
}

fn decoded_once(path: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::new();
    let mut place = 0;
    while place < path.len() {
        let digits = path.get(place + 1..place + 3).and_then(|digits| str::from_utf8(digits).ok());
        let digits = digits.filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        let digits = digits.filter(|_| path[place] == b'%');
        decoded.push(digits.map_or(path[place], |two| u8::from_str_radix(two, 16).unwrap()));
        place += if digits.is_some() { 3 } else { 1 };
    }
    decoded
}
