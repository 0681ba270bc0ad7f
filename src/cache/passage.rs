//! Everything that is not answered from the store: forwarded and streamed both ways, and watched
//! for what it says about what is stored.

use crate::api::answer;
use crate::api::answer::Meaning;
use crate::api::answer::Standing;
use crate::api::route;
use crate::api::route::Kind;
use crate::api::route::Route;
use crate::api::write;
use crate::cache::answer::Answer;
use crate::cache::answer::AnswerBody;
use crate::cache::answer::Ending;
use crate::cache::entered::Entered;
use crate::cache::regime::Regime;
use crate::cache::state::Cache;
use crate::cache::wake::Wake;
use crate::fields::cache_status::CacheStatus;
use crate::fields::cache_status::ForwardReason;
use crate::fields::cache_status::Handling;
use crate::fields::hop_by_hop;
use crate::fields::location;
use crate::fields::location::Origin;
use crate::policy::key::Tag;
use crate::policy::rules::Rules;
use crate::store::marks::Aftermath;
use crate::store::marks::Scope;
use crate::upstream::arriving::Arriving;
use crate::upstream::attempt;
use crate::upstream::attempt::HeardBody;
use crate::upstream::attempt::Lost;
use crate::upstream::attempt::Whole;
use crate::upstream::body::Passing;
use crate::upstream::body::Progress;
use crate::upstream::body::RequestBody;
use crate::upstream::destination::Destination;
use crate::upstream::failure::Failure;
use crate::upstream::request;
use crate::upstream::sender::Lane;
use crate::upstream::streamed::Streamed;
use bytes::Bytes;
use http::HeaderMap;
use http::Method;
use http::Request;
use http::Response;
use http::StatusCode;
use http::header::CONTENT_LOCATION;
use http::header::HOST;
use http::header::LOCATION;
use http::request::Parts;
use http::uri::Authority;
use hyper::body::Body;
use hyper::body::Incoming;
use hyper::ext::ReasonPhrase;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout_at;

/// What is known of a request that passes through.
pub struct Passage {
    /// What holds for the exchange.
    pub regime: Arc<Regime>,
    /// Why it is forwarded.
    pub reason: ForwardReason,
    /// The same in a word of our own.
    pub detail: Option<&'static str>,
    /// Whose it is.
    pub credential: Option<Tag>,
    /// Its entry in the accounts.
    pub entered: Entered,
}

/// What is known of a request once its head is on its way.
struct Sent {
    /// It is a HEAD.
    head: bool,
    path: String,
    /// Where the client believes to be.
    host: Option<Authority>,
    credential: Option<Tag>,
    /// It is about a thing of one of our resources.
    on_resource: bool,
    /// The ticket whose stored responses its answer may speak of.
    ticket: Option<Tag>,
}

impl Cache {
    /// Passes a request through.
    pub async fn pass(self: &Arc<Self>, passage: Passage, head: Parts, body: Incoming) -> Ending {
        let mut how =
            CacheStatus { detail: passage.detail, ..CacheStatus::forwarded(passage.reason, None) };
        let (has_body, progress) = (!body.is_end_stream(), Arc::new(Progress::begin()));
        let exchanged = self.exchange(&passage, head, body, &progress).await;
        let unread = has_body && !progress.has_ended();
        let ending = match exchanged {
            Ok(mut answer) => {
                answer.unread = unread;
                let status = Some(answer.status.as_u16());
                how.handling = Handling::Forward { reason: passage.reason, status, ttl: None };
                answer.how = how;
                Ending::Answered(answer)
            }
            Err(lost) => {
                self.tell_of("a passage", &lost);
                Ending::Failed { failure: lost.failure, how, unread, queued: Duration::ZERO }
            }
        };
        passage.entered.ended(&ending);
        ending
    }

