//! A client's body on its way to the upstream: streamed, counted, watched, never gathered.

use crate::upstream::failure::Failure;
use bytes::Bytes;
use http_body::Body;
use http_body::Frame;
use http_body::SizeHint;
use hyper::body::Incoming;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::task::Context;
use std::task::Poll;
use std::task::ready;
use tokio::time::Instant;

/// The body of a request to the upstream.
pub enum RequestBody {
    /// None.
    Empty,
    /// The client's, as it comes.
    Passing(Passing),
}

/// A client's body on its way through.
pub struct Passing {
    incoming: Incoming,
    /// Octets that may still come; `None` for any number.
    left: Option<u64>,
    progress: Arc<Progress>,
    copy: Option<Arc<BodyCopy>>,
}

/// When a body last got on, so that a deadline can tell a slow upload from a silent one, and
/// whether it has come to its end.
#[derive(Debug)]
pub struct Progress {
    step: Mutex<Step>,
    ended: AtomicBool,
}

/// When a body last got on by [`LEAST`], and how far it has come since.
#[derive(Debug)]
struct Step {
    at: Instant,
    since: usize,
}

/// Of which an octet comes now and then would otherwise be waited for without end.
const LEAST: usize = 8 * 1024;

/// The beginning of a body, kept while it passes.
#[derive(Debug)]
pub struct BodyCopy {
    kept: Mutex<Kept>,
    limit: usize,
}

#[derive(Debug, Default)]
struct Kept {
    octets: Vec<u8>,
    complete: bool,
}

impl Passing {
    /// Passes `incoming` on: at most `limit` octets, noted in `progress`, its beginning kept in
    /// `copy`.
    pub const fn new(
        incoming: Incoming,
        limit: Option<u64>,
        progress: Arc<Progress>,
        copy: Option<Arc<BodyCopy>>,
    ) -> Self {
        Self { incoming, left: limit, progress, copy }
    }

    fn pass(&mut self, data: &Bytes) -> Result<(), Failure> {
        self.progress.note(data.len());
        if let Some(left) = &mut self.left {
            let length = u64::try_from(data.len()).unwrap_or(u64::MAX);
            *left = left.checked_sub(length).ok_or(Failure::RequestTooLong)?;
        }
        if let Some(copy) = &self.copy {
            copy.keep(data);
        }
        Ok(())
    }

    fn end(&self) {
        self.progress.note(LEAST);
        self.progress.ended.store(true, Ordering::Release);
        if let Some(copy) = &self.copy {
            copy.lock().complete = true;
        }
    }
}

impl Progress {
    /// Begins now.
    pub fn begin() -> Self {
        let step = Mutex::new(Step { at: now(), since: 0 });
        Self { step, ended: AtomicBool::new(false) }
    }

    /// When it last got on, or ended; until then, the beginning.
    pub fn last(&self) -> Instant {
        self.step.lock().unwrap_or_else(PoisonError::into_inner).at
    }

    /// Whether all of the body has passed.
    pub fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    fn note(&self, octets: usize) {
        let mut step = self.step.lock().unwrap_or_else(PoisonError::into_inner);
        step.since = step.since.saturating_add(octets);
        if step.since >= LEAST {
            *step = Step { at: now(), since: 0 };
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the runtime's timers run on the runtime's clock")]
fn now() -> Instant {
    Instant::now()
}

impl BodyCopy {
    /// Room for `limit` octets.
    pub fn new(limit: usize) -> Self {
        Self { kept: Mutex::default(), limit }
    }

    /// The whole body, if it has passed whole and had room.
    pub fn whole(&self) -> Option<Vec<u8>> {
        let kept = self.lock();
        (kept.complete && kept.octets.len() <= self.limit).then(|| kept.octets.clone())
    }

    fn keep(&self, data: &[u8]) {
        let mut kept = self.lock();
        // One octet more than the limit says that there was no room for all.
        let room = self.limit.saturating_add(1).saturating_sub(kept.octets.len());
        kept.octets.extend(data.iter().take(room));
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        let Self::Passing(passing) = self.get_mut() else { return Poll::Ready(None) };
        loop {
            match ready!(Pin::new(&mut passing.incoming).poll_frame(cx)) {
                None => {
                    passing.end();
                    return Poll::Ready(None);
                }
                Some(Err(_)) => return Poll::Ready(Some(Err(Failure::RequestBroken))),
                Some(Ok(frame)) => {
                    // Trailers are dropped (threats.md T1).
                    if let Ok(data) = frame.into_data() {
                        let passed = passing.pass(&data).map(|()| Frame::data(data));
                        if passing.incoming.is_end_stream() {
                            // hyper does not ask a body of known length for its end.
                            passing.end();
                        }
                        return Poll::Ready(Some(passed));
                    }
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Passing(passing) => passing.incoming.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Passing(passing) => passing.incoming.size_hint(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kept_body_that_does_not_fit_is_not_taken_for_whole() {
        let copy = BodyCopy::new(4);
        copy.keep(b"abc");
        assert_eq!(copy.whole(), None, "not ended yet");
        copy.lock().complete = true;
        assert_eq!(copy.whole(), Some(b"abc".to_vec()));
        copy.keep(b"de");
        assert_eq!(copy.whole(), None, "longer than its room");
        copy.keep(&[0; 100]);
        assert_eq!(copy.lock().octets.len(), 5);
    }
}
