//! One call of the batch endpoint: asked, and heard line by line.

use crate::app::fetch_lines::Lines;
use crate::app::fetch_token::Token;
use crate::settings::mistakes::escaped;
use crate::upstream::failure::causes_in_words;
use bytes::Bytes;
use http::HeaderValue;
use http::Method;
use http::Request;
use http::Response;
use http::StatusCode;
use http::header;
use http::uri::Authority;
use http_body_util::BodyExt;
use http_body_util::Full;
use http_body_util::Limited;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde::Serialize;
use std::fmt;
use std::fmt::Display;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// For the gateway's name and a connection to it.
const CONNECT: Duration = Duration::from_secs(10);

/// From one octet to the next: the gateway may have to go slowly, but never as slowly as this.
const SILENCE: Duration = Duration::from_mins(10);

/// Who is asked, and as whom.
pub struct Caller {
    /// The gateway.
    pub gateway: Authority,
    /// Of its batch endpoint.
    pub path: String,
    /// What goes into `Authorization`.
    pub token: Token,
}

/// Why a call brought less than it was for. The sentences are for the operator.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Broken {
    /// There was no connection.
    Unreachable(String),
    /// It began well enough, or may do so the next time.
    Cut(String),
    /// It was for more ids than the gateway takes at once.
    TooMany(String),
    /// It would end like this every time.
    Refused(String),
}

/// The answers of a call, as they come.
pub struct Answers {
    gateway: Authority,
    body: Incoming,
    lines: Lines,
    /// The connection's task, which ends with the answers.
    _connection: JoinSet<()>,
}

#[derive(Serialize)]
struct Asked<'a> {
    ids: &'a [&'a str],
}

impl Caller {
    /// Asks for these ids.
    pub async fn ask(&self, ids: &[&str]) -> Result<Answers, Broken> {
        let request = self.request(ids).map_err(Broken::Refused)?;
        let connecting = timeout(CONNECT, self.connect()).await;
        let connecting = connecting.unwrap_or_else(|_| Err(format!("no answer in {CONNECT:?}")));
        let stream = connecting.map_err(|why| Broken::Unreachable(self.told(&why)))?;
        let cut = |error: hyper::Error| Broken::Cut(self.told(causes_in_words(&error)));
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(cut)?;
        let mut task = JoinSet::new();
        task.spawn(async {
            // How it ends, the answers' end tells.
            let _ = connection.await;
        });
        let silent = |_| Broken::Cut(self.told(format_args!("nothing came for {SILENCE:?}")));
        let answered = timeout(SILENCE, sender.send_request(request)).await;
        let response = answered.map_err(silent)?.map_err(cut)?;
        self.check(response).await.map(|body| Answers {
            gateway: self.gateway.clone(),
            body,
            lines: Lines::default(),
            _connection: task,
        })
    }

    fn request(&self, ids: &[&str]) -> Result<Request<Full<Bytes>>, String> {
        let body = serde_json::to_vec(&Asked { ids }).map_err(|error| error.to_string())?;
        let request = Request::builder()
            .method(Method::POST)
            .uri(&self.path)
            .header(header::HOST, self.gateway.as_str())
            .header(header::AUTHORIZATION, self.token.value())
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, LINES);
        request.body(Full::from(body)).map_err(|error| error.to_string())
    }

    async fn connect(&self) -> Result<TcpStream, String> {
        let address = match self.gateway.port() {
            Some(_) => self.gateway.to_string(),
            None => format!("{}:80", self.gateway),
        };
        let connected = TcpStream::connect(address).await;
        let stream = connected.map_err(|error| error.to_string())?;
        stream.set_nodelay(true).map_err(|error| error.to_string())?;
        Ok(stream)
    }

    /// The answer's body, if it is one to a batch.
    async fn check(&self, response: Response<Incoming>) -> Result<Incoming, Broken> {
        let (head, body) = response.into_parts();
        let media_type = head.headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
        let is_lines = media_type.is_some_and(|value| value.starts_with(LINES.as_bytes()));
        if head.status == StatusCode::OK && is_lines {
            return Ok(body);
        }
        if matches!(head.status, StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED) {
            let (path, maybe) = (&self.path, "its batch.path may be another, or none");
            return Err(Broken::Refused(
                self.told(format_args!("takes no batches at {path} ({maybe})")),
            ));
        }
        let (status, words) = (head.status.as_u16(), Words::read(body).await);
        let told = self.told(format_args!("answered {status}{}", words.unwrap_or_default()));
        // What is beyond 499 is the server's affair (RFC 9110 section 15.6), and may pass.
        Err(match status {
            408 | 429 | 500.. => Broken::Cut(told),
            413 => Broken::TooMany(told),
            _ => Broken::Refused(told),
        })
    }

    fn told(&self, what: impl Display) -> String {
        told(&self.gateway, what)
    }
}

const LINES: &str = "application/x-ndjson";

impl Answers {
    /// The next line.
    pub async fn next_line(&mut self) -> Result<Vec<u8>, Broken> {
        loop {
            if let Some(line) = self.lines.next_line() {
                return Ok(line);
            }
            let piece = match timeout(SILENCE, self.body.frame()).await {
                Ok(Some(Ok(frame))) => frame.into_data().unwrap_or_default(),
                Ok(Some(Err(error))) => return Err(self.cut(causes_in_words(&error))),
                Ok(None) => return Err(self.cut("the answer ended before its last line")),
                Err(_) => return Err(self.cut(format_args!("nothing came for {SILENCE:?}"))),
            };
            if self.lines.add(&piece).is_err() {
                return Err(self.nonsense("a line is longer than any ticket"));
            }
        }
    }

    /// What came is not what a gateway says.
    pub fn nonsense(&self, what: &str) -> Broken {
        Broken::Refused(told(&self.gateway, what))
    }

    fn cut(&self, what: impl Display) -> Broken {
        Broken::Cut(told(&self.gateway, what))
    }
}

fn told(gateway: &Authority, what: impl Display) -> String {
    format!("gateway http://{gateway}: {what}")
}

/// Why a gateway refuses a batch.
#[derive(Default, Deserialize)]
struct Words {
    code: String,
    message: String,
}

impl Words {
    /// Reads them. Only a gateway's own are told: others might repeat what they were sent.
    async fn read(body: Incoming) -> Option<Self> {
        let body = timeout(CONNECT, Limited::new(body, LONGEST_WORDS).collect()).await.ok()?;
        let words: Self = serde_json::from_slice(&body.ok()?.to_bytes()).ok()?;
        words.code.starts_with("GATEWAY_").then_some(words)
    }
}

const LONGEST_WORDS: usize = 4 * 1024;

impl Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.code {
            "" => write!(f, ", and not as a gateway answers a batch"),
            code => write!(f, " {}: {}", escaped(code), escaped(&self.message)),
        }
    }
}
