//! Several responses under one key: RFC 9111 section 4.1.

use crate::support::client::Reply;
use crate::support::house::ANN;
use crate::support::house::House;
use crate::support::house::pass;
use crate::support::pages::BOTH;
use crate::support::pages::PAGE;
use crate::support::pages::house_with_pages;
use crate::support::pages::is_conditional;
use crate::support::pages::not_modified;
use crate::support::recall::T1;
use crate::support::search::unmarked;
use crate::support::upstream::Say;
use crate::support::wire::Message;
use tokio::task::JoinHandle;
use tokio::time::Instant;

const FRESH: (&str, &str) = ("cache-control", "max-age=30");

const HIT: &str = "verifik-gateway; hit; ttl=30";
const VARY_MISS: &str = "verifik-gateway; fwd=vary-miss; fwd-status=200; stored";

/// How long the upstream takes where it takes its time, in seconds.
const TAKES: u64 = 5;

/// What the upstream makes of a request: a ticket or page that says what it heard in these fields.
fn echo(request: &Message, names: &[&str], vary: &str) -> Say {
    let heard = names.iter().map(|name| request.all(name).join("+")).collect::<Vec<_>>().join("/");
    let heard = unmarked(&heard);
    let body = format!(r#"{{"data":{{"_id":"t1","heard":"{heard}"}}}}"#);
    Say::json(200, &body, &[FRESH, ("vary", vary), ("etag", &format!("\"{heard}\""))])
}

/// A house whose upstream varies on the one field.
fn house_varying_on(name: &'static str) -> House {
    let house = house_with_pages(|_| {});
    house.upstream.says(move |request| echo(request, &[name], name));
    house
}

async fn ask(house: &House, target: &str, fields: &[(&str, &str)]) -> Reply {
    let fields: Vec<_> = [("authorization", ANN)].iter().chain(fields).copied().collect();
    house.client().ask("GET", target, &fields).await
}

/// What the upstream had heard when it made the answer.
fn heard(reply: &Reply) -> String {
    let text = reply.text();
    text.split("heard\":\"").nth(1).and_then(|rest| rest.strip_suffix("\"}}")).unwrap().to_owned()
}

#[tokio::test(start_paused = true)]
async fn each_variant_is_stored_beside_the_others_and_answers_its_like() {
    for (target, name) in [(PAGE, "accept-language"), (PAGE, "cookie"), (T1, "user-agent")] {
        let house = house_varying_on(name);
        let miss = "verifik-gateway; fwd=uri-miss; fwd-status=200; stored";
        for (value, cache) in [("es", miss), ("en", VARY_MISS), ("es", HIT), ("en", HIT)] {
            let reply = ask(&house, target, &[(name, value)]).await;
            assert_eq!((heard(&reply).as_str(), reply.cache().as_str()), (value, cache), "{name}");
        }
        let reply = ask(&house, target, &[]).await;
        assert_eq!((heard(&reply).as_str(), reply.cache().as_str()), ("", VARY_MISS), "{name}");
        assert_eq!(house.upstream.count(), 3, "{target} {name}");
        assert!(house.upstream.heard().iter().all(|request| !is_conditional(request)), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn eight_variants_are_kept_and_the_one_asked_for_longest_ago_goes_first() {
    for (target, name) in [(PAGE, "accept-language"), (T1, "user-agent")] {
        let house = house_varying_on(name);
        let values = ["a", "b", "c", "d", "e", "f", "g", "h", "i"];
        for value in values {
            ask(&house, target, &[(name, value)]).await;
        }
        for value in &values[1..] {
            assert!(ask(&house, target, &[(name, value)]).await.is_hit(), "{target} {value}");
        }
        assert_eq!(house.upstream.count(), 9, "{target}");
        assert_eq!(ask(&house, target, &[(name, "a")]).await.cache(), VARY_MISS, "{target}");
        assert!(!ask(&house, target, &[(name, "b")]).await.is_hit(), "{target}");
        assert_eq!(house.upstream.count(), 11, "{target}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_varies_on_everything_or_on_nobody_knows_what_is_never_stored() {
    let spellings: [&[&'static str]; 9] = [
        &["*"],
        &[" * "],
        &["accept, *"],
        &["accept", "*"],
        &["*", "accept"],
        &["**"],
        &["\"*\""],
        &["accept language"],
        &["accept; origin"],
    ];
    for (target, lines) in [T1, PAGE].iter().flat_map(|t| spellings.map(|lines| (t, lines))) {
        let house = house_with_pages(|_| {});
        let lines: Vec<_> = lines.iter().map(|line| ("vary", *line)).chain([FRESH]).collect();
        house.upstream.always(Say::json(200, r#"{"data":{"_id":"t1"}}"#, &lines));
        for asked in [1, 2] {
            let cache = ask(&house, target, &[]).await.cache();
            let expected = "verifik-gateway; fwd=uri-miss; fwd-status=200; detail=vary";
            assert_eq!((cache.as_str(), house.upstream.count()), (expected, asked), "{lines:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn values_that_mean_the_same_are_the_same() {
    const L: &str = "accept-language";
    let rows: &[(&[(&str, &str)], &[(&str, &str)], bool)] = &[
        (&[(L, "es-CO, en;q=0.5")], &[(L, "ES-co ,\ten; q=0.5,")], true),
        (&[(L, "es-CO, en;q=0.5")], &[(L, "es-CO"), (L, "en;q=0.5")], true),
        (&[(L, "es, en")], &[(L, "en, es")], false),
        (&[(L, "es")], &[(L, "es;q=1")], false),
        (&[(L, "")], &[], false),
        (&[("accept-encoding", "GZIP,br")], &[("accept-encoding", "gzip , br")], true),
        (&[("accept", "text/html;level=1")], &[("accept", "text/html ; level=1")], true),
        (&[("accept", "text/html;level=A")], &[("accept", "text/html;level=a")], false),
        (&[("x-any", "a, b")], &[("x-any", " a "), ("x-any", "b")], true),
        (&[("x-any", "a, b")], &[("x-any", "a,b")], false),
        (&[("x-any", "a")], &[("x-any", "A")], false),
        (&[("x-any", "a"), ("x-other", "1")], &[("x-other", "2"), ("x-any", "a")], true),
    ];
    for (one, other, same) in rows {
        let vary = "X-Any,Accept-Language , accept, ACCEPT-ENCODING";
        let house = house_with_pages(|_| {});
        house.upstream.says(move |request| echo(request, &[], vary));
        ask(&house, PAGE, one).await;
        assert_eq!(ask(&house, PAGE, other).await.is_hit(), *same, "{one:?} {other:?}");
        assert!(ask(&house, PAGE, one).await.is_hit(), "{one:?} {other:?}");
        assert_eq!(house.upstream.count(), if *same { 1 } else { 2 }, "{one:?} {other:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_ticket_does_not_vary_on_what_is_not_sent_on_or_in_its_key() {
    let names = ["Accept", "accept-encoding", "cookie", "X-Any", "authorization", "te"];
    for name in names {
        let house = house_varying_on("x");
        house.upstream.says(move |request| echo(request, &[name], &format!("origin, {name}")));
        ask(&house, T1, &[]).await;
        let fields = ["accept", "accept-encoding", "cookie", "x-any", "te"].map(|n| (n, "other"));
        assert!(ask(&house, T1, &fields).await.is_hit(), "{name}");
        assert_eq!(house.upstream.count(), 1, "{name}");
    }
    let house = house_varying_on("origin");
    for (origin, hit) in [("a", false), ("b", false), ("a", true), ("b", true)] {
        let reply = ask(&house, T1, &[("origin", origin)]).await;
        assert_eq!((heard(&reply).as_str(), reply.is_hit()), (origin, hit));
    }
}

#[tokio::test(start_paused = true)]
async fn of_several_that_match_the_newest_answers() {
    let house = house_with_pages(|_| {});
    let curl = [("user-agent", "curl"), ("accept-language", "es")];
    let wget = [("user-agent", "wget"), ("accept-language", "es")];
    for (fields, vary) in [(curl, "accept-language"), (wget, "user-agent")] {
        let wish = ("cache-control", "no-cache");
        house.upstream.says(move |request| echo(request, &["user-agent"], vary));
        ask(&house, PAGE, &[fields[0], fields[1], wish]).await;
        pass(1).await;
    }
    assert_eq!(heard(&ask(&house, PAGE, &wget).await), "wget", "it matches both");
    assert_eq!(heard(&ask(&house, PAGE, &curl).await), "curl", "it matches the older");
    assert_eq!(house.upstream.count(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_response_that_varies_no_more_or_for_the_first_time_replaces_all_others() {
    let house = house_varying_on("accept-language");
    let (es, en, new) =
        (("accept-language", "es"), ("accept-language", "en"), ("cache-control", "no-cache"));
    ask(&house, PAGE, &[es]).await;
    ask(&house, PAGE, &[en]).await;
    house.upstream.says(|request| echo(request, &["accept-language"], ""));
    ask(&house, PAGE, &[en, new]).await;
    let hit = ask(&house, PAGE, &[es]).await;
    assert_eq!((hit.is_hit(), heard(&hit).as_str()), (true, "en"), "the same for all");
    house.upstream.says(|request| echo(request, &["accept-language"], "accept-language"));
    ask(&house, PAGE, &[en, new]).await;
    let miss = ask(&house, PAGE, &[es]).await;
    assert_eq!((miss.cache().as_str(), heard(&miss).as_str()), (VARY_MISS, "es"));
    assert_eq!(house.upstream.count(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_stale_variant_is_validated_with_its_own_tag_and_freshened_alone() {
    let house = house_varying_on("accept-language");
    for value in ["es", "en"] {
        ask(&house, PAGE, &[("accept-language", value)]).await;
    }
    pass(31).await;
    house.upstream.always(not_modified(&[]));
    for (value, cache) in [("es", "fwd=stale; fwd-status=304; stored"), ("es", "hit; ttl=30")] {
        let reply = ask(&house, PAGE, &[("accept-language", value)]).await;
        assert_eq!(reply.cache(), format!("verifik-gateway; {cache}"));
        assert_eq!(heard(&reply), "es");
    }
    assert_eq!(house.upstream.last().field("if-none-match"), Some("\"es\""));
    ask(&house, PAGE, &[("accept-language", "en")]).await;
    assert_eq!(house.upstream.last().field("if-none-match"), Some("\"en\""));
    assert_eq!(house.upstream.count(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_write_makes_all_variants_forgotten() {
    for target in BOTH {
        let house = house_varying_on("user-agent");
        for value in ["a", "b", "c"] {
            ask(&house, target, &[("user-agent", value)]).await;
        }
        house.write("PUT", target, ANN, "{}").await;
        for value in ["c", "b", "a"] {
            assert!(!ask(&house, target, &[("user-agent", value)]).await.is_hit(), "{value}");
        }
        assert_eq!(house.upstream.count(), 7, "{target}");
    }
}

/// Asks at once with each of these languages; the replies, and how many seconds it took.
async fn crowd(house: &House, languages: &[&'static str]) -> (Vec<(String, Reply)>, u64) {
    let began = Instant::now();
    let ask = |language: &'static str| -> JoinHandle<(String, Reply)> {
        let mut client = house.client();
        let fields = [("accept-language", language)];
        tokio::spawn(async move { (language.to_owned(), client.ask("GET", PAGE, &fields).await) })
    };
    let mut replies = Vec::new();
    for asker in languages.iter().map(|language| ask(language)).collect::<Vec<_>>() {
        replies.push(asker.await.unwrap());
    }
    (replies, began.elapsed().as_secs())
}

#[tokio::test(start_paused = true)]
async fn two_groups_who_ask_at_once_cost_a_request_each_and_never_get_the_others_answer() {
    let house = house_with_pages(|_| {});
    house
        .upstream
        .says(|request| echo(request, &["accept-language"], "accept-language").after(TAKES));
    for wait in [0, 31] {
        let before = house.upstream.count();
        pass(wait).await;
        let (replies, secs) = crowd(&house, &["es", "en"].repeat(50)).await;
        assert!(replies.iter().all(|(language, reply)| heard(reply) == *language), "{wait}");
        let cost = house.upstream.count() - before;
        assert!(cost <= 3 && secs <= 2 * TAKES, "after {wait} s: {cost} requests, {secs} s");
    }
    let (replies, secs) = crowd(&house, &["es", "en", "es", "en"]).await;
    assert!(
        secs == 0 && replies.iter().all(|(language, hit)| hit.is_hit() && heard(hit) == *language)
    );
}

#[tokio::test(start_paused = true)]
async fn who_waited_for_what_is_nobody_elses_asks_at_once_and_for_a_minute_nobody_waits() {
    for vary in ["*", "accept-language, *", "???"] {
        let house = house_with_pages(|_| {});
        house.upstream.says(move |request| echo(request, &["accept-language"], vary).after(TAKES));
        for (wait, expected) in [(0, 2 * TAKES), (0, TAKES), (30, TAKES), (61, 2 * TAKES)] {
            pass(wait).await;
            let before = house.upstream.count();
            let (replies, secs) = crowd(&house, &["es", "en"].repeat(10)).await;
            assert!(replies.iter().all(|(language, reply)| heard(reply) == *language), "{vary}");
            assert_eq!((house.upstream.count() - before, secs), (20, expected), "{vary} {wait}");
        }
    }
}
