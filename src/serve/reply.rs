//! The reply to a client: an answer with `Age` and `Cache-Status`, or a word of our own.

use crate::cache::answer::Answer;
use crate::cache::answer::AnswerBody;
use crate::fields::cache_status::CacheStatus;
use crate::fields::server_timing;
use crate::serve::batch::Batch;
use crate::serve::notice::Notice;
use crate::upstream::failure::Failure;
use crate::upstream::streamed::Streamed;
use bytes::Bytes;
use http::HeaderMap;
use http::HeaderName;
use http::HeaderValue;
use http::Response;
use http::StatusCode;
use http::header::AGE;
use http::header::CACHE_CONTROL;
use http::header::CONNECTION;
use http::header::CONTENT_LENGTH;
use http::header::CONTENT_TYPE;
use http_body::Body;
use http_body::Frame;
use http_body::SizeHint;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;

/// The body of a reply.
pub enum ReplyBody {
    /// All there; `None` once it is sent.
    Whole(Option<Bytes>),
    /// As it comes from the upstream.
    Streamed(Streamed),
    /// As a batch's ids are answered.
    Batch(Box<Batch>),
}

/// An answer as a reply. `bodiless`: to a HEAD, whose reply says how long the body would be
/// (RFC 9110 section 9.3.2).
pub fn answer(answer: Answer, bodiless: bool) -> Response<ReplyBody> {
    let Answer { status, reason, mut fields, body, age, queued, unread, how, .. } = answer;
    if unread {
        // What is left of the request's body would be read as the next request.
        fields.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    if let Some(age) = age {
        // RFC 9111 section 5.1: whole seconds.
        fields.insert(AGE, HeaderValue::from(age.as_secs()));
    }
    add_cache_status(&mut fields, &how);
    add_time_in_line(&mut fields, queued);
    let body = match body {
        AnswerBody::Whole(_) if status == StatusCode::NOT_MODIFIED => ReplyBody::Whole(None),
        AnswerBody::Whole(whole) if bodiless => {
            // RFC 9110 section 8.6: a 204 has no length, not even of nothing.
            if status != StatusCode::NO_CONTENT {
                fields.entry(CONTENT_LENGTH).or_insert_with(|| HeaderValue::from(whole.len()));
            }
            ReplyBody::Whole(None)
        }
        AnswerBody::Streamed(_) if bodiless => ReplyBody::Whole(None),
        AnswerBody::Unsent => ReplyBody::Whole(None),
        AnswerBody::Whole(whole) => ReplyBody::Whole(Some(whole)),
        AnswerBody::Streamed(streamed) => ReplyBody::Streamed(streamed),
    };
    let mut reply = Response::new(body);
    *reply.status_mut() = status;
    *reply.headers_mut() = fields;
    if let Some(reason) = reason {
        reply.extensions_mut().insert(reason);
    }
    reply
}

/// A word of our own as a reply, with how the request was handled if it was forwarded, and how long
/// it stood in line.
pub fn notice(notice: &Notice, how: Option<&CacheStatus>, queued: Duration) -> Response<ReplyBody> {
    let mut fields = notice.fields();
    add_time_in_line(&mut fields, queued);
    if let Some(how) = how {
        add_cache_status(&mut fields, how);
    }
    own(notice.status, fields, notice.body())
}

/// The reply to `GET /_gateway/live`.
pub fn alive() -> Response<ReplyBody> {
    let mut fields = HeaderMap::with_capacity(4);
    fields.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    own(StatusCode::OK, fields, r#"{"status":"live"}"#.to_owned())
}

/// The reply to a batch call: a line for each id as it is answered.
pub fn batch(batch: Batch) -> Response<ReplyBody> {
    let mut reply = Response::new(ReplyBody::Batch(Box::new(batch)));
    let fields = reply.headers_mut();
    fields.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    fields.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    reply
}

fn own(status: StatusCode, fields: HeaderMap, body: String) -> Response<ReplyBody> {
    let mut reply = Response::new(ReplyBody::Whole(Some(Bytes::from(body))));
    *reply.status_mut() = status;
    *reply.headers_mut() = fields;
    reply
}

/// W3C Server Timing: how much of the time to the answer was ours, where there was some.
fn add_time_in_line(fields: &mut HeaderMap, queued: Duration) {
    if queued >= WORTH_TELLING
        && let Some(value) = server_timing::queued(queued)
    {
        fields.append(SERVER_TIMING, value);
    }
}

/// Less than this reads as nothing.
const WORTH_TELLING: Duration = Duration::from_micros(100);

const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// RFC 9211 section 2: ours is added to those of caches before us.
fn add_cache_status(fields: &mut HeaderMap, how: &CacheStatus) {
    // What `CacheStatus` prints is always a field value.
    if let Some(value) = how.to_value() {
        fields.append(CACHE_STATUS, value);
    }
}

const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        match self.get_mut() {
            Self::Whole(whole) => Poll::Ready(whole.take().map(|body| Ok(Frame::data(body)))),
            Self::Streamed(streamed) => Pin::new(streamed).poll_frame(cx),
            Self::Batch(batch) => {
                batch.poll_lines(cx).map(|lines| lines.map(|l| Ok(Frame::data(l))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(whole) => whole.as_ref().is_none_or(Bytes::is_empty),
            Self::Streamed(streamed) => streamed.is_end_stream(),
            Self::Batch(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(whole) => {
                let length = whole.as_ref().map_or(0, Bytes::len);
                SizeHint::with_exact(u64::try_from(length).unwrap_or(u64::MAX))
            }
            Self::Streamed(streamed) => streamed.size_hint(),
            Self::Batch(_) => SizeHint::default(),
        }
    }
}
