//! The gateway's port, one request at a time: read the head, find out what is asked, and have it
//! answered.

use crate::base::time::Timestamp;
use crate::cache::answer::Ending;
use crate::cache::entered::Entered;
use crate::cache::exchange::Asking;
use crate::cache::exchange::Step;
use crate::cache::passage::Passage;
use crate::cache::regime::Regime;
use crate::cache::state::Cache;
use crate::fields::cache_status;
use crate::fields::cache_status::CacheStatus;
use crate::fields::cache_status::ForwardReason;
use crate::fields::hop_by_hop;
use crate::fields::presence::Presence;
use crate::fields::traceparent::TraceId;
use crate::observe::access;
use crate::observe::access::Line;
use crate::observe::access::Outcome;
use crate::observe::accounts::Entry;
use crate::policy::rules::Access;
use crate::serve::batch::Batch;
use crate::serve::batch_body;
use crate::serve::explain;
use crate::serve::explain::EXPLAIN;
use crate::serve::message;
use crate::serve::message::Asked;
use crate::serve::message::Read;
use crate::serve::message::Why;
use crate::serve::notice::Notice;
use crate::serve::refusal;
use crate::serve::refusal::Refusal;
use crate::serve::reply;
use crate::serve::reply::ReplyBody;
use crate::serve::tickets;
use crate::serve::tickets::Tickets;
use arc_swap::ArcSwap;
use http::HeaderMap;
use http::HeaderValue;
use http::Method;
use http::Request;
use http::Response;
use http::header::AUTHORIZATION;
use http::request::Parts;
use http::uri::PathAndQuery;
use http_body_util::BodyExt;
use hyper::body::Body;
use hyper::body::Incoming;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// The gateway, as its connections see it.
#[derive(Clone)]
pub struct Gateway {
    /// What holds for every exchange that begins now; a reload puts another in its place.
    pub regime: Arc<ArcSwap<Regime>>,
    /// What answers.
    pub cache: Arc<Cache>,
    /// How many batch calls may be under way.
    pub calls: Arc<Semaphore>,
}

/// A reply now or later. A hit is `Now`: it is not boxed and waits for nothing.
pub enum Handling {
    /// There.
    Now(Option<Response<ReplyBody>>),
    /// After others have been waited for.
    Later(Pin<Box<dyn Future<Output = Response<ReplyBody>> + Send>>),
}

impl Future for Handling {
    type Output = Result<Response<ReplyBody>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.get_mut() {
            Self::Now(reply) => reply.take().map_or(Poll::Pending, |reply| Poll::Ready(Ok(reply))),
            Self::Later(reply) => reply.as_mut().poll(cx).map(Ok),
        }
    }
}

impl Handling {
    /// The same, with a word on why it is answered like this.
    fn explained(self, why: Option<HeaderValue>) -> Self {
        let Some(why) = why else { return self };
        match self {
            Self::Now(reply) => Self::Now(reply.map(|mut reply| {
                reply.headers_mut().insert(EXPLAIN, why);
                reply
            })),
            Self::Later(reply) => Self::Later(Box::pin(async move {
                let mut reply = reply.await;
                reply.headers_mut().insert(EXPLAIN, why);
                reply
            })),
        }
    }
}

impl Gateway {
    /// Answers one request.
    pub fn handle(&self, request: Request<Incoming>) -> Handling {
        let began = self.cache.clock.now();
        self.cache.accounts.came();
        let (mut head, body) = request.into_parts();
        hop_by_hop::drop_named(&mut head.headers);
        // Borrowed, not counted: all threads would write to the one count at every hit.
        let regime = self.regime.load();
        let (access, method) = (regime.rules.access, head.method.clone());
        let trace_id = access::trace_id(access, &head.headers);
        let told = Told { access, method, began, queued: Duration::ZERO, trace_id };
        match message::read(&regime.rules, &head) {
            Err(refusal) => Handling::Now(Some(self.refuse(&told, refusal))),
            Ok(Asked::Live) => Handling::Now(Some(self.alive(&told))),
            Ok(Asked::Passage(why)) => self.pass(told, Arc::clone(&regime), why, head, body),
            Ok(Asked::Batch) => self.batch(told, Arc::clone(&regime), head, body),
            Ok(Asked::Read(read)) if body.is_end_stream() => {
                self.read(&told, &regime, &read, &head, began)
            }
            Ok(Asked::Read(_)) => self.read_once_empty(told, Arc::clone(&regime), head, body),
        }
    }

