//! From one value of the settings to a duration, a size or a rate, or what is wrong with it. A
//! missing unit, a sign or an excess is refused, never guessed, dropped or cut down.

use crate::settings::mistakes::Wrong;
use crate::settings::mistakes::shown;
use crate::settings::model::Rate;
use crate::settings::values::described;
use crate::settings::values::text;
use crate::settings::values::text_of;
use bytesize::ByteSize;
use config::Value;
use config::ValueKind;
use std::ops::RangeInclusive;
use std::time::Duration;

/// The longest duration: long enough for everything here, short enough for every clock.
const LONGEST: Duration = Duration::from_hours(365 * 24);

/// Requests a second.
const RATES: RangeInclusive<f64> = 0.001..=1_000_000.0;

/// A duration with its unit, such as `"15s"`; zero as `"0s"` or `"0"` where `least` is zero.
pub(crate) fn duration(value: &Value, least: Duration) -> Result<Duration, Wrong> {
    let floor = if least.is_zero() { "0s" } else { "1ms" };
    let accepted = format!(
        "a duration in quotes with its unit, such as \"15s\", \"10m\" or \"1h 30m\", \
         from \"{floor}\" to \"365d\""
    );
    let text = text(value, &accepted)?;
    let wrong = |problem: &str| Wrong::value(&format!("{} {problem}", shown(text)), &accepted);
    match humane_duration(text) {
        Ok(duration) if duration < least => Err(wrong("is too short")),
        Ok(duration) if duration > LONGEST => Err(wrong("is too long")),
        Ok(duration) => Ok(duration),
        Err(problem) => Err(wrong(problem)),
    }
}

/// `humantime`'s durations without three of its surprises. "10M" would be ten months, "1 5s" fifteen
/// seconds, and it panics where the seconds are `u64::MAX` and a fraction carries one more: twelve
/// digits cannot get there.
fn humane_duration(text: &str) -> Result<Duration, &'static str> {
    if text.trim_start().starts_with('-') {
        return Err("is negative");
    }
    if text.contains('M') {
        return Err("has the unit M, which is months; minutes are m");
    }
    if text.bytes().filter(u8::is_ascii_digit).count() > 12 {
        return Err("is too long");
    }
    let words = text.split_whitespace();
    let digit = |char: char| char.is_ascii_digit();
    if words.clone().zip(words.skip(1)).any(|(a, b)| a.ends_with(digit) && b.starts_with(digit)) {
        return Err("has no unit between two numbers");
    }
    humantime::parse_duration(text).map_err(|error| match error {
        humantime::DurationError::UnknownUnit { unit, .. } if unit.is_empty() => "has no unit",
        humantime::DurationError::UnknownUnit { .. } => "has an unknown unit",
        humantime::DurationError::NumberOverflow => "is too long or too fine",
        _ => "is not a duration",
    })
}

/// A number of bytes with its unit, such as `"64MiB"`; zero as `"0"`.
pub(crate) fn size(value: &Value, within: &RangeInclusive<u64>) -> Result<u64, Wrong> {
    let (least, most) = (in_bytes(*within.start()), in_bytes(*within.end()));
    let accepted = format!(
        "a size in quotes with its unit, such as \"512KiB\" or \"64MiB\", from {least} to {most}"
    );
    let text = text(value, &accepted)?;
    let wrong = |problem: &str| Wrong::value(&format!("{} {problem}", shown(text)), &accepted);
    if text.starts_with('-') {
        return Err(wrong("is negative"));
    }
    if text != "0" && text.ends_with(|last: char| last.is_ascii_digit()) {
        return Err(wrong("has no unit"));
    }
    match text.parse::<ByteSize>() {
        Ok(ByteSize(bytes)) if bytes < *within.start() => Err(wrong("is too small")),
        Ok(ByteSize(bytes)) if bytes > *within.end() => Err(wrong("is too large")),
        Ok(ByteSize(bytes)) => Ok(bytes),
        Err(_) => Err(wrong("is not a size")),
    }
}

