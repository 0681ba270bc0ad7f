//! The ids that `fetch` asks for: read from a text, or every line of it that is none.

use crate::api::route::Kind;
use std::collections::HashSet;
use std::error::Error;
use std::fmt;
use std::str;

/// The longest list, which is held in memory.
const MOST_IDS: usize = 10_000_000;

/// The longest text that is read: such a list, with ids of the greatest length.
pub const LONGEST_TEXT: u64 = 10_000_000 * 130;

/// More lines are counted, not shown.
const SHOWN_LINES: usize = 100;

/// Why a text is no list of ids.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ListFault {
    /// Some of its lines are no ids.
    BadLines {
        /// The first of them: number and flaw.
        first: Vec<(usize, Flaw)>,
        /// How many others there are.
        more: usize,
    },
    /// It is longer than what is held in memory.
    TooLong,
}

/// Why a line is no id. The line itself is not shown: it may be a token in the wrong place.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Flaw {
    /// It holds this.
    Character(char),
    /// It has so many characters.
    Length(usize),
    /// The API uses it in an id's place.
    Word,
    /// It is not UTF-8.
    NotText,
}

/// Every id of the text, once, in the order in which they first stand there. Empty lines count for
/// nothing, and so does space around an id.
///
/// # Errors
/// All lines that are no ids.
pub fn distinct(text: &[u8]) -> Result<Vec<&str>, ListFault> {
    up_to(MOST_IDS, text)
}

fn up_to(most: usize, text: &[u8]) -> Result<Vec<&str>, ListFault> {
    let (mut ids, mut known) = (Vec::new(), HashSet::new());
    let (mut first, mut more) = (Vec::new(), 0_usize);
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    for (number, line) in (1..).zip(text.split(|octet| *octet == b'\n')) {
        match id(line.trim_ascii()) {
            Ok("") => {}
            Ok(id) => ids.extend(known.insert(id).then_some(id)),
            Err(flaw) if first.len() < SHOWN_LINES => first.push((number, flaw)),
            Err(_) => more = more.saturating_add(1),
        }
        if ids.len() > most {
            return Err(ListFault::TooLong);
        }
    }
    if first.is_empty() { Ok(ids) } else { Err(ListFault::BadLines { first, more }) }
}

/// Editors on Windows put it before UTF-8 text.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// The id, or nothing where there is nothing.
fn id(line: &[u8]) -> Result<&str, Flaw> {
    let text = str::from_utf8(line).map_err(|_| Flaw::NotText)?;
    if text.is_empty() || Kind::Ticket.is_id(text) {
        return Ok(text);
    }
    let plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    Err(match (text.chars().find(|c| !plain(c)), text.len()) {
        (Some(character), _) => Flaw::Character(character),
        (None, length @ 129..) => Flaw::Length(length),
        (None, _) => Flaw::Word,
    })
}

impl Error for ListFault {}

impl fmt::Display for ListFault {
    /// To be read after the list's name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::BadLines { first, more } = self else {
            return write!(f, "has more than {MOST_IDS} ids; split it");
        };
        match first.len().saturating_add(*more) {
            1 => write!(f, "has a line that is no id")?,
            count => write!(f, "has {count} lines that are no ids")?,
        }
        write!(f, "; an id is 1 to 128 of A-Z a-z 0-9 - _")?;
        for (number, flaw) in first {
            write!(f, "\n  line {number} {flaw}")?;
        }
        if *more > 0 {
            write!(f, "\n  … and {more} more")?;
        }
        Ok(())
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Character(character) => write!(f, "has {character:?} in it"),
            Self::Length(length) => write!(f, "has {length} characters"),
            Self::Word => write!(f, "is a word that the API uses in an id's place"),
            Self::NotText => write!(f, "is not UTF-8"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_has_an_id_a_line_and_each_counts_once() {
        let longest = "x".repeat(128);
        for (text, expected) in [
            ("", &[][..]),
            ("\n \n\r\n", &[]),
            ("a", &["a"]),
            ("b\na\n", &["b", "a"]),
            (" b \r\n\ta\r\n", &["b", "a"]),
            ("\u{feff}a\nb", &["a", "b"]),
            ("a\nb\na\nA\nb", &["a", "b", "A"]),
            ("-_\n507f1f77bcf86cd799439011", &["-_", "507f1f77bcf86cd799439011"]),
            (&longest, &[&longest]),
        ] {
            assert_eq!(distinct(text.as_bytes()), Ok(expected.to_vec()), "{text:?}");
        }
    }

    #[test]
    fn every_line_that_is_no_id_is_told_with_its_number() {
        let long = "x".repeat(129);
        let text = format!("good\na b\n\nid,name\nbulk\n{long}\nseñal\ngood\na\x1b");
        let expected = "has 6 lines that are no ids; an id is 1 to 128 of A-Z a-z 0-9 - _\n  \
                        line 2 has ' ' in it\n  line 4 has ',' in it\n  line 5 is a word that the \
                        API uses in an id's place\n  line 6 has 129 characters\n  line 7 has 'ñ' \
                        in it\n  line 9 has '\\u{1b}' in it";
        assert_eq!(distinct(text.as_bytes()).unwrap_err().to_string(), expected);
        let told = distinct(b"a\n\xff\n").unwrap_err().to_string();
        assert!(told.starts_with("has a line that is no id; "), "{told}");
        assert!(told.ends_with("\n  line 2 is not UTF-8"), "{told}");
    }

    #[test]
    fn a_flood_of_bad_lines_is_counted() {
        let told = distinct("?\n".repeat(250).as_bytes()).unwrap_err().to_string();
        assert!(told.starts_with("has 250 lines that are no ids"), "{told}");
        assert!(told.ends_with("\n  line 100 has '?' in it\n  … and 150 more"), "{told}");
    }

    #[test]
    fn a_list_that_is_too_long_is_refused_but_not_for_its_repetitions() {
        assert_eq!(up_to(2, b"a\nb\na\nb\n"), Ok(vec!["a", "b"]));
        assert_eq!(up_to(2, b"a\nb\nc\n"), Err(ListFault::TooLong));
    }
}
