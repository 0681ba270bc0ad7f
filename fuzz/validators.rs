//! Entity tags and the conditions made of them, and `Content-Type`: an input is the lines of one
//! field.

use crate::directives::fields;
use crate::runner::Target;
use http::HeaderMap;
use http::HeaderValue;
use verifik_gateway::fields::conditions::is_not_modified;
use verifik_gateway::fields::media_type::is_json;
use verifik_gateway::fields::range::if_range_holds;
use verifik_gateway::fields::token::is_token;
use verifik_gateway::fields::validation::agrees;
use verifik_gateway::fields::validation::conditions;
use verifik_gateway::fields::validators::EntityTag;
use verifik_gateway::fields::validators::entity_tag;

pub const TARGET: Target = Target { name: "validators", words: WORDS, check };

const WORDS: &[&str] = &[
    "\"a,b\"",
    "\"c\"",
    "W/",
    "w/",
    "\"",
    "\"\"",
    ", ",
    ",",
    "*",
    "\n",
    "\\",
    "Fri, 15 Jan 2027 07:00:00 GMT",
    "application/json",
    "; ",
    ";",
    "charset=utf-8",
    "charset=\"UTF-8\"",
    "charset=latin1",
    "application/",
    "text/html",
    "+json",
    "=",
    "a=\"b;c\"",
];

/// What is stored: a tag with a comma in it, and a date.
const TAG: &str = "\"a,b\"";
const CHANGED: &str = "Fri, 15 Jan 2027 07:00:00 GMT";

fn check(input: &[u8]) -> String {
    let Some(asked) = fields("if-none-match", input) else { return "no value".to_owned() };
    let text = String::from_utf8_lossy(input).into_owned();
    let mut stored = HeaderMap::new();
    stored.insert("last-modified", HeaderValue::from_static(CHANGED));
    assert!(!is_not_modified(&asked, &stored) || text.trim() == "*", "nothing to be named");
    stored.insert("etag", HeaderValue::from_static(TAG));
    let unchanged = is_not_modified(&asked, &stored);
    assert!(!unchanged || text.contains(TAG) || text.trim() == "*");
    let only = text.strip_prefix("W/").unwrap_or(&text) == TAG;
    assert!(unchanged || !only, "named alone it is named");
    let ranged = if_range_holds(&fields("if-range", input).unwrap(), &stored);
    assert!(!ranged || text.trim() == TAG, "only the same octets are the same");
    let json = json(&fields("content-type", input).unwrap(), &text);
    format!("{unchanged} {ranged} {json} {}", tag(&fields("etag", input).unwrap(), &stored))
}

/// What the input is as a tag of an answer.
fn tag(told: &HeaderMap, stored: &HeaderMap) -> &'static str {
    let agrees = agrees(stored, false, told);
    let Some(tag) = entity_tag(told) else { return "none" };
    let line = told.get("etag").unwrap().as_bytes();
    assert_eq!(EntityTag::parse(line), Some(tag));
    assert!(tag.weakly_matches(tag) && tag.strongly_matches(tag) != tag.is_weak());
    let own = EntityTag::parse(TAG.as_bytes()).unwrap();
    assert_eq!(tag.strongly_matches(own), line.trim_ascii() == TAG.as_bytes());
    assert!(!agrees || tag.weakly_matches(own));
    let asks = conditions(told, false);
    assert!(asks.iter().any(|(_, value)| value.as_bytes() == line), "asked with as it came");
    if tag.is_weak() { "weak" } else { "strong" }
}

/// Where nothing is quoted the grammar is so plain that it can be written down again.
fn json(told: &HeaderMap, text: &str) -> bool {
    let read = is_json(told);
    let lower = text.to_ascii_lowercase();
    assert!(
        !read || lower.trim_ascii_start().starts_with("application/json") && !text.contains('\n')
    );
    if text.contains(['"', '\n']) || !text.is_ascii() {
        return read;
    }
    let mut parts = lower.split(';').map(str::trim_ascii);
    let essence = parts.next().unwrap() == "application/json";
    let parameters = parts.filter(|part| !part.is_empty()).all(|part| {
        let Some((name, value)) = part.split_once('=') else { return false };
        is_token(name.as_bytes())
            && is_token(value.as_bytes())
            && (name != "charset" || value == "utf-8")
    });
    assert_eq!(read, essence && parameters);
    read
}
