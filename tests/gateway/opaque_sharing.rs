//! Whose an opaque resource's answers are: without a credential everyone's, with one that
//! credential's, and what may not be stored its asker's alone. And how often one is asked for.

use crate::support::client::Reply;
use crate::support::client::request;
use crate::support::house::ANN;
use crate::support::house::BEN;
use crate::support::house::House;
use crate::support::house::once_and_at_once;
use crate::support::house::pass;
use crate::support::house::timed;
use crate::support::search::unmarked;
use crate::support::things::THING;
use crate::support::things::house_of_things;
use crate::support::things::read;
use crate::support::things::say;
use crate::support::things::thing;
use crate::support::upstream::Say;
use crate::support::wire::Message;
use std::time::Duration;
use verifik_gateway::api::route::CredentialRule;

const NOBODY: &str = "";

/// Lets the upstream tell everyone who it takes them for.
fn tells_who(house: &House, fields: &'static [(&'static str, &'static str)]) {
    house
        .upstream
        .says(|request| say(200, fields, unmarked(request.field("authorization").unwrap_or("-"))));
}

#[tokio::test(start_paused = true)]
async fn without_a_credential_it_is_a_shared_cache_and_with_one_a_private_one() {
    // what is said, how long nobody and how long somebody may reuse it
    let rows: &[(&'static [(&str, &str)], u64, u64)] = &[
        (&[("cache-control", "max-age=9")], 9, 9),
        (&[("cache-control", "private, max-age=9")], 0, 9),
        (&[("cache-control", "private=\"x-odd\", max-age=9")], 9, 9),
        (&[("cache-control", "max-age=5, s-maxage=9")], 9, 5),
        (&[("cache-control", "max-age=9, s-maxage=5")], 5, 9),
        (&[("cache-control", "max-age=9, s-maxage=0")], 0, 9),
        (&[("cache-control", "s-maxage=9")], 9, 0),
        (&[("cache-control", "s-maxage=9"), ("expires", "Fri, 15 Jan 2027 08:00:05 GMT")], 9, 5),
        (&[("cache-control", "no-store, max-age=9")], 0, 0),
    ];
    for (fields, nobody, somebody) in rows {
        for (token, lifetime) in [(NOBODY, *nobody), (ANN, *somebody)] {
            for (after, fresh) in [(lifetime.saturating_sub(1), lifetime > 0), (lifetime, false)] {
                let house = house_of_things(|_| {});
                tells_who(&house, fields);
                read(&house, THING, token).await;
                pass(after).await;
                read(&house, THING, token).await;
                let reused = house.upstream.count() == 1;
                assert_eq!(reused, fresh, "{fields:?} {token:?} after {after} s");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_shares_with_everybody_and_somebody_with_himself() {
    let house = house_of_things(|_| {});
    tells_who(&house, &[("cache-control", "public, max-age=9, s-maxage=9")]);
    let everyone = [NOBODY, ANN, BEN, "bearer ann", "Basic Og=="];
    for hit in [false, true, true] {
        for token in everyone {
            let reply = read(&house, THING, token).await;
            let told = if token.is_empty() { "-".to_owned() } else { unmarked(token) };
            assert_eq!((reply.is_hit(), reply.text()), (hit, told), "{token:?}");
        }
    }
    assert_eq!(house.upstream.count(), everyone.len());
}

#[tokio::test(start_paused = true)]
async fn where_a_credential_is_required_nothing_is_stored_without_one() {
    let house = house_of_things(|thing| thing.credential = CredentialRule::Required);
    tells_who(&house, &[("cache-control", "public, max-age=9")]);
    for (token, told, asked) in [(NOBODY, "-", 1), (ANN, ANN, 2), (ANN, ANN, 2), (NOBODY, "-", 3)] {
        let reply = read(&house, THING, token).await;
        assert_eq!((reply.text(), house.upstream.count()), (unmarked(told), asked), "{token:?}");
        let passed =
            reply.cache().contains("fwd=bypass") && reply.cache().contains("no-credential");
        assert_eq!(passed, token.is_empty(), "{}", reply.cache());
    }
}

/// Clients with these cookies, all at once.
async fn together(house: &House, cookies: [&'static str; 3]) -> Vec<Reply> {
    let asked = cookies.map(|cookie| {
        let mut client = house.client();
        tokio::spawn(async move { client.ask("GET", THING, &[("cookie", cookie)]).await })
    });
    let mut replies = Vec::new();
    for reply in asked {
        replies.push(reply.await.unwrap());
    }
    replies
}

/// Lets the upstream answer after a second with the cookie that it is sent.
fn echoes_cookies(house: &House, status: u16, fields: &'static [(&'static str, &'static str)]) {
    house.upstream.says(move |request| {
        say(status, fields, request.field("cookie").unwrap_or_default()).after(1)
    });
}

const COOKIES: [&str; 3] = ["a=1", "b=2", "c=3"];

/// A house of things that neither tries again nor waits for its turn.
fn hasty_house() -> House {
    House::with(|settings| {
        settings.resources.push(thing("/things/{id}"));
        once_and_at_once(settings);
    })
}

#[tokio::test(start_paused = true)]
async fn what_may_not_be_stored_reaches_its_asker_alone() {
    let rows: &[(u16, &'static [(&str, &str)])] = &[
        (200, &[("cache-control", "no-store")]),
        (200, &[("cache-control", "private, max-age=9")]),
        (200, &[("cache-control", "max-age=9"), ("set-cookie", "a=b")]),
        (200, &[("cache-control", "max-age=9"), ("vary", "*")]),
        (200, &[("cache-control", "max-age=9"), ("vary", "cookie")]),
        (200, &[("cache-control", "no-cache")]),
        (200, &[]),
        (206, &[("cache-control", "max-age=9")]),
        (302, &[]),
        (401, &[]),
        (404, &[]),
        (429, &[]),
        (503, &[]),
        (599, &[]),
    ];
    for (status, fields) in rows {
        let house = hasty_house();
        echoes_cookies(&house, *status, fields);
        let replies = together(&house, COOKIES).await;
        let told: Vec<_> = replies.iter().map(|reply| (reply.status, reply.text())).collect();
        let expected = COOKIES.map(|cookie| (*status, cookie.to_owned()));
        assert_eq!((told.as_slice(), house.upstream.count()), (&expected[..], 3), "{fields:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_may_be_stored_is_asked_for_once_for_all_who_wait() {
    let house = house_of_things(|_| {});
    echoes_cookies(&house, 200, &[("cache-control", "max-age=9")]);
    let replies = together(&house, COOKIES).await;
    assert!(replies.iter().all(|reply| reply.text() == replies[0].text()));
    assert_eq!(house.upstream.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_twice_for_what_will_be_somebody_elses() {
    let house = house_of_things(|_| {});
    echoes_cookies(&house, 200, &[("cache-control", "no-store")]);
    // those who waited ask anew; for a minute nobody waits; then it is tried again
    for (pause, took) in [(0, 2), (0, 1), (50, 1), (70, 2)] {
        pass(pause).await;
        let (waited, replies) = timed(together(&house, COOKIES)).await;
        assert_eq!(waited, Duration::from_secs(took), "after {pause} s");
        assert_eq!(replies.len(), 3);
    }
    assert_eq!(house.upstream.count(), 12);
}

#[tokio::test(start_paused = true)]
async fn an_outage_does_not_keep_the_next_from_waiting_for_one_answer() {
    let house = hasty_house();
    echoes_cookies(&house, 503, &[]);
    together(&house, COOKIES).await;
    echoes_cookies(&house, 200, &[("cache-control", "max-age=9")]);
    together(&house, COOKIES).await;
    assert_eq!(house.upstream.count(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_401_makes_its_credential_forget_all_things_and_nobody_else_any() {
    let house = house_of_things(|_| {});
    let fresh = [("cache-control", "max-age=99")];
    house.upstream.always(say(200, &fresh, "x"));
    let targets = [THING, "/things/a?b=c", "/things/b"];
    for token in [NOBODY, ANN, BEN] {
        for target in targets {
            read(&house, target, token).await;
        }
    }
    house.upstream.always(say(401, &fresh, "who?"));
    assert_eq!(read(&house, "/things/c", ANN).await.status, 401);
    house.upstream.always(say(200, &fresh, "x"));
    for (token, asked) in [(NOBODY, 0), (BEN, 0), (ANN, 1)] {
        for target in targets {
            let before = house.upstream.count();
            read(&house, target, token).await;
            assert_eq!(house.upstream.count() - before, asked, "{target} {token:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_401_without_a_credential_makes_nobody_forget_anything() {
    let house = house_of_things(|_| {});
    let fresh = [("cache-control", "max-age=99")];
    house.upstream.always(say(200, &fresh, "x"));
    read(&house, THING, NOBODY).await;
    house.upstream.always(say(401, &fresh, "who?"));
    for _ in 0..2 {
        assert_eq!(read(&house, "/things/b", NOBODY).await.status, 401);
        assert!(read(&house, THING, NOBODY).await.is_hit());
    }
    assert_eq!(house.upstream.count(), 2);
}

/// Says one after another, then the last for ever.
fn in_turn(all: &[Say]) -> impl FnMut(&Message) -> Say + Send + 'static {
    let mut rest = all.to_vec();
    move |_| if rest.len() > 1 { rest.remove(0) } else { rest[0].clone() }
}

#[tokio::test(start_paused = true)]
async fn a_read_is_sent_twice_only_where_the_settings_say_so() {
    let (fine, nothing) = (|| say(200, &[], "x"), || Say::RawThenClose(Vec::new()));
    for method in ["GET", "HEAD"] {
        for (retry, status, asked) in [(true, 200, 3), (false, 502, 2)] {
            let house = house_of_things(|thing| thing.retry = retry);
            house.upstream.says(in_turn(&[fine(), nothing(), fine()]));
            let mut client = house.client();
            assert_eq!(client.ask(method, THING, &[]).await.status, 200);
            let reply = client.ask(method, THING, &[]).await;
            let found = (reply.status, house.upstream.count(), house.upstream.connections());
            assert_eq!(found, (status, asked, asked - 1), "{method}, retry: {retry}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_sent_once_uses_no_connection_that_was_idle_for_a_second() {
    for (retry, connections) in [(true, 1), (false, 2)] {
        let house = house_of_things(|thing| thing.retry = retry);
        house.upstream.always(say(200, &[], "x"));
        read(&house, THING, NOBODY).await;
        read(&house, THING, NOBODY).await;
        assert_eq!(house.upstream.connections(), 1, "retry: {retry}");
        pass(2).await;
        read(&house, THING, NOBODY).await;
        assert_eq!(house.upstream.connections(), connections, "retry: {retry}");
    }
}

#[tokio::test(start_paused = true)]
async fn of_pipelined_reads_each_is_judged_by_its_own_credential() {
    let house = house_of_things(|_| {});
    tells_who(&house, &[("cache-control", "max-age=9")]);
    let mut client = house.client();
    let tokens = [ANN, NOBODY, BEN, NOBODY, ANN];
    let asked = tokens.map(|token| match token {
        NOBODY => request("GET", THING, &[], ""),
        token => request("GET", THING, &[("authorization", token)], ""),
    });
    client.write(asked.concat()).await;
    for token in tokens {
        let told = if token.is_empty() { "-".to_owned() } else { unmarked(token) };
        assert_eq!(client.reply_to("GET").await.unwrap().text(), told);
    }
    assert_eq!(house.upstream.count(), 3);
}
