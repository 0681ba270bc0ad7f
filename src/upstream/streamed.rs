//! An answer's body on its way to one client, with a deadline on the upstream's silence.

use crate::upstream::arriving::Arriving;
use crate::upstream::failure::Failure;
use bytes::Bytes;
use http_body::Body;
use http_body::Frame;
use http_body::SizeHint;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;
use std::task::ready;
use std::time::Duration;
use tokio::time::Sleep;
use tokio::time::sleep;

/// What has been read of a body already, and the rest as it comes. Trailers are dropped.
pub struct Streamed {
    begun: Bytes,
    rest: Arriving,
    /// How long the upstream may be silent while the client waits.
    patience: Duration,
    /// Runs only while the upstream is waited for.
    silence: Option<Pin<Box<Sleep>>>,
}

impl Streamed {
    /// `begun`, then `rest`.
    pub const fn new(begun: Bytes, rest: Arriving, patience: Duration) -> Self {
        Self { begun, rest, patience, silence: None }
    }

    /// The next data, within the deadline on silence.
    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Failure>>> {
        loop {
            let Poll::Ready(polled) = Pin::new(&mut self.rest).poll_frame(cx) else {
                let patience = self.patience;
                let silence = self.silence.get_or_insert_with(|| Box::pin(sleep(patience)));
                ready!(silence.as_mut().poll(cx));
                return Poll::Ready(Some(Err(Failure::BodyTimeout)));
            };
            self.silence = None;
            match polled {
                None => return Poll::Ready(None),
                Some(Err(error)) => return Poll::Ready(Some(Err(error.failure()))),
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        return Poll::Ready(Some(Ok(data)));
                    }
                }
            }
        }
    }
}

impl Body for Streamed {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        let this = self.get_mut();
        if !this.begun.is_empty() {
            return Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut this.begun)))));
        }
        this.poll_data(cx).map(|next| next.map(|data| data.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.begun.is_empty() && self.rest.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let begun = u64::try_from(self.begun.len()).unwrap_or(u64::MAX);
        let rest = self.rest.size_hint();
        let mut whole = SizeHint::new();
        whole.set_lower(rest.lower().saturating_add(begun));
        if let Some(upper) = rest.upper() {
            whole.set_upper(upper.saturating_add(begun));
        }
        whole
    }
}
