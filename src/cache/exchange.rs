//! A read of a resource, from the look-up to the answer. The one function that conducts is
//! [`Cache::answer`]; its lines are the files of the day in the life.

use crate::api::credential;
use crate::api::route::Kind;
use crate::base::time::Timestamp;
use crate::cache::answer::Answer;
use crate::cache::answer::Ending;
use crate::cache::entered::Entered;
use crate::cache::errand::Errand;
use crate::cache::regime::Regime;
use crate::cache::state::Cache;
use crate::cache::state::Seen;
use crate::cache::way::Sharing;
use crate::cache::way::Way;
use crate::fields::cache_status::CacheStatus;
use crate::fields::cache_status::ForwardReason;
use crate::observe::accounts::Page;
use crate::policy::inquiry::Inquiry;
use crate::policy::reuse;
use crate::policy::reuse::Besides;
use crate::policy::reuse::Plan;
use crate::policy::reuse::StandIn;
use crate::policy::wish::Wish;
use crate::upstream::failure::Failure;
use crate::upstream::request;
use crate::upstream::request::ReadRequest;
use http::HeaderMap;
use http::Method;
use http::header::AUTHORIZATION;
use http::uri::PathAndQuery;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// A read, as it came.
#[derive(Clone, Copy)]
pub struct Asking<'a> {
    /// What holds for the exchange.
    pub regime: &'a Regime,
    /// What is asked.
    pub inquiry: &'a Inquiry<'a>,
    /// The path and query.
    pub target: &'a PathAndQuery,
    /// The client's fields.
    pub fields: &'a HeaderMap,
    /// Whether it is one of a job's many.
    pub of_a_job: bool,
}

/// An answer now or later. Hits are `Now`: they wait for nothing and cost no task.
#[expect(
    clippy::large_enum_variant,
    reason = "a box for each hit would cost more than moving the larger variant"
)]
pub enum Step {
    /// From the store.
    Now(Answer),
    /// After a forward.
    Later(Pin<Box<dyn Future<Output = Ending> + Send>>),
    /// Not at all: the client wanted nothing asked, and nothing stored will do.
    Refused,
}

impl Cache {
    /// Answers a read.
    pub fn answer(self: &Arc<Self>, asking: &Asking<'_>, now: Timestamp) -> Step {
        let (seen, plan) = self.decide(asking, now);
        let (reason, sharing) = match plan {
            Plan::Reuse(besides) => {
                if let Some(answer) = self.reuse(asking, &seen, besides, now) {
                    return Step::Now(answer);
                }
                (ForwardReason::UriMiss, Sharing::Shared)
            }
            Plan::Prove => return self.begin(asking, &seen, None),
            Plan::Forward(reason) => (reason, Sharing::Shared),
            Plan::ForwardAnew(reason) => (reason, Sharing::Anew),
            Plan::ForwardAlone(reason) => (reason, Sharing::Alone),
            Plan::Refuse => return Step::Refused,
        };
        self.begin(asking, &seen, Some((reason, sharing)))
    }

    /// What is known of what a read asks for, and what is to be done about it.
    pub fn decide(&self, asking: &Asking<'_>, now: Timestamp) -> (Seen, Plan) {
        let Asking { regime, inquiry, fields, .. } = *asking;
        let seen = self.look_up(&regime.rules, inquiry, fields, now);
        let plan = reuse::plan(&inquiry.directives, seen.sight(), seen.missing(), now);
        (seen, plan)
    }

    /// The stored response as an answer; what is to be done besides is begun.
    fn reuse(
        self: &Arc<Self>,
        asking: &Asking<'_>,
        seen: &Seen,
        besides: Besides,
        now: Timestamp,
    ) -> Option<Answer> {
        let answer = Answer::from_store(seen.found.stored.as_ref()?, now);
        // Looked at first, so that many hits do not contend for it.
        if !self.hit.load(Ordering::Relaxed) {
            self.hit.store(true, Ordering::Relaxed);
        }
        self.courtesy.hit();
        let wanted = match besides {
            // Only the upstream could say what comes of these, and nobody would hear it.
            _ if Self::is_particular(asking) => false,
            Besides::Nothing => false,
            Besides::Validate => true,
            // One for each lease, whoever claims it.
            Besides::Prove => {
                let credential = asking.inquiry.credential.tag();
                self.leases.claim_probe(credential, asking.regime.rules.lease, now)
            }
        };
        if wanted && let Some(errand) = self.errand_for_nobody(asking) {
            // Nobody waits for it.
            let wish = Wish::of_nobody(asking.regime.rules.deadlines.turn, now);
            let (errand, way) = (Arc::new(errand), self.way(asking, seen, None, wish));
            if besides == Besides::Prove {
                self.probe_in_background(errand, way);
            } else {
                self.refresh(errand, way);
            }
        }
        Some(answer)
    }

