//! `Range`, `Retry-After`, `RateLimit`, `Date` and `Age`: an input is the lines of one field.

use crate::directives::fields;
use crate::runner::Target;
use http::HeaderMap;
use http::HeaderValue;
use http::header::DATE;
use std::time::Duration;
use verifik_gateway::base::time::WallTime;
use verifik_gateway::fields::date;
use verifik_gateway::fields::date::Dated;
use verifik_gateway::fields::quota::quota;
use verifik_gateway::fields::range;
use verifik_gateway::fields::range::Selected;
use verifik_gateway::fields::range::Spec;
use verifik_gateway::fields::retry_after;
use verifik_gateway::fields::retry_after::retry_after;

pub const TARGET: Target = Target { name: "numbers", words: WORDS, check };

const WORDS: &[&str] = &[
    "bytes=",
    "-",
    "0-0",
    ",",
    "0",
    "1",
    "18446744073709551615",
    "18446744073709551616",
    "\n",
    "=",
    ";",
    "\"default\";r=5;t=9",
    "limit=9, remaining=0, reset=1",
    "r=0",
    ";t=1",
    "1800000000",
    "1800000000000",
    "Fri, 15 Jan 2027 08:00:00 GMT",
    "Friday, 15-Jan-27 08:00:00 GMT",
    "Fri Jan 15 08:00:00 2027",
    " GMT",
    "Mon, 01 Jan 0001",
    "9999",
    "23:59:60",
    "\"",
    "\\",
    "+",
    ".5",
    "e9",
];

const LARGEST: u64 = 1 << 31;
const LENGTHS: [u64; 4] = [0, 1, 1_300, u64::MAX];

fn check(input: &[u8]) -> String {
    let Some(range) = fields("range", input) else { return "no value".to_owned() };
    let received = WallTime::from_secs(1_800_000_000);
    let part = part(&range, input);
    let pause = pause(&fields("retry-after", input).unwrap(), input, received);
    let quota = quota_left(&fields("ratelimit", input).unwrap(), received);
    let date = moment(&fields("date", input).unwrap());
    let age = date::age(&fields("age", input).unwrap());
    assert!(age.is_none_or(|age| age.as_secs() <= LARGEST));
    format!("{part} {:?} {quota:?} {date} {:?}", pause.map(u64::leading_zeros), age.is_some())
}

fn part(asked: &HeaderMap, input: &[u8]) -> &'static str {
    let Some(spec) = range::requested(asked) else { return "none" };
    assert!(!input.contains(&b'\n') && !input.contains(&b','), "one range only");
    let text = String::from_utf8_lossy(input).to_ascii_lowercase();
    assert!(text.trim_ascii_start().starts_with("bytes="));
    let written = match spec {
        Spec::From { first, last: u64::MAX } => format!("bytes={first}-"),
        Spec::From { first, last } => format!("bytes={first}-{last}"),
        Spec::Suffix(octets) => format!("bytes=-{octets}"),
    };
    assert_eq!(
        range::requested(&fields("range", written.as_bytes()).unwrap()),
        Some(spec),
        "{written}"
    );
    for length in LENGTHS {
        if let Selected::Part(span) = spec.within(length) {
            assert!(span.first() <= span.last() && span.last() < length);
            let told = span.content_range(length);
            assert_eq!(told, format!("bytes {}-{}/{length}", span.first(), span.last()));
        }
    }
    if matches!(spec, Spec::Suffix(_)) { "suffix" } else { "from" }
}

fn pause(told: &HeaderMap, input: &[u8], received: WallTime) -> Option<u64> {
    let pause = retry_after(told, received);
    let text = String::from_utf8_lossy(input);
    let digits = text.trim_ascii();
    if !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit()) {
        let seconds = digits.parse().unwrap_or(u64::MAX).min(LARGEST);
        assert_eq!(pause, Some(Duration::from_secs(seconds)));
    }
    let pause = pause?;
    let said = retry_after::to_value(pause);
    let mut again = HeaderMap::new();
    again.insert("retry-after", said);
    assert!(retry_after(&again, received) >= Some(pause.min(Duration::from_secs(LARGEST))));
    Some(pause.as_secs())
}

/// One line more never leaves more requests, and what binds resets later.
fn quota_left(told: &HeaderMap, received: WallTime) -> Option<u64> {
    let found = quota(told, received);
    assert!(found.is_none_or(|found| !found.resets_in.is_zero()));
    let mut more = told.clone();
    more.append("ratelimit", HeaderValue::from_static("\"x\";r=3;t=7"));
    let after = quota(&more, received).expect("a quota");
    assert!(after.remaining <= 3.min(found.map_or(3, |found| found.remaining)));
    found.map(|found| found.remaining.min(4))
}

/// A date that was read is written as the same date.
fn moment(told: &HeaderMap) -> &'static str {
    match Dated::read(told, &DATE) {
        Dated::Absent => unreachable!("there is a line"),
        Dated::Invalid => "invalid",
        Dated::At(moment) => {
            let written = HeaderMap::from_iter([(DATE, date::to_value(moment).unwrap())]);
            assert_eq!(Dated::read(&written, &DATE), Dated::At(moment));
            "date"
        }
    }
}
