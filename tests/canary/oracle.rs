//! What a client may be told.

use crate::fault::FAULT;
use crate::request::Request;
use crate::request::Wish;
use crate::tally::Tally;
use crate::wire::Message;
use crate::world::Canary;
use crate::world::MARK;
use crate::world::World;
use crate::world::id;
use serde_json::Value;

/// No canary of anybody but `credential` stands in what came.
pub fn is_own(heard: &str, credential: u64) {
    for (place, _) in heard.match_indices(MARK) {
        let whose = heard[place + MARK.len()..].get(..3);
        // Cut off by a client that left: nobody's.
        let Some(whose) = whose.and_then(|whose| whose.parse::<u64>().ok()) else { continue };
        assert_eq!(whose, credential, "FOREIGN CANARY at {place} in {heard}");
    }
    assert!(!heard.contains("tok_"), "A TOKEN in {heard}");
}

/// A whole reply to a request.
pub fn judge(world: &World, asked: &Request, reply: &Message) {
    is_own(&reply.head, asked.credential);
    let status = reply.status();
    let stored = reply.head.contains("cache-status: verifik-gateway; hit");
    if let Wish::Batch(_) = asked.wish {
        assert_eq!(status, 200, "{reply:?}");
        return lines(world, asked, &reply.text());
    }
    Tally::add(&world.tally.responses);
    let text = reply.text();
    let marked = reply.field("x-fault").is_some() || text.contains(FAULT);
    let went_wrong = marked || !matches!(status, 200 | 206 | 304);
    if went_wrong {
        is_own(&text, asked.credential);
        assert!(!stored || status == 416, "stored: {reply:?}");
        assert!(matches!(status, 200 | 401 | 416 | 429 | 500 | 502..=504), "{reply:?}");
        Tally::add(&world.tally.odd);
        return;
    }
    match &asked.wish {
        Wish::Read | Wish::Head | Wish::Unless(_) | Wish::Part(..) => ticket(world, asked, reply),
        Wish::Write(tickets) => written(world, asked, tickets, &text),
        Wish::Elsewhere => {
            let told = Canary::find(&text).expect("a canary");
            assert!(text.contains("elsewhere") && told.credential == asked.credential, "{text}");
        }
        Wish::Anonymous => panic!("without a credential: {reply:?}"),
        Wish::Batch(_) => unreachable!("lines have been read"),
    }
    if stored {
        Tally::add(&world.tally.hits);
    }
}

/// The ticket asked for, as new as it has to be, byte for byte.
fn ticket(world: &World, asked: &Request, reply: &Message) {
    let told = reply.field("etag").and_then(Canary::find);
    let told = told.unwrap_or_else(|| panic!("no entity tag: {reply:?}"));
    fits(asked.credential, asked.ticket, asked.floor, told);
    assert!(told.version <= world.versions.version(asked.ticket), "from the future: {reply:?}");
    assert_eq!(reply.field("x-canary"), Some(&*told.text()), "{reply:?}");
    let body = told.body();
    match (&asked.wish, reply.status()) {
        (Wish::Head, 200) => {
            assert_eq!(reply.field("content-length"), Some(&*body.len().to_string()), "{reply:?}");
        }
        (Wish::Unless(tag), 304) => assert_eq!(*tag, told.text(), "{reply:?}"),
        (Wish::Part(first, last), 206) => {
            let last = (*last).min(body.len() - 1);
            let range = format!("bytes {first}-{last}/{}", body.len());
            assert_eq!(reply.field("content-range"), Some(&*range), "{reply:?}");
            assert!(reply.body == body.as_bytes()[*first..=last], "{reply:?}");
        }
        (_, 200) => assert!(reply.body == body.as_bytes(), "{told:?} expected: {reply:?}"),
        _ => panic!("{:?}: {reply:?}", asked.wish),
    }
}

fn fits(credential: u64, ticket: u64, floor: u64, told: Canary) {
    assert_eq!((told.credential, told.ticket), (credential, ticket));
    assert!(told.version >= floor, "{told:?}, and {floor} was known when it was asked for");
}

fn written(world: &World, asked: &Request, tickets: &[u64], text: &str) {
    let told: Vec<Canary> = text.split('"').filter_map(Canary::find).collect();
    let of: Vec<u64> = told.iter().map(|canary| canary.ticket).collect();
    assert_eq!(of, tickets, "{text}");
    for canary in told {
        assert_eq!(canary.credential, asked.credential, "{text}");
        world.versions.told(canary.ticket, canary.version);
    }
    Tally::add(&world.tally.writes);
}

/// The lines of a batch: every ticket once, each as if it had been asked for alone.
fn lines(world: &World, asked: &Request, text: &str) {
    let Wish::Batch(wanted) = &asked.wish else { unreachable!("a batch") };
    is_own(text, asked.credential);
    let mut lines: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect();
    let last = lines.pop().expect("a last line");
    assert!(last["done"] == true && last["asked"] == wanted.len(), "{text}");
    let mut places: Vec<u64> = lines.iter().filter_map(|line| line["index"].as_u64()).collect();
    places.sort_unstable();
    places.dedup();
    assert_eq!(places.len(), lines.len(), "a line twice: {text}");
    // A batch ends early in one case only: nothing more is to be had with this credential.
    let dead = last["stopped"] == "credential-dead" && lines.iter().any(|one| one["status"] == 401);
    assert!(dead || last["stopped"].is_null() && lines.len() == wanted.len(), "{text}");
    for line in lines {
        Tally::add(&world.tally.responses);
        let index = usize::try_from(line["index"].as_u64().expect("an index")).unwrap();
        let (ticket, floor) = wanted[index];
        assert_eq!(line["id"], id(ticket), "{line}");
        let whole = line["body"].to_string();
        if line["status"] != 200 || whole.contains(FAULT) {
            assert!(line["cache"] != "hit", "stored: {line}");
            Tally::add(&world.tally.odd);
            continue;
        }
        let told = Canary::find(&whole).expect("a canary");
        fits(asked.credential, ticket, floor, told);
        let expected: Value = serde_json::from_str(&told.body()).unwrap();
        assert_eq!(line["body"], expected);
        if line["cache"] == "hit" {
            Tally::add(&world.tally.hits);
        }
    }
}