    async fn exchange(
        self: &Arc<Self>,
        passage: &Passage,
        head: Parts,
        body: Incoming,
        progress: &Arc<Progress>,
    ) -> Result<Box<Answer>, Lost> {
        let Regime { rules, destination } = &*passage.regime;
        let limit = rules.max_request_body;
        if limit.is_some_and(|limit| body.size_hint().lower() > limit) {
            return Err(Failure::RequestTooLong.into());
        }
        let target = head.uri.path_and_query().ok_or(Failure::RequestBroken)?;
        let uri = destination.base.uri(target).ok_or(Failure::RequestBroken)?;
        let sent = self.sent(passage, &head, target.path());
        let touched = write::touched(&rules.resources, &head.method, &sent.path);
        let mut wake = Wake::new(Arc::clone(self), touched, passage.credential);
        if wake.is_armed() && !wake.may_name_more() {
            // RFC 9111 section 4.4: whatever it touches of the tickets, it touches its target.
            wake.name(self.thing_at(rules, &sent.path, |kind| kind == Kind::Opaque));
        }
        let body = if body.is_end_stream() {
            RequestBody::Empty
        } else {
            let (progress, copy) = (Arc::clone(progress), wake.body_copy());
            RequestBody::Passing(Passing::new(body, limit, progress, copy))
        };
        let request = request::passing(head.method, uri, head.headers, body);
        let patience = rules.deadlines.pass_through;
        passage.entered.account().sent();
        let began = self.clock.now();
        let answered = self.send_through(destination, request, progress, patience).await;
        self.metrics.passage.note(self.clock.now().since(began));
        match answered {
            Ok(response) => self.hear(response, &sent, wake, &passage.regime).await,
            Err(lost) => {
                wake.failed(lost.failure);
                Err(lost)
            }
        }
    }

    fn sent(&self, passage: &Passage, head: &Parts, path: &str) -> Sent {
        let host = head.headers.get(HOST).and_then(|host| host.to_str().ok());
        let resources = &passage.regime.rules.resources;
        let id = route::ticket_at(resources, path);
        let is_named = matches!(route::route(resources, path), Route::Resource { .. });
        Sent {
            head: head.method == Method::HEAD,
            path: path.to_owned(),
            host: host.and_then(|host| host.parse().ok()),
            credential: passage.credential,
            on_resource: id.is_some() || is_named,
            ticket: id.map(|id| self.keys.ticket(id)),
        }
    }

    /// Sends a request and waits for the head of its answer, as long as either side gets on.
    async fn send_through(
        &self,
        destination: &Destination,
        request: Request<RequestBody>,
        progress: &Progress,
        patience: Duration,
    ) -> Result<Response<Incoming>, Lost> {
        let mut answer = destination.sender.send(request, Lane::Brisk);
        loop {
            let seen = progress.last();
            match timeout_at(seen + patience, &mut answer).await {
                Ok(answered) => return answered.map_err(Lost::from),
                Err(_) if progress.last() > seen => {}
                Err(_) => return Err(Failure::AnswerTimeout.into()),
            }
        }
    }

    /// Makes the reply, and heeds what the answer says about what is stored.
    async fn hear(
        &self,
        response: Response<Incoming>,
        sent: &Sent,
        mut wake: Wake,
        regime: &Regime,
    ) -> Result<Box<Answer>, Lost> {
        let (mut head, incoming) = response.into_parts();
        self.metrics.answered(head.status);
        attempt::framing(&head, sent.head)?;
        let arriving = Arriving::of(&head, incoming);
        hop_by_hop::strip(&mut head.headers);
        // Only the text of a 403 tells a dead credential from one without the right or the credit;
        // only that of a 409 tells a refusal from an outage.
        let telling = match head.status {
            StatusCode::FORBIDDEN => sent.ticket.is_some() && sent.credential.is_some(),
            StatusCode::CONFLICT => wake.is_armed(),
            _ => false,
        };
        // First what the status says: the text may never come whole.
        self.heed(sent, head.status, None);
        let patience = regime.rules.deadlines.pass_through;
        let body = if telling && !sent.head {
            attempt::read(arriving, Whole { longest: REFUSAL_BYTES, room: &self.room, patience })
                .await?
        } else {
            HeardBody::Long(Streamed::new(Bytes::new(), arriving, patience))
        };
        let meaning = match &body {
            HeardBody::Whole(text) => Some(answer::meaning(head.status, &head.headers, text, "")),
            HeardBody::Long(_) | HeardBody::NoRoom(_) => None,
        };
        if wake.may_name_more() {
            wake.name(self.named(&head.headers, sent, regime));
        }
        wake.answered(head.status, meaning);
        if meaning.is_some() {
            self.heed(sent, head.status, meaning);
        }
        Ok(Box::new(Answer {
            status: head.status,
            reason: head.extensions.remove::<ReasonPhrase>().filter(is_plain),
            fields: head.headers,
            body: match body {
                HeardBody::Whole(text) => AnswerBody::Whole(text),
                HeardBody::Long(streamed) | HeardBody::NoRoom(streamed) => {
                    AnswerBody::Streamed(streamed)
                }
            },
            age: None,
            queued: Duration::ZERO,
            is_stored: false,
            unread: false,
            how: CacheStatus::forwarded(ForwardReason::Bypass, None),
        }))
    }

