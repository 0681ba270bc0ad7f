//! What is done with an answer: `policy::admit` has decided, this carries it out.
//!
//! Departures: a 304 freshens the one response that it was asked about, not every variant with the
//! same strong tag (RFC 9111 section 4.3.4); a HEAD that differs takes the stored response out
//! instead of making it stale (section 4.3.5).

use crate::api::answer::Meaning;
use crate::api::route::Kind;
use crate::base::time::Timestamp;
use crate::cache::arrival;
use crate::cache::arrival::Arrival;
use crate::cache::errand::Audience;
use crate::cache::errand::Errand;
use crate::cache::errand::Fetched;
use crate::cache::errand::Handoff;
use crate::cache::errand::Landed;
use crate::cache::state::Cache;
use crate::fields::cache_control::RequestDirectives;
use crate::fields::cache_control::ResponseDirectives;
use crate::fields::validation;
use crate::fields::vary::Vary;
use crate::policy::admit;
use crate::policy::admit::Deliver;
use crate::policy::admit::Invalidate;
use crate::policy::admit::Keep;
use crate::policy::admit::Proof;
use crate::policy::freshness;
use crate::policy::freshness::Facts;
use crate::policy::freshness::Timed;
use crate::policy::key::Variant;
use crate::policy::order::Turn;
use crate::policy::reuse;
use crate::policy::storable::Candidate;
use crate::policy::storable::NotKept;
use crate::policy::variant;
use crate::policy::variant::Nominated;
use crate::store::marks::Aftermath;
use crate::store::marks::Scope;
use crate::store::response::Label;
use crate::store::response::StoredResponse;
use crate::store::response::Unfit;
use crate::upstream::attempt::Heard;
use crate::upstream::attempt::HeardBody;
use crate::upstream::failure::Failure;
use crate::upstream::streamed::Streamed;
use bytes::Bytes;
use http::HeaderName;
use http::StatusCode;
use std::sync::Arc;
use std::sync::Mutex;

impl Cache {
    /// Carries out what follows from the answer to `errand`, sent at `turn`.
    pub(crate) fn land(&self, errand: &Errand, turn: Turn, heard: Heard) -> Landed {
        let Heard { status, fields, framing, body, journey } = heard;
        // Of a long answer only the status is read; what it may hold is not for storing.
        let (body, rest) = match body {
            HeardBody::Whole(_) if errand.request.is_head() => (None, None),
            HeardBody::Whole(body) => (Some(body), None),
            HeardBody::Long(rest) => (Some(Bytes::new()), Some((rest, NotKept::TooLong))),
            HeardBody::NoRoom(rest) => (Some(Bytes::new()), Some((rest, NotKept::NoRoom))),
        };
        let is_head = body.is_none();
        let arrival =
            Arrival { status, fields, framing, body, journey, told: status, own_tag: false };
        if is_head && status == StatusCode::OK {
            return self.land_head(errand, turn, arrival);
        }
        let meaning = arrival.meaning(errand);
        self.judge(errand, turn, arrival, meaning, rest)
    }

    /// Freshens what is stored with a 304 that confirms it (RFC 9111 section 4.3.4). `None` if it
    /// speaks of another response, and so says nothing about this one; or if there would be too
    /// many fields, for each 304 may bring new ones.
    pub(crate) fn freshen(
        &self,
        errand: &Errand,
        turn: Turn,
        base: &StoredResponse,
        heard: &Heard,
    ) -> Option<Landed> {
        let stored = base.fields(FIELDS_OF_OURS);
        if !validation::agrees(&stored, base.own_tag, &heard.fields) {
            return None;
        }
        let arrival = Arrival::freshened(base, stored, heard.status, &heard.fields, heard.journey);
        if arrival.fields.len() > MOST_FIELDS {
            return None;
        }
        let meaning = arrival.meaning(errand);
        let is_other = |meaning| !matches!(meaning, Meaning::Ticket(_));
        if meaning.is_some_and(is_other) {
            return None;
        }
        Some(self.judge(errand, turn, arrival, meaning, None))
    }

