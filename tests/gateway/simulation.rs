//! Many random histories against a small model: whatever is asked, written, refused, purged, cut
//! off and waited for, in whatever order, no client sees a state older than the last write it could
//! know of, nor another tenant's, nor one that has outlived its lifetime.
//!
//! Everything that happens at the upstream has a number: each reading of a ticket, which says its
//! number in the answer, and each landing of a write. `SEED=7 cargo test --test gateway simulation`
//! runs one history again.

use crate::model::Model;
use crate::model::Part;
use crate::support::chance::seeds;
use crate::support::client::Client;
use crate::support::client::Reply;
use crate::support::client::request;
use crate::support::house::House;
use crate::support::upstream::Say;
use crate::support::upstream::id_of;
use crate::support::wire::Message;
use fastrand::Rng;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::runtime::Builder;
use tokio::time::Instant;
use tokio::time::sleep;
use tokio::time::timeout;
use verifik_gateway::store::marks::Aftermath;
use verifik_gateway::store::marks::Scope;

const TENANTS: [&str; 2] = ["Bearer ann", "Bearer ben"];
const TICKETS: [&str; 2] = ["t1", "t2"];

/// What the upstream may say of a ticket.
#[derive(Clone, Copy)]
struct Reading {
    status: u16,
    state: &'static str,
    /// For how long the answer may be reused, by its own word or by ours.
    secs: u64,
    fields: &'static [(&'static str, &'static str)],
}

const fn reading(
    status: u16,
    state: &'static str,
    secs: u64,
    fields: &'static [(&'static str, &'static str)],
) -> Reading {
    Reading { status, state, secs, fields }
}

const USUAL: [Reading; 2] = [reading(200, "open", 15, &[]), reading(200, "closed", 600, &[])];
const ODD: [Reading; 10] = [
    reading(200, "odd", 40, &[("cache-control", "max-age=40")]),
    reading(200, "closed", 10, &[("cache-control", "max-age=40"), ("age", "30")]),
    reading(200, "open", 90, &[("cache-control", "max-age=90"), DATE]),
    reading(200, "open", 3_600, &[("expires", "Mon, 06 Nov 2034 08:49:37 GMT")]),
    reading(200, "open", 0, &[("cache-control", "no-store")]),
    reading(200, "open", 0, &[("vary", "user-agent")]),
    reading(404, "", 10, &[]),
    reading(403, "", 0, &[]),
    reading(503, "", 0, &[]),
    reading(429, "", 0, &[]),
];
const DATE: (&str, &str) = ("date", "Fri, 15 Jan 2027 08:00:00 GMT");

