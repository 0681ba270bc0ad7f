//! Replies as they are on the wire, read by the letter.

use std::iter;

/// What came on one connection.
pub struct Replies {
    pub list: Vec<Reply>,
    /// What is no whole reply.
    pub rest: Vec<u8>,
    /// The connection ended.
    pub ended: bool,
}

#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    pub fields: Vec<(String, String)>,
    pub body: String,
}

/// What a reply says of how it came about.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Origin {
    /// The store.
    Stored,
    /// Another's forward.
    Collapsed,
    /// The upstream, or its failure.
    Forwarded,
    /// The gateway, which refuses.
    Refused,
    /// A page of the gateway's own.
    Own,
    /// The parser, before there was a request.
    Parser,
}

impl Reply {
    pub fn all(&self, wanted: &str) -> Vec<&str> {
        let all = self.fields.iter().filter(|(name, _)| name == wanted);
        all.map(|(_, value)| value.as_str()).collect()
    }

    /// Whether it announces the end of the connection, and nothing else about it.
    pub fn closes(&self) -> bool {
        self.all("connection") == ["close"]
    }

    pub fn origin(&self) -> Origin {
        match &self.all("cache-status")[..] {
            [how] if how.contains("; hit") => Origin::Stored,
            [how] if how.contains("; collapsed") => Origin::Collapsed,
            [how] if how.contains("; fwd=") => Origin::Forwarded,
            [] if !self.all("proxy-status").is_empty() => Origin::Refused,
            [] if self.status == 200 => Origin::Own,
            [] => Origin::Parser,
            other => panic!("{other:?}"),
        }
    }
}

/// Reads replies to requests of these methods, and to GETs after them; what is left is none.
pub fn read<'a>(octets: &[u8], methods: impl Iterator<Item = &'a str>) -> (Vec<Reply>, Vec<u8>) {
    let (mut list, mut rest) = (Vec::new(), octets);
    let mut methods = methods.chain(iter::repeat("GET"));
    let mut method = methods.next().unwrap_or("GET");
    while let Some((reply, after)) = one(rest, method) {
        rest = after;
        if reply.status == 100 {
            continue;
        }
        list.push(reply);
        method = methods.next().unwrap_or("GET");
    }
    (list, rest.to_vec())
}

fn one<'a>(octets: &'a [u8], method: &str) -> Option<(Reply, &'a [u8])> {
    let end = octets.windows(4).position(|window| window == b"\r\n\r\n")?;
    let (head, rest) = (str::from_utf8(&octets[..end]).ok()?, &octets[end + 4..]);
    let mut lines = head.split("\r\n");
    let start = lines.next()?;
    let version = start.strip_prefix("HTTP/1.1 ").or(start.strip_prefix("HTTP/1.0 "))?;
    let status: u16 = version.get(..3)?.parse().ok()?;
    let fields: Option<Vec<_>> = lines
        .map(|line| line.split_once(": ").map(|(name, value)| (name.to_owned(), value.to_owned())))
        .collect();
    let mut reply = Reply { status, fields: fields?, body: String::new() };
    if status < 200 || matches!(status, 204 | 304) || method == "HEAD" {
        return Some((reply, rest));
    }
    let lengths: Vec<usize> =
        reply.all("content-length").iter().map(|n| n.parse().unwrap()).collect();
    let ([length], []) = (&lengths[..], &reply.all("transfer-encoding")[..]) else { return None };
    reply.body = String::from_utf8_lossy(rest.get(..*length)?).into_owned();
    Some((reply, &rest[*length..]))
}
