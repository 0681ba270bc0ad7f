//! One question and its answer, without haste.

use crate::origin::SERVED_FOR;
use crate::support::response::Head;
use crate::support::work;
use crate::support::work::Question;
use std::fmt;
use std::io;
use std::io::Read;
use std::io::Write;
use std::net::SocketAddr;
use std::net::TcpStream;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(5);

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: String,
    /// Whose token the upstream saw when it gave this answer.
    served_for: Option<u64>,
    body: Vec<u8>,
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let body = String::from_utf8_lossy(&self.body);
        let owner = self.served_for.map_or_else(|| "no token".to_owned(), |n| format!("token {n}"));
        write!(f, "{} with what {owner} was given: {body}", self.status)
    }
}

impl Answer {
    /// Whether it is the ticket that was asked for, as its owner may see it.
    pub(crate) fn is_right(&self, question: Question) -> bool {
        self.status == "200"
            && self.served_for == Some(question.token)
            && work::is_body(&self.body, &work::id(question.ticket))
    }
}

/// Asks on a connection of its own.
pub(crate) fn ask(server: SocketAddr, question: Question) -> io::Result<Answer> {
    let mut stream = TcpStream::connect_timeout(&server, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(work::request(question).as_bytes())?;
    let (mut bytes, mut chunk) = (Vec::new(), [0; 4_096]);
    loop {
        let length = stream.read(&mut chunk)?;
        if length == 0 {
            return Err(io::Error::other("closed before its answer"));
        }
        bytes.extend_from_slice(chunk.get(..length).unwrap_or_default());
        let Some(head) = Head::read(&bytes)? else { continue };
        let body = bytes.get(head.length..).unwrap_or_default();
        if body.len() >= head.content_length {
            let fields = bytes.get(..head.length).unwrap_or_default();
            let served_for = served_for(&String::from_utf8_lossy(fields));
            return Ok(Answer { status: head.status.to_owned(), served_for, body: body.to_vec() });
        }
    }
}

fn served_for(head: &str) -> Option<u64> {
    let mut fields = head.lines().filter_map(|line| line.split_once(':'));
    let (_, value) = fields.find(|(name, _)| name.eq_ignore_ascii_case(SERVED_FOR))?;
    value.trim().parse().ok()
}
