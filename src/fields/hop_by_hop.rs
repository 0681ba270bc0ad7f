//! Fields that belong to one connection only: RFC 9110 section 7.6.1.

use http::HeaderMap;
use http::HeaderName;
use http::HeaderValue;
use http::header::AUTHORIZATION;
use http::header::CACHE_CONTROL;
use http::header::CONNECTION;
use http::header::CONTENT_LENGTH;
use http::header::HOST;
use http::header::PROXY_AUTHENTICATE;
use http::header::PROXY_AUTHORIZATION;
use http::header::TE;
use http::header::TRAILER;
use http::header::TRANSFER_ENCODING;
use http::header::UPGRADE;

/// Removed whether or not `Connection` names them. Trailers are dropped on both sides, so
/// `TE` and `Trailer` have nothing left to say; `HTTP2-Settings` belongs to an upgrade we ignore.
const ALWAYS: [HeaderName; 11] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    HeaderName::from_static("http2-settings"),
    PROXY_AUTHENTICATE,
    HeaderName::from_static("proxy-authentication-info"),
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// Fields a request must not declare to be hop-by-hop: dropping them would change whom it speaks
/// for, where it ends or what it asks, after we have read it (threats.md H1, H2).
const NEVER: [HeaderName; 5] =
    [HOST, CONTENT_LENGTH, TRANSFER_ENCODING, AUTHORIZATION, CACHE_CONTROL];

/// Removes the connection's own fields, by list and by `Connection`.
pub fn strip(fields: &mut HeaderMap) {
    if fields.contains_key(CONNECTION) {
        let lines = lines(fields);
        for name in named(&lines) {
            remove(fields, name);
        }
    }
    // Most often there are none: one pass over the names is cheaper than a look-up of each, which hashes.
    while let Some(name) = fields.keys().find(|name| is_one(name)).cloned() {
        fields.remove(name);
    }
}

/// Whether a field of this name belongs to one connection whatever `Connection` says.
pub fn is_one(name: &HeaderName) -> bool {
    ALWAYS.contains(name)
}

/// The first field named in `Connection` that a request must not drop, if any.
pub fn dropped_in_bad_faith(fields: &HeaderMap) -> Option<HeaderName> {
    named(fields.get_all(CONNECTION)).find_map(never_dropped)
}

/// Removes what a request's `Connection` names, so that it neither goes on nor into a key. What
/// must not be dropped stays, and is refused.
pub fn drop_named(fields: &mut HeaderMap) {
    if !named(fields.get_all(CONNECTION)).any(is_odd) {
        return; // as in nearly every request
    }
    let lines = lines(fields);
    for name in named(&lines) {
        // Most of what thousands name is not there, so that is asked first.
        let is_there = str::from_utf8(name).is_ok_and(|name| fields.contains_key(name));
        if is_there && is_odd(name) && never_dropped(name).is_none() {
            remove(fields, name);
        }
    }
}

fn is_odd(name: &[u8]) -> bool {
    !COMMON.iter().any(|common| name.eq_ignore_ascii_case(common))
}

/// What `Connection` says in nearly every request, and what it never costs to leave in.
const COMMON: [&[u8]; 5] = [b"close", b"keep-alive", b"upgrade", b"http2-settings", b""];

fn never_dropped(name: &[u8]) -> Option<HeaderName> {
    NEVER.iter().find(|never| name.eq_ignore_ascii_case(never.as_str().as_bytes())).cloned()
}

/// The lines of `Connection`, apart from the map that is about to change. The names in them are not
/// gathered: there may be thousands, and as names they take sixteen times the memory.
fn lines(fields: &HeaderMap) -> Vec<HeaderValue> {
    fields.get_all(CONNECTION).iter().cloned().collect()
}

/// Removes the field of this name, if it is a name and there is one.
fn remove(fields: &mut HeaderMap, name: &[u8]) {
    if let Ok(name) = str::from_utf8(name) {
        fields.remove(name);
    }
}

/// What `Connection` names, as it is written there.
fn named<'a>(lines: impl IntoIterator<Item = &'a HeaderValue>) -> impl Iterator<Item = &'a [u8]> {
    let lines = lines.into_iter().map(HeaderValue::as_bytes);
    lines.flat_map(|line| line.split(|&octet| octet == b',')).map(<[u8]>::trim_ascii)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut fields = HeaderMap::new();
        for (name, value) in lines {
            fields.append(*name, HeaderValue::from_static(value));
        }
        fields
    }

    #[test]
    fn strips_by_list_and_by_connection() {
        let mut given = fields(&[
            ("connection", "Upgrade, HTTP2-Settings"),
            ("connection", "x-internal , close,, not a name"),
            ("upgrade", "h2c"),
            ("http2-settings", "AAMAAABkAAQ"),
            ("keep-alive", "timeout=5"),
            ("te", "trailers"),
            ("x-internal", "1"),
            ("x-kept", "first"),
            ("x-kept", "second"),
        ]);
        strip(&mut given);
        assert_eq!(given, fields(&[("x-kept", "first"), ("x-kept", "second")]));
    }

    #[test]
    fn a_name_said_a_thousand_times_is_dropped_with_the_others() {
        let list = "x-a, ".repeat(1_000) + "x-b";
        for drop in [strip, drop_named] {
            let mut given = fields(&[("x-a", "1"), ("x-b", "2"), ("x-c", "3")]);
            given.insert("connection", HeaderValue::from_str(&list).unwrap());
            drop(&mut given);
            given.remove("connection");
            assert_eq!(given, fields(&[("x-c", "3")]));
        }
    }

    #[test]
    fn drops_what_a_request_names_but_not_what_it_must_not() {
        let mut given = fields(&[
            ("connection", "close, Origin, authorization"),
            ("origin", "a"),
            ("authorization", "b"),
        ]);
        drop_named(&mut given);
        let left = [("connection", "close, Origin, authorization"), ("authorization", "b")];
        assert_eq!(given, fields(&left));
    }

    #[test]
    fn finds_what_must_not_be_dropped() {
        for (value, expected) in [
            ("close", None),
            ("keep-alive, x-forwarded-for", None),
            ("Authorization", Some(AUTHORIZATION)),
            ("close, CONTENT-LENGTH", Some(CONTENT_LENGTH)),
            ("transfer-encoding", Some(TRANSFER_ENCODING)),
            ("host", Some(HOST)),
            ("cache-control", Some(CACHE_CONTROL)),
        ] {
            let given = fields(&[("connection", value)]);
            assert_eq!(dropped_in_bad_faith(&given), expected, "{value}");
        }
    }
}