/// The shortest exact writing.
fn in_bytes(bytes: u64) -> String {
    let units = [(40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")];
    match units.iter().find(|(bits, _)| bytes >> bits << bits == bytes && bytes > 0) {
        Some((bits, unit)) => format!("\"{}{unit}\"", bytes >> bits),
        None if bytes == 0 => "\"0\"".to_owned(),
        None => format!("\"{bytes}B\""),
    }
}

/// A rate per credential: a number of requests a second, `"learn"` or `"off"`.
pub(crate) fn rate(value: &Value) -> Result<Rate, Wrong> {
    match &value.kind {
        ValueKind::String(text) if text == "learn" => Ok(Rate::Learn),
        ValueKind::String(text) if text == "off" => Ok(Rate::Off),
        _ => requests_a_second(value, "\"learn\", \"off\"").map(Rate::PerSecond),
    }
}

/// A rate for all credentials together: a number of requests a second or `"off"`.
pub(crate) fn total_rate(value: &Value) -> Result<Option<f64>, Wrong> {
    match &value.kind {
        ValueKind::String(text) if text == "off" => Ok(None),
        _ => requests_a_second(value, "\"off\"").map(Some),
    }
}

/// The environment has only text, so a number may be one.
fn requests_a_second(value: &Value, words: &str) -> Result<f64, Wrong> {
    let accepted = format!("{words} or a number of requests a second from 0.001 to 1000000");
    let wrong = |problem: &str| Wrong::value(problem, &accepted);
    let number = match &value.kind {
        ValueKind::Float(number) => Ok(*number),
        ValueKind::I64(number) => number.to_string().parse(),
        ValueKind::I128(number) => number.to_string().parse(),
        ValueKind::String(text) => text.parse(),
        other => return Err(wrong(&format!("is {}", described(other)))),
    };
    match number {
        Ok(number) if RATES.contains(&number) => Ok(number),
        Ok(0.0) => Err(wrong("0 would let nothing through")),
        Ok(number) if number < 0.0 => Err(wrong(&format!("{number} is negative"))),
        Ok(number) if number.is_nan() => Err(wrong("is not a number")),
        Ok(number) if number < *RATES.start() => Err(wrong("is too small")),
        Ok(_) => Err(wrong("is too large")),
        Err(_) => Err(wrong(&format!("{} is not a rate", text_of(value)))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::any;
    use proptest::proptest;

    fn problem(wrong: &Wrong) -> String {
        wrong.to_string().split(';').next().unwrap().to_owned()
    }

    fn read<T>(parse: impl Fn(&Value) -> Result<T, Wrong>, text: &str) -> Result<T, String> {
        parse(&Value::from(text)).map_err(|wrong| problem(&wrong))
    }

    #[test]
    fn durations_have_a_unit_and_bounds() {
        let any_duration = |value: &Value| duration(value, Duration::ZERO);
        for (text, expected) in [
            ("0", Ok(0)),
            ("0s", Ok(0)),
            ("250ms", Ok(250)),
            ("15s", Ok(15_000)),
            ("1.5s", Ok(1_500)),
            ("1h 30m", Ok(5_400_000)),
            ("1h30m", Ok(5_400_000)),
            ("10 m", Ok(600_000)),
            ("365d", Ok(365 * 86_400_000)),
            ("366d", Err("\"366d\" is too long")),
            ("5", Err("\"5\" has no unit")),
            ("1h 5", Err("\"1h 5\" has no unit")),
            ("1 5s", Err("\"1 5s\" has no unit between two numbers")),
            ("5 parsecs", Err("\"5 parsecs\" has an unknown unit")),
            ("5M", Err("\"5M\" has the unit M, which is months")),
            (" -5s", Err("\" -5s\" is negative")),
            ("", Err("\"\" is not a duration")),
            ("soon", Err("\"soon\" is not a duration")),
            ("0.5ns", Err("\"0.5ns\" is too long or too fine")),
            ("18446744073709551615s 1000ms", Err("\"18446744073709551615s 1000ms\" is too long")),
        ] {
            let expected = expected.map(Duration::from_millis).map_err(str::to_owned);
            assert_eq!(read(any_duration, text), expected, "{text:?}");
        }
        let timeout = |value: &Value| duration(value, Duration::from_millis(1));
        assert_eq!(read(timeout, "0s"), Err("\"0s\" is too short".to_owned()));
        assert_eq!(read(timeout, "1ms"), Ok(Duration::from_millis(1)));
    }

    #[test]
    fn sizes_have_a_unit_and_bounds() {
        for (text, expected) in [
            ("0", Ok(0)),
            ("1B", Ok(1)),
            ("32KiB", Ok(32_768)),
            ("32KB", Ok(32_000)),
            ("64Mi", Ok(67_108_864)),
            ("1.5 MiB", Ok(1_572_864)),
            ("1GiB", Ok(1 << 30)),
            ("1025MiB", Err("\"1025MiB\" is too large")),
            ("99999999999999999999EiB", Err("\"99999999999999999999EiB\" is too large")),
            ("64", Err("\"64\" has no unit")),
            ("-1MiB", Err("\"-1MiB\" is negative")),
            ("", Err("\"\" is not a size")),
            ("MiB", Err("\"MiB\" is not a size")),
            ("64 potatoes", Err("\"64 potatoes\" is not a size")),
            ("1 000KiB", Err("\"1 000KiB\" is not a size")),
        ] {
            let parse = |value: &Value| size(value, &(0..=1 << 30));
            assert_eq!(read(parse, text), expected.map_err(str::to_owned), "{text:?}");
        }
    }

    #[test]
    fn sizes_are_told_in_their_largest_whole_unit() {
        for (bytes, expected) in [
            (0, "\"0\""),
            (1, "\"1B\""),
            (65_534, "\"65534B\""),
            (8192, "\"8KiB\""),
            (1 << 40, "\"1TiB\""),
        ] {
            assert_eq!(in_bytes(bytes), expected);
        }
    }

    #[test]
    fn rates_are_numbers_or_words() {
        for (value, expected) in [
            (Value::from("learn"), Ok(Rate::Learn)),
            (Value::from("off"), Ok(Rate::Off)),
            (Value::from("2.5"), Ok(Rate::PerSecond(2.5))),
            (Value::from(5), Ok(Rate::PerSecond(5.0))),
            (Value::from(0.5), Ok(Rate::PerSecond(0.5))),
            (Value::from(0.0), Err("0 would let nothing through")),
            (Value::from(-0.0), Err("0 would let nothing through")),
            (Value::from("1e-300"), Err("is too small")),
            (Value::from("inf"), Err("is too large")),
            (Value::from("NaN"), Err("is not a number")),
            (Value::from(-1), Err("-1 is negative")),
            (Value::from("fast"), Err("\"fast\" is not a rate")),
            (Value::from(true), Err("is a truth value")),
        ] {
            let expected = expected.map_err(str::to_owned);
            assert_eq!(rate(&value).map_err(|wrong| problem(&wrong)), expected, "{value}");
        }
        assert_eq!(total_rate(&Value::from("off")).unwrap(), None);
        assert_eq!(total_rate(&Value::from("5")).unwrap(), Some(5.0));
        assert!(total_rate(&Value::from("learn")).is_err());
    }

    proptest! {
        #[test]
        fn no_text_makes_a_reader_panic_or_leave_its_bounds(text in any::<String>(), units in "[0-9 .a-zA-Zµ-]{0,40}") {
            for text in [text, units] {
                let value = Value::from(text);
                if let Ok(read) = duration(&value, Duration::ZERO) {
                    assert!(read <= LONGEST, "{value}");
                }
                if let Ok(read) = size(&value, &(1..=4096)) {
                    assert!((1..=4096).contains(&read), "{value}");
                }
                assert!(rate(&value).is_err() || RATES.contains(&total_rate(&value).ok().flatten().unwrap_or(1.0)));
            }
        }
    }
}
