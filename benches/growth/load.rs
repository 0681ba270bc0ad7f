//! Keep-alive connections to one server, which check every octet of every answer.

use crate::support::response::Head;
use crate::work::Question;
use crate::work::Work;
use mio::Events;
use mio::Interest;
use mio::Poll;
use mio::Token;
use mio::net::TcpStream;
use std::collections::VecDeque;
use std::io;
use std::io::ErrorKind;
use std::io::Read;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

/// Longer than any answer here can take.
const PATIENCE: Duration = Duration::from_secs(15);
/// Read at a time.
const CHUNK: usize = 65_536;

/// What answers must be, besides the ticket that was asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expected {
    /// Part of `Cache-Status`. An answer without it is kept apart; what that means, the caller says.
    pub(crate) cache_status: &'static str,
    /// Whether an answer may be a 429 instead.
    pub(crate) may_be_limited: bool,
}

impl Expected {
    /// A ticket, with this in `Cache-Status`.
    pub(crate) const fn cache_status(cache_status: &'static str) -> Self {
        Self { cache_status, may_be_limited: false }
    }
}

/// From the store.
pub(crate) const HIT: Expected = Expected::cache_status("; hit");
/// Asked for because it was not stored.
pub(crate) const MISS: Expected = Expected::cache_status("; fwd=uri-miss");
/// Asked for, whatever was stored.
pub(crate) const FETCHED: Expected = Expected::cache_status("; fwd=");
/// Passed through.
pub(crate) const WRITTEN: Expected = Expected::cache_status("; fwd=method");

/// What came of a run. Every answer was the ticket asked for: anything else is an error of the run.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// From due time to last octet, one for each ticket that came.
    pub(crate) latencies: Vec<Duration>,
    /// From due time to asking, one for each question: how late the bench was itself.
    pub(crate) late: Vec<Duration>,
    /// How many 429s came.
    pub(crate) limited: u64,
    /// How many tickets came in another way than expected, and the last of those ways.
    pub(crate) others: u64,
    other: String,
}

impl Tally {
    /// How many tickets came.
    pub(crate) fn count(&self) -> u64 {
        u64::try_from(self.latencies.len()).unwrap_or(u64::MAX)
    }

    /// An error if more than so many came in another way than expected.
    pub(crate) fn must_be_expected(&self, but_for: u64) -> io::Result<()> {
        if self.others <= but_for {
            return Ok(());
        }
        let (others, all, other) = (self.others, self.count(), &self.other);
        Err(io::Error::other(format!("{others} of {all} answers came in another way: {other}")))
    }
}

/// Open connections to one server.
pub(crate) struct Load {
    poll: Poll,
    events: Events,
    work: Arc<Work>,
    connections: Vec<Connection>,
    /// The connections that wait for nothing, the one that has done so for longest first.
    idle: VecDeque<usize>,
    chunk: Vec<u8>,
}

struct Connection {
    stream: TcpStream,
    heard: Vec<u8>,
    asked: Option<(Question, Instant)>,
}

impl Load {
    /// Connects. `batch`: how many answers are taken before it looks at the time again.
    pub(crate) fn open(
        server: SocketAddr,
        connections: usize,
        batch: usize,
        work: Arc<Work>,
    ) -> io::Result<Self> {
        let poll = Poll::new()?;
        let open = |number| Connection::open(server, Token(number), &poll);
        let idle = (0..connections).collect();
        let connections = (0..connections).map(open).collect::<io::Result<_>>()?;
        let (events, chunk) = (Events::with_capacity(batch), vec![0; CHUNK]);
        Ok(Self { poll, events, work, connections, idle, chunk })
    }

    /// Asks all `questions`, as many at a time as there are connections.
    pub(crate) fn run(
        &mut self,
        questions: impl Iterator<Item = Question>,
        expected: Expected,
    ) -> io::Result<Tally> {
        let (mut questions, mut tally) = (questions.fuse(), Tally::default());
        loop {
            while self.has_idle() {
                let Some(question) = questions.next() else { break };
                self.ask(question, Instant::now(), &mut tally)?;
            }
            if self.is_idle() {
                return Ok(tally);
            }
            if self.listen(Some(PATIENCE), expected, &mut tally)? == 0 {
                return Err(io::Error::other(format!("no answer within {PATIENCE:?}")));
            }
        }
    }

