//! What the simulation believes: all that happened at the upstream, in its order, and what everyone
//! could know of it.

use crate::support::client::Reply;
use std::collections::HashMap;
use std::collections::HashSet;
use std::time::Duration;
use tokio::time::Instant;

/// A part of what the upstream holds: what a write changes, what a refusal is about.
#[derive(Clone, Eq, Hash, PartialEq)]
pub enum Part {
    All,
    /// What one credential sees.
    Of(String),
    /// One ticket.
    Ticket(String),
    /// What one credential sees of one ticket.
    Own(String, String),
}

/// What happened at the upstream, and what everyone could know of it.
#[derive(Default)]
pub struct Model {
    /// The number of the last event.
    last: u64,
    /// When each reading was taken, and how long it may be reused.
    pub readings: HashMap<u64, (Instant, Duration)>,
    /// The readings that have reached those who asked for them.
    told: HashSet<u64>,
    /// What a read that begins now must not be older than.
    known: HashMap<Part, u64>,
    /// What each write changes, and when it landed.
    writes: Vec<(Vec<Part>, u64)>,
    /// Until when a credential is refused.
    pub dead_until: HashMap<String, Instant>,
    /// How many replies came from memory.
    pub hits: usize,
}

/// A read, and the event that it must not be older than.
pub struct Read {
    token: &'static str,
    ticket: &'static str,
    began: Instant,
    floor: u64,
}

impl Model {
    /// Something happens: its number.
    pub fn event(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    /// A read of the part that begins from now on must not be older than the event.
    pub fn know(&mut self, part: Part, event: u64) {
        let known = self.known.entry(part).or_default();
        *known = event.max(*known);
    }

    /// A write of `parts` is on its way, under a name.
    pub fn announce(&mut self, parts: Vec<Part>) -> String {
        self.writes.push((parts, 0));
        (self.writes.len() - 1).to_string()
    }

    /// A write changes what it changes, now.
    pub fn land(&mut self, write: &str) {
        self.writes[write.parse::<usize>().unwrap()].1 = self.event();
    }

    /// What a write has changed is known to everyone from now on.
    pub fn know_write(&mut self, write: &str) {
        let (parts, event) = self.writes[write.parse::<usize>().unwrap()].clone();
        for part in parts {
            self.know(part, event);
        }
    }

    /// A read begins.
    pub fn begin(&self, token: &'static str, ticket: &'static str) -> Read {
        let own = Part::Own(token.to_owned(), ticket.to_owned());
        let parts = [Part::All, Part::Of(token.to_owned()), Part::Ticket(ticket.to_owned()), own];
        let floor = parts.iter().filter_map(|part| self.known.get(part)).max();
        Read { token, ticket, began: Instant::now(), floor: floor.copied().unwrap_or_default() }
    }

    /// Whether the reply is one that the read may have. What it refuses is known from now on.
    pub fn end(&mut self, read: &Read, reply: &Reply) -> Result<(), String> {
        let Some(event) = reply.field("x-event").map(|event| event.parse().unwrap()) else {
            let failed = matches!(reply.status, 502..=504);
            return if failed { Ok(()) } else { Err(format!("from nowhere: {reply:?}")) };
        };
        let (taken, lifetime) = self.readings[&event];
        let (age, hit) = (taken.elapsed(), reply.is_hit());
        let own = !hit && !reply.cache().contains("; collapsed");
        let told_age = reply.field("age").map_or(u64::MAX, |age| age.parse().unwrap());
        let wrongs = [
            ("another's", reply.field("x-seen") != Some(read.token)),
            ("older than what was known", event < read.floor),
            ("past its lifetime", hit && age >= lifetime),
            ("older than it says", hit && told_age < age.as_secs()),
            ("no hit, and not asked for", own && taken < read.began),
            ("asked for once, told twice", own && !self.told.insert(event)),
        ];
        self.hits += usize::from(hit);
        if let Some((wrong, _)) = wrongs.iter().find(|(_, found)| *found) {
            return Err(format!("{wrong}: {event} ({age:?} old), known {}: {reply:?}", read.floor));
        }
        match (reply.status, reply.field("x-dead")) {
            (_, Some(_)) => self.know(Part::Of(read.token.to_owned()), event),
            (403, None) => {
                self.know(Part::Own(read.token.to_owned(), read.ticket.to_owned()), event);
            }
            _ => {}
        }
        Ok(())
    }
}
