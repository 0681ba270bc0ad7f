//! How long a client is waited for: for its next request, for the rest of a head it began, and
//! for it to read what it asked for.
//!
//! hyper has one timer for the first two, and none for the third. Here a connection has a single
//! timer that is set only when it would otherwise fire too late, so that a hit arms none: a
//! deadline that moves further away is noticed when the timer fires.

use crate::serve::exchanges::Exchanges;
use crate::serve::joined;
use std::io;
use std::io::IoSlice;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::io::ReadBuf;
use tokio::time::Instant;
use tokio::time::Sleep;

/// How long a client is waited for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// `listen.header_timeout`: for a whole head, and for a connection's first request to begin.
    pub header: Duration,
    /// `listen.idle_timeout`: for the next request.
    pub idle: Duration,
    /// `listen.write_timeout`: for the client to read 8 KiB, or all there is.
    pub write: Duration,
}

/// A client's connection, with its deadlines.
pub struct Patient<T> {
    io: T,
    limits: Limits,
    exchanges: Exchanges,
    /// How many exchanges had begun when the client was last waited for.
    seen: u64,
    reading: Reading,
    opened: Instant,
    /// When something was last written: the end of the last reply, once no exchange is under way.
    wrote_at: Instant,
    /// Since when the client has been waited for to read.
    blocked_since: Option<Instant>,
    /// How much it has read since.
    read_since: usize,
    timer: Pin<Box<Sleep>>,
    /// Whether the timer, once it fires, has someone to wake.
    armed: bool,
}

/// What the client is waited for on the reading side, and since when.
#[derive(Clone, Copy, Debug)]
enum Reading {
    /// Its first request.
    First(Instant),
    /// Its next request.
    Next(Instant),
    /// The rest of what has begun to come. Most heads come whole, so no clock is read yet.
    Begun,
    /// The rest of a head, after it was waited for once.
    Head(Instant),
}

impl<T> Patient<T> {
    /// Waits for the client on `io` within `limits`.
    pub fn new(io: T, limits: Limits, exchanges: Exchanges) -> Self {
        let now = now();
        let timer = Box::pin(tokio::time::sleep_until(now + limits.header));
        let reading = Reading::First(now);
        Self {
            io,
            limits,
            exchanges,
            seen: 0,
            reading,
            opened: now,
            wrote_at: now,
            blocked_since: None,
            read_since: 0,
            timer,
            armed: false,
        }
    }

    /// Something came.
    const fn came(&mut self) {
        if !matches!(self.reading, Reading::Head(_)) {
            self.reading = Reading::Begun;
        }
    }

    /// Nothing came: is it time to give up?
    fn nothing_came(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Nor is it waited for here while it has yet to read: that is the write's deadline.
        if self.exchanges.under_way() || self.blocked_since.is_some() {
            // The client waits for us. But hyper, which knows now that nothing has come, does not
            // ask again when the reply is sent: the timer has to.
            let waits = self.armed && !self.timer.is_elapsed();
            return if waits { Poll::Pending } else { self.overdue(now() + self.limits.idle, cx) };
        }
        let begun = self.exchanges.begun();
        if self.seen != begun {
            self.seen = begun;
            self.reading = Reading::Next(self.wrote_at);
        }
        let (since, limit) = match self.reading {
            Reading::First(since) | Reading::Head(since) => (since, self.limits.header),
            Reading::Next(since) => (since, self.limits.idle),
            Reading::Begun => {
                let since = now();
                self.reading = Reading::Head(since);
                (since, self.limits.header)
            }
        };
        self.overdue(since + limit, cx)
    }

    /// Ready with an error once `deadline` is past; otherwise the timer is set for it at the
    /// latest.
    fn overdue(&mut self, deadline: Instant, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.armed = true;
        if self.timer.deadline() > deadline {
            self.timer.as_mut().reset(deadline);
        }
        while self.timer.as_mut().poll(cx).is_ready() {
            if now() >= deadline {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            // It was set for an earlier deadline that has moved away since.
            self.timer.as_mut().reset(deadline);
        }
        Poll::Pending
    }

    /// Watches how a write went.
    fn wrote(
        &mut self,
        polled: Poll<io::Result<usize>>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let Poll::Ready(written) = &polled else { return self.blocked(cx) };
        self.wrote_at = now();
        self.read_since = self.read_since.saturating_add(*written.as_ref().unwrap_or(&0));
        if self.read_since >= LEAST_READ {
            self.blocked_since = None;
        }
        polled
    }

    /// Watches how a flush went: only when there is nothing more to write is it asked for.
    fn flushed(
        &mut self,
        polled: Poll<io::Result<()>>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        if polled.is_pending() {
            return self.blocked(cx);
        }
        self.blocked_since = None;
        self.exchanges.all_is_written(self.wrote_at.duration_since(self.opened));
        polled
    }

    /// The client has to read before more can be written.
    fn blocked<R>(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<R>> {
        let since = self.blocked_since.unwrap_or_else(|| {
            self.read_since = 0;
            now()
        });
        self.blocked_since = Some(since);
        match self.overdue(since + self.limits.write, cx) {
            Poll::Ready(Err(late)) => Poll::Ready(Err(late)),
            _ => Poll::Pending,
        }
    }
}

/// Who reads an octet now and then would otherwise be waited for without end.
const LEAST_READ: usize = 8 * 1024;

#[expect(clippy::disallowed_methods, reason = "the runtime's timers run on the runtime's clock")]
fn now() -> Instant {
    Instant::now()
}

impl<T: AsyncRead + Unpin> AsyncRead for Patient<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.io).poll_read(cx, buf) {
            Poll::Ready(read) => {
                self.came();
                Poll::Ready(read)
            }
            Poll::Pending => self.nothing_came(cx),
        }
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Patient<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.io).poll_write(cx, buf);
        self.wrote(polled, cx)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.io).poll_flush(cx);
        self.flushed(polled, cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.io).poll_shutdown(cx);
        self.flushed(polled, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = joined::write(&mut self.io, cx, bufs);
        self.wrote(polled, cx)
    }
}
