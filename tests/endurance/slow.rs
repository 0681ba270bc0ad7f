//! Connections that are slow on purpose.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpSocket;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::sleep;

/// In what a connection is slow.
#[derive(Clone, Copy, Debug)]
pub enum Slow {
    /// Its head never ends.
    Head,
    /// Its upload never ends.
    Upload,
    /// It does not read what it asked for.
    Reader(&'static str),
}

/// From one octet to the next.
const EVERY: Duration = Duration::from_millis(500);

/// Many of them; they end when this is dropped.
pub struct Crowd {
    open: Arc<AtomicUsize>,
    _tasks: JoinSet<()>,
}

impl Crowd {
    /// So many connections, in turn of each kind; the sooner closed, the sooner there again.
    pub fn of(gateway: SocketAddr, count: usize, kinds: &[Slow]) -> Self {
        let (open, mut tasks) = (Arc::new(AtomicUsize::new(0)), JoinSet::new());
        for kind in kinds.iter().cycle().take(count) {
            tasks.spawn(persist(gateway, *kind, Arc::clone(&open)));
        }
        Self { open, _tasks: tasks }
    }

    /// How many are open, as far as they know.
    pub fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }
}

async fn persist(gateway: SocketAddr, kind: Slow, open: Arc<AtomicUsize>) {
    loop {
        let socket = TcpSocket::new_v4().unwrap();
        // So that the system holds little of what is not read.
        socket.set_recv_buffer_size(4 * 1024).unwrap();
        if let Ok(socket) = socket.connect(gateway).await {
            open.fetch_add(1, Ordering::Relaxed);
            // Its end, whatever it is, is what was to be expected.
            let _ = drip(socket, kind).await;
            open.fetch_sub(1, Ordering::Relaxed);
        }
        sleep(EVERY).await;
    }
}

async fn drip(mut socket: TcpStream, kind: Slow) -> std::io::Result<()> {
    let begun = match kind {
        Slow::Head => "GET /v2/support-tickets/t1 HTTP/1.1\r\nhost: gateway\r\nx-slow: ".to_owned(),
        Slow::Upload => {
            "POST /v2/uploads HTTP/1.1\r\nhost: gateway\r\ncontent-length: 1000000\r\n\r\n"
                .to_owned()
        }
        Slow::Reader(path) => {
            format!("GET {path} HTTP/1.1\r\nhost: gateway\r\nauthorization: Bearer ann\r\n\r\n")
        }
    };
    socket.write_all(begun.as_bytes()).await?;
    loop {
        sleep(EVERY).await;
        match kind {
            Slow::Head | Slow::Upload => socket.write_all(b"x").await?,
            Slow::Reader(..) if socket.read(&mut [0]).await? == 0 => return Ok(()),
            Slow::Reader(..) => {}
        }
    }
}
