//! The ids that a batch call asks for: `{"ids":["…"]}`, or one id on a line (NDJSON), each as a JSON
//! string, as `{"id":"…"}` or bare.

use crate::api::route::Kind;
use serde::Deserialize;
use serde::Deserializer;
use serde::de::DeserializeSeed;
use serde::de::Error;
use serde::de::MapAccess;
use serde::de::SeqAccess;
use serde::de::Visitor;
use std::fmt;

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

/// Reads the ids, at most `most`, in their order. They are gathered only once all are known to be ids,
/// and not too many: a list of nothing but `a` takes thirty times as much memory as it is long.
///
/// # Errors
/// What is wrong, and where.
pub fn ids(body: &[u8], most: usize) -> Result<Vec<String>, Unlisted> {
    let text = trimmed(std::str::from_utf8(body).map_err(|_| Unlisted::NotText)?);
    let mut tally = Tally { most, ..Tally::default() };
    let is_call = tally.tells_call(text);
    if !is_call && tally.count <= most {
        if is_one_object(text) {
            return Err(Unlisted::NoIds);
        }
        // One more than are allowed shows that there are too many.
        let judged: Tally = by_line::<Judged, _>(text, most.saturating_add(1))?;
        tally = Tally { most, ..judged };
    }
    match tally {
        Tally { count: 0, .. } => Err(Unlisted::Empty),
        Tally { count, .. } if count > most => Err(Unlisted::TooMany),
        Tally { not_an_id: Some(position), .. } => Err(Unlisted::NotAnId(position)),
        _ if is_call => call(text).ok_or(Unlisted::NoIds),
        _ => by_line::<String, _>(text, most),
    }
}

/// How many ids there are, and the place of the first that is none, counted from 1.
#[derive(Default)]
struct Tally {
    count: usize,
    not_an_id: Option<usize>,
    /// More than so many are not read.
    most: usize,
}

/// Whether something is an id.
struct Judged(bool);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Call {
    ids: Vec<String>,
}

fn call(text: &str) -> Option<Vec<String>> {
    serde_json::from_str(text).ok().map(|call: Call| call.ids)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<T> {
    id: T,
}

/// Whether the text was meant as one object, and not as one on each line.
fn is_one_object(text: &str) -> bool {
    let first = text.lines().next().unwrap_or_default();
    text.starts_with('{') && serde_json::from_str::<Line<Judged>>(first).is_err()
}

/// Without the white space of JSON (RFC 8259 section 2) around it. `str::trim` knows more: what no
/// other reader would let pass.
fn trimmed(text: &str) -> &str {
    text.trim_matches([' ', '\t', '\n', '\r'])
}

/// The first `most` ids.
fn by_line<'a, T, C>(text: &'a str, most: usize) -> Result<C, Unlisted>
where
    T: Deserialize<'a> + From<&'a str>,
    C: FromIterator<T>,
{
    let lines = text.lines().map(trimmed).filter(|line| !line.is_empty()).take(most);
    let ids = lines.enumerate().map(|(position, line)| {
        let id = match line.as_bytes().first() {
            Some(b'"') => serde_json::from_str(line).ok(),
            Some(b'{') => serde_json::from_str(line).ok().map(|line: Line<T>| line.id),
            _ => Some(T::from(line)),
        };
        id.ok_or(Unlisted::NotAnId(position + 1))
    });
    ids.collect()
}

impl Tally {
    fn add(&mut self, id: &Judged) {
        self.count += 1;
        if !id.0 && self.not_an_id.is_none() {
            self.not_an_id = Some(self.count);
        }
    }

    /// Whether the text is a [`Call`], none of whose ids is kept. Not one with too many: then the
    /// count says so.
    fn tells_call(&mut self, text: &str) -> bool {
        let mut json = serde_json::Deserializer::from_str(text);
        // serde would read an array for the object too.
        text.starts_with('{') && json.deserialize_map(&mut *self).is_ok() && json.end().is_ok()
    }
}

/// The one name in a [`Call`].
#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "lowercase")]
enum Name {
    Ids,
}

/// Of the object.
impl<'de> Visitor<'de> for &mut Tally {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with a list of strings named ids, or that list")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut call: A) -> Result<(), A::Error> {
        let Some(Name::Ids) = call.next_key()? else {
            return Err(Error::missing_field("ids"));
        };
        call.next_value_seed(&mut *self)?;
        match call.next_key()? {
            Some(Name::Ids) => Err(Error::duplicate_field("ids")),
            None => Ok(()),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut ids: A) -> Result<(), A::Error> {
        while let Some(id) = ids.next_element()? {
            self.add(&id);
            if self.count > self.most {
                return Err(Error::invalid_length(self.count, &self));
            }
        }
        Ok(())
    }
}

/// Of the list.
impl<'de> DeserializeSeed<'de> for &mut Tally {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_seq(self)
    }
}

impl FromIterator<Judged> for Tally {
    fn from_iter<I: IntoIterator<Item = Judged>>(ids: I) -> Self {
        let mut tally = Self::default();
        ids.into_iter().for_each(|id| tally.add(&id));
        tally
    }
}

impl From<&str> for Judged {
    fn from(id: &str) -> Self {
        Self(Kind::Ticket.is_id(id))
    }
}

impl<'de> Deserialize<'de> for Judged {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        json.deserialize_str(Judge)
    }
}

struct Judge;

impl Visitor<'_> for Judge {
    type Value = Judged;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E>(self, id: &str) -> Result<Judged, E> {
        Ok(Judged::from(id))
    }
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
        let rows: [(&[u8], Unlisted); 20] = [
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
            (b"{\"ids\":[\"a\"]}\xe2\x80\xa8", Unlisted::NoIds),
            (b"a\nb\xc2\xa0", Unlisted::NotAnId(2)),
            (b"\x0ca", Unlisted::NotAnId(1)),
        ];
        for (body, expected) in rows {
            assert_eq!(ids(body, 2), Err(expected), "{}", String::from_utf8_lossy(body));
        }
    }

    #[test]
    fn of_too_many_no_more_are_read_than_show_it() {
        for body in
            [r#"{"ids":["a","b","c","/",7]"#, "a\nb\nc\n{\"id\":7}", "\"a\"\n\"/\"\n\"c\"\n\""]
        {
            assert_eq!(ids(body.as_bytes(), 2), Err(Unlisted::TooMany), "{body}");
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
