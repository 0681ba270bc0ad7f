//! `Content-Type`, RFC 9110 §8.3: does a message say that it is JSON?

use crate::fields::token::is_token;
use http::HeaderMap;
use http::header::CONTENT_TYPE;

/// Whether the fields say `application/json` in UTF-8.
///
/// Exactly one `Content-Type` must say so. A `charset`, which RFC 8259 §11 does not know but
/// servers send, must be UTF-8; other parameters are of no matter. A value outside the grammar of
/// RFC 9110 §8.3.1 says nothing.
pub fn is_json(fields: &HeaderMap) -> bool {
    let mut values = fields.get_all(CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return false;
    };
    let mut parts = parts(value.as_bytes());
    let essence = parts.next().unwrap_or_default();
    essence.trim_ascii().eq_ignore_ascii_case(b"application/json") && parts.all(keeps_utf8)
}

/// The value cut at each `;` outside quotes.
fn parts(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let (mut quoted, mut escaped) = (false, false);
    value.split(move |&octet| {
        quoted ^= octet == b'"' && !escaped;
        escaped = quoted && !escaped && octet == b'\\';
        octet == b';' && !quoted
    })
}

/// Whether one parameter is well formed and, if it is the `charset`, UTF-8.
fn keeps_utf8(parameter: &[u8]) -> bool {
    let parameter = parameter.trim_ascii();
    let mut halves = parameter.splitn(2, |&octet| octet == b'=');
    let (Some(name), Some(value)) = (halves.next(), halves.next()) else {
        return parameter.is_empty(); // RFC 9110 §5.6.6 lets `;` stand alone.
    };
    let (true, Some(text)) = (is_token(name), text(value)) else {
        return false;
    };
    !name.eq_ignore_ascii_case(b"charset") || text.eq_ignore_ascii_case(b"utf-8")
}

/// What a token or a quoted string says, its escapes left as written: nobody escapes `utf-8`.
fn text(value: &[u8]) -> Option<&[u8]> {
    match value {
        [b'"', inner @ .., b'"'] => ends_unescaped(inner).then_some(inner),
        token => is_token(token).then_some(token),
    }
}

/// Whether a quoted string's inside neither closes early nor escapes the quote that closes it.
fn ends_unescaped(inner: &[u8]) -> bool {
    let mut escaped = false;
    let closes_early = inner.iter().any(|&octet| {
        let closes = octet == b'"' && !escaped;
        escaped = octet == b'\\' && !escaped;
        closes
    });
    !closes_early && !escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use proptest::prelude::*;

    fn says_json(values: &[&[u8]]) -> bool {
        let mut fields = HeaderMap::new();
        for value in values {
            fields.append(CONTENT_TYPE, HeaderValue::from_bytes(value).unwrap());
        }
        is_json(&fields)
    }

    #[test]
    fn json_is_one_media_type_in_one_charset() {
        let rows: &[(&str, bool)] = &[
            ("application/json", true),
            ("Application/JSON", true),
            ("application/json; charset=utf-8", true),
            ("application/json;charset=UTF-8", true),
            ("application/json ; CHARSET=\"Utf-8\"", true),
            ("application/json; version=1; charset=utf-8", true),
            ("application/json; note=\"a;charset=utf-16\"", true),
            ("application/json; note=\"a\\\";charset=utf-16\"", true),
            ("application/json; note=\"\"", true),
            ("application/json;", true),
            ("application/json; ;charset=utf-8", true),
            ("", false),
            (";", false),
            ("json", false),
            ("text/json", false),
            ("application/jsonp", false),
            ("application/problem+json", false),
            ("text/html; charset=utf-8", false),
            ("application / json", false),
            ("application/json charset=utf-8", false),
            ("application/json, text/html", false),
            ("application/json; charset=utf-16", false),
            ("application/json; charset=iso-8859-1", false),
            ("application/json; charset=utf8", false),
            ("application/json; charset=", false),
            ("application/json; charset", false),
            ("application/json; charset = utf-8", false),
            ("application/json; charset='utf-8'", false),
            ("application/json; charset=\"utf-8", false),
            ("application/json; charset=\"utf-8\\\"", false),
            ("application/json; charset=\"", false),
            ("application/json; charset=utf-8; charset=utf-16", false),
            ("application/json; note=\"a\"b\"", false),
            ("application/json; note=a\"b;c\"", false),
            ("application/json; =a", false),
            ("application/json; a=b, text/html", false),
        ];
        for &(value, expected) in rows {
            assert_eq!(says_json(&[value.as_bytes()]), expected, "{value:?}");
        }
    }

    #[test]
    fn none_or_two_say_nothing() {
        assert!(!says_json(&[]));
        assert!(!says_json(&[b"application/json", b"application/json"]));
        assert!(!says_json(&[b"text/html", b"application/json"]));
        assert!(!says_json(&[b"application/json; a=\xff"]));
    }

    proptest! {
        #[test]
        fn whatever_stands_in_the_field_only_json_is_json(
            start in "(application/json ?;)?",
            value in "([\"\\\\;=]|charset|utf-8|[ -~]){0,20}",
        ) {
            let value = format!("{start}{value}").to_ascii_lowercase();
            let is_json = says_json(&[value.as_bytes()]);
            prop_assert!(!is_json || value.trim_ascii().starts_with("application/json"), "{value:?}");
        }
    }
}
