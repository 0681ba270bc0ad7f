//! Messages read and written by hand, on either side.

use std::io;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

/// A message: its head as it came, and its body.
#[derive(Clone, Debug, Default)]
pub struct Message {
    pub head: String,
    pub body: Vec<u8>,
}

/// One end of a connection, with what was read and not used yet.
pub struct Connection {
    socket: TcpStream,
    buffer: Vec<u8>,
}

impl Message {
    /// The words of its first line.
    pub fn words(&self) -> Vec<&str> {
        self.head.split("\r\n").next().unwrap_or_default().split(' ').collect()
    }

    /// The first value of a field.
    pub fn field(&self, name: &str) -> Option<&str> {
        let mut fields = self.head.split("\r\n").filter_map(|line| line.split_once(':'));
        let named = fields.find(|(field, _)| field.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.trim())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The status of a reply.
    pub fn status(&self) -> u16 {
        self.words().get(1).and_then(|status| status.parse().ok()).expect("a status")
    }
}

impl Connection {
    pub fn new(socket: TcpStream) -> Self {
        socket.set_nodelay(true).expect("a socket");
        Self { socket, buffer: Vec::new() }
    }

    /// Whether the other side has closed it, as far as can be seen before anything is written.
    pub fn is_closed(&self) -> bool {
        match self.socket.try_read(&mut [0; 1]) {
            Ok(0) => true,
            Ok(_) => panic!("something came that nobody has asked for"),
            Err(error) => error.kind() != io::ErrorKind::WouldBlock,
        }
    }

    pub async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.socket.write_all(bytes).await
    }

    /// The next message, whole. `None` at an end where one could begin.
    ///
    /// # Errors
    /// In words, if it breaks off.
    pub async fn message(&mut self) -> Result<Option<Message>, String> {
        let end = loop {
            if let Some(end) = self.buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
            match self.more().await {
                Ok(0) if self.buffer.is_empty() => return Ok(None),
                Ok(0) => return Err("it ended within a head".to_owned()),
                Ok(_) => {}
                Err(error) => return Err(format!("within a head: {error}")),
            }
        };
        let head = String::from_utf8(self.buffer.drain(..end).collect()).expect("a head in ASCII");
        let mut message = Message { head, body: Vec::new() };
        if let Some(length) = message.field("content-length") {
            let length = length.parse().expect("a length");
            self.exactly(length, &mut message.body).await?;
        } else if message.field("transfer-encoding") == Some("chunked") {
            self.chunks(&mut message.body).await?;
        }
        Ok(Some(message))
    }

    async fn exactly(&mut self, length: usize, body: &mut Vec<u8>) -> Result<(), String> {
        while self.buffer.len() < length {
            match self.more().await {
                Ok(0) => return Err("it ended within a body".to_owned()),
                Ok(_) => {}
                Err(error) => return Err(format!("within a body: {error}")),
            }
        }
        body.extend(self.buffer.drain(..length));
        Ok(())
    }

    async fn chunks(&mut self, body: &mut Vec<u8>) -> Result<(), String> {
        loop {
            let mut line = Vec::new();
            while !line.ends_with(b"\r\n") {
                self.exactly(1, &mut line).await?;
            }
            let size = String::from_utf8(line).unwrap();
            let size = usize::from_str_radix(size.trim(), 16).expect("a chunk's size");
            self.exactly(size, body).await?;
            self.exactly(2, &mut Vec::new()).await?;
            if size == 0 {
                return Ok(());
            }
        }
    }

    async fn more(&mut self) -> io::Result<usize> {
        self.buffer.reserve(16 * 1024);
        self.socket.read_buf(&mut self.buffer).await
    }
}
