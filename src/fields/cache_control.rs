//! `Cache-Control`, RFC 9111 section 5.2: the directives that decisions rest on.
//!
//! Where a field is malformed or a directive is repeated, the most restrictive reading holds
//! (section 4.2.1): doubt means "ask the upstream".

use http::HeaderMap;
use http::header::CACHE_CONTROL;
use std::time::Duration;

/// What a request says about the use of stored responses.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct RequestDirectives {
    /// Section 5.2.1.5: store nothing of this exchange.
    pub no_store: bool,
    /// Section 5.2.1.4: do not reuse a stored response without asking.
    pub no_cache: bool,
}

/// What a response says about being stored and reused.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct ResponseDirectives {
    /// Section 5.2.2.5.
    pub no_store: bool,
    /// Section 5.2.2.4, with or without named fields.
    pub no_cache: bool,
    /// Section 5.2.2.1. Unreadable counts as zero, the smallest of several holds.
    pub max_age: Option<Duration>,
}

impl RequestDirectives {
    /// Reads every `Cache-Control` line of a request.
    pub fn read(fields: &HeaderMap) -> Self {
        let mut found = Self::default();
        for_each_directive(fields, |name, _| {
            found.no_store |= name.eq_ignore_ascii_case(b"no-store");
            found.no_cache |= name.eq_ignore_ascii_case(b"no-cache");
        });
        found
    }
}

impl ResponseDirectives {
    /// Reads every `Cache-Control` line of a response.
    pub fn read(fields: &HeaderMap) -> Self {
        let mut found = Self::default();
        for_each_directive(fields, |name, argument| {
            found.no_store |= name.eq_ignore_ascii_case(b"no-store");
            found.no_cache |= name.eq_ignore_ascii_case(b"no-cache");
            if name.eq_ignore_ascii_case(b"max-age") {
                let age = argument.and_then(delta_seconds).unwrap_or_default();
                found.max_age = Some(found.max_age.map_or(age, |other| age.min(other)));
            }
        });
        found
    }
}

/// Calls `read` with each directive's name and, where it has one, its argument.
fn for_each_directive(fields: &HeaderMap, mut read: impl FnMut(&[u8], Option<&[u8]>)) {
    for line in fields.get_all(CACHE_CONTROL) {
        let mut quoted = Quoted::default();
        for directive in line.as_bytes().split(|&octet| quoted.separates(octet)) {
            let mut halves = directive.splitn(2, |&octet| octet == b'=');
            let name = halves.next().unwrap_or_default().trim_ascii();
            read(name, halves.next().map(<[u8]>::trim_ascii));
        }
    }
}

/// Whether the octets read so far leave us inside a quoted string, RFC 9110 section 5.6.4.
#[derive(Default)]
struct Quoted {
    inside: bool,
    escaped: bool,
}

impl Quoted {
    /// Reads one octet; true for a comma that stands outside quotes.
    const fn separates(&mut self, octet: u8) -> bool {
        match octet {
            _ if self.escaped => self.escaped = false,
            b'\\' if self.inside => self.escaped = true,
            b'"' => self.inside = !self.inside,
            b',' => return !self.inside,
            _ => {}
        }
        false
    }
}

/// Section 1.2.2: a number of seconds; recipients accept it as a token or quoted (section 5.2).
/// One too large to represent reads as the largest, never as none.
pub fn delta_seconds(argument: &[u8]) -> Option<Duration> {
    let digits = match argument {
        [b'"', inner @ .., b'"'] => inner,
        token => token,
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let seconds = digits.iter().fold(0_u64, |sum, digit| {
        sum.saturating_mul(10).saturating_add(u64::from(digit.wrapping_sub(b'0')))
    });
    Some(Duration::from_secs(seconds.min(LARGEST)))
}

/// Section 1.2.2 asks for at least 2^31 seconds.
const LARGEST: u64 = 1 << 31;

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use proptest::prelude::*;

    fn lines(written: &[&str]) -> HeaderMap {
        let mut fields = HeaderMap::new();
        for line in written {
            fields.append(CACHE_CONTROL, HeaderValue::from_bytes(line.as_bytes()).unwrap());
        }
        fields
    }

    #[test]
    fn reads_response_directives() {
        let none = ResponseDirectives::default();
        let aged = |secs| ResponseDirectives { max_age: Some(Duration::from_secs(secs)), ..none };
        let no_store = ResponseDirectives { no_store: true, ..none };
        let no_cache = ResponseDirectives { no_cache: true, ..none };
        let rows: &[(&[&str], ResponseDirectives)] = &[
            (&[], none),
            (&[""], none),
            (&[",,"], none),
            (&["max-age=60"], aged(60)),
            (&["MAX-AGE=\"60\""], aged(60)),
            (&["max-age = 60"], aged(60)),
            (&["max-age=soon"], aged(0)),
            (&["max-age=-1"], aged(0)),
            (&["max-age=1.5"], aged(0)),
            (&["max-age="], aged(0)),
            (&["max-age"], aged(0)),
            (&["max-age=60, max-age=10"], aged(10)),
            (&["max-age=10", "max-age=60"], aged(10)),
            (&["max-age=99999999999999999999999"], aged(1 << 31)),
            (&["No-Store"], no_store),
            (&["public", " ,no-store"], no_store),
            (&["no-cache=\"set-cookie, x\""], no_cache),
            (&["x=\"a, no-store\""], none),
            (&["x=\"a\\\", no-store\", no-cache"], no_cache),
            (&["x=\"never closed, no-store"], none),
            (&["no-storeX"], none),
        ];
        for (written, expected) in rows {
            assert_eq!(&ResponseDirectives::read(&lines(written)), expected, "{written:?}");
        }
    }

    #[test]
    fn reads_request_directives() {
        let rows: &[(&[&str], (bool, bool))] = &[
            (&["max-age=0"], (false, false)),
            (&["no-cache"], (false, true)),
            (&["NO-STORE , no-cache"], (true, true)),
            (&["no-store"], (true, false)),
        ];
        for (written, (no_store, no_cache)) in rows {
            let expected = RequestDirectives { no_store: *no_store, no_cache: *no_cache };
            assert_eq!(RequestDirectives::read(&lines(written)), expected, "{written:?}");
        }
    }

    proptest! {
        #[test]
        fn no_field_panics_and_no_store_is_never_overlooked(noise in "[ -~&&[^\"]]{0,40}") {
            let read = ResponseDirectives::read(&lines(&[&format!("{noise},no-store")]));
            prop_assert!(read.no_store);
        }
    }
}
