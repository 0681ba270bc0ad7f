//! What the simulation believes: all that happened at the upstream, in its order, and what everyone
//! could know of it.

use crate::support::client::Reply;
use crate::verdict::Excuse;
use crate::verdict::Read;
use crate::verdict::Seen;
use crate::verdict::Taken;
use crate::verdict::Tally;
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
    pub readings: HashMap<u64, Taken>,
    /// The readings that have reached those who asked for them.
    told: HashSet<u64>,
    /// What a read that begins now must not be older than.
    known: HashMap<Part, u64>,
    /// After what a credential must have been proved to be answered from memory.
    doubted: HashMap<String, u64>,
    /// What each write changes, and when it landed.
    writes: Vec<(Vec<Part>, u64)>,
    /// Until when a credential is refused.
    pub dead_until: HashMap<String, Instant>,
    /// Until when no ticket can be read.
    pub down_until: Option<Instant>,
    /// Until when there was no connection.
    cut_off_until: Option<Instant>,
    /// Whether few requests may be under way at once.
    pub few_places: bool,
    /// How long a proof is believed in, and how much longer where the upstream cannot be asked.
    pub lease: (Duration, Duration),
    /// What the upstream should not have heard.
    pub wrongs: Vec<String>,
    pub tally: Tally,
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

    /// A credential must be proved after the event to be answered from memory.
    pub fn doubt(&mut self, token: &str, event: u64) {
        let doubted = self.doubted.entry(token.to_owned()).or_default();
        *doubted = event.max(*doubted);
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

    /// There is no connection until then, if not for longer.
    pub fn cut_off(&mut self, until: Instant) {
        self.cut_off_until = self.cut_off_until.max(Some(until));
    }

    /// The last event that has changed what a credential sees of a ticket.
    pub fn state(&self, token: &str, ticket: &str) -> u64 {
        let seen = [Part::Of(token.to_owned()), Part::Ticket(ticket.to_owned())];
        let changes =
            self.writes.iter().filter(|(parts, _)| parts.iter().any(|part| seen.contains(part)));
        changes.map(|(_, event)| *event).max().unwrap_or_default()
    }

    /// A read begins.
    pub fn begin(&self, mut read: Read) -> Read {
        let (token, ticket) = (read.token.to_owned(), read.ticket.to_owned());
        let own = Part::Own(token.clone(), ticket.clone());
        let parts = [Part::All, Part::Of(token), Part::Ticket(ticket), own];
        let floor = parts.iter().filter_map(|part| self.known.get(part)).max();
        read.floor = floor.copied().unwrap_or_default();
        read.doubted = self.doubted.get(read.token).copied().unwrap_or_default();
        read.began = Instant::now();
        read
    }

    /// Whether the reply is one that the read may have. What it refuses is known from now on.
    pub fn end(&mut self, read: &Read, reply: &Reply) -> Result<(), String> {
        let cached_only = read.wish.only_if_cached;
        if cached_only
            && !(read.began.elapsed().is_zero() && (reply.is_hit() || reply.status == 504))
        {
            return Err(format!("asked for all the same: {reply:?}"));
        }
        if time_in_line(reply) > Duration::from_secs(read.waits.0) {
            return Err(format!("in line for longer than {} s: {reply:?}", read.waits.0));
        }
        let Some(event) = reply.field("x-event").map(|event| event.parse().unwrap()) else {
            return self.excuse(read, reply);
        };
        let taken = self.readings[&event].clone();
        let seen = Seen::new(&taken, read, reply);
        let wrongs = [
            ("another's", reply.field("x-seen") != Some(read.token)),
            ("older than what was known", event < read.floor),
            ("of something else", taken.void),
            ("asked for once, told twice", seen.own && !self.told.insert(event)),
            ("not proved", seen.from_store && !self.is_proved(read, reply.is_hit())),
        ];
        let wrongs = wrongs.into_iter().chain(seen.wrongs(&taken, read, reply));
        if let Some((wrong, _)) = wrongs.into_iter().find(|(_, found)| *found) {
            let (age, floor) = (seen.age, read.floor);
            let asked = (read.wish.line, read.began.elapsed());
            return Err(format!(
                "{wrong}: {event} ({age:?} old), known {floor}, asked {asked:?}: {reply:?}"
            ));
        }
        self.count(&seen, reply);
        self.heed(read, reply, event);
        Ok(())
    }

    /// Whether the reply is a failure that the gateway has a reason to speak of.
    fn excuse(&mut self, read: &Read, reply: &Reply) -> Result<(), String> {
        let Some(excuse) = Excuse::of(read, reply) else {
            return Err(format!("from nowhere: {reply:?}"));
        };
        if !self.is_excused(excuse, read) {
            return Err(format!("without reason: {reply:?}"));
        }
        self.tally.not_stored += usize::from(excuse == Excuse::NotStored);
        self.tally.limited += usize::from(excuse == Excuse::Limited);
        self.tally.left_alone += usize::from(excuse == Excuse::LeftAlone);
        self.tally.full += usize::from(excuse == Excuse::Full);
        Ok(())
    }

    /// Whether what has happened is a reason.
    fn is_excused(&self, excuse: Excuse, read: &Read) -> bool {
        let own = |taken: &&Taken| taken.token == read.token;
        let said =
            |status| self.heard().filter(move |taken| !taken.lost && taken.says.status == status);
        match excuse {
            Excuse::Limited => {
                said(429).any(|taken| own(&taken))
                    || said(503).any(|taken| own(&taken) && taken.is_pause())
            }
            Excuse::LeftAlone => {
                let failed = said(503).map(|taken| taken.arrives).chain(self.cut_off_until);
                failed.max().is_some_and(|last| last.elapsed() < LEFT_ALONE_FOR)
            }
            Excuse::Full => self.few_places,
            Excuse::Unreachable => self.cut_off_until.is_some_and(|until| until >= read.began),
            Excuse::Reset => self.heard().filter(own).any(|taken| {
                taken.lost && taken.ticket == read.ticket && taken.arrives >= read.began
            }),
            Excuse::NotStored => read.wish.only_if_cached,
        }
    }

    /// The readings of which the house knows.
    fn heard(&self) -> impl Iterator<Item = &Taken> {
        let now = Instant::now();
        self.readings.values().filter(move |taken| taken.arrives <= now)
    }

    /// Whether a credential asks though it is told to wait. One question too many it may ask, and
    /// owe: at the moment when an answer turns out to be none.
    pub fn is_hasty(&self, token: &str, ticket: &str) -> bool {
        let own = || self.heard().filter(|taken| taken.token == token);
        let is_now = |taken: &Taken| taken.arrives.elapsed().is_zero();
        let is_none = |taken: &Taken| taken.ticket == ticket && (taken.lost || taken.void);
        let told = own().any(|taken| taken.is_pause() && !is_now(taken));
        told && !own().any(|taken| is_none(taken) && is_now(taken))
    }

    /// Whether the credential was good so short a time ago that it may be answered from memory.
    fn is_proved(&self, read: &Read, hit: bool) -> bool {
        let (lease, grace) = self.lease;
        let believed = if hit { lease } else { lease + grace };
        lease.is_zero()
            || self.readings.iter().any(|(event, taken)| {
                let proof = taken.proves && taken.token == read.token && *event > read.doubted;
                let heard = taken.arrives <= Instant::now();
                proof && heard && taken.at.elapsed() < believed
            })
    }

    fn count(&mut self, seen: &Seen, reply: &Reply) {
        let (hit, cache) = (reply.is_hit(), reply.cache());
        self.tally.fresh += usize::from(hit && seen.ttl >= 0);
        self.tally.stale += usize::from(hit && seen.ttl < 0);
        self.tally.stood_in += usize::from(!hit && seen.from_store);
        self.tally.validated += usize::from(cache.contains("fwd-status=304"));
        self.tally.not_modified += usize::from(reply.status == 304);
        self.tally.proved += usize::from(cache.contains("detail=lease"));
    }

    fn heed(&mut self, read: &Read, reply: &Reply, event: u64) {
        match (reply.status, reply.field("x-dead")) {
            (_, Some(_)) => self.know(Part::Of(read.token.to_owned()), event),
            (403, None) => {
                self.know(Part::Own(read.token.to_owned(), read.ticket.to_owned()), event);
            }
            _ => {}
        }
    }
}

/// How long the reply says that it stood in line.
fn time_in_line(reply: &Reply) -> Duration {
    let millis = reply.field("server-timing").map(|told| told.strip_prefix("queue;dur=").unwrap());
    Duration::from_secs_f64(millis.map_or(0.0, |millis| millis.parse().unwrap()) / 1_000.0)
}

/// The longest penalty, and a trial on either side of it.
const LEFT_ALONE_FOR: Duration = Duration::from_secs(90);
