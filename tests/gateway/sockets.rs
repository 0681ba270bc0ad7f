//! What only real sockets, real time and a real process can show: signals, a log that nobody
//! reads, and who waits for whom.

use crate::cli::Process;
use crate::cli::get;
use crate::support::client::Client;
use crate::support::client::request;
use std::io::Read;
use std::io::Write;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::Sender;
use std::thread;
use std::time::Duration;
use std::time::Instant;

pub const TICKET: &str = "/v2/support-tickets/t1";
const HELD: &str = "/v2/support-tickets/held";
pub const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn the_second_read_is_a_hit() {
    let upstream = Upstream::open(|socket| socket, answer);
    let process = gateway(&upstream.url("http"), &[]);
    let miss = get(process.address, TICKET).await;
    assert_eq!((miss.status, miss.is_hit()), (200, false), "{}", miss.cache());
    let hit = get(process.address, TICKET).await;
    assert!(hit.is_hit() && hit.text() == miss.text(), "{}", hit.cache());
    assert_eq!(upstream.count(), 1);
}

/// A name that no resolver knows (RFC 6761 section 6.4).
#[tokio::test]
async fn an_upstream_without_an_address_is_a_502_and_no_more() {
    let process = gateway("http://nowhere.invalid", &[("VERIFIK_GATEWAY__UPSTREAM__RETRIES", "0")]);
    let reply = get(process.address, TICKET).await;
    // Where the resolver itself is not reached it may take all the time there is for a connection.
    let expected = [(502, "NAME_FAILED"), (504, "CONNECT_TIMEOUT")];
    let told = |(status, word)| reply.status == status && reply.text().contains(word);
    assert!(expected.into_iter().any(told), "{} {}", reply.status, reply.text());
    assert!(!reply.text().contains("nowhere"), "{}", reply.text());
    assert_eq!(get(process.address, "/_gateway/live").await.status, 200);
}

#[tokio::test]
async fn a_request_under_way_is_finished_after_a_signal() {
    let held = Held::begin(&[]).await;
    held.process.terminate();
    held.drain_has_begun().await;
    let Held { process, mut client, release, .. } = held;
    drop(release);
    let reply = client.reply_to("GET").await.unwrap();
    assert_eq!((reply.status, reply.field("connection")), (200, Some("close")));
    assert!(client.is_closed().await);
    assert_eq!(process.ended().0, Some(0));
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let held = Held::begin(&[]).await;
    held.process.terminate();
    held.drain_has_begun().await;
    held.process.terminate();
    let (code, said) = held.process.ended();
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("cut off by a second signal"), "{said}");
}

#[tokio::test]
async fn a_drain_is_cut_off_at_its_deadline() {
    let held = Held::begin(&[("VERIFIK_GATEWAY__LIFECYCLE__DRAIN_TIMEOUT", "100ms")]).await;
    held.process.terminate();
    let (code, said) = held.process.ended();
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("cut off at lifecycle.drain_timeout"), "{said}");
}

/// More lines than the log's queue and its pipe can hold.
#[tokio::test]
async fn a_log_that_nobody_reads_stalls_no_request_and_no_end() {
    const ROUNDS: usize = 200;
    const AT_ONCE: usize = 100;
    let held = Held::begin(&[("VERIFIK_GATEWAY__LOG__ACCESS", "all")]).await;
    let socket = tokio::net::TcpStream::connect(held.process.address).await.unwrap();
    let mut client = Client::new(socket);
    let pipelined = request("GET", TICKET, &[("authorization", "Bearer ana")], "").repeat(AT_ONCE);
    for round in 0..ROUNDS {
        client.write(&pipelined).await;
        for _ in 0..AT_ONCE {
            let reply = tokio::time::timeout(PATIENCE, client.reply_to("GET")).await;
            let reply = reply.unwrap_or_else(|_| panic!("stalled in round {round}"));
            assert_eq!(reply.unwrap().status, 200);
        }
    }
    held.process.terminate();
    held.drain_has_begun().await;
    held.process.terminate();
    let mut process = held.process;
    assert_eq!(process.exit_code(), Some(1));
}

/// What the client does not take, the upstream cannot send: nothing between them holds it.
#[tokio::test]
async fn a_client_that_does_not_read_holds_the_upstream_back() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let process = gateway(&format!("http://{}", listener.local_addr().unwrap()), &[]);
    let sent = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&sent);
    thread::spawn(move || {
        let mut socket = listener.accept().unwrap().0;
        assert_ne!(socket.read(&mut [0; 4096]).unwrap(), 0);
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", PARTS * PART);
        socket.write_all(head.as_bytes()).unwrap();
        for _ in 0..PARTS {
            socket.write_all(&[b'x'; PART]).unwrap();
            counted.fetch_add(1, Ordering::SeqCst);
        }
    });
    let socket = tokio::net::TcpStream::connect(process.address).await.unwrap();
    let mut client = Client::new(socket);
    client.write(request("GET", "/v2/large", &[], "")).await;
    let before = settled(|| sent.load(Ordering::SeqCst)).await;
    assert!(before < PARTS, "all of it was taken, and somebody holds it");
    let reply = client.reply_to("GET").await.unwrap();
    assert_eq!((reply.status, reply.message.body.len()), (200, PARTS * PART));
}

