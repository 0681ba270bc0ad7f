//! What is done to the gateway while clients ask.

use crate::gateway::Gateway;
use crate::gateway::House;
use crate::gateway::Reloads;
use crate::gateway::value;
use crate::rules::Rules;
use crate::rules::rules;
use crate::tally::Tally;
use std::fmt;
use std::fs;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;
use tokio::time::sleep;
use tokio::time::timeout;

/// A request may wait for a whole restart, but not all of them for this long.
const STANDSTILL: Duration = Duration::from_mins(1);
/// By what one file is told from another.
pub const KEY: &str = "limit.max_queue";

/// How many of each, spread evenly.
pub struct Course {
    pub house: House,
    pub port: u16,
    pub tally: Arc<Tally>,
    pub requests: u64,
    pub reloads: u64,
    pub restarts: u64,
}

/// What was done.
#[derive(Default)]
pub struct Seen {
    good: u64,
    broken: u64,
    reloads: Reloads,
    restarts: u64,
    longest_restart: Duration,
}

impl Course {
    /// Returns when all of it is done, and the clients are told.
    pub async fn run(self) -> Seen {
        let mut seen = Seen::default();
        let Rules::Good(text, mut marker) = rules(0, self.port) else {
            panic!("the first is good")
        };
        self.house.write(&text);
        let mut gateway = self.house.start().await;
        for step in 1..=self.reloads {
            marker = self.reload(step, &gateway, marker, &mut seen).await;
            let due = step * self.restarts / self.reloads;
            // What is broken would not start.
            if seen.restarts < due && step % 5 != 4 {
                gateway = self.restart(gateway, &mut seen).await;
            }
            self.go_on(self.requests * step / self.reloads).await;
        }
        while seen.restarts < self.restarts {
            self.house.write(&text);
            gateway = self.restart(gateway, &mut seen).await;
        }
        self.go_on(self.requests).await;
        self.tally.end();
        seen.note(gateway.reloads().await);
        gateway.end().await;
        seen
    }

    /// Has the next settings read; what is in force then.
    async fn reload(&self, step: u64, gateway: &Gateway, marker: u64, seen: &mut Seen) -> u64 {
        let before = gateway.reloads().await;
        let refused = |now: Reloads, stats: &serde_json::Value| {
            let kept = value(stats, KEY) == Some(&marker.to_string());
            assert!(kept, "what was refused is not in force: {:?}", value(stats, KEY));
            now.refused > before.refused
        };
        let now = match rules(step, self.port) {
            Rules::Good(text, own) => {
                self.house.write(&text);
                gateway.reload();
                let shows = |_, stats: &_| value(stats, KEY) == Some(&own.to_string());
                gateway.shows(&format!("{KEY} = {own}"), shows).await;
                seen.good += 1;
                return own;
            }
            Rules::Broken(text) => {
                self.house.write(&text);
                gateway.reload();
                gateway.shows("a refusal", refused).await;
                marker
            }
            Rules::Gone => {
                let aside = self.house.file.with_extension("aside");
                fs::rename(&self.house.file, &aside).unwrap();
                gateway.reload();
                gateway.shows("a refusal", refused).await;
                fs::rename(&aside, &self.house.file).unwrap();
                marker
            }
        };
        seen.broken += 1;
        now
    }

    /// Another one goes on where this one ends. Who connects in between waits.
    async fn restart(&self, gateway: Gateway, seen: &mut Seen) -> Gateway {
        seen.note(gateway.reloads().await);
        let began = Instant::now();
        gateway.end().await;
        let gateway = self.house.start().await;
        seen.restarts += 1;
        seen.longest_restart = seen.longest_restart.max(began.elapsed());
        gateway
    }

    /// Returns when so many requests are answered.
    async fn go_on(&self, until: u64) {
        loop {
            let answered = Tally::read(&self.tally.answered);
            if answered >= until {
                return;
            }
            let more = async {
                while Tally::read(&self.tally.answered) == answered {
                    sleep(Duration::from_millis(10)).await;
                }
            };
            timeout(STANDSTILL, more).await.expect("requests are answered");
        }
    }
}

impl Seen {
    /// Of a gateway that is about to end.
    fn note(&mut self, reloads: Reloads) {
        self.reloads.applied += reloads.applied;
        self.reloads.refused += reloads.refused;
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { good, broken, reloads: Reloads { applied, refused }, .. } = self;
        write!(
            f,
            "{good} good files and {broken} broken ones (counted: {applied} applied, {refused} \
             refused), {} restarts of {:.1?} at most",
            self.restarts, self.longest_restart
        )
    }
}
