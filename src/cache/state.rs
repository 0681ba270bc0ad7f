//! The cache: what is remembered, whom to ask, and the forwards under way.

use crate::api::route::Kind;
use crate::base::draw::Draw;
use crate::base::room::Room;
use crate::base::time::Clock;
use crate::base::time::Timestamp;
use crate::cache::apart::Apart;
use crate::cache::collapse::Forwards;
use crate::cache::courtesy::Courtesy;
use crate::cache::errand::Errand;
use crate::cache::errand::Landed;
use crate::cache::errand::Probed;
use crate::fields::cache_status::ForwardReason;
use crate::observe::accounts::Accounts;
use crate::observe::metrics::Metrics;
use crate::observe::repeated::Event;
use crate::observe::repeated::Line;
use crate::observe::repeated::Repeated;
use crate::policy::churn::Churn;
use crate::policy::inquiry::Inquiry;
use crate::policy::key::Key;
use crate::policy::key::KeySecret;
use crate::policy::key::Tag;
use crate::policy::key::Variant;
use crate::policy::lease::Authority;
use crate::policy::order::Turn;
use crate::policy::reuse::Sight;
use crate::policy::rules::Rules;
use crate::store::leases::Leases;
use crate::store::memory::Found;
use crate::store::memory::Store;
use crate::store::response::StoredResponse;
use crate::upstream::attempt::Lost;
use crate::upstream::fuse::Fuse;
use crate::upstream::queue::Queue;
use http::HeaderMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use tracing::warn;

/// All that an exchange works with.
pub struct Cache {
    /// What is remembered.
    pub store: Store,
    /// Which credentials are believed in.
    pub leases: Leases,
    /// Under which keys are made.
    pub keys: KeySecret,
    /// Who goes upstream next.
    pub queue: Queue,
    /// Whether it is left alone for now.
    pub fuse: Arc<Fuse>,
    /// Whether credentials last.
    pub churn: Mutex<Churn>,
    /// Whether something was answered from the store since the last forward.
    pub hit: AtomicBool,
    /// What time it is.
    pub clock: Clock,
    /// For the jitter of lifetimes.
    pub draw: Draw,
    /// The forwards that may be joined.
    pub forwards: Forwards<Lane, Landed>,
    /// The forwards that find out whether a credential is good, each for all that it is asked for.
    pub probes: Forwards<Tag, Probed>,
    /// The keys that are not collapsed for now.
    pub apart: Apart,
    /// Where misses let hits go first.
    pub courtesy: Courtesy,
    /// What all bodies together may take: stored, on their way, and waiting to be read.
    pub room: Arc<Room>,
    /// What has come and what was sent.
    pub accounts: Accounts,
    /// How that went.
    pub metrics: Metrics,
    /// Which failures were told of lately.
    pub repeated: Repeated,
}

/// What forwards are joined by. A mark is part of it, so nobody who asks after the mark joins a
/// forward begun before.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct Lane {
    /// What is asked for.
    pub key: Key,
    /// The newest mark over it.
    pub mark: Turn,
    /// What the asker has of what the answer is known to vary on.
    pub variant: Option<Key>,
}

/// What is known under a key at a moment.
pub struct Seen {
    /// What is found.
    pub found: Found,
    /// How far its credential is believed in.
    pub authority: Authority,
}

impl Seen {
    /// The stored response, as decisions see it.
    pub fn sight(&self) -> Option<Sight<'_>> {
        self.found.stored.as_ref().map(|stored| Sight {
            facts: &stored.facts,
            asked: stored.asked,
            mark: self.found.mark,
            authority: self.authority,
        })
    }

    /// The stored response, unless a mark covers it.
    pub fn valid(&self) -> Option<&Arc<StoredResponse>> {
        self.found.stored.as_ref().filter(|stored| !stored.asked.is_covered_by(self.found.mark))
    }

    /// Why there would be nothing to reuse.
    pub const fn missing(&self) -> ForwardReason {
        if self.found.others.is_some() { ForwardReason::VaryMiss } else { ForwardReason::UriMiss }
    }
}

impl Cache {
    /// Looks up what would answer an inquiry.
    pub fn look_up(
        &self,
        rules: &Rules,
        inquiry: &Inquiry<'_>,
        fields: &HeaderMap,
        now: Timestamp,
    ) -> Seen {
        let credential = inquiry.credential.tag();
        let matches = |variant: &_| self.matches(variant, fields);
        let found =
            self.store.look_up(&inquiry.key, matches, || (credential, self.thing(inquiry)), now);
        self.seen(found, rules, inquiry.resource.kind, credential, now)
    }

    /// Looks again what would answer an errand.
    pub fn look_again(&self, errand: &Errand, now: Timestamp) -> Seen {
        let matches = |variant: &_| self.matches(variant, errand.request.fields());
        let tags = || (errand.credential, errand.thing);
        let found = self.store.look_up(&errand.key, matches, tags, now);
        self.seen(found, &errand.rules, errand.kind, errand.credential, now)
    }

    /// The tag of what an inquiry is about.
    pub fn thing(&self, inquiry: &Inquiry<'_>) -> Tag {
        let resource = inquiry.resource;
        self.keys.thing(resource.kind, &resource.name, inquiry.id)
    }

    /// Counts that something failed upstream, and logs it; of each kind once a minute.
    pub(crate) fn tell_of(&self, what: &'static str, lost: &Lost) {
        let failure = lost.failure.as_str();
        self.metrics.failures.add(failure);
        let line = self.repeated.note(Event(what, failure), self.clock.now());
        if let Line::Written { left_out } = line {
            warn!(failure, cause = lost.cause, left_out, "{what} failed upstream");
        }
    }

    fn matches(&self, variant: &Variant, fields: &HeaderMap) -> bool {
        self.keys.selecting(&variant.names, fields) == variant.values
    }

    fn seen(
        &self,
        found: Found,
        rules: &Rules,
        kind: Kind,
        credential: Tag,
        now: Timestamp,
    ) -> Seen {
        let authority = match (&found.stored, kind) {
            (Some(stored), Kind::Ticket) => self
                .leases
                .authority(credential, rules.lease, now)
                .over(&stored.facts, rules.lease, now),
            _ => Authority::Holds,
        };
        Seen { found, authority }
    }
}
