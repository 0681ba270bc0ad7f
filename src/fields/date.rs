//! `Date`, `Expires` and `Age`: the fields that carry time.

use crate::base::time::WallTime;
use crate::fields::cache_control::delta_seconds;
use bytes::Bytes;
use http::HeaderMap;
use http::HeaderName;
use http::HeaderValue;
use http::header::AGE;
use std::time::Duration;
use std::time::UNIX_EPOCH;

/// What a field that should hold one HTTP-date (RFC 9110 section 5.6.7) holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Dated {
    /// The field is not there.
    Absent,
    /// One valid date.
    At(WallTime),
    /// Repeated, or not a date.
    Invalid,
}

impl Dated {
    /// Reads the field, in any of the three forms that RFC 9110 knows.
    pub fn read(fields: &HeaderMap, name: &HeaderName) -> Self {
        let mut lines = fields.get_all(name).iter();
        let (Some(line), None) = (lines.next(), lines.next()) else {
            return if fields.contains_key(name) { Self::Invalid } else { Self::Absent };
        };
        match line.to_str().ok().and_then(|text| httpdate::parse_http_date(text).ok()) {
            Some(date) => Self::At(WallTime::from(date)),
            None => Self::Invalid,
        }
    }
}

/// A moment as an HTTP-date.
pub fn to_value(wall: WallTime) -> Option<HeaderValue> {
    // Beyond the year 9999 there is no such date, and the formatter would panic.
    let since = wall.since(WallTime::default()).min(LAST_DATE);
    let text = httpdate::fmt_http_date(UNIX_EPOCH + since);
    HeaderValue::from_maybe_shared(Bytes::from(text)).ok()
}

/// The end of the year 9999, since 1970.
const LAST_DATE: Duration = Duration::from_secs(253_402_300_799);

/// The age a response arrived with, RFC 9111 section 5.1: the first value counts, a malformed
/// one is ignored.
pub fn age(fields: &HeaderMap) -> Option<Duration> {
    let first = fields.get(AGE)?.as_bytes().split(|&octet| octet == b',').next()?.trim_ascii();
    // `delta_seconds` would also take a quoted number, which `Age` does not allow.
    first.iter().all(u8::is_ascii_digit).then(|| delta_seconds(first))?
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::header::DATE;

    #[test]
    fn reads_the_three_forms_of_a_date_and_nothing_else() {
        let noon = Dated::At(WallTime::from_secs(784_111_777));
        let rows: &[(&[&str], Dated)] = &[
            (&[], Dated::Absent),
            (&["Sun, 06 Nov 1994 08:49:37 GMT"], noon),
            (&["Sunday, 06-Nov-94 08:49:37 GMT"], noon),
            (&["Sun Nov  6 08:49:37 1994"], noon),
            (&["0"], Dated::Invalid),
            (&[""], Dated::Invalid),
            (&["Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 GMT"], Dated::Invalid),
        ];
        for (lines, expected) in rows {
            let mut fields = HeaderMap::new();
            for line in *lines {
                fields.append(DATE, HeaderValue::from_static(line));
            }
            assert_eq!(Dated::read(&fields, &DATE), *expected, "{lines:?}");
        }
    }

    #[test]
    fn reads_an_age_and_ignores_a_malformed_one() {
        let rows = [
            ("30", Some(30)),
            (" 30 ", Some(30)),
            ("30, 40", Some(30)),
            ("4294967296000", Some(1 << 31)),
            ("-1", None),
            ("1.5", None),
            ("\"30\"", None),
            ("", None),
            ("x", None),
        ];
        for (written, expected) in rows {
            let fields = HeaderMap::from_iter([(AGE, HeaderValue::from_static(written))]);
            assert_eq!(age(&fields), expected.map(Duration::from_secs), "{written:?}");
        }
    }

    #[test]
    fn writes_a_date_that_reads_as_the_same() {
        for secs in [0, 784_111_777, 253_402_300_799, u64::MAX] {
            let fields =
                HeaderMap::from_iter([(DATE, to_value(WallTime::from_secs(secs)).unwrap())]);
            let expected = WallTime::from_secs(secs.min(253_402_300_799));
            assert_eq!(Dated::read(&fields, &DATE), Dated::At(expected), "{secs}");
        }
    }
}
