//! The JSON object every answer of the API is wrapped in: the few members that mean something, read
//! in one pass and without a tree. What surrounds them may be anything, as long as it is JSON.
//!
//! Whatever two readers could understand differently is a [`Flaw`] (RFC 8259 §4 leaves duplicate
//! names to the reader): the body may be delivered, but nothing is concluded from it.

use serde::Deserializer;
use serde::de::DeserializeSeed;
use serde::de::Error;
use serde::de::IgnoredAny;
use serde::de::MapAccess;
use serde::de::SeqAccess;
use serde::de::Visitor;
use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

/// The members of one object that mean something.
#[derive(Debug, Default, Eq, PartialEq)]
pub struct Envelope<'a> {
    /// `_id`.
    pub mongo_id: Value<'a>,
    /// `id`.
    pub id: Value<'a>,
    /// `status`: of a ticket, inside `data`.
    pub status: Value<'a>,
    /// `success`.
    pub success: Value<'a>,
    /// `message`: prose or a machine constant.
    pub message: Value<'a>,
    /// `code`: a machine constant.
    pub code: Value<'a>,
    /// `data`: what was asked for.
    pub data: Value<'a>,
    /// `error`: prose, or an object with `message` and `code`.
    pub error: Value<'a>,
}

/// The value of a member, as far as anyone asks.
#[derive(Debug, Default, Eq, PartialEq)]
pub enum Value<'a> {
    /// There is no such member.
    #[default]
    Absent,
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A string, its escapes resolved.
    Text(Cow<'a, str>),
    /// `data` or `error` of the outermost object, itself an object.
    Object(Box<Envelope<'a>>),
    /// Anything else.
    Other,
}

/// Why a body could not be read, or not in one way only.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Flaw {
    /// There is nothing in it.
    Empty,
    /// It is not one JSON text in UTF-8 without a byte order mark (RFC 8259 §8.1).
    Malformed,
    /// It nests deeper than 64 levels.
    TooDeep,
    /// A member that matters stands there twice.
    DuplicateMember,
    /// It is JSON, but no object.
    NotAnObject,
}

/// Levels of nesting allowed, the outermost object being the first. Tickets need four; a reader
/// that recurses must stop somewhere (`threats.md`, D8).
const DEEPEST: u8 = 64;

/// Reads a complete body.
///
/// # Errors
/// When it is not one JSON object that every reader understands alike.
pub fn read(body: &[u8]) -> Result<Envelope<'_>, Flaw> {
    if body.trim_ascii().is_empty() {
        return Err(Flaw::Empty);
    }
    // Checked as a whole, since a skipped string would not be.
    let text = str::from_utf8(body).map_err(|_| Flaw::Malformed)?;
    let flaw = Cell::new(Flaw::Malformed);
    let mut json = serde_json::Deserializer::from_str(text);
    let whole = Reader { role: Role::Whole, levels_left: DEEPEST, flaw: &flaw };
    match whole.deserialize(&mut json).and_then(|value| json.end().map(|()| value)) {
        Ok(Value::Object(envelope)) => Ok(*envelope),
        Ok(_) => Err(Flaw::NotAnObject),
        Err(_) => Err(flaw.get()),
    }
}

impl<'a> Envelope<'a> {
    fn member(&mut self, name: &str) -> Option<&mut Value<'a>> {
        Some(match name {
            "_id" => &mut self.mongo_id,
            "id" => &mut self.id,
            "status" => &mut self.status,
            "success" => &mut self.success,
            "message" => &mut self.message,
            "code" => &mut self.code,
            "data" => &mut self.data,
            "error" => &mut self.error,
            _ => return None,
        })
    }
}

impl<'a> Value<'a> {
    /// The string, if it is one.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The object, if it is one.
    pub fn object(&self) -> Option<&Envelope<'a>> {
        match self {
            Self::Object(object) => Some(object),
            _ => None,
        }
    }
}

