//! Which of the fields that decide about a request it has at all.
//!
//! Each look-up in a `HeaderMap` hashes a name. Nearly every request has a handful of fields and none
//! of those below, so one pass over its names is cheaper than asking for them one by one.

use http::HeaderMap;
use http::HeaderName;
use http::header::CACHE_CONTROL;
use http::header::CONNECTION;
use http::header::CONTENT_LENGTH;
use http::header::EXPECT;
use http::header::IF_MODIFIED_SINCE;
use http::header::IF_NONE_MATCH;
use http::header::PRAGMA;
use http::header::RANGE;
use http::header::TRANSFER_ENCODING;

/// What one pass has seen. Where it has not seen a kind of field, reading that kind would find nothing.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Presence(u8);

const NAMES_FIELDS: u8 = 1;
const FRAMED: u8 = 1 << 1;
const EXPECTS: u8 = 1 << 2;
const DIRECTS: u8 = 1 << 3;
const IN_PART: u8 = 1 << 4;

static KINDS: [(HeaderName, u8); 9] = [
    (CONNECTION, NAMES_FIELDS),
    (TRANSFER_ENCODING, FRAMED),
    (CONTENT_LENGTH, FRAMED),
    (EXPECT, EXPECTS),
    (CACHE_CONTROL, DIRECTS),
    (PRAGMA, DIRECTS),
    (IF_NONE_MATCH, IN_PART),
    (IF_MODIFIED_SINCE, IN_PART),
    (RANGE, IN_PART),
];

impl Presence {
    /// Looks at the names of all fields.
    pub fn of(fields: &HeaderMap) -> Self {
        let kind =
            |name| KINDS.iter().find(|(known, _)| known == name).map_or(0, |(_, kind)| *kind);
        Self(fields.keys().map(kind).fold(0, |seen, kind| seen | kind))
    }

    /// `Connection`.
    pub const fn names_fields(self) -> bool {
        self.0 & NAMES_FIELDS != 0
    }

    /// `Transfer-Encoding` or `Content-Length`.
    pub const fn is_framed(self) -> bool {
        self.0 & FRAMED != 0
    }

    /// `Expect`.
    pub const fn expects(self) -> bool {
        self.0 & EXPECTS != 0
    }

    /// `Cache-Control` or `Pragma`.
    pub const fn directs(self) -> bool {
        self.0 & DIRECTS != 0
    }

    /// A condition or a range: `If-None-Match`, `If-Modified-Since`, `Range`.
    pub const fn is_for_a_part(self) -> bool {
        self.0 & IN_PART != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn seen(names: &[HeaderName]) -> [bool; 5] {
        let mut fields = HeaderMap::new();
        for name in names {
            fields.append(name, HeaderValue::from_static("x"));
        }
        let seen = Presence::of(&fields);
        [
            seen.names_fields(),
            seen.is_framed(),
            seen.expects(),
            seen.directs(),
            seen.is_for_a_part(),
        ]
    }

    #[test]
    fn each_kind_is_seen_by_each_of_its_names_and_by_no_other() {
        let other = HeaderName::from_static("x-range");
        assert_eq!(seen(&[]), [false; 5]);
        assert_eq!(seen(&[other.clone(), http::header::HOST]), [false; 5]);
        for (name, place) in [
            (CONNECTION, 0),
            (TRANSFER_ENCODING, 1),
            (CONTENT_LENGTH, 1),
            (EXPECT, 2),
            (CACHE_CONTROL, 3),
            (PRAGMA, 3),
            (IF_NONE_MATCH, 4),
            (IF_MODIFIED_SINCE, 4),
            (RANGE, 4),
        ] {
            let mut expected = [false; 5];
            expected[place] = true;
            assert_eq!(seen(&[other.clone(), name.clone()]), expected, "{name}");
        }
        assert_eq!(seen(&KINDS.each_ref().map(|(name, _)| name.clone())), [true; 5]);
    }
}
