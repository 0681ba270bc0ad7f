//! What an upstream says of a limit on requests and how much of it is left:
//!
//! - `RateLimit`, draft-ietf-httpapi-ratelimit-headers-10: `"default";r=50;t=30`;
//! - the same field as draft 7 had it: `limit=100, remaining=50, reset=30`;
//! - `RateLimit-Remaining` and `RateLimit-Reset` of the drafts before, and their model,
//!   `X-RateLimit-Remaining` and `X-RateLimit-Reset`, which nobody ever wrote down.
//!
//! A structured field with a fault counts for nothing (RFC 9651 section 4.2); a departure: here
//! only the quota with the fault does, for the others can still keep us from being refused.

use crate::base::time::WallTime;
use crate::fields::retry_after::made_at;
use crate::fields::token::Quoted;
use http::HeaderMap;
use http::HeaderName;
use http::HeaderValue;
use std::cmp::Reverse;
use std::time::Duration;

/// How many requests may still be made, and until when that counts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Quota {
    /// Requests left.
    pub remaining: u64,
    /// How long after the response came the quota is renewed; never zero.
    pub resets_in: Duration,
}

/// The tightest quota the response speaks of: the one with the fewest requests left, and of equal
/// ones the one that resets last. What does not say when it resets, or has reset already, binds
/// nobody. A number too large reads as the largest. Allocates nothing.
pub fn quota(fields: &HeaderMap, received: WallTime) -> Option<Quota> {
    // Nearly every answer: one pass over the names is cheaper than five look-ups, which hash.
    if !fields.keys().any(is_of_a_quota) {
        return None;
    }
    let made = made_at(fields, received);
    let lines = || fields.get_all(RATE_LIMIT).iter().map(HeaderValue::as_bytes);
    let items = lines().flat_map(|line| split(line, b','));
    let items = items.filter_map(|item| written(item, b';', "r", "t"));
    let whole = lines().filter_map(|line| written(line, b',', "remaining", "reset"));
    let together = items.chain(whole).map(|(remaining, reset)| (remaining, until(reset, made)));
    let apart = APART.into_iter().filter_map(|(remaining, reset)| {
        let latest = numbers(fields, &reset).map(|reset| until(reset, made)).max()?;
        Some((numbers(fields, &remaining).min()?, latest))
    });
    let quotas = together.chain(apart).map(|(remaining, resets_in)| Quota { remaining, resets_in });
    let binding = quotas.filter(|quota| !quota.resets_in.is_zero());
    binding.min_by_key(|quota| (quota.remaining, Reverse(quota.resets_in)))
}

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// What is left, and when that resets, each in a field of its own.
const APART: [(HeaderName, HeaderName); 2] = [
    (HeaderName::from_static("ratelimit-remaining"), HeaderName::from_static("ratelimit-reset")),
    (
        HeaderName::from_static("x-ratelimit-remaining"),
        HeaderName::from_static("x-ratelimit-reset"),
    ),
];

fn is_of_a_quota(name: &HeaderName) -> bool {
    *name == RATE_LIMIT || APART.iter().any(|(remaining, reset)| name == remaining || name == reset)
}

/// The two numbers with these names in a text of `name=number` parts, and of other parts.
fn written(text: &[u8], separator: u8, remaining: &str, reset: &str) -> Option<(u64, u64)> {
    let (mut left, mut resets) = (None, None);
    for part in split(text, separator).map(<[u8]>::trim_ascii) {
        let value = |name: &str| part.strip_prefix(name.as_bytes())?.strip_prefix(b"=");
        // RFC 9651 sections 4.2.2 and 4.2.3.2: the last of several counts.
        left = value(remaining).or(left);
        resets = value(reset).or(resets);
    }
    Some((number(left?)?, number(resets?)?))
}

/// The parts of a text, where what is quoted separates nothing.
fn split(text: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let mut quoted = Quoted::default();
    text.split(move |&octet| quoted.reads_outside(octet) && octet == separator)
}

/// Every number in the lines of a field that should hold one.
fn numbers<'a>(fields: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = u64> + 'a {
    let lines = fields.get_all(name).iter().map(HeaderValue::as_bytes);
    lines
        .flat_map(|line| line.split(|&octet| octet == b','))
        .map(<[u8]>::trim_ascii)
        .filter_map(number)
}

fn number(digits: &[u8]) -> Option<u64> {
    let digits = str::from_utf8(digits).ok()?;
    let valid = !digits.is_empty() && digits.bytes().all(|octet| octet.is_ascii_digit());
    valid.then(|| digits.parse().unwrap_or(u64::MAX))
}

