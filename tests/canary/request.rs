//! What a client can ask for.

use crate::world::CREDENTIALS;
use crate::world::Canary;
use crate::world::TICKETS;
use crate::world::World;
use crate::world::authorization;
use crate::world::id;
use fastrand::Rng;

/// A request, and what was known when it was made.
#[derive(Debug)]
pub struct Request {
    pub credential: u64,
    pub ticket: u64,
    /// The version that the answer has to have at least.
    pub floor: u64,
    pub wish: Wish,
}

/// What is asked.
#[derive(Debug)]
pub enum Wish {
    Read,
    Head,
    /// Only if it is no longer this one.
    Unless(String),
    /// These octets.
    Part(usize, usize),
    /// Each ticket with its floor.
    Batch(Vec<(u64, u64)>),
    Write(Vec<u64>),
    /// Another path.
    Elsewhere,
    /// A ticket, without a credential.
    Anonymous,
}

impl Request {
    /// Mostly reads, and of few tickets by few credentials more than of the rest.
    pub fn any(world: &World, chance: &mut Rng) -> Self {
        let kind = chance.u32(..1_000);
        let request = Self::read(world, chance);
        let wish = match kind {
            0..3 => Wish::Write((0..chance.u64(1..4)).map(|_| skewed(TICKETS, chance)).collect()),
            3..30 => {
                let mut wanted: Vec<u64> =
                    (0..chance.u64(1..9)).map(|_| skewed(TICKETS, chance)).collect();
                wanted.sort_unstable();
                wanted.dedup();
                Wish::Batch(
                    wanted
                        .into_iter()
                        .map(|ticket| (ticket, world.versions.floor(ticket)))
                        .collect(),
                )
            }
            30..50 => Wish::Elsewhere,
            50..55 => Wish::Anonymous,
            55..110 => Wish::Head,
            110..180 => {
                let Self { credential, ticket, floor: version, .. } = request;
                Wish::Unless(Canary { credential, ticket, version }.text())
            }
            180..240 => {
                let first = chance.usize(..90);
                Wish::Part(first, first + chance.usize(..200))
            }
            _ => Wish::Read,
        };
        Self { wish, ..request }
    }

    /// A plain read.
    pub fn read(world: &World, chance: &mut Rng) -> Self {
        let (credential, ticket) = (skewed(CREDENTIALS, chance), skewed(TICKETS, chance));
        Self { credential, ticket, floor: world.versions.floor(ticket), wish: Wish::Read }
    }

    pub fn is_head(&self) -> bool {
        matches!(self.wish, Wish::Head)
    }

    /// Whether it writes to a list of tickets.
    pub fn is_list(&self) -> bool {
        matches!(&self.wish, Wish::Write(tickets) if tickets.len() > 1)
    }

    /// As it goes over the wire.
    pub fn bytes(&self, chance: &mut Rng) -> String {
        let version = if chance.u8(..8) == 0 { "" } else { "/v2" };
        let ticket = format!("{version}/support-tickets/{}", id(self.ticket));
        let own = format!("authorization: {}\r\n", authorization(self.credential));
        let fresh = if chance.u8(..50) == 0 { "cache-control: no-cache\r\n" } else { "" };
        match &self.wish {
            Wish::Read => message("GET", &ticket, &format!("{own}{fresh}"), ""),
            Wish::Head => message("HEAD", &ticket, &own, ""),
            Wish::Unless(tag) => {
                message("GET", &ticket, &format!("{own}if-none-match: \"{tag}\"\r\n"), "")
            }
            Wish::Part(first, last) => {
                message("GET", &ticket, &format!("{own}range: bytes={first}-{last}\r\n"), "")
            }
            Wish::Batch(wanted) => {
                let ids = wanted.iter().map(|(ticket, _)| *ticket);
                message("POST", "/_gateway/tickets", &own, &listing(ids))
            }
            Wish::Write(tickets) => match tickets[..] {
                [one] => {
                    let path = format!("{version}/support-tickets/{}", id(one));
                    message("PUT", &path, &own, r#"{"status":"open"}"#)
                }
                _ => message(
                    "POST",
                    "/v2/support-tickets/bulk",
                    &own,
                    &listing(tickets.iter().copied()),
                ),
            },
            Wish::Elsewhere => message("GET", &format!("/v2/clients/{}", self.ticket), &own, ""),
            Wish::Anonymous => message("GET", &ticket, "", ""),
        }
    }
}

fn listing(tickets: impl Iterator<Item = u64>) -> String {
    let ids: Vec<String> = tickets.map(|ticket| format!("\"{}\"", id(ticket))).collect();
    format!(r#"{{"ids":[{}]}}"#, ids.join(","))
}

fn message(method: &str, target: &str, fields: &str, body: &str) -> String {
    let length =
        if body.is_empty() { String::new() } else { format!("content-length: {}\r\n", body.len()) };
    format!("{method} {target} HTTP/1.1\r\nhost: gateway\r\n{fields}{length}\r\n{body}")
}

/// Below `end`, small numbers far more often.
fn skewed(end: u64, chance: &mut Rng) -> u64 {
    let most = chance.u64(..end);
    let most = chance.u64(..=most);
    chance.u64(..=most)
}
