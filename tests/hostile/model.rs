//! What a request is owed, by the letter of RFC 9112, RFC 9110 and RFC 3986 and by what the gateway
//! promises beyond them. It reads octets, and shares nothing with the gateway.
//!
//! It reads on where the gateway's parser is known to read on, and says by which leniency.

use crate::case::Place;
use crate::grammar::Field;
use crate::grammar::Length;
use crate::grammar::all;
use crate::grammar::both_framings;
use crate::grammar::host;
use crate::grammar::is_extension;
use crate::grammar::is_tchar;
use crate::grammar::lossy;
use crate::grammar::persists;
use crate::grammar::plain_length;
use crate::grammar::request_line;
use crate::grammar::trimmed;
use crate::grammar::unrepeated;

/// What a request is owed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Owed {
    /// A refusal, the end of the connection, and silence upstream: by this rule.
    Refused(&'static str),
    /// An answer.
    Answered,
    /// Either, since the parser is lenient about this; but nothing that is ambiguous upstream.
    Either(&'static str),
}

/// The parser waits for a CR LF, and drops as trailers what comes until then.
pub const BARE_LF_IN_TRAILERS: &str = "bare-lf in trailers";

/// What the model makes of a request.
#[derive(Clone, Debug)]
pub struct Judged {
    pub owed: Owed,
    /// Its method, so far as there is one.
    pub method: String,
    /// What the upstream is to be asked for, if it is asked.
    pub target: String,
    /// With which body.
    pub body: Vec<u8>,
    /// Whether what follows it is answered, if it is answered itself.
    pub persists: bool,
    /// It is refused while its body is read, when its head may be upstream already.
    pub breaks_off: bool,
}

/// Judges one request. What follows it in `raw` is a part of it only if its framing says so.
pub fn judge(raw: &[u8], place: Place) -> Judged {
    let mut reading = Reading { rest: raw, lenient: None };
    let mut judged = Judged {
        owed: Owed::Answered,
        method: String::new(),
        target: String::new(),
        body: Vec::new(),
        persists: false,
        breaks_off: false,
    };
    judged.owed = match reading.request(place, &mut judged) {
        Err(rule) => Owed::Refused(rule),
        Ok(()) => reading.lenient.map_or(Owed::Answered, Owed::Either),
    };
    judged
}

struct Reading<'a> {
    rest: &'a [u8],
    /// The first leniency that was needed to read on.
    lenient: Option<&'static str>,
}

