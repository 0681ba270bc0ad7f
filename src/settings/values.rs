//! From one value of the settings to text, a number, a truth value, a word or a file, or what is
//! wrong with it. A value of another type is refused, never converted.

use crate::settings::mistakes::Wrong;
use crate::settings::mistakes::shown;
use crate::settings::token;
use config::Value;
use config::ValueKind;
use std::fs;
use std::fs::File;
use std::io;
use std::ops::RangeInclusive;
use std::path::PathBuf;

/// Text, as it stands.
pub(crate) fn text<'a>(value: &'a Value, accepted: &str) -> Result<&'a str, Wrong> {
    match &value.kind {
        ValueKind::String(text) => Ok(text),
        other => Err(Wrong::value(&format!("is {}", described(other)), accepted)),
    }
}

/// A whole number.
pub(crate) fn whole(value: &Value, within: &RangeInclusive<u32>) -> Result<u32, Wrong> {
    let accepted = format!("a whole number from {} to {}", within.start(), within.end());
    let wrong = |problem: &str| Wrong::value(problem, &accepted);
    let number = match &value.kind {
        ValueKind::I64(number) => i128::from(*number),
        ValueKind::I128(number) => *number,
        ValueKind::String(text) => {
            return Err(wrong(&format!("{} is text, not a number", shown(text))));
        }
        ValueKind::Float(number) => return Err(wrong(&format!("{number:?} is not whole"))),
        other => return Err(wrong(&format!("is {}", described(other)))),
    };
    match u32::try_from(number) {
        Ok(number) if within.contains(&number) => Ok(number),
        Ok(number) if number < *within.start() => Err(wrong(&format!("{number} is too small"))),
        Ok(_) => Err(wrong(&format!("{number} is too large"))),
        Err(_) if number < 0 => Err(wrong("is negative")),
        Err(_) => Err(wrong("is too large")),
    }
}

/// `true` or `false`, and nothing that might mean it.
pub(crate) fn truth(value: &Value) -> Result<bool, Wrong> {
    const ACCEPTED: &str = "true or false, without quotes";
    match &value.kind {
        ValueKind::Boolean(truth) => Ok(*truth),
        ValueKind::String(text) => {
            let problem = format!("{} is text, not a truth value", shown(text));
            Err(Wrong::value(&problem, ACCEPTED))
        }
        other => Err(Wrong::value(&format!("is {}", described(other)), ACCEPTED)),
    }
}

/// One of a few words.
pub(crate) fn word<T: Copy>(value: &Value, words: &[(&str, T)]) -> Result<T, Wrong> {
    let accepted = words.iter().map(|(word, _)| format!("\"{word}\"")).collect::<Vec<_>>();
    let accepted = accepted.join(", ");
    let text = text(value, &accepted)?;
    match words.iter().find(|(word, _)| *word == text) {
        Some((_, meaning)) => Ok(*meaning),
        None => Err(Wrong::value(&format!("{} is not one of the words", shown(text)), &accepted)),
    }
}

/// What the value says, for a sentence about it.
pub(crate) fn text_of(value: &Value) -> String {
    if let ValueKind::String(text) = &value.kind { shown(text) } else { "the value".to_owned() }
}

/// The name of a file; empty is none. Whether it is there is not asked: see [`readable_file`].
pub(crate) fn file(value: &Value) -> Result<Option<PathBuf>, Wrong> {
    const ACCEPTED: &str = "the path of a file, or \"\" for none";
    match text(value, ACCEPTED)? {
        "" => Ok(None),
        path if path.contains('\0') => Err(Wrong::value("has a zero byte", ACCEPTED)),
        path => Ok(Some(PathBuf::from(path))),
    }
}

/// The name of a file that can be read now; empty is none. A pipe is taken unread: opening it would
/// wait for its writer.
pub(crate) fn readable_file(value: &Value) -> Result<Option<PathBuf>, Wrong> {
    let Some(path) = file(value)? else { return Ok(None) };
    let told = text_of(value);
    let cannot = |error: io::Error| Wrong::new(format!("{told} cannot be read: {error}"));
    let metadata = fs::metadata(&path).map_err(cannot)?;
    if metadata.is_dir() {
        return Err(Wrong::new(format!("{told} is a directory")));
    }
    if metadata.is_file() {
        File::open(&path).map_err(cannot)?;
    }
    Ok(Some(path))
}