    /// RFC 9111 section 4.3.5: the 200 to a HEAD updates what is stored, or shows it outdated.
    fn land_head(&self, errand: &Errand, turn: Turn, arrival: Arrival) -> Landed {
        let seen = self.look_again(errand, arrival.journey.received.now);
        let mut kept = Err(NotKept::Head);
        if let Some(base) = seen.valid() {
            let stored = base.fields(FIELDS_OF_OURS);
            let length = u64::try_from(base.body().len()).unwrap_or(u64::MAX);
            if validation::head_agrees(&stored, base.own_tag, length, &arrival.fields) {
                let (told, journey) = (arrival.status, arrival.journey);
                let newer = Arrival::freshened(base, stored, told, &arrival.fields, journey);
                let meaning = newer.meaning(errand);
                let landed = self.judge(errand, turn, newer, meaning, None);
                if let Landed::Answer(landed) = landed {
                    kept = landed.kept;
                }
            } else {
                let now = arrival.journey.received.now;
                self.invalidate(Invalidate::EarlierOfKey, errand, turn, now);
            }
        }
        let Arrival { status, fields, .. } = arrival;
        Landed::Answer(Arc::new(Fetched {
            status,
            fields,
            body: None,
            told: status,
            askers: Vec::new(),
            kept,
            failing: false,
            audience: Audience::Nobody,
        }))
    }

    /// Has it decided what follows from an answer, and carries that out. `meaning`: what it says of
    /// its ticket, if it is about one; `rest`: the body of one that is not read whole, and why.
    fn judge(
        &self,
        errand: &Errand,
        turn: Turn,
        mut arrival: Arrival,
        meaning: Option<Meaning>,
        rest: Option<(Streamed, NotKept)>,
    ) -> Landed {
        let said = ResponseDirectives::read(&arrival.fields);
        let nominated = variant::nominated(errand.kind, Vary::read(&arrival.fields));
        let facts = self.facts(errand, &arrival, meaning, &said);
        let candidate = Candidate {
            meaning,
            status: arrival.status,
            fields: &arrival.fields,
            said: &said,
            nominated: &nominated,
            framing: arrival.framing,
            privacy: errand.privacy,
            cookies: errand.cookies,
        };
        let stand_in = || self.has_stand_in(errand, arrival.journey.received.now);
        let verdict = admit::admit(&candidate, &errand.directives, &facts, stand_in);
        let now = facts.received_at;
        self.invalidate(verdict.invalidate, errand, turn, now);
        self.heed_proof(verdict.credential, errand, turn, &facts);
        if let Some((rest, why)) = rest {
            if why == NotKept::TooLong {
                self.apart.remember(errand.key, now);
            }
            let (status, fields) = (arrival.status, arrival.fields);
            let failing = verdict.deliver == Deliver::AnswerOrStandIn;
            let body = Mutex::new(Some(rest));
            return Landed::Long(Arc::new(Handoff { status, fields, failing, why, body }));
        }
        if verdict.deliver == Deliver::Failure {
            return Landed::Failed(Failure::Truncated);
        }
        arrival.complete(meaning);
        let variant = self.variant(errand, nominated);
        let askers = arrival::askers_fields(&said, errand.privacy);
        let kept = match verdict.keep {
            Keep::Store => self.keep(errand, turn, &mut arrival, facts, &askers, variant.clone()),
            Keep::Nothing(why) => Err(why),
        };
        // A 304 confirms what is stored, and the wish to keep nothing is one client's own.
        let is_new = arrival.told.is_success() && !errand.directives.no_store;
        if kept.is_err() && is_new {
            self.outdate(errand, turn, meaning, now);
        }
        // One that is stored itself is what there is to give out.
        let failing = verdict.deliver == Deliver::AnswerOrStandIn && kept.is_err();
        let audience = self.audience(errand, variant, verdict.keep, failing, now);
        let Arrival { status, fields, body, told, .. } = arrival;
        let fetched = Fetched { status, fields, askers, body, told, kept, failing, audience };
        Landed::Answer(Arc::new(fetched))
    }

    /// What of the nominated fields the asker has.
    fn variant(&self, errand: &Errand, nominated: Nominated) -> Option<Box<Variant>> {
        let Nominated::Fields(names) = nominated else { return None };
        self.keys.variant(names, errand.request.fields()).map(Box::new)
    }

    fn facts(
        &self,
        errand: &Errand,
        arrival: &Arrival,
        meaning: Option<Meaning>,
        said: &ResponseDirectives,
    ) -> Facts {
        let timed = Timed {
            meaning,
            status: arrival.status,
            fields: &arrival.fields,
            journey: arrival.journey,
            privacy: errand.privacy,
        };
        let (lifetimes, ends) = (&errand.rules.lifetimes, errand.credential_ends);
        freshness::facts(&timed, said, ends, lifetimes, self.draw.fraction())
    }

    /// Whether something is stored that may be given out in the place of an answer.
    fn has_stand_in(&self, errand: &Errand, now: Timestamp) -> bool {
        let (seen, anybody) = (self.look_again(errand, now), RequestDirectives::default());
        seen.sight().is_some_and(|sight| reuse::stand_in(&anybody, sight, now).is_some())
    }

