//! Field values that are nearly right, or not at all.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::sample::select;

/// Lines of fields, in their order.
#[derive(Clone, Debug, Default)]
pub struct Lines(pub Vec<(&'static str, Vec<u8>)>);

/// The fields that a cache reads of an answer, each with values to begin with.
pub const OF_ANSWERS: &[(&str, &[&str])] = &[
    ("date", &["Fri, 15 Jan 2027 08:00:00 GMT", "Friday, 15-Jan-27 08:00:00 GMT"]),
    ("expires", &["Fri, 15 Jan 2027 08:01:00 GMT", "0", "Fri Jan 15 08:01:00 2027"]),
    ("age", &["0", "7", "99999999999999999999"]),
    (
        "cache-control",
        &[
            "max-age=60",
            "public, max-age=60",
            "max-age=60, no-store",
            "no-store, max-age=60",
            "private, max-age=60",
            "max-age=60, private=\"set-cookie\"",
            "max-age=60, x=\"a, no-store\"",
            "max-age=60, no-cache",
            "max-age=\"60\", stale-while-revalidate=60",
            "max-age=9, s-maxage=60, must-revalidate",
            "max-age=60 no-store",
            "max-age=60, x=\"no-store",
        ],
    ),
    ("etag", &["\"a\"", "\"a\"", "W/\"a\"", "\"a,b\"", "\"\""]),
    ("last-modified", &["Fri, 15 Jan 2027 07:00:00 GMT", "0"]),
    ("vary", &["accept", "Cookie, x-odd", "*", ""]),
    ("content-range", &["bytes 0-1/20", "bytes */20"]),
];

/// The fields that a cache reads of a request.
pub const OF_REQUESTS: &[(&str, &[&str])] = &[
    (
        "cache-control",
        &["max-age=60", "max-stale", "x", "x=\"y\"", "no-cache", "no-store, x", "only-if-cached"],
    ),
    ("pragma", &["no-cache", "x"]),
    ("if-none-match", &["\"a\"", "W/\"a\", \"b\"", "*", "\"a,b\"", "\"\",\"c\""]),
    ("if-modified-since", &["Fri, 15 Jan 2027 07:00:00 GMT", "Fri, 15 Jan 2027 08:00:00 GMT"]),
    ("range", &["bytes=0-1", "bytes=-3", "bytes=2-", "bytes=99-", "bytes=0-1, 3-4"]),
    ("if-range", &["\"a\"", "Fri, 15 Jan 2027 07:00:00 GMT"]),
];

/// Lines of these fields: most once, some not, a few twice.
pub fn lines(
    known: &'static [(&'static str, &'static [&'static str])],
) -> impl Strategy<Value = Lines> {
    let of_one = |(name, values): &(&'static str, &'static [&'static str])| {
        let (name, values) = (*name, *values);
        let times = select(vec![0, 0, 0, 0, 1, 1, 1, 1, 1, 2]);
        let spoilt = times.prop_flat_map(move |times| vec(spoilt(values), times));
        spoilt.prop_map(move |values| values.into_iter().map(|value| (name, value)).collect())
    };
    let all: Vec<_> = known.iter().map(of_one).collect();
    all.prop_map(|all: Vec<Vec<_>>| Lines(all.concat()))
}

/// A valid value in which a few octets are others, more or fewer; or any octets at all.
pub fn spoilt(values: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
    let edit = (0..3_u8, any::<Index>(), octet());
    let edits = select(vec![0, 0, 0, 1, 1, 2]).prop_flat_map(move |times| vec(edit.clone(), times));
    let spoilt = (select(values), edits).prop_map(|(value, edits)| {
        let mut value = value.as_bytes().to_vec();
        for (what, place, octet) in edits {
            let at = place.index(value.len() + 1);
            match what {
                0 => value.insert(at, octet),
                _ if at == value.len() => {}
                1 => drop(value.remove(at)),
                _ => value[at] = octet,
            }
        }
        value
    });
    prop_oneof![14 => spoilt, 1 => vec(octet(), 0..30)]
}

/// Any octet that does not end a line; those that mean something more often.
fn octet() -> impl Strategy<Value = u8> + Clone {
    let telling = select(b"\",;=\\ */W-_09a\t".to_vec());
    let any = any::<u8>().prop_map(|octet| if b"\r\n".contains(&octet) { b' ' } else { octet });
    prop_oneof![8 => telling, 4 => 0x20..=0x7e_u8, 1 => any]
}

impl Lines {
    /// As they are on the wire.
    pub fn written(&self) -> Vec<u8> {
        let line = |(name, value): &(&str, Vec<u8>)| {
            [name.as_bytes(), b": ", value.as_slice(), b"\r\n"].concat()
        };
        self.0.iter().flat_map(line).collect()
    }

    /// The values of a field, without the space around them.
    pub fn all(&self, name: &str) -> Vec<&[u8]> {
        let lines = self.0.iter().filter(|(known, _)| *known == name);
        lines.map(|(_, value)| value.trim_ascii()).collect()
    }

    /// The value of a field that stands there once.
    pub fn only(&self, name: &str) -> Option<&[u8]> {
        let lines = self.all(name);
        if lines.len() == 1 { Some(lines[0]) } else { None }
    }

    /// Whether a parser of HTTP may refuse them: RFC 9110 section 5.5 allows no control octets.
    pub fn are_no_http(&self) -> bool {
        let control = |octet: &u8| octet.is_ascii_control() && *octet != b'\t';
        self.0.iter().any(|(_, value)| value.iter().any(control))
    }
}

/// Whether a word stands outside closed quoted strings, and is not an argument.
pub fn has_word(text: &[u8], word: &str) -> bool {
    !uses(text, word).is_empty()
}

/// Whether it does, without an argument of its own.
pub fn has_bare(text: &[u8], word: &str) -> bool {
    uses(text, word).iter().any(|next| *next != Some(b'='))
}

/// What follows each use of a word.
fn uses(text: &[u8], word: &str) -> Vec<Option<u8>> {
    let (text, mut uses) = (without_quoted(text).to_ascii_lowercase(), Vec::new());
    let is_token = |octet: u8| octet.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&octet);
    for at in 0..text.len() {
        let (before, rest) = text.split_at(at);
        let Some(after) = rest.strip_prefix(word.as_bytes()) else { continue };
        let whole = !before.last().is_some_and(|octet| is_token(*octet))
            && !after.first().is_some_and(|octet| is_token(*octet));
        if whole && before.trim_ascii_end().last() != Some(&b'=') {
            uses.push(after.trim_ascii_start().first().copied());
        }
    }
    uses
}

/// The text with a space in the place of each closed quoted string.
fn without_quoted(text: &[u8]) -> Vec<u8> {
    let Some(open) = text.iter().position(|octet| *octet == b'"') else { return text.to_vec() };
    let (before, mut inside) = (&text[..open], text[open + 1..].iter().enumerate());
    while let Some((at, octet)) = inside.next() {
        match octet {
            b'\\' => drop(inside.next()),
            b'"' => return [before, b" ", &without_quoted(&text[open + at + 2..])].concat(),
            _ => {}
        }
    }
    text.to_vec()
}
