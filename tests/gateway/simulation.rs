//! Many random histories against a small model: whatever is asked, written, refused, purged, cut
//! off and waited for, in whatever order, no client sees a state older than the last write it could
//! know of, nor another tenant's, nor one that has outlived its use or its credential's lease, nor
//! one that the client itself did not want. And nobody is refused without a reason, or waits in line
//! for longer than it would, nor is the upstream asked while it asks for a pause.
//!
//! Everything that happens at the upstream has a number: each reading of a ticket, which says its
//! number in the answer, and each landing of a write. `SEED=7 cargo test --test gateway simulation`
//! runs one history again.

use crate::model::Part;
use crate::support::chance::seeds;
use crate::support::client::Client;
use crate::support::client::Reply;
use crate::support::client::request;
use crate::support::house::House;
use crate::verdict::Read;
use crate::verdict::Tally;
use crate::verdict::WAITS;
use crate::verdict::Wish;
use crate::world::ONLY_IF_CACHED;
use crate::world::World;
use fastrand::Rng;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::runtime::Builder;
use tokio::time::Instant;
use tokio::time::sleep;
use tokio::time::timeout;
use verifik_gateway::settings::model::Settings;
use verifik_gateway::store::marks::Aftermath;
use verifik_gateway::store::marks::Scope;

const TENANTS: [&str; 2] = ["Bearer ann", "Bearer ben"];
/// As many as it takes to find the upstream failing, and not one ticket.
const TICKETS: [&str; 3] = ["t1", "t2", "t3"];