    /// Design §3.5: a credential that is dead, or a ticket that it may not see, or no longer. That
    /// a credential is dead ends its lease wherever it is heard; what is stored is dropped only if
    /// it is heard on a resource.
    fn heed(&self, sent: &Sent, status: StatusCode, meaning: Option<Meaning>) {
        let Some(credential) = sent.credential else { return };
        let standing = answer::standing(status);
        let dead = standing == Standing::CredentialDead
            || (standing == Standing::Withdrawn && meaning == Some(Meaning::CredentialDead));
        let scope = match sent.ticket {
            _ if dead && sent.on_resource => Some(Scope::Credential(credential)),
            _ if dead => None,
            Some(ticket) if standing == Standing::Withdrawn => {
                Some(Scope::OwnTicket(credential, ticket))
            }
            _ => None,
        };
        if let Some(scope) = scope {
            self.store.invalidate(&[scope], Aftermath::Settled, self.clock.now());
        }
        if dead {
            self.leases.end(credential, self.store.begin());
        }
    }

    /// What the answer to a write names besides its target, as far as it is of the same origin and
    /// one of our resources.
    fn named(&self, fields: &HeaderMap, sent: &Sent, regime: &Regime) -> Vec<Scope> {
        let Regime { rules, destination } = regime;
        let base = &destination.base;
        let upstream = Origin { scheme: base.scheme.as_str().into(), authority: &base.authority };
        let ours = sent.host.as_ref().map(|authority| Origin { scheme: None, authority });
        let origins: Vec<_> = [Some(upstream), ours].into_iter().flatten().collect();
        let references = [LOCATION, CONTENT_LOCATION].into_iter();
        let references = references.filter_map(|name| fields.get(name)?.to_str().ok());
        references
            .filter_map(|reference| location::path(reference, &sent.path, &origins))
            .filter_map(|path| {
                let below = path.strip_prefix(&base.prefix);
                let path = below.filter(|below| below.starts_with('/')).unwrap_or(&path);
                self.thing_at(rules, path, |_| true)
            })
            .collect()
    }

    /// The thing that a path names, if it is of a kind that is `wanted`.
    fn thing_at(&self, rules: &Rules, path: &str, wanted: fn(Kind) -> bool) -> Option<Scope> {
        let Route::Resource { index, id } = route::route(&rules.resources, path) else {
            return None;
        };
        let resource = rules.resources.get(index).filter(|resource| wanted(resource.kind))?;
        Some(Scope::Ticket(self.keys.thing(resource.kind, &resource.name, id)))
    }
}

/// How much of a 403 or 409 is read to understand it.
const REFUSAL_BYTES: usize = 16 * 1024;

/// Whether a reason phrase is text that every reader takes for the same (RFC 9112 section 4).
fn is_plain(reason: &ReasonPhrase) -> bool {
    reason.as_bytes().iter().all(|&octet| octet == b' ' || octet.is_ascii_graphic())
}
