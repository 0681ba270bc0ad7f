//! An answer's body as it comes, and whether it has come to its end.
//!
//! hyper reads a connection in a task of its own, and where that panics (rustls has, over what a peer
//! sent: RUSTSEC-2024-0399) it may tell the reader of a body that it has ended. Cut there, it would be
//! delivered as whole, and stored.

use crate::upstream::failure::Failure;
use crate::upstream::wire::Tally;
use bytes::Bytes;
use http::response::Parts;
use http_body::Body;
use http_body::Frame;
use http_body::SizeHint;
use hyper::body::Incoming;
use std::fmt;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;
use std::task::ready;

/// A body on its way from the upstream.
pub struct Arriving {
    incoming: Incoming,
    tally: Option<Tally>,
}

/// How a body breaks off.
#[derive(Debug)]
pub enum Break {
    /// hyper says so.
    Told(hyper::Error),
    /// hyper calls it ended.
    Untold,
}

impl Arriving {
    /// That of the answer with this head.
    pub fn of(head: &Parts, incoming: Incoming) -> Self {
        Self { incoming, tally: head.extensions.get::<Tally>().cloned() }
    }

    /// Whether what hyper calls the end is not.
    fn is_cut(&self) -> bool {
        let is_lost = self.tally.as_ref().is_some_and(Tally::is_lost);
        is_lost || self.incoming.size_hint().lower() > 0
    }
}

impl Body for Arriving {
    type Data = Bytes;
    type Error = Break;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Break>>> {
        Poll::Ready(match ready!(Pin::new(&mut self.incoming).poll_frame(cx)) {
            Some(Ok(frame)) => Some(Ok(frame)),
            Some(Err(error)) => Some(Err(Break::Told(error))),
            None => self.is_cut().then_some(Err(Break::Untold)),
        })
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

impl Break {
    /// What it is to the asker.
    pub fn failure(&self) -> Failure {
        match self {
            Self::Told(error) => Failure::of_body(error),
            Self::Untold => Failure::Truncated,
        }
    }
}

impl fmt::Display for Break {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Told(error) => error.fmt(f),
            Self::Untold => f.write_str("the task of the connection was lost"),
        }
    }
}
