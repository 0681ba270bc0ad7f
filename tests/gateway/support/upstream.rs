//! The upstream behind the house: it says what a test tells it to, and counts. Its count alone
//! decides what was a hit.

use crate::support::wire::End;
use crate::support::wire::Message;
use crate::support::wire::Reader;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::io::DuplexStream;
use tokio::sync::mpsc;
use tokio::time::sleep;

/// What the upstream does about a request.
#[derive(Clone, Debug)]
pub enum Say {
    /// Answers, framed by `Content-Length`: status line's rest, fields, body.
    Answer(u16, Vec<(&'static str, String)>, Vec<u8>),
    /// Writes exactly this, and keeps the connection.
    Raw(Vec<u8>),
    /// Writes exactly this, and closes the connection.
    RawThenClose(Vec<u8>),
    /// Writes parts with pauses between them, then keeps the connection.
    Parts(Vec<(Vec<u8>, Duration)>),
    /// Waits, then does something.
    After(Duration, Box<Self>),
    /// Never answers.
    Never,
}

impl Say {
    /// A ticket as the API answers it, with fields of its own.
    pub fn ticket(id: &str, status: &str, fields: &[(&'static str, &str)]) -> Self {
        let body = format!(r#"{{"success":true,"data":{{"_id":"{id}","status":"{status}"}}}}"#);
        Self::json(200, &body, fields)
    }

    /// JSON under a status.
    pub fn json(status: u16, body: &str, fields: &[(&'static str, &str)]) -> Self {
        let json = ("content-type", "application/json; charset=utf-8".to_owned());
        let own = fields.iter().map(|(name, value)| (*name, (*value).to_owned()));
        Self::Answer(status, std::iter::once(json).chain(own).collect(), body.into())
    }

    /// The documented not-found.
    pub fn not_found() -> Self {
        let body =
            r#"{"error":"Ticket de soporte no encontrado","message":"SUPPORT_TICKET_NOT_FOUND"}"#;
        Self::json(404, body, &[])
    }

    /// The same, a while later.
    pub fn after(self, secs: u64) -> Self {
        Self::After(Duration::from_secs(secs), Box::new(self))
    }
}

type Script = Box<dyn FnMut(&Message) -> Say + Send>;

/// The scripted upstream.
#[derive(Clone)]
pub struct Upstream(Arc<Mutex<State>>);

struct State {
    script: Script,
    heard: Vec<Message>,
    connections: usize,
    /// Where new connections go while the test plays the upstream itself.
    hand: Option<mpsc::UnboundedSender<Reader>>,
}

impl Upstream {
    /// One that answers every ticket with an open ticket of the id asked for.
    pub fn new() -> Self {
        let script: Script = Box::new(|request| Say::ticket(id_of(request), "open", &[]));
        Self(Arc::new(Mutex::new(State { script, heard: Vec::new(), connections: 0, hand: None })))
    }

    /// Does this from now on.
    pub fn says(&self, script: impl FnMut(&Message) -> Say + Send + 'static) {
        self.0.lock().unwrap().script = Box::new(script);
    }

    /// Says the same to everyone from now on.
    pub fn always(&self, say: Say) {
        self.says(move |_| say.clone());
    }

    /// Hands every new connection to the test from now on, which then plays the upstream itself;
    /// what is heard on them is not counted.
    pub fn by_hand(&self) -> mpsc::UnboundedReceiver<Reader> {
        let (hand, connections) = mpsc::unbounded_channel();
        self.0.lock().unwrap().hand = Some(hand);
        connections
    }

    /// How many requests it has heard.
    pub fn count(&self) -> usize {
        self.0.lock().unwrap().heard.len()
    }

    /// How many connections were made to it.
    pub fn connections(&self) -> usize {
        self.0.lock().unwrap().connections
    }

    /// What it has heard.
    pub fn heard(&self) -> Vec<Message> {
        self.0.lock().unwrap().heard.clone()
    }

    /// The last request it has heard.
    pub fn last(&self) -> Message {
        self.heard().last().cloned().expect("the upstream has heard something")
    }

    /// Serves one connection to its end.
    pub async fn serve(self, io: DuplexStream) {
        let mut reader = Reader::new(io);
        let hand = {
            let mut state = self.0.lock().unwrap();
            state.connections += 1;
            state.hand.clone()
        };
        if let Some(hand) = hand {
            // A test that has seen enough takes no more.
            let _ = hand.send(reader);
            return;
        }
        while let Some(request) = reader.message(|_| End::ByFields).await {
            let say = {
                let mut state = self.0.lock().unwrap();
                state.heard.push(request.clone());
                (state.script)(&request)
            };
            if !perform(say, request.start.starts_with("HEAD "), &mut reader).await {
                return;
            }
        }
    }
}

/// Does it; whether the connection goes on.
async fn perform(mut say: Say, head: bool, reader: &mut Reader) -> bool {
    while let Say::After(pause, next) = say {
        sleep(pause).await;
        say = *next;
    }
    match say {
        Say::Answer(status, fields, body) => {
            let length = ("content-length", body.len().to_string());
            let lines = fields.into_iter().chain([length]);
            let lines: String = lines.map(|(name, value)| format!("{name}: {value}\r\n")).collect();
            let start = format!("HTTP/1.1 {status} {}\r\n", reason(status));
            let mut octets = (start + &lines + "\r\n").into_bytes();
            octets.extend(if head { Vec::new() } else { body });
            reader.io.write_all(&octets).await.is_ok()
        }
        Say::Raw(octets) => reader.io.write_all(&octets).await.is_ok(),
        Say::RawThenClose(octets) => {
            let _ = reader.io.write_all(&octets).await;
            false
        }
        Say::Parts(parts) => {
            for (octets, pause) in parts {
                if reader.io.write_all(&octets).await.is_err() {
                    return false;
                }
                sleep(pause).await;
            }
            true
        }
        Say::Never => {
            // Until the other side gives up.
            while reader.more().await {}
            false
        }
        Say::After(..) => unreachable!("waited for above"),
    }
}

fn reason(status: u16) -> &'static str {
    http::StatusCode::from_u16(status).ok().and_then(|s| s.canonical_reason()).unwrap_or("Odd")
}

/// The id at the end of a request's path.
pub fn id_of(request: &Message) -> &str {
    let target = request.start.split(' ').nth(1).unwrap_or_default();
    let path = target.split('?').next().unwrap_or_default();
    path.rsplit('/').next().unwrap_or_default()
}
