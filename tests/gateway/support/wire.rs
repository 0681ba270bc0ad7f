//! HTTP/1.1 messages read by hand, so that a test sees what is on the wire and not what a library
//! made of it.

use tokio::io::AsyncRead;
use tokio::io::AsyncReadExt;
use tokio::io::DuplexStream;

/// A message as it was on the wire.
#[derive(Clone, Debug, Default)]
pub struct Message {
    /// The request line or status line.
    pub start: String,
    /// The fields in their order, names in lower case.
    pub fields: Vec<(String, String)>,
    /// The body without its framing.
    pub body: Vec<u8>,
    /// Whether the body ended where it said it would.
    pub whole: bool,
}

impl Message {
    /// The first value of a field.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// Every value of a field, in order.
    pub fn all(&self, name: &str) -> Vec<&str> {
        self.fields.iter().filter(|(n, _)| n == name).map(|(_, value)| value.as_str()).collect()
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// One end of a connection, with what was read and not used yet.
pub struct Reader<T = DuplexStream> {
    pub io: T,
    buffer: Vec<u8>,
}

/// How a body ends.
pub enum End {
    /// As the fields say; without a word there is none.
    ByFields,
    /// As the fields say; without a word where the connection does.
    ByFieldsOrClose,
    /// There is none, whatever the fields say.
    None,
}

impl<T: AsyncRead + Unpin> Reader<T> {
    pub fn new(io: T) -> Self {
        Self { io, buffer: Vec::new() }
    }

    /// The next message; `None` once the connection has ended.
    pub async fn message(&mut self, end: impl FnOnce(&str) -> End) -> Option<Message> {
        let mut message = self.head().await?;
        let length = message.field("content-length").and_then(|length| length.parse().ok());
        let chunked = message.field("transfer-encoding") == Some("chunked");
        message.whole = match (end(&message.start), chunked, length) {
            (End::None, _, _) | (End::ByFields, false, None) => true,
            (_, true, _) => self.chunks(&mut message.body).await,
            (_, false, Some(length)) => self.exactly(length, &mut message.body).await,
            (End::ByFieldsOrClose, false, None) => {
                while self.more().await {}
                message.body = std::mem::take(&mut self.buffer);
                true
            }
        };
        Some(message)
    }

    /// The head of the next message; `None` once the connection has ended.
    pub async fn head(&mut self) -> Option<Message> {
        let end = loop {
            if let Some(end) = self.buffer.windows(4).position(|w| w == b"\r\n\r\n") {
                break end;
            }
            if !self.more().await {
                return None;
            }
        };
        let head: Vec<u8> = self.buffer.drain(..end + 4).collect();
        let head = String::from_utf8_lossy(&head).into_owned();
        let mut lines = head.trim_end().split("\r\n");
        let start = lines.next()?.to_owned();
        let fields = lines.filter_map(|line| line.split_once(':'));
        let fields = fields.map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()));
        Some(Message { start, fields: fields.collect(), body: Vec::new(), whole: false })
    }

    /// Appends the next `length` octets to `body`; whether they came.
    pub async fn exactly(&mut self, length: usize, body: &mut Vec<u8>) -> bool {
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
            let Some(size) = self.line().await else { return false };
            let Ok(size) = usize::from_str_radix(size.trim(), 16) else { return false };
            if size == 0 {
                return self.line().await.is_some();
            }
            if !self.exactly(size, body).await || self.line().await.is_none() {
                return false;
            }
        }
    }

    async fn line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|w| w == b"\r\n") {
                let line: Vec<u8> = self.buffer.drain(..end + 2).collect();
                return Some(String::from_utf8_lossy(&line[..end]).into_owned());
            }
            if !self.more().await {
                return None;
            }
        }
    }

    /// Whether anything more came.
    pub async fn more(&mut self) -> bool {
        self.buffer.reserve(16 * 1024);
        self.io.read_buf(&mut self.buffer).await.unwrap_or(0) > 0
    }
}
