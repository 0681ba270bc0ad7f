//! The upstream of all: answers tickets that may be kept for an hour, says for whom, and counts.
//!
//! Raw bytes on one thread, so that little of the machine goes into what is not measured. Unlike the
//! API it says how long its answers are good: each cache is told by it, and none by a setting.

use crate::support::work;
use crate::support::work::Question;
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

/// The field that names the token an answer was given to, by its number.
pub(crate) const SERVED_FOR: &str = "x-served-for";

const LISTENER: Token = Token(0);

/// The upstream as its users see it. It runs until the process ends.
#[derive(Debug)]
pub(crate) struct Origin {
    pub(crate) address: SocketAddr,
    ledger: Arc<Ledger>,
}

#[derive(Debug, Default)]
struct Ledger {
    requests: AtomicU64,
    latency_millis: AtomicU64,
}

impl Origin {
    /// Starts answering, without delay.
    pub(crate) fn start() -> io::Result<Self> {
        let mut listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        let address = listener.local_addr()?;
        let poll = Poll::new()?;
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        let ledger = Arc::new(Ledger::default());
        let desk = Desk {
            poll,
            listener,
            ledger: Arc::clone(&ledger),
            credentials: (0..work::TOKENS).map(credential).collect(),
            connections: HashMap::new(),
            accepted: LISTENER.0,
            due: VecDeque::new(),
        };
        thread::spawn(move || {
            let outcome = desk.work();
            eprintln!("the upstream has ended: {outcome:?}");
        });
        Ok(Self { address, ledger })
    }

    /// Requests received so far.
    pub(crate) fn requests(&self) -> u64 {
        self.ledger.requests.load(Ordering::SeqCst)
    }

    /// Answers each request this long after it came, from now on.
    pub(crate) fn set_latency(&self, latency: Duration) {
        let millis = u64::try_from(latency.as_millis()).unwrap_or(u64::MAX);
        self.ledger.latency_millis.store(millis, Ordering::SeqCst);
    }
}

struct Desk {
    poll: Poll,
    listener: TcpListener,
    ledger: Arc<Ledger>,
    credentials: Vec<String>,
    connections: HashMap<Token, Connection>,
    accepted: usize,
    /// The answers that wait for their time, earliest first.
    due: VecDeque<(Instant, Token, String)>,
}

struct Connection {
    stream: TcpStream,
    heard: Vec<u8>,
}

impl Desk {
    /// Ends only when the poll itself fails.
    fn work(mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(1_024);
        loop {
            let wait = self.due.front().map(|(due, ..)| due.duration_since(Instant::now()));
            // A poll rounds down to a millisecond: shorter waits would spin.
            let wait = wait.map(|wait| wait.max(Duration::from_millis(1)));
            match self.poll.poll(&mut events, wait) {
                // As when the machine is halted for a moment. What has come is still there.
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                outcome => outcome?,
            }
            for event in &events {
                match event.token() {
                    LISTENER => self.accept()?,
                    token => self.listen(token),
                }
            }
            self.answer_due();
        }
    }

    fn accept(&mut self) -> io::Result<()> {
        while let Ok((mut stream, _)) = self.listener.accept() {
            self.accepted += 1;
            let token = Token(self.accepted);
            stream.set_nodelay(true)?;
            self.poll.registry().register(&mut stream, token, Interest::READABLE)?;
            self.connections.insert(token, Connection { stream, heard: Vec::new() });
        }
        Ok(())
    }

    fn listen(&mut self, token: Token) {
        let Some(connection) = self.connections.get_mut(&token) else { return };
        let open = connection.read();
        while let Some(head) = connection.next_request() {
            self.ledger.requests.fetch_add(1, Ordering::SeqCst);
            let answer = answer(&head, &self.credentials);
            match self.ledger.latency_millis.load(Ordering::SeqCst) {
                0 => connection.send(&answer),
                millis => {
                    let due = Instant::now() + Duration::from_millis(millis);
                    self.due.push_back((due, token, answer));
                }
            }
        }
        if !open {
            self.connections.remove(&token);
        }
    }

    fn answer_due(&mut self) {
        let now = Instant::now();
        while let Some((_, token, answer)) = self.due.pop_front_if(|(due, ..)| *due <= now) {
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

    /// An answer is far smaller than an empty socket buffer. Where it does not fit all the same,
    /// the cache misses it and the run fails.
    fn send(&mut self, answer: &str) {
        let _ = self.stream.write_all(answer.as_bytes());
    }
}

fn answer(request: &str, credentials: &[String]) -> String {
    let target = request.split(' ').nth(1).unwrap_or_default();
    let body = work::body(target.strip_prefix(work::PATH).unwrap_or_default());
    let asker = credential_in(request);
    let served_for = credentials.iter().position(|credential| asker == Some(credential));
    let served_for = served_for.map_or_else(|| "nobody".to_owned(), |number| number.to_string());
    let (date, length) = (fmt_http_date(SystemTime::now()), body.len());
    [
        "HTTP/1.1 200 OK\r\nx-powered-by: Express\r\n",
        "content-type: application/json; charset=utf-8\r\n",
        "cache-control: public, max-age=3600\r\n",
        &format!("{SERVED_FOR}: {served_for}\r\ndate: {date}\r\ncontent-length: {length}\r\n\r\n"),
        &body,
    ]
    .concat()
}

/// What stands in `Authorization` when this token asks.
fn credential(token: u64) -> String {
    let request = work::request(Question { ticket: 0, token });
    credential_in(&request).unwrap_or_default().to_owned()
}

fn credential_in(request: &str) -> Option<&str> {
    let mut fields = request.lines().filter_map(|line| line.split_once(':'));
    let (_, value) = fields.find(|(name, _)| name.eq_ignore_ascii_case("authorization"))?;
    Some(value.trim())
}
