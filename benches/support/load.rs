//! The load: keep-alive connections in a closed loop, on one thread.
//!
//! Each connection asks, waits for the whole answer, checks every byte of it, and asks again.

use crate::support::response::Head;
use crate::support::work;
use crate::support::work::Question;
use mio::Events;
use mio::Interest;
use mio::Poll;
use mio::Token;
use mio::net::TcpStream;
use std::io;
use std::io::ErrorKind;
use std::io::Read;
use std::io::Write;
use std::net::SocketAddr;
use std::time::Duration;
use std::time::Instant;

/// Longer than any answer here can take.
const PATIENCE: Duration = Duration::from_secs(10);

/// What an answer must be, besides a 200 with a ticket.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expected {
    /// Part of `Cache-Status`. Empty: it may be anything, or not be there.
    pub(crate) cache_status: &'static str,
    /// The one ticket the server has, where it does not look at what is asked for.
    pub(crate) only_ticket: Option<u64>,
}

impl Expected {
    /// The ticket asked for, and this in `Cache-Status`.
    pub(crate) const fn cache_status(part: &'static str) -> Self {
        Self { cache_status: part, only_ticket: None }
    }
}

/// What came of a run. Every answer was as expected: anything else is an error of the run.
#[derive(Debug)]
pub(crate) struct Tally {
    /// From asking to the last byte, one for each request.
    pub(crate) latencies: Vec<Duration>,
    /// From the first question to the last answer.
    pub(crate) took: Duration,
}

/// Open connections to one server.
pub(crate) struct Load {
    poll: Poll,
    connections: Vec<Connection>,
}

struct Connection {
    stream: TcpStream,
    heard: Vec<u8>,
    asked: Option<(Question, Instant)>,
}

impl Load {
    /// Connects.
    pub(crate) fn open(server: SocketAddr, connections: usize) -> io::Result<Self> {
        let poll = Poll::new()?;
        let open = |number| Connection::open(server, Token(number), &poll);
        let connections = (0..connections).map(open).collect::<io::Result<_>>()?;
        Ok(Self { poll, connections })
    }

    /// Asks all `questions`, as many at a time as there are connections.
    pub(crate) fn run(
        &mut self,
        mut questions: impl Iterator<Item = Question>,
        expected: Expected,
    ) -> io::Result<Tally> {
        let (began, mut latencies) = (Instant::now(), Vec::new());
        let mut asking = 0;
        for connection in &mut self.connections {
            asking += usize::from(connection.ask(questions.next())?);
        }
        let mut events = Events::with_capacity(1_024);
        while asking > 0 {
            match self.poll.poll(&mut events, Some(PATIENCE)) {
                // As when the machine is halted for a moment. What has come is still there.
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                outcome => outcome?,
            }
            if events.is_empty() {
                return Err(io::Error::other("no answer within ten seconds"));
            }
            for event in &events {
                let Some(connection) = self.connections.get_mut(event.token().0) else { continue };
                let Some(latency) = connection.listen(expected)? else { continue };
                latencies.push(latency);
                asking -= usize::from(!connection.ask(questions.next())?);
            }
        }
        Ok(Tally { latencies, took: began.elapsed() })
    }
}

impl Connection {
    fn open(server: SocketAddr, token: Token, poll: &Poll) -> io::Result<Self> {
        let stream = std::net::TcpStream::connect(server)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let mut stream = TcpStream::from_std(stream);
        poll.registry().register(&mut stream, token, Interest::READABLE)?;
        Ok(Self { stream, heard: Vec::with_capacity(4_096), asked: None })
    }

    /// False: there was nothing left to ask.
    fn ask(&mut self, question: Option<Question>) -> io::Result<bool> {
        let Some(question) = question else { return Ok(false) };
        self.heard.clear();
        self.asked = Some((question, Instant::now()));
        // A request is far smaller than an empty socket buffer: it never has to wait.
        self.stream.write_all(work::request(question).as_bytes())?;
        Ok(true)
    }

    /// Reads what has come. The latency, once the answer is whole and proved right.
    fn listen(&mut self, expected: Expected) -> io::Result<Option<Duration>> {
        let Some((question, asked_at)) = self.asked else {
            return Err(io::Error::other("the server closed or spoke unasked"));
        };
        let mut chunk = [0; 4_096];
        loop {
            match self.stream.read(&mut chunk) {
                Ok(0) => return Err(io::Error::other("the server closed before its answer")),
                Ok(length) => self.heard.extend_from_slice(chunk.get(..length).unwrap_or_default()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
                Err(error) => return Err(error),
            }
            if is_answer(&self.heard, question, expected)? {
                self.asked = None;
                return Ok(Some(asked_at.elapsed()));
            }
        }
    }
}

/// Whether the answer is whole; it is then what was expected.
fn is_answer(bytes: &[u8], question: Question, expected: Expected) -> io::Result<bool> {
    let Some(head) = Head::read(bytes)? else { return Ok(false) };
    let body = bytes.get(head.length..).unwrap_or_default();
    if body.len() < head.content_length {
        return Ok(false);
    }
    let id = work::id(expected.only_ticket.unwrap_or(question.ticket));
    let right = head.status == "200"
        && head.cache_status.contains(expected.cache_status)
        && work::is_body(body, &id);
    if right {
        return Ok(true);
    }
    let answer = String::from_utf8_lossy(bytes);
    Err(io::Error::other(format!("asked for {id}, expected {expected:?}, heard {answer}")))
}
