//! Outages of every shape against the breaker and the retries, on paper: what they cost the upstream
//! and the clients, and how soon somebody hears that they are over.

use http::StatusCode;
use std::collections::BTreeMap;
use std::time::Duration;
use verifik_gateway::base::draw::Draw;
use verifik_gateway::base::secret::Secret;
use verifik_gateway::base::time::Timestamp;
use verifik_gateway::policy::breaker::Breaker;
use verifik_gateway::policy::breaker::Health;
use verifik_gateway::policy::breaker::Leave;
use verifik_gateway::policy::breaker::Pass;
use verifik_gateway::policy::breaker::Terms;
use verifik_gateway::policy::key::KeySecret;
use verifik_gateway::policy::key::Tag;
use verifik_gateway::policy::retry::Again;
use verifik_gateway::policy::retry::Allowance;
use verifik_gateway::policy::retry::Trouble;
use verifik_gateway::policy::retry::again;

/// The compiled defaults.
const TERMS: Terms =
    Terms { failures: 7, penalty: Duration::from_secs(1), max_penalty: Duration::from_mins(1) };
const RETRIES: u32 = 1;
const TOTAL: Duration = Duration::from_mins(1);

/// A request comes every 20 ms, for 90 s.
const BETWEEN: u64 = 20;
const MISSES: usize = 4_500;

/// What goes wrong at the upstream; `None` where all is well.
type Weather = fn(millis: u64) -> Option<Trouble>;

const SHEDDING: Trouble = Trouble::Status(StatusCode::SERVICE_UNAVAILABLE);

fn for_a_minute(millis: u64, trouble: Trouble) -> Option<Trouble> {
    (5_000..65_000).contains(&millis).then_some(trouble)
}

const WEATHERS: [(&str, Weather); 6] = [
    ("503s", |millis| for_a_minute(millis, SHEDDING)),
    ("resets", |millis| for_a_minute(millis, Trouble::Reset)),
    ("refused", |millis| for_a_minute(millis, Trouble::Unconnected)),
    ("silence", |millis| for_a_minute(millis, Trouble::TimedOut)),
    ("flapping", |millis| for_a_minute(millis, SHEDDING).filter(|_| millis % 2_000 < 1_000)),
    ("one in ten", |millis| for_a_minute(millis, SHEDDING).filter(|_| millis / 20 % 10 == 0)),
];

/// The ticket with this number.
pub fn thing(number: usize) -> Tag {
    KeySecret::new(Secret::new([1; 32])).ticket(&number.to_string())
}

/// A forward on its way: none ever finds anything stored.
#[derive(Clone, Copy)]
struct Forward {
    thing: Tag,
    came: u64,
    tries: u32,
    /// Nobody waits for it.
    scout: bool,
}

enum Event {
    Send(Forward),
    Hear(Forward, Pass, Option<Trouble>),
}

struct World {
    terms: Terms,
    weather: Weather,
    breaker: Breaker,
    allowance: Allowance,
    draw: Draw,
    events: BTreeMap<u64, Vec<Event>>,
    calls: usize,
    calls_in_vain: usize,
    /// When clients were answered.
    answered: Vec<u64>,
    /// How long those waited who were not.
    failed_after: Vec<u64>,
}

impl World {
    fn new(weather: Weather, terms: Terms, seed: u64) -> Self {
        let forward = |number: usize| {
            let (thing, came) = (thing(number % 50), number as u64 * BETWEEN);
            (came, vec![Event::Send(Forward { thing, came, tries: 0, scout: false })])
        };
        Self {
            terms,
            weather,
            breaker: Breaker::default(),
            allowance: Allowance::default(),
            draw: Draw::seeded(seed),
            events: (0..MISSES).map(forward).collect(),
            calls: 0,
            calls_in_vain: 0,
            answered: Vec::new(),
            failed_after: Vec::new(),
        }
    }

    fn run(mut self) -> Self {
        while let Some((millis, events)) = self.events.pop_first() {
            for event in events {
                match event {
                    Event::Send(forward) => self.send(forward, millis),
                    Event::Hear(forward, pass, trouble) => {
                        self.hear(forward, pass, trouble, millis);
                    }
                }
            }
        }
        self
    }

