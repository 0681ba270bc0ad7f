//! The lines of a batch's answer, on paper: what each says, and how it counts.

use bytes::Bytes;
use http::HeaderMap;
use http::StatusCode;
use proptest::prelude::*;
use serde_json::Value;
use std::time::Duration;
use verifik_gateway::cache::answer::Answer;
use verifik_gateway::cache::answer::AnswerBody;
use verifik_gateway::fields::cache_status::CacheStatus;
use verifik_gateway::fields::cache_status::ForwardReason;
use verifik_gateway::fields::cache_status::Handling;
use verifik_gateway::serve::batch_line::Counts;
use verifik_gateway::serve::batch_line::Place;
use verifik_gateway::serve::batch_line::last;
use verifik_gateway::serve::batch_line::of_failure;
use verifik_gateway::serve::batch_line::of_whole;
use verifik_gateway::upstream::failure::Failure;

const PLACE: Place<'_> = Place { index: 7, id: "a-1" };

fn answer(status: u16, how: CacheStatus, age: Option<u64>, body: Vec<u8>) -> Answer {
    Answer {
        status: StatusCode::from_u16(status).unwrap(),
        reason: None,
        fields: HeaderMap::new(),
        body: AnswerBody::Whole(Bytes::from(body)),
        age: age.map(Duration::from_secs),
        queued: Duration::from_millis(5),
        is_stored: age.is_some(),
        unread: false,
        how,
    }
}

const fn hit(ttl: i64) -> CacheStatus {
    let handling = Handling::Hit { ttl };
    CacheStatus { handling, stored: false, collapsed: false, detail: None }
}

fn forwarded(status: Option<u16>, collapsed: bool) -> CacheStatus {
    CacheStatus { collapsed, ..CacheStatus::forwarded(ForwardReason::UriMiss, status) }
}

#[test]
fn each_answer_counts_as_what_it_is() {
    let rows = [
        // status, how, age, word, answered, hits, upstream, failed
        (200, hit(3), Some(1), "hit", [1, 1, 0, 0]),
        (404, hit(0), Some(1), "hit", [1, 1, 0, 0]),
        (200, hit(-3), Some(1), "stale", [1, 1, 0, 0]),
        (200, forwarded(Some(503), false), Some(1), "stale", [1, 1, 1, 0]),
        (200, forwarded(None, false), Some(1), "stale", [1, 1, 0, 0]),
        (200, forwarded(Some(200), false), None, "miss", [1, 0, 1, 0]),
        (404, forwarded(Some(404), false), None, "miss", [1, 0, 1, 0]),
        (403, forwarded(Some(403), false), None, "miss", [1, 0, 1, 0]),
        (200, forwarded(Some(200), true), None, "collapsed", [1, 0, 0, 0]),
        (429, forwarded(Some(429), false), None, "miss", [0, 0, 1, 1]),
        (500, forwarded(Some(500), true), None, "collapsed", [0, 0, 0, 1]),
        (401, forwarded(Some(401), false), None, "miss", [0, 0, 1, 1]),
    ];
    for (status, how, age, said, [answered, hits, upstream, failed]) in rows {
        let line = of_whole(PLACE, &answer(status, how, age, b"{}".to_vec()));
        let waited = Duration::from_millis(5);
        let counts = Counts { answered, hits, upstream, failed, waited };
        assert_eq!(line.counts, counts, "{status} {how:?}");
        assert!(line.text.contains(&format!(r#""cache":"{said}""#)), "{}", line.text);
        assert_eq!(line.dead, status == 401, "{status}");
    }
}

#[test]
fn each_failure_counts_as_what_it_is() {
    let pause = Duration::from_secs(1);
    let rows = [
        (Failure::Reset, false, "miss", 1),
        (Failure::Reset, true, "collapsed", 0),
        (Failure::AnswerTimeout, false, "miss", 1),
        (Failure::Connect, false, "miss", 0),
        (Failure::ConnectTimeout, false, "miss", 0),
        (Failure::Name, false, "miss", 0),
        (Failure::Certificate, true, "collapsed", 0),
        (Failure::Full, false, "refused", 0),
        (Failure::Open(pause), true, "refused", 0),
        (Failure::Paced(pause), false, "refused", 0),
    ];
    for (failure, collapsed, said, upstream) in rows {
        let line = of_failure(PLACE, failure, &forwarded(None, collapsed), pause);
        let counts = Counts { failed: 1, upstream, waited: pause, ..Counts::default() };
        assert_eq!(line.counts, counts, "{failure:?}");
        assert!(line.text.contains(&format!(r#""cache":"{said}""#)), "{}", line.text);
    }
}

#[test]
fn the_last_line_says_why_a_call_has_ended_early() {
    let waited = Duration::from_micros(1_999);
    let counts = Counts { answered: 1, hits: 2, upstream: 3, failed: 4, waited };
    let totals =
        r#"{"done":true,"asked":9,"answered":1,"hits":2,"upstream":3,"failed":4,"waited_ms":1"#;
    assert_eq!(last(9, &counts, None), format!("{totals}}}\n"));
    assert_eq!(last(9, &counts, Some("x")), format!("{totals},\"stopped\":\"x\"}}\n"));
}

const JSON_LIKE: &str =
    r#"([{}\[\],:"\\ \n\r0-9eE.+-]|"[a-z\n]{0,3}"|null|true|\\ud8[0-9]{2}|\\u00e9)*"#;

proptest! {
    #[test]
    fn every_body_makes_one_line_of_json(
        body in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..40),
            JSON_LIKE.prop_map(String::into_bytes),
        ],
    ) {
        let how = forwarded(Some(200), false);
            let line = of_whole(PLACE, &answer(200, how, None, body.clone())).text;
        prop_assert!(line.ends_with("}\n") && line.lines().count() == 1, "{line}");
        prop_assert!(!line.contains('\r'), "{line}");
        let read: Value = serde_json::from_str(&line).unwrap();
        let expected = serde_json::from_slice(&body)
            .unwrap_or_else(|_| Value::from(String::from_utf8_lossy(&body)));
        prop_assert_eq!(&read["body"], &expected);
        prop_assert_eq!((&read["index"], &read["id"]), (&Value::from(7), &Value::from("a-1")));
    }
}
