//! What the simulation demands of one reply: one that shows a reading of a ticket, or one in which
//! the gateway says for itself why it shows none.

use crate::support::client::Reply;
use std::time::Duration;
use tokio::time::Instant;

/// What the upstream may say of a ticket.
#[derive(Clone, Copy)]
pub struct Reading {
    pub status: u16,
    pub state: &'static str,
    /// For how many seconds the answer is fresh, by its own word or by ours.
    pub secs: u64,
    /// For how many more it may be given out while it is validated, and in the place of a failure;
    /// `None`: never.
    pub stale: Option<(u64, u64)>,
    pub fields: &'static [(&'static str, &'static str)],
}

/// A reading of a ticket, as it was taken.
#[derive(Clone)]
pub struct Taken {
    pub at: Instant,
    /// When the answer has come to the house.
    pub arrives: Instant,
    pub token: String,
    pub ticket: String,
    pub says: Reading,
    /// The last event that had changed the ticket.
    pub state: u64,
    /// Whether the answer shows that the credential is good.
    pub proves: bool,
    /// Whether nobody is to be told of it: it speaks of something else.
    pub void: bool,
    /// Whether nobody hears of it: the connection ends instead.
    pub lost: bool,
}

impl Taken {
    /// Whether its credential is told to wait, and has not waited for so long yet.
    pub fn is_pause(&self) -> bool {
        let mut fields = self.says.fields.iter().filter(|_| !self.lost);
        let pause = fields.find(|(name, _)| *name == "retry-after");
        let secs = pause.map_or(0, |(_, secs)| secs.parse().unwrap());
        self.arrives.elapsed() < Duration::from_secs(secs)
    }
}

/// What a client wants, and what follows for the reply.
#[derive(Clone, Copy, Default)]
pub struct Wish {
    pub line: &'static str,
    /// Only what the upstream is asked for now.
    pub anew: bool,
    pub max_age: Option<u64>,
    pub min_fresh: Option<u64>,
    pub max_stale: Option<u64>,
    pub only_if_cached: bool,
}

/// What was seen of everything that is to be tried.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    pub fresh: usize,
    pub stale: usize,
    /// Stored responses in the place of failures.
    pub stood_in: usize,
    pub validated: usize,
    pub not_modified: usize,
    /// After a lease had lapsed.
    pub proved: usize,
    pub not_stored: usize,
    /// Refused because of the upstream's limit.
    pub limited: usize,
    /// Refused because the upstream failed.
    pub left_alone: usize,
    /// Refused for want of a place.
    pub full: usize,
}

impl Tally {
    pub fn with(self, other: Self) -> Self {
        Self {
            fresh: self.fresh + other.fresh,
            stale: self.stale + other.stale,
            stood_in: self.stood_in + other.stood_in,
            validated: self.validated + other.validated,
            not_modified: self.not_modified + other.not_modified,
            proved: self.proved + other.proved,
            not_stored: self.not_stored + other.not_stored,
            limited: self.limited + other.limited,
            left_alone: self.left_alone + other.left_alone,
            full: self.full + other.full,
        }
    }

    pub fn least(self) -> usize {
        let Self { fresh, stale, stood_in, validated, not_modified, proved, .. } = self;
        let Self { not_stored, limited, left_alone, full, .. } = self;
        let answered = fresh.min(stale).min(stood_in).min(validated).min(not_modified).min(proved);
        answered.min(not_stored).min(limited).min(left_alone).min(full)
    }
}

/// A read, and what its reply must not be older than.
pub struct Read {
    pub token: &'static str,
    pub ticket: &'static str,
    pub agent: &'static str,
    pub wish: Wish,
    pub method: &'static str,
    /// The tag of what the client has already.
    pub has: Option<String>,
    pub range: bool,
    /// How many seconds it waits in line, and how it says so.
    pub waits: (u64, &'static str),
    pub urgency: &'static str,
    pub began: Instant,
    /// The last event that its reply must know of.
    pub floor: u64,
    /// After what its credential must have been proved to be answered from memory.
    pub doubted: u64,
}

impl Read {
    /// A read of `ticket` as `token`, without wishes.
    pub fn of(token: &'static str, ticket: &'static str) -> Self {
        let (agent, wish, method) = ("", Wish::default(), "GET");
        let (has, range, waits, urgency) = (None, false, WAITS[0], "");
        let (began, floor, doubted) = (Instant::now(), 0, 0);
        Self {
            token,
            ticket,
            agent,
            wish,
            method,
            has,
            range,
            waits,
            urgency,
            began,
            floor,
            doubted,
        }
    }
}

/// How long one may wait in line. Who says nothing waits as the settings have it.
pub const WAITS: [(u64, &str); 4] = [(10, ""), (0, "wait=0"), (2, "wait=2"), (30, "wait=30")];

/// What the gateway says for itself where it shows no reading.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Excuse {
    /// The upstream's limit leaves no room in time.
    Limited,
    /// The upstream fails and is left alone.
    LeftAlone,
    /// No place among those under way comes free in time.
    Full,
    /// There is no connection.
    Unreachable,
    /// The connection ended without an answer.
    Reset,
    /// Nothing stored will do.
    NotStored,
}