/// What a value is to the reader.
#[derive(Clone, Copy)]
enum Role {
    /// The body: an object is read for its members.
    Whole,
    /// A member of the body that means something: an object is read for its members too.
    Part,
    /// A member of a part that means something: kept unless it nests.
    Leaf,
    /// Anything else: read for its form alone.
    Skipped,
}

#[derive(Clone, Copy)]
struct Reader<'f> {
    role: Role,
    levels_left: u8,
    /// Why reading stopped, when it was not the JSON.
    flaw: &'f Cell<Flaw>,
}

impl Reader<'_> {
    /// The reader of the values inside this one.
    fn inner<E: Error>(self) -> Result<Self, E> {
        match self.levels_left.checked_sub(1) {
            Some(levels_left) => Ok(Self { role: Role::Skipped, levels_left, ..self }),
            None => Err(self.stop(Flaw::TooDeep)),
        }
    }

    fn stop<E: Error>(self, flaw: Flaw) -> E {
        self.flaw.set(flaw);
        E::custom("")
    }
}

impl<'de> DeserializeSeed<'de> for Reader<'_> {
    type Value = Value<'de>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Value<'de>, D::Error> {
        // Not `deserialize_ignored_any` for what is skipped: that does not count levels.
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(Value::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Value::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Value::Other)
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Value::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(match self.role {
            Role::Skipped => Value::Other,
            _ => Value::Text(Cow::Owned(text.to_owned())),
        })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Self::Value, A::Error> {
        let inner = self.inner()?;
        while values.next_element_seed(inner)?.is_some() {}
        Ok(Value::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let inner = self.inner()?;
        let known = match self.role {
            Role::Whole => Self { role: Role::Part, ..inner },
            Role::Part => Self { role: Role::Leaf, ..inner },
            Role::Leaf | Role::Skipped => {
                while members.next_key::<IgnoredAny>()?.is_some() {
                    members.next_value_seed(inner)?;
                }
                return Ok(Value::Other);
            }
        };
        let mut envelope = Envelope::default();
        while let Some(member) = members.next_key_seed(MemberNamed(&mut envelope))? {
            match member {
                None => drop(members.next_value_seed(inner)?),
                Some(member @ Value::Absent) => *member = members.next_value_seed(known)?,
                Some(_) => return Err(self.stop(Flaw::DuplicateMember)),
            }
        }
        Ok(Value::Object(Box::new(envelope)))
    }
}

/// Reads a name, and finds the member it names.
struct MemberNamed<'e, 'de>(&'e mut Envelope<'de>);

impl<'e, 'de> DeserializeSeed<'de> for MemberNamed<'e, 'de> {
    type Value = Option<&'e mut Value<'de>>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_identifier(self)
    }
}

