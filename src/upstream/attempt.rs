//! One forward of a read: send it, perhaps once more, and read the answer whole, all within its
//! deadlines.

use crate::base::room::Room;
use crate::base::room::Taken;
use crate::base::time::Clock;
use crate::fields::framing::Framing;
use crate::fields::hop_by_hop;
use crate::observe::accounts::Account;
use crate::policy::freshness::Journey;
use crate::policy::retry;
use crate::policy::retry::Resend;
use crate::policy::rules::Deadlines;
use crate::upstream::arriving::Arriving;
use crate::upstream::failure::Failure;
use crate::upstream::queue::Place;
use crate::upstream::request::ReadRequest;
use crate::upstream::sender::Broken;
use crate::upstream::sender::Lane;
use crate::upstream::sender::Sender;
use crate::upstream::streamed::Streamed;
use crate::upstream::wire::Tally;
use bytes::Bytes;
use http::HeaderMap;
use http::HeaderName;
use http::HeaderValue;
use http::Response;
use http::StatusCode;
use http::header::CONTENT_LENGTH;
use http::response::Parts;
use http_body::Body;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// An answer, as far as it has been read.
pub struct Heard {
    /// Its status.
    pub status: StatusCode,
    /// Its end-to-end fields.
    pub fields: HeaderMap,
    /// How it says where its body ends.
    pub framing: Framing,
    /// Its body.
    pub body: HeardBody,
    /// When it was asked for and when it was there.
    pub journey: Journey,
}

/// The body of an answer.
pub enum HeardBody {
    /// All of it.
    Whole(Bytes),
    /// It is longer than what is read before an answer starts; this is for one client.
    Long(Streamed),
    /// There is no room to read it whole now; this is for one client too.
    NoRoom(Streamed),
}

/// A failed forward, and the libraries' words about it.
#[derive(Clone, Debug)]
pub struct Lost {
    /// How it failed.
    pub failure: Failure,
    /// What the libraries say, for the log.
    pub cause: String,
}

impl From<Failure> for Lost {
    fn from(failure: Failure) -> Self {
        Self { failure, cause: String::new() }
    }
}

/// A read as it is to be sent.
pub struct Question<'a> {
    /// What is sent.
    pub request: &'a ReadRequest,
    /// On which conditions.
    pub conditions: &'a [(HeaderName, HeaderValue)],
    /// Which connections may carry it. On a pooled one it is sent again where the upstream was
    /// closing that.
    pub lane: Lane,
    /// Which bodies are read before the answer is handed on.
    pub whole: Whole<'a>,
    /// How long it may take.
    pub deadlines: &'a Deadlines,
    /// How much of the whole forward's time is left for it.
    pub left: Duration,
    /// Its place among those under way, which its credential pays for.
    pub place: &'a Place,
    /// On whose account it is sent.
    pub account: Account<'a>,
}

/// Which bodies are read whole, and where.
#[derive(Clone, Copy, Debug)]
pub struct Whole<'a> {
    /// The longest, in bytes.
    pub longest: usize,
    /// What there is room for.
    pub room: &'a Arc<Room>,
    /// How long the upstream may be silent.
    pub patience: Duration,
}

/// Asks.
pub async fn ask(
    sender: &dyn Sender,
    question: &Question<'_>,
    clock: &Clock,
) -> Result<Heard, Lost> {
    let asked_at = clock.now();
    let heard = async {
        let response = send(sender, question).await?;
        let (head, incoming) = response.into_parts();
        let framing = framing(&head, question.request.is_head())?;
        let body = read(Arriving::of(&head, incoming), question.whole).await?;
        let mut fields = head.headers;
        hop_by_hop::strip(&mut fields);
        let journey = Journey { asked_at, received: clock.moment() };
        Ok(Heard { status: head.status, fields, framing, body, journey })
    };
    timeout(question.left, heard).await.unwrap_or_else(|_| Err(Failure::TotalTimeout.into()))
}

/// Sends the request and, where policy allows it, sends it again.
async fn send(sender: &dyn Sender, question: &Question<'_>) -> Result<Response<Incoming>, Lost> {
    let mut lane = question.lane;
    for attempts in 1.. {
        let request = question.request.to_request(question.conditions);
        let deadline = question.deadlines.answer;
        question.account.sent();
        let broken = match timeout(deadline, sender.send(request, lane)).await {
            Ok(Ok(response)) => return Ok(response),
            Ok(Err(broken)) => broken,
            Err(_) => return Err(Failure::AnswerTimeout.into()),
        };
        match retry::resend(broken.trace, attempts) {
            Resend::OnNewConnection if lane == Lane::Pooled => {
                question.place.resend();
                lane = Lane::New;
            }
            Resend::OnNewConnection | Resend::No(_) => return Err(broken.into()),
        }
    }
    Err(Failure::Dropped.into())
}