/// How long after `made` a reset is: seconds from then in the drafts, but elsewhere also a moment
/// in seconds or milliseconds since 1970. The size of the number tells which: no window is thirty
/// years long, and in seconds the smallest number of milliseconds would be in the year 33658.
fn until(reset: u64, made: WallTime) -> Duration {
    match reset {
        ..LEAST_SECONDS => Duration::from_secs(reset),
        LEAST_SECONDS..LEAST_MILLIS => WallTime::from_secs(reset).since(made),
        LEAST_MILLIS.. => WallTime::from_millis(reset).since(made),
    }
}

/// September 2001, in seconds since 1970.
const LEAST_SECONDS: u64 = 1_000_000_000;
/// The same moment, in milliseconds.
const LEAST_MILLIS: u64 = 1_000_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Fri, 15 Jan 2027 08:00:00 GMT.
    const NOW: WallTime = WallTime::from_secs(1_800_000_000);

    fn fields<T: AsRef<[u8]>>(lines: &[(&str, T)]) -> HeaderMap {
        let mut fields = HeaderMap::new();
        for (name, line) in lines {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            fields.append(name, HeaderValue::from_bytes(line.as_ref()).unwrap());
        }
        fields
    }

    /// What is left, and the milliseconds until it resets.
    fn read<T: AsRef<[u8]>>(lines: &[(&str, T)]) -> Option<(u64, u128)> {
        let quota = quota(&fields(lines), NOW)?;
        Some((quota.remaining, quota.resets_in.as_millis()))
    }

    #[test]
    fn reads_the_field_of_the_drafts() {
        let rows: &[(&[&str], Option<(u64, u128)>)] = &[
            (&[r#""default";r=50;t=30"#], Some((50, 30_000))),
            (&[r#""default"; t=30; pk=:cHM=:; r=0"#], Some((0, 30_000))),
            (&[r#""a;r=0,\";t=9";r=50;t=30"#], Some((50, 30_000))),
            (&["default;r=050;t=030"], Some((50, 30_000))),
            (&[r#""d";r=7;r=50;t=3;t=30"#], Some((50, 30_000))),
            (&["limit=100, remaining=50, reset=30"], Some((50, 30_000))),
            (&["reset=30,\tremaining=50"], Some((50, 30_000))),
            // The tightest of several.
            (&[r#""hour";r=5;t=600, "minute";r=2;t=30"#], Some((2, 30_000))),
            (&[r#""hour";r=5;t=600"#, r#""minute";r=5;t=30"#], Some((5, 600_000))),
            (&[r#""hour";r=5;t=600"#, "limit=9, remaining=4, reset=1"], Some((4, 1_000))),
            // One with a fault leaves the others alone; one that has reset binds nobody.
            (&[r#""d";r=-1;t=30, , "e";r=50;t=30"#], Some((50, 30_000))),
            (&[r#""d";r=0;t=0, "e";r=50;t=30"#], Some((50, 30_000))),
            (&[r#""e";r=50;t=30, "open;r=1;t=1"#], Some((50, 30_000))),
            // Huge.
            (&[r#""d";r=99999999999999999999;t=999999999"#], Some((u64::MAX, 999_999_999_000))),
            // Nothing to be understood.
            (&[], None),
            (&[""], None),
            (&[r#""default""#], None),
            (&[r#""default";r=50"#], None),
            (&[r#""default";t=30"#], None),
            (&[r#""default";r;t"#], None),
            (&[r#""default";r=;t="#], None),
            (&[r#""default";r=1.5;t=30"#], None),
            (&[r#""default";r=50;t=-30"#], None),
            (&[r#""default";r=+50;t=30"#], None),
            (&[r#""default";r="50";t=30"#], None),
            (&[r#""default";r =50;t=30"#], None),
            (&[r#""default";R=50;T=30"#], None),
            (&[r#""default";r=50;t=30;t=x"#], None),
            (&["remaining=50"], None),
            (&["remaining=50", "reset=30"], None),
            (&["remaining=50; reset=30"], None),
            (&["\u{e9};r=\u{e9};t=30"], None),
        ];
        for (lines, expected) in rows {
            let lines: Vec<_> = lines.iter().map(|line| ("RateLimit", *line)).collect();
            assert_eq!(read(&lines), *expected, "{lines:?}");
        }
    }

    #[test]
    fn reads_the_fields_that_stand_apart() {
        // Remaining, reset, what they say.
        let rows: &[(&[&str], &[&str], Option<(u64, u128)>)] = &[
            (&["50"], &["30"], Some((50, 30_000))),
            (&[" 0 "], &[" 030\t"], Some((0, 30_000))),
            (&["50"], &["999999999"], Some((50, 999_999_999_000))),
            (&["50"], &["1800000030"], Some((50, 30_000))),
            (&["50"], &["1800000030500"], Some((50, 30_500))),
            // The fewest left, the latest reset, and faults left out.
            (&["50", "x", "40"], &["30", "1800000060", ""], Some((40, 60_000))),
            (&["50, 40,,"], &["30, 60"], Some((40, 60_000))),
            // Over already.
            (&["0"], &["0"], None),
            (&["0"], &["1800000000"], None),
            (&["0"], &["1799999999"], None),
            (&["0"], &["1000000000"], None),
            (&["0"], &["1000000000000"], None),
            // Nothing to be understood.
            (&[], &["30"], None),
            (&["50"], &[], None),
            (&["-1"], &["30"], None),
            (&["+1"], &["30"], None),
            (&["1.5"], &["30"], None),
            (&["\"50\""], &["30"], None),
            (&["50"], &["30s"], None),
            (&["50"], &["30.5"], None),
            (&["50"], &["-30"], None),
            (&["50"], &["Fri, 15 Jan 2027 08:00:30 GMT"], None),
            (&["\u{e9}"], &["30"], None),
        ];
        for (remaining, reset, expected) in rows {
            for prefix in ["RateLimit", "X-RateLimit", "x-ratelimit"] {
                let (first, second) = (format!("{prefix}-Remaining"), format!("{prefix}-Reset"));
                let remaining = remaining.iter().map(|line| (first.as_str(), *line));
                let reset = reset.iter().map(|line| (second.as_str(), *line));
                let lines: Vec<_> = remaining.chain(reset).collect();
                assert_eq!(read(&lines), *expected, "{lines:?}");
            }
        }
    }

    #[test]
    fn of_several_families_the_tightest_counts() {
        let field = ("ratelimit", r#""d";r=50;t=30"#);
        let rows: &[(&[(&str, &str)], (u64, u128))] = &[
            (&[field, ("ratelimit-remaining", "40"), ("ratelimit-reset", "20")], (40, 20_000)),
            (&[field, ("x-ratelimit-remaining", "50"), ("x-ratelimit-reset", "60")], (50, 60_000)),
            (&[field, ("x-ratelimit-remaining", "60"), ("x-ratelimit-reset", "9")], (50, 30_000)),
            // A family is read alone.
            (&[field, ("x-ratelimit-remaining", "0"), ("ratelimit-reset", "9")], (50, 30_000)),
            (&[field, ("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "0")], (50, 30_000)),
        ];
        for (lines, expected) in rows {
            assert_eq!(read(lines), Some(*expected), "{lines:?}");
        }
    }

    #[test]
    fn a_moment_counts_from_the_one_the_response_was_made_at() {
        let rows = [
            ("Fri, 15 Jan 2027 08:00:10 GMT", Some((5, 20_000))),
            ("Fri, 15 Jan 2027 08:00:30 GMT", None),
            ("now", Some((5, 30_000))),
        ];
        for (date, expected) in rows {
            let (left, reset) =
                (("x-ratelimit-remaining", "5"), ("x-ratelimit-reset", "1800000030"));
            assert_eq!(read(&[("date", date), left, reset]), expected, "{date}");
        }
    }

    proptest! {
        #[test]
        fn the_tightest_of_any_list_is_found(
            quotas in prop::collection::vec((0..9_u64, 1..1_000_u64), 1..9),
            name in "[ -!#-Z]{0,9}",
        ) {
            let item = |(r, t): &(u64, u64)| format!("\"{name}\";r={r};t={t}");
            let line = quotas.iter().map(item).collect::<Vec<_>>().join(", ");
            let fewest = quotas.iter().map(|(left, _)| *left).min().unwrap();
            let latest = quotas.iter().filter(|(left, _)| *left == fewest).map(|(_, t)| *t).max();
            let expected = (fewest, u128::from(latest.unwrap()) * 1_000);
            prop_assert_eq!(read(&[("ratelimit", &line)]), Some(expected), "{}", line);
        }

        #[test]
        fn no_line_breaks_it(
            lines in prop::collection::vec(
                (
                    prop::sample::select(vec!["ratelimit", "x-ratelimit-remaining", "x-ratelimit-reset"]),
                    "([ -~\u{e9}]|r=|t=|remaining=|reset=|[0-9]{1,25}|[,;\"\\\\]){0,20}",
                ),
                0..6,
            ),
        ) {
            prop_assert!(quota(&fields(&lines), NOW).is_none_or(|quota| !quota.resets_in.is_zero()));
        }
    }
}