impl<'e, 'de> Visitor<'de> for MemberNamed<'e, 'de> {
    type Value = Option<&'e mut Value<'de>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.member(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(text: &str) -> Value<'_> {
        Value::Text(text.into())
    }

    #[test]
    fn the_members_that_matter_are_read_wherever_they_stand() {
        let body = br#" {"x":[{"id":1,"id":2},-1.5e3],"success":true,"y":{"data":{"_id":"no"}},
            "data":{"threads":[{"_id":"t","message":"<p>"}],"\u005fid":"a\u0062c","status":null},
            "error":{"code":404,"message":"M"},"message":"caf\u00e9"} "#;
        let data = Envelope { mongo_id: text("abc"), status: Value::Null, ..Envelope::default() };
        let error = Envelope { code: Value::Other, message: text("M"), ..Envelope::default() };
        let expected = Envelope {
            success: Value::Bool(true),
            data: Value::Object(Box::new(data)),
            error: Value::Object(Box::new(error)),
            message: text("café"),
            ..Envelope::default()
        };
        assert_eq!(read(body), Ok(expected));
    }

    #[test]
    fn a_flaw_is_named() {
        let rows: &[(&[u8], Flaw)] = &[
            (b"", Flaw::Empty),
            (b" \r\n\t", Flaw::Empty),
            (b"null", Flaw::NotAnObject),
            (b"true", Flaw::NotAnObject),
            (b"\"{}\"", Flaw::NotAnObject),
            (b"[{}]", Flaw::NotAnObject),
            (b"7", Flaw::NotAnObject),
            (b"<html>", Flaw::Malformed),
            (b"{", Flaw::Malformed),
            (b"{}{}", Flaw::Malformed),
            (b"{} x", Flaw::Malformed),
            (b"{}\0", Flaw::Malformed),
            (b"{\"a\":1,}", Flaw::Malformed),
            (b"{'a':1}", Flaw::Malformed),
            (b"{\"a\":NaN}", Flaw::Malformed),
            (b"{\"a\":01}", Flaw::Malformed),
            (b"{\"a\":1e999999}", Flaw::Malformed),
            (b"{\"a\":\"\n\"}", Flaw::Malformed),
            (b"{\"a\":\"\\ud800\"}", Flaw::Malformed),
            (b"{\"a\":\"\xff\"}", Flaw::Malformed),
            (b"{\"\xc0\xaf\":1}", Flaw::Malformed),
            (b"\xef\xbb\xbf{}", Flaw::Malformed),
            (b"{\0\"\0a\0", Flaw::Malformed),
            (b"{\"data\":{},\"data\":{}}", Flaw::DuplicateMember),
            (b"{\"data\":null,\"d\\u0061ta\":{}}", Flaw::DuplicateMember),
            (b"{\"success\":true,\"success\":true}", Flaw::DuplicateMember),
            (b"{\"data\":{\"_id\":1,\"x\":[],\"_id\":\"a\"}}", Flaw::DuplicateMember),
            (b"{\"data\":{\"status\":\"open\",\"status\":\"open\"}}", Flaw::DuplicateMember),
            (b"{\"error\":{\"code\":\"a\",\"code\":\"b\"}}", Flaw::DuplicateMember),
        ];
        for &(body, flaw) in rows {
            assert_eq!(read(body), Err(flaw), "{:?}", body.escape_ascii().to_string());
        }
    }

    #[test]
    fn nesting_ends_at_64_levels() {
        for (open, close, levels) in [("[", "]", 1), ("{\"data\":", "}", 1), ("{\"a\":[", "]}", 2)]
        {
            for depth in [1, 31, 32, 63, 64] {
                let body = format!("{{\"x\":{}0{}}}", open.repeat(depth), close.repeat(depth));
                let expected = if depth * levels < 64 { Ok(()) } else { Err(Flaw::TooDeep) };
                assert_eq!(read(body.as_bytes()).map(drop), expected, "{depth} times {open}");
            }
        }
    }

    #[test]
    fn a_megabyte_of_anything_does_no_harm() {
        for (open, flaw) in
            [("[", Flaw::TooDeep), ("{\"a\":", Flaw::TooDeep), ("{\"data\":", Flaw::TooDeep)]
        {
            assert_eq!(read(open.repeat(1 << 20).as_bytes()), Err(flaw), "{open}");
        }
        let members: Vec<_> = (0..100_000).map(|n| format!("\"k{n}\":{n}")).collect();
        assert_eq!(read(format!("{{{}}}", members.join(",")).as_bytes()), Ok(Envelope::default()));
        let number = format!("{{\"a\":{}}}", "9".repeat(1 << 20));
        assert!(read(number.as_bytes()).is_err());
        let text = format!("{{\"a\":\"{}\"}}", "\\n".repeat(1 << 19));
        assert_eq!(read(text.as_bytes()), Ok(Envelope::default()));
    }

    proptest! {
        #[test]
        fn what_is_read_is_json_for_others_too(
            body in "([{}\\[\\]:,\" ]|\"(data|_id|error)\":|\"a\"|\\\\|null|1e9|-){0,30}",
            octets: Vec<u8>,
        ) {
            for body in [body.as_bytes(), &octets] {
                if read(body).is_ok() {
                    let other: serde_json::Value = serde_json::from_slice(body).unwrap();
                    prop_assert!(other.is_object());
                }
            }
        }
    }
}