impl<'a> Reading<'a> {
    fn request(&mut self, place: Place, judged: &mut Judged) -> Result<(), &'static str> {
        self.empty_lines();
        let line = self.line()?;
        let (method, target, old) = request_line(line)?;
        judged.method = lossy(method);
        let fields = self.fields()?;
        let host = host(&fields, old)?;
        judged.target = self.target(target, host.as_deref(), place)?;
        unrepeated(&fields)?;
        let length = self.framing(&fields, old)?;
        judged.persists = persists(&fields, old) && !both_framings(&fields);
        served(place, judged, &fields, length)?;
        self.body(place, judged, length)
    }

    /// RFC 9112 section 2.2: a recipient should ignore at least one empty line before a request.
    fn empty_lines(&mut self) {
        let mut count = 0;
        while let [b'\r', b'\n', rest @ ..] | [b'\n', rest @ ..] = self.rest {
            if self.rest[0] == b'\n' || count > 0 {
                self.lean_on("empty-lines-before");
            }
            count += 1;
            self.rest = rest;
        }
    }

    fn lean_on(&mut self, leniency: &'static str) {
        self.lenient.get_or_insert(leniency);
    }

    /// The next line without its end, which strictly is CR LF.
    fn line(&mut self) -> Result<&'a [u8], &'static str> {
        let end = self.rest.iter().position(|&octet| octet == b'\n').ok_or("no end of line")?;
        let (line, rest) = (&self.rest[..end], &self.rest[end + 1..]);
        self.rest = rest;
        let line = if let Some(line) = line.strip_suffix(b"\r") {
            line
        } else {
            self.lean_on("bare-lf");
            line
        };
        if line.contains(&b'\r') { Err("bare CR") } else { Ok(line) }
    }

    fn fields(&mut self) -> Result<Vec<Field>, &'static str> {
        let mut fields = Vec::new();
        loop {
            let line = self.line()?;
            if line.is_empty() {
                return Ok(fields);
            }
            let colon = line.iter().position(|&octet| octet == b':').ok_or("no colon")?;
            let (name, value) = (&line[..colon], &line[colon + 1..]);
            if name.is_empty() || !name.iter().all(|&octet| is_tchar(octet)) {
                return Err("field name");
            }
            // RFC 9110 section 5.5: no control octets but the tab.
            if value.iter().any(|&octet| octet.is_ascii_control() && octet != b'\t') {
                return Err("field value");
            }
            let name = String::from_utf8_lossy(name).to_lowercase();
            fields.push((name, trimmed(value).to_vec()));
            if fields.len() > 100 {
                return Err("too many fields");
            }
        }
    }

    /// RFC 9112 section 3.2: the origin form, or the absolute form of our own host.
    fn target(
        &mut self,
        target: &[u8],
        host: Option<&[u8]>,
        place: Place,
    ) -> Result<String, &'static str> {
        if target.iter().any(u8::is_ascii_control) {
            return Err("control octet in the target");
        }
        let url = [&b"http://"[..], b"https://"].iter().find_map(|scheme| {
            let (start, rest) = target.split_at_checked(scheme.len())?;
            start.eq_ignore_ascii_case(scheme).then_some(rest)
        });
        let origin = match url {
            None => target.to_vec(),
            Some(rest) => {
                let end = rest.iter().position(|octet| b"/?#".contains(octet));
                let (authority, path) = rest.split_at(end.unwrap_or(rest.len()));
                if !host.is_some_and(|host| authority.eq_ignore_ascii_case(host)) {
                    return Err("another host's URL");
                }
                let slash: &[u8] = if path.starts_with(b"/") { b"" } else { b"/" };
                [slash, path].concat()
            }
        };
        if !origin.starts_with(b"/") {
            return Err("no path");
        }
        let origin = self.without_fragment(&origin);
        if origin.len() > 8 * 1024 {
            return Err("too long");
        }
        self.uri_octets(&origin);
        if place == Place::Ambiguous { Err("ambiguous path") } else { Ok(lossy(&origin)) }
    }

    fn without_fragment(&mut self, target: &[u8]) -> Vec<u8> {
        let end = target.iter().position(|&octet| octet == b'#');
        if end.is_some() {
            self.lean_on("fragment");
        }
        target[..end.unwrap_or(target.len())].to_vec()
    }

    /// RFC 3986 sections 3.3 and 3.4: what a path and a query are made of.
    fn uri_octets(&mut self, target: &[u8]) {
        let plain =
            |octet: u8| octet.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/?%".contains(&octet);
        if !target.iter().all(|&octet| plain(octet)) {
            self.lean_on("octets that no URI has");
        }
        let escapes = target.iter().enumerate().filter(|(_, octet)| **octet == b'%');
        for (at, _) in escapes {
            let digits = target.get(at + 1..at + 3).unwrap_or_default();
            if digits.len() < 2 || !digits.iter().all(u8::is_ascii_hexdigit) {
                self.lean_on("half an escape");
            }
        }
    }

    /// RFC 9112 section 6: one plain length, or `chunked`, or nothing.
    fn framing(&mut self, fields: &[Field], old: bool) -> Result<Length, &'static str> {
        let codings = all(fields, "transfer-encoding");
        let lengths = all(fields, "content-length");
        match (&codings[..], &lengths[..]) {
            ([], []) => Ok(Length::Octets(0)),
            (_, []) | ([_, ..], _) if old && !codings.is_empty() => Err("a coding in HTTP/1.0"),
            ([coding], rest) if coding.eq_ignore_ascii_case(b"chunked") => {
                if !rest.is_empty() {
                    self.lean_on("a length beside chunked");
                }
                Ok(Length::Chunked)
            }
            ([_, ..], _) => Err("coding"),
            ([], [length]) => plain_length(length),
            ([], [first, rest @ ..]) => {
                let number = |length: &[u8]| str::from_utf8(length).ok()?.parse::<u64>().ok();
                if rest.iter().any(|length| number(length) != number(first)) {
                    return Err("lengths that differ");
                }
                self.lean_on("one length twice");
                plain_length(first)
            }
        }
    }

    fn body(
        &mut self,
        place: Place,
        judged: &mut Judged,
        length: Length,
    ) -> Result<(), &'static str> {
        match length {
            Length::Octets(length) => {
                judged.body = self.rest.get(..length).ok_or("a body cut short")?.to_vec();
                self.rest = &self.rest[length..];
                Ok(())
            }
            Length::Chunked => {
                let read = place == Place::Ticket && is_read(judged);
                judged.breaks_off = !read;
                judged.body = self.chunks()?;
                judged.breaks_off = false;
                if read && !judged.body.is_empty() { Err("a body on a read") } else { Ok(()) }
            }
        }
    }

    /// RFC 9112 section 7.1.
    fn chunks(&mut self) -> Result<Vec<u8>, &'static str> {
        let mut body = Vec::new();
        loop {
            let line = self.line()?;
            let digits = line.iter().take_while(|octet| octet.is_ascii_hexdigit()).count();
            let (size, extensions) = line.split_at(digits);
            let significant = size.iter().position(|&digit| digit != b'0').unwrap_or(size.len());
            if size.is_empty() || size.len() - significant > 8 {
                return Err("chunk size");
            }
            if size.len() > 16 {
                self.lean_on("a chunk size of many zeros");
            }
            self.extensions(extensions)?;
            let size = usize::from_str_radix(&lossy(size), 16).map_err(|_| "chunk size")?;
            if size == 0 {
                return self.trailers().map(|()| body);
            }
            body.extend_from_slice(self.rest.get(..size).ok_or("a chunk cut short")?);
            self.rest = &self.rest[size..];
            match self.rest {
                [b'\r', b'\n', rest @ ..] => self.rest = rest,
                _ => return Err("no end of the chunk"),
            }
        }
    }

    /// RFC 9112 section 7.1.1.
    fn extensions(&mut self, written: &[u8]) -> Result<(), &'static str> {
        let begun = trimmed(written);
        if begun.is_empty() {
            if !written.is_empty() {
                self.lean_on("space behind a chunk size");
            }
            return Ok(());
        }
        let Some(rest) = begun.strip_prefix(b";") else { return Err("chunk size") };
        if !rest.split(|&octet| octet == b';').all(is_extension) {
            self.lean_on("a chunk extension that is none");
        }
        Ok(())
    }

    fn trailers(&mut self) -> Result<(), &'static str> {
        let lenient = self.lenient.take();
        self.fields()?;
        if self.lenient.is_some() {
            self.lenient = Some(BARE_LF_IN_TRAILERS);
        }
        self.lenient = lenient.or(self.lenient);
        Ok(())
    }
}

/// What the gateway serves of this.
fn served(
    place: Place,
    judged: &Judged,
    fields: &[Field],
    length: Length,
) -> Result<(), &'static str> {
    let framed = !matches!(length, Length::Octets(0));
    let known = matches!(length, Length::Octets(1..));
    match place {
        Place::NoPage => Err("no such page"),
        Place::Live if !is_read(judged) => Err("no such page"),
        Place::Live if framed => Err("a body on a read"),
        Place::Ticket if is_read(judged) && !all(fields, "expect").is_empty() => Err("expect"),
        Place::Ticket if is_read(judged) && known => Err("a body on a read"),
        _ => Ok(()),
    }
}

fn is_read(judged: &Judged) -> bool {
    matches!(&*judged.method, "GET" | "HEAD")
}