/// What is written: method, target, body, and the tickets it changes; none are all of its own
/// credential's.
const WRITES: [(&str, &str, &str, &[&str]); 8] = [
    ("PUT", "/v2/support-tickets/t1", "{}", &["t1"]),
    ("POST", "/support-tickets/t2/thread", "{}", &["t2"]),
    ("DELETE", "/v2//support-tickets/t1/", "", &["t1"]),
    ("POST", "/v2/support-tickets/bulk", r#"{"ids":["t2","t3"]}"#, &["t2", "t3"]),
    ("POST", "/support-tickets/bulk", r#"{"ids":["t1","t2"]}"#, &["t1", "t2"]),
    ("PUT", "/v2/support-tickets/threads/seen", "{}", &[]),
    ("POST", "/v2/attachments", "{}", &[]),
    ("PUT", "/v2/client-settings/c1", "{}", &[]),
];

/// What clients want.
fn wishes() -> [Wish; 11] {
    let wish = |line| Wish { line, ..Wish::default() };
    let anew = |line| Wish { anew: true, ..wish(line) };
    let any = Some(u64::from(u32::MAX));
    [
        anew("no-cache"),
        anew("no-store"),
        anew("max-age=0"),
        Wish { max_age: Some(5), ..wish("max-age=5") },
        Wish { max_age: Some(60), max_stale: Some(20), ..wish("max-age=60, max-stale=20") },
        Wish { min_fresh: Some(5), ..wish("min-fresh=5") },
        Wish { max_stale: any, ..wish("max-stale") },
        Wish { max_stale: Some(20), ..wish("max-stale=20") },
        Wish { max_stale: Some(0), ..wish("max-stale=0") },
        Wish { only_if_cached: true, ..wish("only-if-cached") },
        Wish { only_if_cached: true, max_stale: any, ..wish("only-if-cached, max-stale") },
    ]
}

/// A client of the house, and what it does, as it comes.
struct Visitor {
    house: Arc<House>,
    world: World,
    rng: Rng,
    client: Client,
    /// The tags of what it has.
    tags: HashMap<(&'static str, String), String>,
}

impl Visitor {
    async fn visit(mut self) -> Result<(), String> {
        for _ in 0..16 {
            let pauses = [0, 0, 0, 1, 1, 30, 30, 800, 4_000, 12_000, 20_000, 62_000];
            sleep(Duration::from_millis(self.rng.choice(pauses).unwrap())).await;
            let token = self.rng.choice(TENANTS).unwrap();
            match self.rng.u8(..64) {
                0 => self.purge(),
                1 => self.turn_the_wall_clock(),
                2 => self.cut_off_for_a_while(),
                3 => self.refuse_for_a_while(token),
                4 | 5 => self.put_out_of_order_for_a_while(),
                6..12 => self.write(token).await,
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

    fn put_out_of_order_for_a_while(&mut self) {
        let end = Instant::now() + Duration::from_secs(self.rng.u64(..90));
        self.world.model().down_until = Some(end);
    }

    fn cut_off_for_a_while(&mut self) {
        let reachable = Arc::clone(&self.house.reachable);
        let secs = self.rng.u64(..5);
        reachable.store(false, Ordering::Relaxed);
        self.world.model().cut_off(Instant::now() + Duration::from_secs(secs));
        tokio::spawn(async move {
            sleep(Duration::from_secs(secs)).await;
            reachable.store(true, Ordering::Relaxed);
        });
    }

    async fn read(&mut self, token: &'static str) -> Result<(), String> {
        let ticket = self.rng.choice(TICKETS).unwrap();
        let place = self.rng.choice(["/v2/support-tickets", "/support-tickets"]).unwrap();
        let target = format!("{place}/{ticket}");
        let mut read = Read::of(token, ticket);
        read.method = self.rng.choice(["GET", "GET", "HEAD"]).unwrap();
        read.agent = self.rng.choice(["", "", "a"]).unwrap();
        read.waits = self.rng.choice(WAITS).unwrap();
        read.urgency = self.rng.choice(["", "", "u=0", "u=7"]).unwrap();
        if self.rng.u8(..3) == 0 {
            read.wish = self.rng.choice(wishes()).unwrap();
        }
        let tag = self.tags.get(&(token, target.clone())).cloned();
        read.has = tag.filter(|_| self.rng.u8(..4) == 0);
        read.range = read.has.is_none() && self.rng.u8(..16) == 0;
        let read = self.world.model().begin(read);
        let Some(reply) = self.within_patience(read.method, &target, &asking(&read), "").await
        else {
            return Ok(());
        };
        if let Some(tag) = reply.field("etag") {
            self.tags.insert((token, target), tag.to_owned());
        }
        self.world.model().end(&read, &reply)
    }

    async fn write(&mut self, token: &'static str) {
        let (method, target, body, tickets) = self.rng.choice(WRITES).unwrap();
        let own = tickets.is_empty().then(|| Part::Of(token.to_owned()));
        let parts = tickets.iter().map(|id| Part::Ticket((*id).to_owned())).chain(own).collect();
        let id = self.world.model().announce(parts);
        let length = body.len().to_string();
        let fields =
            [("authorization", token), ("x-write", &id), ("content-length", length.as_str())];
        let Some(reply) = self.within_patience(method, target, &fields, body).await else { return };
        let mut model = self.world.model();
        match reply.status {
            200 => model.know_write(&id),
            401 => model.doubt(token, reply.field("x-event").unwrap().parse().unwrap()),
            _ => {}
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

/// The fields that a read is asked with.
fn asking(read: &Read) -> Vec<(&str, &str)> {
    let mut fields = vec![("authorization", read.token)];
    let wish = read.wish;
    fields.extend((!wish.line.is_empty()).then_some(("cache-control", wish.line)));
    fields.extend((!read.agent.is_empty()).then_some(("user-agent", read.agent)));
    fields.extend((!read.waits.1.is_empty()).then_some(("prefer", read.waits.1)));
    fields.extend((!read.urgency.is_empty()).then_some(("priority", read.urgency)));
    fields.extend(wish.only_if_cached.then_some(ONLY_IF_CACHED));
    fields.extend(read.has.as_deref().map(|tag| ("if-none-match", tag)));
    fields.extend(read.range.then_some(("range", "bytes=0-9")));
    fields
}

/// Settings that make much of little, and some of them by chance.
fn settings(settings: &mut Settings, rng: &mut Rng) {
    let secs = |rng: &mut Rng, of: [u64; 4]| Duration::from_secs(rng.choice(of).unwrap());
    settings.listen.idle_timeout = Duration::from_hours(1);
    settings.listen.header_timeout = Duration::from_hours(1);
    settings.upstream.pass_through_answer_timeout = Duration::from_secs(10);
    settings.upstream.max_in_flight = rng.choice([2, 256]).unwrap();
    settings.breaker.failures = rng.choice([3, 7]).unwrap();
    settings.cache.max_stored_body = rng.choice([100, 1_000, 1_000]).unwrap();
    settings.lifetimes.lease = secs(rng, [0, 10, 60, 60]);
    settings.lifetimes.lease_grace = secs(rng, [0, 20, 600, 600]);
}

async fn history(seed: u64) -> Result<Tally, String> {
    let (mut rng, world) = (Rng::with_seed(seed), World::default());
    let house = House::with(|chosen| {
        settings(chosen, &mut rng);
        world.model().lease = (chosen.lifetimes.lease, chosen.lifetimes.lease_grace);
        world.model().few_places = chosen.upstream.max_in_flight == 2;
    });
    let (upstream, mut chance) = (world.clone(), rng.fork());
    house.upstream.says(move |asked| upstream.say(asked, &mut chance));
    let house = Arc::new(house);
    let visits: Vec<_> = (0..6)
        .map(|_| {
            let (house, client, tags) = (Arc::clone(&house), house.client(), HashMap::new());
            let visitor = Visitor { house, world: world.clone(), rng: rng.fork(), client, tags };
            tokio::spawn(visitor.visit())
        })
        .collect();
    for visit in visits {
        visit.await.map_err(|panic| panic.to_string())??;
    }
    balance(&house).await?;
    let model = world.model();
    model.wrongs.first().map_or(Ok(model.tally), |wrong| Err(wrong.clone()))
}

/// Once everything has ended, every request is accounted for, and the upstream has heard of none that
/// was not sent.
async fn balance(house: &House) -> Result<(), String> {
    sleep(Duration::from_secs(1_000)).await;
    let totals = house.door.gateway.cache.accounts.totals();
    let heard = u64::try_from(house.upstream.count()).unwrap();
    if totals.astray() > 0 || heard > totals.upstream || totals.requests == 0 {
        return Err(format!("{totals:?} do not add up; heard: {heard}"));
    }
    Ok(())
}

#[test]
fn no_client_sees_a_state_older_than_it_could_know_or_anothers_or_past_its_use() {
    let seeds = seeds(0..200);
    let (histories, mut all) = (seeds.end - seeds.start, Tally::default());
    for seed in seeds {
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
        match runtime.unwrap().block_on(history(seed)) {
            Ok(found) => all = all.with(found),
            Err(wrong) => panic!("SEED={seed}: {wrong}"),
        }
    }
    assert!(histories < 200 || all.least() > 40, "{all:?} proves little");
}
