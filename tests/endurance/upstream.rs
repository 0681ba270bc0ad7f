//! An upstream that answers every read, of as many octets as its path says, and takes every upload.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpSocket;
use tokio::net::TcpStream;

pub struct Upstream {
    address: SocketAddr,
    heard: Arc<AtomicUsize>,
}

impl Upstream {
    pub fn open() -> Self {
        // Room for everybody to come at once: who finds none is heard a second later, or three.
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let listener = socket.listen(4096).unwrap();
        let address = listener.local_addr().unwrap();
        let heard = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&heard);
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(serve(socket, Arc::clone(&counted)));
            }
        });
        Self { address, heard }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How many requests it has heard.
    pub fn heard(&self) -> usize {
        self.heard.load(Ordering::Relaxed)
    }
}

async fn serve(mut socket: TcpStream, heard: Arc<AtomicUsize>) {
    let mut octets = Vec::new();
    loop {
        let end = loop {
            if let Some(end) = octets.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
            if socket.read_buf(&mut octets).await.unwrap_or(0) == 0 {
                return;
            }
        };
        heard.fetch_add(1, Ordering::Relaxed);
        let asked = String::from_utf8(octets.drain(..end).collect()).unwrap();
        if asked.starts_with("POST ") {
            // An upload, until it ends with its connection.
            while socket.read(&mut [0; 1024]).await.unwrap_or(0) > 0 {}
            return;
        }
        if socket.write_all(answer(&asked).as_bytes()).await.is_err() {
            return;
        }
    }
}

/// The ticket that is asked for: `…/NAME-LENGTH` is of that length.
fn answer(head: &str) -> String {
    let path = head.split(' ').nth(1).unwrap();
    let id = path.rsplit('/').next().unwrap();
    let length = id.rsplit_once('-').and_then(|(_, length)| length.parse().ok()).unwrap_or(1_000);
    let text = "x".repeat(length);
    let body = format!(r#"{{"data":{{"_id":"{id}","status":"closed","text":"{text}"}}}}"#);
    let length = body.len();
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}
