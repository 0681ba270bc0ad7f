//! Thousands of requests by several credentials, hits and misses, writes and batches, while one in a
//! hundred tasks panics somewhere: only whose own task it was comes to harm, and all is given back.
//! `SEED=7 cargo test --test gateway torture_chance` tries the same again.

use crate::support::chance::seeds;
use crate::support::client::Client;
use crate::support::client::request;
use crate::support::house::House;
use crate::support::search::unmarked;
use crate::support::torture::all_but_given_back;
use crate::support::torture::connects;
use crate::support::torture::get;
use crate::support::torture::is_giving_back;
use crate::support::trap::Trap;
use crate::support::trap::trapped_house;
use crate::support::upstream::Say;
use crate::support::upstream::id_of;
use fastrand::Rng;
use serde_json::Value;
use std::collections::HashMap;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;
use tokio::task::Id;
use tokio::time::Instant;
use tokio::time::sleep;
use tokio::time::timeout;

const CLIENTS: usize = 40;
const REQUESTS: usize = 60;
const TICKETS: usize = 6;

const WHO: [&str; 4] = [
    "Bearer ada-7f3cSECRET",
    "Bearer bob-7f3cSECRET",
    "Bearer cyd-7f3cSECRET",
    "Bearer dan-7f3cSECRET",
];

/// What is known of the run.
#[derive(Default)]
struct Known {
    /// The tasks that have panicked, and when.
    panics: Vec<(Option<Id>, Instant)>,
    /// Those that serve connections.
    connections: HashSet<Id>,
    /// How many writes a ticket has heard.
    writes: HashMap<String, u64>,
    /// The number of each write that the upstream has heard, by its name.
    numbers: HashMap<String, u64>,
    /// Up to which of its writes somebody knows of for each ticket: their exchanges are over.
    over: HashMap<String, u64>,
    requests: usize,
    lost: u64,
}

type Shared = Arc<Mutex<Known>>;

#[tokio::test(start_paused = true)]
async fn one_in_a_hundred_panics_and_nobody_else_comes_to_harm() {
    for seed in seeds(0..1) {
        run(seed).await;
    }
}

async fn run(seed: u64) {
    let (house, trap) = trapped_house(|settings| settings.upstream.max_in_flight = 6);
    let (house, known) = (Arc::new(house), Shared::default());
    answers(&house, &known, seed);
    go_wrong(&trap, &known, seed);
    let clients: Vec<_> = (0..CLIENTS)
        .map(|number| {
            let luck = Rng::with_seed(seed * 1_000 + number as u64);
            let (house, known) = (Arc::clone(&house), Arc::clone(&known));
            tokio::spawn(async move { client(&house, &known, luck, number).await })
        })
        .collect();
    for client in clients {
        client.await.unwrap_or_else(|_| panic!("SEED={seed}"));
    }
    trap.repair();
    sleep(Duration::from_secs(61)).await;
    for who in WHO {
        for id in 0..TICKETS {
            let mut of = Asker::connect(&house, &known);
            of.read(&format!("t{id}"), who, &[]).await;
        }
    }
    let (panics, requests, lost) = {
        let known = known.lock().unwrap();
        (known.panics.len(), known.requests, known.lost)
    };
    assert!(requests > 2_000, "{requests}");
    assert!((requests / 200..requests / 20).contains(&panics), "{panics} of {requests}");
    all_but_given_back(&house, lost, &format!("SEED={seed}")).await;
}

