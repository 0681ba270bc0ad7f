//! `ETag` and `Last-Modified`: the fields that tell one representation from another, RFC 9110 §8.8.

use crate::base::time::WallTime;
use crate::fields::date::Dated;
use http::HeaderMap;
use http::HeaderName;
use http::HeaderValue;
use http::header::ETAG;
use http::header::LAST_MODIFIED;

/// An entity tag, RFC 9110 §8.8.3.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct EntityTag<'a> {
    /// Whether it stands for any of several equivalent representations, rather than for one octet
    /// by octet.
    weak: bool,
    /// With its quotes.
    opaque: &'a [u8],
}

impl<'a> EntityTag<'a> {
    /// Reads exactly one entity tag. Whitespace may stand around it and nowhere else.
    pub fn parse(text: &'a [u8]) -> Option<Self> {
        let text = text.trim_ascii();
        let (weak, opaque) = match text.strip_prefix(b"W/") {
            Some(opaque) => (true, opaque),
            None => (false, text),
        };
        let [b'"', inner @ .., b'"'] = opaque else { return None };
        let is_etagc = |octet: &u8| matches!(octet, 0x21 | 0x23..=0x7E | 0x80..);
        inner.iter().all(is_etagc).then_some(Self { weak, opaque })
    }

    /// RFC 9110 §8.8.3.2: the same, and neither is weak.
    pub fn strongly_matches(self, other: Self) -> bool {
        !self.weak && !other.weak && self.opaque == other.opaque
    }

    /// Whether it is weak, RFC 9110 §8.8.1.
    pub fn is_weak(self) -> bool {
        self.weak
    }

    /// RFC 9110 §8.8.3.2: the same, whether weak or not.
    pub fn weakly_matches(self, other: Self) -> bool {
        self.opaque == other.opaque
    }
}

/// What a field that should hold one entity tag holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Tagged<'a> {
    /// The field is not there.
    Absent,
    /// One valid entity tag.
    By(EntityTag<'a>),
    /// Repeated, or not an entity tag.
    Invalid,
}

impl<'a> Tagged<'a> {
    /// Reads the field.
    pub fn read(fields: &'a HeaderMap, name: &HeaderName) -> Self {
        let mut lines = fields.get_all(name).iter().map(HeaderValue::as_bytes);
        match (lines.next().map(EntityTag::parse), lines.next()) {
            (None, _) => Self::Absent,
            (Some(Some(tag)), None) => Self::By(tag),
            _ => Self::Invalid,
        }
    }
}

/// The entity tag of a response, if it has exactly one and that is valid.
pub fn entity_tag(fields: &HeaderMap) -> Option<EntityTag<'_>> {
    match Tagged::read(fields, &ETAG) {
        Tagged::By(tag) => Some(tag),
        Tagged::Absent | Tagged::Invalid => None,
    }
}

