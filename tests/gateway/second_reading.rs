//! What a second reading of the cache found: who may have which fields of another's answer, what a
//! validation may leave behind, and which failures something stored stands in for.

use crate::support::client::Reply;
use crate::support::house::ANN;
use crate::support::house::House;
use crate::support::house::pass;
use crate::support::recall::T1;
use crate::support::things::thing;
use crate::support::upstream::Say;
use tokio::task::JoinHandle;

const A: &str = "/a/1";

/// A house with an opaque resource that needs no credential.
fn open_house() -> House {
    House::with(|settings| {
        settings.resources.push(thing("/a/{id}"));
    })
}

/// A text that may be stored for so long.
fn text(status: u16, cache_control: &str) -> Say {
    let fields = vec![("cache-control", cache_control.to_owned())];
    Say::Answer(status, fields, b"text".to_vec())
}

fn ask(house: &House, fields: &'static [(&str, &str)]) -> JoinHandle<Reply> {
    let mut client = house.client();
    tokio::spawn(async move { client.ask("GET", A, fields).await })
}

async fn crowd(house: &House, size: usize) -> Vec<Reply> {
    let askers: Vec<_> = (0..size).map(|_| ask(house, &[])).collect();
    let mut replies = Vec::new();
    for asker in askers {
        replies.push(asker.await.unwrap());
    }
    replies
}

#[tokio::test(start_paused = true)]
async fn a_credential_that_is_called_dead_on_a_write_is_answered_nothing_stored_any_more() {
    let house = open_house();
    house.upstream.always(text(200, "max-age=60"));
    house.get(A, ANN).await;
    house.upstream.always(text(401, "no-store"));
    house.write("POST", A, ANN, "x").await;
    assert_eq!(house.get(A, ANN).await.status, 401);
}

#[tokio::test(start_paused = true)]
async fn who_waited_gets_no_field_that_is_meant_for_the_asker_alone() {
    for named in ["private=\"x-for\"", "no-cache=\"x-for\""] {
        let house = open_house();
        let said = vec![
            ("cache-control", format!("max-age=60, {named}")),
            ("x-for", "the first".to_owned()),
        ];
        house.upstream.always(Say::Answer(200, said, b"text".to_vec()).after(1));
        let replies = crowd(&house, 3).await;
        let told = replies.iter().filter(|reply| reply.field("x-for").is_some()).count();
        assert_eq!((told, house.upstream.count()), (1, 1), "{named}");
    }
}

#[tokio::test(start_paused = true)]
async fn validations_that_each_bring_new_fields_do_not_make_a_response_grow_for_ever() {
    let house = open_house();
    let mut count = 0;
    house.upstream.says(move |_| {
        count += 1;
        let own: String = (0..90).map(|n| format!("x-{count}-{n}: 1\r\n")).collect();
        let tag = "etag: \"a\"\r\ncache-control: max-age=60\r\n";
        match count {
            1 => Say::Raw(format!("HTTP/1.1 200 OK\r\n{tag}content-length: 0\r\n\r\n").into()),
            _ => Say::Raw(format!("HTTP/1.1 304 Not Modified\r\n{tag}{own}\r\n").into()),
        }
    });
    for _ in 0..300 {
        let reply = ask(&house, &[("cache-control", "no-cache")]).await.unwrap();
        assert!(reply.message.fields.len() < 1_000, "{}", reply.message.fields.len());
    }
}

#[tokio::test(start_paused = true)]
async fn a_long_failure_is_a_failure_too() {
    let house = House::with(|settings| settings.cache.max_stored_body = 1_024);
    house.ticket("t1", ANN).await;
    pass(50).await;
    house.upstream.always(Say::json(503, &"x".repeat(4_096), &[]));
    let reply = house.ticket("t1", ANN).await;
    assert_eq!((reply.status, reply.field("age")), (200, Some("50")), "{}", reply.cache());
}

#[tokio::test(start_paused = true)]
async fn what_varies_still_varies_after_a_validation_though_the_name_may_not_be_kept() {
    let house = open_house();
    house.upstream.says(|request| match request.field("if-none-match") {
        Some(_) => Say::Raw(b"HTTP/1.1 304 Not Modified\r\netag: \"a\"\r\n\r\n".to_vec()),
        None => Say::Answer(
            200,
            vec![
                ("cache-control", "max-age=1, no-cache=\"vary\"".to_owned()),
                ("vary", "x-who".to_owned()),
                ("etag", "\"a\"".to_owned()),
            ],
            request.field("x-who").unwrap_or("nobody").as_bytes().to_vec(),
        ),
    });
    ask(&house, &[("x-who", "ann")]).await.unwrap();
    pass(2).await;
    ask(&house, &[("x-who", "ann")]).await.unwrap();
    assert_eq!(ask(&house, &[("x-who", "ben")]).await.unwrap().text(), "ben");
}

#[tokio::test(start_paused = true)]
async fn a_head_of_a_stored_204_says_no_length() {
    let house = open_house();
    house.upstream.says(|_| {
        Say::Raw(b"HTTP/1.1 204 No Content\r\ncache-control: max-age=60\r\n\r\n".to_vec())
    });
    assert_eq!(ask(&house, &[]).await.unwrap().status, 204);
    let head = house.client().ask("HEAD", A, &[]).await;
    assert_eq!((head.status, head.field("content-length")), (204, None), "{head:?}");
    assert_eq!(house.upstream.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_there_with_one_query_is_still_there_with_another() {
    let house = open_house();
    house.upstream.says(|request| {
        let queried = request.start.contains('?');
        if queried { text(404, "no-store") } else { text(200, "max-age=60") }
    });
    ask(&house, &[]).await.unwrap();
    assert_eq!(house.client().ask("GET", "/a/1?junk", &[]).await.status, 404);
    assert!(ask(&house, &[]).await.unwrap().is_hit());
}

#[tokio::test(start_paused = true)]
async fn what_a_newer_answer_has_outdated_does_not_come_back_in_an_outage() {
    for target in [T1, A] {
        let house = open_house();
        let ticket = |cache_control| {
            Say::ticket("t1", "open", &[("cache-control", cache_control), ("etag", "\"a\"")])
        };
        house.upstream.always(ticket("max-age=5"));
        house.get(target, ANN).await;
        pass(100).await;
        house.upstream.always(ticket("no-store"));
        assert!(house.get(target, ANN).await.cache().ends_with("detail=no-store"), "{target}");
        house.upstream.always(text(503, "no-store"));
        assert_eq!(house.get(target, ANN).await.status, 503, "{target}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_for_one_client_alone_takes_nothing_from_the_others() {
    let house = open_house();
    house.upstream.says(|request| match request.field("cookie") {
        Some(_) => text(200, "private"),
        None => text(200, "max-age=60"),
    });
    ask(&house, &[]).await.unwrap();
    let own = ask(&house, &[("cookie", "a=b"), ("cache-control", "no-cache")]).await.unwrap();
    assert!(own.cache().ends_with("detail=private"), "{}", own.cache());
    assert!(ask(&house, &[]).await.unwrap().is_hit());
}
