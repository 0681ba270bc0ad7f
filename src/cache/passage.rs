//! Everything that is not answered from the store: forwarded and streamed both ways, and watched
//! for what it says about what is stored.

use crate::api::answer;
use crate::api::answer::Meaning;
use crate::api::answer::Standing;
use crate::api::route;
use crate::api::write;
use crate::cache::answer::Answer;
use crate::cache::answer::AnswerBody;
use crate::cache::answer::Ending;
use crate::cache::exchange::Cache;
use crate::cache::wake::Wake;
use crate::fields::cache_status::CacheStatus;
use crate::fields::cache_status::ForwardReason;
use crate::fields::cache_status::Handling;
use crate::fields::hop_by_hop;
use crate::policy::key::Tag;
use crate::policy::rules::Rules;
use crate::store::marks::Aftermath;
use crate::store::marks::Scope;
use crate::upstream::attempt;
use crate::upstream::attempt::HeardBody;
use crate::upstream::attempt::Lost;
use crate::upstream::body::Passing;
use crate::upstream::body::Progress;
use crate::upstream::body::RequestBody;
use crate::upstream::failure::Failure;
use crate::upstream::request;
use crate::upstream::sender::Lane;
use crate::upstream::streamed::Streamed;
use bytes::Bytes;
use http::Method;
use http::Request;
use http::Response;
use http::StatusCode;
use http::request::Parts;
use hyper::body::Body;
use hyper::body::Incoming;
use hyper::ext::ReasonPhrase;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout_at;
use tracing::warn;

/// What is known of a request that passes through.
pub struct Passage {
    /// The rules of the exchange.
    pub rules: Arc<Rules>,
    /// Why it is forwarded.
    pub reason: ForwardReason,
    /// The same in a word of our own.
    pub detail: Option<&'static str>,
    /// Whose it is.
    pub credential: Option<Tag>,
}

/// The stored responses that an answer to the request may speak of.
struct Subject {
    ticket: Tag,
    credential: Tag,
}

impl Cache {
    /// Passes a request through.
    pub async fn pass(self: &Arc<Self>, passage: &Passage, head: Parts, body: Incoming) -> Ending {
        let mut how =
            CacheStatus { detail: passage.detail, ..CacheStatus::forwarded(passage.reason, None) };
        let (has_body, progress) = (!body.is_end_stream(), Arc::new(Progress::begin()));
        match self.exchange(passage, head, body, &progress).await {
            Ok(mut answer) => {
                let status = Some(answer.status.as_u16());
                how.handling = Handling::Forward { reason: passage.reason, status };
                answer.how = how;
                Ending::Answered(answer)
            }
            Err(lost) => {
                let (failure, unread) = (lost.failure, has_body && !progress.has_ended());
                warn!(failure = failure.as_str(), cause = lost.cause, "a passage failed upstream");
                Ending::Failed { failure, how, unread }
            }
        }
    }

    async fn exchange(
        self: &Arc<Self>,
        passage: &Passage,
        head: Parts,
        body: Incoming,
        progress: &Arc<Progress>,
    ) -> Result<Box<Answer>, Lost> {
        let rules = &passage.rules;
        let limit = rules.max_request_body;
        if limit.is_some_and(|limit| body.size_hint().lower() > limit) {
            return Err(Failure::RequestTooLong.into());
        }
        let target = head.uri.path_and_query().ok_or(Failure::RequestBroken)?;
        let uri = self.base.uri(target).ok_or(Failure::RequestBroken)?;
        let path = target.path();
        let touched = write::touched(&rules.resources, &head.method, path);
        let subject = self.subject(passage, path);
        let wake = Wake::new(Arc::clone(self), touched, passage.credential);
        let body = if body.is_end_stream() {
            RequestBody::Empty
        } else {
            let (progress, copy) = (Arc::clone(progress), wake.body_copy());
            RequestBody::Passing(Passing::new(body, limit, progress, copy))
        };
        let asked_for_head = head.method == Method::HEAD;
        let request = request::passing(head.method, uri, head.headers, body);
        let patience = rules.deadlines.pass_through;
        match self.send_through(request, progress, patience).await {
            Ok(response) => self.hear(response, asked_for_head, subject, wake, patience).await,
            Err(lost) => {
                wake.failed(lost.failure);
                Err(lost)
            }
        }
    }

    fn subject(&self, passage: &Passage, path: &str) -> Option<Subject> {
        let credential = passage.credential?;
        let id = route::ticket_at(&passage.rules.resources, path)?;
        Some(Subject { ticket: self.keys.ticket(id), credential })
    }

    /// Sends a request and waits for the head of its answer, as long as either side gets on.
    async fn send_through(
        &self,
        request: Request<RequestBody>,
        progress: &Progress,
        patience: Duration,
    ) -> Result<Response<Incoming>, Lost> {
        let mut answer = self.sender.send(request, Lane::Brisk);
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
        asked_for_head: bool,
        subject: Option<Subject>,
        wake: Wake,
        patience: Duration,
    ) -> Result<Box<Answer>, Lost> {
        let (mut head, incoming) = response.into_parts();
        attempt::framing(&head, asked_for_head)?;
        hop_by_hop::strip(&mut head.headers);
        // Only the text of a 403 tells a dead credential from one without the right or the credit;
        // only that of a 409 tells a refusal from an outage.
        let telling = match head.status {
            StatusCode::FORBIDDEN => subject.is_some(),
            StatusCode::CONFLICT => wake.is_armed(),
            _ => false,
        };
        // First what the status says: the text may never come whole.
        if let Some(subject) = &subject {
            self.heed(subject, head.status, None);
        }
        let body = if telling && !asked_for_head {
            attempt::read(incoming, REFUSAL_BYTES, patience).await?
        } else {
            HeardBody::Long(Streamed::new(Bytes::new(), incoming, patience))
        };
        let meaning = match &body {
            HeardBody::Whole(text) => Some(answer::meaning(head.status, &head.headers, text, "")),
            HeardBody::Long(_) => None,
        };
        wake.answered(head.status, meaning);
        if let Some(subject) = subject.filter(|_| meaning.is_some()) {
            self.heed(&subject, head.status, meaning);
        }
        Ok(Box::new(Answer {
            status: head.status,
            reason: head.extensions.remove::<ReasonPhrase>().filter(is_plain),
            fields: head.headers,
            body: match body {
                HeardBody::Whole(text) => AnswerBody::Whole(text),
                HeardBody::Long(streamed) => AnswerBody::Streamed(streamed),
            },
            age: None,
            how: CacheStatus::forwarded(ForwardReason::Bypass, None),
        }))
    }

    /// Design §3.5: a credential that is dead, or a ticket that it may not see, or no longer.
    fn heed(&self, subject: &Subject, status: StatusCode, meaning: Option<Meaning>) {
        let dead = meaning == Some(Meaning::CredentialDead);
        let scope = match answer::standing(status) {
            Standing::CredentialDead => Scope::Credential(subject.credential),
            Standing::Withdrawn if dead => Scope::Credential(subject.credential),
            Standing::Withdrawn => Scope::OwnTicket(subject.credential, subject.ticket),
            _ => return,
        };
        self.store.invalidate(&[scope], Aftermath::Settled, self.clock.now());
    }
}

/// How much of a 403 or 409 is read to understand it.
const REFUSAL_BYTES: usize = 16 * 1024;

/// Whether a reason phrase is text that every reader takes for the same (RFC 9112 section 4).
fn is_plain(reason: &ReasonPhrase) -> bool {
    reason.as_bytes().iter().all(|&octet| octet == b' ' || octet.is_ascii_graphic())
}
