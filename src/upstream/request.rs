//! What is sent upstream: built from the key's fields for resources, copied for other traffic.

use crate::fields::cache_status::OUR_NAME;
use crate::fields::hop_by_hop;
use crate::upstream::failure::Failure;
use bytes::Bytes;
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
use http_body::Frame;
use http_body::SizeHint;
use hyper::body::Incoming;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::task::Context;
use std::task::Poll;
use std::task::ready;
use tokio::time::Instant;

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

/// The body of a request to the upstream.
pub enum RequestBody {
    /// None.
    Empty,
    /// The client's, as it comes.
    Passing(Passing),
}

/// A client's body on its way through.
pub struct Passing {
    incoming: Incoming,
    /// Octets that may still come; `None` for any number.
    left: Option<u64>,
    progress: Arc<Progress>,
    copy: Option<Arc<BodyCopy>>,
}

/// When a body last got on, so that a deadline can tell a slow upload from a silent one, and
/// whether it has come to its end.
#[derive(Debug)]
pub struct Progress {
    last: Mutex<Instant>,
    ended: AtomicBool,
}

/// The beginning of a body, kept while it passes.
#[derive(Debug)]
pub struct BodyCopy {
    kept: Mutex<Kept>,
    limit: usize,
}

#[derive(Debug, Default)]
struct Kept {
    octets: Vec<u8>,
    complete: bool,
}

impl Passing {
    /// Passes `incoming` on: at most `limit` octets, noted in `progress`, its beginning kept in
    /// `copy`.
    pub const fn new(
        incoming: Incoming,
        limit: Option<u64>,
        progress: Arc<Progress>,
        copy: Option<Arc<BodyCopy>>,
    ) -> Self {
        Self { incoming, left: limit, progress, copy }
    }

    fn pass(&mut self, data: &Bytes) -> Result<(), Failure> {
        self.progress.note();
        if let Some(left) = &mut self.left {
            let length = u64::try_from(data.len()).unwrap_or(u64::MAX);
            *left = left.checked_sub(length).ok_or(Failure::RequestTooLong)?;
        }
        if let Some(copy) = &self.copy {
            copy.keep(data);
        }
        Ok(())
    }

    fn end(&self) {
        self.progress.ended.store(true, Ordering::Release);
        if let Some(copy) = &self.copy {
            copy.lock().complete = true;
        }
    }
}

impl Progress {
    /// Begins now.
    pub fn begin() -> Self {
        Self { last: Mutex::new(now()), ended: AtomicBool::new(false) }
    }

    /// When a part last passed; until one does, the beginning.
    pub fn last(&self) -> Instant {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether all of the body has passed.
    pub fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    fn note(&self) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = now();
    }
}

#[expect(clippy::disallowed_methods, reason = "the runtime's timers run on the runtime's clock")]
fn now() -> Instant {
    Instant::now()
}

impl BodyCopy {
    /// Room for `limit` octets.
    pub fn new(limit: usize) -> Self {
        Self { kept: Mutex::default(), limit }
    }

    /// The whole body, if it has passed whole and had room.
    pub fn whole(&self) -> Option<Vec<u8>> {
        let kept = self.lock();
        (kept.complete && kept.octets.len() <= self.limit).then(|| kept.octets.clone())
    }

    fn keep(&self, data: &[u8]) {
        let mut kept = self.lock();
        // One octet more than the limit says that there was no room for all.
        let room = self.limit.saturating_add(1).saturating_sub(kept.octets.len());
        kept.octets.extend(data.iter().take(room));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        let Self::Passing(passing) = self.get_mut() else { return Poll::Ready(None) };
        loop {
            match ready!(Pin::new(&mut passing.incoming).poll_frame(cx)) {
                None => {
                    passing.end();
                    return Poll::Ready(None);
                }
                Some(Err(_)) => return Poll::Ready(Some(Err(Failure::RequestBroken))),
                Some(Ok(frame)) => {
                    // Trailers are dropped (threats.md T1).
                    if let Ok(data) = frame.into_data() {
                        let passed = passing.pass(&data).map(|()| Frame::data(data));
                        if passing.incoming.is_end_stream() {
                            // hyper does not ask a body of known length for its end.
                            passing.end();
                        }
                        return Poll::Ready(Some(passed));
                    }
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Passing(passing) => passing.incoming.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Passing(passing) => passing.incoming.size_hint(),
        }
    }
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

    #[test]
    fn a_kept_body_that_does_not_fit_is_not_taken_for_whole() {
        let copy = BodyCopy::new(4);
        copy.keep(b"abc");
        assert_eq!(copy.whole(), None, "not ended yet");
        copy.lock().complete = true;
        assert_eq!(copy.whole(), Some(b"abc".to_vec()));
        copy.keep(b"de");
        assert_eq!(copy.whole(), None, "longer than its room");
        copy.keep(&[0; 100]);
        assert_eq!(copy.lock().octets.len(), 5);
    }
}
