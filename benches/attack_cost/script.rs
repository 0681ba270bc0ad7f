//! The other side of a connection: octets that are handed to the gateway as it reads, and nobody to
//! whom that costs anything.

use bytes::Buf;
use bytes::Bytes;
use hyper_util::client::legacy::connect::Connected;
use hyper_util::client::legacy::connect::Connection;
use std::io;
use std::io::IoSlice;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::task::Context;
use std::task::Poll;
use std::task::Waker;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::io::ReadBuf;

/// What one side sends.
#[derive(Clone, Debug)]
pub(crate) struct Lines {
    pub(crate) octets: Bytes,
    /// How much of it is there at a time. Between two pieces the gateway finds nothing, as between
    /// two packets.
    pub(crate) piece: usize,
    pub(crate) then: Then,
}

/// What it does when it has sent all.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Then {
    /// Waits for the gateway to close.
    Wait,
    /// Closes.
    Close,
}

impl Lines {
    /// Octets that come as fast as they are read.
    pub(crate) fn new(octets: impl Into<Bytes>) -> Self {
        Self { octets: octets.into(), piece: usize::MAX, then: Then::Wait }
    }
}

/// What came of a connection.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// The beginning of what the gateway said.
    pub(crate) reply: Vec<u8>,
    /// How many octets it took.
    pub(crate) taken: usize,
}

/// What is told, shared with who waits for it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Account(Arc<Mutex<Told>>);

/// As much of a reply as shows what it is. There is room for it before anything is measured.
const BEGINNING: usize = 2_048;

impl Account {
    pub(crate) fn new() -> Self {
        let told = Told { reply: Vec::with_capacity(BEGINNING), taken: 0 };
        Self(Arc::new(Mutex::new(told)))
    }

    /// Looks at it, or changes it.
    pub(crate) fn with<R>(&self, look: impl FnOnce(&mut Told) -> R) -> R {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn wrote(&self, octets: &[u8]) {
        self.with(|told| {
            let room = BEGINNING.saturating_sub(told.reply.len()).min(octets.len());
            told.reply.extend_from_slice(octets.get(..room).unwrap_or_default());
        });
    }
}

/// A connection to it.
pub(crate) struct Script {
    lines: Lines,
    account: Account,
    /// How much of a request must have been written before this answers; of a client nothing.
    owed: Owed,
    /// The last read found nothing, so now there is some.
    rested: bool,
    waker: Option<Waker>,
}

/// What is still to be heard before it speaks.
#[derive(Clone, Copy, Debug)]
enum Owed {
    /// A head, with a body of so many octets.
    Head(usize),
    /// So much of a body.
    Body(usize),
}

impl Script {
    /// A client.
    pub(crate) fn client(lines: Lines, account: Account) -> Self {
        Self { lines, account, owed: Owed::Body(0), rested: true, waker: None }
    }

    /// An upstream that answers a request with a body of this length, once.
    pub(crate) fn upstream(lines: Lines, account: Account, body: usize) -> Self {
        Self { lines, account, owed: Owed::Head(body), rested: true, waker: None }
    }

    fn wrote(&mut self, octets: &[u8]) {
        match self.owed {
            Owed::Body(0) => self.account.wrote(octets),
            // hyper writes a head at once.
            Owed::Head(body) => match octets.windows(4).position(|four| four == b"\r\n\r\n") {
                Some(end) => {
                    let come = octets.len().saturating_sub(end.saturating_add(4));
                    self.owed = Owed::Body(body.saturating_sub(come));
                }
                None => self.owed = Owed::Head(body),
            },
            Owed::Body(left) => self.owed = Owed::Body(left.saturating_sub(octets.len())),
        }
        if matches!(self.owed, Owed::Body(0))
            && let Some(waker) = self.waker.take()
        {
            waker.wake();
        }
    }
}

impl Connection for Script {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl AsyncRead for Script {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !matches!(self.owed, Owed::Body(0)) {
            self.waker = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let left = self.lines.octets.len();
        if left == 0 {
            return match self.lines.then {
                Then::Close => Poll::Ready(Ok(())),
                Then::Wait => Poll::Pending,
            };
        }
        if self.lines.piece < left && !std::mem::replace(&mut self.rested, false) {
            self.rested = true;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let come = left.min(self.lines.piece).min(buf.remaining());
        buf.put_slice(self.lines.octets.get(..come).unwrap_or_default());
        self.lines.octets.advance(come);
        self.account.with(|told| told.taken = told.taken.saturating_add(come));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Script {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.wrote(octets);
        Poll::Ready(Ok(octets.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        for part in parts {
            self.wrote(part);
        }
        Poll::Ready(Ok(parts.iter().map(|part| part.len()).sum()))
    }
}
