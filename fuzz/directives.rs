//! `Cache-Control`, `Pragma`, `Prefer` and `Priority`: an input is the lines of one field.

use crate::runner::Target;
use http::HeaderMap;
use http::HeaderName;
use http::HeaderValue;
use std::time::Duration;
use verifik_gateway::fields::cache_control::Named;
use verifik_gateway::fields::cache_control::RequestDirectives;
use verifik_gateway::fields::cache_control::ResponseDirectives;
use verifik_gateway::fields::prefer;
use verifik_gateway::fields::priority::urgency;

pub const TARGET: Target = Target { name: "directives", words: WORDS, check };

const WORDS: &[&str] = &[
    "no-store",
    "no-cache",
    "max-age=",
    "s-maxage=0",
    "private",
    "public",
    "must-revalidate",
    ", ",
    ",",
    "\"",
    "\\\"",
    "=",
    "\n",
    "set-cookie",
    "=\"set-cookie, vary\"",
    "max-stale",
    "min-fresh=5",
    "60",
    "only-if-cached",
    "stale-if-error=60",
    "must-understand",
    "99999999999999999999",
    "wait=10",
    "u=1",
    "u=",
    ";",
    "respond-async",
    "i",
    "proxy-revalidate",
    "stale-while-revalidate=\"1\"",
];

/// Larger numbers of seconds read as this: RFC 9111 section 1.2.2.
const LARGEST: Duration = Duration::from_secs(1 << 31);

fn check(input: &[u8]) -> String {
    let Some(asked) = fields("cache-control", input) else { return "no value".to_owned() };
    let (request, response) = (RequestDirectives::read(&asked), ResponseDirectives::read(&asked));
    says_what_is_written(input, &request, &response);
    another_line_restricts(&asked, &request, &response);
    if !input.contains(&b'"') {
        lines_are_one_value(&asked, &request, &response);
    }
    let wait = prefer::wait(&fields("prefer", input).unwrap());
    assert!(wait.is_none_or(|wait| wait <= LARGEST));
    let urgency = urgency(&fields("priority", input).unwrap());
    assert!(urgency <= 7);
    let flags = [
        request.no_store,
        request.no_cache,
        request.only_if_cached,
        response.public,
        response.must_revalidate,
        response.proxy_revalidate,
        response.must_understand,
    ];
    let ages = [request.max_age, request.max_stale, request.min_fresh, response.s_maxage, wait];
    let ages = ages.map(|age| age.map(|age| age.as_secs().min(2)));
    format!(
        "{flags:?} {ages:?} {urgency} {}",
        extent(&response.private).max(extent(&response.no_cache))
    )
}

fn extent(told: &Named) -> usize {
    match told {
        Named::Absent => 0,
        Named::Whole => 1,
        Named::Fields(names) => {
            assert!(!names.is_empty());
            1 + names.len().min(3)
        }
    }
}

/// `no-store` standing alone is never missed, and no directive is made up.
fn says_what_is_written(input: &[u8], request: &RequestDirectives, response: &ResponseDirectives) {
    let text = String::from_utf8_lossy(input).to_ascii_lowercase();
    let says = |word: &str| text.contains(word);
    assert_eq!(request.no_store, response.no_store);
    assert!(!response.no_store || says("no-store"));
    assert!(!request.only_if_cached || says("only-if-cached"));
    assert!(!response.public || says("public"));
    assert!(!response.must_understand || says("must-understand"));
    assert!(response.max_age.is_none() || says("max-age"));
    assert!(response.stale_if_error.is_none() || says("stale-if-error"));
    assert_eq!(request.max_age, response.max_age);
    let quoted = text.contains('"');
    let alone = text.split([',', '\n']).any(|member| member.trim() == "no-store");
    assert!(quoted || !alone || response.no_store);
    assert!(response.max_age.is_none_or(|age| age <= LARGEST));
}

/// However the lines before end, one more can forbid, and cannot allow.
fn another_line_restricts(
    asked: &HeaderMap,
    request: &RequestDirectives,
    response: &ResponseDirectives,
) {
    let mut more = asked.clone();
    let line = "no-store, no-cache, private, must-revalidate, max-age=5, s-maxage=5, max-stale=5";
    more.append("cache-control", HeaderValue::from_static(line));
    let after = ResponseDirectives::read(&more);
    assert!(after.no_store && after.must_revalidate);
    assert!(after.no_cache == Named::Whole && after.private == Named::Whole);
    let least = Duration::from_secs(5);
    let five = Some(least);
    assert!(after.max_age.is_some() && after.max_age <= five.min(response.max_age.or(five)));
    assert!(after.s_maxage.is_some() && after.s_maxage <= five.min(response.s_maxage.or(five)));
    assert_eq!((after.public, after.must_understand), (response.public, response.must_understand));
    let after = RequestDirectives::read(&more);
    assert!(after.no_store && after.no_cache && after.max_stale.is_some_and(|most| most <= least));
    assert_eq!(
        (after.min_fresh, after.only_if_cached),
        (request.min_fresh, request.only_if_cached)
    );
}

/// RFC 9110 section 5.3: several lines mean what one does that joins them.
fn lines_are_one_value(
    asked: &HeaderMap,
    request: &RequestDirectives,
    response: &ResponseDirectives,
) {
    let lines: Vec<&[u8]> =
        asked.get_all("cache-control").iter().map(HeaderValue::as_bytes).collect();
    let joined = fields("cache-control", &lines.join(&b", "[..])).unwrap();
    assert_eq!(RequestDirectives::read(&joined), *request);
    assert_eq!(ResponseDirectives::read(&joined), *response);
}

/// The lines of the input as lines of a field, unless one could not be.
pub fn fields(name: &'static str, input: &[u8]) -> Option<HeaderMap> {
    let mut fields = HeaderMap::new();
    for line in input.split(|octet| *octet == b'\n') {
        // As hyper hands them on: without white space around.
        let value = HeaderValue::from_bytes(line.trim_ascii()).ok()?;
        fields.append(HeaderName::from_static(name), value);
    }
    Some(fields)
}