    fn keep(
        &self,
        errand: &Errand,
        turn: Turn,
        arrival: &mut Arrival,
        facts: Facts,
        askers: &[HeaderName],
        variant: Option<Box<Variant>>,
    ) -> Result<(), NotKept> {
        let body = arrival.body.as_ref().ok_or(NotKept::Head)?;
        let (status, own_tag) = (arrival.status, arrival.own_tag);
        let label = Label { key: errand.key, asked: turn, facts, status, own_tag, variant };
        let fields = arrival.storable_fields(askers);
        let stored = StoredResponse::new(label, &fields, body, &self.room).map_err(not_kept)?;
        let copy = stored.body();
        self.store.keep(Arc::new(stored), errand.credential, errand.thing, facts.asked_at)?;
        // Those who wait read what is stored: its memory is not held twice.
        arrival.body = Some(copy);
        Ok(())
    }

    /// A newer answer has been seen and is not stored: what is stored from before it must not come
    /// back. An answer that is nothing to rely upon says nothing about it; nor does one of an opaque
    /// resource about what is still fresh, for a cookie might have made the difference.
    fn outdate(&self, errand: &Errand, turn: Turn, meaning: Option<Meaning>, now: Timestamp) {
        let what = match meaning {
            Some(Meaning::Ticket(_)) => Invalidate::EarlierOfOwnTicket,
            Some(_) => return,
            None => Invalidate::EarlierOfKey,
        };
        let seen = self.look_again(errand, now);
        let is_outdated = |stored: &Arc<StoredResponse>| {
            stored.asked < turn && (meaning.is_some() || !stored.facts.is_fresh(now))
        };
        if seen.valid().is_some_and(is_outdated) {
            self.invalidate(what, errand, turn, now);
        }
    }

    /// Who may have an answer besides its asker. About a ticket everything that can differ is in
    /// the key; of an opaque resource only what a cache may store is meant for more than one
    /// request (RFC 9111 section 4), a cookie might have made the difference. Whether there was room
    /// for it, or a write came in between, is nothing to those who asked before.
    fn audience(
        &self,
        errand: &Errand,
        variant: Option<Box<Variant>>,
        keep: Keep,
        failing: bool,
        now: Timestamp,
    ) -> Audience {
        let for_one = match errand.kind {
            Kind::Ticket => keep == Keep::Nothing(NotKept::Vary),
            Kind::Opaque => keep != Keep::Store,
        };
        if for_one {
            // An outage passes, and a wish of one's own says nothing of what others will be told;
            // what is nobody else's besides will be so again.
            if !failing && !errand.is_particular() {
                self.apart.remember(errand.key, now);
            }
            return Audience::Nobody;
        }
        variant.map_or(Audience::Everyone, Audience::Alike)
    }

    fn heed_proof(&self, proof: Proof, errand: &Errand, turn: Turn, facts: &Facts) {
        let terms = errand.rules.lease;
        match proof {
            Proof::None => {}
            Proof::Alive => {
                self.leases.prove(
                    errand.credential,
                    turn,
                    facts.asked_at,
                    terms,
                    facts.received_at,
                );
            }
            // As of now: forwards that are under way prove nothing any more.
            Proof::Dead => self.leases.end(errand.credential, self.store.begin()),
        }
    }

    fn invalidate(&self, what: Invalidate, errand: &Errand, turn: Turn, now: Timestamp) {
        let own_ticket = Scope::OwnTicket(errand.credential, errand.thing);
        match what {
            Invalidate::Nothing => {}
            Invalidate::Credential => {
                let scope = Scope::Credential(errand.credential);
                self.store.invalidate(&[scope], Aftermath::Settled, now);
            }
            Invalidate::OwnTicket => {
                self.store.invalidate(&[own_ticket], Aftermath::Settled, now);
            }
            Invalidate::EarlierOfOwnTicket => self.store.invalidate_before(turn, own_ticket, now),
            Invalidate::EarlierOfKey => self.store.drop_earlier(&errand.key, turn),
        }
    }
}

const fn not_kept(unfit: Unfit) -> NotKept {
    match unfit {
        Unfit::TooLarge => NotKept::TooLong,
        Unfit::NoRoom => NotKept::NoRoom,
    }
}

/// The most fields of what is freshened: more than twice as many as hyper reads of one answer.
const MOST_FIELDS: usize = 256;

/// `Date` and `ETag` may be added to what is stored.
const FIELDS_OF_OURS: usize = 2;
