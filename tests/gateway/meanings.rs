//! What an answer is taken for: the ticket, a not-found, or nothing that could be stored.

use crate::support::house::ANN;
use crate::support::house::House;
use crate::support::house::once_and_at_once;
use crate::support::house::pass;
use crate::support::upstream::Say;

/// The error body of the API's page on this endpoint, which ties it to no status.
const SAMPLE_ERROR: &str = r#"{
  "error": "Ticket de soporte no encontrado",
  "message": "SUPPORT_TICKET_NOT_FOUND"
}"#;

#[tokio::test(start_paused = true)]
async fn the_documented_error_is_a_negative_hit_within_its_lifetime_whatever_its_status() {
    for status in [404, 400, 200] {
        let house = House::new();
        house.upstream.always(Say::json(status, SAMPLE_ERROR, &[]));
        let miss = house.ticket("t1", ANN).await;
        let stored = format!("verifik-gateway; fwd=uri-miss; fwd-status={status}; stored");
        assert_eq!((miss.status, miss.cache()), (status, stored));
        pass(8).await;
        let hit = house.ticket("t1", ANN).await;
        assert_eq!((hit.status, hit.text().as_str()), (status, SAMPLE_ERROR));
        assert!(hit.is_hit() && hit.cache().ends_with("; detail=not-found"), "{}", hit.cache());
        assert_eq!(house.upstream.count(), 1, "{status}");
        pass(2).await;
        house.upstream.always(Say::ticket("t1", "open", &[]));
        assert_eq!((house.ticket("t1", ANN).await.status, house.upstream.count()), (200, 2));
    }
}

/// Every documented way to say "not found"; those without a status in the documents stand here
/// under each that is plausible.
const NOT_FOUND: &str = r#"
404 {"error":"Support ticket not found","message":"SUPPORT_TICKET_NOT_FOUND"}
400 {"error":"Support ticket not found","message":"SUPPORT_TICKET_NOT_FOUND"}
200 {"error":"Support ticket not found","message":"SUPPORT_TICKET_NOT_FOUND"}
404 {"code":"NotFound","message":"Support ticket not found"}
404 {"code":"NotFound","message":"No support tickets found"}
404 {"code":"NotFound","message":"Record not found."}
404 {"code":"NotFound","message":"Record not found.","signature":{"dateTime":"May 1"},"id":"A1"}
400 {"code":"NotFound","message":"Record not found."}
404 {"error":"x","message":"PERSON_NOT_FOUND"}
404 {"error":"x","message":"PROJECT_NOT_FOUND"}
404 {"error":"x","message":"PROJECT_FLOW_NOT_FOUND"}
404 {"error":"x","message":"DOCUMENT_VALIDATION_NOT_FOUND"}
404 {"error":"x","message":"DOCUMENT_LIVENESS_NOT_FOUND"}
404 {"error":"x","message":"CREDIT_RECORD_NOT_FOUND"}
400 {"error":"x","message":"APP_REGISTRATION_NOT_FOUND"}
404 {"success":false,"error":"x","code":"EMAIL_VALIDATION_NOT_FOUND"}
200 {"success":false,"error":"x","code":"PHONE_VALIDATION_NOT_FOUND"}
404 {"success":false,"error":"x","code":"LAWYER_NOT_FOUND"}
404 {"success":false,"error":"x","code":"VOTER_NOT_FOUND"}
404 {"success":false,"error":"x","code":"VEHICLE_NOT_FOUND"}
400 {"success":false,"error":"x","code":"HEALTH_PROFESSIONAL_NOT_FOUND"}
404 {"code":"x_not_found","message":"404:x_not_found"}
404 {"code":"NotFound","message":"person_not_found"}
404 {"code":"NotFound","message":"project_not_found"}
404 {"code":"NotFound","message":"template_not_found"}
404 {"code":"NotFound","message":"DocumentValidation_not_found"}
404 {"code":"NotFound","message":"AppRegistration_not_found"}
404 {"code":"NotFound","message":"invalid_email"}
404 {"code":"NotFound","message":"not_found"}
404 {"code":"NotFound","message":"NotFound"}
404 {"code":"NotFound","message":"Placa no encontrada"}
404 {"code":"NotFound","message":"No existe contribuyente asociado a la NIT ingresada"}
404 {"code":"NotFound","message":"current_owners_dont_match"}
404 {"code":"404","message":"404"}
200 {"code":"404","message":"404"}
404 {"message":"check_list_not_found","code":"check_list_not_found"}
404 {"message":"invalid_collection","code":"ERROR"}
404 {"code":"Project_not_found_or_featured_disabled","message":"404:Project_not_found"}
404 {"data":{"code":"ERR_ENTITY_NOT_FOUND"},"message":"no"}
200 {"data":{"code":"ERR_ENTITY_NOT_FOUND"}}
404 {"error":{"message":"x","code":"NotFound"},"status":404,"timestamp":"2026-01-01T00:00:00Z"}
400 {"error":{"message":"SUPPORT_TICKET_NOT_FOUND"}}
404 {"error":"Not here"}
"#;

