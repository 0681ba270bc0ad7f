//! May a request be sent a second time?
//!
//! Two questions. [`resend`] is about an idle connection that the upstream closed at the moment it was
//! chosen: no fault of anybody's, and repeated at once. [`again`] is about an upstream in trouble,
//! which many eager repetitions keep there: hence pauses of random length and an [`Allowance`].

use http::StatusCode;
use std::time::Duration;

/// What is known of the connection on which a request failed, at the moment it failed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Trace {
    /// It had carried an exchange before this one.
    pub reused: bool,
    /// A byte of the answer had arrived.
    pub answered: bool,
    /// It ended, as opposed to: it was silent for too long, or said something that is not HTTP.
    pub ended: bool,
}

/// What to do after a failed attempt.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Resend {
    /// Send it again, on a new connection.
    OnNewConnection,
    /// Not again: and why.
    No(NoResend),
}

/// Why a request is not sent again at once.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum NoResend {
    /// It has been already.
    Again,
    /// The connection was new, so its end says something about the upstream.
    NewConnection,
    /// The answer had begun.
    Answered,
    /// The connection did not end.
    NotEnded,
}

/// Decides for a GET of a resource. The upstream may close an idle connection at the moment it is
/// chosen (about one call in five thousand); the request was then never answered, and
/// a GET may be repeated (RFC 9110 section 9.2.2).
pub const fn resend(trace: Trace, attempts: u32) -> Resend {
    match trace {
        _ if attempts > 1 => Resend::No(NoResend::Again),
        Trace { ended: false, .. } => Resend::No(NoResend::NotEnded),
        Trace { answered: true, .. } => Resend::No(NoResend::Answered),
        Trace { reused: false, .. } => Resend::No(NoResend::NewConnection),
        Trace { .. } => Resend::OnNewConnection,
    }
}

/// What went wrong with a try, as far as it matters for another.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Trouble {
    /// No name, no connection or no TLS: the request was certainly not sent.
    Unconnected,
    /// The connection ended before any byte of the answer.
    Reset,
    /// An answer with this status.
    Status(StatusCode),
    /// A deadline passed. The upstream may still be at work on the request.
    TimedOut,
    /// Anything else, such as a certificate that is not valid: it will not be in a second either.
    Other,
}

/// Whether to try again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Again {
    /// Yes, after this pause.
    After(Duration),
    /// No: and why.
    No(NoRetry),
}

/// Why a request is not tried again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum NoRetry {
    /// Another try would fare no better, or do harm.
    Useless,
    /// It was tried as often as the settings allow.
    Tired,
    /// Its time would be over before the next try.
    TooLate,
    /// So many others are being tried again that there is nothing left for this one.
    Spent,
}

/// The pause before the second try is shorter than twice this; before each further one it may be
/// twice as long again.
const PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Decides for a GET of a resource whether it is tried again, and takes that from `allowance`, which
/// therefore is asked last. `tries`: how many were made, so at least 1; `retries`: how many more
/// than one the settings allow; `left`: of the time the whole forward may take; `fraction`: chance,
/// from 0 up to 1. The pause is any from none to the longest ("full jitter"): those who failed
/// together do not come back together.
pub fn again(
    trouble: Trouble,
    tries: u32,
    retries: u32,
    left: Duration,
    allowance: &mut Allowance,
    fraction: f64,
) -> Again {
    let pause = longest_pause(tries).mul_f64(fraction.clamp(0.0, 1.0));
    if !trouble.may_pass() {
        Again::No(NoRetry::Useless)
    } else if tries > retries {
        Again::No(NoRetry::Tired)
    } else if pause >= left {
        Again::No(NoRetry::TooLate)
    } else if !allowance.withdraw() {
        Again::No(NoRetry::Spent)
    } else {
        Again::After(pause)
    }
}

fn longest_pause(tries: u32) -> Duration {
    PAUSE.saturating_mul(2_u32.saturating_pow(tries)).min(LONGEST_PAUSE)
}

impl Trouble {
    /// Whether it may be over soon, and trying again harms nobody.
    const fn may_pass(self) -> bool {
        match self {
            Self::Unconnected | Self::Reset => true,
            Self::Status(status) => matches!(status.as_u16(), 502..=504),
            Self::TimedOut | Self::Other => false,
        }
    }
}

/// What all forwards together may still spend on trying again, whatever happens: the calls are never
/// more than 1.09 times the first tries, and two.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Allowance {
    /// In hundredths of a try, so that nothing is lost by rounding.
    hundredths: u32,
}

impl Default for Allowance {
    /// Enough for the first failures of a quiet gateway.
    fn default() -> Self {
        Self { hundredths: 2 * Self::TRY }
    }
}

impl Allowance {
    const TRY: u32 = 100;
    /// Below a tenth, with room for those two in a short outage.
    const EARNED: u32 = 9;
    /// A quiet day must not save up for a storm.
    const MOST: u32 = 10 * Self::TRY;

    /// A request was sent for the first time.
    pub const fn deposit(&mut self) {
        let saved = self.hundredths + Self::EARNED;
        self.hundredths = if saved < Self::MOST { saved } else { Self::MOST };
    }

