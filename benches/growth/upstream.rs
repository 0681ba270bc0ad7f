//! The upstream: answers tickets of a set length, after a set time, up to a set rate, and counts.
//!
//! Raw bytes on one thread, so that little of the machine goes into what is not measured. That
//! thread is its own, or the one that also asks: where both share a core and the asking one never
//! sleeps, they would keep each other waiting, and what is late would be the bench.

use crate::support::work as tickets;
use crate::work;
use crate::work::Work;
use httpdate::fmt_http_date;
use mio::Events;
use mio::Interest;
use mio::Poll;
use mio::Token;
use mio::net::TcpListener;
use mio::net::TcpStream;
use std::collections::HashMap;
use std::collections::VecDeque;
use std::io;
use std::io::ErrorKind;
use std::io::Read;
use std::io::Write;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;
use std::time::Instant;
use std::time::SystemTime;

const LISTENER: Token = Token(0);
/// So many events are seen to, and so many answers sent, at a time: who shares the thread waits for no more.
const BATCH: usize = 8;
const MILLISECOND: Duration = Duration::from_millis(1);
/// In which the rate is counted. It is used up at once by whoever asks for much.
const WINDOW: Duration = Duration::from_secs(1);
const LIMITED: &str = "HTTP/1.1 429 Too Many Requests\r\ncontent-length: 0\r\n\r\n";

/// How it answers.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Terms {
    /// After each request.
    pub(crate) latency: Duration,
    /// From the credential with this number it takes only so many in each [`WINDOW`].
    pub(crate) limit: Option<(u64, u32)>,
}

/// What it has received so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Count(Arc<AtomicU64>);

impl Count {
    /// Requests, whatever came of them.
    pub(crate) fn requests(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// The upstream at work.
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    pub(crate) count: Count,
    poll: Poll,
    events: Events,
    listener: TcpListener,
    work: Arc<Work>,
    terms: Terms,
    limited: Option<String>,
    window: (Instant, u32),
    connections: HashMap<Token, Connection>,
    accepted: usize,
    /// The answers that wait for their time, earliest first.
    due: VecDeque<(Instant, Token, String)>,
}

struct Connection {
    stream: TcpStream,
    heard: Vec<u8>,
    /// What the socket has not taken yet.
    unsent: Vec<u8>,
}

impl Upstream {
    /// Opens the port. It answers whenever it is [served](Self::serve).
    pub(crate) fn open(work: Arc<Work>, terms: Terms) -> io::Result<Self> {
        let mut listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        let address = listener.local_addr()?;
        let poll = Poll::new()?;
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        Ok(Self {
            address,
            count: Count::default(),
            poll,
            events: Events::with_capacity(BATCH),
            listener,
            work,
            terms,
            limited: terms.limit.map(|(credential, _)| work::token(credential)),
            window: (Instant::now(), 0),
            connections: HashMap::new(),
            accepted: LISTENER.0,
            due: VecDeque::new(),
        })
    }

    /// Answers on a thread of its own until the process ends.
    pub(crate) fn on_its_own(mut self) -> (SocketAddr, Count) {
        let (address, count) = (self.address, self.count.clone());
        thread::spawn(move || {
            let outcome = loop {
                if let Err(error) = self.serve(None) {
                    break error;
                }
            };
            eprintln!("the upstream has ended: {outcome}");
        });
        (address, count)
    }

    /// Waits so long for something to do, and does it.
    pub(crate) fn serve(&mut self, wait: Option<Duration>) -> io::Result<()> {
        let due = self.due.front().map(|(due, ..)| due.duration_since(Instant::now()));
        // A poll rounds down to a millisecond: shorter waits would spin.
        let due = due.map(|due| if due.is_zero() { due } else { due.max(MILLISECOND) });
        match self.poll.poll(&mut self.events, wait.or(due)) {
            // As when the machine is halted for a moment. What has come is still there.
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(()),
            outcome => outcome?,
        }
        let seen: Vec<Token> = self.events.iter().map(mio::event::Event::token).collect();
        for token in seen {
            match token {
                LISTENER => self.accept()?,
                token => self.listen(token),
            }
        }
        self.answer_due();
        Ok(())
    }