    /// Begins what takes longer: a forward, or without a reason for one a proof.
    fn begin(
        self: &Arc<Self>,
        asking: &Asking<'_>,
        seen: &Seen,
        forward: Option<(ForwardReason, Sharing)>,
    ) -> Step {
        let entered = Entered::open(self);
        let head = asking.inquiry.head && asking.inquiry.resource.kind == Kind::Opaque;
        let method = if head { Method::HEAD } else { Method::GET };
        let mut way = self.way(asking, seen, forward, self.wish(asking));
        let verbatim = Self::is_verbatim(asking, seen);
        if head || verbatim || Self::is_particular(asking) {
            way.sharing = Sharing::Alone;
        }
        let Some(errand) = self.errand(asking, method, verbatim, entered.page()) else {
            let how = CacheStatus::forwarded(way.reason, None);
            let failed = Ending::failed(Failure::Malformed, how);
            entered.ended(&failed);
            return Step::Later(Box::pin(async move { failed }));
        };
        let (cache, errand) = (Arc::clone(self), Arc::new(errand));
        Step::Later(Box::pin(async move {
            let ending = match forward {
                Some(_) => cache.fetch(errand, way).await,
                None => cache.prove(errand, way).await,
            };
            entered.ended(&ending);
            ending
        }))
    }

    fn way(
        &self,
        asking: &Asking<'_>,
        seen: &Seen,
        forward: Option<(ForwardReason, Sharing)>,
        wish: Wish,
    ) -> Way {
        let stored = seen.found.stored.as_ref().and_then(|stored| stored.variant.as_ref());
        let known = stored.map(|variant| &variant.names).or(seen.found.others.as_ref());
        let variant = known.map(|names| self.keys.selecting(names, asking.fields));
        match forward {
            Some((reason, sharing)) => Way { reason, sharing, variant, detail: None, wish },
            None => Way {
                reason: ForwardReason::Stale,
                sharing: Sharing::Shared,
                variant,
                detail: Some(StandIn::Lease.as_str()),
                wish,
            },
        }
    }

    fn wish(&self, asking: &Asking<'_>) -> Wish {
        if asking.of_a_job {
            return Wish::of_a_job();
        }
        Wish::of_request(asking.fields, asking.regime.rules.deadlines.turn, self.clock.now())
    }

    /// Whether a client's own conditions and range go on: only with an opaque resource, and only
    /// if there is nothing here that could be validated instead.
    fn is_verbatim(asking: &Asking<'_>, seen: &Seen) -> bool {
        let opaque = asking.inquiry.resource.kind == Kind::Opaque;
        let conditional =
            || request::ANSWERED_HERE.iter().any(|name| asking.fields.contains_key(name));
        opaque && conditional() && seen.valid().is_none()
    }

    /// Whether there are conditions that a cache does not answer, and which go on therefore.
    fn is_particular(asking: &Asking<'_>) -> bool {
        let opaque = asking.inquiry.resource.kind == Kind::Opaque;
        opaque && request::is_answered_there(asking.fields)
    }

    /// Packs what is needed of a request to ask in the background.
    fn errand_for_nobody(&self, asking: &Asking<'_>) -> Option<Errand> {
        self.errand(asking, Method::GET, false, &Arc::new(Page::of_nobody()))
    }

    /// Packs what is needed of a request.
    fn errand(
        &self,
        asking: &Asking<'_>,
        method: Method,
        verbatim: bool,
        page: &Arc<Page>,
    ) -> Option<Errand> {
        let Asking { regime, inquiry, target, fields, .. } = *asking;
        let uri = regime.destination.base.uri(target)?;
        let authorization = fields.get(AUTHORIZATION);
        Some(Errand {
            rules: Arc::clone(&regime.rules),
            destination: Arc::clone(&regime.destination),
            kind: inquiry.resource.kind,
            retry: inquiry.resource.retry,
            cookies: inquiry.resource.store_set_cookie,
            privacy: inquiry.privacy,
            id: inquiry.id.into(),
            key: inquiry.key,
            credential: inquiry.credential.tag(),
            thing: self.thing(inquiry),
            directives: inquiry.directives,
            credential_ends: authorization.and_then(|value| credential::expiry(value.as_bytes())),
            request: match inquiry.resource.kind {
                Kind::Ticket => ReadRequest::ticket(uri, fields),
                Kind::Opaque => ReadRequest::opaque(method, uri, fields, verbatim),
            },
            verbatim,
            page: Arc::clone(page),
        })
    }
}
