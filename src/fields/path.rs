//! What a path could be taken for by whoever reads it next. Never what is forwarded: that is the
//! path as it came.
//!
//! A reader may decode percent-encoding not at all, once (RFC 3986 §2.4), or, behind a middlebox
//! that decodes too, once more; it may or may not take `\` for `/`, drop the `;parameters` of each
//! segment and remove dot segments (RFC 3986 §5.2.4). [`readings`] gives the path as written,
//! decoded once, and decoded until nothing is left to decode, each with and without the rest.

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
    // One after the other, so that a long path is not held in all of them at once.
    let decodings = [|path: &str| path.as_bytes().to_vec(), decoded_once, decoded_fully];
    let differ = if path.contains('%') { decodings.len() } else { 1 };
    decodings.into_iter().take(differ).flat_map(|decoded| {
        let decoded = decoded(path);
        let written = String::from_utf8(decoded)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
        [normalised(segments(&written), written.len()), written]
    })
}

/// The path as the most forgiving reader takes it: decoded until nothing is left to decode,
/// normalised, empty segments and a trailing slash dropped. Letters keep their case.
pub fn tidied(path: &str) -> String {
    let decoded = decoded_fully(path);
    let written = String::from_utf8_lossy(&decoded);
    normalised(segments(&written).filter(|segment| !segment.is_empty()), written.len())
}

/// The segments without their parameters, `\` being a slash too.
fn segments(path: &str) -> impl Iterator<Item = &str> {
    let slashes = ['/', '\\'];
    let relative = path.strip_prefix(slashes).unwrap_or(path);
    relative.split(slashes).map(|segment| segment.split(';').next().unwrap_or_default())
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

fn decoded_once(path: &str) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
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
            prop_assert_eq!(decoded_once(&decoded), decoded.as_bytes());
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
