//! `Range`, `If-Range` and `Content-Range`, RFC 9110 §14: one part of a complete response.
//!
//! Any server may ignore `Range` (§14.2). Ignored here is whatever is not exactly one well-formed
//! range of octets: several at once would need a multipart body, and with it every amplification
//! of §17.15, for requests hardly anyone makes.

use crate::base::time::WallTime;
use crate::fields::date::Dated;
use crate::fields::validators::Tagged;
use crate::fields::validators::entity_tag;
use crate::fields::validators::last_modified;
use http::HeaderMap;
use http::header::DATE;
use http::header::IF_RANGE;
use http::header::RANGE;
use std::time::Duration;

/// The part asked for, §14.1.2, before the length of the whole is known.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Spec {
    /// From the octet at `first` to the one at `last`, or as far as there are octets.
    From {
        /// The first octet, counted from zero.
        first: u64,
        /// The last, not before `first`; the largest number when none is named.
        last: u64,
    },
    /// So many octets at the end.
    Suffix(u64),
}

/// Which part of a complete response a [`Spec`] selects.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Selected {
    /// These octets.
    Part(Span),
    /// The end of an empty response: satisfiable (§14.1.2), but no `Content-Range` can say “no
    /// octets”, so the whole response is the answer.
    Nothing,
    /// Not one of the octets asked for exists: 416.
    Unsatisfiable,
}

/// Octets of a complete response, both ends included. Made by [`Spec::within`], which keeps
/// `first <= last < length`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Span {
    first: u64,
    last: u64,
}

/// The range a request asks for. `None` is to be answered as if there were no `Range`.
pub fn requested(asked: &HeaderMap) -> Option<Spec> {
    let mut lines = asked.get_all(RANGE).iter();
    let (Some(line), None) = (lines.next(), lines.next()) else { return None };
    let (unit, range) = line.to_str().ok()?.split_once('=')?;
    // §14.1: names of range units are case-insensitive.
    if !unit.trim_ascii_start().eq_ignore_ascii_case("bytes") {
        return None;
    }
    let (first, last) = range.trim_ascii_end().split_once('-')?;
    if first.is_empty() {
        return number(last).map(Spec::Suffix);
    }
    let first = number(first)?;
    let last = if last.is_empty() { u64::MAX } else { number(last)? };
    // §14.1.1: the other way round it is invalid.
    (first <= last).then_some(Spec::From { first, last })
}

/// One that is too large reads as the largest: no response has an octet there, so it means the
/// same. (Two that are too large may stand the wrong way round; 416 is as true of these.)
fn number(digits: &str) -> Option<u64> {
    let valid = !digits.is_empty() && digits.bytes().all(|octet| octet.is_ascii_digit());
    valid.then(|| digits.parse().unwrap_or(u64::MAX))
}

impl Spec {
    /// What it selects of a response of `length` octets, §14.1.2.
    pub fn within(self, length: u64) -> Selected {
        let (first, last) = match self {
            Self::Suffix(0) => return Selected::Unsatisfiable,
            Self::Suffix(_) if length == 0 => return Selected::Nothing,
            Self::Suffix(octets) => (length.saturating_sub(octets), u64::MAX),
            Self::From { first, last } => (first, last),
        };
        if first >= length {
            return Selected::Unsatisfiable;
        }
        Selected::Part(Span { first, last: last.min(length.saturating_sub(1)) })
    }
}

impl Span {
    /// The first octet, counted from zero.
    pub const fn first(self) -> u64 {
        self.first
    }

    /// The last octet, which belongs to the part.
    pub const fn last(self) -> u64 {
        self.last
    }

    /// The value of `Content-Range` on the 206, §14.4; `length` is that of the whole response.
    pub fn content_range(self, length: u64) -> String {
        let Self { first, last } = self;
        format!("bytes {first}-{last}/{length}")
    }
}

/// The value of `Content-Range` on the 416, §14.4; `length` is that of the whole response.
pub fn unsatisfied(length: u64) -> String {
    format!("bytes */{length}")
}

