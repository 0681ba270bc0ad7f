//! When a connection is closed on which nobody asks for anything, once the gateway is to end
//! (threats.md R27).
//!
//! A client that keeps its connection may be sending at the very moment at which it is closed, and
//! is then reset instead of answered. So each is waited for a moment longer, for one more request,
//! whose reply says that the connection ends with it.

use crate::base::time::Timestamp;
use std::time::Duration;

/// How long: more than a packet takes once round the world, and than a pool of connections needs
/// from taking one out to sending on it. Who sends nothing in it most likely has nothing to send.
pub const LINGER: Duration = Duration::from_secs(1);

/// What is done about a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Closing {
    /// Its client may still send: it is looked at again after so long.
    In(Duration),
    /// It is closed, as soon as nothing is under way on it.
    Now,
}

/// About a connection whose client has been waited for since `waits_since` (`None` while it waits for
/// us), and for which the end began at `since`.
pub fn closing(
    waits_since: Option<Timestamp>,
    since: Timestamp,
    linger: Duration,
    now: Timestamp,
) -> Closing {
    // Who waits for us may have been told that the connection goes on, before this began.
    let silent_for = waits_since.map_or(Duration::ZERO, |waits| now.since(waits.max(since)));
    match linger.saturating_sub(silent_for) {
        Duration::ZERO => Closing::Now,
        left => Closing::In(left),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silent_client_is_waited_for_from_the_end_of_its_last_reply_or_the_beginning_of_the_end() {
        let at = |millis| Timestamp::from_secs(100).after(Duration::from_millis(millis));
        let left = |millis| Closing::In(Duration::from_millis(millis));
        for (waits_since, since, now, expected) in [
            (Some(0), 500, 500, left(1_000)),
            (Some(0), 500, 1_499, left(1)),
            (Some(0), 500, 1_500, Closing::Now),
            (Some(700), 500, 1_500, left(200)),
            (Some(700), 500, 1_700, Closing::Now),
            (None, 500, 500, left(1_000)),
            (None, 500, 9_000, left(1_000)),
        ] {
            let waits_since = waits_since.map(at);
            let told = closing(waits_since, at(since), LINGER, at(now));
            assert_eq!(told, expected, "{waits_since:?} {since} {now}");
        }
    }

    #[test]
    fn without_a_linger_nobody_is_waited_for() {
        let now = Timestamp::from_secs(100);
        for waits_since in [None, Some(now)] {
            assert_eq!(closing(waits_since, now, Duration::ZERO, now), Closing::Now);
        }
    }
}
