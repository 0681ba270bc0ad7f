//! The heads of answers, followed as their octets come, for what hyper knows and does not tell.
//!
//! It skips any number of interim answers (1xx, RFC 9110 section 15.2) without a word, so a peer could
//! keep us busy with them until the deadline. And it drops what follows an answer, whose length may
//! then be wrong and the answer cut (RFC 9112 section 6.3). Only a length is looked for: what follows
//! the last chunk is dropped unseen.

/// What a connection has brought, as far as it goes.
#[derive(Debug, Default)]
pub struct Heads {
    place: Place,
    /// Interim answers to one request.
    interims: u8,
    /// What the head says of its body so far.
    length: Option<u64>,
}

/// Where the next octet stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Place {
    /// In `HTTP/1.1 ` after so many of its octets; before the first, empty lines are skipped.
    Version(usize),
    /// At the first digit of a status.
    Status,
    /// In the rest of a head.
    Head {
        /// It is an interim answer's.
        interim: bool,
        /// Nothing stands in the line, but perhaps a carriage return.
        blank: bool,
    },
    /// In a body of which so much is still to come; or nobody knows how much, or it is no HTTP.
    Body(Option<u64>),
}

impl Default for Place {
    fn default() -> Self {
        Self::Version(0)
    }
}

/// The most interim answers to one request. Nobody has a use for more than two or three.
const MOST_INTERIMS: u8 = 16;

impl Heads {
    /// A request is being written, so what comes after a body is another's head. Where the body is
    /// still coming, for the answer was early, that does not look like one.
    pub fn asked(&mut self) {
        if matches!(self.place, Place::Body(_)) {
            *self = Self::default();
        }
    }

    /// Hears what has come. `false` for too many interim answers, or more than a body's length.
    pub fn hear(&mut self, mut octets: &[u8]) -> bool {
        while let Some((&octet, rest)) = octets.split_first() {
            match self.place {
                Place::Body(None) => return true,
                Place::Body(Some(left)) => return self.more_of_body(left, octets),
                Place::Head { interim, blank } => octets = self.line(interim, blank, octets),
                Place::Version(at) => (self.place, octets) = (in_version(at, octet), rest),
                Place::Status => {
                    let interim = octet == b'1';
                    self.interims = self.interims.saturating_add(u8::from(interim));
                    self.place = Place::Head { interim, blank: false };
                    octets = rest;
                }
            }
            if self.interims > MOST_INTERIMS {
                return false;
            }
        }
        true
    }

    fn more_of_body(&mut self, left: u64, octets: &[u8]) -> bool {
        let left = u64::try_from(octets.len()).ok().and_then(|come| left.checked_sub(come));
        self.place = Place::Body(left);
        left.is_some()
    }

    /// Follows a head to the end of its line, and gives what comes then. Lines end for hyper with or
    /// without a carriage return.
    fn line<'a>(&mut self, interim: bool, blank: bool, octets: &'a [u8]) -> &'a [u8] {
        let end = octets.iter().position(|&octet| octet == b'\n');
        let (line, rest) = octets.split_at(end.unwrap_or(octets.len()));
        let still_blank = blank && line.iter().all(|&octet| octet == b'\r');
        if end.is_some() && blank && !interim {
            // A line that comes in parts is not read: what follows the answer is then dropped unseen.
            self.length = self.length.or_else(|| length_in(line));
        }
        self.place = match (end, still_blank) {
            (None, blank) => Place::Head { interim, blank },
            (Some(_), false) => Place::Head { interim, blank: true },
            (Some(_), true) if interim => Place::Version(0),
            (Some(_), true) => Place::Body(self.length.take()),
        };
        rest.get(1..).unwrap_or_default()
    }
}

/// What every status line begins with. hyper knows two versions, of one length.
const VERSION: &[u8] = b"HTTP/1.1 ";

fn in_version(at: usize, octet: u8) -> Place {
    let is_so = VERSION.get(at).is_some_and(|&own| own == octet || (own == b'1' && octet == b'0'));
    match at.saturating_add(1) {
        _ if at == 0 && matches!(octet, b'\r' | b'\n') => Place::Version(0),
        _ if !is_so => Place::Body(None),
        next if next == VERSION.len() => Place::Status,
        next => Place::Version(next),
    }
}

/// The length that a line tells. Whether it is one is for `fields::framing` to judge.
fn length_in(line: &[u8]) -> Option<u64> {
    let (name, value) = line.split_at_checked(NAME.len())?;
    name.eq_ignore_ascii_case(NAME).then(|| str::from_utf8(value).ok()?.trim().parse().ok())?
}

