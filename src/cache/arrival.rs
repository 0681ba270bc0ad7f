//! A whole answer on its way into the store: what was left to us is added, what must not be kept is
//! left out.

use crate::api::answer;
use crate::api::answer::Meaning;
use crate::api::route::Kind;
use crate::cache::errand::Errand;
use crate::fields::cache_control::Named;
use crate::fields::cache_control::ResponseDirectives;
use crate::fields::date;
use crate::fields::framing::Framing;
use crate::policy::freshen;
use crate::policy::freshness::Journey;
use crate::policy::privacy::Privacy;
use crate::store::response::StoredResponse;
use bytes::Bytes;
use http::HeaderMap;
use http::HeaderName;
use http::StatusCode;
use http::header::DATE;
use http::header::ETAG;
use std::borrow::Cow;

/// A whole answer, as it is judged and perhaps stored.
pub(crate) struct Arrival {
    /// Its status.
    pub(crate) status: StatusCode,
    /// Its end-to-end fields.
    pub(crate) fields: HeaderMap,
    /// How it said where its body ends.
    pub(crate) framing: Framing,
    /// Its body; `None` for the answer to a HEAD.
    pub(crate) body: Option<Bytes>,
    /// When it was asked for and there.
    pub(crate) journey: Journey,
    /// The status that the upstream told.
    pub(crate) told: StatusCode,
    /// Whether its `ETag` is ours.
    pub(crate) own_tag: bool,
}

impl Arrival {
    /// What is stored, with the fields of an answer that confirms it.
    pub(crate) fn freshened(
        base: &StoredResponse,
        stored: HeaderMap,
        told: StatusCode,
        newer: &HeaderMap,
        journey: Journey,
    ) -> Self {
        let mut fields = freshen::freshened(stored, newer);
        if !newer.contains_key(DATE) {
            // Its date is that of the answer, which `complete` adds.
            fields.remove(DATE);
        }
        Self {
            status: base.status,
            fields,
            framing: Framing::Announced,
            body: Some(base.body()),
            journey,
            told,
            own_tag: base.own_tag,
        }
    }

    /// What it means, if it is one about a ticket.
    pub(crate) fn meaning(&self, errand: &Errand) -> Option<Meaning> {
        let body = self.body.as_deref().unwrap_or_default();
        let is_ticket = errand.kind == Kind::Ticket;
        is_ticket.then(|| answer::meaning(self.status, &self.fields, body, &errand.id))
    }

    /// Adds what was left to us: the date of its arrival (RFC 9110 section 6.6.1), and a strong tag
    /// for a ticket without one, so that its readers can ask whether it has changed.
    pub(crate) fn complete(&mut self, meaning: Option<Meaning>) {
        if !self.fields.contains_key(DATE)
            && let Some(date) = date::to_value(self.journey.received.wall)
        {
            self.fields.insert(DATE, date);
        }
        let is_ticket = matches!(meaning, Some(Meaning::Ticket(_)));
        if is_ticket
            && !self.fields.contains_key(ETAG)
            && let Some(body) = &self.body
            && let Some(tag) = freshen::own_tag(body)
        {
            self.fields.insert(ETAG, tag);
            self.own_tag = true;
        }
    }

    /// The fields that are stored: without those that are the asker's alone.
    pub(crate) fn storable_fields(&self, askers: &[HeaderName]) -> Cow<'_, HeaderMap> {
        match askers {
            [] => Cow::Borrowed(&self.fields),
            left_out => Cow::Owned(freshen::without(&self.fields, left_out)),
        }
    }
}

/// The fields that a directive keeps for the one who asked: they are neither stored nor given to
/// those who waited (RFC 9111 sections 5.2.2.4 and 5.2.2.7).
pub(crate) fn askers_fields(said: &ResponseDirectives, privacy: Privacy) -> Vec<HeaderName> {
    let of = |named: &Named| match named {
        Named::Fields(names) => names.clone(),
        Named::Absent | Named::Whole => Vec::new(),
    };
    let mut names = of(&said.no_cache);
    if privacy == Privacy::Shared {
        names.extend(of(&said.private));
    }
    names
}
