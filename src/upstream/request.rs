//! What is sent upstream: built from the key's fields for tickets, copied for other traffic.
//!
//! Departure: `Via` and `Cache-Control` of a ticket's client end here, as everything that is not on
//! the list (RFC 9110 section 7.6.3, RFC 9111 section 5.2); the directives are followed here.

use crate::fields::cache_status::OUR_NAME;
use crate::fields::hop_by_hop;
use crate::policy::variant::SENT_ON;
use crate::upstream::body::RequestBody;
use http::HeaderMap;
use http::HeaderName;
use http::HeaderValue;
use http::Method;
use http::Request;
use http::Uri;
use http::Version;
use http::header::ACCEPT;
use http::header::ACCEPT_ENCODING;
use http::header::AUTHORIZATION;
use http::header::CONTENT_LENGTH;
use http::header::EXPECT;
use http::header::HOST;
use http::header::IF_MATCH;
use http::header::IF_MODIFIED_SINCE;
use http::header::IF_NONE_MATCH;
use http::header::IF_RANGE;
use http::header::IF_UNMODIFIED_SINCE;
use http::header::RANGE;
use http::header::TRANSFER_ENCODING;
use http::header::VIA;
use http::uri::Authority;
use http::uri::PathAndQuery;
use http::uri::Scheme;
use http_body::Body;

/// Where the upstream is: only ever from the settings, never from a request (threats.md S1).
#[derive(Clone, Debug)]
pub struct Base {
    /// http or https.
    pub scheme: Scheme,
    /// Host and port; also what `Host` and the TLS name say.
    pub authority: Authority,
    /// What every path begins with upstream; empty, or `/…` without a slash at its end.
    pub prefix: String,
}

impl Base {
    /// The upstream's URI for a path and query, which go on verbatim. `None` only if the prefix
    /// makes a path that is none.
    pub fn uri(&self, path_and_query: &PathAndQuery) -> Option<Uri> {
        let target = if self.prefix.is_empty() {
            path_and_query.clone()
        } else {
            PathAndQuery::from_maybe_shared(format!("{}{path_and_query}", self.prefix)).ok()?
        };
        let builder = Uri::builder().scheme(self.scheme.clone());
        builder.authority(self.authority.clone()).path_and_query(target).build().ok()
    }
}

/// A read of a resource, which may be sent more than once.
#[derive(Clone)]
pub struct ReadRequest {
    method: Method,
    uri: Uri,
    fields: HeaderMap,
}

impl ReadRequest {
    /// A GET of a ticket, built from the client's fields.
    pub fn ticket(uri: Uri, given: &HeaderMap) -> Self {
        let mut fields = HeaderMap::with_capacity(SENT_ON.len() + 3);
        for name in &SENT_ON {
            for value in given.get_all(name) {
                let mut value = value.clone();
                value.set_sensitive(*name == AUTHORIZATION);
                fields.append(name, value);
            }
        }
        fields.insert(ACCEPT, HeaderValue::from_static("application/json"));
        fields.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        fields.insert(VIA, HeaderValue::from_static(OUR_VIA));
        Self { method: Method::GET, uri, fields }
    }

    /// A read of an opaque resource, with every end-to-end field of the client's. `verbatim`: with
    /// its conditions and range too, which otherwise are answered from the whole response here.
    pub fn opaque(method: Method, uri: Uri, given: &HeaderMap, verbatim: bool) -> Self {
        let mut fields = end_to_end(given.clone());
        // The body of a read is empty; its length would only be said twice.
        fields.remove(CONTENT_LENGTH);
        if !verbatim {
            for name in ANSWERED_HERE {
                fields.remove(name);
            }
        }
        Self { method, uri, fields }
    }

    /// Whether it is a HEAD.
    pub fn is_head(&self) -> bool {
        self.method == Method::HEAD
    }

    /// What is sent, but for conditions.
    pub const fn fields(&self) -> &HeaderMap {
        &self.fields
    }

    /// One request of it, on these conditions (RFC 9111 section 4.3.1).
    pub fn to_request(&self, conditions: &[(HeaderName, HeaderValue)]) -> Request<RequestBody> {
        let mut request = Request::new(RequestBody::Empty);
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.fields.clone();
        for (name, value) in conditions {
            request.headers_mut().insert(name, value.clone());
        }
        request
    }
}

/// What a client may ask about a representation that we have, or will have, as a whole.
pub const ANSWERED_HERE: [HeaderName; 4] = [IF_NONE_MATCH, IF_MODIFIED_SINCE, RANGE, IF_RANGE];

/// Whether it asks what only the upstream can answer: RFC 9110 sections 13.1.1 and 13.1.4.
pub fn is_answered_there(fields: &HeaderMap) -> bool {
    fields.contains_key(IF_MATCH) || fields.contains_key(IF_UNMODIFIED_SINCE)
}

/// RFC 9110 section 7.6.3.
const OUR_VIA: &str = "1.1 verifik-gateway";
const _: () = assert!(OUR_VIA.len() == 4 + OUR_NAME.len());

