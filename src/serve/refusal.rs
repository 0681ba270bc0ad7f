//! What the gateway says for itself: which status each refusal and each failure becomes, decided
//! here and nowhere else.

use crate::api::listing::Unlisted;
use crate::api::route::Ambiguity;
use crate::fields::framing::FramingFault;
use crate::fields::host::HostFault;
use crate::fields::method::MethodFault;
use crate::fields::proxy_status::ProxyError;
use crate::fields::request_fields::FieldsFault;
use crate::fields::target::TargetFault;
use crate::serve::notice::Notice;
use crate::upstream::failure::Failure;
use http::StatusCode;
use std::time::Duration;

/// Why a request is not forwarded.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Refusal {
    /// A method that is not served.
    Method(MethodFault),
    /// A target in no form that is served here, too long, or for another host.
    Target(TargetFault),
    /// A path that means a resource only to some of its readers, or that holds what no path has.
    AmbiguousPath(Ambiguity),
    /// `Host` is missing, repeated, or no host.
    Host(HostFault),
    /// A field that must be said once is said twice, or taken back by `Connection`.
    Fields(FieldsFault),
    /// A body framed in a way that readers may disagree about.
    Framing(FramingFault),
    /// A body on a read of a resource, or of a page of the gateway's own.
    BodyOnRead,
    /// `Expect` on a read of a resource.
    Expect,
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

impl Refusal {
    /// In HTTP's terms. Whoever sends what is refused may mean by what follows something else than
    /// is read here, and of a body that was refused the rest is still to come: the connection ends.
    pub const fn notice(self) -> Notice {
        let (status, code) = self.status_and_code();
        let notice = Notice::new(status, code, ProxyError::HttpRequestError, self.message());
        let notice = Notice { close: true, details: self.details(), ..notice };
        match self {
            // An answer, if an empty one: nothing was wrong with the request.
            Self::NotStored => Notice { close: false, ..notice },
            Self::Method(MethodFault::Forbidden) => Notice { allow: Some(SERVED), ..notice },
            Self::BatchMethod => Notice { allow: Some("POST"), ..notice },
            Self::BatchBody(Unlisted::NotAnId(at)) => Notice { at: Some(at), ..notice },
            Self::BatchFull => Notice {
                error: ProxyError::ConnectionLimitReached,
                retry_after: Some(SOON),
                ..notice
            },
            _ => notice,
        }
    }

    /// Which rule it was, where several end in one code.
    const fn details(self) -> Option<&'static str> {
        match self {
            Self::Target(fault) => Some(fault.as_str()),
            Self::Host(fault) => Some(fault.as_str()),
            Self::Framing(fault) => Some(fault.as_str()),
            Self::AmbiguousPath(ambiguity) => Some(ambiguity.as_str()),
            _ => None,
        }
    }

    /// The word for the access line.
    pub const fn as_str(self) -> &'static str {
        self.status_and_code().1
    }

    const fn status_and_code(self) -> (StatusCode, &'static str) {
        const BAD: StatusCode = StatusCode::BAD_REQUEST;
        match self {
            Self::Method(MethodFault::Forbidden) => {
                (StatusCode::METHOD_NOT_ALLOWED, "GATEWAY_METHOD_NOT_ALLOWED")
            }
            Self::Method(MethodFault::Unknown) => {
                (StatusCode::NOT_IMPLEMENTED, "GATEWAY_METHOD_UNKNOWN")
            }
            Self::Target(TargetFault::TooLong) => {
                (StatusCode::URI_TOO_LONG, "GATEWAY_TARGET_TOO_LONG")
            }
            Self::Target(_) => (BAD, "GATEWAY_BAD_TARGET"),
            Self::AmbiguousPath(_) => (BAD, "GATEWAY_AMBIGUOUS_PATH"),
            Self::Host(_) => (BAD, "GATEWAY_BAD_HOST"),
            Self::Fields(FieldsFault::TwoCredentials) => (BAD, "GATEWAY_TWO_CREDENTIALS"),
            Self::Fields(FieldsFault::ConnectionNames) => (BAD, "GATEWAY_BAD_CONNECTION_FIELD"),
            Self::Framing(_) => (BAD, "GATEWAY_BAD_FRAMING"),
            Self::BodyOnRead => (BAD, "GATEWAY_BODY_ON_READ"),
            Self::Expect => (StatusCode::EXPECTATION_FAILED, "GATEWAY_EXPECTATION"),
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
            Self::Method(fault) => fault.message(),
            Self::Target(fault) => fault.message(),
            Self::AmbiguousPath(Ambiguity::ControlOctet) => {
                "The path holds a control character, written or encoded."
            }
            Self::AmbiguousPath(Ambiguity::HiddenResource) => {
                "The path can be read in two ways: send it without escapes."
            }
            Self::Host(fault) => fault.message(),
            Self::Fields(fault) => fault.message(),
            Self::Framing(fault) => fault.message(),
            Self::BodyOnRead => {
                "A GET or HEAD of a resource or of the gateway itself takes no body."
            }
            Self::Expect => "A GET or HEAD of a resource takes no Expect.",
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

/// Unknown methods go on too, so this cannot be the whole list.
const SERVED: &str = "GET, HEAD, OPTIONS, POST, PUT, PATCH, DELETE";

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