impl Excuse {
    /// That of a reply to `read`, if it is said as it should be: with our own code, RFC 9209's word,
    /// and when to come back where that is known.
    pub fn of(read: &Read, reply: &Reply) -> Option<Self> {
        let rows = [
            (Self::Limited, 429, "RATE_LIMITED", "http_request_denied"),
            (Self::LeftAlone, 503, "UPSTREAM_UNAVAILABLE", "destination_unavailable"),
            (Self::Full, 503, "FULL", "connection_limit_reached"),
            (Self::Unreachable, 502, "CONNECT_FAILED", "connection_refused"),
            (Self::Reset, 502, "UPSTREAM_RESET", "connection_terminated"),
            (Self::NotStored, 504, "NOT_STORED", "http_request_error"),
        ];
        let word = reply.field("proxy-status")?.strip_prefix("verifik-gateway; error=")?;
        let (excuse, status, code, _) = rows.into_iter().find(|(.., own)| *own == word)?;
        let code =
            if read.method == "HEAD" { String::new() } else { format!("\"GATEWAY_{code}\"") };
        let comes_back = reply.field("retry-after").and_then(|secs| secs.parse::<u64>().ok());
        let passes = matches!(excuse, Self::Limited | Self::LeftAlone | Self::Full);
        let well_put = reply.status == status && reply.text().contains(&code);
        (well_put && comes_back.is_some_and(|secs| secs > 0) == passes).then_some(excuse)
    }
}

/// A reply that shows a reading.
pub struct Seen {
    pub age: Duration,
    /// Whether it comes from memory: a hit, or in the place of a failure.
    pub from_store: bool,
    /// Whether it is the answer to this very request.
    pub own: bool,
    /// What it says of its freshness.
    pub ttl: i64,
}

impl Seen {
    pub fn new(taken: &Taken, read: &Read, reply: &Reply) -> Self {
        let cache = reply.cache();
        let ttl = cache.split("ttl=").nth(1).and_then(|rest| rest.split(';').next());
        let from_store = ttl.is_some();
        let own = !from_store && !cache.contains("; collapsed") && !read.wish.only_if_cached;
        let ttl = ttl.map_or(0, |ttl| ttl.parse().unwrap());
        Self { age: taken.at.elapsed(), from_store, own, ttl }
    }

    /// What may be wrong with a reply, and whether it is.
    pub fn wrongs(&self, taken: &Taken, read: &Read, reply: &Reply) -> Vec<(&'static str, bool)> {
        let (wish, cache) = (&read.wish, reply.cache());
        let told_age = reply.field("age").map_or(u64::MAX, |age| age.parse().unwrap());
        let fresh_for = Duration::from_secs(taken.says.secs);
        let is_stale = self.age >= fresh_for;
        let too_old = |limit: u64| told_age > limit || self.age > Duration::from_secs(limit + 1);
        let too_short = |left: u64| self.age + Duration::from_secs(left) > fresh_for;
        let refused =
            ["401", "403", "404"].iter().any(|no| cache.contains(&format!("fwd-status={no}")));
        let body = format!(r#""v":{},"#, taken.state);
        let whole = reply.status == 200 && read.method == "GET";
        let varies = reply.field("vary").is_some();
        let tag = reply.field("etag");
        vec![
            ("past its use", self.from_store && is_stale && !self.may_be_stale(taken, read, reply)),
            ("fresh by its own word", self.from_store && is_stale && self.ttl > 0),
            ("older than it says", self.from_store && told_age < self.age.as_secs()),
            ("in the place of a refusal", self.from_store && refused),
            ("no hit, and not asked for", self.own && taken.at < read.began),
            ("not asked anew", wish.anew && taken.at < read.began),
            ("too old for it", self.from_store && wish.max_age.is_some_and(too_old)),
            ("too short for it", self.from_store && wish.min_fresh.is_some_and(too_short)),
            ("not the state of its reading", whole && !reply.text().contains(&body)),
            ("for others by its Vary", varies && reply.field("x-agent") != Some(read.agent)),
            ("not modified since nothing", reply.status == 304 && read.has.as_deref() != tag),
            ("a part of nothing", reply.status == 206 && !read.range),
        ]
    }

    /// Whether a stale reading may be given out like this.
    fn may_be_stale(&self, taken: &Taken, read: &Read, reply: &Reply) -> bool {
        let Some((while_revalidate, if_error)) = taken.says.stale else { return false };
        let staleness = self.age.saturating_sub(Duration::from_secs(taken.says.secs));
        let within = |secs: u64| staleness < Duration::from_secs(secs);
        let wish = &read.wish;
        let choosy = wish.max_age.is_some() || wish.min_fresh.is_some();
        match (wish.max_stale, reply.is_hit()) {
            (None, _) if choosy => false,
            (None, true) => within(while_revalidate),
            (None, false) => within(if_error),
            // Whoever accepts it so stale is given it, whether or not the upstream fails.
            (Some(limit), _) => within(limit.saturating_add(1)),
        }
    }
}
