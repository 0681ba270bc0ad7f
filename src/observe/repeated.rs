//! Lines that would be written once for each request while something is wrong: written once a
//! minute, with the number of those left out (threats.md R8, D12).

use crate::base::time::Timestamp;
use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

/// What a line is about and what happened. Both are words of ours, so there are few.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Event(pub &'static str, pub &'static str);

/// Whether a line is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Line {
    /// It is.
    Written {
        /// How many of its kind were left out before it, if any were.
        left_out: Option<u64>,
    },
    /// It is left out: one of its kind was written less than a minute ago.
    LeftOut,
}

/// When lines of each kind were last written.
#[derive(Debug, Default)]
pub struct Repeated(Mutex<HashMap<Event, Last>>);

#[derive(Debug)]
struct Last {
    written: Timestamp,
    left_out: u64,
}

impl Repeated {
    /// Whether a line of this kind is written now.
    pub fn note(&self, kind: Event, now: Timestamp) -> Line {
        let mut kinds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(last) = kinds.get_mut(&kind) else {
            kinds.insert(kind, Last { written: now, left_out: 0 });
            return Line::Written { left_out: None };
        };
        if now.since(last.written) < EVERY {
            last.left_out = last.left_out.saturating_add(1);
            return Line::LeftOut;
        }
        last.written = now;
        let left_out = std::mem::take(&mut last.left_out);
        Line::Written { left_out: (left_out > 0).then_some(left_out) }
    }
}

const EVERY: Duration = Duration::from_mins(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_a_line_a_minute_that_tells_how_many_were_left_out() {
        let repeated = Repeated::default();
        let written = |left_out| Line::Written { left_out };
        let (tls, name) = (Event("read", "tls"), Event("read", "name"));
        for (secs, kind, expected) in [
            (0, tls, written(None)),
            (0, tls, Line::LeftOut),
            (1, name, written(None)),
            (59, tls, Line::LeftOut),
            (59, Event("passage", "tls"), written(None)),
            (60, tls, written(Some(2))),
            (60, name, Line::LeftOut),
            (61, name, written(Some(1))),
            (119, tls, Line::LeftOut),
            (1_000, tls, written(Some(1))),
            (1_060, tls, written(None)),
        ] {
            assert_eq!(
                repeated.note(kind, Timestamp::from_secs(secs)),
                expected,
                "{secs} {kind:?}"
            );
        }
    }
}
