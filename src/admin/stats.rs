//! `GET /stats`: what the status page shows, in JSON.

use crate::admin::desk::Desk;
use crate::admin::desk::InForce;
use crate::base::time::Timestamp;
use crate::observe::accounts::Totals;
use crate::observe::histogram::Counted;
use crate::observe::history::SPAN;
use crate::observe::logging::DroppedLines;
use crate::policy::breaker::Position;
use crate::store::memory::AGE_BOUNDS;
use serde_json::Value;
use serde_json::json;
use std::time::Duration;

/// The figures of a moment.
pub(crate) fn stats(desk: &Desk) -> Value {
    let (cache, now) = (&desk.cache, desk.cache.clock.now());
    let in_force = desk.in_force.load();
    let (responses, bytes) = cache.store.size();
    let mut told = counts(&cache.accounts.totals());
    let more = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "uptime_seconds": now.since(desk.began).as_secs_f64(),
        "state": if desk.is_ready() { "serving" } else { "draining" },
        "stored_responses": responses,
        "stored_bytes": bytes,
        "memory_bytes": in_force.memory,
        "evictions": cache.store.evicted(),
        "marks": cache.store.marks().0,
        "connections": {
            "open": cache.metrics.connections.are_open(),
            "most": in_force.connections,
        },
        "queue": queue(desk, &in_force),
        "breaker": breaker(cache.fuse.position(now)),
        "latency": latency(desk),
        "history": history(desk, now),
        "refusals": refusals(desk),
        "failures": words(cache.metrics.failures.all()),
        "log_lines_dropped": desk.losses.as_ref().map_or(0, DroppedLines::lines),
        "settings": settings(&in_force),
        "reload": reload(desk, now),
    });
    let parts = [more, ages(desk, now)].into_iter();
    for part in parts {
        if let (Value::Object(told), Value::Object(part)) = (&mut told, part) {
            told.extend(part);
        }
    }
    told
}

fn counts(totals: &Totals) -> Value {
    json!({
        "requests": totals.requests,
        "hits": totals.stored,
        "collapsed": totals.collapsed,
        "forwarded": totals.forwarded,
        "refused": totals.refused,
        "own": totals.own,
        "left": totals.left,
        "upstream_requests": totals.upstream,
        "upstream_retries": totals.retries,
        "upstream_background": totals.background,
        "upstream_calls_saved": totals.saved(),
    })
}

fn queue(desk: &Desk, in_force: &InForce) -> Value {
    let (waiting, under_way) = desk.cache.queue.load();
    let (paced_credentials, slowest_rate) = desk.cache.queue.paced();
    json!({
        "waiting": waiting,
        "under_way": under_way,
        "places": in_force.places,
        "paced_credentials": paced_credentials,
        "slowest_rate": slowest_rate,
    })
}

fn breaker(position: Position) -> Value {
    let retry_in = match position {
        Position::Open(left) => Some(left.as_secs_f64()),
        Position::Closed | Position::HalfOpen => None,
    };
    json!({ "state": position.as_str(), "retry_in_seconds": retry_in })
}

/// Of the last minute: what was long ago says little about now.
fn latency(desk: &Desk) -> Value {
    let spans = desk.history.spans();
    let minute = || spans.iter().rev().take(SPANS_OF_A_MINUTE);
    let all = minute().fold(Counted::default(), |sum, span| sum.and(&span.took));
    let upstream = minute().fold(Counted::default(), |sum, span| sum.and(&span.forward));
    json!({ "all": quantiles(&all), "upstream": quantiles(&upstream) })
}

const SPANS_OF_A_MINUTE: usize = 12;

fn quantiles(counted: &Counted) -> Value {
    let seconds = |share| counted.quantile(share).map(|span: Duration| span.as_secs_f64());
    json!({ "p50_seconds": seconds(0.5), "p99_seconds": seconds(0.99) })
}

fn history(desk: &Desk, now: Timestamp) -> Value {
    let spans = desk.history.spans();
    let last = desk.history.noted_at().map_or(Duration::ZERO, |at| now.since(at));
    let points = spans.iter().rev().zip(0_u32..).map(|(span, back)| {
        let mut point = counts(&span.totals);
        let ago = last.saturating_add(SPAN.saturating_mul(back)).as_secs_f64();
        if let (Value::Object(point), Value::Object(took)) = (&mut point, quantiles(&span.took)) {
            point.extend(took);
            point.insert("failures".to_owned(), json!(span.failures));
            point.insert("ago_seconds".to_owned(), json!(ago));
        }
        point
    });
    let mut points: Vec<_> = points.collect();
    points.reverse();
    json!({ "step_seconds": SPAN.as_secs(), "points": points })
}

fn ages(desk: &Desk, now: Timestamp) -> Value {
    let ages = desk.cache.store.ages(now);
    let bounds = AGE_BOUNDS.iter().map(|bound| Some(bound.as_secs())).chain([None]);
    let spans = bounds.zip(ages.spans);
    let spans: Vec<_> =
        spans.map(|(up_to, count)| json!({ "up_to_seconds": up_to, "responses": count })).collect();
    json!({ "stored_ages": spans, "stored_ages_of": ages.spans.iter().sum::<u64>() })
}

/// The commonest first.
fn refusals(desk: &Desk) -> Value {
    let all = desk.cache.metrics.exchanges().into_iter();
    let refused = all.filter(|(one, _)| one.is_refusal()).map(|(one, count)| (one.error, count));
    words(refused.collect())
}

fn words(mut counts: Vec<(&'static str, u64)>) -> Value {
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let told = counts.iter().map(|(word, count)| json!({ "reason": word, "count": count }));
    told.collect()
}

fn settings(in_force: &InForce) -> Value {
    let all = in_force.settings.iter();
    all.map(|one| json!({ "key": one.key, "value": one.value, "from": one.from })).collect()
}

fn reload(desk: &Desk, now: Timestamp) -> Value {
    match desk.reloads.told().last {
        None => json!({ "ago_seconds": null, "outcome": "none", "words": "" }),
        Some((at, applied, words)) => json!({
            "ago_seconds": now.since(at).as_secs_f64(),
            "outcome": if applied { "applied" } else { "refused" },
            "words": words,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_breaker_says_for_how_long() {
        let open = Position::Open(Duration::from_millis(2_500));
        assert_eq!(breaker(open), json!({ "state": "open", "retry_in_seconds": 2.5 }));
        let closed = json!({ "state": "closed", "retry_in_seconds": null });
        assert_eq!(breaker(Position::Closed), closed);
    }

    #[test]
    fn the_commonest_reason_comes_first() {
        let expected = json!([{ "reason": "b", "count": 2 }, { "reason": "a", "count": 1 }]);
        assert_eq!(words(vec![("a", 1), ("b", 2)]), expected);
    }
}