const NAME: &[u8] = b"content-length:";

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOTHING: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

    /// Whether all is well with what comes in parts of this size.
    fn heard(text: &str, size: usize) -> bool {
        let mut heads = Heads::default();
        heads.asked();
        text.as_bytes().chunks(size).all(|part| heads.hear(part))
    }

    #[test]
    fn more_than_sixteen_interim_answers_are_too_many_however_they_are_written_and_cut() {
        for interim in [
            "HTTP/1.1 100 Continue\r\n\r\n",
            "HTTP/1.0 100\r\n\r\n",
            "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\nx:\r\n\r\n",
            "HTTP/1.1 103 Early Hints\r\ncontent-length: 1\r\n\r\n",
            "HTTP/1.1 199 \n\n",
            "HTTP/1.1 102 x\nx: y\n\r\n",
            "\r\n\n\r\nHTTP/1.1 100 Continue\r\n\r\n",
        ] {
            for size in [1, 2, 3, 7, 10, 1_000] {
                for (count, expected) in [(0, true), (1, true), (16, true), (17, false)] {
                    let text = interim.repeat(count) + NOTHING;
                    assert_eq!(heard(&text, size), expected, "{count} times {interim:?} by {size}");
                }
            }
        }
    }

    #[test]
    fn what_follows_a_body_shows_where_its_length_is_known() {
        let rows = [
            ("content-length: 5\r\n", "12345", true),
            ("content-length: 5\r\n", "1234", true),
            ("content-length: 5\r\n", "123456", false),
            ("Content-Length:5 \n", "123456", false),
            ("x: y\r\ncontent-length: 5\r\nz:\r\n", "123456", false),
            ("content-length: 0\r\n", "1", false),
            ("content-lengths: 5\r\n", "123456", true),
            ("content-length : 5\r\n", "123456", true),
            ("content-length: five\r\n", "123456", true),
            ("transfer-encoding: chunked\r\n", "0\r\n\r\n1", true),
            ("", "123456", true),
        ];
        for (fields, body, expected) in rows {
            let text = format!("HTTP/1.1 200 OK\r\n{fields}\r\n{body}");
            assert_eq!(heard(&text, 1_000), expected, "{text:?}");
            let head = text.len() - body.len();
            let mut heads = Heads::default();
            assert!(heads.hear(&text.as_bytes()[..head]), "{text:?}");
            assert_eq!(heads.hear(&text.as_bytes()[head..]), expected, "{text:?} in two parts");
        }
    }

    #[test]
    fn each_request_has_its_own() {
        let sixteen = "HTTP/1.1 100 Continue\r\n\r\n".repeat(16);
        let mut heads = Heads::default();
        for request in 0..3 {
            heads.asked();
            assert!(heads.hear((sixteen.clone() + NOTHING).as_bytes()), "{request}");
        }
        heads.asked();
        assert!(heads.hear(sixteen.as_bytes()));
        heads.asked();
        assert!(!heads.hear(sixteen.as_bytes()), "one request may be written in parts");
    }

    #[test]
    fn what_stands_in_a_body_is_no_head() {
        let flood = "HTTP/1.1 100 Continue\r\n\r\n".repeat(100);
        for fields in ["", "content-length: 1000000\r\n"] {
            let mut heads = Heads::default();
            assert!(heads.hear(format!("HTTP/1.1 200 OK\r\n{fields}\r\n{flood}").as_bytes()));
            assert!(heads.hear(flood.as_bytes()), "{fields}");
        }
    }

    proptest! {
        #[test]
        fn how_heads_are_cut_makes_no_difference(
            heads in prop::collection::vec(
                "(\r\n)?HTTP/1\\.[01] [12][0-9]{2}( [a-z]*)?\r?\n(x: y?\r?\n)?\r?\n", 0..40,
            ),
            size in 1..50_usize,
        ) {
            let text = heads.concat();
            let interims = heads.iter().take_while(|head| !head.contains(" 2")).count();
            prop_assert_eq!(heard(&text, size), interims <= 16, "{:?}", text);
        }

        #[test]
        fn a_plain_answer_is_never_amiss(length in 0..300_usize, size in 1..400_usize) {
            let body = "x".repeat(length);
            let text = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{body}");
            prop_assert!(heard(&text, size));
        }
    }
}