    fn accept(&mut self) -> io::Result<()> {
        while let Ok((mut stream, _)) = self.listener.accept() {
            self.accepted += 1;
            let token = Token(self.accepted);
            stream.set_nodelay(true)?;
            let both = Interest::READABLE | Interest::WRITABLE;
            self.poll.registry().register(&mut stream, token, both)?;
            let connection = Connection { stream, heard: Vec::new(), unsent: Vec::new() };
            self.connections.insert(token, connection);
        }
        Ok(())
    }

    fn listen(&mut self, token: Token) {
        let Some(mut connection) = self.connections.remove(&token) else { return };
        let open = connection.read();
        while let Some(head) = connection.next_request() {
            self.count.0.fetch_add(1, Ordering::SeqCst);
            if self.is_too_much(&head) {
                connection.send(LIMITED);
                continue;
            }
            let answer = answer(&head, &self.work);
            if self.terms.latency.is_zero() {
                connection.send(&answer);
            } else {
                self.due.push_back((Instant::now() + self.terms.latency, token, answer));
            }
        }
        connection.flush();
        if open {
            self.connections.insert(token, connection);
        }
    }

    fn is_too_much(&mut self, head: &str) -> bool {
        let Some((_, most)) = self.terms.limit else { return false };
        if self.limited.as_ref().is_none_or(|token| !head.contains(token)) {
            return false;
        }
        let (began, taken) = &mut self.window;
        if began.elapsed() >= WINDOW {
            (*began, *taken) = (Instant::now(), 0);
        }
        let too_much = *taken >= most;
        *taken += u32::from(!too_much);
        too_much
    }

    fn answer_due(&mut self) {
        let now = Instant::now();
        for _ in 0..BATCH {
            let due = self.due.pop_front_if(|(due, ..)| *due <= now);
            let Some((_, token, answer)) = due else { return };
            if let Some(connection) = self.connections.get_mut(&token) {
                connection.send(&answer);
            }
        }
    }
}

impl Connection {
    /// Reads all there is. False: the peer has closed.
    fn read(&mut self) -> bool {
        let mut chunk = [0; 4_096];
        loop {
            match self.stream.read(&mut chunk) {
                Ok(0) => return false,
                Ok(length) => self.heard.extend_from_slice(chunk.get(..length).unwrap_or_default()),
                Err(error) => return error.kind() == ErrorKind::WouldBlock,
            }
        }
    }

    /// The head of the next whole request. The requests here have no body.
    fn next_request(&mut self) -> Option<String> {
        let end = self.heard.windows(4).position(|four| four == b"\r\n\r\n")?;
        let head: Vec<u8> = self.heard.drain(..end + 4).collect();
        Some(String::from_utf8_lossy(&head).into_owned())
    }

    fn send(&mut self, answer: &str) {
        self.unsent.extend_from_slice(answer.as_bytes());
        self.flush();
    }

    /// What the socket does not take now goes when it has room. Where the connection has ended, the
    /// gateway misses the answer and the run fails.
    fn flush(&mut self) {
        let mut sent = 0;
        while let Some(rest) = self.unsent.get(sent..).filter(|rest| !rest.is_empty()) {
            match self.stream.write(rest) {
                Ok(length) if length > 0 => sent += length,
                _ => break,
            }
        }
        self.unsent.drain(..sent);
    }
}

/// As the API is known to answer: without `Cache-Control`, without a validator. A write is answered
/// with the ticket, too.
fn answer(head: &str, work: &Work) -> String {
    let target = head.split(' ').nth(1).unwrap_or_default();
    let body = work.body(target.strip_prefix(tickets::PATH).unwrap_or_default());
    let (date, length) = (fmt_http_date(SystemTime::now()), body.len());
    [
        "HTTP/1.1 200 OK\r\nx-powered-by: Express\r\n",
        "content-type: application/json; charset=utf-8\r\n",
        &format!("date: {date}\r\ncontent-length: {length}\r\n\r\n"),
        &body,
    ]
    .concat()
}
