//! The stand-in upstream: a small truthful imitation of the ticket API inside the process.
//!
//! `demo` puts the gateway in front of it, so that a newcomer needs no token and no network;
//! `demo --upstream-only` serves it alone. It has the documented endpoints, shapes and errors, and
//! these ids and credentials of its own:
//!
//! | in the request | answer |
//! |---|---|
//! | id `support_ticket_123456789` | the reference page's sample, byte for byte |
//! | any 24 hexadecimal digits as the id | a ticket in the older shape |
//! | an id that begins with `missing` | 404 |
//! | an id that begins with `slow` | after two seconds |
//! | any other id | a ticket; one id in three is settled |
//! | `dead` in the credential | 401 |
//! | `expired` in the credential | 403 `token_expired` |
//!
//! Writes change what later reads answer.

use crate::app::stand_in_answers::Answer;
use crate::app::stand_in_answers::Asked;
use crate::app::stand_in_endpoint::Endpoint;
use crate::app::stand_in_message::dressed;
use crate::app::stand_in_message::json_response;
use crate::app::stand_in_message::preflight;
use crate::app::stand_in_message::receive;
use crate::app::stand_in_message::refusal;
use crate::app::stand_in_tickets::Tickets;
use crate::base::time::Clock;
use crate::base::time::WallTime;
use bytes::Bytes;
use http::HeaderValue;
use http::Method;
use http::Request;
use http::Response;
use http::StatusCode;
use http::header;
use http_body_util::Full;
use humantime::format_rfc3339_millis;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::rt::TokioTimer;
use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::UNIX_EPOCH;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio::time::timeout;

const MAX_CONNECTIONS: usize = 1_024;
/// Also how long an idle connection is kept: longer than a gateway keeps one in its pool.
const HEADER_TIMEOUT: Duration = Duration::from_mins(1);
const BODY_TIMEOUT: Duration = Duration::from_mins(1);
/// Bounds what a client that never reads its answer can hold.
const CONNECTION_AGE: Duration = Duration::from_hours(1);
const SLOW: Duration = Duration::from_secs(2);
/// The end of the year 9999, the last that RFC 3339 can write; since the epoch.
const LAST_MOMENT: Duration = Duration::from_secs(253_402_300_799);

/// The stand-in's whole state. All of it is bounded, and gone with the process.
#[derive(Debug)]
pub struct StandIn {
    clock: Clock,
    latency: Duration,
    tickets: Mutex<Tickets>,
    calls: AtomicU64,
}

impl StandIn {
    /// `latency`: how long every answer takes at least.
    pub fn new(clock: Clock, latency: Duration) -> Self {
        Self { clock, latency, tickets: Mutex::default(), calls: AtomicU64::new(0) }
    }

    /// Requests received so far, of every method and path.
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// Answers on `listener` until dropped; the connections end with it.
    pub async fn serve(self: Arc<Self>, listener: TcpListener) {
        let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        let mut connections = JoinSet::new();
        while let Ok(permit) = Arc::clone(&permits).acquire_owned().await {
            match listener.accept().await {
                Ok((stream, _)) => {
                    let _ = stream.set_nodelay(true);
                    let upstream = Arc::clone(&self);
                    connections.spawn(async move {
                        let _permit = permit;
                        upstream.converse(stream).await;
                    });
                }
                // Most likely out of file descriptors: trying again at once would only spin.
                Err(_) => sleep(Duration::from_millis(100)).await,
            }
            while connections.try_join_next().is_some() {}
        }
    }

