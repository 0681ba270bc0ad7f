//! `Proxy-Status`, RFC 9209: what went wrong, in words that tools know.

use crate::fields::cache_status::OUR_NAME;
use std::fmt;

/// The error types of RFC 9209 section 2.3 that this gateway can meet.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ProxyError {
    /// Section 2.3.2.
    DnsError,
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
    /// Section 2.3.18.
    HttpResponseIncomplete,
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
            Self::ConnectionRefused => "connection_refused",
            Self::ConnectionTerminated => "connection_terminated",
            Self::ConnectionTimeout => "connection_timeout",
            Self::ConnectionReadTimeout => "connection_read_timeout",
            Self::ConnectionLimitReached => "connection_limit_reached",
            Self::TlsProtocolError => "tls_protocol_error",
            Self::TlsCertificateError => "tls_certificate_error",
            Self::HttpRequestError => "http_request_error",
            Self::HttpResponseIncomplete => "http_response_incomplete",
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_a_structured_field() {
        let printed = ProxyError::ConnectionRefused.to_string();
        assert_eq!(printed, "verifik-gateway; error=connection_refused");
    }
}
