//! What the gateway says for itself: which status each refusal and each failure becomes, decided
//! here and nowhere else. JSON `{"code","message"}`, as the API's clients expect of an error, and
//! `Proxy-Status` (RFC 9209). Never the upstream's address, never an error's own words.

use crate::api::listing::Unlisted;
use crate::fields::proxy_status::ProxyError;
use crate::fields::proxy_status::ProxyStatus;
use crate::fields::retry_after;
use crate::upstream::failure::Failure;
use bytes::Bytes;
use http::HeaderMap;
use http::HeaderName;
use http::HeaderValue;
use http::StatusCode;
use http::header::ALLOW;
use http::header::CONNECTION;
use http::header::CONTENT_TYPE;
use http::header::RETRY_AFTER;
use http::header::WWW_AUTHENTICATE;
use std::time::Duration;

/// Why a request is not forwarded.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Refusal {
    /// CONNECT or TRACE.
    MethodForbidden,
    /// A method that is no method: not 1 to 32 capitals and dashes.
    MethodUnknown,
    /// A target in no form that is served here, or for another host.
    Target,
    /// A target longer than `listen.max_target_bytes`.
    TargetTooLong,
    /// A path that means a resource only to some of its readers.
    AmbiguousPath,
    /// `Host` is missing, repeated, or no host.
    Host,
    /// More than one `Authorization`.
    TwoCredentials,
    /// A body framed in a way that readers may disagree about.
    Framing,
    /// `Connection` names a field that must reach the upstream.
    ConnectionNames,
    /// A body on a read of a resource.
    BodyOnRead,
    /// `Expect` on a read of a resource.
    Expect,
    /// A body longer than `listen.max_request_body`.
    BodyTooLong,
    /// Nothing of ours under `/_gateway/` has this name.
    NoSuchPage,
    /// The path of batches, with another method than POST.
    BatchMethod,
    /// A batch without `Authorization`.
    BatchCredential,
    /// A batch whose body is no list of ids.
    BatchBody(Unlisted),
    /// A batch whose body took too long to come, or broke off.
    BatchBroken,
    /// Too many batches are under way already.
    BatchFull,
    /// The client wants a stored response or none, and none will do (RFC 9111 section 5.2.1.7).
    NotStored,
}

/// A refusal or failure in HTTP's terms.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Notice {
    /// The status.
    pub status: StatusCode,
    /// For programs: constant, never localised.
    pub code: &'static str,
    /// For people.
    pub message: &'static str,
    /// RFC 9209's word for it.
    pub error: ProxyError,
    /// Whether nothing that follows on the connection can be trusted.
    pub close: bool,
    /// Which of several deadlines or limits it was, where `error` does not say.
    pub details: Option<&'static str>,
    /// Which one of several it is about, counted from 1.
    pub at: Option<usize>,
    /// When to come back.
    pub retry_after: Option<Duration>,
}

impl Notice {
    const fn new(
        status: StatusCode,
        code: &'static str,
        error: ProxyError,
        message: &'static str,
    ) -> Self {
        Self {
            status,
            code,
            message,
            error,
            details: None,
            at: None,
            close: false,
            retry_after: None,
        }
    }