#[tokio::test(start_paused = true)]
async fn every_documented_not_found_is_a_negative_hit() {
    for row in NOT_FOUND.trim().lines() {
        let (status, body) = row.split_once(' ').unwrap();
        let status = status.parse().unwrap();
        let house = House::new();
        house.upstream.always(Say::json(status, body, &[]));
        for hit in [false, true] {
            let reply = house.ticket("t1", ANN).await;
            assert_eq!((reply.status, reply.text().as_str()), (status, body), "{row}");
            assert_eq!(reply.is_hit(), hit, "{row}: {}", reply.cache());
        }
        assert_eq!(house.upstream.count(), 1, "{row}");
    }
}

/// JSON answers that are neither the ticket asked for nor a documented not-found, each with the
/// word that says why.
const NEITHER: &str = r#"
200 wrong-id {"success":true,"data":{"_id":"t2","status":"open"}}
200 wrong-id {"data":{"_id":"T1"}}
200 wrong-id {"data":{"_id":"t1","id":"t2"}}
200 wrong-id {"data":{"_id":7}}
200 no-id {"data":{"status":"open"}}
200 no-ticket {"data":null}
200 no-ticket {"data":[],"total":0}
200 no-ticket {"success":true}
200 no-id {"data":{"records":[],"legend":"x"}}
200 unsuccessful {"success":false,"data":{"_id":"t1"}}
200 unsuccessful {"error":"no","data":{"_id":"t1"}}
200 contradictory {"code":"NotFound","data":{"_id":"t1"}}
404 contradictory {"message":"","data":{"_id":"t1"}}
200 malformed {"data":{"_id":"t1"}}{"data":{"_id":"t1"}}
200 malformed {"data":{"_id":"t1"}
200 malformed <html><body>Log in to the network</body></html>
200 duplicate-member {"data":{"_id":"t2","_id":"t1"}}
200 duplicate-member {"data":{"_id":"t2"},"data":{"_id":"t1"}}
200 not-an-object [{"data":{"_id":"t1"}}]
200 empty 
404 empty 
404 status {}
400 status {"code":"BadRequest","message":"title is required"}
201 status {"data":{"_id":"t1"}}
202 status {"data":{"_id":"t1"}}
206 status {"data":{"_id":"t1"}}
299 status {"data":{"_id":"t1"}}
300 status {"data":{"_id":"t1"}}
410 status {"success":false,"error":"x","code":"MAX_ATTEMPTS_EXCEEDED"}
402 status {"error":"Insufficient credits","message":"INSUFFICIENT_CREDITS"}
403 status {"message":"not enough credits","code":"FORBIDDEN"}
403 status {"message":"Access forbidden","code":"Forbidden"}
403 credential-dead {"message":"token_expired","code":"FORBIDDEN"}
403 credential-dead {"code":"Forbidden","message":"expired_token"}
401 credential-dead {"message":"Authentication required","code":"UNAUTHORIZED"}
401 credential-dead {"data":{"_id":"t1"}}
405 status {"error":"x","message":"method_not_set"}
408 outage {"message":"timeout"}
409 status {"code":"MissingParameter","message":"missing plate\n"}
409 outage {"code":"Endpoint_out_of_service","message":"Endpoint_out_of_service"}
409 outage {"code":"Conflict","message":"Server_Not_Response_From_Procuraduria"}
412 status {"code":"PreconditionFailed","message":"expired"}
422 status {"code":"x","message":"y"}
429 limited {"data":{"_id":"t1"}}
451 status {"code":"x"}
500 outage {"code":"InternalServerError","message":"Server error."}
500 outage {"data":{"_id":"t1"}}
502 outage {"message":"SUPPORT_TICKET_NOT_FOUND"}
503 outage {"data":{"_id":"t1"}}
504 outage {"data":{"_id":"t1"}}
599 outage {"data":{"_id":"t1"}}
"#;

#[tokio::test(start_paused = true)]
async fn what_is_neither_the_ticket_nor_a_not_found_is_delivered_unchanged_and_never_stored() {
    for row in NEITHER.trim_start().lines() {
        let columns: Vec<_> = row.splitn(3, ' ').collect();
        never_stored(Say::json(columns[0].parse().unwrap(), columns[2], &[]), columns[1]).await;
    }
}

/// Asks twice, and sees both answers come unchanged from the upstream. `why` is our word for it.
async fn never_stored(say: Say, why: &str) {
    let house = House::with(once_and_at_once);
    house.upstream.always(say.clone());
    let Say::Answer(status, fields, body) = &say else { panic!("not framed by length: {say:?}") };
    for asked in [1, 2] {
        let reply = house.ticket("t1", ANN).await;
        assert_eq!((reply.status, &reply.message.body), (*status, body), "{say:?}");
        for (name, value) in fields {
            assert!(reply.message.all(name).contains(&value.as_str()), "{say:?} {name}");
        }
        let expected = format!("fwd=uri-miss; fwd-status={status}; detail={why}");
        assert_eq!(reply.cache(), format!("verifik-gateway; {expected}"), "{say:?}");
        assert_eq!(house.upstream.count(), asked, "{say:?}");
    }
}

const TICKET: &str = r#"{"data":{"_id":"t1","status":"open"}}"#;

#[tokio::test(start_paused = true)]
async fn only_json_in_utf_8_is_read() {
    for media_type in [
        "text/html",
        "text/html; charset=utf-8",
        "text/json",
        "text/plain",
        "application/problem+json",
        "application/jsonx",
        "application/json; charset=utf-16",
        "application/json; charset=iso-8859-1",
        "application/octet-stream",
    ] {
        let fields = vec![("content-type", media_type.to_owned())];
        never_stored(Say::Answer(200, fields.clone(), TICKET.into()), "not-json").await;
        never_stored(Say::Answer(404, fields, SAMPLE_ERROR.into()), "not-json").await;
    }
    never_stored(Say::Answer(200, Vec::new(), TICKET.into()), "not-json").await;
    never_stored(Say::json(200, &format!("\u{feff}{TICKET}"), &[]), "malformed").await;
    let deep = format!(r#"{{"data":{{"_id":"t1","x":{}{}}}}}"#, "[".repeat(100), "]".repeat(100));
    never_stored(Say::json(200, &deep, &[]), "too-deep").await;
}

#[tokio::test(start_paused = true)]
async fn a_ticket_with_a_hindrance_is_delivered_unchanged_and_never_stored() {
    let rows = [
        ("cache-control", "no-store", "no-store"),
        ("cache-control", "max-age=60, No-Store", "no-store"),
        ("cache-control", "no-cache", "no-cache"),
        ("set-cookie", "session=1; HttpOnly", "set-cookie"),
        ("vary", "*", "vary"),
        ("vary", "origin, *", "vary"),
        ("vary", "no name", "vary"),
        ("content-encoding", "br", "content-coding"),
        ("content-range", "bytes 0-9/10", "partial"),
    ];
    for (name, value, why) in rows {
        never_stored(Say::json(200, TICKET, &[(name, value)]), why).await;
        never_stored(Say::json(404, SAMPLE_ERROR, &[(name, value)]), why).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_no_hindrance_is_stored() {
    for (name, value) in [
        ("vary", "Accept-Language"),
        ("vary", "origin, Cookie"),
        ("vary", "User-Agent"),
        ("cache-control", "private, max-age=60"),
        ("cache-control", "must-understand, max-age=60"),
        ("cache-control", "no-cache=\"x-secret\", max-age=60"),
    ] {
        for (status, body) in [(200, TICKET), (404, SAMPLE_ERROR)] {
            let house = House::new();
            house.upstream.always(Say::json(status, body, &[(name, value), ("x-secret", "7")]));
            assert_eq!(house.ticket("t1", ANN).await.field("x-secret"), Some("7"));
            let hit = house.ticket("t1", ANN).await;
            assert_eq!((hit.is_hit(), hit.status, hit.text().as_str()), (true, status, body));
            let named = value.contains("x-secret");
            assert_eq!(hit.field("x-secret").is_none(), named, "{value} {status}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_coded_body_that_nobody_asked_for_is_delivered_as_it_is_and_never_stored() {
    let gzip = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xab\xae\x05\x00\x43\xbf\xa6\xa3\x02";
    let fields = [("content-type", "application/json"), ("content-encoding", "gzip")];
    let fields = fields.map(|(name, value)| (name, value.to_owned())).to_vec();
    never_stored(Say::Answer(200, fields, gzip.to_vec()), "malformed").await;
}

#[tokio::test(start_paused = true)]
async fn a_redirection_is_for_the_client_to_follow() {
    for status in [301, 302, 303, 307, 308] {
        let elsewhere = [("location", "https://elsewhere.example/v2/support-tickets/t1")];
        never_stored(Say::json(status, TICKET, &elsewhere), "status").await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_bad_answer_leaves_the_tickets_others_have_as_they_were() {
    let house = House::new();
    house.ticket("t2", ANN).await;
    for status in [403, 404, 409, 429, 500] {
        house.upstream.always(Say::json(status, "{}", &[]));
        assert_eq!(house.ticket("t1", ANN).await.status, status);
        assert!(house.ticket("t2", ANN).await.is_hit(), "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_waited_for_an_answer_that_may_be_its_askers_only_asks_for_itself() {
    const T1: &str = "/v2/support-tickets/t1";
    let (plain, named) = ([("authorization", ANN)], [("authorization", ANN), ("user-agent", "x")]);
    let rows: [(&str, &[(&str, &str)], usize); 5] = [
        ("origin, accept-encoding", &named, 1),
        ("user-agent", &plain, 1),
        ("user-agent", &named, 2),
        ("*", &plain, 2),
        ("*", &named, 2),
    ];
    for (vary, other, count) in rows {
        let house = House::new();
        house.upstream.always(Say::json(200, TICKET, &[("vary", vary)]).after(1));
        let (mut first, mut second) = (house.client(), house.client());
        let (one, other) = tokio::join!(first.ask("GET", T1, &plain), second.ask("GET", T1, other));
        assert_eq!((one.text().as_str(), other.text().as_str()), (TICKET, TICKET));
        assert_eq!(house.upstream.count(), count, "{vary}");
    }
}
