//! What is done with an answer: `policy::admit` has decided, this carries it out.

use crate::api::answer;
use crate::api::answer::Meaning;
use crate::base::draw::Draw;
use crate::base::time::Timestamp;
use crate::cache::errand::Errand;
use crate::cache::errand::Fetched;
use crate::cache::errand::Handoff;
use crate::cache::errand::Landed;
use crate::cache::long::LongAnswers;
use crate::policy::admit;
use crate::policy::admit::Deliver;
use crate::policy::admit::Invalidate;
use crate::policy::admit::Keep;
use crate::policy::freshness;
use crate::policy::order::Turn;
use crate::policy::reuse;
use crate::policy::storable::Candidate;
use crate::policy::storable::NotKept;
use crate::store::marks::Aftermath;
use crate::store::marks::Scope;
use crate::store::memory::Store;
use crate::store::response::Label;
use crate::store::response::StoredResponse;
use crate::upstream::attempt::Heard;
use crate::upstream::attempt::HeardBody;
use crate::upstream::failure::Failure;
use bytes::Bytes;
use http::HeaderMap;
use std::sync::Arc;
use std::sync::Mutex;

/// Where answers land.
pub struct Ground<'a> {
    /// What is stored, and the marks over it.
    pub store: &'a Store,
    /// The keys whose answers are too long to share.
    pub long: &'a LongAnswers,
    /// For the jitter of lifetimes.
    pub draw: &'a Draw,
}

impl Ground<'_> {
    /// Carries out what follows from the answer to `errand`, sent at `turn`.
    pub fn land(&self, errand: &Errand, turn: Turn, heard: Heard) -> Landed {
        let Heard { status, fields, framing, body, journey } = heard;
        // Of a long answer only the status is read; what it may hold is not for storing.
        let (body, rest) = match body {
            HeardBody::Whole(body) => (body, None),
            HeardBody::Long(streamed) => (Bytes::new(), Some(streamed)),
        };
        let meaning = answer::meaning(status, &fields, &body, &errand.id);
        let (lifetimes, jitter) = (&errand.rules.lifetimes, self.draw.fraction());
        let ends = errand.credential_ends;
        let facts = freshness::facts(meaning, &fields, journey, ends, lifetimes, jitter);
        let candidate = Candidate { meaning, status, fields: &fields, framing };
        let verdict = admit::admit(candidate, errand.directives, &facts);
        self.invalidate(verdict.invalidate, errand, turn, facts.received_at);
        if let Some(rest) = rest {
            self.long.remember(errand.key, facts.received_at);
            return Landed::Long(Arc::new(Handoff {
                status,
                fields,
                body: Mutex::new(Some(rest)),
            }));
        }
        if verdict.deliver == Deliver::Failure {
            return Landed::Failed(Failure::Truncated);
        }
        let negative = matches!(meaning, Meaning::NotFound(_));
        let label = Label { key: errand.key, asked: turn, facts, status, negative };
        let kept = match verdict.keep {
            Keep::Store => self.keep(label, errand, journey.asked_at, &fields, &body),
            Keep::Nothing(why) => Err(why),
        };
        let shared = reuse::may_be_shared(&fields);
        Landed::Answer(Arc::new(Fetched { status, fields, body, kept, shared }))
    }

    fn keep(
        &self,
        label: Label,
        errand: &Errand,
        asked_at: Timestamp,
        fields: &HeaderMap,
        body: &[u8],
    ) -> Result<(), NotKept> {
        let stored = StoredResponse::new(label, fields, body).map_err(|_| NotKept::TooLong)?;
        self.store.keep(Arc::new(stored), errand.credential, errand.ticket, asked_at)
    }

    fn invalidate(&self, what: Invalidate, errand: &Errand, turn: Turn, now: Timestamp) {
        match what {
            Invalidate::Nothing => {}
            Invalidate::Credential => {
                let scope = Scope::Credential(errand.credential);
                self.store.invalidate(&[scope], Aftermath::Settled, now);
            }
            Invalidate::OwnTicket => {
                let scope = Scope::OwnTicket(errand.credential, errand.ticket);
                self.store.invalidate(&[scope], Aftermath::Settled, now);
            }
            Invalidate::EarlierOfOwnTicket => {
                let scope = Scope::OwnTicket(errand.credential, errand.ticket);
                self.store.invalidate_before(turn, scope, now);
            }
        }
    }
}
