//! `Prefer`, RFC 7240: what a client would like, of which one preference counts here.

use crate::fields::cache_control::delta_seconds;
use crate::fields::token::Quoted;
use http::HeaderMap;
use http::HeaderName;
use http::HeaderValue;
use std::time::Duration;

/// How long the client is ready to wait for the answer, section 4.3, counted from when its request
/// arrived. Only the first `wait` counts (section 2), so behind a malformed one none does.
///
/// A number too large reads as the largest that [`delta_seconds`] knows. Allocates nothing.
pub fn wait(fields: &HeaderMap) -> Option<Duration> {
    let lines = fields.get_all(PREFER).iter().map(HeaderValue::as_bytes);
    let mut preferences = lines.flat_map(members).map(preference);
    let (_, word) = preferences.find(|(name, _)| name.eq_ignore_ascii_case(b"wait"))?;
    delta_seconds(word)
}

const PREFER: HeaderName = HeaderName::from_static("prefer");

fn members(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut quoted = Quoted::default();
    line.split(move |&octet| quoted.reads_outside(octet) && octet == b',')
}

/// A preference's name and what it is set to, empty where that is nothing (section 2: the two mean
/// the same); without the parameters, of which `wait` has none.
fn preference(member: &[u8]) -> (&[u8], &[u8]) {
    let setting = member.split(|&octet| octet == b';').next().unwrap_or_default();
    let mut halves = setting.splitn(2, |&octet| octet == b'=').map(<[u8]>::trim_ascii);
    (halves.next().unwrap_or_default(), halves.next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn seconds<T: AsRef<[u8]>>(lines: &[T]) -> Option<u64> {
        let mut fields = HeaderMap::new();
        for line in lines {
            fields.append(PREFER, HeaderValue::from_bytes(line.as_ref()).unwrap());
        }
        wait(&fields).map(|wait| wait.as_secs())
    }

    #[test]
    fn reads_how_long_a_client_waits() {
        let rows: &[(&[&str], Option<u64>)] = &[
            (&[], None),
            (&[""], None),
            (&["respond-async"], None),
            (&["wait=10"], Some(10)),
            (&["wait=0"], Some(0)),
            (&["wait=007"], Some(7)),
            (&["WAIT \t= \"10\""], Some(10)),
            (&["respond-async, wait=100; x=y"], Some(100)),
            (&["respond-async;x=\", wait=5\" , , wait=10"], Some(10)),
            (&["foo bar, wait=10"], Some(10)),
            (&["respond-async", "wait=10"], Some(10)),
            (&["wait=4294967296"], Some(1 << 31)),
            (&["wait=99999999999999999999999999"], Some(1 << 31)),
            // Only the first counts.
            (&["wait=10, wait=20"], Some(10)),
            (&["wait=10", "wait=20"], Some(10)),
            (&["wait=soon, wait=20"], None),
            // Malformed.
            (&["wait"], None),
            (&["wait="], None),
            (&["wait=\"\""], None),
            (&["wait=\"10"], None),
            (&["wait=-1"], None),
            (&["wait=+1"], None),
            (&["wait=1.5"], None),
            (&["wait=1e3"], None),
            (&["wait=10s"], None),
            (&["wait=10 20"], None),
            (&["wait==10"], None),
            (&["wait:10"], None),
            (&["x-wait=10"], None),
            (&["x; wait=10"], None),
            (&["x=\"open, wait=10"], None),
            (&["wait=\u{e9}"], None),
        ];
        for (lines, expected) in rows {
            assert_eq!(seconds(lines), *expected, "{lines:?}");
        }
    }

    proptest! {
        #[test]
        fn a_wait_reads_the_same_among_others(
            wait in 0..=1_u64 << 31,
            before in "([a-v-]{1,9}(=([0-9a-z]{1,9}|\"(\\\\\"|[ -!#-Z]){0,9}\"))?(; ?x)?, ?){0,5}",
            after in "((, |; )[ -~]{0,20}){0,3}",
        ) {
            let line = format!("{before}wait={wait}{after}");
            prop_assert_eq!(seconds(&[&line]), Some(wait), "{}", line);
        }

        #[test]
        fn no_line_is_more_than_a_wait(
            lines in prop::collection::vec("([ -~\u{e9}]|wait|[ \t,;=0-9\"\\\\]){0,20}", 0..4),
        ) {
            prop_assert!(seconds(&lines).is_none_or(|seconds| seconds <= 1 << 31));
        }
    }
}
