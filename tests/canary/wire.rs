//! Messages read and written by hand, on either side.

use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

/// A message, and the bytes of its head as they came.
#[derive(Clone, Debug, Default)]
pub struct Message {
    pub start: String,
    pub head: String,
    pub body: Vec<u8>,
}

/// What came of waiting for a message.
#[derive(Debug)]
pub enum Heard {
    Whole(Message),
    /// Its head, and not all of its body.
    Broken(Message),
    /// The connection ended, after these bytes.
    Ended(Vec<u8>),
}

/// One end of a connection, with what was read and not used yet.
pub struct Connection {
    socket: TcpStream,
    buffer: Vec<u8>,
}

impl Message {
    /// Every value of a field, in order.
    pub fn all(&self, name: &str) -> Vec<&str> {
        let fields = self.head.split("\r\n").filter_map(|line| line.split_once(':'));
        let named = fields.filter(|(field, _)| field.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.trim()).collect()
    }

    /// The first value of a field.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.all(name).first().copied()
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The status of a reply.
    pub fn status(&self) -> u16 {
        self.start.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status")
    }
}

impl Heard {
    pub fn whole(self) -> Option<Message> {
        if let Self::Whole(message) = self { Some(message) } else { None }
    }
}

impl Connection {
    pub fn new(socket: TcpStream) -> Self {
        socket.set_nodelay(true).expect("a socket");
        Self { socket, buffer: Vec::new() }
    }

    /// Whether the bytes could be written.
    pub async fn write(&mut self, bytes: &[u8]) -> bool {
        self.socket.write_all(bytes).await.is_ok()
    }

    /// Drops the connection so that the other side hears of it at once.
    pub fn reset(self) {
        let _ = self.socket.set_zero_linger();
    }

    /// The next message; `bodiless` says from its start line whether it has no body in any case.
    pub async fn message(&mut self, bodiless: impl FnOnce(&str) -> bool) -> Heard {
        let end = loop {
            if let Some(end) = self.buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
            if !self.more().await {
                return Heard::Ended(std::mem::take(&mut self.buffer));
            }
        };
        let head = String::from_utf8(self.buffer.drain(..end).collect()).expect("a head in ASCII");
        let start = head.split("\r\n").next().unwrap_or_default().to_owned();
        let mut message = Message { start, head, body: Vec::new() };
        let length = message.field("content-length").map(|length| length.parse().unwrap());
        let whole = match length {
            _ if bodiless(&message.start) => true,
            Some(length) => self.exactly(length, &mut message.body).await,
            None if message.field("transfer-encoding") == Some("chunked") => {
                self.chunks(&mut message.body).await
            }
            None if message.start.starts_with("HTTP/") => {
                while self.more().await {}
                message.body = std::mem::take(&mut self.buffer);
                true
            }
            None => true,
        };
        if whole { Heard::Whole(message) } else { Heard::Broken(message) }
    }

    async fn exactly(&mut self, length: usize, body: &mut Vec<u8>) -> bool {
        while self.buffer.len() < length {
            if !self.more().await {
                body.append(&mut self.buffer);
                return false;
            }
        }
        body.extend(self.buffer.drain(..length));
        true
    }

    async fn chunks(&mut self, body: &mut Vec<u8>) -> bool {
        loop {
            let mut line = Vec::new();
            while !line.ends_with(b"\r\n") {
                if !self.exactly(1, &mut line).await {
                    return false;
                }
            }
            let size = String::from_utf8(line).unwrap();
            let size = usize::from_str_radix(size.trim(), 16).expect("a chunk's size");
            if !self.exactly(size, body).await || !self.exactly(2, &mut Vec::new()).await {
                return false;
            }
            if size == 0 {
                return true;
            }
        }
    }

    /// What comes within a moment, at most so many bytes; for who is about to leave.
    pub async fn glimpse(&mut self, most: usize, moment: Duration) -> Vec<u8> {
        let mut glimpsed = std::mem::take(&mut self.buffer);
        let _ = tokio::time::timeout(moment, async {
            while glimpsed.len() < most
                && self.socket.read_buf(&mut glimpsed).await.unwrap_or(0) > 0
            {}
        })
        .await;
        glimpsed
    }

    /// Whether anything more came.
    async fn more(&mut self) -> bool {
        self.buffer.reserve(16 * 1024);
        self.socket.read_buf(&mut self.buffer).await.unwrap_or(0) > 0
    }
}
