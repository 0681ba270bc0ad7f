//! The upstream: answers tickets as fast as it can, or after a set time, and counts.
//!
//! Raw bytes on one thread, so that little of the machine goes into what is not measured.

use crate::support::work;
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

/// The upstream as its users see it. It runs until the process ends.
#[derive(Debug)]
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    requests: Arc<AtomicU64>,
}

impl Upstream {
    /// Starts answering, `latency` after each request.
    pub(crate) fn start(latency: Duration) -> io::Result<Self> {
        let mut listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        let address = listener.local_addr()?;
        let poll = Poll::new()?;
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        let requests = Arc::new(AtomicU64::new(0));
        let desk = Desk {
            poll,
            listener,
            latency,
            requests: Arc::clone(&requests),
            connections: HashMap::new(),
            accepted: LISTENER.0,
            due: VecDeque::new(),
        };
        thread::spawn(move || desk.work());
        Ok(Self { address, requests })
    }

    /// Requests received so far.
    pub(crate) fn requests(&self) -> u64 {
        self.requests.load(Ordering::SeqCst)
    }
}

struct Desk {
    poll: Poll,
    listener: TcpListener,
    latency: Duration,
    requests: Arc<AtomicU64>,
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
        while let Some(id) = connection.next_request() {
            self.requests.fetch_add(1, Ordering::SeqCst);
            let answer = answer(&id);
            if self.latency.is_zero() {
                connection.send(&answer);
            } else {
                self.due.push_back((Instant::now() + self.latency, token, answer));
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

    /// The id the next whole request asks for. The requests here have no body.
    fn next_request(&mut self) -> Option<String> {
        let end = self.heard.windows(4).position(|four| four == b"\r\n\r\n")?;
        let head: Vec<u8> = self.heard.drain(..end + 4).collect();
        let head = String::from_utf8_lossy(&head);
        let target = head.split(' ').nth(1).unwrap_or_default();
        Some(target.strip_prefix(work::PATH).unwrap_or_default().to_owned())
    }

    /// An answer is far smaller than an empty socket buffer. Where it does not fit all the same,
    /// the gateway misses it and the run fails.
    fn send(&mut self, answer: &str) {
        let _ = self.stream.write_all(answer.as_bytes());
    }
}

/// As the API is known to answer: without `Cache-Control`, without a validator.
fn answer(id: &str) -> String {
    let date = fmt_http_date(SystemTime::now());
    let body = work::body(id);
    let length = body.len();
    [
        "HTTP/1.1 200 OK\r\nx-powered-by: Express\r\n",
        "content-type: application/json; charset=utf-8\r\n",
        &format!("date: {date}\r\ncontent-length: {length}\r\n\r\n"),
        &body,
    ]
    .concat()
}
