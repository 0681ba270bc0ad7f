//! What an answer takes back: a credential that is dead, a ticket that its reader may not see any
//! more (design §3.5, threats.md K7).

use crate::support::house::ANN;
use crate::support::house::BEN;
use crate::support::recall::ALL;
use crate::support::recall::T1;
use crate::support::recall::others_get;
use crate::support::recall::recalled;
use crate::support::recall::recalls;
use crate::support::recall::well_read;
use crate::support::upstream::Say;

/// What is left when one credential forgets one ticket, and when it forgets all.
const BUT_ANNS_T1: &str = "ann/t2 ben/t1 ben/t2";
const BUT_ANN: &str = "ben/t1 ben/t2";

const UNAUTHORIZED: &str = r#"{"error":"Unauthorized","message":"UNAUTHORIZED"}"#;
const EXPIRED: &str = r#"{"code":"Forbidden","message":"token_expired"}"#;
const EXPIRED_TOO: &str = r#"{"message":"expired_token","code":"expired_token"}"#;
const NO_CREDIT: &str = r#"{"code":"Forbidden","message":"credits_not_enough"}"#;
const GONE: &str = r#"{"error":"no","message":"SUPPORT_TICKET_NOT_FOUND"}"#;

/// What an answer to Ann about `t1` says, and what everyone knows afterwards.
const ANSWERS: [(u16, &str, &str); 12] = [
    (401, UNAUTHORIZED, BUT_ANN),
    (401, "", BUT_ANN),
    (403, EXPIRED, BUT_ANN),
    (403, EXPIRED_TOO, BUT_ANN),
    (403, NO_CREDIT, BUT_ANNS_T1),
    (403, "<html>", BUT_ANNS_T1),
    (404, GONE, BUT_ANNS_T1),
    (404, "<html>", BUT_ANNS_T1),
    (410, "", BUT_ANNS_T1),
    (400, r#"{"message":"odd"}"#, ALL),
    (429, "", ALL),
    (503, "", ALL),
];

#[tokio::test(start_paused = true)]
async fn what_a_read_hears_of_its_credential_and_its_ticket_is_heeded() {
    for (status, body, expected) in ANSWERS {
        let house = well_read().await;
        house.upstream.always(Say::json(status, body, &[]));
        let heard = house.get(&format!("{T1}?once"), ANN).await;
        assert_eq!((heard.status, heard.text().as_str()), (status, body));
        others_get(&house, Say::Never);
        assert_eq!(recalled(&house).await, expected, "{status} {body}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_passage_hears_of_its_credential_and_its_ticket_is_heeded() {
    let passages = [("GET", "/thread"), ("PUT", ""), ("DELETE", "/thread/x"), ("OPTIONS", "")];
    for (status, body, expected) in ANSWERS.into_iter().filter(|(status, ..)| *status < 500) {
        for (method, rest) in passages {
            let house = well_read().await;
            others_get(&house, Say::json(status, body, &[]));
            let heard = house.write(method, &format!("{T1}{rest}"), ANN, "").await;
            assert_eq!((heard.status, heard.text().as_str()), (status, body));
            assert_eq!(recalled(&house).await, expected, "{method} {rest} {status} {body}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_not_found_under_200_or_400_takes_the_ticket_back_too() {
    for status in [200, 400] {
        let house = well_read().await;
        house.upstream.always(Say::json(status, GONE, &[]));
        house.get(&format!("{T1}?once"), ANN).await;
        others_get(&house, Say::Never);
        assert_eq!(recalled(&house).await, BUT_ANNS_T1, "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_dead_credential_elsewhere_says_nothing_about_tickets_but_is_asked_about_once() {
    const PROVED: &str = "ann/t1(2 of 3) ann/t2 ben/t1 ben/t2";
    for target in ["/v2/clients/me", "/v2/support-tickets", "/v2/support-tickets/threads/seen"] {
        let rows = [(401, UNAUTHORIZED, PROVED), (403, EXPIRED, ALL), (404, GONE, ALL)];
        for (status, body, expected) in rows {
            let house = well_read().await;
            others_get(&house, Say::json(status, body, &[]));
            house.get(target, ANN).await;
            assert_eq!(recalled(&house).await, expected, "{target} {status}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_credential_called_dead_elsewhere_is_not_answered_from_memory_in_an_outage() {
    let house = well_read().await;
    others_get(&house, Say::json(401, UNAUTHORIZED, &[]));
    house.get("/v2/clients/me", ANN).await;
    house.upstream.always(Say::json(503, "{}", &[]));
    assert_eq!(house.get(T1, ANN).await.status, 503, "nothing proves it good");
    assert_eq!(house.get(T1, BEN).await.status, 200, "another's");
}

#[tokio::test(start_paused = true)]
async fn a_not_found_takes_back_the_other_readings_of_its_ticket_and_is_stored_itself() {
    let house = well_read().await;
    house.upstream.always(Say::not_found());
    let target = format!("{T1}?once");
    let gone = house.get(&target, ANN).await;
    assert!(gone.status == 404 && gone.cache().ends_with("; stored"), "{}", gone.cache());
    assert!(recalls(&house, &target, ANN).await, "the not-found");
    assert!(!recalls(&house, T1, ANN).await, "an earlier reading");
    assert!(recalls(&house, T1, BEN).await, "another's");
}

#[tokio::test(start_paused = true)]
async fn an_outage_takes_nothing_back_and_is_not_stored() {
    let house = well_read().await;
    house.upstream.always(Say::json(503, "{}", &[]));
    for _ in 0..2 {
        assert_eq!(house.get("/v2/support-tickets/t3", ANN).await.status, 503);
    }
    assert_eq!(house.upstream.count(), 12 + 2 * 2, "each is tried twice");
    assert_eq!(recalled(&house).await, ALL);
}

#[tokio::test(start_paused = true)]
async fn a_credential_that_is_accepted_again_is_served_from_memory_again() {
    let house = well_read().await;
    house.upstream.always(Say::json(401, UNAUTHORIZED, &[]));
    assert_eq!(house.get("/v2/support-tickets/t3", ANN).await.status, 401);
    others_get(&house, Say::Never);
    assert!(!recalls(&house, T1, ANN).await);
    assert!(recalls(&house, T1, ANN).await);
}

#[tokio::test(start_paused = true)]
async fn a_403_is_heeded_even_if_its_text_breaks_off() {
    let house = well_read().await;
    let cut = "HTTP/1.1 403 Forbidden\r\ncontent-length: 100\r\n\r\n{";
    others_get(&house, Say::RawThenClose(cut.into()));
    assert_eq!(house.get(&format!("{T1}/attachments"), ANN).await.status, 502);
    assert!(!recalls(&house, T1, ANN).await);
    assert!(recalls(&house, T1, BEN).await);
}