/// What is written: method, target, body, and the tickets it changes; none are all of its own
/// credential's.
const WRITES: [(&str, &str, &str, &[&str]); 8] = [
    ("PUT", "/v2/support-tickets/t1", "{}", &["t1"]),
    ("POST", "/support-tickets/t2/thread", "{}", &["t2"]),
    ("DELETE", "/v2//support-tickets/t1/", "", &["t1"]),
    ("POST", "/v2/support-tickets/bulk", r#"{"ids":["t2","t9"]}"#, &["t2"]),
    ("POST", "/support-tickets/bulk", r#"{"ids":["t1","t2"]}"#, &["t1", "t2"]),
    ("PUT", "/v2/support-tickets/threads/seen", "{}", &[]),
    ("POST", "/v2/attachments", "{}", &[]),
    ("PUT", "/v2/client-settings/c1", "{}", &[]),
];

/// The upstream and the model of it.
#[derive(Clone, Default)]
struct World(Arc<Mutex<Model>>);

impl World {
    fn model(&self) -> MutexGuard<'_, Model> {
        self.0.lock().unwrap()
    }

    fn say(&self, asked: &Message, rng: &mut Rng) -> Say {
        let pause = Duration::from_millis(rng.choice([0, 0, 0, 1, 40, 40, 900, 7_000]).unwrap());
        let reads = asked.start.starts_with("GET") || asked.start.starts_with("HEAD");
        let say = if reads { self.read(asked, rng) } else { self.write(asked, pause, rng) };
        Say::After(pause, Box::new(say))
    }

    fn read(&self, asked: &Message, rng: &mut Rng) -> Say {
        let (id, token) = (id_of(asked), asked.field("authorization").unwrap());
        let mut model = self.model();
        let event = model.event();
        let dead = model.dead_until.get(token).is_some_and(|end| Instant::now() < *end);
        let Reading { status, state, secs, fields } = match rng.u8(..4) {
            _ if dead => reading(rng.choice([401, 403]).unwrap(), "", 0, &[("x-dead", "1")]),
            0 => rng.choice(ODD).unwrap(),
            _ => rng.choice(USUAL).unwrap(),
        };
        model.readings.insert(event, (Instant::now(), Duration::from_secs(secs)));
        let filling = "x".repeat(rng.usize(..80));
        let body = match status {
            200 => format!(r#"{{"data":{{"_id":"{id}","status":"{state}","x":"{filling}"}}}}"#),
            403 if dead => r#"{"message":"token_expired"}"#.to_owned(),
            _ => r#"{"code":"NotFound"}"#.to_owned(),
        };
        let event = event.to_string();
        let fields = [&[("x-event", event.as_str()), ("x-seen", token)], fields].concat();
        let say = Say::json(status, &body, &fields);
        if rng.u8(..40) == 0 { Say::RawThenClose(Vec::new()) } else { say }
    }

    /// A write that is not refused lands within a minute, whatever is said about it; a minute after
    /// that, everyone could know. Whoever is told of its success knows at once.
    fn write(&self, asked: &Message, pause: Duration, rng: &mut Rng) -> Say {
        let id = asked.field("x-write").unwrap().to_owned();
        let late = Duration::from_millis(rng.u64(..59_000));
        let (lands_after, say) = match rng.u8(..24) {
            0 => return Say::json(422, "{}", &[]),
            1 => (late, Say::json(500, "{}", &[])),
            2 => (late, Say::RawThenClose(Vec::new())),
            3 => (late, Say::Never),
            4 => (late, Say::json(409, r#"{"code":"Endpoint_out_of_service"}"#, &[])),
            5 => return Say::json(409, r#"{"code":"MissingParameter"}"#, &[]),
            _ => (pause, Say::json(200, "{}", &[]).after(1)),
        };
        let world = self.clone();
        tokio::spawn(async move {
            sleep(lands_after).await;
            world.model().land(&id);
            sleep(Duration::from_mins(1)).await;
            world.model().know_write(&id);
        });
        say
    }
}

/// A client of the house, and what it does, as it comes.
struct Visitor {
    house: Arc<House>,
    world: World,
    rng: Rng,
    client: Client,
}

impl Visitor {
    async fn visit(mut self) -> Result<(), String> {
        for _ in 0..16 {
            let pauses = [0, 0, 0, 1, 1, 1, 30, 30, 800, 800, 4_000, 62_000];
            sleep(Duration::from_millis(self.rng.choice(pauses).unwrap())).await;
            let token = self.rng.choice(TENANTS).unwrap();
            match self.rng.u8(..64) {
                0 => self.purge(),
                1 => self.turn_the_wall_clock(),
                2 => self.cut_off_for_a_while(),
                3 => self.refuse_for_a_while(token),
                4..10 => self.write(token).await,
                _ => self.read(token).await?,
            }
        }
        Ok(())
    }

    fn purge(&self) {
        let (mut model, cache) = (self.world.model(), &self.house.door.gateway.cache);
        let event = model.event();
        model.know(Part::All, event);
        cache.store.invalidate(&[Scope::Everything], Aftermath::Settled, cache.clock.now());
    }

    fn turn_the_wall_clock(&mut self) {
        let turned = self.rng.i64(-1_700_000_000..1_700_000_000);
        self.house.wall_moved.store(turned, Ordering::Relaxed);
    }

    fn refuse_for_a_while(&mut self, token: &str) {
        let end = Instant::now() + Duration::from_secs(self.rng.u64(..20));
        self.world.model().dead_until.insert(token.to_owned(), end);
    }

    fn cut_off_for_a_while(&mut self) {
        let reachable = Arc::clone(&self.house.reachable);
        let secs = self.rng.u64(..5);
        reachable.store(false, Ordering::Relaxed);
        tokio::spawn(async move {
            sleep(Duration::from_secs(secs)).await;
            reachable.store(true, Ordering::Relaxed);
        });
    }

    async fn read(&mut self, token: &'static str) -> Result<(), String> {
        let method = self.rng.choice(["GET", "GET", "HEAD"]).unwrap();
        let ticket = self.rng.choice(TICKETS).unwrap();
        let place = self.rng.choice(["/v2/support-tickets", "/support-tickets"]).unwrap();
        let control =
            self.rng.choice(["x", "x", "x", "x", "x", "x", "x", "no-cache", "no-store"]).unwrap();
        let fields = [("authorization", token), ("cache-control", control)];
        let asking = self.world.model().begin(token, ticket);
        match self.within_patience(method, &format!("{place}/{ticket}"), &fields, "").await {
            Some(reply) => self.world.model().end(&asking, &reply),
            None => Ok(()),
        }
    }

    async fn write(&mut self, token: &'static str) {
        let (method, target, body, tickets) = self.rng.choice(WRITES).unwrap();
        let own = tickets.is_empty().then(|| Part::Of(token.to_owned()));
        let parts = tickets.iter().map(|id| Part::Ticket((*id).to_owned())).chain(own).collect();
        let id = self.world.model().announce(parts);
        let length = body.len().to_string();
        let fields =
            [("authorization", token), ("x-write", &id), ("content-length", length.as_str())];
        let reply = self.within_patience(method, target, &fields, body).await;
        if reply.is_some_and(|reply| reply.status == 200) {
            self.world.model().know_write(&id);
        }
    }

    /// The reply, unless it takes too long: then the client leaves and comes back.
    async fn within_patience(
        &mut self,
        method: &str,
        target: &str,
        fields: &[(&str, &str)],
        body: &str,
    ) -> Option<Reply> {
        let patience =
            Duration::from_millis(self.rng.choice([400_000, 400_000, 400_000, 3_000, 1]).unwrap());
        self.client.write(request(method, target, fields, body)).await;
        if let Ok(reply) = timeout(patience, self.client.reply_to(method)).await {
            let reply = reply.expect("a reply");
            if reply.field("connection") == Some("close") {
                self.client = self.house.client();
            }
            return Some(reply);
        }
        self.client = self.house.client();
        None
    }
}

async fn history(seed: u64) -> Result<usize, String> {
    let (mut rng, world) = (Rng::with_seed(seed), World::default());
    let house = House::with(|settings| {
        settings.listen.idle_timeout = Duration::from_hours(1);
        settings.listen.header_timeout = Duration::from_hours(1);
        settings.upstream.pass_through_answer_timeout = Duration::from_secs(10);
        settings.upstream.max_in_flight = rng.choice([2, 256]).unwrap();
        settings.cache.max_stored_body = rng.choice([100, 1_000, 1_000]).unwrap();
    });
    let (upstream, mut chance) = (world.clone(), rng.fork());
    house.upstream.says(move |asked| upstream.say(asked, &mut chance));
    let house = Arc::new(house);
    let visits: Vec<_> = (0..6)
        .map(|_| {
            let (house, client) = (Arc::clone(&house), house.client());
            let visitor = Visitor { house, world: world.clone(), rng: rng.fork(), client };
            tokio::spawn(visitor.visit())
        })
        .collect();
    for visit in visits {
        visit.await.map_err(|panic| panic.to_string())??;
    }
    let hits = world.model().hits;
    Ok(hits)
}

#[test]
fn no_client_sees_a_state_older_than_it_could_know_or_anothers_or_past_its_lifetime() {
    let seeds = seeds(0..250);
    let (histories, mut hits) = (seeds.end - seeds.start, 0);
    for seed in seeds {
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
        match runtime.unwrap().block_on(history(seed)) {
            Ok(found) => hits += found,
            Err(wrong) => panic!("SEED={seed}: {wrong}"),
        }
    }
    assert!(histories == 1 || hits > 2_000, "{hits} hits prove little");
}
