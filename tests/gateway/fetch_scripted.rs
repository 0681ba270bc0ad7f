//! A gateway that says what a test of `fetch` tells it to.

use crate::fetch_run::Run;
use crate::fetch_run::TOKEN;
use crate::fetch_run::fetch;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::io::Write;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

/// What the scripted gateway does about a call.
pub enum Say {
    /// Sends these lines.
    Lines(Vec<String>),
    /// Sends these lines, and then nothing until the client leaves.
    Hold(Vec<String>),
    /// Sends exactly this.
    Raw(String),
}

pub const HEAD: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\nconnection: close\r\n";

impl Say {
    /// Answers all that is asked, the last id first.
    pub fn all(ids: &[String]) -> Self {
        let answers = Self::answers(ids).into_iter().rev();
        Self::Lines(answers.chain([last(0, ids.len())]).collect())
    }

    /// Ids that begin with `missing` do not exist.
    pub fn answers(ids: &[String]) -> Vec<String> {
        let answer = |(index, id): (usize, &String)| match id.strip_prefix("missing") {
            Some(_) => not_found(index, id),
            None => line(index, id, 200, "miss", &ticket(id)),
        };
        ids.iter().enumerate().map(answer).collect()
    }
}

pub fn line(index: usize, id: &str, status: u16, cache: &str, body: &str) -> String {
    let start = format!(r#"{{"index":{index},"id":"{id}","status":{status}"#);
    format!("{start},\"cache\":\"{cache}\",\"body\":{body}}}\n")
}

pub fn not_found(index: usize, id: &str) -> String {
    line(index, id, 404, "miss", r#"{"message":"SUPPORT_TICKET_NOT_FOUND"}"#)
}

pub fn ticket(id: &str) -> String {
    format!(r#"{{"success":true,"data":{{"_id":"{id}","status":"open"}}}}"#)
}

pub fn last(hits: usize, upstream: usize) -> String {
    format!("{{\"done\":true,\"asked\":9,\"hits\":{hits},\"upstream\":{upstream}}}\n")
}

pub fn id_of(line: &str) -> &str {
    line.split('"').nth(5).unwrap()
}

/// The ids of some lines, sorted, with spaces between them.
pub fn ids_in(lines: &str) -> String {
    let mut ids: Vec<_> = lines.lines().map(id_of).collect();
    ids.sort_unstable();
    ids.join(" ")
}

/// A gateway that says what a test tells it to: the number of the call and its ids in, and what is
/// sent out.
pub struct Scripted {
    pub address: SocketAddr,
    heard: Arc<Mutex<Heard>>,
}

#[derive(Default)]
struct Heard {
    heads: Vec<String>,
    asked: Vec<Vec<String>>,
    /// A client that was held has left.
    hung_up: bool,
}

impl Scripted {
    pub fn open(say: impl Fn(usize, &[String]) -> Say + Send + 'static) -> Self {
        Self::with_a_gap(Duration::ZERO, say)
    }

    /// Nobody listens for this long after the first call.
    pub fn with_a_gap(
        gap: Duration,
        say: impl Fn(usize, &[String]) -> Say + Send + 'static,
    ) -> Self {
        let mut listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let heard = Arc::<Mutex<Heard>>::default();
        let shared = Arc::clone(&heard);
        thread::spawn(move || {
            for call in 0.. {
                if call == 1 && !gap.is_zero() {
                    drop(listener);
                    thread::sleep(gap);
                    listener = TcpListener::bind(address).unwrap();
                }
                let (mut socket, ids) = hear(listener.accept().unwrap().0, &shared);
                let said = say(call, &ids);
                // A client may have seen enough before it has heard all.
                let _ = match &said {
                    Say::Raw(raw) => socket.write_all(raw.as_bytes()),
                    Say::Lines(lines) | Say::Hold(lines) => {
                        socket.write_all(format!("{HEAD}\r\n{}", lines.concat()).as_bytes())
                    }
                };
                if let Say::Hold(_) = said {
                    let shared = Arc::clone(&shared);
                    thread::spawn(move || {
                        let _ = socket.read(&mut [0; 1]);
                        shared.lock().unwrap().hung_up = true;
                    });
                }
            }
        });
        Self { address, heard }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The ids of each call.
    pub fn asked(&self) -> Vec<Vec<String>> {
        self.heard.lock().unwrap().asked.clone()
    }

    /// Of the first call, its names in small letters as they were sent.
    pub fn head(&self) -> String {
        self.heard.lock().unwrap().heads[0].clone()
    }

    pub fn hung_up(&self) -> bool {
        self.heard.lock().unwrap().hung_up
    }

    /// Begins to fetch these ids through it.
    pub fn fetch(&self, ids: &str, more: &[&str]) -> Run {
        let url = self.url();
        fetch(ids, &[&["-", "--gateway", &url], more].concat(), Some(TOKEN))
    }
}

/// Hears a call out: its ids.
fn hear(socket: TcpStream, notes: &Mutex<Heard>) -> (TcpStream, Vec<String>) {
    let mut reader = BufReader::new(socket);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert_ne!(reader.read_line(&mut head).unwrap(), 0, "{head}");
    }
    let length = head.split_once("content-length: ").unwrap().1;
    let length = length.split("\r\n").next().unwrap().parse().unwrap();
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
    let ids = body["ids"].as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned());
    let ids: Vec<_> = ids.collect();
    let mut notes = notes.lock().unwrap();
    notes.heads.push(head);
    notes.asked.push(ids.clone());
    (reader.into_inner(), ids)
}
