//! The load at a fixed rate: each request has a time it is due, and its latency counts from then.
//!
//! A server that stalls does not keep the next requests from being due: what a closed loop would
//! leave out of its figures is in these.

use crate::support::response::Head;
use crate::support::work;
use crate::support::work::Question;
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
use std::time::Duration;
use std::time::Instant;

const CONNECTIONS: usize = 128;
/// How long after its end a run may still wait for answers.
const GRACE: Duration = Duration::from_secs(2);

/// How often is asked, and for how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    pub(crate) per_second: u32,
    pub(crate) span: Duration,
}

/// Asks at this pace. From its due time to its last octet, one latency for each request; nothing if
/// the server fell so far behind that there is no telling.
///
/// # Errors
/// If an answer is not the ticket that was asked for, or the only one the server has.
pub(crate) fn run(
    server: SocketAddr,
    pace: Pace,
    only_ticket: Option<u64>,
    mut questions: impl Iterator<Item = Question>,
) -> io::Result<Option<Vec<Duration>>> {
    let mut desk = Desk::open(server, only_ticket)?;
    let gap = Duration::from_secs(1) / pace.per_second;
    let began = Instant::now();
    let (end, mut next_due) = (began + pace.span, began);
    let mut events = Events::with_capacity(1_024);
    loop {
        let now = Instant::now();
        while next_due <= now && next_due < end {
            desk.due.push_back(next_due);
            next_due += gap;
        }
        desk.send_due(&mut questions)?;
        if next_due >= end && desk.is_done() {
            return Ok(Some(desk.latencies));
        }
        if now > end + GRACE {
            return Ok(None);
        }
        // Sleeping would wake late: this thread has a core to itself, and spins.
        match desk.poll.poll(&mut events, Some(Duration::ZERO)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            outcome => outcome?,
        }
        for event in &events {
            desk.listen(event.token().0)?;
        }
    }
}

struct Desk {
    poll: Poll,
    only_ticket: Option<u64>,
    connections: Vec<Connection>,
    /// The connections that wait for nothing, the one that has done so for longest first.
    idle: VecDeque<usize>,
    /// When each of the requests was due that are not sent yet.
    due: VecDeque<Instant>,
    latencies: Vec<Duration>,
}

struct Connection {
    stream: TcpStream,
    heard: Vec<u8>,
    asked: Option<(Question, Instant)>,
}

impl Desk {
    fn open(server: SocketAddr, only_ticket: Option<u64>) -> io::Result<Self> {
        let poll = Poll::new()?;
        let open = |number| Connection::open(server, Token(number), &poll);
        let connections = (0..CONNECTIONS).map(open).collect::<io::Result<_>>()?;
        let idle = (0..CONNECTIONS).collect();
        let (due, latencies) = (VecDeque::new(), Vec::new());
        Ok(Self { poll, only_ticket, connections, idle, due, latencies })
    }

    fn is_done(&self) -> bool {
        self.due.is_empty() && self.idle.len() == self.connections.len()
    }

    fn send_due(&mut self, questions: &mut impl Iterator<Item = Question>) -> io::Result<()> {
        while !self.due.is_empty() {
            let Some(number) = self.idle.pop_front() else { return Ok(()) };
            let Some(connection) = self.connections.get_mut(number) else { continue };
            let (Some(question), Some(due)) = (questions.next(), self.due.pop_front()) else {
                return Ok(());
            };
            connection.ask(question, due)?;
        }
        Ok(())
    }

    fn listen(&mut self, number: usize) -> io::Result<()> {
        let Some(connection) = self.connections.get_mut(number) else { return Ok(()) };
        if let Some(latency) = connection.listen(self.only_ticket)? {
            self.latencies.push(latency);
            self.idle.push_back(number);
        }
        Ok(())
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

    fn ask(&mut self, question: Question, due: Instant) -> io::Result<()> {
        self.heard.clear();
        self.asked = Some((question, due));
        // A request is far smaller than an empty socket buffer: it never has to wait.
        self.stream.write_all(work::request(question).as_bytes())
    }

    /// Reads what has come. The latency, once the answer is whole and proved right.
    fn listen(&mut self, only_ticket: Option<u64>) -> io::Result<Option<Duration>> {
        let Some((question, due)) = self.asked else {
            return Err(io::Error::other("the server closed or spoke unasked"));
        };
        let ticket = only_ticket.unwrap_or(question.ticket);
        let mut chunk = [0; 4_096];
        loop {
            match self.stream.read(&mut chunk) {
                Ok(0) => return Err(io::Error::other("the server closed before its answer")),
                Ok(length) => self.heard.extend_from_slice(chunk.get(..length).unwrap_or_default()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
                Err(error) => return Err(error),
            }
            if is_answer(&self.heard, ticket)? {
                self.asked = None;
                return Ok(Some(due.elapsed()));
            }
        }
    }
}

/// Whether the answer is whole; it is then this ticket.
fn is_answer(bytes: &[u8], ticket: u64) -> io::Result<bool> {
    let Some(head) = Head::read(bytes)? else { return Ok(false) };
    let body = bytes.get(head.length..).unwrap_or_default();
    if body.len() < head.content_length {
        return Ok(false);
    }
    if head.status == "200" && work::is_body(body, &work::id(ticket)) {
        return Ok(true);
    }
    let answer = String::from_utf8_lossy(bytes);
    Err(io::Error::other(format!("asked for {}, heard {answer}", work::id(ticket))))
}
