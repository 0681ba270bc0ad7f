//! `Proxy-Status`, RFC 9209: what went wrong, in words that tools know.

use crate::fields::cache_status::OUR_NAME;
use std::fmt;

/// One member of the `Proxy-Status` list: ours.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ProxyStatus {
    /// Section 2.1.1.
    pub error: ProxyError,
    /// Section 2.1.5: what the error type does not tell, in ASCII words of our own; no quotes, no
    /// backslashes.
    pub details: Option<&'static str>,
}

/// The error types of RFC 9209 section 2.3 that this gateway can meet.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ProxyError {
    /// Section 2.3.2.
    DnsError,
    /// Section 2.3.4.
    DestinationUnavailable,
    /// Section 2.3.7.
    ConnectionRefused,
    /// Section 2.3.8.
    ConnectionTerminated,
    /// Section 2.3.9.
    ConnectionTimeout,
    /// Section 2.3.10.
    ConnectionReadTimeout,
    /// Section 2.3.12.
    ConnectionLimitReached,
    /// Section 2.3.13.
    TlsProtocolError,
    /// Section 2.3.14.
    TlsCertificateError,
    /// Section 2.3.16.
    HttpRequestError,
    /// Section 2.3.17.
    HttpRequestDenied,
    /// Section 2.3.18.
    HttpResponseIncomplete,
    /// Section 2.3.21.
    HttpResponseBodySize,
    /// Section 2.3.26.
    HttpResponseTimeout,
    /// Section 2.3.28.
    HttpProtocolError,
    /// Section 2.3.30.
    ProxyInternalError,
}

impl ProxyError {
    /// The token of the registry.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DnsError => "dns_error",
            Self::DestinationUnavailable => "destination_unavailable",
            Self::ConnectionRefused => "connection_refused",
            Self::ConnectionTerminated => "connection_terminated",
            Self::ConnectionTimeout => "connection_timeout",
            Self::ConnectionReadTimeout => "connection_read_timeout",
            Self::ConnectionLimitReached => "connection_limit_reached",
            Self::TlsProtocolError => "tls_protocol_error",
            Self::TlsCertificateError => "tls_certificate_error",
            Self::HttpRequestError => "http_request_error",
            Self::HttpRequestDenied => "http_request_denied",
            Self::HttpResponseIncomplete => "http_response_incomplete",
            Self::HttpResponseBodySize => "http_response_body_size",
            Self::HttpResponseTimeout => "http_response_timeout",
            Self::HttpProtocolError => "http_protocol_error",
            Self::ProxyInternalError => "proxy_internal_error",
        }
    }
}

impl fmt::Display for ProxyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{OUR_NAME}; error={}", self.as_str())
    }
}

impl fmt::Display for ProxyStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { error, details } = self;
        error.fmt(f)?;
        match details {
            Some(details) => write!(f, "; details=\"{details}\""),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_a_structured_field() {
        let rows = [
            (ProxyError::ConnectionRefused, None, "error=connection_refused"),
            (ProxyError::DestinationUnavailable, None, "error=destination_unavailable"),
            (
                ProxyError::HttpRequestDenied,
                Some("rate limit"),
                "error=http_request_denied; details=\"rate limit\"",
            ),
            (
                ProxyError::HttpResponseTimeout,
                Some("total-timeout"),
                "error=http_response_timeout; details=\"total-timeout\"",
            ),
        ];
        for (error, details, expected) in rows {
            let expected = format!("verifik-gateway; {expected}");
            assert_eq!(ProxyStatus { error, details }.to_string(), expected, "{error:?}");
            assert_eq!(details.is_none(), error.to_string() == expected, "{error:?}");
        }
    }
}
