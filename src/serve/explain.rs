//! Why a read was, or was not, answered from the store: what `X-Gateway-Explain: 1` asks for, told in a
//! field of that name in the reply. These are the decisions themselves and what they rest on, printed:
//! nothing is decided here.

use crate::base::time::Timestamp;
use crate::cache::exchange::Asking;
use crate::cache::state::Cache;
use crate::cache::state::Seen;
use crate::fields::cache_status;
use crate::policy::freshness::Staleness;
use crate::policy::reuse::Plan;
use bytes::Bytes;
use http::HeaderMap;
use http::HeaderName;
use http::HeaderValue;
use http::Method;
use http::header::AUTHORIZATION;
use std::fmt;
use std::fmt::Write;
use std::time::Duration;

/// The field, in the request and in the reply.
pub const EXPLAIN: HeaderName = HeaderName::from_static("x-gateway-explain");

/// Whether a GET asks for it, with a credential of its own.
pub fn is_wanted(method: &Method, fields: &HeaderMap) -> bool {
    let mut lines = fields.get_all(EXPLAIN).iter();
    let asked = lines.next().is_some_and(|line| line == "1") && lines.next().is_none();
    asked && *method == Method::GET && fields.contains_key(AUTHORIZATION)
}

/// What is decided about a read at `now`, and on what that rests: an RFC 8941 dictionary, times in
/// seconds.
pub fn explanation(cache: &Cache, asking: &Asking<'_>, now: Timestamp) -> Option<HeaderValue> {
    let (seen, plan) = cache.decide(asking, now);
    let mut text = String::new();
    write(&mut text, cache, asking, &seen, plan, now).ok()?;
    HeaderValue::from_maybe_shared(Bytes::from(text)).ok()
}

fn write(
    text: &mut String,
    cache: &Cache,
    asking: &Asking<'_>,
    seen: &Seen,
    plan: Plan,
    now: Timestamp,
) -> fmt::Result {
    write!(text, "plan={}", plan.as_str())?;
    match plan {
        Plan::Reuse(besides) => write!(text, ", besides={}", besides.as_str())?,
        Plan::Forward(why) | Plan::ForwardAnew(why) | Plan::ForwardAlone(why) => {
            write!(text, ", reason={}", why.as_str())?;
        }
        Plan::Prove | Plan::Refuse => {}
    }
    write_stored(text, seen, now)?;
    let credential = asking.inquiry.credential.tag();
    write!(text, ", lease={}", seen.authority.as_str())?;
    let terms = asking.regime.rules.lease;
    if let Some(left) = cache.leases.left(credential, terms, now) {
        write!(text, ", lease-left={}", Seconds(left))?;
    }
    match cache.queue.rate(credential) {
        Some(rate) => write!(text, ", budget={rate:.3}")?,
        None => write!(text, ", budget=unpaced")?,
    }
    let (waiting, under_way) = cache.queue.load();
    write!(text, ", waiting={waiting}, under-way={under_way}")?;
    write!(text, ", breaker={}", cache.fuse.position(now).as_str())
}

/// What is known of what is stored.
fn write_stored(text: &mut String, seen: &Seen, now: Timestamp) -> fmt::Result {
    let Some(stored) = &seen.found.stored else {
        return text.write_str(", stored=?0");
    };
    let facts = &stored.facts;
    let age = facts.current_age(now);
    let ttl = cache_status::ttl(facts.lifetime, age);
    write!(text, ", stored=?1, age={}, lifetime={}", Seconds(age), Seconds(facts.lifetime))?;
    write!(text, ", source={}, ttl={ttl}", facts.source.as_str())?;
    match facts.stale {
        Staleness::Forbidden => text.write_str(", stale=never")?,
        Staleness::Allowed { while_revalidate, if_error, .. } => {
            let (one, other) = (Seconds(while_revalidate), Seconds(if_error));
            write!(text, ", stale-while-revalidate={one}, stale-if-error={other}")?;
        }
    }
    if facts.negative {
        text.write_str(", not-found")?;
    }
    if facts.always_validate {
        text.write_str(", no-cache")?;
    }
    if !facts.is_authorised(now) {
        text.write_str(", credential-ended")?;
    }
    let covered = stored.asked.is_covered_by(seen.found.mark);
    write!(text, ", mark={}", if covered { "covers" } else { "none" })
}

/// Seconds with three decimals, as RFC 8941 section 3.3.2 has them.
struct Seconds(Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}", self.0.as_secs().min(LONGEST), self.0.subsec_millis())
    }
}

/// RFC 8941 has twelve digits before the point.
const LONGEST: u64 = 999_999_999_999;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_get_with_a_credential_that_says_1_is_explained() {
        for (method, lines, expected) in [
            (Method::GET, &[("authorization", "a"), ("x-gateway-explain", "1")][..], true),
            (Method::HEAD, &[("authorization", "a"), ("x-gateway-explain", "1")], false),
            (Method::GET, &[("x-gateway-explain", "1")], false),
            (Method::GET, &[("authorization", "a")], false),
            (Method::GET, &[("authorization", "a"), ("x-gateway-explain", "0")], false),
            (Method::GET, &[("authorization", "a"), ("x-gateway-explain", "11")], false),
            (
                Method::GET,
                &[("authorization", "a"), ("x-gateway-explain", "1"), ("x-gateway-explain", "1")],
                false,
            ),
        ] {
            let mut fields = HeaderMap::new();
            for (name, value) in lines {
                fields.append(*name, HeaderValue::from_static(value));
            }
            assert_eq!(is_wanted(&method, &fields), expected, "{method} {lines:?}");
        }
    }

    #[test]
    fn seconds_have_three_decimals() {
        for (span, expected) in [
            (Duration::ZERO, "0.000"),
            (Duration::from_millis(1_005), "1.005"),
            (Duration::MAX, "999999999999.999"),
        ] {
            assert_eq!(Seconds(span).to_string(), expected);
        }
    }
}