/// Whether `If-Range`, §13.1.5, lets `Range` count: the client's part and ours are of the same
/// representation, octet by octet.
pub fn if_range_holds(asked: &HeaderMap, stored: &HeaderMap) -> bool {
    match (Tagged::read(asked, &IF_RANGE), Dated::read(asked, &IF_RANGE)) {
        (Tagged::Absent, _) => true,
        (Tagged::By(asked), _) => entity_tag(stored).is_some_and(|tag| tag.strongly_matches(asked)),
        (_, Dated::At(date)) => last_modified(stored) == Some(date) && is_strong(date, stored),
        _ => false,
    }
}

/// §8.8.2.2: a date of change is a strong validator if the response was made at least a second
/// later, for then no second change can hide behind the same date.
fn is_strong(modified: WallTime, stored: &HeaderMap) -> bool {
    let made = Dated::read(stored, &DATE);
    matches!(made, Dated::At(made) if made.since(modified) >= Duration::from_secs(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderName;
    use http::HeaderValue;
    use proptest::prelude::*;

    fn fields(lines: &[(HeaderName, &str)]) -> HeaderMap {
        let mut fields = HeaderMap::new();
        for (name, value) in lines {
            fields.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        fields
    }

    fn range(value: &str) -> Option<Spec> {
        requested(&fields(&[(RANGE, value)]))
    }

    #[test]
    fn exactly_one_range_of_octets_is_heard() {
        let from = |first, last| Some(Spec::From { first, last });
        let rows = [
            ("bytes=0-0", from(0, 0)),
            ("bytes=0-4", from(0, 4)),
            ("BYTES=007-9", from(7, 9)),
            (" bytes=5- ", from(5, u64::MAX)),
            ("bytes=-5", Some(Spec::Suffix(5))),
            ("bytes=-0", Some(Spec::Suffix(0))),
            ("bytes=-99999999999999999999", Some(Spec::Suffix(u64::MAX))),
            ("bytes=0-18446744073709551615", from(0, u64::MAX)),
            ("bytes=1-18446744073709551616", from(1, u64::MAX)),
            ("bytes=18446744073709551616-", from(u64::MAX, u64::MAX)),
            ("bytes=18446744073709551616-5", None),
            ("bytes=5-2", None),
            ("bytes=0-1,3-4", None),
            ("bytes=0-1,", None),
            ("bytes=,0-1", None),
            ("bytes=", None),
            ("bytes=-", None),
            ("bytes=--5", None),
            ("bytes=5", None),
            ("bytes=0-1-2", None),
            ("bytes= 0-1", None),
            ("bytes =0-1", None),
            ("bytes=0 - 1", None),
            ("bytes=+0-1", None),
            ("bytes=0x0-0x1", None),
            ("bytes=a-b", None),
            ("bytes 0-1", None),
            ("octets=0-1", None),
            ("=0-1", None),
            ("0-1", None),
            ("", None),
        ];
        for (value, expected) in rows {
            assert_eq!(range(value), expected, "{value:?}");
        }
        assert_eq!(requested(&HeaderMap::new()), None);
        assert_eq!(requested(&fields(&[(RANGE, "bytes=0-1"), (RANGE, "bytes=0-1")])), None);
    }

    #[test]
    fn a_range_selects_what_is_there() {
        use Selected::Nothing;
        use Selected::Unsatisfiable;
        let part = |first, last| Selected::Part(Span { first, last });
        let rows = [
            ("bytes=0-0", 10, part(0, 0)),
            ("bytes=2-4", 10, part(2, 4)),
            ("bytes=2-", 10, part(2, 9)),
            ("bytes=2-99", 10, part(2, 9)),
            ("bytes=-3", 10, part(7, 9)),
            ("bytes=-10", 10, part(0, 9)),
            ("bytes=-11", 10, part(0, 9)),
            ("bytes=-99999999999999999999", 10, part(0, 9)),
            ("bytes=10-", 10, Unsatisfiable),
            ("bytes=10-20", 10, Unsatisfiable),
            ("bytes=18446744073709551616-", 10, Unsatisfiable),
            ("bytes=18446744073709551615-", u64::MAX, Unsatisfiable),
            ("bytes=-0", 10, Unsatisfiable),
            ("bytes=-0", 0, Unsatisfiable),
            ("bytes=0-", 0, Unsatisfiable),
            ("bytes=0-0", 0, Unsatisfiable),
            ("bytes=-1", 0, Nothing),
        ];
        for (value, length, expected) in rows {
            assert_eq!(range(value).unwrap().within(length), expected, "{value} of {length}");
        }
    }

    #[test]
    fn if_range_demands_the_same_octets() {
        const NOON: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
        const OLD_STYLE: &str = "Sunday, 06-Nov-94 08:49:37 GMT";
        const LATE: &str = "Sun, 06 Nov 1994 08:49:38 GMT";
        // the values of `If-Range`, the stored `ETag`, `Last-Modified` and `Date`
        let rows: &[(&[&str], [&str; 3], bool)] = &[
            (&[], ["\"a\"", NOON, LATE], true),
            (&["\"a\""], ["\"a\"", NOON, LATE], true),
            (&["\"b\""], ["\"a\"", NOON, LATE], false),
            (&["W/\"a\""], ["\"a\"", NOON, LATE], false),
            (&["\"a\""], ["W/\"a\"", NOON, LATE], false),
            (&["W/\"a\""], ["W/\"a\"", NOON, LATE], false),
            (&["\"a\""], ["a", NOON, LATE], false),
            (&["\"a\", \"b\""], ["\"a\"", NOON, LATE], false),
            (&["\"a\"", "\"a\""], ["\"a\"", NOON, LATE], false),
            (&["*"], ["\"a\"", NOON, LATE], false),
            (&["a"], ["a", NOON, LATE], false),
            (&[""], ["\"a\"", NOON, LATE], false),
            (&[NOON], ["\"a\"", NOON, LATE], true),
            (&[OLD_STYLE], ["\"a\"", NOON, LATE], true),
            (&[NOON], ["\"a\"", NOON, NOON], false),
            (&[LATE], ["\"a\"", LATE, NOON], false),
            (&[LATE], ["\"a\"", NOON, LATE], false),
            (&[NOON], ["\"a\"", LATE, LATE], false),
            (&[NOON], ["\"a\"", NOON, "0"], false),
            (&[NOON], ["\"a\"", "0", LATE], false),
            (&[NOON, NOON], ["\"a\"", NOON, LATE], false),
        ];
        for (values, stored, expected) in rows {
            let asked: Vec<_> = values.iter().map(|value| (IF_RANGE, *value)).collect();
            let names = [http::header::ETAG, http::header::LAST_MODIFIED, DATE];
            let lines: Vec<_> = names.into_iter().zip(*stored).collect();
            let found = if_range_holds(&fields(&asked), &fields(&lines));
            assert_eq!(found, *expected, "{values:?} {stored:?}");
        }
        assert!(!if_range_holds(&fields(&[(IF_RANGE, "\"a\"")]), &HeaderMap::new()));
        assert!(!if_range_holds(&fields(&[(IF_RANGE, NOON)]), &HeaderMap::new()));
    }

    proptest! {
        #[test]
        fn what_is_read_is_what_is_written(one: u64, other: u64, length: u64) {
            let (first, last) = (one.min(other), one.max(other));
            prop_assert_eq!(range(&format!("bytes={first}-{last}")), Some(Spec::From { first, last }));
            prop_assert_eq!(range(&format!("bytes=-{one}")), Some(Spec::Suffix(one)));
            let written = Span { first, last }.content_range(length);
            prop_assert_eq!(written, format!("bytes {first}-{last}/{length}"));
        }

        #[test]
        fn a_part_lies_within_the_whole(
            value in "bytes=([0-9]{0,3}|[0-9]{19,21})-([0-9]{0,3}|[0-9]{19,21})",
            length in prop_oneof![0_u64..2_000, any::<u64>()],
        ) {
            if let Some(Selected::Part(Span { first, last })) = range(&value).map(|spec| spec.within(length)) {
                prop_assert!(first <= last && last < length, "{value} of {length}");
            }
        }

        #[test]
        fn only_a_range_is_a_range(value in "(bytes=)?[0-9a,= -]{0,8}|[^\\x00-\\x1F\\x7F]{0,20}") {
            let heard = range(&value).is_some();
            let digits = |text: &str| text.bytes().all(|octet| octet.is_ascii_digit());
            let halves = value.trim().strip_prefix("bytes=").and_then(|rest| rest.split_once('-'));
            let well_formed = halves.is_some_and(|(first, last)| {
                digits(first) && digits(last) && first.len() + last.len() > 0
            });
            prop_assert!(!heard || well_formed, "{value:?}");
        }
    }
}