/// What goes on of a client's fields: everything but the connection's own, and our `Via`. `Expect`
/// is answered on this side, when the body is first asked for (RFC 9110 section 10.1.1).
fn end_to_end(mut fields: HeaderMap) -> HeaderMap {
    hop_by_hop::strip(&mut fields);
    fields.remove(HOST);
    fields.remove(EXPECT);
    if let Some(authorization) = fields.get_mut(AUTHORIZATION) {
        authorization.set_sensitive(true);
    }
    fields.append(VIA, HeaderValue::from_static(OUR_VIA));
    fields
}

/// A request that passes through.
pub fn passing(
    method: Method,
    uri: Uri,
    fields: HeaderMap,
    body: RequestBody,
) -> Request<RequestBody> {
    let mut fields = end_to_end(fields);
    let read = matches!(method, Method::GET | Method::HEAD);
    if read && !body.is_end_stream() && !fields.contains_key(CONTENT_LENGTH) {
        // hyper takes the body of a GET for none where its length is not announced.
        fields.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    }
    let mut request = Request::new(body);
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    *request.version_mut() = Version::HTTP_11;
    *request.headers_mut() = fields;
    request
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base(prefix: &str) -> Base {
        Base {
            scheme: Scheme::HTTPS,
            authority: Authority::from_static("api.example:8443"),
            prefix: prefix.to_owned(),
        }
    }

    #[test]
    fn targets_go_on_verbatim_behind_the_prefix() {
        let rows = [
            ("", "/v2/x?a=b?c&", "https://api.example:8443/v2/x?a=b?c&"),
            ("/p", "/v2/x%2Fy?", "https://api.example:8443/p/v2/x%2Fy?"),
        ];
        for (prefix, target, expected) in rows {
            let uri = base(prefix).uri(&PathAndQuery::from_static(target)).unwrap();
            assert_eq!(uri.to_string(), expected);
        }
    }

    #[test]
    fn only_listed_fields_go_on_with_a_ticket() {
        let mut given = HeaderMap::new();
        for (name, value) in [
            ("authorization", "Bearer a"),
            ("accept-language", "es"),
            ("accept-language", "en"),
            ("accept", "text/html"),
            ("accept-encoding", "gzip"),
            ("cookie", "a=b"),
            ("x-http-method-override", "DELETE"),
            ("x-original-url", "/v2/support-tickets/2"),
            ("x-forwarded-host", "elsewhere"),
            ("if-none-match", "*"),
            ("range", "bytes=0-0"),
            ("cache-control", "no-cache"),
        ] {
            given.append(name, HeaderValue::from_static(value));
        }
        let uri = Uri::from_static("https://api.example/v2/support-tickets/1");
        let request = ReadRequest::ticket(uri, &given).to_request(&[]);
        let sent: Vec<_> =
            request.headers().iter().map(|(n, v)| (n.as_str(), v.as_bytes())).collect();
        let expected: Vec<(&str, &[u8])> = vec![
            ("accept-language", b"es"),
            ("accept-language", b"en"),
            ("authorization", b"Bearer a"),
            ("accept", b"application/json"),
            ("accept-encoding", b"identity"),
            ("via", b"1.1 verifik-gateway"),
        ];
        assert_eq!(sent, expected);
        assert!(request.headers()[AUTHORIZATION].is_sensitive());
    }

    #[test]
    fn every_end_to_end_field_goes_on_with_an_opaque_resource_and_conditions_if_they_are_wanted() {
        let mut given = HeaderMap::new();
        for (name, value) in [
            ("host", "gateway"),
            ("connection", "close"),
            ("te", "trailers"),
            ("content-length", "0"),
            ("cookie", "a=b"),
            ("accept-encoding", "gzip"),
            ("if-match", "\"c\""),
            ("if-none-match", "\"a\""),
            ("range", "bytes=0-0"),
            ("via", "1.0 elsewhere"),
        ] {
            given.append(name, HeaderValue::from_static(value));
        }
        let uri = Uri::from_static("https://api.example/x/1");
        let sent = |verbatim| {
            let request = ReadRequest::opaque(Method::HEAD, uri.clone(), &given, verbatim);
            let ours = [(IF_NONE_MATCH, HeaderValue::from_static("\"b\""))];
            let request = request.to_request(if verbatim { &[] } else { &ours });
            assert_eq!(request.method(), Method::HEAD);
            let lines = request.headers().iter();
            let lines = lines.map(|(n, v)| format!("{n}: {}", v.to_str().unwrap()));
            lines.collect::<Vec<_>>().join("|")
        };
        let both = "cookie: a=b|accept-encoding: gzip|if-match: \"c\"";
        let via = "via: 1.0 elsewhere|via: 1.1 verifik-gateway";
        let asked = "if-none-match: \"a\"|range: bytes=0-0";
        assert_eq!(sorted(&sent(true)), sorted(&format!("{both}|{asked}|{via}")));
        assert_eq!(sorted(&sent(false)), sorted(&format!("{both}|{via}|if-none-match: \"b\"")));
    }

    fn sorted(lines: &str) -> Vec<&str> {
        let mut lines: Vec<_> = lines.split('|').collect();
        lines.sort_unstable();
        lines
    }
}
