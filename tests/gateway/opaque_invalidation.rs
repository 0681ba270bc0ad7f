//! What a write to an opaque resource makes forgotten, RFC 9111 section 4.4: what it was sent to,
//! for everyone, and what its answer names besides; not less, and not more.

use crate::support::client::request;
use crate::support::house::ANN;
use crate::support::house::BEN;
use crate::support::house::House;
use crate::support::house::pass;
use crate::support::recall::recalls;
use crate::support::things::house_of_things;
use crate::support::things::read;
use crate::support::things::say;
use crate::support::things::thing;
use crate::support::upstream::Say;
use verifik_gateway::api::route::Resource;

/// What is read: by nobody, Ann and Ben, each thing with and without a query, and a ticket.
const TARGETS: [(&str, &str); 5] = [
    ("a", "/things/a"),
    ("a?", "/things/a?b=c"),
    ("b", "/things/b"),
    ("b?", "/things/b?b=c"),
    ("ticket", "/v2/support-tickets/a"),
];

const ALL: &str = "a a? b b? ticket";
const BUT_A: &str = "b b? ticket";
const BUT_THINGS: &str = "ticket";

/// Lets reads be answered, and everything else with `say`.
fn writes_get(house: &House, told: Say) {
    house.upstream.says(move |request| match request.start.split_once(' ') {
        Some(("GET", target)) if target.starts_with("/things") => {
            say(200, &[("cache-control", "max-age=999")], "x")
        }
        Some(("GET", _)) => Say::ticket("a", "closed", &[]),
        _ => told.clone(),
    });
}

/// A house that has read everything for everyone.
async fn well_read() -> House {
    let house = house_of_things(|_| {});
    writes_get(&house, say(204, &[], ""));
    for (_, target) in TARGETS {
        for token in ["", ANN, BEN] {
            read(&house, target, token).await;
        }
    }
    house
}

/// What the house still answers from memory: the same for everyone, or what is wrong with that. It
/// is asked for again, so it remembers more afterwards.
async fn left(house: &House) -> String {
    let mut found = Vec::new();
    for (name, target) in TARGETS {
        let (ann, ben) = (recalls(house, target, ANN).await, recalls(house, target, BEN).await);
        let before = house.upstream.count();
        read(house, target, "").await;
        // A ticket without a credential is never stored.
        let nobody = if name == "ticket" { ann } else { house.upstream.count() == before };
        match (ann, ben, nobody) {
            (true, true, true) => found.push(name.to_owned()),
            (false, false, false) => {}
            who => found.push(format!("{name} {who:?}")),
        }
    }
    found.join(" ")
}

/// What is left after Ann has sent a write and the upstream has said `told`.
async fn left_after(method: &str, target: &str, told: Say) -> String {
    let house = well_read().await;
    writes_get(&house, told);
    house.write(method, target, ANN, "{}").await;
    left(&house).await
}

