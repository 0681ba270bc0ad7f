//! The access line: one for each exchange, in the words of its `Cache-Status`.
//!
//! It names the route's template, never a path, a query, a credential or a body.

use crate::fields::cache_status::CacheStatus;
use crate::fields::cache_status::Handling;
use crate::fields::method;
use crate::fields::method::MethodFault;
use crate::fields::traceparent;
use crate::fields::traceparent::TraceId;
use crate::policy::rules::Access;
use http::HeaderMap;
use http::Method;
use http::StatusCode;
use std::time::Duration;

/// The target of access lines, which are written whatever the log's level is.
pub const TARGET: &str = "access";

/// One exchange, seen from the client's side.
pub struct Line<'a> {
    /// The method.
    pub method: &'a Method,
    /// The resource's name, or a word for the rest.
    pub route: &'a str,
    /// The status the client was sent.
    pub status: StatusCode,
    /// How the answer came to be.
    pub result: Outcome,
    /// From the request's head to the answer's.
    pub took: Duration,
    /// How much of that it stood in line for a turn upstream.
    pub queued: Duration,
    /// The trace that the client says it belongs to.
    pub trace_id: Option<TraceId>,
}

/// How an exchange came out.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// Answered, from the store or by the upstream.
    Answered(CacheStatus),
    /// Forwarded, and failed: the failure's word.
    Failed(CacheStatus, &'static str),
    /// Refused by the gateway itself: the reason's word.
    Own(&'static str),
    /// A page of the gateway's own, or a batch, whose tickets have no lines of their own.
    Page,
}

impl Outcome {
    /// Whether the upstream was asked, successfully or not.
    const fn was_forwarded(&self) -> bool {
        match self {
            Self::Answered(how) => matches!(how.handling, Handling::Forward { .. }),
            Self::Failed(..) => true,
            Self::Own(_) | Self::Page => false,
        }
    }
}

/// Whether an exchange that came out like this gets a line.
pub const fn wanted(access: Access, result: &Outcome) -> bool {
    match access {
        Access::All => true,
        Access::Forwarded => result.was_forwarded(),
        Access::Off => false,
    }
}

/// The trace to be named in the line of a request with these fields, if it may get one.
pub fn trace_id(access: Access, fields: &HeaderMap) -> Option<TraceId> {
    match access {
        Access::All | Access::Forwarded => traceparent::read(fields),
        Access::Off => None,
    }
}

/// Writes the line.
pub fn write(line: &Line<'_>) {
    let (how, error) = match line.result {
        Outcome::Answered(how) => (Some(how), None),
        Outcome::Failed(how, word) => (Some(how), Some(word)),
        Outcome::Own(word) => (None, Some(word)),
        Outcome::Page => (None, None),
    };
    let fwd_status = how.and_then(|how| match how.handling {
        Handling::Forward { status, .. } => status,
        Handling::Hit { .. } | Handling::Refused => None,
    });
    tracing::info!(
        target: TARGET,
        method = method_word(line.method),
        route = line.route,
        status = line.status.as_u16(),
        cache = how.map(|how| how.word()),
        fwd_status,
        stored = how.map(|how| how.stored),
        collapsed = how.map(|how| how.collapsed),
        detail = how.and_then(|how| how.detail),
        error,
        took_us = micros(line.took),
        queued_us = (!line.queued.is_zero()).then(|| micros(line.queued)),
        trace_id = line.trace_id.map(tracing::field::display),
    );
}

/// One that is served, or could be. What else stands in its place may be anything, a credential too.
fn method_word(method: &Method) -> &str {
    match method::check(method) {
        Ok(()) | Err(MethodFault::Forbidden) => method.as_str(),
        Err(MethodFault::Unknown) => "-",
    }
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::cache_status::ForwardReason;

    #[test]
    fn who_gets_a_line() {
        let miss = CacheStatus::forwarded(ForwardReason::UriMiss, Some(200));
        let hit = CacheStatus { handling: Handling::Hit { ttl: 1 }, ..miss };
        let rows = [
            (Outcome::Answered(hit), false),
            (Outcome::Answered(miss), true),
            (Outcome::Failed(miss, "connect"), true),
            (Outcome::Own("live"), false),
        ];
        for (outcome, forwarded) in rows {
            assert!(wanted(Access::All, &outcome), "{outcome:?}");
            assert!(!wanted(Access::Off, &outcome), "{outcome:?}");
            assert_eq!(wanted(Access::Forwarded, &outcome), forwarded, "{outcome:?}");
        }
    }
}
