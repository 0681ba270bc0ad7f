//! A connection that remembers what it has carried, and listens along.
//!
//! hyper says that a connection ended, but not whether a byte of the answer had come or whether
//! the connection was used before, and on that a second try depends. Nor does it say that an answer
//! came with more than belongs to it.

use crate::policy::retry::Trace;
use crate::upstream::failure::Failure;
use crate::upstream::heads::Heads;
use hyper_util::client::legacy::connect::Connected;
use hyper_util::client::legacy::connect::Connection;
use hyper_util::rt::TokioIo;
use std::io;
use std::io::IoSlice;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;
use std::task::Context;
use std::task::Poll;
use std::thread::panicking;
use tokio::io::AsyncRead;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWrite;
use tokio::io::ReadBuf;
use tokio::io::Take;

/// A connection and its tally.
pub struct Wire<T> {
    /// In tokio's terms: in hyper's, safe code cannot see how much was read, nor read less.
    io: Take<TokioIo<T>>,
    tally: Tally,
    heads: Heads,
}

/// The most that is read at once. hyper would read as much as its longest head has, and hold several
/// times that for each client that does not read what it asked for. One octet less than its smallest
/// buffer: when one is filled it takes a larger one.
const AT_ONCE: u64 = 8 * 1024 - 1;

/// What a connection has carried. In HTTP/1.1 without pipelining a request begins with the first
/// write after a read.
#[derive(Clone, Debug, Default)]
pub struct Tally(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    requests: AtomicU32,
    /// The last thing that happened was a write.
    asking: AtomicBool,
    /// A byte came since the last request began.
    answered: AtomicBool,
    /// Nothing that follows on it can be trusted.
    spoiled: AtomicBool,
    /// Reading it has panicked.
    lost: AtomicBool,
}

impl Tally {
    /// What a failure on the connection means, as far as it can tell.
    pub fn trace(&self, ended: bool) -> Trace {
        Trace {
            reused: self.0.requests.load(Ordering::Acquire) > 1,
            answered: self.0.answered.load(Ordering::Acquire),
            ended,
        }
    }

    /// Ends the connection: nobody can tell where the next answer on it would begin.
    pub fn spoil(&self) {
        self.0.spoiled.store(true, Ordering::Release);
    }

    /// Whether reading it has panicked, so that what was under way on it has broken off, whatever is
    /// said of that.
    pub fn is_lost(&self) -> bool {
        self.0.lost.load(Ordering::Acquire)
    }

    fn is_spoiled(&self) -> bool {
        self.0.spoiled.load(Ordering::Acquire)
    }

    /// Whether a request begins with it.
    fn wrote(&self) -> bool {
        let begins = !self.0.asking.swap(true, Ordering::AcqRel);
        if begins {
            self.0.requests.fetch_add(1, Ordering::AcqRel);
            self.0.answered.store(false, Ordering::Release);
        }
        begins
    }

    fn read(&self) {
        self.0.asking.store(false, Ordering::Release);
        self.0.answered.store(true, Ordering::Release);
    }
}

/// Stands by while a connection is read. A panic is noted before anyone else can hear of it.
struct Reading<'a>(&'a Tally);

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        if panicking() {
            self.0.0.lost.store(true, Ordering::Release);
        }
    }
}

impl<T> Wire<T>
where
    TokioIo<T>: AsyncRead,
{
    /// Watches `io`.
    pub fn new(io: T) -> Self {
        Self {
            io: TokioIo::new(io).take(AT_ONCE),
            tally: Tally::default(),
            heads: Heads::default(),
        }
    }
}

impl<T> Wire<T> {
    /// A write that fails is an attempt at a request too: nothing of its answer can have come.
    fn note(&mut self, written: &Poll<io::Result<usize>>) {
        if matches!(written, Poll::Ready(Ok(1..) | Err(_))) && self.tally.wrote() {
            self.heads.asked();
        }
    }
}

impl<T: Connection> Connection for Wire<T>
where
    TokioIo<T>: AsyncRead,
{
    fn connected(&self) -> Connected {
        self.io.get_ref().inner().connected().extra(self.tally.clone())
    }
}

impl<T> AsyncRead for Wire<T>
where
    TokioIo<T>: AsyncRead + Unpin,
{
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { io, tally, heads } = self.get_mut();
        if tally.is_spoiled() {
            return Poll::Ready(Ok(())); // as if the other side had closed it
        }
        let _reading = Reading(tally);
        let before = buf.filled().len();
        io.set_limit(AT_ONCE);
        let polled = Pin::new(io).poll_read(cx, buf);
        let come = buf.filled().get(before..).unwrap_or_default();
        if !come.is_empty() {
            tally.read();
            if !heads.hear(come) {
                tally.spoil();
                return Poll::Ready(Err(io::Error::other(Failure::Malformed)));
            }
        }
        polled
    }
}

impl<T> AsyncWrite for Wire<T>
where
    TokioIo<T>: AsyncRead + AsyncWrite + Unpin,
{
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.tally.is_spoiled() {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let polled = Pin::new(self.io.get_mut()).poll_write(cx, buf);
        self.note(&polled);
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.io.get_mut()).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.io.get_mut()).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.get_ref().is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.tally.is_spoiled() {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let polled = Pin::new(self.io.get_mut()).poll_write_vectored(cx, bufs);
        self.note(&polled);
        polled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_begins_with_the_first_write_after_a_read() {
        let tally = Tally::default();
        tally.wrote();
        tally.wrote();
        assert_eq!(tally.trace(true), Trace { reused: false, answered: false, ended: true });
        tally.read();
        assert_eq!(tally.trace(true), Trace { reused: false, answered: true, ended: true });
        tally.wrote();
        assert_eq!(tally.trace(true), Trace { reused: true, answered: false, ended: true });
    }

    #[test]
    fn a_request_that_could_not_be_written_has_no_answer_and_its_connection_was_used_before() {
        let mut wire = Wire::new(TokioIo::new(tokio::io::empty()));
        wire.note(&Poll::Ready(Ok(100)));
        wire.tally.read();
        wire.note(&Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())));
        let expected = Trace { reused: true, answered: false, ended: true };
        assert_eq!(wire.tally.trace(true), expected);
    }
}