const PART: usize = 8 << 10;
/// Together more than the buffers of all sockets on the way.
const PARTS: usize = 8 << 10;

/// One request after the other: the next is looked at when the answer before it is on its way.
#[tokio::test]
async fn a_client_that_asks_on_without_reading_is_not_answered_ahead() {
    const ASKED: usize = 200;
    let thread = "x".repeat(512 << 10);
    let upstream = Upstream::open(
        |socket| socket,
        move |head| ticket(head, &format!(r#","threads":["{thread}"]"#)),
    );
    let process = gateway(&upstream.url("http"), &[]);
    let mut client = Client::new(tokio::net::TcpStream::connect(process.address).await.unwrap());
    for number in 0..ASKED {
        let target = format!("/v2/support-tickets/t{number}");
        client.write(request("GET", &target, &[("authorization", "Bearer ana")], "")).await;
    }
    let answered = settled(|| upstream.count()).await;
    assert!(answered < ASKED, "all of them were answered, and somebody holds the answers");
}

/// What a count is once it has begun and goes no further.
async fn settled(count: impl Fn() -> usize) -> usize {
    let settling = async {
        let mut before = 0;
        while before == 0 || count() != before {
            before = count();
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        before
    };
    tokio::time::timeout(PATIENCE, settling).await.unwrap()
}

/// The gateway in front of an upstream.
pub fn gateway(upstream: &str, environment: &[(&str, &str)]) -> Process {
    Process::start(&["--listen", "127.0.0.1:0", "--upstream", upstream], environment)
}

/// A gateway with a request under way, which the upstream answers once it is released; it answers
/// others at once.
struct Held {
    process: Process,
    client: Client<tokio::net::TcpStream>,
    release: Sender<()>,
}

impl Held {
    async fn begin(environment: &[(&str, &str)]) -> Self {
        let (arrived, arrivals) = mpsc::channel();
        let (release, released) = mpsc::channel();
        let released: Mutex<Receiver<()>> = Mutex::new(released);
        let upstream = Upstream::open(
            |socket| socket,
            move |head| {
                if head.contains(HELD) {
                    arrived.send(()).unwrap();
                    let _ = released.lock().unwrap().recv();
                }
                answer(head)
            },
        );
        let process = gateway(&upstream.url("http"), environment);
        let socket = tokio::net::TcpStream::connect(process.address).await.unwrap();
        let mut client = Client::new(socket);
        client.write(request("GET", HELD, &[("authorization", "Bearer ana")], "")).await;
        arrivals.recv_timeout(PATIENCE).unwrap();
        Self { process, client, release }
    }

    /// Waits until no more connections are taken.
    async fn drain_has_begun(&self) {
        let began = Instant::now();
        while tokio::net::TcpStream::connect(self.process.address).await.is_ok() {
            assert!(began.elapsed() < PATIENCE, "it goes on taking connections");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// A small upstream on a real socket, with a thread for each connection.
pub struct Upstream {
    address: SocketAddr,
    heard: Arc<Mutex<String>>,
}

impl Upstream {
    /// `shake` comes before the first request; `say` answers the head of each.
    pub fn open<T: Read + Write>(
        shake: impl Fn(TcpStream) -> T + Send + Sync + 'static,
        say: impl Fn(&str) -> String + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let heard = Arc::new(Mutex::new(String::new()));
        let shared = Arc::new((shake, say, Arc::clone(&heard)));
        thread::spawn(move || {
            for socket in listener.incoming() {
                let (socket, shared) = (socket.unwrap(), Arc::clone(&shared));
                thread::spawn(move || converse(shared.0(socket), &shared.1, &shared.2));
            }
        });
        Self { address, heard }
    }

    pub fn url(&self, scheme: &str) -> String {
        format!("{scheme}://localhost:{}", self.address.port())
    }

    /// What it was told, beneath TLS where there is TLS.
    pub fn heard(&self) -> String {
        self.heard.lock().unwrap().clone()
    }

    /// How many requests it has heard.
    pub fn count(&self) -> usize {
        self.heard().matches("\r\n\r\n").count()
    }
}

/// Until the other side leaves, or says something that is not meant.
fn converse(mut io: impl Read + Write, say: &dyn Fn(&str) -> String, heard: &Mutex<String>) {
    let (mut request, mut part) = (String::new(), [0; 4096]);
    while let Ok(length @ 1..) = io.read(&mut part) {
        let text = String::from_utf8_lossy(&part[..length]);
        heard.lock().unwrap().push_str(&text);
        request.push_str(&text);
        if request.ends_with("\r\n\r\n") {
            if io.write_all(say(&request).as_bytes()).and_then(|()| io.flush()).is_err() {
                return;
            }
            request.clear();
        }
    }
}

/// An open ticket of the id asked for.
pub fn answer(head: &str) -> String {
    ticket(head, "")
}

/// The same, with more in it.
fn ticket(head: &str, more: &str) -> String {
    let id = head.split(' ').nth(1).and_then(|path| path.rsplit('/').next()).unwrap();
    let body = format!(r#"{{"data":{{"_id":"{id}","status":"open"{more}}}}}"#);
    let length = body.len();
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}
