//! Validation of a stored response with the upstream: what is asked with, and whether the answer
//! speaks of that response. RFC 9111 §4.3.
//!
//! Doubt never says “the same”: a malformed validator identifies nothing.

use crate::fields::date::Dated;
use crate::fields::validators::Tagged;
use crate::fields::validators::entity_tag;
use crate::fields::validators::last_modified;
use http::HeaderMap;
use http::HeaderName;
use http::HeaderValue;
use http::header::CONTENT_LENGTH;
use http::header::ETAG;
use http::header::IF_MODIFIED_SINCE;
use http::header::IF_NONE_MATCH;
use http::header::LAST_MODIFIED;

/// The fields that ask the upstream whether the stored response still holds, RFC 9111 §4.3.1, with
/// the validators as they were received; none if it cannot be validated. `own_tag` says that the
/// `ETag` is the gateway's own: the upstream does not know it.
pub fn conditions(stored: &HeaderMap, own_tag: bool) -> Vec<(HeaderName, HeaderValue)> {
    let known = |valid: bool, name| stored.get(name).filter(|_| valid).cloned();
    let tag = known(!own_tag && entity_tag(stored).is_some(), ETAG);
    let date = known(last_modified(stored).is_some(), LAST_MODIFIED);
    let tag = tag.map(|tag| (IF_NONE_MATCH, tag));
    tag.into_iter().chain(date.map(|date| (IF_MODIFIED_SINCE, date))).collect()
}

/// Whether a 304, whose fields are `told`, speaks of the stored response that it was asked about:
/// RFC 9111 §4.3.4. If not, that response may not be freshened with it.
///
/// One departure: §4.3.4 lets a 304 without validators select only a response without validators,
/// for a cache may have asked about several. We ask about one, so a 304 that does not contradict
/// it means that one, as servers that leave out the validators intend.
pub fn agrees(stored: &HeaderMap, own_tag: bool, told: &HeaderMap) -> bool {
    let known = entity_tag(stored).filter(|_| !own_tag);
    match Tagged::read(told, &ETAG) {
        Tagged::By(tag) if tag.is_weak() => known.is_some_and(|known| known.weakly_matches(tag)),
        Tagged::By(tag) => known.is_some_and(|known| known.strongly_matches(tag)),
        Tagged::Invalid => false,
        Tagged::Absent => match Dated::read(told, &LAST_MODIFIED) {
            Dated::Absent => true,
            Dated::Invalid => false,
            date @ Dated::At(_) => {
                [Dated::Absent, date].contains(&Dated::read(stored, &LAST_MODIFIED))
            }
        },
    }
}

