//! Malformed fields on both sides of a whole gateway: every request gets one well-formed reply, its
//! body is the right one, and doubt means that the upstream is asked.
//!
//! What is expected is worked out here, from the octets, in other ways than the gateway does it;
//! it errs only towards allowing too much.

use crate::support::client::Reply;
use crate::support::house::ANN;
use crate::support::house::House;
use crate::support::house::WALL_AT_START;
use crate::support::house::pass;
use crate::support::malformed::Lines;
use crate::support::malformed::OF_ANSWERS;
use crate::support::malformed::OF_REQUESTS;
use crate::support::malformed::has_bare;
use crate::support::malformed::has_word;
use crate::support::malformed::lines;
use crate::support::things::house_of_things;
use crate::support::upstream::Say;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::Config;
use proptest::test_runner::TestCaseResult;
use proptest::test_runner::TestRunner;
use std::cell::Cell;
use std::time::Duration;
use std::time::SystemTime;
use std::time::UNIX_EPOCH;
use tokio::runtime::Builder;

/// A ticket, and a thing as good as any.
const BODY: &[u8] = br#"{"data":{"_id":"a"}}"#;

/// What is asked for, and by whom.
const ASKED: [(&str, &str); 3] =
    [("/things/a", ""), ("/things/a", ANN), ("/v2/support-tickets/a", ANN)];

/// What is said in one run.
#[derive(Clone, Debug)]
struct Case {
    target: &'static str,
    token: &'static str,
    /// The fields of the upstream's answer.
    told: Lines,
    /// Those of the 304 that it later confirms it with.
    confirmed: Lines,
    /// Those of a client's request.
    asked: Lines,
    /// Those of the request that finds nothing stored.
    first: Lines,
}

/// How often what is to be judged came up.
#[derive(Default)]
struct Tally {
    hits: Cell<u32>,
    portions: Cell<u32>,
}

#[test]
fn no_field_however_malformed_makes_a_wrong_reply() {
    let fields = (lines(OF_ANSWERS), lines(OF_ANSWERS), lines(OF_REQUESTS));
    let cases = (select(&ASKED), fields, any::<bool>()).prop_map(|(of, fields, plain)| {
        let ((target, token), (told, confirmed, asked)) = (of, fields);
        let first = if plain { Lines::default() } else { asked.clone() };
        Case { target, token, told, confirmed, asked, first }
    });
    let config = Config { failure_persistence: None, ..Config::default() };
    let tried = config.cases;
    let tally = Tally::default();
    let judged = TestRunner::new(config).run(&cases, |case| {
        let runtime = Builder::new_current_thread().enable_all().start_paused(true).build();
        runtime.unwrap().block_on(run(&case, &tally))
    });
    judged.unwrap_or_else(|wrong| panic!("{wrong}"));
    let (hits, portions) = (tally.hits.get(), tally.portions.get());
    assert!(hits > tried / 20 && portions > 0, "of {tried}: {hits} hits, {portions} parts");
}

async fn run(case: &Case, tally: &Tally) -> TestCaseResult {
    let house = house_of_things(|_| {});
    let nothing = Lines::default();
    let told = answer("200 OK", &case.told, BODY);
    house.upstream.always(Say::Raw(told.clone()));
    judge(case, &case.first, &exchange(&house, case, &case.first).await?, tally)?;

    let (before, plain) = (house.upstream.count(), exchange(&house, case, &nothing).await?);
    judge(case, &nothing, &plain, tally)?;
    if house.upstream.count() == before {
        tally.hits.set(tally.hits.get() + 1);
        prop_assert!(may_be_reused(case), "reused");
    }

    let (before, reply) = (house.upstream.count(), exchange(&house, case, &case.asked).await?);
    judge(case, &case.asked, &reply, tally)?;
    if wants_the_upstream(&case.asked) && reply.status != 400 && reply.status != 504 {
        prop_assert!(house.upstream.count() > before, "the client's word was not heeded");
    }

    let confirmed = answer("304 Not Modified", &case.confirmed, b"");
    house.upstream.says(move |request| {
        let conditional = request.field("if-none-match").or(request.field("if-modified-since"));
        Say::Raw(conditional.map_or(&told, |_| &confirmed).clone())
    });
    for secs in [100, 1] {
        pass(secs).await;
        judge(case, &nothing, &exchange(&house, case, &nothing).await?, tally)?;
    }
    Ok(())
}

fn answer(status: &str, fields: &Lines, body: &[u8]) -> Vec<u8> {
    let start = format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\n");
    let length =
        if body.is_empty() { String::new() } else { format!("content-length: {}\r\n", body.len()) };
    [start.as_bytes(), &fields.written(), length.as_bytes(), b"\r\n", body].concat()
}

