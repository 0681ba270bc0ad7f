//! What a path could be taken for by whoever reads it next. Never what is forwarded: that is the
//! path as it came.
//!
//! A reader may decode percent-encoding not at all, once (RFC 3986 §2.4), or, behind a middlebox
//! that decodes too, more than once; it may or may not take `\` for `/`, drop the `;parameters` of
//! each segment and remove dot segments (RFC 3986 §5.2.4). Each of these by itself, for one can
//! hide what the others find: `/a/..;/../b` is `/b` without parameters, and `/a/b` with them.

use std::iter::once_with;
use std::iter::successors;

/// Whether the path holds what no path has: a control octet, or NUL, LF or CR percent-encoded.
pub fn holds_refused_octet(path: &str) -> bool {
    let mut encoded = path.as_bytes().array_windows().copied().filter_map(escape);
    path.bytes().any(|octet| octet.is_ascii_control())
        || encoded.any(|octet| matches!(octet, 0 | b'\n' | b'\r'))
}

/// Whether all readers take the path for what is written: no percent-encoding, no `\`, no `;`, no
/// dot segment, no control octet. Empty segments are plain here: nobody is bound to drop them.
pub fn is_plain(path: &str) -> bool {
    let is_plain = |octet: u8| !octet.is_ascii_control() && !matches!(octet, b'%' | b'\\' | b';');
    path.bytes().all(is_plain) && !path.split('/').any(|segment| matches!(segment, "." | ".."))
}

/// The paths that `path` could be taken for, itself among them.
pub fn readings(path: &str) -> impl Iterator<Item = String> {
    decodings(path).flat_map(|decoded| {
        let written = String::from_utf8(decoded)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
        ways(&written).map(move |way| way.read(&written))
    })
}

/// The path as the most forgiving reader takes it: decoded until nothing is left to decode,
/// normalised, empty segments and a trailing slash dropped. Letters keep their case.
pub fn tidied(path: &str) -> String {
    let decoded = decoded_fully(path);
    let written = String::from_utf8_lossy(&decoded);
    let segments = MOST_FORGIVING.segments(&written).filter(|segment| !segment.is_empty());
    normalised(segments, written.len())
}

/// What a reader may do with a path beside decoding it.
#[derive(Clone, Copy)]
struct Way {
    turns_backslashes: bool,
    drops_parameters: bool,
    removes_dots: bool,
}

const MOST_FORGIVING: Way =
    Way { turns_backslashes: true, drops_parameters: true, removes_dots: true };

/// The ways that come to something else for this path, to do nothing among them.
fn ways(path: &str) -> impl Iterator<Item = Way> + use<> {
    let holds = |octet: char| path.contains(octet);
    let (backslash, parameter, dot) = (holds('\\'), holds(';'), holds('.'));
    let all = (0..8_u8).map(|bits| Way {
        turns_backslashes: bits & 1 != 0,
        drops_parameters: bits & 2 != 0,
        removes_dots: bits & 4 != 0,
    });
    all.filter(move |way| {
        (backslash || !way.turns_backslashes)
            && (parameter || !way.drops_parameters)
            && (dot || !way.removes_dots)
    })
}

impl Way {
    fn read(self, path: &str) -> String {
        match self {
            Self { turns_backslashes: false, drops_parameters: false, removes_dots: false } => {
                path.to_owned()
            }
            Self { removes_dots: true, .. } => normalised(self.segments(path), path.len()),
            Self { removes_dots: false, .. } => joined(self.segments(path), path.len()),
        }
    }

    /// What stands between slashes.
    fn segments(self, path: &str) -> impl Iterator<Item = &str> {
        let is_slash = move |c: char| c == '/' || self.turns_backslashes && c == '\\';
        path.strip_prefix(is_slash).unwrap_or(path).split(is_slash).map(move |segment| {
            let name = segment.split(';').next().filter(|_| self.drops_parameters);
            name.unwrap_or(segment)
        })
    }
}

/// The segments joined again without dot segments, RFC 3986 §5.2.4; but the slash that a dot
/// segment at the end would leave behind is left out, so that `/a/.` compares as `/a`. `length`: about
/// how long they are.
fn normalised<'a>(segments: impl Iterator<Item = &'a str>, length: usize) -> String {
    let mut path = String::with_capacity(length.saturating_add(1));
    for segment in segments {
        match segment {
            "." => {}
            ".." => path.truncate(path.rfind('/').unwrap_or_default()),
            segment => path.extend(["/", segment]),
        }
    }
    if path.is_empty() { "/".to_owned() } else { path }
}

fn joined<'a>(segments: impl Iterator<Item = &'a str>, length: usize) -> String {
    let mut path = String::with_capacity(length.saturating_add(1));
    for segment in segments {
        path.extend(["/", segment]);
    }
    if path.is_empty() { "/".to_owned() } else { path }
}

/// The path as written, decoded once and more often, and decoded until nothing is left to decode; one
/// after the other, so that a long path is not held in all of them at once.
fn decodings(path: &str) -> impl Iterator<Item = Vec<u8>> {
    let next = |last: &Vec<u8>| Some(decoded_once(last)).filter(|next| next != last);
    let some = successors(Some(path.as_bytes().to_vec()), next).take(MOST_DECODINGS + 1);
    let fully = once_with(|| decoded_fully(path)).filter(|_| path.contains('%'));
    some.chain(fully)
}

/// A longer chain of readers is not in use; without a bound `%252525…` would be quadratic.
const MOST_DECODINGS: usize = 3;