    /// A read that the store may answer, as of `now`.
    fn read(
        &self,
        told: &Told,
        regime: &Regime,
        read: &Read<'_>,
        head: &Parts,
        now: Timestamp,
    ) -> Handling {
        let root = PathAndQuery::from_static("/");
        let target = head.uri.path_and_query().unwrap_or(&root);
        let fields = &head.headers;
        let is_head = head.method == Method::HEAD;
        let inquiry = tickets::inquire(read, target, fields, is_head, &regime.rules, &self.cache);
        let asking = Asking { regime, inquiry: &inquiry, target, fields, of_a_job: false };
        if explain::is_wanted(&head.method, fields) {
            let why = explain::explanation(&self.cache, &asking, now);
            return self.ask(told, &asking, read.seen, now).explained(why);
        }
        self.ask(told, &asking, read.seen, now)
    }

    /// Has a read answered.
    fn ask(&self, told: &Told, asking: &Asking<'_>, seen: Presence, now: Timestamp) -> Handling {
        let Asking { inquiry, fields, .. } = *asking;
        let route = &inquiry.resource.name;
        match self.cache.answer(asking, now) {
            Step::Now(mut answer) => {
                if seen.is_for_a_part() {
                    answer = answer.portioned(&told.method, fields);
                }
                let outcome = Outcome::Answered(answer.how);
                let reply = reply::answer(answer, inquiry.head);
                self.enter(Entry::Stored);
                self.note(told, route, &reply, outcome);
                Handling::Now(Some(reply))
            }
            Step::Later(ending) => {
                self.cache.metrics.lookup.note(self.cache.clock.now().since(now));
                let (gateway, told, route) = (self.clone(), told.clone(), route.clone());
                let wish = seen.is_for_a_part().then(|| fields.clone());
                Handling::Later(Box::pin(async move {
                    let ending = portioned(ending.await, &told.method, wish.as_ref());
                    gateway.finish(told, &route, ending)
                }))
            }
            Step::Refused => {
                let reply = reply::notice(
                    &Refusal::NotStored.notice(),
                    Some(&NOTHING_STORED),
                    Duration::ZERO,
                );
                self.enter(Entry::Refused);
                self.note(told, route, &reply, Outcome::Answered(NOTHING_STORED));
                Handling::Now(Some(reply))
            }
        }
    }

    /// A read whose body was announced in chunks: an empty one is none (design §3.7).
    fn read_once_empty(
        &self,
        told: Told,
        regime: Arc<Regime>,
        head: Parts,
        mut body: Incoming,
    ) -> Handling {
        let (gateway, entered) = (self.clone(), Entered::open(&self.cache));
        Handling::Later(Box::pin(async move {
            let empty = timeout(regime.rules.deadlines.request_body, is_empty(&mut body)).await;
            entered.handed_on();
            match message::read(&regime.rules, &head) {
                Ok(Asked::Read(read)) if empty == Ok(true) => {
                    let now = gateway.cache.clock.now();
                    let Ok(reply) = gateway.read(&told, &regime, &read, &head, now).await;
                    reply
                }
                _ => gateway.refuse(&told, Refusal::BodyOnRead),
            }
        }))
    }

    /// Many tickets with one request.
    fn batch(&self, told: Told, regime: Arc<Regime>, head: Parts, body: Incoming) -> Handling {
        let (gateway, entered) = (self.clone(), Entered::open(&self.cache));
        Handling::Later(Box::pin(async move {
            let Ok(permit) = Arc::clone(&gateway.calls).try_acquire_owned() else {
                entered.handed_on();
                return gateway.refuse(&told, Refusal::BatchFull);
            };
            let most = regime.rules.batch.as_ref().map_or(0, |batch| batch.max_ids);
            let Some(taken) = gateway.cache.room.take(batch_body::memory(&body, most)) else {
                entered.handed_on();
                return gateway.refuse(&told, Refusal::BatchFull);
            };
            let read = batch_body::ids(body, most, regime.rules.deadlines.request_body).await;
            let (query, cache) = (head.uri.query(), Arc::clone(&gateway.cache));
            let call = read.and_then(|ids| {
                let tickets = Tickets::new(regime, cache, query, &head.headers);
                Ok(Batch::new(tickets.ok_or(Refusal::NoSuchPage)?, ids, permit, taken))
            });
            match call {
                Err(refusal) => {
                    entered.handed_on();
                    gateway.refuse(&told, refusal)
                }
                Ok(call) => {
                    entered.ended_as(Entry::Own);
                    let reply = reply::batch(call);
                    gateway.note(&told, "batch", &reply, Outcome::Page);
                    reply
                }
            }
        }))
    }

