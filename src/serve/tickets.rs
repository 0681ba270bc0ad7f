//! From what a request says to what the cache is asked.

use crate::api::route::Kind;
use crate::api::route::Resource;
use crate::base::room::Room;
use crate::cache::exchange::Asking;
use crate::cache::exchange::Step;
use crate::cache::regime::Regime;
use crate::cache::state::Cache;
use crate::fields::cache_control::RequestDirectives;
use crate::fields::presence::Presence;
use crate::observe::accounts::Entry;
use crate::policy::inquiry::Inquiry;
use crate::policy::privacy::Privacy;
use crate::policy::rules::Rules;
use crate::policy::variant;
use crate::serve::message::Read;
use http::HeaderMap;
use http::HeaderName;
use http::header::AUTHORIZATION;
use http::header::CACHE_CONTROL;
use http::header::CONTENT_TYPE;
use http::header::PRAGMA;
use http::uri::PathAndQuery;
use std::sync::Arc;

/// What is asked by a read; its credential is replaced by its hash. `head`: the body is not wanted.
pub fn inquire<'a>(
    read: &Read<'a>,
    target: &PathAndQuery,
    fields: &HeaderMap,
    head: bool,
    rules: &Rules,
    cache: &Cache,
) -> Inquiry<'a> {
    let (resource, keys) = (read.resource, &cache.keys);
    let credential = read.authorization.map(|value| keys.credential(value.as_bytes()));
    let privacy = if credential.is_some() { Privacy::Private } else { Privacy::Shared };
    let credential = credential.unwrap_or_else(|| keys.nobody());
    let heeded =
        (rules.client_directives && read.seen.directs()).then(|| RequestDirectives::read(fields));
    let key = |of_key: &HeaderMap| {
        let (path, query) = (target.path(), target.query());
        keys.key(&credential, rules.edition, &resource.name, path, query, of_key)
    };
    Inquiry {
        resource,
        id: read.id,
        key: match resource.kind {
            Kind::Ticket => key(fields),
            Kind::Opaque => key(&HeaderMap::new()),
        },
        credential,
        privacy,
        head,
        directives: heeded.unwrap_or_default(),
    }
}

/// The tickets that one batch call asks for, one after the other.
pub struct Tickets {
    regime: Arc<Regime>,
    cache: Arc<Cache>,
    /// Where they stand, up to the id and after it.
    before: String,
    after: String,
    /// The caller's fields, as far as a ticket's read has them.
    fields: HeaderMap,
    resource: usize,
}

/// How many times longer than what is stored a body on a line may be.
const LONGEST_LINE: usize = 4;

impl Tickets {
    /// The tickets of a call with these fields. `query`: the call's own, which goes on with each.
    /// `None` if the settings name no tickets.
    pub fn new(
        regime: Arc<Regime>,
        cache: Arc<Cache>,
        query: Option<&str>,
        fields: &HeaderMap,
    ) -> Option<Self> {
        let is_ticket = |resource: &Resource| resource.kind == Kind::Ticket;
        let index = regime.rules.resources.iter().position(is_ticket)?;
        let (before, after) = regime.rules.resources.get(index)?.templates.first()?.around_id();
        let query = query.map(|query| format!("?{query}")).unwrap_or_default();
        let (before, after) = (before.to_owned(), format!("{after}{query}"));
        let fields = of_reads(fields);
        Some(Self { regime, cache, before, after, fields, resource: index })
    }

    /// Asks for one. `None` if that cannot be asked.
    pub fn ask(&self, id: &str) -> Option<Step> {
        let target = format!("{}{id}{}", self.before, self.after);
        let target = PathAndQuery::try_from(target).ok()?;
        let rules = &self.regime.rules;
        let resource = rules.resources.get(self.resource)?;
        let authorization = self.fields.get(AUTHORIZATION);
        let read = Read { resource, id, authorization, seen: Presence::of(&self.fields) };
        let inquiry = inquire(&read, &target, &self.fields, false, rules, &self.cache);
        let asking = Asking {
            regime: &self.regime,
            inquiry: &inquiry,
            target: &target,
            fields: &self.fields,
            of_a_job: true,
        };
        let accounts = &self.cache.accounts;
        accounts.came();
        let step = self.cache.answer(&asking, self.cache.clock.now());
        match &step {
            Step::Now(_) => accounts.enter(Entry::Stored),
            Step::Refused => accounts.enter(Entry::Refused),
            // It enters itself.
            Step::Later(_) => {}
        }
        Some(step)
    }

    /// The longest body that is put on a line, in bytes, and what there is room for.
    pub fn room_of_a_line(&self) -> (usize, Arc<Room>) {
        let longest = self.regime.rules.max_stored_body.saturating_mul(LONGEST_LINE);
        (longest, Arc::clone(&self.cache.room))
    }
}

/// What a call says for all its reads: not how its own body or answer is made, nor which part of
/// an answer it wants.
fn of_reads(fields: &HeaderMap) -> HeaderMap {
    let heeded = |name: &HeaderName| {
        let of_each = variant::SENT_ON.contains(name) && *name != CONTENT_TYPE;
        of_each || *name == CACHE_CONTROL || *name == PRAGMA
    };
    let kept = fields.iter().filter(|(name, _)| heeded(name));
    kept.fold(HeaderMap::new(), |mut kept, (name, value)| {
        kept.append(name.clone(), value.clone());
        kept
    })
}
