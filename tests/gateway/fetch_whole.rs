//! `fetch` with a gateway of its own in front of an upstream: the whole way.

use crate::fetch_run::Ran;
use crate::fetch_run::Run;
use crate::fetch_run::TOKEN;
use crate::fetch_run::fetch;
use crate::fetch_run::place;
use crate::fetch_run::wait_until;
use crate::fetch_scripted::id_of;
use crate::fetch_scripted::ids_in;
use crate::sockets::Upstream;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;
use std::sync::Condvar;
use std::sync::Mutex;

const IDS: usize = 20_000;

/// At most so many ids of a batch are asked for at one time.
const UNDER_WAY: usize = 64;

/// One id in twenty does not exist, one in a hundred fails the first time.
#[test]
fn a_long_list_interrupted_half_way_is_complete_in_the_end_and_nothing_is_there_twice() {
    let upstream = Counting::open();
    let file = place("whole").join("tickets.ndjson");
    let kept = || fs::read_to_string(&file).unwrap_or_default();
    let output = ["--output", file.to_str().unwrap(), "--resume"];
    let list = (0..IDS).map(|number| format!("t{number}")).collect::<Vec<_>>().join("\n");

    let run = upstream.fetch(&list, &output);
    // Half of it is asked for and the upstream answers no more; what it has answered is kept.
    wait_until(|| kept().lines().count() >= IDS / 2 - IDS / 200 - UNDER_WAY);
    run.signal("INT");
    let first = run.ended();
    upstream.go_on();
    assert_eq!(first.code, 1, "{}", first.told);
    assert!(first.told.contains("interrupted by a signal"), "{}", first.told);
    let before = (kept().lines().count(), upstream.calls());

    let second = upstream.fetch(&list, &output).ended();
    assert_eq!(second.code, 1, "those that failed the first time: {}", second.told);
    assert_eq!(upstream_calls(&second), upstream.calls() - before.1, "{}", second.told);
    assert!(upstream.calls() - before.1 <= IDS - before.0, "{}", second.told);

    let third = upstream.fetch(&list, &output).ended();
    assert_eq!(third.code, 2, "{}", third.told);
    assert!(third.told.contains("20000 asked, 19000 found, 1000 not found ("), "{}", third.told);
    assert!(third.told.contains(", 0 failed, "), "{}", third.told);

    let kept = kept();
    let distinct = kept.lines().map(id_of).collect::<BTreeSet<_>>().len();
    assert_eq!((kept.lines().count(), distinct), (IDS, IDS));
    // Asked for twice was what had failed, and what was on its way there or back when the run was
    // interrupted.
    let again = upstream.calls() - IDS - IDS / 100;
    assert!(again <= 2 * UNDER_WAY, "{again}");
}

/// The count that the report tells, which comes after whatever was told of the progress.
fn upstream_calls(ran: &Ran) -> usize {
    let (before, _) = ran.told.rsplit_once(" upstream calls").unwrap();
    before.rsplit(' ').next().unwrap().parse().unwrap()
}

#[test]
fn an_embedded_gateway_goes_by_the_settings() {
    let upstream = Counting::open();
    let ran = upstream.fetch("t1\nt2", &["--log-level", "info"]).ended();
    assert_eq!((ran.code, ids_in(&ran.said)), (0, "t1 t2".into()));
    assert!(ran.told.contains("a batch ended"), "{}", ran.told);
    let ran = upstream.fetch("t3", &["--log-level", "loud"]).ended();
    assert_eq!((ran.code, upstream.calls()), (64, 2), "{}", ran.told);
}

#[test]
fn the_api_calls_the_token_dead() {
    let upstream = Upstream::open(
        |socket| socket,
        |_| json(401, r#"{"code":"Unauthorized","message":"Invalid or expired token."}"#),
    );
    let url = upstream.url("http");
    let ran = fetch("t1\nt2\nt3", &["-", "--upstream", &url], Some(TOKEN)).ended();
    assert_eq!((ran.code, ran.said.as_str()), (1, ""), "{}", ran.told);
    assert!(ran.told.contains("the API does not accept the token"), "{}", ran.told);
    assert!(upstream.heard().contains(&format!("authorization: Bearer {TOKEN}\r\n")));
}

/// An upstream that counts how often it is asked for each id, and answers half of them until it is
/// told to go on.
struct Counting {
    upstream: Upstream,
    asked: Arc<Mutex<BTreeMap<String, usize>>>,
    gate: Arc<(Mutex<bool>, Condvar)>,
}

impl Counting {
    fn open() -> Self {
        let (asked, gate) = (Arc::<Mutex<BTreeMap<_, _>>>::default(), Arc::default());
        let (counted, held) = (Arc::clone(&asked), Arc::<(Mutex<bool>, Condvar)>::clone(&gate));
        let upstream = Upstream::open(
            |socket| socket,
            move |head| {
                let id = head.split(' ').nth(1).unwrap().rsplit('/').next().unwrap();
                let (times, distinct) = {
                    let mut counted = counted.lock().unwrap();
                    let times = counted.entry(id.to_owned()).or_insert(0);
                    *times += 1;
                    (*times, counted.len())
                };
                if distinct > IDS / 2 {
                    let open = held.0.lock().unwrap();
                    drop(held.1.wait_while(open, |open| !*open).unwrap());
                }
                answer(id, times)
            },
        );
        Self { upstream, asked, gate }
    }

    fn go_on(&self) {
        *self.gate.0.lock().unwrap() = true;
        self.gate.1.notify_all();
    }

    fn calls(&self) -> usize {
        self.asked.lock().unwrap().values().sum()
    }

    fn fetch(&self, ids: &str, more: &[&str]) -> Run {
        let url = self.upstream.url("http");
        fetch(ids, &[&["-", "--upstream", &url], more].concat(), Some(TOKEN))
    }
}

/// What it says about an id when it is asked for the first time, the second, and so on.
fn answer(id: &str, times: usize) -> String {
    let number: usize = id[1..].parse().unwrap();
    match number {
        _ if number % 20 == 7 => json(404, r#"{"message":"SUPPORT_TICKET_NOT_FOUND"}"#),
        _ if number % 100 == 3 && times == 1 => json(500, r#"{"message":"oops"}"#),
        _ => json(200, &format!(r#"{{"data":{{"_id":"{id}","status":"open"}}}}"#)),
    }
}

fn json(status: u16, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status} Said\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\
         \r\n{body}"
    )
}
