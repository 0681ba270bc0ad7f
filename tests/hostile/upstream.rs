//! The upstream: it takes requests by the letter, notes what it heard and what was wrong with it,
//! and answers every one with 200.

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

/// A request as it was heard.
#[derive(Clone, Debug, Default)]
pub struct Heard {
    pub method: String,
    pub target: String,
    /// All of its head.
    pub head: String,
    pub body: Vec<u8>,
    /// It came to its end.
    pub whole: bool,
    /// What a strict reader has against it.
    pub wrong: Vec<&'static str>,
}

pub struct Upstream {
    address: SocketAddr,
    heard: Arc<Mutex<Vec<Heard>>>,
}

impl Upstream {
    pub fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&heard);
        thread::spawn(move || {
            for socket in listener.incoming() {
                let (socket, noted) = (socket.unwrap(), Arc::clone(&noted));
                thread::spawn(move || converse(&socket, address, &noted));
            }
        });
        Self { address, heard }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Everything it heard until now.
    pub fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap().clone()
    }
}

fn converse(socket: &TcpStream, own: SocketAddr, noted: &Mutex<Vec<Heard>>) {
    socket.set_nodelay(true).unwrap();
    let mut reader = BufReader::new(socket);
    while let Some(heard) = hear(&mut reader, own) {
        let (answer, go_on) = (answer(&heard), heard.whole && heard.wrong.is_empty());
        // Noted before it is answered: whoever has the answer finds it here.
        noted.lock().unwrap().push(heard);
        if !go_on || (&mut &*socket).write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

fn answer(heard: &Heard) -> String {
    let path = heard.target.split('?').next().unwrap_or_default();
    let id = path.rsplit_once("support-tickets/").map_or("", |(_, id)| id);
    let body = format!(r#"{{"data":{{"_id":"{id}","status":"open"}}}}"#);
    let content = if heard.method == "HEAD" { "" } else { &body };
    let length = body.len();
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{content}"
    )
}

/// The next request; `None` where the connection ends between two.
fn hear(reader: &mut impl BufRead, own: SocketAddr) -> Option<Heard> {
    let octets = octets_of_head(reader)?;
    let mut heard =
        Heard { head: String::from_utf8_lossy(&octets).into_owned(), ..Heard::default() };
    let text = heard.head.strip_suffix("\r\n\r\n").unwrap_or_default().to_owned();
    if text.replace("\r\n", "").contains(|c: char| c.is_control() && c != '\t') {
        heard.wrong.push("a control octet in the head");
    }
    let mut lines = text.split("\r\n");
    let start: Vec<&str> = lines.next().unwrap_or_default().split(' ').collect();
    let [method, target, "HTTP/1.1"] = start[..] else {
        heard.wrong.push("no request line");
        return Some(heard);
    };
    (heard.method, heard.target) = (method.to_owned(), target.to_owned());
    let fields: Vec<(String, &str)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(n, v)| (n.to_lowercase(), v))
        .collect();
    let all = |wanted: &str| -> Vec<&str> {
        fields.iter().filter(|(name, _)| name == wanted).map(|(_, value)| *value).collect()
    };
    if all("host") != [own.to_string()] {
        heard.wrong.push("another host, or several");
    }
    if CONNECTIONS_OWN.iter().any(|name| !all(name).is_empty()) {
        heard.wrong.push("a field of the client's connection");
    }
    let body = match (&all("transfer-encoding")[..], &all("content-length")[..]) {
        ([], []) => Some(Vec::new()),
        (["chunked"], []) => chunks(reader),
        ([], [length]) if is_plain(length) => length.parse().ok().and_then(|n| exactly(reader, n)),
        _ => {
            heard.wrong.push("framed in two ways");
            None
        }
    };
    heard.whole = body.is_some();
    heard.body = body.unwrap_or_default();
    Some(heard)
}

const CONNECTIONS_OWN: [&str; 9] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "upgrade",
    "http2-settings",
    "te",
    "trailer",
    "expect",
    "proxy-authorization",
];

fn is_plain(length: &str) -> bool {
    length == "0"
        || (!length.starts_with('0') && length.bytes().all(|digit| digit.is_ascii_digit()))
}

fn octets_of_head(reader: &mut impl BufRead) -> Option<Vec<u8>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if reader.read_until(b'\n', &mut head).unwrap_or(0) == 0 {
            return None;
        }
    }
    Some(head)
}

/// RFC 9112 section 7.1, without extensions and trailers.
fn chunks(reader: &mut impl BufRead) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let size = usize::from_str_radix(line.strip_suffix("\r\n")?, 16).ok()?;
        body.extend(exactly(reader, size)?);
        if exactly(reader, 2)? != b"\r\n" {
            return None;
        }
        if size == 0 {
            return Some(body);
        }
    }
}

fn exactly(reader: &mut impl Read, length: usize) -> Option<Vec<u8>> {
    let mut read = vec![0; length];
    reader.read_exact(&mut read).ok().map(|()| read)
}
