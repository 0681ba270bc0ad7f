//! `Server-Timing`, W3C: where the time went, for the developer tools of browsers and for jobs.

use bytes::Bytes;
use http::HeaderValue;
use std::time::Duration;

/// The field's value for a request that stood so long in the queue before the upstream was asked:
/// milliseconds, to the nearest tenth.
pub fn queued(wait: Duration) -> Option<HeaderValue> {
    let tenths = wait.as_micros().saturating_add(50) / 100;
    let value = format!("queue;dur={}.{}", tenths / 10, tenths % 10);
    HeaderValue::from_maybe_shared(Bytes::from(value)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn writes_milliseconds() {
        let rows = [
            (Duration::ZERO, "queue;dur=0.0"),
            (Duration::from_micros(49), "queue;dur=0.0"),
            (Duration::from_micros(50), "queue;dur=0.1"),
            (Duration::from_micros(12_345), "queue;dur=12.3"),
            (Duration::from_micros(12_350), "queue;dur=12.4"),
            (Duration::from_micros(99_999), "queue;dur=100.0"),
            (Duration::from_secs(10), "queue;dur=10000.0"),
            (Duration::MAX, "queue;dur=18446744073709551616000.0"),
        ];
        for (wait, expected) in rows {
            assert_eq!(queued(wait).unwrap(), expected, "{wait:?}");
        }
    }

    proptest! {
        #[test]
        fn reads_as_what_was_written(micros in 0..1_u32 << 30) {
            let value = queued(Duration::from_micros(u64::from(micros))).unwrap();
            let written = value.to_str().unwrap().strip_prefix("queue;dur=").unwrap();
            let read: f64 = written.parse().unwrap();
            prop_assert!((read * 1_000.0 - f64::from(micros)).abs() <= 50.01, "{}", written);
        }
    }
}
