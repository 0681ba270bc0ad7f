//! The requests of one connection, each counted from its head to the last of its reply.

use crate::serve::exchanges::Exchanges;
use crate::serve::exchanges::UnderWay;
use crate::serve::gateway::Gateway;
use crate::serve::gateway::Handling;
use crate::serve::reply::ReplyBody;
use crate::upstream::failure::Failure;
use bytes::Bytes;
use http::HeaderValue;
use http::Request;
use http::Response;
use http::Version;
use http::header::CONNECTION;
use http_body::Body;
use http_body::Frame;
use http_body::SizeHint;
use hyper::body::Incoming;
use hyper::service::Service;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;
use std::task::ready;

/// The gateway, with the exchanges of one connection counted for its deadlines.
pub struct Counted {
    /// What answers them.
    pub gateway: Gateway,
    /// The count.
    pub exchanges: Exchanges,
}

impl Service<Request<Incoming>> for Counted {
    type Response = Response<Held>;
    type Error = Infallible;
    type Future = Holding;

    fn call(&self, request: Request<Incoming>) -> Holding {
        let version = request.version();
        let Some(under_way) = self.exchanges.begin() else {
            // The connection is being closed: no answer to it must be begun.
            return Holding { handling: Handling::Now(None), version, under_way: None };
        };
        Holding { handling: self.gateway.handle(request), version, under_way: Some(under_way) }
    }
}

/// A reply on its way, and its exchange.
pub struct Holding {
    handling: Handling,
    /// The request's.
    version: Version,
    under_way: Option<UnderWay>,
}

impl Future for Holding {
    type Output = Result<Response<Held>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Ok(mut reply) = ready!(Pin::new(&mut self.handling).poll(cx));
        if self.under_way.as_ref().is_some_and(|under_way| under_way.exchanges().is_last()) {
            reply.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        if self.version < Version::HTTP_11 && reply.headers().contains_key(CONNECTION) {
            // It says `close`. To an HTTP/1.0 client that asked for `keep-alive` hyper says that too,
            // unless the reply is of that version.
            *reply.version_mut() = self.version;
        }
        let under_way = self.under_way.take();
        Poll::Ready(Ok(reply.map(|body| Held { body, under_way })))
    }
}

/// A reply's body: while it is being sent its exchange is under way.
pub struct Held {
    body: ReplyBody,
    under_way: Option<UnderWay>,
}

impl Body for Held {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        let Self { body, under_way } = self.get_mut();
        let (ReplyBody::Streamed(_), Some(under_way)) = (&body, under_way) else {
            return Pin::new(body).poll_frame(cx);
        };
        // A part at a time: hyper would gather many for a client that does not read them.
        ready!(under_way.exchanges().poll_written(cx));
        let part = ready!(Pin::new(body).poll_frame(cx));
        under_way.exchanges().hands_on();
        Poll::Ready(part)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
