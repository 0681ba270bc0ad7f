//! A client on one connection to the house.

use crate::support::search;
use crate::support::wire::End;
use crate::support::wire::Message;
use crate::support::wire::Reader;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::io::AsyncWriteExt;
use tokio::io::DuplexStream;

/// A client and its connection.
pub struct Client<T = DuplexStream> {
    pub reader: Reader<T>,
}

/// A reply as the client sees it.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    pub message: Message,
}

impl Reply {
    /// The first value of a field.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.message.field(name)
    }

    /// Our own member of `Cache-Status`: the last.
    pub fn cache(&self) -> String {
        self.message.all("cache-status").last().copied().unwrap_or_default().to_owned()
    }

    /// Whether it says that it came from the store.
    pub fn is_hit(&self) -> bool {
        self.cache().starts_with("verifik-gateway; hit")
    }

    /// The body as text.
    pub fn text(&self) -> String {
        self.message.text()
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> Client<T> {
    pub fn new(io: T) -> Self {
        Self { reader: Reader::new(io) }
    }

    /// Writes octets as they are.
    pub async fn write(&mut self, octets: impl AsRef<[u8]>) {
        search::know(octets.as_ref());
        // The house may have closed already; the test then sees it when it reads.
        let _ = self.reader.io.write_all(octets.as_ref()).await;
    }

    /// Closes the writing side.
    pub async fn shut(&mut self) {
        let _ = self.reader.io.shutdown().await;
    }

    /// The next reply to a request of `method`; `None` once the connection has ended.
    pub async fn reply_to(&mut self, method: &str) -> Option<Reply> {
        let head = method == "HEAD";
        let message = self.reader.message(|start| {
            let bodiless = head || start.contains(" 204 ") || start.contains(" 304 ");
            if bodiless { End::None } else { End::ByFieldsOrClose }
        });
        let message = message.await?;
        let status = message.start.split(' ').nth(1)?.parse().ok()?;
        let reply = Reply { status, message };
        search::assert_bare(&reply);
        Some(reply)
    }

    /// Sends a request without a body, and waits for the reply.
    pub async fn ask(&mut self, method: &str, target: &str, fields: &[(&str, &str)]) -> Reply {
        self.write(request(method, target, fields, "")).await;
        self.reply_to(method).await.expect("a reply")
    }

    /// Sends a request with a body, and waits for the reply.
    pub async fn send(
        &mut self,
        method: &str,
        target: &str,
        fields: &[(&str, &str)],
        body: &str,
    ) -> Reply {
        let length = body.len().to_string();
        let fields: Vec<_> = fields.iter().copied().chain([("content-length", &*length)]).collect();
        self.write(request(method, target, &fields, body)).await;
        self.reply_to(method).await.expect("a reply")
    }

    /// Whether the connection ends, with nothing more on it.
    pub async fn is_closed(&mut self) -> bool {
        !self.reader.more().await
    }
}

/// A request as text.
pub fn request(method: &str, target: &str, fields: &[(&str, &str)], body: &str) -> String {
    let lines: String = fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!("{method} {target} HTTP/1.1\r\nhost: gateway\r\n{lines}\r\n{body}")
}
