//! A client in no hurry to fail: every reply has to be a whole 200.

use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Longer than any healthy answer takes on a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(20);

pub struct Client {
    socket: TcpStream,
    octets: Vec<u8>,
}

impl Client {
    pub async fn connect(gateway: SocketAddr) -> Self {
        let socket = timeout(PATIENCE, TcpStream::connect(gateway)).await;
        let socket = socket.expect("no connection in time").expect("a connection");
        socket.set_nodelay(true).unwrap();
        Self { socket, octets: Vec::new() }
    }

    /// Reads a ticket. `Err` says what went wrong.
    pub async fn try_read(&mut self, id: &str, token: &str) -> Result<Vec<u8>, String> {
        let head = format!(
            "GET /v2/support-tickets/{id} HTTP/1.1\r\nhost: gateway\r\nauthorization: {token}\r\n\r\n"
        );
        self.socket.write_all(head.as_bytes()).await.map_err(|error| error.to_string())?;
        let reply = timeout(PATIENCE, self.reply()).await;
        reply.map_err(|_| "no reply in time".to_owned())?
    }

    /// Reads a ticket, which has to succeed.
    pub async fn read(&mut self, id: &str, token: &str) -> Vec<u8> {
        self.try_read(id, token).await.unwrap_or_else(|wrong| panic!("{id}: {wrong}"))
    }

    async fn reply(&mut self) -> Result<Vec<u8>, String> {
        let end = loop {
            if let Some(end) = self.octets.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
            self.more().await?;
        };
        let head = String::from_utf8(self.octets.drain(..end).collect()).unwrap();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.ok_or_else(|| head.clone())?.parse().unwrap();
        while self.octets.len() < length {
            self.more().await?;
        }
        let body: Vec<u8> = self.octets.drain(..length).collect();
        let said = || format!("{head}{}", String::from_utf8_lossy(&body));
        if head.starts_with("HTTP/1.1 200 ") { Ok(body) } else { Err(said()) }
    }

    async fn more(&mut self) -> Result<(), String> {
        match self.socket.read_buf(&mut self.octets).await {
            Ok(0) => Err("the connection has ended".to_owned()),
            Ok(_) => Ok(()),
            Err(error) => Err(error.to_string()),
        }
    }
}