/// Whether the 200 to a HEAD, whose fields are `told`, describes the stored response to a GET, a
/// body of `length` octets: RFC 9111 §4.3.5. If not, the stored response is no longer fresh.
///
/// Stricter than the RFC, a validator that only one of the two has is a difference.
pub fn head_agrees(stored: &HeaderMap, own_tag: bool, length: u64, told: &HeaderMap) -> bool {
    let known = if own_tag { Tagged::Absent } else { Tagged::read(stored, &ETAG) };
    let same_tag = match (known, Tagged::read(told, &ETAG)) {
        (Tagged::Absent, Tagged::Absent) => true,
        // Of two strong tags this demands what the strong comparison would.
        (Tagged::By(known), Tagged::By(tag)) => known.weakly_matches(tag),
        _ => false,
    };
    let date = Dated::read(told, &LAST_MODIFIED);
    let same_date = date != Dated::Invalid && date == Dated::read(stored, &LAST_MODIFIED);
    let length = length.to_string();
    let mut lengths = told.get_all(CONTENT_LENGTH).iter();
    same_tag && same_date && lengths.all(|told| told.as_bytes() == length.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOON: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const NOON_OF_OLD: &str = "Sunday, 06-Nov-94 08:49:37 GMT";
    const LATE: &str = "Sun, 06 Nov 1994 08:49:38 GMT";

    /// Fields as `name: value` lines, where `N`, `O` and `L` stand for the dates above.
    fn fields(lines: &[&str]) -> HeaderMap {
        let mut fields = HeaderMap::new();
        for line in lines {
            let (name, value) = line.split_once(": ").unwrap();
            let value = match value {
                "N" => NOON,
                "O" => NOON_OF_OLD,
                "L" => LATE,
                other => other,
            };
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            fields.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        fields
    }

    #[test]
    fn the_upstream_is_asked_with_the_validators_it_gave() {
        let rows: &[(&[&str], bool, &[&str])] = &[
            (&[], false, &[]),
            (&["etag: W/\"a\""], false, &["if-none-match: W/\"a\""]),
            (&["etag: \"a\""], true, &[]),
            (&["etag: a"], false, &[]),
            (&["last-modified: O"], true, &["if-modified-since: O"]),
            (&["last-modified: 0", "date: N"], false, &[]),
            (
                &["etag: \"a\"", "last-modified: N"],
                false,
                &["if-none-match: \"a\"", "if-modified-since: N"],
            ),
            (&["etag: \"a\"", "last-modified: N"], true, &["if-modified-since: N"]),
        ];
        for (stored, own_tag, expected) in rows {
            let asked = HeaderMap::from_iter(conditions(&fields(stored), *own_tag));
            assert_eq!(asked, fields(expected), "{stored:?}, own tag: {own_tag}");
        }
    }

    #[test]
    fn a_304_selects_the_stored_response_unless_it_contradicts_it() {
        // what is stored, whether its tag is our own, what the 304 says, whether it is selected
        let rows: &[(&[&str], bool, &[&str], bool)] = &[
            (&["etag: \"a\""], false, &["etag: \"a\""], true),
            (&["etag: \"a\""], false, &["etag: \"b\""], false),
            (&["etag: W/\"a\""], false, &["etag: \"a\""], false),
            (&["etag: \"a\""], false, &["etag: W/\"a\""], true),
            (&["etag: W/\"a\""], false, &["etag: W/\"b\""], false),
            (
                &["etag: \"a\"", "last-modified: N"],
                false,
                &["etag: \"a\"", "last-modified: L"],
                true,
            ),
            (&["last-modified: N"], false, &["etag: \"a\"", "last-modified: N"], false),
            (&["etag: \"a\""], true, &["etag: \"a\""], false),
            (&["etag: \"a\""], false, &["etag: a"], false),
            (&["etag: \"a\""], false, &["etag: \"a\"", "etag: \"a\""], false),
            (&["last-modified: N"], false, &["last-modified: O"], true),
            (&["last-modified: N"], false, &["last-modified: L"], false),
            (&["last-modified: N"], false, &["last-modified: 0"], false),
            (&["last-modified: 0"], false, &["last-modified: N"], false),
            (&["last-modified: 0"], false, &["last-modified: 0"], false),
            (&["etag: \"a\""], false, &["last-modified: N"], true),
            (&["etag: \"a\"", "last-modified: N"], false, &[], true),
            (&[], false, &["date: N"], true),
        ];
        for (stored, own_tag, told, expected) in rows {
            let found = agrees(&fields(stored), *own_tag, &fields(told));
            assert_eq!(found, *expected, "{stored:?}, own tag: {own_tag}, {told:?}");
        }
    }

    #[test]
    fn a_head_agrees_with_a_stored_get_in_validators_and_length() {
        // what is stored with five octets, whether its tag is our own, what the HEAD says
        let rows: &[(&[&str], bool, &[&str], bool)] = &[
            (&[], false, &[], true),
            (&[], false, &["content-length: 5"], true),
            (&[], false, &["content-length: 6"], false),
            (&[], false, &["content-length: 5", "content-length: 6"], false),
            (&[], false, &["content-length: +5"], false),
            (&["etag: \"a\""], false, &["etag: \"a\"", "content-length: 5"], true),
            (&["etag: \"a\""], false, &["etag: W/\"a\""], true),
            (&["etag: \"a\""], false, &["etag: \"b\""], false),
            (&["etag: \"a\""], false, &[], false),
            (&[], false, &["etag: \"a\""], false),
            (&["etag: a"], false, &["etag: a"], false),
            (&["etag: \"a\""], true, &[], true),
            (&["etag: \"a\""], true, &["etag: \"a\""], false),
            (&["last-modified: N"], false, &["last-modified: O"], true),
            (&["last-modified: N"], false, &["last-modified: L"], false),
            (&["last-modified: N"], false, &[], false),
            (&[], false, &["last-modified: N"], false),
            (&["last-modified: 0"], false, &["last-modified: 0"], false),
        ];
        for (stored, own_tag, told, expected) in rows {
            let found = head_agrees(&fields(stored), *own_tag, 5, &fields(told));
            assert_eq!(found, *expected, "{stored:?}, own tag: {own_tag}, {told:?}");
        }
    }

    proptest! {
        #[test]
        fn noise_is_no_validator(noise in "[^\"\\x00-\\x1F\\x7F]{0,30}") {
            prop_assume!(!["N", "O", "L"].contains(&noise.as_str()), "short for a date");
            let stored = fields(&["etag: \"a\"", "last-modified: N"]);
            for name in ["etag", "last-modified"] {
                let noisy = fields(&[&format!("{name}: {noise}")]);
                prop_assert!(!agrees(&stored, false, &noisy), "{name}");
                prop_assert!(!head_agrees(&noisy, false, 5, &noisy), "{name}");
                prop_assert!(conditions(&noisy, false).is_empty(), "{name}");
            }
        }
    }
}
