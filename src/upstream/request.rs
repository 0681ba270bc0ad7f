//! What is sent upstream: built from the key's fields for resources, copied for other traffic.

use crate::fields::cache_status::OUR_NAME;
use crate::fields::hop_by_hop;
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
use http::header::ACCEPT_LANGUAGE;
use http::header::AUTHORIZATION;
use http::header::CONTENT_LENGTH;
use http::header::CONTENT_TYPE;
use http::header::EXPECT;
use http::header::HOST;
use http::header::ORIGIN;
use http::header::TRANSFER_ENCODING;
use http::header::USER_AGENT;
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

/// The request fields that go on with a read of a ticket. All others stay here: they are not in
/// the key, so they must not be able to change the answer (threats.md K3).
const SENT_ON: [HeaderName; 8] = [
    ACCEPT_LANGUAGE,
    AUTHORIZATION,
    CONTENT_TYPE,
    ORIGIN,
    USER_AGENT,
    HeaderName::from_static("x-request-id"),
    HeaderName::from_static("traceparent"),
    HeaderName::from_static("tracestate"),
];

/// A GET of a ticket, which may be sent more than once.
#[derive(Clone)]
pub struct TicketRequest {
    uri: Uri,
    fields: HeaderMap,
}

impl TicketRequest {
    /// Builds it from the client's fields.
    pub fn new(uri: Uri, given: &HeaderMap) -> Self {
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
        Self { uri, fields }
    }

    /// One request of it.
    pub fn to_request(&self) -> Request<RequestBody> {
        let mut request = Request::new(RequestBody::Empty);
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.fields.clone();
        request
    }
}

/// RFC 9110 section 7.6.3.
const OUR_VIA: &str = "1.1 verifik-gateway";
const _: () = assert!(OUR_VIA.len() == 4 + OUR_NAME.len());

/// A request that passes through: everything but the connection's own fields goes on. `Expect` is
/// answered on this side, when the body is first asked for (RFC 9110 section 10.1.1).
pub fn passing(
    method: Method,
    uri: Uri,
    mut fields: HeaderMap,
    body: RequestBody,
) -> Request<RequestBody> {
    hop_by_hop::strip(&mut fields);
    fields.remove(HOST);
    fields.remove(EXPECT);
    let read = matches!(method, Method::GET | Method::HEAD);
    if read && !body.is_end_stream() && !fields.contains_key(CONTENT_LENGTH) {
        // hyper takes the body of a GET for none where its length is not announced.
        fields.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    }
    if let Some(authorization) = fields.get_mut(AUTHORIZATION) {
        authorization.set_sensitive(true);
    }
    fields.append(VIA, HeaderValue::from_static(OUR_VIA));
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
        let request = TicketRequest::new(uri, &given).to_request();
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
}
