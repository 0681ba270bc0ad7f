//! A word of the gateway's own in HTTP's terms: JSON `{"code","message"}`, as the API's clients
//! expect of an error, and `Proxy-Status` (RFC 9209). Never the upstream's address, never an error's
//! own words, nothing of what the client sent.

use crate::fields::proxy_status::ProxyError;
use crate::fields::proxy_status::ProxyStatus;
use crate::fields::retry_after;
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
    /// Which of several rules, deadlines or limits it was, where `error` does not say.
    pub details: Option<&'static str>,
    /// Which one of several it is about, counted from 1.
    pub at: Option<usize>,
    /// When to come back.
    pub retry_after: Option<Duration>,
    /// The methods that are served instead of the one that was refused.
    pub allow: Option<&'static str>,
}

impl Notice {
    /// A word that leaves the connection as it is.
    pub const fn new(
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
            allow: None,
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
        if let Some(allow) = self.allow {
            // RFC 9110 section 15.5.6.
            fields.insert(ALLOW, HeaderValue::from_static(allow));
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