    /// One connection. How it ends is the client's business.
    async fn converse(self: Arc<Self>, stream: impl AsyncRead + AsyncWrite + Unpin) {
        let service = service_fn(|request| async {
            Ok::<_, Infallible>(dressed(self.respond(request).await))
        });
        let mut builder = http1::Builder::new();
        builder.timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT);
        let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
        if timeout(CONNECTION_AGE, connection.as_mut()).await.is_err() {
            connection.as_mut().graceful_shutdown();
            let _ = timeout(BODY_TIMEOUT, connection).await;
        }
    }

    async fn respond(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        if request.method() == Method::OPTIONS {
            return preflight(request.headers());
        }
        let (head, body) = request.into_parts();
        let received = timeout(BODY_TIMEOUT, receive(body)).await;
        let (body, body_bytes) = match received.unwrap_or(Err(StatusCode::REQUEST_TIMEOUT)) {
            Ok(body) => body,
            Err(status) => return refusal(status),
        };
        let endpoint = Endpoint::read(head.uri.path());
        let answer = self.answer(Asked {
            method: head.method.as_str(),
            endpoint,
            query: head.uri.query().unwrap_or_default(),
            authorization: head.headers.get(header::AUTHORIZATION).map(HeaderValue::as_bytes),
            body: &body,
            body_bytes,
        });
        // After the answer is known: a slow read shows the ticket as it was when asked for.
        let latency = if endpoint.is_slow() { SLOW } else { self.latency };
        if !latency.is_zero() {
            sleep(latency).await;
        }
        json_response(answer)
    }

    fn answer(&self, asked: Asked<'_>) -> Answer {
        let now = self.clock.moment().wall.since(WallTime::default());
        let now = format_rfc3339_millis(UNIX_EPOCH + now.min(LAST_MOMENT)).to_string();
        let mut tickets = self.tickets.lock().unwrap_or_else(PoisonError::into_inner);
        asked.answer(&mut tickets, &now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::stand_in_message::MAX_BODY;
    use crate::app::stand_in_message::MAX_KEPT_BODY;
    use crate::app::stand_in_ticket::SAMPLE;
    use tokio::io::AsyncReadExt;
    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpStream;
    use tokio::time::Instant;

    const SAMPLE_PATH: &str = "/v2/support-tickets/support_ticket_123456789";

    fn stand_in() -> Arc<StandIn> {
        Arc::new(StandIn::new(Clock::system(), Duration::ZERO))
    }

    fn request(method: &str, path: &str, fields: &str, body: &str) -> String {
        let length = body.len();
        format!(
            "{method} {path} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer t\r\n\
             Connection: close\r\nContent-Length: {length}\r\n{fields}\r\n{body}"
        )
    }

    /// Sends bytes over a pipe and returns the head in small letters, and the body.
    async fn exchange(stand_in: &Arc<StandIn>, sent: &str) -> (String, String) {
        let (mut ours, theirs) = tokio::io::duplex(1 << 16);
        let upstream = tokio::spawn(Arc::clone(stand_in).converse(theirs));
        let _ = ours.write_all(sent.as_bytes()).await;
        let mut answer = String::new();
        let _ = ours.read_to_string(&mut answer).await;
        upstream.await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{answer:?}"));
        (head.to_ascii_lowercase(), body.to_owned())
    }

    #[tokio::test]
    async fn the_sample_is_answered_as_express_would() {
        for (method, expected) in [("GET", SAMPLE), ("HEAD", "")] {
            let sent = request(method, SAMPLE_PATH, "", "");
            let (head, body) = exchange(&stand_in(), &sent).await;
            assert_eq!(body, expected, "{method}");
            assert!(head.starts_with("http/1.1 200 ok\r\n"), "{head}");
            assert!(head.contains("\r\ncontent-type: application/json; charset=utf-8"), "{head}");
            assert!(head.contains(&format!("\r\ncontent-length: {}", SAMPLE.len())), "{head}");
            assert!(head.contains("\r\nx-powered-by: express"), "{head}");
            assert!(!head.contains("cache-control"), "{head}");
        }
    }

    #[tokio::test]
    async fn a_write_is_seen_by_the_next_read_and_both_are_counted() {
        let stand_in = stand_in();
        let put = request("PUT", SAMPLE_PATH, "", r#"{"status":"resolved"}"#);
        let (_, completed) = exchange(&stand_in, &put).await;
        let (_, ticket) = exchange(&stand_in, &request("GET", SAMPLE_PATH, "", "")).await;
        assert_eq!(completed, r#"{"status":"completed"}"#);
        assert!(ticket.contains(r#""status":"resolved""#), "{ticket}");
        assert_eq!(stand_in.calls(), 2);
    }

    #[tokio::test(start_paused = true)]
    #[expect(clippy::disallowed_methods, reason = "the paused clock is asked how far it went")]
    async fn a_slow_id_takes_two_seconds_and_others_the_latency() {
        let stand_in = Arc::new(StandIn::new(Clock::system(), Duration::from_millis(150)));
        for (id, millis) in [("slow_1", 2_000), ("quick_1", 150)] {
            let asked_at = Instant::now();
            let sent = request("GET", &format!("/support-tickets/{id}"), "", "");
            exchange(&stand_in, &sent).await;
            let took = asked_at.elapsed().as_millis();
            assert!((millis..millis + 10).contains(&took), "{id}: {took} ms");
        }
    }

    #[tokio::test]
    async fn a_preflight_is_allowed() {
        let asked = "Origin: https://a\r\nAccess-Control-Request-Headers: authorization\r\n";
        let (head, body) = exchange(&stand_in(), &request("OPTIONS", SAMPLE_PATH, asked, "")).await;
        assert!(head.starts_with("http/1.1 204"), "{head}");
        assert!(head.contains("\r\naccess-control-allow-origin: *"), "{head}");
        assert!(head.contains("\r\naccess-control-allow-headers: authorization"), "{head}");
        assert!(head.contains("\r\naccess-control-allow-methods: get,head,put"), "{head}");
        assert_eq!(body, "");
    }

    #[tokio::test]
    async fn large_bodies_are_counted_and_larger_ones_refused() {
        let upload = |length: u64| "x".repeat(usize::try_from(length).unwrap());
        for (length, status) in [(MAX_BODY, "201"), (MAX_BODY + 1, "413")] {
            let sent = request("POST", "/v2/attachments", "", &upload(length));
            let (head, body) = exchange(&stand_in(), &sent).await;
            assert!(head.starts_with(&format!("http/1.1 {status}")), "{head}");
            assert_eq!(body.contains(&format!(r#""size":{length}"#)), status == "201", "{body}");
        }
        let bulk = format!(r#"{{"ids":["a"],"x":"{}"}}"#, upload(MAX_KEPT_BODY));
        let sent = request("POST", "/v2/support-tickets/bulk", "", &bulk);
        assert!(exchange(&stand_in(), &sent).await.0.starts_with("http/1.1 400"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_client_is_let_go() {
        for sent in ["", "GET / HTTP/1.1\r\nHost"] {
            let (mut ours, theirs) = tokio::io::duplex(1 << 16);
            let upstream = tokio::spawn(stand_in().converse(theirs));
            ours.write_all(sent.as_bytes()).await.unwrap();
            timeout(HEADER_TIMEOUT * 2, upstream).await.expect(sent).unwrap();
        }
    }

    #[tokio::test]
    async fn it_serves_on_a_socket_until_dropped() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(stand_in().serve(listener));
        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n").await.unwrap();
        let mut heard = [0; 12];
        client.read_exact(&mut heard).await.unwrap();
        assert_eq!(&heard, b"HTTP/1.1 404");
        serving.abort();
        let mut rest = Vec::new();
        let _ = client.read_to_end(&mut rest).await;
        assert!(TcpStream::connect(address).await.is_err());
    }
}