/// The name of a file with a token in it; empty is none. A name that holds none is not shown: it may
/// be the token itself.
pub(crate) fn token_file(value: &Value) -> Result<Option<PathBuf>, Wrong> {
    let Some(path) = file(value)? else { return Ok(None) };
    token::read(&path).map_err(|fault| Wrong::new(format!("the file {fault}")))?;
    Ok(Some(path))
}

/// A kind of value in words.
pub(crate) const fn described(kind: &ValueKind) -> &'static str {
    match kind {
        ValueKind::Boolean(_) => "a truth value",
        ValueKind::I64(_)
        | ValueKind::I128(_)
        | ValueKind::U64(_)
        | ValueKind::U128(_)
        | ValueKind::Float(_) => "a number without quotes",
        ValueKind::String(_) => "text",
        ValueKind::Array(_) => "a list",
        ValueKind::Table(_) => "a table",
        ValueKind::Nil => "a date, or something nested",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(wrong: &Wrong) -> String {
        wrong.to_string().split(';').next().unwrap().to_owned()
    }

    fn read<T>(parse: impl Fn(&Value) -> Result<T, Wrong>, text: &str) -> Result<T, String> {
        parse(&Value::from(text)).map_err(|wrong| problem(&wrong))
    }

    #[test]
    fn whole_numbers_keep_their_type_and_bounds() {
        for (value, expected) in [
            (Value::from(1), Ok(1)),
            (Value::from(9), Ok(9)),
            (Value::from(0), Err("0 is too small")),
            (Value::from(10), Err("10 is too large")),
            (Value::from(i128::MAX), Err("is too large")),
            (Value::from(i128::MIN), Err("is negative")),
            (Value::from(-1), Err("is negative")),
            (Value::from(1.0), Err("1.0 is not whole")),
            (Value::from("1"), Err("\"1\" is text, not a number")),
            (Value::from(true), Err("is a truth value")),
        ] {
            let read = whole(&value, &(1..=9)).map_err(|wrong| problem(&wrong));
            assert_eq!(read, expected.map_err(str::to_owned), "{value}");
        }
    }

    #[test]
    fn truth_and_words_are_taken_as_they_stand() {
        assert_eq!(truth(&Value::from(true)), Ok(true));
        for text in ["true", "yes", "on", "1", ""] {
            assert!(truth(&Value::from(text)).is_err(), "{text}");
        }
        let words = [("all", 1), ("off", 2)];
        assert_eq!(word(&Value::from("off"), &words), Ok(2));
        for value in [Value::from("OFF"), Value::from(""), Value::from(" off"), Value::from(false)]
        {
            let told = word(&value, &words).unwrap_err().to_string();
            assert!(told.ends_with("; accepted: \"all\", \"off\""), "{told}");
        }
    }

    #[test]
    fn the_name_of_a_file_without_a_token_is_not_shown() {
        assert_eq!(read(token_file, ""), Ok(None));
        for (name, expected) in [
            ("hunter2", "the file cannot be read: No such file or directory (os error 2)"),
            ("src", "the file is no plain file"),
            ("a\0b", "has a zero byte"),
        ] {
            assert_eq!(read(token_file, name), Err(expected.to_owned()), "{name}");
        }
    }

    #[test]
    fn a_directory_is_no_file_and_a_missing_file_is_told() {
        assert_eq!(read(readable_file, ""), Ok(None));
        assert_eq!(read(readable_file, "Cargo.toml"), Ok(Some(PathBuf::from("Cargo.toml"))));
        assert_eq!(read(readable_file, "src"), Err("\"src\" is a directory".to_owned()));
        assert!(read(readable_file, "no/such/file").unwrap_err().contains("cannot be read"));
        assert_eq!(read(file, "no/such/file"), Ok(Some(PathBuf::from("no/such/file"))));
        assert_eq!(read(file, "a\0b"), Err("has a zero byte".to_owned()));
    }
}