    /// Takes one try; false if there is none left.
    pub const fn withdraw(&mut self) -> bool {
        let left = self.hundredths.checked_sub(Self::TRY);
        if let Some(left) = left {
            self.hundredths = left;
        }
        left.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    const MINUTE: Duration = Duration::from_mins(1);

    #[test]
    fn only_on_a_reused_connection_that_ended_unanswered_is_it_sent_again_and_once() {
        let closed = Trace { reused: true, answered: false, ended: true };
        let rows = [
            (closed, 1, Resend::OnNewConnection),
            (closed, 2, Resend::No(NoResend::Again)),
            (Trace { reused: false, ..closed }, 1, Resend::No(NoResend::NewConnection)),
            (Trace { answered: true, ..closed }, 1, Resend::No(NoResend::Answered)),
            (Trace { ended: false, ..closed }, 1, Resend::No(NoResend::NotEnded)),
            (Trace::default(), 1, Resend::No(NoResend::NotEnded)),
        ];
        for (trace, attempts, expected) in rows {
            assert_eq!(resend(trace, attempts), expected, "{trace:?} {attempts}");
        }
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        let status = |code| Trouble::Status(StatusCode::from_u16(code).unwrap());
        let useless = Again::No(NoRetry::Useless);
        let rows = [
            (Trouble::Unconnected, Again::After(Duration::ZERO)),
            (Trouble::Reset, Again::After(Duration::ZERO)),
            (status(502), Again::After(Duration::ZERO)),
            (status(503), Again::After(Duration::ZERO)),
            (status(504), Again::After(Duration::ZERO)),
            (status(200), useless),
            (status(408), useless),
            (status(429), useless),
            (status(500), useless),
            (status(501), useless),
            (status(505), useless),
            (Trouble::TimedOut, useless),
            (Trouble::Other, useless),
        ];
        for (trouble, expected) in rows {
            let found = again(trouble, 1, 1, MINUTE, &mut Allowance::default(), 0.0);
            assert_eq!(found, expected, "{trouble:?}");
        }
    }

    #[test]
    fn the_pause_grows_and_is_any_up_to_the_longest() {
        // tries made, chance, pause in milliseconds
        let rows = [
            (1, 0.0, 0),
            (1, 0.5, 200),
            (1, 1.0, 400),
            (2, 0.5, 400),
            (3, 0.5, 800),
            (4, 0.5, 1_000),
            (5, 0.75, 1_500),
            (u32::MAX - 1, 1.0, 2_000),
            (1, -1.0, 0),
            (1, 7.0, 400),
            (1, f64::INFINITY, 400),
        ];
        for row @ (tries, fraction, millis) in rows {
            let allowance = &mut Allowance::default();
            let found = again(Trouble::Reset, tries, u32::MAX, MINUTE, allowance, fraction);
            assert_eq!(found, Again::After(Duration::from_millis(millis)), "{row:?}");
        }
    }

    #[test]
    fn a_refusal_says_why_and_costs_nothing() {
        let reset = Trouble::Reset;
        // trouble, tries made, retries allowed, milliseconds left, allowance; the pause is 200 ms
        let rows = [
            (Trouble::Other, 9, 1, 0, 0, NoRetry::Useless),
            (reset, 1, 0, 60_000, 200, NoRetry::Tired),
            (reset, 2, 1, 60_000, 200, NoRetry::Tired),
            (reset, 1, 1, 200, 200, NoRetry::TooLate),
            (reset, 1, 1, 0, 200, NoRetry::TooLate),
            (reset, 1, 1, 201, 99, NoRetry::Spent),
        ];
        for row @ (trouble, tries, retries, left, hundredths, expected) in rows {
            let mut allowance = Allowance { hundredths };
            let left = Duration::from_millis(left);
            let found = again(trouble, tries, retries, left, &mut allowance, 0.5);
            assert_eq!(found, Again::No(expected), "{row:?}");
            assert_eq!(allowance, Allowance { hundredths }, "{row:?}");
        }
    }

    #[test]
    fn a_long_quiet_time_saves_up_for_ten_tries() {
        let mut allowance = Allowance::default();
        (0..10_000).for_each(|_| allowance.deposit());
        assert_eq!((0..100).filter(|_| allowance.withdraw()).count(), 10);
    }

    proptest! {
        #[test]
        fn never_more_than_nine_in_a_hundred_and_two_are_tried_again(
            history in vec(any::<bool>(), 0..2_000),
        ) {
            let mut allowance = Allowance::default();
            let (mut first, mut more) = (0_u32, 0_u32);
            for is_first in history {
                if is_first {
                    allowance.deposit();
                    first += 1;
                } else {
                    more += u32::from(allowance.withdraw());
                }
                prop_assert!(100 * more <= 9 * first + 200, "{more} after {first}");
            }
        }

        #[test]
        fn a_pause_ends_before_the_time_does_and_costs_one_try(
            tries in 1_u32..4, fraction in 0.0..1.0_f64, left in 0_u64..10_000,
        ) {
            let left = Duration::from_millis(left);
            let mut allowance = Allowance::default();
            if let Again::After(pause) =
                again(Trouble::Unconnected, tries, 3, left, &mut allowance, fraction)
            {
                prop_assert!(pause < left && pause < LONGEST_PAUSE);
                prop_assert_eq!(allowance, Allowance { hundredths: 100 });
            }
        }
    }
}