    fn send(&mut self, forward: Forward, millis: u64) {
        match self.breaker.ask(at(millis)) {
            Leave::Go(pass) => self.call(forward, pass, millis),
            Leave::Refused { scout, .. } => {
                self.failed_after.push(millis - forward.came);
                if let Some(pass) = scout {
                    self.call(Forward { scout: true, ..forward }, pass, millis);
                }
            }
        }
    }

    fn call(&mut self, forward: Forward, pass: Pass, millis: u64) {
        self.calls += 1;
        if forward.tries == 0 {
            self.allowance.deposit();
        }
        let trouble = (self.weather)(millis);
        let took = if trouble == Some(Trouble::TimedOut) { 2_000 } else { 5 };
        let forward = Forward { tries: forward.tries + 1, ..forward };
        self.at(millis + took, Event::Hear(forward, pass, trouble));
    }

    fn hear(&mut self, forward: Forward, pass: Pass, trouble: Option<Trouble>, millis: u64) {
        let health = if trouble.is_some() { Health::Ill } else { Health::Well };
        let fraction = self.draw.fraction();
        self.breaker.heard(pass, health, forward.thing, self.terms, fraction, at(millis));
        self.calls_in_vain += usize::from(trouble.is_some());
        match trouble {
            _ if forward.scout => {}
            None => self.answered.push(millis),
            Some(trouble) => self.try_again(forward, trouble, millis),
        }
    }

    fn try_again(&mut self, forward: Forward, trouble: Trouble, millis: u64) {
        let waited = millis - forward.came;
        let left = TOTAL.saturating_sub(Duration::from_millis(waited));
        let fraction = self.draw.fraction();
        match again(trouble, forward.tries, RETRIES, left, &mut self.allowance, fraction) {
            Again::After(pause) => {
                let pause = u64::try_from(pause.as_millis()).unwrap();
                self.at(millis + pause, Event::Send(forward));
            }
            Again::No(_) => self.failed_after.push(waited),
        }
    }

    fn at(&mut self, millis: u64, event: Event) {
        self.events.entry(millis).or_default().push(event);
    }
}

fn at(millis: u64) -> Timestamp {
    Timestamp::from_secs(1_000).after(Duration::from_millis(millis))
}

#[test]
fn trying_again_costs_less_than_a_tenth_with_and_without_a_breaker() {
    for (what, weather) in WEATHERS {
        for (failures, seed) in [(0, 1), (0, 2), (7, 1), (7, 2)] {
            let World { calls, .. } = World::new(weather, Terms { failures, ..TERMS }, seed).run();
            assert!(100 * calls <= 109 * MISSES + 200, "{what}, {failures}, seed {seed}: {calls}");
        }
    }
}

#[test]
fn the_end_of_an_outage_is_heard_of_within_two_seconds() {
    for (what, weather) in WEATHERS {
        for seed in 0..20 {
            let world = World::new(weather, TERMS, seed).run();
            let first = world.answered.into_iter().find(|millis| *millis >= 65_000);
            let took = first.unwrap() - 65_000;
            // What was asked just before, in silence, has its own deadline to wait for.
            let silence = if what == "silence" { 2_000 } else { 0 };
            assert!(took <= 1_300 + silence, "{what}, seed {seed}: {took}");
        }
    }
}

#[test]
fn in_an_outage_few_wait_in_vain_and_the_upstream_is_asked_once_in_a_second() {
    // how many clients waited for nothing, and how often the upstream was asked in that minute
    let rows = [("503s", 20, 80), ("resets", 20, 80), ("refused", 20, 80), ("silence", 120, 160)];
    for (what, most_waited, most_calls) in rows {
        let (_, weather) = WEATHERS.into_iter().find(|(name, _)| *name == what).unwrap();
        for seed in 0..20 {
            let world = World::new(weather, TERMS, seed).run();
            let waited = world.failed_after.iter().filter(|millis| **millis > 0).count();
            assert!(waited <= most_waited, "{what}, seed {seed}: {waited} waited");
            let calls = world.calls_in_vain;
            assert!(calls <= most_calls, "{what}, seed {seed}: {calls} calls");
        }
    }
}