/// When a response says that it was last changed, if it says so exactly once and validly.
pub fn last_modified(fields: &HeaderMap) -> Option<WallTime> {
    match Dated::read(fields, &LAST_MODIFIED) {
        Dated::At(date) => Some(date),
        Dated::Absent | Dated::Invalid => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Fields as `name: value` lines.
    fn fields(lines: &[&str]) -> HeaderMap {
        let mut fields = HeaderMap::new();
        for line in lines {
            let (name, value) = line.split_once(": ").unwrap();
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            fields.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        fields
    }

    #[test]
    fn an_entity_tag_is_a_quoted_word_perhaps_marked_weak() {
        let rows: &[(&[u8], Option<(bool, &[u8])>)] = &[
            (b"\"a\"", Some((false, b"\"a\""))),
            (b"\"\"", Some((false, b"\"\""))),
            (b" \t\"a\"\t ", Some((false, b"\"a\""))),
            (b"W/\"a\"", Some((true, b"\"a\""))),
            (b"\"W/\"", Some((false, b"\"W/\""))),
            (b"\"a,b\\!~\xff\"", Some((false, b"\"a,b\\!~\xff\""))),
            (b"", None),
            (b"\"", None),
            (b"W/", None),
            (b"W/\"", None),
            (b"a", None),
            (b"*", None),
            (b"w/\"a\"", None),
            (b"W\"a\"", None),
            (b"W/ \"a\"", None),
            (b"W/W/\"a\"", None),
            (b"\"a b\"", None),
            (b"\"a\"b\"", None),
            (b"\"a\\\"\"", None),
            (b"\"a\x7f\"", None),
            (b"\"a\", \"b\"", None),
        ];
        for (text, expected) in rows {
            let found = EntityTag::parse(text).map(|tag| (tag.weak, tag.opaque));
            assert_eq!(found, *expected, "{}", text.escape_ascii());
        }
    }

    #[test]
    fn tags_compare_as_the_table_of_the_rfc_has_it() {
        let rows = [
            ("W/\"1\"", "W/\"1\"", false, true),
            ("W/\"1\"", "W/\"2\"", false, false),
            ("W/\"1\"", "\"1\"", false, true),
            ("\"1\"", "\"1\"", true, true),
            ("\"1\"", "\"2\"", false, false),
        ];
        for (one, other, strongly, weakly) in rows {
            let tags = [one, other].map(|text| EntityTag::parse(text.as_bytes()).unwrap());
            assert_eq!(tags[0].strongly_matches(tags[1]), strongly, "{one} {other}");
            assert_eq!(tags[0].weakly_matches(tags[1]), weakly, "{one} {other}");
        }
    }

    #[test]
    fn a_repeated_or_malformed_validator_is_none() {
        let rows: &[(&[&str], bool)] = &[
            (&[], false),
            (&["etag: \"a\""], true),
            (&["etag: a"], false),
            (&["etag: \"a\", \"b\""], false),
            (&["etag: \"a\"", "etag: \"a\""], false),
            (&["etag: \"a\"", "etag: b"], false),
        ];
        for (lines, expected) in rows {
            assert_eq!(entity_tag(&fields(lines)).is_some(), *expected, "{lines:?}");
        }
        let date = "last-modified: Sun, 06 Nov 1994 08:49:37 GMT";
        assert_eq!(last_modified(&fields(&[date])), Some(WallTime::from_secs(784_111_777)));
        assert_eq!(last_modified(&fields(&[date, date])), None);
        assert_eq!(last_modified(&fields(&["last-modified: 0"])), None);
    }

    proptest! {
        #[test]
        fn what_is_read_is_what_is_written(
            text in proptest::collection::vec(any::<u8>(), 0..12),
            weak: bool,
        ) {
            let quoted = [if weak { b"W/\"".as_slice() } else { b"\"" }, &text, b"\""].concat();
            let valid = text.iter().all(|&octet| octet > b' ' && octet != b'"' && octet != 0x7F);
            for text in [&text, &quoted] {
                let read = EntityTag::parse(text);
                let written = read.map(|tag| [if tag.weak { b"W/".as_slice() } else { b"" }, tag.opaque].concat());
                prop_assert!(written.is_none_or(|written| written == text.trim_ascii()));
            }
            prop_assert_eq!(EntityTag::parse(&quoted).is_some(), valid);
        }

        #[test]
        fn what_matches_strongly_matches_weakly_and_either_way(
            one in "(W/)?\"[ab]?\"", other in "(W/)?\"[ab]?\"",
        ) {
            let [one, other] = [&one, &other].map(|text| EntityTag::parse(text.as_bytes()).unwrap());
            prop_assert_eq!(one.strongly_matches(other), other.strongly_matches(one));
            prop_assert_eq!(one.weakly_matches(other), other.weakly_matches(one));
            prop_assert!(one.weakly_matches(other) || !one.strongly_matches(other));
        }
    }
}