    /// Something that passes through.
    fn pass(
        &self,
        told: Told,
        regime: Arc<Regime>,
        why: Why,
        head: Parts,
        body: Incoming,
    ) -> Handling {
        let (reason, detail, route) = match why {
            Why::NoCredential => (ForwardReason::Bypass, Some("no-credential"), "resource"),
            Why::Method => (ForwardReason::Method, None, "resource"),
            Why::OtherPath => (ForwardReason::Bypass, None, "other"),
        };
        let authorization = head.headers.get(AUTHORIZATION);
        let credential =
            authorization.map(|value| self.cache.keys.credential(value.as_bytes()).tag());
        let entered = Entered::open(&self.cache);
        let passage = Passage { regime, reason, detail, credential, entered };
        let gateway = self.clone();
        Handling::Later(Box::pin(async move {
            let ending = gateway.cache.pass(passage, head, body).await;
            gateway.finish(told, route, ending)
        }))
    }

    fn finish(&self, mut told: Told, route: &str, ending: Ending) -> Response<ReplyBody> {
        let bodiless = told.method == Method::HEAD;
        let (reply, outcome) = match ending {
            Ending::Answered(answer) => {
                let outcome = Outcome::Answered(answer.how);
                told.queued = answer.queued;
                (reply::answer(*answer, bodiless), outcome)
            }
            Ending::Failed { failure, how, unread, queued } => {
                told.queued = queued;
                let notice = refusal::notice(failure);
                // What is left of the request's body would be read as the next request.
                let notice = Notice { close: notice.close || unread, ..notice };
                let reply = reply::notice(&notice, Some(&how), queued);
                (reply, Outcome::Failed(how, failure.as_str()))
            }
        };
        self.note(&told, route, &reply, outcome);
        reply
    }

    fn refuse(&self, told: &Told, refusal: Refusal) -> Response<ReplyBody> {
        let reply = reply::notice(&refusal.notice(), None, Duration::ZERO);
        self.enter(Entry::Refused);
        self.note(told, "refused", &reply, Outcome::Own(refusal.as_str()));
        reply
    }

    fn alive(&self, told: &Told) -> Response<ReplyBody> {
        let reply = reply::alive();
        self.enter(Entry::Own);
        self.note(told, "live", &reply, Outcome::Own("live"));
        reply
    }

    /// Enters how a request has ended that waited for nothing: before it is told of, so that it is in
    /// the accounts whatever becomes of that.
    fn enter(&self, entry: Entry) {
        self.cache.accounts.enter(entry);
    }

    /// Writes the access line, if there is to be one.
    fn note(&self, told: &Told, route: &str, reply: &Response<ReplyBody>, result: Outcome) {
        let took = self.cache.clock.now().since(told.began);
        self.cache.metrics.note(&result, took);
        if access::wanted(told.access, &result) {
            let Told { method, queued, trace_id, .. } = told;
            let (status, queued, trace_id) = (reply.status(), *queued, *trace_id);
            access::write(&Line { method, route, status, result, took, queued, trace_id });
        }
    }
}

/// As much of an answer as the client asks for, if it asks for less than the whole.
fn portioned(ending: Ending, method: &Method, wish: Option<&HeaderMap>) -> Ending {
    match (ending, wish) {
        (Ending::Answered(answer), Some(wish)) => {
            Ending::Answered(Box::new(answer.portioned(method, wish)))
        }
        (ending, _) => ending,
    }
}

/// How a request that may not be forwarded was handled.
const NOTHING_STORED: CacheStatus = CacheStatus {
    handling: cache_status::Handling::Refused,
    stored: false,
    collapsed: false,
    detail: Some("only-if-cached"),
};

/// Reads a body until it ends, or turns out to be none that may be taken for empty.
async fn is_empty(body: &mut Incoming) -> bool {
    loop {
        match body.frame().await {
            None => return true,
            Some(Err(_)) => return false,
            Some(Ok(frame)) if frame.data_ref().is_some_and(|data| !data.is_empty()) => {
                return false;
            }
            Some(Ok(_)) => {}
        }
    }
}

/// What is said about an exchange once it is over.
#[derive(Clone)]
struct Told {
    access: Access,
    method: Method,
    began: Timestamp,
    /// How long it stood in line for a turn upstream.
    queued: Duration,
    /// Which trace it belongs to, where the line is to say so.
    trace_id: Option<TraceId>,
}