#[tokio::test(start_paused = true)]
async fn an_unsafe_method_that_succeeds_makes_everyone_forget_its_target() {
    for method in ["POST", "PUT", "DELETE", "PATCH", "M-SEARCH", "QUERY", "X-ODD"] {
        for target in ["/things/a", "/things/a?b=c", "/things/a?other"] {
            let found = left_after(method, target, say(200, &[], "")).await;
            assert_eq!(found, BUT_A, "{method} {target}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_changes_nothing_and_every_other_status_something() {
    for status in [200, 201, 202, 204, 205, 207, 299, 300, 301, 302, 303, 304, 307, 308, 399] {
        assert_eq!(left_after("PUT", "/things/a", say(status, &[], "")).await, BUT_A, "{status}");
    }
    for status in [400, 403, 404, 409, 410, 412, 413, 422, 428, 429, 499, 500, 502, 503, 599] {
        let found = left_after("PUT", "/things/a", say(status, &[], "")).await;
        assert_eq!(found, ALL, "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_safe_method_makes_nobody_forget_anything() {
    for method in ["GET", "HEAD", "OPTIONS"] {
        let house = well_read().await;
        let fields = [("cache-control", "max-age=999"), ("content-location", "/things/b")];
        house.upstream.always(say(200, &fields, "x"));
        let reply =
            house.client().ask(method, "/things/a?else", &[("location", "/things/b")]).await;
        assert_eq!(reply.status, 200, "{method}");
        writes_get(&house, say(200, &[], ""));
        assert_eq!(left(&house).await, ALL, "{method}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_whose_outcome_nobody_heard_may_have_happened() {
    let cut = b"HTTP/1.1 200 OK\r\ncontent-le".to_vec();
    let rows = [
        ("closed", Say::RawThenClose(Vec::new())),
        ("cut in its head", Say::RawThenClose(cut)),
        ("silent", Say::Never),
        ("not HTTP", Say::RawThenClose(b"SSH-2.0\r\n\r\n".to_vec())),
        (
            "two lengths",
            Say::Raw(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\ncontent-length: 1\r\n\r\n".to_vec()),
        ),
    ];
    for (what, told) in rows {
        let house = well_read().await;
        writes_get(&house, told);
        let reply = house.write("PUT", "/things/a", ANN, "{}").await;
        assert!(matches!(reply.status, 502 | 504), "{what}: {}", reply.status);
        // After a silence of five minutes tickets are stale, whoever wrote.
        let found = left(&house).await.replace(" ticket", "");
        assert_eq!(found, "b b?", "{what}");
        assert_eq!(left(&house).await, BUT_A, "{what}: it may still happen, so it is not stored");
        pass(60).await;
        left(&house).await;
        assert_eq!(left(&house).await, ALL, "{what}: a minute later it has or never will");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_its_write_behind_has_written() {
    let house = well_read().await;
    writes_get(&house, say(200, &[], "").after(9));
    let mut client = house.client();
    let fields = [("authorization", ANN), ("content-length", "2")];
    client.write(request("PUT", "/things/a", &fields, "{}")).await;
    pass(1).await;
    drop(client);
    pass(1).await;
    assert_eq!(left(&house).await, BUT_A);
}

#[tokio::test(start_paused = true)]
async fn what_the_answer_names_at_home_is_forgotten_too() {
    let references = [
        "/things/b",
        "b",
        "./b",
        "../things/b",
        "../../../things/b",
        "x/../b",
        "/x/./../things/b",
        "?x/../b",
        "/things/b?c#d",
        "http://gateway/things/b",
        "https://gateway/things/b",
        "HTTP://GATEWAY:80/things/b",
        "//gateway/things/b",
        "http://gateway/x/../things/b",
        "https://api.verifik.co/things/b",
        "HTTPS://API.verifik.co:443/things/b",
    ];
    for reference in references {
        for name in ["location", "content-location"] {
            for status in [201, 303] {
                let found = left_after("POST", "/things/a", say(status, &[(name, reference)], ""));
                // A query alone names the target itself.
                let expected = if reference.starts_with('?') { BUT_A } else { BUT_THINGS };
                assert_eq!(found.await, expected, "{name}: {reference} {status}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_answer_names_elsewhere_is_nobodys_business() {
    let references = [
        "http://elsewhere/things/b",
        "//elsewhere/things/b",
        "http://gateway:8080/things/b",
        "http://gateway.evil/things/b",
        "http://gateway@evil/things/b",
        "http://api.verifik.co/things/b",
        "https://api.verifik.co:8443/things/b",
        "https://api.verifik.co.evil/things/b",
        "ftp://gateway/things/b",
        "urn:things:b",
        "gateway/things/b",
        "/Things/b",
        "/things/b/",
        "/things/b/more",
        "/things",
        "",
        "http://",
        "\\things\\b",
        "/v2/clients/b",
    ];
    for reference in references {
        for name in ["location", "content-location", "link"] {
            let found = left_after("POST", "/things/a", say(201, &[(name, reference)], "")).await;
            assert_eq!(found, BUT_A, "{name}: {reference}");
        }
    }
    for status in [400, 404, 503] {
        let told = say(status, &[("location", "/things/b")], "");
        assert_eq!(left_after("POST", "/things/a", told).await, ALL, "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_to_a_thing_may_name_a_ticket_and_one_to_a_ticket_no_thing() {
    let location = |to| say(201, &[("location", to)], "");
    let rows = [
        ("/things/a", "/v2/support-tickets/a", "b b?"),
        ("/v2/support-tickets/a", "/things/a", "a a? b b?"),
        ("/v2/support-tickets/a/thread", "/things/a", "a a? b b?"),
        ("/v2/support-tickets/other", "/things/a", ALL),
        ("/things", "/things/other", ALL),
        ("/things/a/more", "/things/other", ALL),
        ("/things/A", "/things/other", ALL),
    ];
    for (target, named, expected) in rows {
        let found = left_after("POST", target, location(named)).await;
        assert_eq!(found, expected, "{target} names {named}");
    }
}

/// What is forgotten of `resource` when one of its things is written to.
async fn forgets(resource: Resource, target: &str, method: &str) -> [bool; 3] {
    let house = House::with(|settings| settings.resources.push(resource));
    house.upstream.always(say(200, &[("cache-control", "max-age=999")], "x"));
    let mut forgotten = [false; 3];
    for token in ["", ANN, BEN] {
        read(&house, target, token).await;
    }
    house.write(method, target, ANN, "{}").await;
    for (forgotten, token) in forgotten.iter_mut().zip(["", ANN, BEN]) {
        let before = house.upstream.count();
        read(&house, target, token).await;
        *forgotten = house.upstream.count() > before;
    }
    forgotten
}

#[tokio::test(start_paused = true)]
async fn a_thing_is_forgotten_by_everyone_also_where_a_write_touches_tickets() {
    let rows = [
        ("/v2/projects/{id}/flow", "/v2/projects/7/flow"),
        ("/v2/attachments/{id}", "/v2/attachments/7"),
        ("/v2/client-settings/{id}", "/v2/client-settings/7"),
        ("/v2/support-tickets/{id}/thread", "/v2/support-tickets/7/thread"),
        ("/v2/support-tickets/threads/{id}", "/v2/support-tickets/threads/7"),
    ];
    for (template, target) in rows {
        for method in ["PUT", "POST", "DELETE"] {
            let found = forgets(thing(template), target, method).await;
            assert_eq!(found, [true; 3], "{method} {target}");
        }
    }
}
