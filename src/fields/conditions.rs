//! The conditions of a client, answered from a stored response: RFC 9110 §13, RFC 9111 §4.3.2.
//!
//! Doubt never says “the same”: where a condition or a validator is outside its grammar, the whole
//! response is sent.

use crate::fields::date::Dated;
use crate::fields::validators::EntityTag;
use crate::fields::validators::entity_tag;
use http::HeaderMap;
use http::HeaderValue;
use http::header::DATE;
use http::header::IF_MODIFIED_SINCE;
use http::header::IF_NONE_MATCH;
use http::header::LAST_MODIFIED;

/// Whether a GET or HEAD asks only for what differs from the stored response, so that 304 answers
/// it: RFC 9110 §13.2.2 as a cache evaluates it, RFC 9111 §4.3.2.
pub fn is_not_modified(asked: &HeaderMap, stored: &HeaderMap) -> bool {
    // §13.1.3: `If-None-Match`, even a malformed one, silences `If-Modified-Since`.
    if asked.contains_key(IF_NONE_MATCH) {
        return is_named(asked, stored);
    }
    let Dated::At(since) = Dated::read(asked, &IF_MODIFIED_SINCE) else { return false };
    let modified = match Dated::read(stored, &LAST_MODIFIED) {
        // RFC 9111 §4.3.2. Without a `Date` it would be when the response was received; that was
        // measured by our clock and `since` by another, so such a response is sent whole.
        Dated::Absent => Dated::read(stored, &DATE),
        known => known,
    };
    matches!(modified, Dated::At(modified) if modified <= since)
}

/// Whether `If-None-Match`, RFC 9110 §13.1.2, names the stored response.
///
/// One malformed member voids the whole field: after a quote too few or too many nobody can say
/// which of the rest are entity tags.
fn is_named(asked: &HeaderMap, stored: &HeaderMap) -> bool {
    let lines = || asked.get_all(IF_NONE_MATCH).iter().map(HeaderValue::as_bytes);
    // `*` is a whole field value: among tags, or said twice, it is outside the grammar.
    if lines().map(<[u8]>::trim_ascii).eq([b"*"]) {
        return true;
    }
    let tag = entity_tag(stored);
    let mut named = false;
    for member in lines().flat_map(members) {
        let Some(asked) = EntityTag::parse(member) else { return false };
        named |= tag.is_some_and(|tag| tag.weakly_matches(asked));
    }
    named
}

