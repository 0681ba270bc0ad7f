//! A value as TOML writes it.

use config::Value;
use config::ValueKind;
use std::fmt::Write;

/// The value on one line, in such a way that reading it gives the same value.
pub(crate) fn literal(value: &Value) -> String {
    match &value.kind {
        ValueKind::String(text) => quoted(text),
        ValueKind::Float(number) => format!("{number:?}"),
        ValueKind::Array(items) => {
            format!("[{}]", items.iter().map(literal).collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

/// A basic string (TOML 1.0, "String"): quotes, backslashes and control characters escaped.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for char in text.chars() {
        match char {
            '"' | '\\' => quoted.extend(['\\', char]),
            control if control.is_control() => {
                let written = write!(quoted, "\\u{:04X}", u32::from(control));
                debug_assert!(written.is_ok(), "writing to a String does not fail");
            }
            plain => quoted.push(plain),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::any;
    use proptest::proptest;
    use toml::de::DeValue;

    #[test]
    fn values_are_written_as_toml() {
        let list = vec![Value::from("a"), Value::from("b\"c")];
        for (value, expected) in [
            (Value::from("a\\b\n\u{7f}é"), "\"a\\\\b\\u000A\\u007Fé\""),
            (Value::from(5), "5"),
            (Value::from(true), "true"),
            (Value::from(5.0), "5.0"),
            (Value::from(list), "[\"a\", \"b\\\"c\"]"),
        ] {
            assert_eq!(literal(&value), expected);
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(text in any::<String>(), number in 0.001..1e6) {
            let written = quoted(&text);
            let read = DeValue::parse(&written).unwrap();
            assert_eq!(read.get_ref().as_str(), Some(text.as_str()), "{written}");
            let written = literal(&Value::from(number));
            let read = DeValue::parse(&written).unwrap();
            assert_eq!(read.get_ref().as_float().unwrap().as_str().parse(), Ok(number), "{written}");
        }
    }
}
