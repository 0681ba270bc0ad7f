//! When the application beside a sidecar has gone: nobody has been connected for a while.

use crate::base::time::Clock;
use crate::base::time::Timestamp;
use crate::serve::crowd::Census;
use crate::serve::crowd::Crowd;
use std::time::Duration;
use tokio::time::sleep;

/// An application that ends closes its connections one by one, and may open another one for its last
/// words.
const QUIET: Duration = Duration::from_secs(2);

/// Between two looks at who is there.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Returns when nobody has been connected for a while.
pub async fn quiet(crowd: &Crowd, clock: &Clock) {
    let mut quiet = Quiet::default();
    while !quiet.look(crowd.census(), clock.now()) {
        sleep(LOOK_EVERY).await;
    }
}

/// What the looks so far have seen.
#[derive(Debug, Default)]
struct Quiet {
    entered: u64,
    since: Option<Timestamp>,
}

impl Quiet {
    /// Whether it has been quiet for long enough.
    fn look(&mut self, census: Census, now: Timestamp) -> bool {
        if census.open > 0 {
            self.since = None;
        } else if census.entered != self.entered {
            // Somebody has come and gone between two looks.
            self.since = Some(now);
        }
        self.entered = census.entered;
        let since = if census.open == 0 { *self.since.get_or_insert(now) } else { now };
        now.since(since) >= QUIET
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_quiet_when_nobody_has_been_there_for_two_seconds() {
        let looks = [
            // Milliseconds, who ever came, who is there.
            (0, 3, 1, false),
            (3_000, 3, 1, false),
            (3_100, 3, 0, false),
            (5_000, 4, 0, false),
            (5_100, 4, 0, false),
            (6_900, 4, 0, false),
            (6_950, 5, 1, false),
            (7_000, 5, 0, false),
            (8_900, 5, 0, false),
            (9_000, 5, 0, true),
        ];
        let mut quiet = Quiet::default();
        for (millis, entered, open, expected) in looks {
            let now = Timestamp::from_secs(9).after(Duration::from_millis(millis));
            let census = Census { entered, open, under_way: 0 };
            assert_eq!(quiet.look(census, now), expected, "{millis}");
        }
    }

    #[test]
    fn who_was_there_before_the_first_look_does_not_count() {
        let mut quiet = Quiet::default();
        let census = Census { entered: 9, open: 0, under_way: 0 };
        assert!(!quiet.look(census, Timestamp::from_secs(1)));
        assert!(quiet.look(census, Timestamp::from_secs(3)));
    }
}
