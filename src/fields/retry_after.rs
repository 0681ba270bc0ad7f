//! `Retry-After`, RFC 9110 section 10.2.3: how long to leave the other side alone.

use crate::base::time::WallTime;
use crate::fields::cache_control::delta_seconds;
use crate::fields::date::Dated;
use http::HeaderMap;
use http::HeaderValue;
use http::header::DATE;
use http::header::RETRY_AFTER;
use std::time::Duration;

/// How long after it came the response asks to be left alone. What is malformed, or a date already
/// past, asks for nothing; of several the longest holds, for whoever wrote it may refuse until then.
///
/// A number too large reads as the largest that [`delta_seconds`] knows; how much of it to obey is
/// for the caller to say.
pub fn retry_after(fields: &HeaderMap, received: WallTime) -> Option<Duration> {
    let made = made_at(fields, received);
    fields.get_all(RETRY_AFTER).iter().filter_map(|line| pause(line, made)).max()
}

/// When a response that has just come was made, on the clock of its other dates: its `Date`. So a
/// clock that is wrong does no harm, for only differences are taken. Without a valid one, when it
/// was received.
pub fn made_at(fields: &HeaderMap, received: WallTime) -> WallTime {
    match Dated::read(fields, &DATE) {
        Dated::At(made) => made,
        Dated::Absent | Dated::Invalid => received,
    }
}

fn pause(line: &HeaderValue, made: WallTime) -> Option<Duration> {
    let text = line.to_str().ok()?.trim_ascii();
    // `delta_seconds` would also take a quoted number, which this field does not allow.
    if text.bytes().all(|octet| octet.is_ascii_digit()) {
        return delta_seconds(text.as_bytes());
    }
    let date = WallTime::from(httpdate::parse_http_date(text).ok()?);
    (date >= made).then(|| date.since(made))
}

/// The field's value: whole seconds, rounded up so that nobody comes too early, and at least one so
/// that nobody comes back at once.
pub fn to_value(pause: Duration) -> HeaderValue {
    let begun = u64::from(pause.subsec_nanos() > 0);
    HeaderValue::from(pause.as_secs().saturating_add(begun).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::date;
    use proptest::prelude::*;

    /// Sun, 06 Nov 1994 08:49:37 GMT.
    const NOON: WallTime = WallTime::from_secs(784_111_777);

    fn seconds<T: AsRef<[u8]>>(lines: &[T], dates: &[&'static str]) -> Option<u64> {
        let mut fields = HeaderMap::new();
        for line in lines {
            fields.append(RETRY_AFTER, HeaderValue::from_bytes(line.as_ref()).unwrap());
        }
        for date in dates {
            fields.append(DATE, HeaderValue::from_static(date));
        }
        retry_after(&fields, NOON).map(|pause| pause.as_secs())
    }

    #[test]
    fn reads_seconds_and_dates() {
        let rows: &[(&[&str], Option<u64>)] = &[
            (&[], None),
            (&["30"], Some(30)),
            (&[" 030\t"], Some(30)),
            (&["0"], Some(0)),
            (&["99999999"], Some(99_999_999)),
            (&["99999999999999999999999999"], Some(1 << 31)),
            (&["Sun, 06 Nov 1994 08:50:07 GMT"], Some(30)),
            (&["Sunday, 06-Nov-94 08:50:07 GMT"], Some(30)),
            (&["Sun Nov  6 08:50:07 1994"], Some(30)),
            (&["Sun, 06 Nov 1994 08:49:37 GMT"], Some(0)),
            (&["Fri, 31 Dec 9999 23:59:59 GMT"], Some(252_618_189_022)),
            (&["10", "30", "20"], Some(30)),
            (&["10", "Sun, 06 Nov 1994 08:50:07 GMT", "soon"], Some(30)),
            // Past.
            (&["Sun, 06 Nov 1994 08:49:36 GMT"], None),
            (&["Thu, 01 Jan 1970 00:00:00 GMT"], None),
            // Malformed.
            (&[""], None),
            (&["-1"], None),
            (&["+1"], None),
            (&["1.5"], None),
            (&["30s"], None),
            (&["\"30\""], None),
            (&["30, 30"], None),
            (&["0x10"], None),
            (&["soon"], None),
            (&["Sun, 06 Nov 1994"], None),
            (&["Sun, 31 Feb 1994 08:50:07 GMT"], None),
            (&["\u{e9}"], None),
        ];
        for (lines, expected) in rows {
            assert_eq!(seconds(lines, &[]), *expected, "{lines:?}");
        }
    }

    #[test]
    fn a_date_counts_from_the_one_the_response_was_made_at() {
        const HALF_PAST: &str = "Sun, 06 Nov 1994 09:00:00 GMT";
        let rows: &[(&str, &[&str], Option<u64>)] = &[
            (HALF_PAST, &[], Some(623)),
            (HALF_PAST, &["Sun, 06 Nov 1994 08:59:30 GMT"], Some(30)),
            (HALF_PAST, &["Thu, 01 Jan 1970 00:00:00 GMT"], Some(784_112_400)),
            (HALF_PAST, &["Sun, 06 Nov 1994 09:00:01 GMT"], None),
            (HALF_PAST, &["now"], Some(623)),
            (HALF_PAST, &[HALF_PAST, HALF_PAST], Some(623)),
            ("30", &["Sun, 06 Nov 1994 09:00:01 GMT"], Some(30)),
        ];
        for (line, dates, expected) in rows {
            assert_eq!(seconds(&[line], dates), *expected, "{line}: {dates:?}");
        }
    }

    #[test]
    fn writes_whole_seconds_rounded_up() {
        let rows = [
            (Duration::ZERO, "1"),
            (Duration::from_nanos(1), "1"),
            (Duration::from_secs(1), "1"),
            (Duration::from_millis(1_001), "2"),
            (Duration::from_secs(59), "59"),
            (Duration::MAX, "18446744073709551615"),
        ];
        for (pause, expected) in rows {
            assert_eq!(to_value(pause), expected, "{pause:?}");
        }
    }

    proptest! {
        #[test]
        fn who_obeys_what_is_written_comes_neither_early_nor_a_second_late(millis in 0..1_u64 << 40) {
            let pause = Duration::from_millis(millis);
            let fields = HeaderMap::from_iter([(RETRY_AFTER, to_value(pause))]);
            let read = retry_after(&fields, NOON).unwrap();
            prop_assert!(read >= pause && read <= pause.saturating_add(Duration::from_secs(1)));
        }

        #[test]
        fn a_date_reads_as_the_seconds_until_then(now in 0..1_u64 << 36, later in 0..1_u64 << 36) {
            let then = date::to_value(WallTime::from_secs(now + later)).unwrap();
            let fields = HeaderMap::from_iter([(RETRY_AFTER, then)]);
            let read = retry_after(&fields, WallTime::from_secs(now));
            prop_assert_eq!(read, Some(Duration::from_secs(later)));
        }

        #[test]
        fn no_line_breaks_it(
            lines in prop::collection::vec("([ -~\u{e9}]|[0-9 :,GMT]){0,30}", 0..4),
        ) {
            prop_assert!(seconds(&lines, &[]).is_none_or(|seconds| seconds < 1 << 40));
        }
    }
}
