//! May the stored response answer this request? RFC 9111 section 4.

use crate::base::time::Timestamp;
use crate::fields::cache_control::RequestDirectives;
use crate::fields::cache_status::ForwardReason;
use crate::policy::freshness::Facts;
use crate::policy::order::Turn;
use http::HeaderMap;
use http::HeaderValue;
use http::header::ACCEPT;
use http::header::ACCEPT_ENCODING;
use http::header::ACCEPT_LANGUAGE;
use http::header::AUTHORIZATION;
use http::header::ORIGIN;
use http::header::VARY;

/// What to do about a request, before anything is sent upstream.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Plan {
    /// Answer from the store.
    Reuse,
    /// Ask the upstream; share the answer with whoever asks the same meanwhile.
    Forward(ForwardReason),
    /// Ask the upstream for this request alone: it wants an answer asked for after it came, and
    /// a forward already under way was asked for before.
    ForwardAlone(ForwardReason),
}

/// Decides. `stored` is what is found under the request's key with the turn at which it was asked
/// for; `mark` is the newest mark over that key.
pub fn plan(
    asked: RequestDirectives,
    stored: Option<(Facts, Turn)>,
    mark: Turn,
    now: Timestamp,
) -> Plan {
    if asked.no_store || asked.no_cache {
        return Plan::ForwardAlone(ForwardReason::Request);
    }
    // A response asked for before the mark may show the state from before it: it is not there.
    match stored.filter(|(_, turn)| !turn.is_covered_by(mark)) {
        None => Plan::Forward(ForwardReason::UriMiss),
        Some((facts, _)) if !facts.is_authorised(now) => Plan::Forward(ForwardReason::Stale),
        Some((facts, _)) if facts.is_fresh(now) => Plan::Reuse,
        Some(_) => Plan::Forward(ForwardReason::Stale),
    }
}

/// Whether an answer may go to those who asked under the same key with other request fields.
/// The fields named here are in the key, or the same in every request we send; `Vary` on any
/// other (RFC 9110 section 12.5.5) means that the answer is its asker's only.
pub fn may_be_shared(fields: &HeaderMap) -> bool {
    let lines = fields.get_all(VARY).iter().map(HeaderValue::as_bytes);
    let mut named =
        lines.flat_map(|line| line.split(|&octet| octet == b',')).map(<[u8]>::trim_ascii);
    named.all(|name| {
        let alike = [AUTHORIZATION, ORIGIN, ACCEPT_LANGUAGE, ACCEPT, ACCEPT_ENCODING];
        name.is_empty() || alike.iter().any(|known| name.eq_ignore_ascii_case(known.as_ref()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::Duration;

    const RECEIVED: Timestamp = Timestamp::from_secs(1_000);
    const FACTS: Facts = Facts {
        received_at: RECEIVED,
        initial_age: Duration::ZERO,
        lifetime: Duration::from_mins(1),
        authority_ends: Some(Timestamp::from_secs(1_030)),
    };
    const UNBOUND: Facts = Facts { authority_ends: None, ..FACTS };

    #[test]
    fn what_is_done_about_a_request() {
        use ForwardReason::Request;
        use ForwardReason::Stale;
        use ForwardReason::UriMiss;
        let plain = RequestDirectives::default();
        let no_cache = RequestDirectives { no_cache: true, ..plain };
        let no_store = RequestDirectives { no_store: true, ..plain };
        // what the client says, what is stored, asked for at, newest mark, seconds later, plan
        let rows = [
            (plain, None, 0, 0, 0, Plan::Forward(UriMiss)),
            (plain, Some(UNBOUND), 5, 0, 0, Plan::Reuse),
            (plain, Some(UNBOUND), 5, 4, 59, Plan::Reuse),
            (plain, Some(UNBOUND), 5, 5, 0, Plan::Forward(UriMiss)),
            (plain, Some(UNBOUND), 5, 6, 0, Plan::Forward(UriMiss)),
            (plain, Some(UNBOUND), 5, 4, 60, Plan::Forward(Stale)),
            (plain, Some(FACTS), 5, 4, 29, Plan::Reuse),
            (plain, Some(FACTS), 5, 4, 30, Plan::Forward(Stale)),
            (no_cache, Some(UNBOUND), 5, 4, 0, Plan::ForwardAlone(Request)),
            (no_store, Some(UNBOUND), 5, 4, 0, Plan::ForwardAlone(Request)),
            (no_cache, None, 0, 0, 0, Plan::ForwardAlone(Request)),
        ];
        for (asked, stored, turn, mark, later, expected) in rows {
            let now = RECEIVED.after(Duration::from_secs(later));
            let stored = stored.map(|facts| (facts, Turn::new(turn)));
            let found = plan(asked, stored, Turn::new(mark), now);
            assert_eq!(found, expected, "{asked:?} asked at {turn}, mark {mark}, {later} s");
        }
    }

    #[test]
    fn an_answer_is_shared_unless_it_varies_on_what_may_differ() {
        let rows: &[(&[&str], bool)] = &[
            (&[], true),
            (&["Origin, accept-encoding"], true),
            (&["authorization", ""], true),
            (&["*"], false),
            (&["user-agent"], false),
            (&["origin", "cookie"], false),
        ];
        for (lines, expected) in rows {
            let mut fields = HeaderMap::new();
            for line in *lines {
                fields.append(VARY, HeaderValue::from_static(line));
            }
            assert_eq!(may_be_shared(&fields), *expected, "{lines:?}");
        }
    }

    proptest! {
        #[test]
        fn nothing_asked_for_before_a_mark_is_reused(turn in 0_u64..100, mark in 0_u64..100, later in 0_u64..100) {
            let now = RECEIVED.after(Duration::from_secs(later));
            let stored = Some((UNBOUND, Turn::new(turn)));
            let reused = plan(RequestDirectives::default(), stored, Turn::new(mark), now) == Plan::Reuse;
            prop_assert_eq!(reused, turn > mark && later < 60);
        }
    }
}