    /// The fields to answer with.
    pub fn fields(&self) -> HeaderMap {
        let mut fields = HeaderMap::with_capacity(8);
        fields.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let proxy_status = ProxyStatus { error: self.error, details: self.details }.to_string();
        if let Ok(error) = HeaderValue::from_maybe_shared(Bytes::from(proxy_status)) {
            fields.insert(PROXY_STATUS, error);
        }
        if self.close {
            fields.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        if let Some(pause) = self.retry_after {
            fields.insert(RETRY_AFTER, retry_after::to_value(pause));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            // RFC 9110 section 15.5.2.
            fields.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if self.status == StatusCode::METHOD_NOT_ALLOWED {
            // RFC 9110 section 15.5.6; unknown methods go on, so this cannot be the whole list.
            let of_all = "GET, HEAD, OPTIONS, POST, PUT, PATCH, DELETE";
            let of_batches = self.code == Refusal::BatchMethod.as_str();
            let allowed = if of_batches { "POST" } else { of_all };
            fields.insert(ALLOW, HeaderValue::from_static(allowed));
        }
        fields
    }

    /// The body to answer with.
    pub fn body(&self) -> String {
        let at = self.at.map(|at| format!("Id {at}: ")).unwrap_or_default();
        format!(r#"{{"code":"{}","message":"{at}{}"}}"#, self.code, self.message)
    }
}

const PROXY_STATUS: HeaderName = HeaderName::from_static("proxy-status");

impl Refusal {
    /// In HTTP's terms.
    pub const fn notice(self) -> Notice {
        let (status, code) = self.status_and_code();
        let notice = Notice::new(status, code, ProxyError::HttpRequestError, self.message());
        // After these the connection is as good as before.
        let sound = matches!(
            self,
            Self::NoSuchPage
                | Self::NotStored
                | Self::BatchMethod
                | Self::BatchCredential
                | Self::BatchBody(_)
        );
        // Of a body that is too long the rest is still to come.
        let unread = matches!(self, Self::BatchBody(Unlisted::TooMany));
        let at = if let Self::BatchBody(Unlisted::NotAnId(at)) = self { Some(at) } else { None };
        let notice = Notice { close: !sound || unread, at, ..notice };
        match self {
            Self::BatchFull => {
                let error = ProxyError::ConnectionLimitReached;
                Notice { error, retry_after: Some(SOON), ..notice }
            }
            _ => notice,
        }
    }

    /// The word for the access line.
    pub const fn as_str(self) -> &'static str {
        self.status_and_code().1
    }

    const fn status_and_code(self) -> (StatusCode, &'static str) {
        const BAD: StatusCode = StatusCode::BAD_REQUEST;
        match self {
            Self::MethodForbidden => (StatusCode::METHOD_NOT_ALLOWED, "GATEWAY_METHOD_NOT_ALLOWED"),
            Self::MethodUnknown => (StatusCode::NOT_IMPLEMENTED, "GATEWAY_METHOD_UNKNOWN"),
            Self::Target => (BAD, "GATEWAY_BAD_TARGET"),
            Self::TargetTooLong => (StatusCode::URI_TOO_LONG, "GATEWAY_TARGET_TOO_LONG"),
            Self::AmbiguousPath => (BAD, "GATEWAY_AMBIGUOUS_PATH"),
            Self::Host => (BAD, "GATEWAY_BAD_HOST"),
            Self::TwoCredentials => (BAD, "GATEWAY_TWO_CREDENTIALS"),
            Self::Framing => (BAD, "GATEWAY_BAD_FRAMING"),
            Self::ConnectionNames => (BAD, "GATEWAY_BAD_CONNECTION_FIELD"),
            Self::BodyOnRead => (BAD, "GATEWAY_BODY_ON_READ"),
            Self::Expect => (StatusCode::EXPECTATION_FAILED, "GATEWAY_EXPECTATION"),
            Self::BodyTooLong => (StatusCode::PAYLOAD_TOO_LARGE, "GATEWAY_BODY_TOO_LONG"),
            Self::NoSuchPage => (StatusCode::NOT_FOUND, "GATEWAY_NO_SUCH_PAGE"),
            Self::NotStored => (StatusCode::GATEWAY_TIMEOUT, "GATEWAY_NOT_STORED"),
            Self::BatchMethod => (StatusCode::METHOD_NOT_ALLOWED, "GATEWAY_BATCH_METHOD"),
            Self::BatchCredential => (StatusCode::UNAUTHORIZED, "GATEWAY_NO_CREDENTIAL"),
            Self::BatchBody(Unlisted::TooMany) => {
                (StatusCode::PAYLOAD_TOO_LARGE, "GATEWAY_TOO_MANY_IDS")
            }
            Self::BatchBody(_) => (BAD, "GATEWAY_BAD_IDS"),
            Self::BatchBroken => (BAD, "GATEWAY_REQUEST_BROKEN"),
            Self::BatchFull => (StatusCode::SERVICE_UNAVAILABLE, "GATEWAY_FULL"),
        }
    }

    const fn message(self) -> &'static str {
        match self {
            Self::MethodForbidden => "This method is not served here.",
            Self::MethodUnknown => "A method is 1 to 32 capital letters and dashes.",
            Self::Target => "The target must be a path, or a URL whose host is that of Host.",
            Self::TargetTooLong => "The request target is longer than this gateway takes.",
            Self::AmbiguousPath => "The path can be read in two ways: send it without escapes.",
            Self::Host => "There must be one Host field, and it a host.",
            Self::TwoCredentials => "There is more than one Authorization field.",
            Self::Framing => "A request body is framed once: by its length, or in chunks.",
            Self::ConnectionNames => "Connection names a field that cannot be dropped.",
            Self::BodyOnRead => "A GET or HEAD of a resource takes no body.",
            Self::Expect => "A GET or HEAD of a resource takes no Expect.",
            Self::BodyTooLong => "The request body is longer than this gateway takes.",
            Self::NoSuchPage => "Nothing of the gateway's own has this name.",
            Self::BatchMethod => "Batches are sent with POST.",
            Self::BatchCredential => "A batch asks with its own Authorization, and has none.",
            Self::BatchBody(Unlisted::NotText) => "The list of ids is not UTF-8.",
            Self::BatchBody(Unlisted::NoIds) => {
                "The body must be an object with a list of strings named ids and nothing else, or one \
                 id on each line."
            }
            Self::BatchBody(Unlisted::Empty) => "The list of ids is empty.",
            Self::BatchBody(Unlisted::TooMany) => {
                "These are more ids than batch.max_ids allows at once."
            }
            Self::BatchBody(Unlisted::NotAnId(_)) => {
                "This is not an id: 1 to 128 letters, digits, underscores or dashes."
            }
            Self::BatchFull => "Too many batches are under way already.",
            Self::BatchBroken => "The list of ids broke off, or took too long to come.",
            Self::NotStored => "Nothing stored answers this, and only-if-cached forbids to ask.",
        }
    }
}

/// When to come back if nothing better is known.
const SOON: Duration = Duration::from_secs(1);

/// A failure in HTTP's terms.
pub const fn notice(failure: Failure) -> Notice {
    let (status, code, error) = status_code_and_error(failure);
    let notice = Notice::new(status, code, error, message(failure));
    match failure {
        // The rest of the request's body may still be on its way.
        Failure::RequestTooLong | Failure::RequestBroken => Notice { close: true, ..notice },
        Failure::Full => Notice { retry_after: Some(SOON), ..notice },
        Failure::Paced(pause) | Failure::Open(pause) => {
            Notice { retry_after: Some(pause), ..notice }
        }
        // RFC 9209 has one word for both: section 2.3.26.
        Failure::TotalTimeout => Notice { details: Some("total-timeout"), ..notice },
        _ => notice,
    }
}

const fn status_code_and_error(failure: Failure) -> (StatusCode, &'static str, ProxyError) {
    use ProxyError as Error;
    const BAD: StatusCode = StatusCode::BAD_GATEWAY;
    const LATE: StatusCode = StatusCode::GATEWAY_TIMEOUT;
    match failure {
        Failure::Name => (BAD, "GATEWAY_NAME_FAILED", Error::DnsError),
        Failure::Connect => (BAD, "GATEWAY_CONNECT_FAILED", Error::ConnectionRefused),
        Failure::ConnectTimeout => (LATE, "GATEWAY_CONNECT_TIMEOUT", Error::ConnectionTimeout),
        Failure::Tls => (BAD, "GATEWAY_TLS_FAILED", Error::TlsProtocolError),
        Failure::Certificate => (BAD, "GATEWAY_CERTIFICATE_REFUSED", Error::TlsCertificateError),
        Failure::Reset => (BAD, "GATEWAY_UPSTREAM_RESET", Error::ConnectionTerminated),
        Failure::Malformed => (BAD, "GATEWAY_UPSTREAM_MALFORMED", Error::HttpProtocolError),
        Failure::Truncated => (BAD, "GATEWAY_UPSTREAM_TRUNCATED", Error::HttpResponseIncomplete),
        Failure::AnswerTimeout => (LATE, "GATEWAY_ANSWER_TIMEOUT", Error::HttpResponseTimeout),
        Failure::TooLong => (BAD, "GATEWAY_ANSWER_TOO_LONG", Error::HttpResponseBodySize),
        Failure::BodyTimeout => (LATE, "GATEWAY_BODY_TIMEOUT", Error::ConnectionReadTimeout),
        Failure::TotalTimeout => (LATE, "GATEWAY_TOTAL_TIMEOUT", Error::HttpResponseTimeout),
        Failure::Full => {
            (StatusCode::SERVICE_UNAVAILABLE, "GATEWAY_FULL", Error::ConnectionLimitReached)
        }
        Failure::Paced(_) => {
            (StatusCode::TOO_MANY_REQUESTS, "GATEWAY_RATE_LIMITED", Error::HttpRequestDenied)
        }
        Failure::Open(_) => (
            StatusCode::SERVICE_UNAVAILABLE,
            "GATEWAY_UPSTREAM_UNAVAILABLE",
            Error::DestinationUnavailable,
        ),
        Failure::RequestTooLong => {
            (StatusCode::PAYLOAD_TOO_LARGE, "GATEWAY_BODY_TOO_LONG", Error::HttpRequestError)
        }
        Failure::RequestBroken => {
            (StatusCode::BAD_REQUEST, "GATEWAY_REQUEST_BROKEN", Error::HttpRequestError)
        }
        Failure::Dropped => {
            (StatusCode::INTERNAL_SERVER_ERROR, "GATEWAY_INTERNAL", Error::ProxyInternalError)
        }
    }
}

const fn message(failure: Failure) -> &'static str {
    match failure {
        Failure::Name => "The API's name is not known.",
        Failure::Connect => "The API takes no connection.",
        Failure::ConnectTimeout => "The API took too long to take a connection.",
        Failure::Tls => "No secure connection to the API could be made.",
        Failure::Certificate => "The API's certificate is not to be trusted.",
        Failure::Reset => "The API closed the connection without an answer.",
        Failure::Malformed => "The API's answer could not be understood.",
        Failure::Truncated => "The API's answer broke off.",
        Failure::AnswerTimeout => "The API took too long to answer.",
        Failure::TooLong => "The API's answer is too long for a line of a batch.",
        Failure::BodyTimeout => "The API's answer stood still.",
        Failure::TotalTimeout => "The API's answer took too long.",
        Failure::Full => "Too many requests wait for the API already.",
        Failure::Paced(_) => "The API's rate limit leaves no room in the time this request waits.",
        Failure::Open(_) => "The API keeps failing and is left alone for a moment.",
        Failure::RequestTooLong => "The request body is longer than this gateway takes.",
        Failure::RequestBroken => "The request body broke off.",
        Failure::Dropped => "The gateway lost this request.",
    }
}
