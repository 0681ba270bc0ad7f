//! The grammar that the model reads by: fields, hosts, tokens.

/// A field's name in lower case, and its value without the whitespace around it.
pub type Field = (String, Vec<u8>);

/// RFC 9112 section 3: `method SP request-target SP HTTP-version`; whether it is HTTP/1.0. Beyond
/// that: a method of capitals and dashes, and neither of the two that nobody may use here.
pub fn request_line(line: &[u8]) -> Result<(&[u8], &[u8], bool), &'static str> {
    let parts: Vec<&[u8]> = line.split(|&octet| octet == b' ').collect();
    let [method, target, version] = parts[..] else { return Err("request line") };
    let old = match version {
        b"HTTP/1.1" => false,
        b"HTTP/1.0" => true,
        _ => return Err("version"),
    };
    let in_grammar = |octet: &u8| octet.is_ascii_uppercase() || *octet == b'-';
    let is_one = (1..=32).contains(&method.len()) && method.iter().all(in_grammar);
    if !is_one || matches!(method, b"CONNECT" | b"TRACE") {
        return Err("method");
    }
    Ok((method, target, old))
}

/// How long a body is said to be.
#[derive(Clone, Copy)]
pub enum Length {
    Octets(usize),
    Chunked,
}

pub fn plain_length(length: &[u8]) -> Result<Length, &'static str> {
    let plain =
        length.iter().all(u8::is_ascii_digit) && (length == b"0" || length.first() != Some(&b'0'));
    let number = lossy(length).parse::<u64>().ok().filter(|_| plain && !length.is_empty());
    let number = number.and_then(|number| usize::try_from(number).ok());
    number.map(Length::Octets).ok_or("length")
}

pub fn both_framings(fields: &[Field]) -> bool {
    !all(fields, "transfer-encoding").is_empty() && !all(fields, "content-length").is_empty()
}

/// RFC 9112 section 3.2: one, and it a host; only HTTP/1.0 does without.
pub fn host(fields: &[Field], old: bool) -> Result<Option<Vec<u8>>, &'static str> {
    match &all(fields, "host")[..] {
        [] if old => Ok(None),
        [host] if is_host(host) => Ok(Some(host.to_vec())),
        _ => Err("host"),
    }
}

/// `uri-host [ ":" port ]` of RFC 9110 section 7.2. Beyond that: no escapes, no comma, a port that
/// TCP has.
fn is_host(host: &[u8]) -> bool {
    let text = lossy(host);
    let bracketed = text.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    let (name, port) = if let Some((address, port)) = bracketed {
        let port = port.strip_prefix(':').or(port.is_empty().then_some(""));
        (address.parse::<std::net::Ipv6Addr>().is_ok(), port)
    } else {
        let (name, port) = text.split_once(':').unwrap_or((&text, ""));
        let mark = |c: char| c.is_ascii_alphanumeric() || "-._~!$&'()*+;=".contains(c);
        (!name.is_empty() && name.chars().all(mark), Some(port))
    };
    let is_port = |port: &str| {
        port.is_empty() || (port.chars().all(|c| c.is_ascii_digit()) && port.parse::<u16>().is_ok())
    };
    name && port.is_some_and(is_port)
}

/// What is said once and not taken back.
pub fn unrepeated(fields: &[Field]) -> Result<(), &'static str> {
    const KEPT: [&str; 5] =
        ["host", "content-length", "transfer-encoding", "authorization", "cache-control"];
    if all(fields, "authorization").len() > 1 {
        return Err("two credentials");
    }
    let taken_back = options(fields).any(|option| KEPT.contains(&&*option));
    if taken_back { Err("connection names") } else { Ok(()) }
}

/// What `Connection` lists.
fn options(fields: &[Field]) -> impl Iterator<Item = String> {
    let lines = fields.iter().filter(|(name, _)| name == "connection");
    lines.flat_map(|(_, line)| {
        lossy(line).split(',').map(|option| option.trim().to_lowercase()).collect::<Vec<_>>()
    })
}

/// RFC 9112 section 9.3.
pub fn persists(fields: &[Field], old: bool) -> bool {
    let says = |word: &str| options(fields).any(|option| option == word);
    !says("close") && (!old || says("keep-alive"))
}

pub fn all<'a>(fields: &'a [Field], wanted: &str) -> Vec<&'a [u8]> {
    fields.iter().filter(|(name, _)| name == wanted).map(|(_, value)| &**value).collect()
}

/// RFC 9110 section 5.6.2.
pub fn is_tchar(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&octet)
}

/// Without spaces and tabs around it.
pub fn trimmed(text: &[u8]) -> &[u8] {
    let is_space = |octet: &u8| matches!(octet, b' ' | b'\t');
    let start = text.iter().position(|octet| !is_space(octet)).unwrap_or(text.len());
    let end = text.iter().rposition(|octet| !is_space(octet)).map_or(start, |at| at + 1);
    &text[start..end]
}

pub fn lossy(text: &[u8]) -> String {
    String::from_utf8_lossy(text).into_owned()
}

/// One chunk extension: `BWS name [ BWS "=" BWS ( token / quoted-string ) ]`. A quoted `;` divides
/// here too: what is left open by it is left to the parser.
pub fn is_extension(written: &[u8]) -> bool {
    let mut sides = written.splitn(2, |&octet| octet == b'=').map(trimmed);
    let is_token = |side: &[u8]| !side.is_empty() && side.iter().all(|&octet| is_tchar(octet));
    let is_quoted = |side: &[u8]| {
        let plain = |&octet: &u8| matches!(octet, b' '..=b'~') && octet != b'\\';
        side.len() > 1 && side.starts_with(b"\"") && side.ends_with(b"\"") && side.iter().all(plain)
    };
    let name = sides.next().is_some_and(is_token);
    name && sides.next().is_none_or(|value| is_token(value) || is_quoted(value))
}
