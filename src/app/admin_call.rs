//! One question to an admin port, and its whole answer.

use crate::app::admin_place::Place;
use crate::app::fetch_token::Token;
use crate::settings::mistakes::escaped;
use crate::upstream::failure::causes_in_words;
use bytes::Bytes;
use http::Method;
use http::Request;
use http::Response;
use http::StatusCode;
use http::header;
use http_body_util::BodyExt;
use http_body_util::Full;
use http_body_util::Limited;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use std::error::Error;
use std::fmt;
use std::io;
use std::time::Duration;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::net::TcpStream;
use tokio::net::UnixStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// More is no answer of an admin port's to these questions, neither as a head nor as a body.
const LONGEST: usize = 16 * 1024;

/// What is asked.
pub struct Question<'a> {
    /// GET, or POST with a body.
    pub method: Method,
    /// Of the admin port.
    pub path: &'static str,
    /// JSON; empty is none.
    pub body: Vec<u8>,
    /// Goes into `Authorization`.
    pub token: Option<&'a Token>,
}

/// What was answered.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// All of its body.
    pub body: Bytes,
}

/// Why nothing was answered.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Unanswered {
    /// Nothing listens there.
    Nobody,
    /// It took longer than this.
    Late(Duration),
    /// The answer is longer than any.
    Long,
    /// Something else, in words.
    Broken(String),
}

impl fmt::Display for Unanswered {
    /// To be read before the place.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nobody => f.write_str("refused: nothing listens at"),
            Self::Late(after) => write!(f, "no answer within {after:?} from"),
            Self::Long => f.write_str("an answer that is longer than any of an admin port, from"),
            Self::Broken(why) => write!(f, "no answer ({why}) from"),
        }
    }
}

/// Asks it, and waits for the whole answer for no longer than `patience`.
pub async fn ask(
    place: &Place,
    question: Question<'_>,
    patience: Duration,
) -> Result<Answer, Unanswered> {
    let answering = async {
        let request = request(place, question).map_err(|error| broken(&error))?;
        match place {
            Place::Network { authority, .. } => {
                let port = authority.port_u16().unwrap_or(80);
                let address = (authority.host().trim_matches(['[', ']']), port);
                exchange(
                    TcpStream::connect(address).await.map_err(|error| unconnected(&error))?,
                    request,
                )
                .await
            }
            Place::Socket(path) => {
                exchange(
                    UnixStream::connect(path).await.map_err(|error| unconnected(&error))?,
                    request,
                )
                .await
            }
        }
    };
    timeout(patience, answering).await.unwrap_or(Err(Unanswered::Late(patience)))
}

fn request(place: &Place, question: Question<'_>) -> http::Result<Request<Full<Bytes>>> {
    let (host, prefix) = match place {
        Place::Network { authority, prefix } => (authority.as_str(), prefix.as_str()),
        Place::Socket(_) => ("localhost", ""),
    };
    let request = Request::builder().method(question.method);
    let mut request = request.uri(format!("{prefix}{}", question.path)).header(header::HOST, host);
    if !question.body.is_empty() {
        request = request.header(header::CONTENT_TYPE, "application/json");
    }
    if let Some(token) = question.token {
        request = request.header(header::AUTHORIZATION, token.value());
    }
    request.body(Full::from(question.body))
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    request: Request<Full<Bytes>>,
) -> Result<Answer, Unanswered> {
    let handshake = http1::Builder::new().max_buf_size(LONGEST).handshake(TokioIo::new(stream));
    let (mut sender, connection) = handshake.await.map_err(|error| broken(&error))?;
    let mut task = JoinSet::new();
    task.spawn(async {
        // How it ends, the answer's end tells.
        let _ = connection.await;
    });
    let response = sender.send_request(request).await.map_err(|error| broken(&error))?;
    whole(response).await
}

async fn whole(response: Response<Incoming>) -> Result<Answer, Unanswered> {
    let (head, body) = response.into_parts();
    match Limited::new(body, LONGEST).collect().await {
        Ok(body) => Ok(Answer { status: head.status, body: body.to_bytes() }),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => Err(Unanswered::Long),
        Err(error) => Err(broken(&*error)),
    }
}

fn unconnected(error: &io::Error) -> Unanswered {
    match error.kind() {
        // A socket's file that is not there, or that nobody listens behind.
        io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound => Unanswered::Nobody,
        _ => Unanswered::Broken(error.to_string()),
    }
}

fn broken(error: &(dyn Error + 'static)) -> Unanswered {
    Unanswered::Broken(causes_in_words(error))
}

/// What an admin port says when it refuses.
#[derive(Deserialize)]
struct Words {
    code: String,
    message: String,
}

impl Answer {
    /// Its status, and the gateway's own words if it has some: others might repeat what they were
    /// sent.
    pub fn in_words(&self) -> String {
        let status = self.status.as_u16();
        match serde_json::from_slice(&self.body) {
            Ok(Words { code, message }) if code.starts_with("ADMIN_") => {
                format!("answered {status} {}: {}", escaped(&code), escaped(&message))
            }
            _ => format!("answered {status}, and not as an admin port does"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::model::Address;
    use tokio::io::AsyncReadExt;
    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpListener;

    /// What comes of a server that says this and then nothing, without ever closing.
    async fn asked(said: &'static str) -> Result<Answer, Unanswered> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let place = Place::of(&Address::Tcp(listener.local_addr().unwrap())).unwrap();
        let server = async {
            let (mut socket, _) = listener.accept().await.unwrap();
            let _ = socket.read(&mut [0; 1024]).await;
            let _ = socket.write_all(said.as_bytes()).await;
            std::future::pending::<()>().await;
        };
        let path = "/ready";
        let question = Question { method: Method::GET, path, body: Vec::new(), token: None };
        tokio::select! {
            answer = ask(&place, question, Duration::from_secs(5)) => answer,
            () = server => unreachable!(),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_does_not_end_the_answer_is_waited_for_no_longer_than_that() {
        for said in ["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf"]
        {
            let answer = timeout(Duration::from_secs(6), asked(said)).await.unwrap();
            assert_eq!(answer, Err(Unanswered::Late(Duration::from_secs(5))), "{said}");
        }
    }
}