/// The members of a list of entity tags, RFC 9110 §5.6.1, empty ones left out. Within a tag a
/// comma is like any other octet, and no octet escapes a quote.
fn members(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut quoted = false;
    let members = line.split(move |&octet| {
        quoted ^= octet == b'"';
        octet == b',' && !quoted
    });
    members.map(<[u8]>::trim_ascii).filter(|member| !member.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderName;
    use proptest::prelude::*;

    const EARLY: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
    const NOON: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const NOON_OF_OLD: &str = "Sunday, 06-Nov-94 08:49:37 GMT";
    const LATE: &str = "Sun, 06 Nov 1994 08:49:38 GMT";

    /// Fields as `name: value` lines, where `E`, `N`, `O` and `L` stand for the dates above.
    fn fields(lines: &[&str]) -> HeaderMap {
        let mut fields = HeaderMap::new();
        for line in lines {
            let (name, value) = line.split_once(": ").unwrap();
            let value = match value {
                "E" => EARLY,
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
    fn if_none_match_names_the_stored_response_or_not() {
        // the values of `If-None-Match`, the stored `ETag`, whether 304 answers
        let rows: &[(&[&str], &str, bool)] = &[
            (&["\"a\""], "\"a\"", true),
            (&["W/\"a\""], "\"a\"", true),
            (&["\"a\""], "W/\"a\"", true),
            (&["\"b\",\"a\""], "\"a\"", true),
            (&["\"b\"", "\"c\" , W/\"a\""], "\"a\"", true),
            (&[",, \"a\",\t,"], "\"a\"", true),
            (&["\"a,b\""], "\"a,b\"", true),
            (&["*"], "\"a\"", true),
            (&[" *\t"], "malformed", true),
            (&["\"b\""], "\"a\"", false),
            (&["\"a,b\""], "\"a\"", false),
            (&["\"b,\"", "\"a"], "\"a\"", false),
            (&["\"a\""], "a", false),
            (&["a"], "a", false),
            (&["a"], "\"a\"", false),
            (&["\"A\""], "\"a\"", false),
            (&["w/\"a\""], "\"a\"", false),
            (&[""], "\"a\"", false),
            (&[","], "\"a\"", false),
            (&["\"a\" \"b\""], "\"a\"", false),
            (&["\"a\", b"], "\"a\"", false),
            (&["\"a\"", "b"], "\"a\"", false),
            (&["b, \"a\""], "\"a\"", false),
            (&["\"b, \"a\""], "\"a\"", false),
            (&["*, \"a\""], "\"a\"", false),
            (&["*", "*"], "\"a\"", false),
            (&["*,"], "\"a\"", false),
            (&["\"*\""], "\"a\"", false),
        ];
        for (values, tag, expected) in rows {
            let mut asked = fields(&["if-modified-since: L"]);
            for value in *values {
                asked.append(IF_NONE_MATCH, HeaderValue::from_static(value));
            }
            let stored = fields(&[&format!("etag: {tag}"), "last-modified: N"]);
            assert_eq!(is_not_modified(&asked, &stored), *expected, "{values:?} {tag}");
        }
        assert!(is_not_modified(&fields(&["if-none-match: *"]), &HeaderMap::new()));
        assert!(!is_not_modified(&fields(&["if-none-match: \"a\""]), &HeaderMap::new()));
    }

    #[test]
    fn if_modified_since_is_compared_with_the_last_change() {
        // what the client asks, what is stored, whether 304 answers
        let rows: &[(&[&str], &[&str], bool)] = &[
            (&["if-modified-since: N"], &["last-modified: N"], true),
            (&["if-modified-since: O"], &["last-modified: N"], true),
            (&["if-modified-since: L"], &["last-modified: N", "date: L"], true),
            (&["if-modified-since: E"], &["last-modified: N"], false),
            (&["if-modified-since: N"], &["date: N"], true),
            (&["if-modified-since: N"], &["date: L"], false),
            (&["if-modified-since: N"], &["last-modified: N", "date: L"], true),
            (&["if-modified-since: N"], &[], false),
            (&["if-modified-since: N"], &["last-modified: 0", "date: E"], false),
            (&["if-modified-since: N"], &["last-modified: E", "last-modified: E"], false),
            (&["if-modified-since: N", "if-modified-since: N"], &["last-modified: N"], false),
            (&["if-modified-since: soon"], &["last-modified: N"], false),
            (&[], &["last-modified: N"], false),
            (&["if-unmodified-since: E", "if-match: \"b\""], &["last-modified: N"], false),
        ];
        for (asked, stored, expected) in rows {
            let found = is_not_modified(&fields(asked), &fields(stored));
            assert_eq!(found, *expected, "{asked:?} {stored:?}");
        }
    }

    proptest! {
        #[test]
        fn one_malformed_member_voids_if_none_match(
            before in "(\"a\" ?, ?){0,2}",
            malformed in "a|\"|w/\"a\"|\"a b\"|\\*|\"a\"\"a\"|\"a\" W/\"a\"|W/|'a'",
            after in "( ?, ?\"a\"){0,2}",
        ) {
            prop_assume!(malformed != "*" || before.len() + after.len() > 0);
            let asked = fields(&[&format!("if-none-match: {before}{malformed}{after}"), "if-modified-since: L"]);
            prop_assert!(!is_not_modified(&asked, &fields(&["etag: \"a\"", "last-modified: N"])));
        }

        #[test]
        fn noise_is_no_condition(noise in "[^\"*\\x00-\\x1F\\x7F]{0,30}") {
            prop_assume!(!["E", "N", "O", "L"].contains(&noise.as_str()), "short for a date");
            let stored = fields(&["etag: \"a\"", "last-modified: N"]);
            for name in ["if-none-match", "if-modified-since"] {
                let noisy = fields(&[&format!("{name}: {noise}")]);
                prop_assert!(!is_not_modified(&noisy, &stored), "{name}");
            }
        }
    }
}
