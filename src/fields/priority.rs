//! `Priority`, RFC 9218: how urgent a request is to its client.
//!
//! A dictionary of RFC 9651, of which one member counts here. Section 4.2 there drops a field that
//! breaks the grammar anywhere; a departure: the values of other members are not judged, only where
//! they end, so that none can be mistaken for the urgency.

use crate::fields::token::Quoted;
use http::HeaderMap;
use http::HeaderName;

/// The urgency that the client gives the request, section 4.1: 0 is the most urgent, 7 the least.
/// It is 3 where the client says nothing, or nothing that can be understood. Allocates nothing.
pub fn urgency(fields: &HeaderMap) -> u8 {
    read(fields).unwrap_or(USUAL)
}

/// Section 4.1: that of a request without the field.
const USUAL: u8 = 3;

const PRIORITY: HeaderName = HeaderName::from_static("priority");

/// None if the field is malformed.
fn read(fields: &HeaderMap) -> Option<u8> {
    let mut urgency = USUAL;
    for line in fields.get_all(PRIORITY) {
        let mut quoted = Quoted::default();
        let text = line.to_str().ok()?.as_bytes();
        for member in text.split(|&octet| quoted.reads_outside(octet) && octet == b',') {
            let item = member.trim_ascii().split(|&octet| octet == b';').next()?;
            let mut halves = item.splitn(2, |&octet| octet == b'=');
            let key = halves.next().filter(|key| is_key(key))?;
            if key == b"u" {
                // RFC 9651 section 4.2.2: the last of several counts. RFC 9218 section 4: one out of
                // range, or of another type, is as good as none.
                urgency = halves.next().and_then(level).unwrap_or(USUAL);
            }
        }
        if quoted.is_inside() {
            return None;
        }
    }
    Some(urgency)
}

/// RFC 9651 section 3.1.2.
fn is_key(text: &[u8]) -> bool {
    let begins = |octet: &u8| octet.is_ascii_lowercase() || *octet == b'*';
    let goes_on = |octet: &u8| begins(octet) || octet.is_ascii_digit() || b"_-.".contains(octet);
    text.first().is_some_and(begins) && text.iter().all(goes_on)
}

fn level(text: &[u8]) -> Option<u8> {
    match text {
        [digit @ b'0'..=b'7'] => Some(digit - b'0'),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use proptest::prelude::*;

    fn urgency_of<T: AsRef<[u8]>>(lines: &[T]) -> u8 {
        let mut fields = HeaderMap::new();
        for line in lines {
            fields.append(PRIORITY, HeaderValue::from_bytes(line.as_ref()).unwrap());
        }
        urgency(&fields)
    }

    #[test]
    fn reads_the_urgency() {
        let rows: &[(&[&str], u8)] = &[
            (&[], 3),
            (&["u=0"], 0),
            (&["u=5, i"], 5),
            (&["i,\tu=7"], 7),
            (&["i=?0, u=1;a=b"], 1),
            (&["u=5; a=\"x, u=1\"; b"], 5),
            (&["x=(1 \"u=7, u=7\");y, u=6"], 6),
            (&["x=\"\\\", u=1\", u=6"], 6),
            (&["*k_-.9=:dT03:, u=6"], 6),
            // The last one counts.
            (&["u=1, u=6"], 6),
            (&["u=1", "i", "u=6"], 6),
        ];
        for (lines, expected) in rows {
            assert_eq!(urgency_of(lines), *expected, "{lines:?}");
        }
    }

    #[test]
    fn what_cannot_be_understood_is_as_urgent_as_usual() {
        let rows: &[&[&str]] = &[
            // Another type, or out of range.
            &["u"],
            &["u="],
            &["u=8"],
            &["u=-1"],
            &["u=+5"],
            &["u=5.0"],
            &["u=55"],
            &["u=99999999999999999999999"],
            &["u=\"5\""],
            &["u=five"],
            &["u=?1"],
            &["u=(5)"],
            &["u=5, u"],
            &["u=5, u=9"],
            // No dictionary.
            &[""],
            &["U=5"],
            &["u =5"],
            &["u= 5"],
            &["u=5 ;a"],
            &["u=5 i"],
            &["u:5"],
            &["5"],
            &["u=5,"],
            &[",u=5"],
            &["u=5,,i"],
            &["u=5, I"],
            &["u=5", ""],
            &["u=5, x=\"open"],
            &["x=\"open", "u=5"],
            &["u=5, x=\u{e9}"],
        ];
        for lines in rows {
            assert_eq!(urgency_of(lines), 3, "{lines:?}");
        }
    }

    proptest! {
        #[test]
        fn an_urgency_reads_the_same_among_others(
            level in 0..=7_u8,
            before in "([a-tv-z*][a-z0-9_.*-]{0,5}(=(\"[ -!#-Z]{0,9}\"|[A-Za-z0-9:/?.-]{1,9}))?, ){0,5}",
            after in "(, [a-tv-z*][a-z0-9_.*-]{0,5}(=\"(\\\\[\"\\\\]|[ -!#-Z]){0,9}\")?){0,5}",
        ) {
            let line = format!("{before}u={level}{after}");
            prop_assert_eq!(urgency_of(&[&line]), level, "{}", line);
        }

        #[test]
        fn no_line_is_more_than_an_urgency(
            lines in prop::collection::vec("([ -~\u{e9}]|[ \t,;=u0-9\"\\\\]){0,20}", 0..4),
        ) {
            prop_assert!(urgency_of(&lines) <= 7);
        }
    }
}