fn decoded_once(path: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(path.len());
    let mut rest = path;
    while let Some((&first, after)) = rest.split_first() {
        let (octet, after) = match rest.split_first_chunk() {
            Some((&chunk, beyond)) => escape(chunk).map_or((first, after), |octet| (octet, beyond)),
            None => (first, after),
        };
        decoded.push(octet);
        rest = after;
    }
    decoded
}

/// Decoded until nothing is left to decode, in one go: what a decoding brings forth may complete
/// an escape begun before it. A loop of whole decodings would be quadratic in `%252525…`.
fn decoded_fully(path: &str) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(path.len());
    for &octet in path.as_bytes() {
        decoded.push(octet);
        while let Some(octet) = decoded.last_chunk().copied().and_then(escape) {
            decoded.truncate(decoded.len() - 3);
            decoded.push(octet);
        }
    }
    decoded
}

/// The octet that a `%` and two hexadecimal digits stand for.
fn escape(chunk: [u8; 3]) -> Option<u8> {
    let [b'%', high, low] = chunk else {
        return None;
    };
    let digit = |octet: u8| char::from(octet).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn some_octets_are_refused_everywhere() {
        let raw = ["/\0", "/a\n", "/\r", "/\t", "/\x1b[0m", "/\x7f"];
        let encoded = ["/%00", "/%0a", "/%0A", "/%0d", "/a%0D%0Ab", "/%%00", "/%000"];
        for path in raw.into_iter().chain(encoded) {
            assert!(holds_refused_octet(path), "{path:?}");
        }
        for path in ["", "/", "/a", "/%", "/%0", "/%zz", "/%20", "/%09", "/%2500", "/\\", "/é"] {
            assert!(!holds_refused_octet(path), "{path:?}");
        }
    }

    #[test]
    fn a_plain_path_means_what_it_says() {
        for path in ["", "/", "/v2/a-b_c", "/a//b/", "/.hidden", "/a.b", "/...", "/é", "/a~b:c@d"]
        {
            assert!(is_plain(path), "{path:?}");
        }
        for path in ["/%41", "/%", "/a;b", "/a\\b", "/.", "/..", "/a/../b", "/a/./b", "/\t"] {
            assert!(!is_plain(path), "{path:?}");
        }
    }

    #[test]
    fn a_path_is_read_in_every_usual_way() {
        let rows = [
            ("/a/%62", "/a/b"),
            ("/a/%2562", "/a/%62"),
            ("/a/%2562", "/a/b"),
            ("/a/%25252562", "/a/b"),
            ("/a/%%36%32", "/a/%62"),
            ("/a/%%36%32", "/a/b"),
            ("/a%2Fb", "/a/b"),
            ("/a%2fb", "/a/b"),
            ("/a\\b", "/a/b"),
            ("/a%5cb", "/a/b"),
            ("/x/../a/b", "/a/b"),
            ("/x/%2e%2E/a/b", "/a/b"),
            ("/x/..;y=1/a/b", "/a/b"),
            ("/x%2f..%2fa/b", "/a/b"),
            ("/x%252f..%252fa/b", "/a/b"),
            ("/../../a/b", "/a/b"),
            ("/./a/./b/.", "/a/b"),
            ("/a;p/b;q=1;r", "/a/b"),
            ("/a/b%3bq", "/a/b"),
            ("/a/b/../..", "/"),
            ("/a/b/../..", "/a/b/../.."),
            ("/a//b", "/a//b"),
            ("/a/", "/a/"),
            ("/a/c\\/../b", "/a/b"),
            ("/a/..;/../b", "/a/b"),
            ("/a/..;/../b", "/b"),
            ("/a/b%253b%25252f..", "/a/b"),
            ("/a/b%25253b%2525252f..", "/a/b"),
            ("/%zz%4", "/%zz%4"),
        ];
        for (path, expected) in rows {
            let all: Vec<_> = readings(path).collect();
            assert!(all.iter().any(|reading| reading == expected), "{path:?} read as {all:?}");
        }
    }

    #[test]
    fn a_tidied_path_is_what_the_most_forgiving_reader_takes_it_for() {
        let rows = [
            ("/", "/"),
            ("//", "/"),
            ("/a/b", "/a/b"),
            ("/a/b/", "/a/b"),
            ("//a///b//", "/a/b"),
            ("/a/x//../b", "/a/b"),
            ("/A/;p/b", "/A/b"),
            ("/a\\\\b", "/a/b"),
            ("/a/%252fb%2f", "/a/b"),
            ("/a/%C3%A9", "/a/é"),
            ("/a/%c0%af", "/a/\u{fffd}\u{fffd}"),
        ];
        for (path, expected) in rows {
            assert_eq!(tidied(path), expected, "{path:?}");
        }
    }

    proptest! {
        #[test]
        fn a_plain_path_has_one_reading(path in "(/[a-zA-Z0-9_.~é-]{0,8}){1,6}") {
            prop_assume!(is_plain(&path));
            prop_assert!(readings(&path).all(|reading| reading == path));
        }

        #[test]
        fn decoding_to_the_end_leaves_nothing_to_decode(path in "(%|2|5|F|/|[.]|é){0,60}") {
            let decoded = String::from_utf8_lossy(&decoded_fully(&path)).into_owned();
            prop_assert_eq!(decoded_once(decoded.as_bytes()), decoded.as_bytes());
        }

        #[test]
        fn anything_can_be_read(path: String) {
            holds_refused_octet(&path);
            is_plain(&path);
            prop_assert!(readings(&path).any(|reading| reading == path));
            prop_assert_eq!(tidied(&tidied(&path)), tidied(&path));
        }
    }
}
