//! What a write makes forgotten, design §3.5: not less, and not more.

use crate::support::client::request;
use crate::support::house::ANN;
use crate::support::house::House;
use crate::support::recall::ALL;
use crate::support::recall::T1;
use crate::support::recall::recalled;
use crate::support::recall::well_read;

/// What is left when one ticket is forgotten for everyone.
const BUT_T1: &str = "ann/t2 ben/t2";
const BUT_ANN: &str = "ben/t1 ben/t2";
const NOTHING: &str = "";

/// What a well-read house still knows after Ann has sent a request.
async fn left_after(method: &str, target: &str, body: &str) -> String {
    let house = well_read().await;
    house.write(method, target, ANN, body).await;
    recalled(&house).await
}

#[tokio::test(start_paused = true)]
async fn a_write_to_a_ticket_makes_everyone_forget_that_ticket() {
    for method in ["PUT", "PATCH", "DELETE", "POST", "QUERY", "X-MERGE"] {
        for version in ["", "/v2", "/v3"] {
            for rest in ["", "/thread", "/github-issue/x", "?notify=1"] {
                let target = format!("{version}/support-tickets/t1{rest}");
                assert_eq!(left_after(method, &target, "{}").await, BUT_T1, "{method} {target}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_that_only_a_forgiving_reader_takes_for_a_tickets_makes_everyone_forget_all() {
    let targets = [
        "/V2/support-tickets/t1",
        "/v2/Support-Tickets/t1",
        "/support-TICKETS/t9",
        "/v2//support-tickets/t9",
        "//support-tickets/t9",
        "/v2/support-tickets//t9",
        "/v2/support-tickets/t9/",
        "/v2/support-tickets/t9.json",
        "/v2/support-tickets/bulk/",
    ];
    for target in targets {
        for method in ["PUT", "DELETE", "POST"] {
            assert_eq!(left_after(method, target, "{}").await, NOTHING, "{method} {target}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_whose_ticket_is_not_named_makes_its_own_credential_forget_all() {
    let rows = [
        ("PUT", "/v2/support-tickets/threads/seen"),
        ("PUT", "/support-tickets/threads/seen"),
        ("POST", "/v2/attachments"),
        ("DELETE", "/attachments/a1"),
        ("POST", "/v2/auth/renew-and-revoke"),
        ("POST", "/auth/renew-and-revoke"),
        ("PUT", "/v2/client-settings/c1"),
        ("PUT", "/client-settings/c1"),
    ];
    for (method, target) in rows {
        assert_eq!(left_after(method, target, "{}").await, BUT_ANN, "{method} {target}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_changes_no_ticket_makes_nobody_forget_anything() {
    let rows = [
        ("HEAD", "/v2/support-tickets/t1/thread"),
        ("OPTIONS", "/v2/support-tickets/t1"),
        ("OPTIONS", "/v2/support-tickets/bulk"),
        ("GET", "/v2/support-tickets"),
        ("GET", "/v2/support-tickets/t1/thread"),
        ("GET", "/V2/support-tickets/t1"),
        ("GET", "/v2/attachments/a1"),
        ("GET", "/v2/auth/session?origin=refresh"),
        ("POST", "/v2/support-tickets"),
        ("POST", "/support-tickets/insert"),
        ("POST", "/v2/projects/t1"),
        ("POST", "/v2/attachments-of/t1"),
    ];
    for (method, target) in rows {
        let house = well_read().await;
        house.client().ask(method, target, &[("authorization", ANN)]).await;
        assert_eq!(recalled(&house).await, ALL, "{method} {target}");
    }
}

/// A list of `count` ids that ends with `last`.
fn listing(count: usize, last: &str) -> String {
    let others: String = (1..count).map(|number| format!(r#""n{number}","#)).collect();
    format!(r#"{{"ids":[{others}"{last}"]}}"#)
}

fn padded(body: &str, length: usize) -> String {
    format!("{body}{}", " ".repeat(length - body.len()))
}

#[tokio::test(start_paused = true)]
async fn a_bulk_write_makes_everyone_forget_the_tickets_it_lists_and_all_if_it_cannot_be_read() {
    const LISTED_BYTES: usize = 64 * 1024;
    let rows = [
        (r#"{"ids":["t1"]}"#.to_owned(), BUT_T1),
        (r#"{"ids":["t1"],"reason":"spam"}"#.to_owned(), BUT_T1),
        (r#"{"ids":["t9","t2","t1"]}"#.to_owned(), NOTHING),
        (r#"{"ids":["t9"]}"#.to_owned(), ALL),
        (r#"{"ids":[]}"#.to_owned(), ALL),
        (listing(1_000, "t1"), BUT_T1),
        (listing(1_001, "n0"), NOTHING),
        (padded(r#"{"ids":["t1"]}"#, LISTED_BYTES), BUT_T1),
        (padded(r#"{"ids":["t9"]}"#, LISTED_BYTES + 1), NOTHING),
        (r#"{"ids":["t9"]"#.to_owned(), NOTHING),
        (r#"{"ids":["t9",7]}"#.to_owned(), NOTHING),
        (r#"{"ids":["t9"],"ids":["t1"]}"#.to_owned(), NOTHING),
        ("ids=t9".to_owned(), NOTHING),
        (String::new(), NOTHING),
    ];
    for (body, expected) in rows {
        for target in ["/v2/support-tickets/bulk", "/support-tickets/bulk"] {
            let shown: String = body.chars().take(40).collect();
            assert_eq!(left_after("POST", target, &body).await, expected, "{target} {shown}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_bulk_write_is_read_to_its_end_however_it_is_framed() {
    let framings = [
        (("content-length", "14"), r#"{"ids":["t1"]}"#),
        (("transfer-encoding", "chunked"), "8\r\n{\"ids\":[\r\n6\r\n\"t1\"]}\r\n0\r\n\r\n"),
    ];
    for (framing, body) in framings {
        let house = well_read().await;
        let mut client = house.client();
        let head = [("authorization", ANN), framing];
        client.write(request("POST", "/v2/support-tickets/bulk", &head, body)).await;
        assert_eq!(client.reply_to("POST").await.unwrap().status, 200);
        assert_eq!(recalled(&house).await, BUT_T1, "{framing:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_without_a_credential_is_a_write() {
    let house = well_read().await;
    house.client().send("PUT", T1, &[], "{}").await;
    assert_eq!(recalled(&house).await, BUT_T1);
}

#[tokio::test(start_paused = true)]
async fn a_template_of_ones_own_is_written_to_like_the_usual_ones() {
    let house = House::with(|settings| {
        let mut own = settings.resources[0].clone();
        own.templates.truncate(1);
        settings.resources = vec![own];
    });
    house.get(T1, ANN).await;
    // Not among the house's own paths any more, and the same ticket to the API all the same.
    house.write("PUT", "/support-tickets/t1", ANN, "{}").await;
    house.get(T1, ANN).await;
    assert_eq!(house.upstream.count(), 3);
}
