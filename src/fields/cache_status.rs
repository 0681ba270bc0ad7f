//! `Cache-Status`, RFC 9211: how the response came to be. The same value is the answer's field,
//! the access line's `cache` and a metric's label.

use bytes::Bytes;
use http::HeaderValue;
use std::fmt;
use std::time::Duration;

/// The name under which this cache speaks of itself (RFC 9211 section 2), also in `Proxy-Status`.
pub const OUR_NAME: &str = "verifik-gateway";

/// One member of the `Cache-Status` list: ours.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct CacheStatus {
    /// Answered from the store, or forwarded.
    pub handling: Handling,
    /// Section 2.5.
    pub stored: bool,
    /// Section 2.6: it shared a forward that another request had begun.
    pub collapsed: bool,
    /// Section 2.8: why, in a word of our own.
    pub detail: Option<&'static str>,
}

/// Sections 2.1 to 2.4.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Handling {
    /// Answered from the store.
    Hit {
        /// Freshness left in seconds, negative once stale.
        ttl: i64,
    },
    /// Sent to the upstream.
    Forward {
        /// Why.
        reason: ForwardReason,
        /// What the upstream answered; `None` when it did not.
        status: Option<u16>,
        /// Freshness left in seconds of what is stored and stands in for the answer.
        ttl: Option<i64>,
    },
    /// Neither: the client wanted nothing asked, and nothing was stored.
    Refused,
}

/// Why a request went to the upstream: section 2.2.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ForwardReason {
    /// Not ours to answer: no credential, or another path.
    Bypass,
    /// The method is never answered from the store.
    Method,
    /// Nothing is stored under the key.
    UriMiss,
    /// What is stored under the key answers other requests (RFC 9111 section 4.1).
    VaryMiss,
    /// The request's directives asked for it.
    Request,
    /// What is stored is no longer fresh.
    Stale,
}

impl CacheStatus {
    /// A forward of which nothing was stored.
    pub const fn forwarded(reason: ForwardReason, status: Option<u16>) -> Self {
        let handling = Handling::Forward { reason, status, ttl: None };
        Self { handling, stored: false, collapsed: false, detail: None }
    }

    /// The word for the access line.
    pub const fn word(&self) -> &'static str {
        match self.handling {
            Handling::Hit { .. } => "hit",
            Handling::Forward { reason, .. } => reason.as_str(),
            Handling::Refused => "refused",
        }
    }
}

impl ForwardReason {
    /// The token of section 2.2.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bypass => "bypass",
            Self::Method => "method",
            Self::UriMiss => "uri-miss",
            Self::VaryMiss => "vary-miss",
            Self::Request => "request",
            Self::Stale => "stale",
        }
    }
}

impl CacheStatus {
    /// As a field value. The commonest, that of a hit, is put together by hand: the formatting
    /// machinery would cost more than the look-up.
    pub fn to_value(&self) -> Option<HeaderValue> {
        let Self { handling: Handling::Hit { ttl }, stored: false, collapsed: false, detail: None } =
            self
        else {
            return HeaderValue::from_maybe_shared(Bytes::from(self.to_string())).ok();
        };
        let mut digits = itoa::Buffer::new();
        let parts = [OUR_NAME, "; hit; ttl=", digits.format(*ttl)];
        let mut value = String::with_capacity(LONGEST_HIT);
        value.extend(parts);
        HeaderValue::from_maybe_shared(Bytes::from(value)).ok()
    }
}

/// Our name, the words of a hit, and the longest number.
const LONGEST_HIT: usize = OUR_NAME.len() + 11 + 20;

impl fmt::Display for CacheStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(OUR_NAME)?;
        match self.handling {
            Handling::Hit { ttl } => write!(f, "; hit; ttl={ttl}")?,
            Handling::Forward { reason, status, ttl } => {
                write!(f, "; fwd={}", reason.as_str())?;
                if let Some(status) = status {
                    write!(f, "; fwd-status={status}")?;
                }
                if let Some(ttl) = ttl {
                    write!(f, "; ttl={ttl}")?;
                }
            }
            Handling::Refused => {}
        }
        if self.stored {
            f.write_str("; stored")?;
        }
        if self.collapsed {
            f.write_str("; collapsed")?;
        }
        if let Some(detail) = self.detail {
            write!(f, "; detail={detail}")?;
        }
        Ok(())
    }
}

/// Freshness left in whole seconds, negative once stale: section 2.4.
pub fn ttl(lifetime: Duration, age: Duration) -> i64 {
    let signed = |span: Duration| i64::try_from(span.as_secs()).unwrap_or(i64::MAX);
    match lifetime.checked_sub(age) {
        Some(left) => signed(left),
        None => -signed(age.saturating_sub(lifetime)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_as_the_design_has_it() {
        let miss = CacheStatus::forwarded(ForwardReason::UriMiss, Some(200));
        let hit = CacheStatus { handling: Handling::Hit { ttl: 9 }, ..miss };
        let rows = [
            (
                CacheStatus { stored: true, ..miss },
                "verifik-gateway; fwd=uri-miss; fwd-status=200; stored",
            ),
            (
                CacheStatus { collapsed: true, ..miss },
                "verifik-gateway; fwd=uri-miss; fwd-status=200; collapsed",
            ),
            (hit, "verifik-gateway; hit; ttl=9"),
            (
                CacheStatus { detail: Some("not-found"), ..hit },
                "verifik-gateway; hit; ttl=9; detail=not-found",
            ),
            (CacheStatus::forwarded(ForwardReason::Method, None), "verifik-gateway; fwd=method"),
            (
                CacheStatus {
                    handling: Handling::Forward {
                        reason: ForwardReason::Stale,
                        status: Some(503),
                        ttl: Some(-12),
                    },
                    detail: Some("stale-if-error"),
                    ..miss
                },
                "verifik-gateway; fwd=stale; fwd-status=503; ttl=-12; detail=stale-if-error",
            ),
            (
                CacheStatus { handling: Handling::Refused, detail: Some("only-if-cached"), ..miss },
                "verifik-gateway; detail=only-if-cached",
            ),
            (
                CacheStatus {
                    detail: Some("no-credential"),
                    ..CacheStatus::forwarded(ForwardReason::Bypass, Some(401))
                },
                "verifik-gateway; fwd=bypass; fwd-status=401; detail=no-credential",
            ),
        ];
        for (status, expected) in rows {
            assert_eq!(status.to_string(), expected);
            assert_eq!(status.to_value().unwrap(), expected);
        }
    }

    #[test]
    fn freshness_left_is_negative_once_stale() {
        let span = Duration::from_millis;
        for (lifetime, age, left) in
            [(15_000, 4_200, 10), (15_000, 15_000, 0), (15_000, 27_000, -12), (0, 0, 0)]
        {
            assert_eq!(ttl(span(lifetime), span(age)), left, "{lifetime} {age}");
        }
        assert_eq!(ttl(Duration::ZERO, Duration::MAX), -i64::MAX);
    }
}
