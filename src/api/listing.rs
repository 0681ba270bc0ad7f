//! The ids that a batch call asks for: `{"ids":["…"]}`, or one id on a line (NDJSON), each as a JSON
//! string, as `{"id":"…"}` or bare.

use crate::api::route::Kind;
use serde::Deserialize;

/// Why a body is no list of ids.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Unlisted {
    /// It is not UTF-8.
    NotText,
    /// It is an object, or a broken one, without a list of strings named `ids`, or with more.
    NoIds,
    /// No id is in it.
    Empty,
    /// More ids than one call may ask for.
    TooMany,
    /// The one at this place, counted from 1, is not an id.
    NotAnId(usize),
}

/// The longest body that is read for this many ids, in bytes: an id is at most 128, and there is room
/// for quotes, a name and white space.
pub const fn longest(ids: usize) -> usize {
    ids.saturating_mul(192).saturating_add(1_024)
}

/// Reads the ids, at most `most`, in their order.
///
/// # Errors
/// What is wrong, and where.
pub fn ids(body: &[u8], most: usize) -> Result<Vec<String>, Unlisted> {
    let text = std::str::from_utf8(body).map_err(|_| Unlisted::NotText)?.trim();
    let ids = match read_call(text) {
        Some(call) => call.ids,
        None if is_one_object(text) => return Err(Unlisted::NoIds),
        None => by_line(text)?,
    };
    if ids.is_empty() {
        return Err(Unlisted::Empty);
    }
    if ids.len() > most {
        return Err(Unlisted::TooMany);
    }
    match ids.iter().position(|id| !Kind::Ticket.is_id(id)) {
        Some(position) => Err(Unlisted::NotAnId(position + 1)),
        None => Ok(ids),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Call {
    ids: Vec<String>,
}

/// serde would read an array for the object too.
fn read_call(text: &str) -> Option<Call> {
    text.starts_with('{').then(|| serde_json::from_str(text).ok())?
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    id: String,
}

/// Whether the text was meant as one object, and not as one on each line.
fn is_one_object(text: &str) -> bool {
    let first = text.lines().next().unwrap_or_default();
    text.starts_with('{') && serde_json::from_str::<Line>(first).is_err()
}

fn by_line(text: &str) -> Result<Vec<String>, Unlisted> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let ids = lines.enumerate().map(|(position, line)| {
        let id = match line.as_bytes().first() {
            Some(b'"') => serde_json::from_str(line).ok(),
            Some(b'{') => serde_json::from_str(line).ok().map(|line: Line| line.id),
            _ => Some(line.to_owned()),
        };
        id.ok_or(Unlisted::NotAnId(position + 1))
    });
    ids.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ids_come_in_an_object_or_line_by_line() {
        for body in [
            r#"{"ids":["a","b-1"]}"#,
            " {\n \"ids\" : [ \"a\" ,\n \"b-1\" ] }\n",
            "\"a\"\n\"b-1\"\n",
            "a\nb-1",
            "\r\na\r\n\r\n  b-1  \r\n",
            "{\"id\":\"a\"}\n{\"id\":\"b-1\"}",
            "{\"id\":\"a\"}\nb-1\n",
        ] {
            assert_eq!(ids(body.as_bytes(), 2), Ok(vec!["a".into(), "b-1".into()]), "{body}");
        }
        assert_eq!(ids(b"{\"id\":\"a\"}", 1), Ok(vec!["a".into()]));
        assert_eq!(ids(b"7\n7", 2), Ok(vec!["7".into(), "7".into()]), "asked for twice");
    }

    #[test]
    fn what_is_no_list_of_ids_says_why() {
        let rows: [(&[u8], Unlisted); 17] = [
            (b"\xff", Unlisted::NotText),
            (b"", Unlisted::Empty),
            (b" \n ", Unlisted::Empty),
            (br#"{"ids":[]}"#, Unlisted::Empty),
            (br#"{"ids":"a"}"#, Unlisted::NoIds),
            (br#"{"ids":[1]}"#, Unlisted::NoIds),
            (br#"{"ids":["a"],"more":1}"#, Unlisted::NoIds),
            (br#"{"ids":["a"],"ids":["b"]}"#, Unlisted::NoIds),
            (br#"{"ids":["a"]"#, Unlisted::NoIds),
            (b"{}", Unlisted::NoIds),
            (br#"["a"]"#, Unlisted::NotAnId(1)),
            (br#"[["a"]]"#, Unlisted::NotAnId(1)),
            (br#"{"ids":["a","../b"]}"#, Unlisted::NotAnId(2)),
            (br#"{"ids":["a","bulk"]}"#, Unlisted::NotAnId(2)),
            (b"a\n\"b", Unlisted::NotAnId(2)),
            (b"a\n{\"id\":1}", Unlisted::NotAnId(2)),
            (b"a\nb\nc", Unlisted::TooMany),
        ];
        for (body, expected) in rows {
            assert_eq!(ids(body, 2), Err(expected), "{}", String::from_utf8_lossy(body));
        }
    }

    proptest! {
        #[test]
        fn what_is_listed_is_read_again(
            listed in proptest::collection::vec("[A-Za-z0-9_-]{1,128}", 1..20),
        ) {
            prop_assume!(listed.iter().all(|id| Kind::Ticket.is_id(id)));
            let object = format!(r#"{{"ids":{}}}"#, serde_json::to_string(&listed).unwrap());
            prop_assert!(object.len() <= longest(listed.len()));
            prop_assert_eq!(ids(object.as_bytes(), 20), Ok(listed.clone()));
            prop_assert_eq!(ids(listed.join("\n").as_bytes(), 20), Ok(listed));
        }

        #[test]
        fn nothing_makes_it_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ids_or_not = ids(&body, 3);
        }
    }
}