    /// Whether one of them waits for nothing.
    pub(crate) fn has_idle(&self) -> bool {
        !self.idle.is_empty()
    }

    /// Whether all of them wait for nothing.
    pub(crate) fn is_idle(&self) -> bool {
        self.idle.len() == self.connections.len()
    }

    /// Asks on the connection that was idle for longest, if there is one.
    pub(crate) fn ask(
        &mut self,
        question: Question,
        due: Instant,
        tally: &mut Tally,
    ) -> io::Result<()> {
        let idle = self.idle.pop_front();
        let Some(connection) = idle.and_then(|number| self.connections.get_mut(number)) else {
            return Err(io::Error::other("asked without an idle connection"));
        };
        tally.late.push(due.elapsed());
        connection.heard.clear();
        connection.asked = Some((question, due));
        // A request is far smaller than an empty socket buffer: it never has to wait.
        connection.stream.write_all(self.work.request(question).as_bytes())
    }

    /// Waits so long for answers, and takes a batch of them. How many connections had something.
    pub(crate) fn listen(
        &mut self,
        wait: Option<Duration>,
        expected: Expected,
        tally: &mut Tally,
    ) -> io::Result<usize> {
        while let Err(error) = self.poll.poll(&mut self.events, wait) {
            // As when the machine is halted for a moment. What has come is still there.
            if error.kind() != ErrorKind::Interrupted {
                return Err(error);
            }
        }
        let mut seen = 0;
        for event in &self.events {
            seen += 1;
            let number = event.token().0;
            let Some(connection) = self.connections.get_mut(number) else { continue };
            if connection.listen(&mut self.chunk, &self.work, expected, tally)? {
                self.idle.push_back(number);
            }
        }
        Ok(seen)
    }
}

impl Connection {
    fn open(server: SocketAddr, token: Token, poll: &Poll) -> io::Result<Self> {
        let stream = std::net::TcpStream::connect(server)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let mut stream = TcpStream::from_std(stream);
        poll.registry().register(&mut stream, token, Interest::READABLE)?;
        Ok(Self { stream, heard: Vec::new(), asked: None })
    }

    /// Reads what has come. True once the answer is whole; it is then what was asked for.
    fn listen(
        &mut self,
        chunk: &mut [u8],
        work: &Work,
        expected: Expected,
        tally: &mut Tally,
    ) -> io::Result<bool> {
        let Some((question, due)) = self.asked else {
            return Err(io::Error::other("the server closed or spoke unasked"));
        };
        loop {
            match self.stream.read(chunk) {
                Ok(0) => return Err(io::Error::other("the server closed before its answer")),
                Ok(length) => self.heard.extend_from_slice(chunk.get(..length).unwrap_or_default()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
            if is_answer(&self.heard, question, due, (work, expected), tally)? {
                self.asked = None;
                return Ok(true);
            }
        }
    }
}

/// Whether the answer is whole; it is then counted.
fn is_answer(
    bytes: &[u8],
    question: Question,
    due: Instant,
    (work, expected): (&Work, Expected),
    tally: &mut Tally,
) -> io::Result<bool> {
    let Some(head) = Head::read(bytes)? else { return Ok(false) };
    let body = bytes.get(head.length..).unwrap_or_default();
    if body.len() < head.content_length {
        return Ok(false);
    }
    if head.status == "429" && expected.may_be_limited {
        tally.limited += 1;
        return Ok(true);
    }
    if head.status != "200" || !work.is_body(body, question.ticket) {
        let answer = String::from_utf8_lossy(bytes);
        return Err(io::Error::other(format!("asked {question:?}, heard {answer}")));
    }
    tally.latencies.push(due.elapsed());
    if !head.cache_status.contains(expected.cache_status) {
        tally.others += 1;
        head.cache_status.clone_into(&mut tally.other);
    }
    Ok(true)
}
