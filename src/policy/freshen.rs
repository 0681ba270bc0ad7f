//! What is stored of an answer, and freshening it with a newer one's fields: RFC 9111 sections 3.2,
//! 4.3.4 and 4.3.5.

use crate::fields::hop_by_hop;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::HeaderMap;
use http::HeaderName;
use http::HeaderValue;
use http::header::AGE;
use http::header::CONTENT_ENCODING;
use http::header::CONTENT_LENGTH;
use http::header::CONTENT_RANGE;
use http::header::ETAG;
use http::header::TRANSFER_ENCODING;

/// Fields that say how the stored body is to be read. A response without a body does not know
/// (section 3.2); nor does it change the tag it has just confirmed.
const OF_THE_BODY: [HeaderName; 7] = [
    CONTENT_ENCODING,
    CONTENT_LENGTH,
    HeaderName::from_static("content-md5"),
    HeaderName::from_static("content-digest"),
    CONTENT_RANGE,
    TRANSFER_ENCODING,
    ETAG,
];

/// The fields of the stored response as updated by those of `newer`: each field that is there
/// replaces the stored one, all its lines together.
pub fn freshened(mut stored: HeaderMap, newer: &HeaderMap) -> HeaderMap {
    // Section 4.2.3: the age is that of the newer response, or none.
    stored.remove(AGE);
    for name in newer.keys() {
        if OF_THE_BODY.contains(name) || hop_by_hop::is_one(name) {
            continue;
        }
        stored.remove(name);
        for value in newer.get_all(name) {
            stored.append(name, value.clone());
        }
    }
    stored
}

/// Removes what a directive names: it is delivered once and not stored (sections 5.2.2.4, 5.2.2.7).
pub fn without(fields: &HeaderMap, named: &[HeaderName]) -> HeaderMap {
    let mut left = fields.clone();
    for name in named {
        left.remove(name);
    }
    left
}

/// A strong entity tag of our own (RFC 9110 section 8.8.3) for a body that came without one: the
/// same for the same octets, in every process.
pub fn own_tag(body: &[u8]) -> Option<HeaderValue> {
    let hash = blake3::hash(body);
    let short = hash.as_bytes().first_chunk::<OWN_TAG_OCTETS>()?;
    let tag = format!("\"{}\"", URL_SAFE_NO_PAD.encode(short));
    HeaderValue::from_maybe_shared(Bytes::from(tag)).ok()
}

/// 120 bits: two bodies of one ticket never meet, and the text needs no padding.
const OWN_TAG_OCTETS: usize = 15;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fields(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut fields = HeaderMap::new();
        for (name, value) in lines {
            fields.append(*name, HeaderValue::from_static(value));
        }
        fields
    }

    #[test]
    fn what_is_newer_replaces_what_is_stored_but_for_what_describes_the_body() {
        let stored = [
            ("etag", "\"a\""),
            ("content-length", "5"),
            ("content-encoding", "gzip"),
            ("content-md5", "x"),
            ("content-type", "text/plain"),
            ("x-kept", "1"),
            ("x-two", "1"),
            ("x-two", "2"),
            ("age", "7"),
        ];
        let newer = [
            ("etag", "W/\"a\""),
            ("content-length", "0"),
            ("content-encoding", "br"),
            ("content-md5", "y"),
            ("content-range", "bytes 0-0/1"),
            ("content-type", "text/html"),
            ("connection", "close"),
            ("proxy-authenticate", "x"),
            ("x-two", "3"),
            ("x-new", "a"),
            ("x-new", "b"),
        ];
        let expected = [
            ("etag", "\"a\""),
            ("content-length", "5"),
            ("content-encoding", "gzip"),
            ("content-md5", "x"),
            ("content-type", "text/html"),
            ("x-kept", "1"),
            ("x-two", "3"),
            ("x-new", "a"),
            ("x-new", "b"),
        ];
        assert_eq!(freshened(fields(&stored), &fields(&newer)), fields(&expected));
        assert!(freshened(fields(&stored), &fields(&[("age", "3")])).get(AGE).unwrap() == "3");
    }

    #[test]
    fn our_own_tag_is_strong_and_differs_with_the_body() {
        let tag = |body: &[u8]| own_tag(body).unwrap();
        assert_eq!(tag(b"a"), tag(b"a"));
        assert_ne!(tag(b"a"), tag(b"b"));
        assert_eq!((tag(b"").len(), tag(b"").as_bytes()[0]), (22, b'"'));
    }

    #[test]
    fn named_fields_are_left_out() {
        let left = without(
            &fields(&[("a", "1"), ("a", "2"), ("b", "3")]),
            &[HeaderName::from_static("a"), HeaderName::from_static("c")],
        );
        assert_eq!(left, fields(&[("b", "3")]));
    }

    proptest! {
        #[test]
        fn freshening_twice_is_freshening_once(
            stored in proptest::collection::vec(("[a-c]", "[ -~]{0,4}"), 0..8),
            newer in proptest::collection::vec(("[b-d]|etag|age|content-length", "[ -~]{0,4}"), 0..8),
        ) {
            let map = |lines: &[(String, String)]| {
                let mut fields = HeaderMap::new();
                for (name, value) in lines {
                    let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
                    fields.append(name, HeaderValue::from_str(value).unwrap());
                }
                fields
            };
            let once = freshened(map(&stored), &map(&newer));
            prop_assert_eq!(freshened(once.clone(), &map(&newer)), once);
        }
    }
}
