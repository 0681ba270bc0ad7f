//! `Vary`, `Connection` and what `Vary` selects by, and the framing of answers: an input is the
//! lines of one field.

use crate::directives::fields;
use crate::runner::Target;
use http::HeaderMap;
use http::HeaderName;
use http::HeaderValue;
use http::StatusCode;
use http::header::ACCEPT;
use http::header::ACCEPT_LANGUAGE;
use http::header::COOKIE;
use verifik_gateway::fields::framing::Framing;
use verifik_gateway::fields::hop_by_hop;
use verifik_gateway::fields::vary::Vary;
use verifik_gateway::fields::vary::normalised;

pub const TARGET: Target = Target { name: "lists", words: WORDS, check };

const WORDS: &[&str] = &[
    "accept",
    "Accept-Encoding",
    ", ",
    ",",
    "*",
    "\n",
    "cookie",
    "close",
    "keep-alive",
    "authorization",
    "host",
    "transfer-encoding",
    "x-odd",
    "upgrade",
    "http2-settings",
    "content-length",
    "chunked",
    "gzip",
    "0",
    "\"",
    ";q=0.5",
    "en-GB",
    "\t",
    "te",
    "trailer",
];

/// Removed always, and never to be removed at a client's word: RFC 9110 section 7.6.1, design §3.7.
const CONNECTIONS_OWN: [&str; 5] =
    ["connection", "keep-alive", "te", "transfer-encoding", "upgrade"];
const NEVER: [&str; 5] =
    ["host", "content-length", "transfer-encoding", "authorization", "cache-control"];

fn check(input: &[u8]) -> String {
    let Some(told) = fields("vary", input) else { return "no value".to_owned() };
    let text = String::from_utf8_lossy(input).to_ascii_lowercase();
    let members: Vec<&str> = text.split([',', '\n']).map(str::trim_ascii).collect();
    let vary = varies(&told, &members);
    for name in [ACCEPT, ACCEPT_LANGUAGE, COOKIE] {
        selects_by_meaning(&name, input);
    }
    let framings = framings(input);
    format!("{vary} {} {framings:?}", connection(input, &members))
}

fn varies(told: &HeaderMap, members: &[&str]) -> String {
    match Vary::read(told) {
        Vary::Nothing => assert!(members.iter().all(|member| member.is_empty())),
        Vary::Everything => assert!(members.iter().any(|member| !member.is_empty())),
        Vary::Fields(names) => {
            assert!(!members.contains(&"*"));
            for member in members.iter().filter(|member| !member.is_empty()) {
                assert!(names.iter().any(|name| name == member), "{member} is lost");
            }
            let written: Vec<&str> = names.iter().map(HeaderName::as_str).collect();
            assert!(written.is_sorted_by(|one, other| one < other), "sorted, once each");
            let again = fields("vary", written.join(", ").as_bytes()).unwrap();
            assert_eq!(Vary::read(&again), Vary::Fields(names.clone()));
            return names.len().min(4).to_string();
        }
    }
    members.len().min(2).to_string()
}

/// What was made comparable stays as it is; what grammar gives no meaning to makes no difference.
fn selects_by_meaning(name: &HeaderName, input: &[u8]) {
    let mut asked = HeaderMap::new();
    for line in fields("vary", input).unwrap().get_all("vary") {
        asked.append(name, line.clone());
    }
    let once = normalised(name, &asked).expect("there is a line");
    let again = HeaderMap::from_iter([(name.clone(), HeaderValue::from_bytes(&once).unwrap())]);
    assert_eq!(normalised(name, &again), Some(once));
}

fn connection(input: &[u8], members: &[&str]) -> String {
    let mut asked = fields("connection", input).unwrap();
    for name in NEVER.iter().chain(&["x-odd", "te", "keep-alive", "upgrade", "cookie"]) {
        asked.insert(*name, HeaderValue::from_static("1"));
    }
    let faith = hop_by_hop::dropped_in_bad_faith(&asked);
    assert_eq!(faith.is_some(), members.iter().any(|member| NEVER.contains(member)));
    let mut stripped = asked.clone();
    hop_by_hop::strip(&mut stripped);
    let gone = |name: &str| !stripped.contains_key(name);
    assert!(CONNECTIONS_OWN.iter().all(|name| gone(name)));
    let names = members.iter().filter(|member| HeaderName::try_from(**member).is_ok());
    assert!(names.clone().all(|name| gone(name)), "named and kept");
    hop_by_hop::drop_named(&mut asked);
    assert!(NEVER.iter().all(|name| asked.contains_key(*name)));
    format!("{:?} {}", faith.map(|name| name.as_str().len()), stripped.len())
}

/// RFC 9112 section 6.3, once more.
fn framings(input: &[u8]) -> [Framing; 3] {
    let (coded, sized) =
        (fields("transfer-encoding", input).unwrap(), fields("content-length", input).unwrap());
    let mut both = coded.clone();
    both.insert("content-length", HeaderValue::from_static("5"));
    assert_eq!(Framing::read(StatusCode::OK, &both), Framing::Ambiguous);
    let [coded, sized] = [coded, sized].map(|fields| Framing::read(StatusCode::OK, &fields));
    // White space around a line is gone when it is read, and a second line is one too many.
    let line = String::from_utf8_lossy(input.trim_ascii()).to_ascii_lowercase();
    let one = !input.contains(&b'\n');
    let announced =
        |plain: bool| if one && plain { Framing::Announced } else { Framing::Ambiguous };
    assert_eq!(coded, announced(line == "chunked"));
    let digits = !line.is_empty() && line.bytes().all(|octet| octet.is_ascii_digit());
    assert_eq!(sized, announced(line == "0" || digits && !line.starts_with('0')));
    [coded, sized, Framing::read(StatusCode::NOT_MODIFIED, &both)]
}