/// Tickets say how many writes they have heard, and writes which they are.
fn answers(house: &House, known: &Shared, seed: u64) {
    let (known, mut luck) = (Arc::clone(known), Rng::with_seed(seed));
    house.upstream.says(move |asked| {
        let mut known = known.lock().unwrap();
        let id = id_of(asked).to_owned();
        let number = known.writes.entry(id.clone()).or_default();
        if asked.start.starts_with("PUT ") {
            *number += 1;
            let number = *number;
            let name = asked.field("x-request-id").expect("a name").to_owned();
            known.numbers.insert(name, number);
        }
        let (owner, number) = (unmarked(asked.field("authorization").unwrap()), known.writes[&id]);
        let body = format!(r#"{{"data":{{"_id":"{id}","owner":"{owner}","writes":{number}}}}}"#);
        let pause = Duration::from_millis(luck.u64(0..80));
        Say::After(pause, Box::new(Say::json(200, &body, &[])))
    });
}

/// A few looks at the clock in a thousand panic, and more of the steps of the sender.
fn go_wrong(trap: &Trap, known: &Shared, seed: u64) {
    let note = |known: &Shared| {
        known.lock().unwrap().panics.push((tokio::task::try_id(), Instant::now()));
    };
    let (mut luck, noted) = (Rng::with_seed(seed), Arc::clone(known));
    trap.by_the_clock(move || {
        let unlucky = luck.u32(0..1_200) == 0 && !is_giving_back();
        if unlucky {
            note(&noted);
        }
        unlucky
    });
    let (mut luck, noted) = (Rng::with_seed(seed), Arc::clone(known));
    trap.by_chance(move |_, _| {
        let unlucky = luck.u32(0..150) == 0;
        if unlucky {
            note(&noted);
        }
        unlucky
    });
}

async fn client(house: &House, known: &Shared, mut luck: Rng, number: usize) {
    let mut asker = Asker::connect(house, known);
    for turn in 0..REQUESTS {
        sleep(Duration::from_millis(luck.u64(0..3_000))).await;
        let (who, id) = (WHO[luck.usize(..WHO.len())], format!("t{}", luck.usize(..TICKETS)));
        let whole = match luck.u32(0..100) {
            0..60 => asker.read(&id, who, &[]).await,
            60..70 => asker.read(&id, who, &[("cache-control", "no-cache")]).await,
            70..80 => asker.write(&id, who, &format!("{number}-{turn}")).await,
            80..90 => asker.call(who).await,
            _ => asker.pass(who).await,
        };
        if !whole {
            asker = Asker::connect(house, known);
        }
    }
}

/// One client on one connection.
struct Asker {
    client: Client,
    task: Id,
    known: Shared,
}

impl Asker {
    fn connect(house: &House, known: &Shared) -> Self {
        let (client, task) = connects(house);
        known.lock().unwrap().connections.insert(task);
        Self { client, task, known: Arc::clone(known) }
    }

    /// Sends something; its body, or `None` if the asker's own task has panicked. Otherwise it is told
    /// only that something panicked twice, and only if that is so.
    async fn ask(&mut self, text: String) -> Option<String> {
        let (began, method) = (Instant::now(), text.split(' ').next().unwrap().to_owned());
        self.known.lock().unwrap().requests += 1;
        self.client.write(text.clone()).await;
        let reply = timeout(Duration::from_mins(1), self.client.reply_to(&method)).await;
        let reply = reply.unwrap_or_else(|_| panic!("hangs: {text}"));
        let mut known = self.known.lock().unwrap();
        let whole = reply.filter(|reply| reply.message.whole && reply.status != 500);
        let Some(reply) = whole else {
            let own = known.panics.iter().position(|(task, _)| *task == Some(self.task));
            match own {
                Some(own) => {
                    known.panics[own].0 = None; // It is accounted for.
                    known.lost += 1;
                }
                None => assert!(known.panics_since(began) >= 2, "a bystander's is lost: {text}"),
            }
            return None;
        };
        assert_eq!(reply.status, 200, "{reply:?}");
        Some(reply.text())
    }

    async fn read(&mut self, id: &str, who: &str, fields: &[(&str, &str)]) -> bool {
        let over = self.known.lock().unwrap().over.get(id).copied().unwrap_or_default();
        let Some(body) = self.ask(get(id, who, fields)).await else { return false };
        assert_own(&serde_json::from_str(&body).unwrap(), id, who, over);
        true
    }

    async fn write(&mut self, id: &str, who: &str, name: &str) -> bool {
        let fields = [("authorization", who), ("x-request-id", name), ("content-length", "2")];
        let target = format!("/v2/support-tickets/{id}");
        let told = self.ask(request("PUT", &target, &fields, "{}")).await;
        let mut known = self.known.lock().unwrap();
        // Whatever became of it, what the upstream has heard of it until now counts.
        if let Some(number) = known.numbers.get(name).copied() {
            let over = known.over.entry(id.to_owned()).or_default();
            *over = (*over).max(number);
        }
        told.is_some()
    }

    async fn call(&mut self, who: &str) -> bool {
        let (began, over) = (Instant::now(), self.known.lock().unwrap().over.clone());
        let ids = r#"{"ids":["t0","t1","t2","t3","t4","t5"]}"#;
        let length = ids.len().to_string();
        let fields = [("authorization", who), ("content-length", &length)];
        let text = request("POST", "/_gateway/tickets", &fields, ids);
        let Some(lines) = self.ask(text).await else { return false };
        let lines: Vec<Value> =
            lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert!(lines.len() == TICKETS + 1 && lines[TICKETS]["done"] == true, "{lines:#?}");
        let panics = self.known.lock().unwrap().panics_since(began);
        for line in &lines[..TICKETS] {
            let id = line["id"].as_str().unwrap();
            if line["status"] == 500 {
                assert!(panics > 0, "{line}");
            } else {
                assert_eq!(line["status"], 200, "{line}");
                assert_own(&line["body"], id, who, over.get(id).copied().unwrap_or_default());
            }
        }
        true
    }

    async fn pass(&mut self, who: &str) -> bool {
        let text = request("GET", "/v2/clients", &[("authorization", who)], "");
        let Some(body) = self.ask(text).await else { return false };
        assert_own(&serde_json::from_str(&body).unwrap(), "clients", who, 0);
        true
    }
}

impl Known {
    /// How many tasks have panicked since then that serve no connection.
    fn panics_since(&self, then: Instant) -> usize {
        let serves = |task: &Option<Id>| task.is_some_and(|task| self.connections.contains(&task));
        self.panics.iter().filter(|(task, at)| *at >= then && !serves(task)).count()
    }
}

/// The asker's own, and not from before a write that somebody knew of.
fn assert_own(told: &Value, id: &str, who: &str, over: u64) {
    let data = &told["data"];
    let owner = unmarked(who);
    assert_eq!((data["_id"].as_str(), data["owner"].as_str()), (Some(id), Some(&*owner)), "{told}");
    assert!(data["writes"].as_u64().unwrap() >= over, "{told}: {over} were known of");
}