/// Asks once, and makes sure that exactly one reply comes.
async fn exchange(house: &House, case: &Case, asked: &Lines) -> Result<Reply, TestCaseError> {
    let mut client = house.client();
    let credential = match case.token {
        "" => String::new(),
        token => format!("authorization: {token}\r\n"),
    };
    let start = format!("GET {} HTTP/1.1\r\nhost: gateway\r\n{credential}", case.target);
    client.write([start.as_bytes(), &asked.written(), b"\r\n"].concat()).await;
    let reply = client.reply_to("GET").await.ok_or_else(|| TestCaseError::fail("no reply"))?;
    if reply.field("connection") == Some("close") {
        prop_assert!(client.is_closed().await, "something follows {reply:?}");
    } else {
        let next = client.ask("GET", "/_gateway/live", &[]).await;
        prop_assert_eq!(next.text(), r#"{"status":"live"}"#, "after {:?}", reply);
    }
    prop_assert!(reply.message.whole, "cut: {reply:?}");
    prop_assert!(reply.message.all("content-length").len() <= 1, "two lengths: {reply:?}");
    Ok(reply)
}

/// Whether a reply is one that the request may have.
fn judge(case: &Case, asked: &Lines, reply: &Reply, tally: &Tally) -> TestCaseResult {
    let body = reply.message.body.as_slice();
    let right = match reply.status {
        200 => body == BODY,
        206 => body == part(reply) && may_be_cut(case, asked),
        304 => body.is_empty() && is_known(case, asked),
        416 => body.is_empty() && may_be_cut(case, asked),
        400 => asked.are_no_http(),
        502 => case.told.are_no_http() || case.confirmed.are_no_http(),
        504 => {
            let wanted = asked.all("cache-control").join(&b","[..]);
            has_word(&wanted, "only-if-cached") && reply.text().contains("GATEWAY_NOT_STORED")
        }
        _ => false,
    };
    tally.portions.set(tally.portions.get() + u32::from([206, 304].contains(&reply.status)));
    prop_assert!(right, "wrong: {reply:?}");
    Ok(())
}

/// The octets that a 206 says it has.
fn part(reply: &Reply) -> &'static [u8] {
    let [claimed] = reply.message.all("content-range")[..] else { return b"two ranges" };
    let span = claimed.strip_prefix("bytes ").and_then(|rest| rest.strip_suffix("/20"));
    let (first, last) = span.and_then(|span| span.split_once('-')).unwrap_or(("1", "0"));
    BODY.get(first.parse().unwrap()..=last.parse().unwrap()).unwrap_or(b"no such range")
}

/// Only if there is one range, and the client's part is of the same octets.
fn may_be_cut(case: &Case, asked: &Lines) -> bool {
    let same = match asked.all("if-range")[..] {
        [] => true,
        [tag] if tag.starts_with(b"\"") => case.told.only("etag") == Some(tag),
        [time] => {
            let changed = case.told.only("last-modified").and_then(date);
            changed.is_some() && changed == date(time)
        }
        _ => false,
    };
    asked.only("range").is_some() && same
}

/// Whether the client says that it has what is stored.
fn is_known(case: &Case, asked: &Lines) -> bool {
    let tags = asked.all("if-none-match");
    if tags.is_empty() {
        let told = &case.told;
        let changed = match (told.all("last-modified").len(), told.all("date").len()) {
            (0, 0) => Some(UNIX_EPOCH + Duration::from_secs(WALL_AT_START)),
            (0, _) => told.only("date").and_then(date),
            _ => told.only("last-modified").and_then(date),
        };
        let since = asked.only("if-modified-since").and_then(date);
        return changed.is_some() && changed <= since;
    }
    let opaque = |tag: &[u8]| tag.strip_prefix(b"W/").unwrap_or(tag).to_vec();
    let stored = case.told.only("etag").map(opaque).filter(|tag| tag.starts_with(b"\""));
    tags == [b"*"] || stored.is_some_and(|tag| members(&tags).contains(&tag))
}

/// The quoted tags of `If-None-Match`; what stands between them is left out.
fn members(lines: &[&[u8]]) -> Vec<Vec<u8>> {
    let quoted = |line: &&[u8]| {
        let pieces: Vec<_> = line.split(|&octet| octet == b'"').map(<[u8]>::to_vec).collect();
        let inside = pieces.into_iter().skip(1).step_by(2);
        inside.map(|tag| [b"\"", &*tag, b"\""].concat()).collect::<Vec<_>>()
    };
    lines.iter().flat_map(quoted).collect()
}

fn date(text: &[u8]) -> Option<SystemTime> {
    httpdate::parse_http_date(std::str::from_utf8(text).ok()?).ok()
}

/// Whether nothing that the upstream said forbids reuse within the same second.
fn may_be_reused(case: &Case) -> bool {
    let said = case.told.all("cache-control").join(&b", "[..]);
    let (thing, lifetimes) = (case.target.starts_with("/things"), ["max-age", "s-maxage"]);
    let timed = lifetimes.iter().any(|name| has_word(&said, name));
    let expires =
        case.told.all("expires").is_empty() || case.told.only("expires").and_then(date).is_some();
    let field_name = |octet: &u8| octet.is_ascii_alphanumeric() || b"-_, \t".contains(octet);
    let varies = case.told.all("vary").concat();
    let understood = thing && has_word(&said, "must-understand");
    let forbidden = [
        has_word(&said, "no-store") && !understood,
        has_bare(&said, "no-cache"),
        has_bare(&said, "private") && case.token.is_empty(),
        !timed && !expires,
        !varies.iter().all(field_name),
    ];
    !forbidden.contains(&true)
}

fn wants_the_upstream(asked: &Lines) -> bool {
    let said = asked.all("cache-control").join(&b", "[..]);
    let pragma = asked.all("pragma").join(&b", "[..]);
    let old = asked.all("cache-control").is_empty() && has_word(&pragma, "no-cache");
    old || has_word(&said, "no-store") || has_word(&said, "no-cache")
}