impl From<Broken> for Lost {
    fn from(broken: Broken) -> Self {
        Self { failure: broken.failure, cause: broken.cause }
    }
}

/// RFC 9112 section 6.3: with two framings at once nobody can say where the answer ends, unless it
/// has no body, being one to a HEAD; and a switch of protocols that nobody asked for (RFC 9110
/// section 15.2.2) leaves HTTP. Nor can anybody say where the next answer on such a connection
/// begins, so it is not used again.
pub fn framing(head: &Parts, asked_for_head: bool) -> Result<Framing, Failure> {
    let framing = Framing::read(head.status, &head.headers);
    // hyper sends no reply at all, not even to a HEAD, where a length stands twice.
    let twice = head.headers.get_all(CONTENT_LENGTH).iter().nth(1).is_some();
    let ambiguous = framing == Framing::Ambiguous && (!asked_for_head || twice);
    if !ambiguous && !head.status.is_informational() {
        return Ok(framing);
    }
    if let Some(tally) = head.extensions.get::<Tally>() {
        tally.spoil();
    }
    Err(Failure::Malformed)
}

/// Reads a body whole, or as much of it as shows that it is too long for that.
pub async fn read(mut arriving: Arriving, whole: Whole<'_>) -> Result<HeardBody, Lost> {
    let announced = arriving.size_hint().lower();
    if announced > u64::try_from(whole.longest).unwrap_or(u64::MAX) {
        return Ok(HeardBody::Long(Streamed::new(Bytes::new(), arriving, whole.patience)));
    }
    let mut begun = Gathered::new(whole.room, announced);
    loop {
        let frame = match timeout(whole.patience, arriving.frame()).await {
            Err(_) => return Err(Failure::BodyTimeout.into()),
            Ok(None) => break,
            Ok(Some(Err(broken))) => {
                let cause = broken.to_string();
                return Err(Lost { failure: broken.failure(), cause });
            }
            Ok(Some(Ok(frame))) => frame,
        };
        let there_is_room = frame.into_data().map_or(true, |data| begun.add(data));
        let is_long = begun.len() > whole.longest;
        if is_long || !there_is_room {
            let streamed = Streamed::new(begun.whole(), arriving, whole.patience);
            let long = if is_long { HeardBody::Long } else { HeardBody::NoRoom };
            return Ok(long(streamed));
        }
    }
    Ok(HeardBody::Whole(begun.whole()))
}

/// The parts of a body. One that comes in a single part, as tickets do, is not copied.
struct Gathered {
    first: Bytes,
    all: Vec<u8>,
    /// How long it will be, by its own word; what has no word grows as it comes.
    announced: usize,
    taken: Taken,
}

impl Gathered {
    fn new(room: &Arc<Room>, announced: u64) -> Self {
        let announced = usize::try_from(announced).unwrap_or(usize::MAX);
        Self { first: Bytes::new(), all: Vec::new(), announced, taken: room.begin() }
    }

    /// Takes it in. False if there was no room for it: then it should be the last.
    fn add(&mut self, data: Bytes) -> bool {
        if self.len() == 0 {
            self.first = data;
            return self.taken.grow(self.first.len());
        }
        let length = self.len().saturating_add(data.len());
        let there_is_room = self.make_place(length);
        if self.all.is_empty() {
            self.all.extend_from_slice(&self.first);
            self.first = Bytes::new();
        }
        self.all.extend_from_slice(&data);
        there_is_room
    }

    /// Has place for so many bytes, and takes the room for all of it: what an allocation holds in
    /// reserve is memory too.
    fn make_place(&mut self, length: usize) -> bool {
        if length <= self.all.capacity() {
            return true;
        }
        let ahead =
            if self.announced >= length { self.announced } else { length.saturating_mul(2) };
        let there_is_room = self.taken.grow_to(ahead);
        let place = if there_is_room { ahead } else { length };
        self.all.reserve_exact(place.saturating_sub(self.all.len()));
        there_is_room || self.taken.grow_to(length)
    }

    fn len(&self) -> usize {
        self.first.len().max(self.all.len())
    }

    fn whole(self) -> Bytes {
        let Self { first, all, taken, .. } = self;
        match (first.is_empty(), all.is_empty()) {
            (_, false) => taken.hold(all),
            (false, true) => taken.hold(first),
            (true, true) => first,
        }
    }
}
