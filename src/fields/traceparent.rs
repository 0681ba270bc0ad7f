//! `traceparent`, W3C Trace Context section 3.2: which trace a request belongs to.
//!
//! It is only read, for the log: the field itself goes on as it came.

use http::HeaderMap;
use http::HeaderName;
use std::fmt;
use std::num::NonZeroU128;

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The id of a trace, which is never zero (section 3.2.2.3).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TraceId(NonZeroU128);

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// The trace that exactly one valid field names. With two of them nobody can say which is meant.
pub fn read(fields: &HeaderMap) -> Option<TraceId> {
    let mut values = fields.get_all(TRACEPARENT).iter();
    let value = values.next()?;
    if values.next().is_some() { None } else { parse(value.as_bytes()) }
}

/// `VERSION-TRACE-PARENT-FLAGS`, in lower case. A later version may go on after that, behind a dash
/// (section 3.2.2.4): what is not known of it is not looked at.
fn parse(value: &[u8]) -> Option<TraceId> {
    let known = value.get(..LENGTH)?;
    let mut parts = known.split(|byte| *byte == b'-');
    let version = hexadecimal(parts.next()?, 2)?;
    let trace = hexadecimal(parts.next()?, 32)?;
    let parent = hexadecimal(parts.next()?, 16)?;
    hexadecimal(parts.next()?, 2)?;
    match (version, value.get(LENGTH)) {
        (INVALID, _) | (0, Some(_)) => return None,
        (_, Some(next)) if *next != b'-' => return None,
        _ => {}
    }
    NonZeroU128::new(parent)?;
    NonZeroU128::new(trace).map(TraceId)
}

/// Of version 00, and of what a later one begins with.
const LENGTH: usize = 55;

/// The version that is none.
const INVALID: u128 = 0xff;

fn hexadecimal(digits: &[u8], length: usize) -> Option<u128> {
    let is_digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if digits.len() != length || !digits.iter().all(is_digit) {
        return None;
    }
    u128::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use proptest::prelude::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    fn told(value: &str) -> Option<String> {
        let mut fields = HeaderMap::new();
        fields.append(TRACEPARENT, HeaderValue::from_str(value).unwrap());
        read(&fields).map(|id| id.to_string())
    }

    #[test]
    fn reads_what_the_specification_takes_for_valid() {
        let zeros = "0".repeat(32);
        for (value, valid) in [
            (format!("00-{TRACE}-00f067aa0ba902b7-01"), true),
            (format!("00-{TRACE}-00f067aa0ba902b7-00"), true),
            (format!("00-{TRACE}-00f067aa0ba902b7-ff"), true),
            (format!("01-{TRACE}-00f067aa0ba902b7-01"), true),
            (format!("cc-{TRACE}-00f067aa0ba902b7-01"), true),
            (format!("cc-{TRACE}-00f067aa0ba902b7-01-what.the-future.brings"), true),
            (format!("fe-{TRACE}-00f067aa0ba902b7-01-"), true),
            (format!("ff-{TRACE}-00f067aa0ba902b7-01"), false),
            (format!("FF-{TRACE}-00f067aa0ba902b7-01"), false),
            (format!("cc-{TRACE}-00f067aa0ba902b7-01.what"), false),
            (format!("cc-{TRACE}-00f067aa0ba902b7-0123"), false),
            (format!("00-{TRACE}-00f067aa0ba902b7-01-"), false),
            (format!("00-{TRACE}-00f067aa0ba902b7-01-more"), false),
            (format!("00-{TRACE}-00f067aa0ba902b7-0"), false),
            (format!("00-{TRACE}-00f067aa0ba902b7"), false),
            (format!("00-{TRACE}-00f067aa0ba902b7-0x"), false),
            (format!("00-{TRACE}-0000000000000000-01"), false),
            (format!("00-{zeros}-00f067aa0ba902b7-01"), false),
            (format!("00-{}-00f067aa0ba902b7-01", TRACE.to_uppercase()), false),
            (format!("00-{TRACE}-00F067AA0BA902B7-01"), false),
            (format!("00-+{}-00f067aa0ba902b7-01", &TRACE[1..]), false),
            (format!("00_{TRACE}-00f067aa0ba902b7-01"), false),
            (format!("0-{TRACE}-00f067aa0ba902b7-011"), false),
            (format!("00-{}-00f067aa0ba902b70-01", &TRACE[1..]), false),
            (format!("00-{TRACE}-00f067aa0ba902b7-01,00-{TRACE}-00f067aa0ba902b7-01"), false),
            (String::new(), false),
            ("-".repeat(55), false),
        ] {
            let expected = valid.then(|| TRACE.to_owned());
            assert_eq!(told(&value), expected, "{value:?}");
        }
    }

    #[test]
    fn an_id_keeps_its_leading_zeros() {
        let id = "00000000000000000000000000000001";
        assert_eq!(told(&format!("00-{id}-00f067aa0ba902b7-01")).as_deref(), Some(id));
    }

    #[test]
    fn two_fields_name_no_trace_even_if_they_agree() {
        let mut fields = HeaderMap::new();
        assert_eq!(read(&fields), None);
        let value = HeaderValue::from_str(&format!("00-{TRACE}-00f067aa0ba902b7-01")).unwrap();
        fields.append(TRACEPARENT, value.clone());
        assert!(read(&fields).is_some());
        fields.append(TRACEPARENT, value);
        assert_eq!(read(&fields), None);
    }

    proptest! {
        #[test]
        fn what_is_read_was_written(value in prop::collection::vec(any::<u8>(), 0..80)) {
            if let Some(id) = parse(&value) {
                prop_assert_eq!(id.to_string().into_bytes(), &value[3..35]);
            }
        }

        #[test]
        fn every_valid_one_is_read(trace in 1_u128.., parent in 1_u64.., flags: u8) {
            let value = format!("00-{trace:032x}-{parent:016x}-{flags:02x}");
            prop_assert_eq!(parse(value.as_bytes()).unwrap().to_string(), format!("{trace:032x}"));
        }
    }
}
