//! How someone waits for a turn to go upstream.

use crate::base::time::Timestamp;
use crate::fields::prefer;
use crate::fields::priority;
use crate::policy::class::Class;
use http::HeaderMap;
use std::time::Duration;

/// How urgently someone waits, and for how long.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Wish {
    /// Before whom, and after whom.
    pub class: Class,
    /// Until when; `None`: for as long as it is there to be answered.
    pub until: Option<Timestamp>,
    /// It is one of a job's many: it outlasts an upstream that is left alone, and a full queue.
    pub of_a_job: bool,
}

/// The longest wait that a client may ask for: longer ones are cut.
const LONGEST: Duration = Duration::from_hours(1);

impl Wish {
    /// That of a request: its `Priority` (RFC 9218) and its `Prefer: wait` (RFC 7240 section 4.3),
    /// which goes before the wait of the settings.
    pub fn of_request(fields: &HeaderMap, wait: Duration, now: Timestamp) -> Self {
        let wait = prefer::wait(fields).map_or(wait, |wait| wait.min(LONGEST));
        let class = Class::of_urgency(priority::urgency(fields));
        Self { class, until: Some(now.after(wait)), of_a_job: false }
    }

    /// That of something done in the background.
    pub fn of_nobody(wait: Duration, now: Timestamp) -> Self {
        Self { class: Class::Background, until: Some(now.after(wait)), of_a_job: false }
    }

    /// That of one of a job's many.
    pub const fn of_a_job() -> Self {
        Self { class: Class::Batch, until: None, of_a_job: true }
    }

    /// How long it goes on.
    pub fn left(&self, now: Timestamp) -> Option<Duration> {
        self.until.map(|until| until.since(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_000);

    #[test]
    fn a_request_says_how_urgent_it_is_and_how_long_it_waits() {
        let rows: [(&[(&str, &str)], Class, u64); 7] = [
            (&[], Class::Interactive, 10),
            (&[("priority", "u=4")], Class::Interactive, 10),
            (&[("priority", "u=5, i")], Class::Batch, 10),
            (&[("priority", "x")], Class::Interactive, 10),
            (&[("prefer", "wait=3")], Class::Interactive, 3),
            (&[("prefer", "wait=0"), ("priority", "u=7")], Class::Batch, 0),
            (&[("prefer", "wait=999999")], Class::Interactive, 3_600),
        ];
        for (fields, class, wait) in rows {
            let fields: HeaderMap = fields
                .iter()
                .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
                .collect::<Vec<(http::HeaderName, http::HeaderValue)>>()
                .into_iter()
                .collect();
            let wish = Wish::of_request(&fields, Duration::from_secs(10), NOW);
            assert_eq!(wish.class, class, "{fields:?}");
            assert_eq!(wish.left(NOW), Some(Duration::from_secs(wait)), "{fields:?}");
        }
    }

    #[test]
    fn a_job_waits_for_as_long_as_it_takes() {
        assert_eq!(Wish::of_a_job().left(NOW), None);
        let later = NOW.after(Duration::from_secs(4));
        let wish = Wish::of_nobody(Duration::from_secs(3), NOW);
        assert_eq!(wish.left(later), Some(Duration::ZERO));
    }
}
