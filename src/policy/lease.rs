//! How long a credential may be believed in without asking (design §3.4, "Lease").
//!
//! Only the upstream knows whether a credential still holds, and a hit does not ask it. So each
//! proof lends the credential a while, counted from when the proving forward was *sent*: a
//! revoked credential is answered from memory for one lease at most. Facts are kept here and not
//! deadlines, so that other settings apply at once.

use crate::base::time::Timestamp;
use crate::policy::freshness::Facts;
use crate::policy::order::Turn;
use std::time::Duration;

/// What the settings say about leases.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Terms {
    /// How long a proof is believed in. Zero: no proof is asked for.
    pub lease: Duration,
    /// How long after that stored responses may still stand in for an upstream that cannot be
    /// asked.
    pub grace: Duration,
}

/// How far a credential may be believed in at a moment.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Authority {
    /// It was proved lately, or no proof is asked for.
    Holds,
    /// It holds, but two thirds of the lease are over: time to ask in the background.
    Due,
    /// The lease has lapsed. What is stored may stand in where the upstream cannot be asked.
    Grace,
    /// The grace is over too, or there was no proof since the credential was last called dead.
    Ended,
    /// Nothing is known of it, for or against.
    Unproved,
}

impl Authority {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Holds => "holds",
            Self::Due => "due",
            Self::Grace => "grace",
            Self::Ended => "ended",
            Self::Unproved => "unproved",
        }
    }

    /// How far it reaches for one stored response. A bare not-found proves nothing, so a credential
    /// may have nothing but those; it may be repeated for one lease of its own, unless something is
    /// known against its credential.
    #[must_use]
    pub fn over(self, facts: &Facts, terms: Terms, now: Timestamp) -> Self {
        let young = now.since(facts.asked_at) < terms.lease;
        if self == Self::Unproved && facts.negative && young { Self::Holds } else { self }
    }
}

/// What is known of one credential.
///
/// The order is that of how much is lost by forgetting: first those without a proof, then those
/// whose proof was sent longest ago.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Lease {
    /// The newest proof since the credential was last called dead.
    proof: Option<Proof>,
    /// When it was last called dead; before the first turn, which is 1, if it never was.
    ended: Turn,
}

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Proof {
    sent_at: Timestamp,
    /// Whether somebody was told to ask for the next proof in the background.
    probed: bool,
}

impl Lease {
    /// The lease after a proof. `turn` and `asked_at`: when the forward that brought it began,
    /// before it was sent.
    ///
    /// A forward begun before the credential was called dead proves nothing. Of the others the
    /// one sent last counts, in whatever order they come back.
    #[must_use]
    pub fn proved(self, turn: Turn, asked_at: Timestamp) -> Self {
        let is_newer = self.proof.is_none_or(|known| known.sent_at < asked_at);
        if turn.is_covered_by(self.ended) || !is_newer {
            return self;
        }
        Self { proof: Some(Proof { sent_at: asked_at, probed: false }), ..self }
    }

    /// The lease after the upstream has called the credential dead, without any grace. Forwards
    /// begun at `turn` or before prove nothing any more.
    ///
    /// All earlier proofs are dropped, even one begun after `turn`: which of two forwards the
    /// upstream saw first is not known here, and being wrong costs one probe.
    #[must_use]
    pub fn ended(self, turn: Turn) -> Self {
        Self { proof: None, ended: self.ended.max(turn) }
    }

    /// How far the credential may be believed in at `now`. Equality is past.
    ///
    /// With a lease of zero it always holds, even when called dead. If that was said on a
    /// resource, the credential's mark has taken out all that was stored before; said elsewhere
    /// it only ends the lease (design §3.5), and there is none to end.
    pub fn authority(&self, terms: Terms, now: Timestamp) -> Authority {
        if terms.lease.is_zero() {
            return Authority::Holds;
        }
        let Some(proof) = self.proof else {
            let unknown = self.ended == Turn::default();
            return if unknown { Authority::Unproved } else { Authority::Ended };
        };
        let passed = now.since(proof.sent_at);
        if passed < two_thirds(terms.lease) {
            Authority::Holds
        } else if passed < terms.lease {
            Authority::Due
        } else if passed < terms.lease.saturating_add(terms.grace) {
            Authority::Grace
        } else {
            Authority::Ended
        }
    }

    /// How much of the lease is left; `None` without a proof, or where none is asked for.
    pub fn left(&self, terms: Terms, now: Timestamp) -> Option<Duration> {
        let proof = self.proof.filter(|_| !terms.lease.is_zero())?;
        Some(terms.lease.saturating_sub(now.since(proof.sent_at)))
    }

    /// The lease with its probe in the background claimed, if one is due and none was claimed
    /// since the newest proof.
    ///
    /// There is one for each lease; if it proves nothing, the next is asked for in the foreground.
    /// Whether it is due is looked at again, since a proof may have come since the caller looked.
    pub fn probe_claimed(self, terms: Terms, now: Timestamp) -> Option<Self> {
        let proof = self.proof.filter(|proof| !proof.probed)?;
        let is_due = self.authority(terms, now) == Authority::Due;
        is_due.then_some(Self { proof: Some(Proof { probed: true, ..proof }), ..self })
    }

    /// What has to be remembered once this lease is forgotten: which forwards prove nothing.
    #[must_use]
    pub fn forgotten(self) -> Self {
        Self { proof: None, ..self }
    }
}

/// Rounded up, and without multiplying, which could overflow.
fn two_thirds(span: Duration) -> Duration {
    span.saturating_sub(span / 3)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::freshness::Source;
    use crate::policy::freshness::Staleness;
    use proptest::collection::vec;
    use proptest::prelude::*;

    const SENT: Timestamp = Timestamp::from_secs(1_000);
    const LAST: Timestamp = Timestamp::from_secs(u64::MAX);
    const NANO: Duration = Duration::from_nanos(1);

    fn terms(lease: u64, grace: u64) -> Terms {
        Terms { lease: Duration::from_secs(lease), grace: Duration::from_secs(grace) }
    }

    fn turn(count: u64) -> Turn {
        Turn::new(count)
    }

    fn proved() -> Lease {
        Lease::default().proved(turn(5), SENT)
    }

    fn rank(authority: Authority) -> u8 {
        match authority {
            Authority::Holds => 3,
            Authority::Due => 2,
            Authority::Grace => 1,
            Authority::Ended | Authority::Unproved => 0,
        }
    }

    #[test]
    fn a_lease_holds_then_is_due_then_has_grace_then_ends() {
        const SECOND: u64 = 1_000_000_000;
        // lease and grace in seconds, nanoseconds since the proving forward was sent
        let rows = [
            (60, 600, 0, Authority::Holds),
            (60, 600, 40 * SECOND - 1, Authority::Holds),
            (60, 600, 40 * SECOND, Authority::Due),
            (60, 600, 60 * SECOND - 1, Authority::Due),
            (60, 600, 60 * SECOND, Authority::Grace),
            (60, 600, 660 * SECOND - 1, Authority::Grace),
            (60, 600, 660 * SECOND, Authority::Ended),
            (60, 0, 60 * SECOND - 1, Authority::Due),
            (60, 0, 60 * SECOND, Authority::Ended),
            // Two thirds of a second are no whole number of nanoseconds.
            (1, 0, 666_666_666, Authority::Holds),
            (1, 0, 666_666_667, Authority::Due),
            (0, 600, u64::MAX, Authority::Holds),
            (u64::MAX, u64::MAX, u64::MAX, Authority::Holds),
            (60, u64::MAX, u64::MAX, Authority::Grace),
        ];
        for row @ (lease, grace, passed, expected) in rows {
            let now = SENT.after(Duration::from_nanos(passed));
            assert_eq!(proved().authority(terms(lease, grace), now), expected, "{row:?}");
        }
    }

    #[test]
    fn a_credential_is_believed_in_from_a_proof_to_its_next_end() {
        use Authority::Ended;
        use Authority::Holds;
        use Authority::Unproved;
        // what happened, and how far the credential is believed in at the moment of the proof
        let ended = |count| Lease::default().ended(turn(count));
        let rows = [
            ("nothing", Lease::default(), Unproved),
            ("proved", proved(), Holds),
            ("ended", ended(5), Ended),
            ("ended by the first forward of all", ended(1), Ended),
            ("proved, ended", proved().ended(turn(9)), Ended),
            ("proved, ended by an older forward", proved().ended(turn(3)), Ended),
            ("ended, begun before", ended(6).proved(turn(5), SENT), Ended),
            ("ended, begun with it", ended(5).proved(turn(5), SENT), Ended),
            ("ended, begun after", ended(4).proved(turn(5), SENT), Holds),
            ("ended, then by an older", ended(6).ended(turn(2)).proved(turn(5), SENT), Ended),
            ("proved, forgotten", proved().forgotten(), Unproved),
            ("ended, forgotten", ended(6).forgotten(), Ended),
            ("ended, forgotten, begun before", ended(6).forgotten().proved(turn(5), SENT), Ended),
        ];
        for (what, lease, expected) in rows {
            assert_eq!(lease.authority(terms(60, 600), SENT), expected, "{what}");
            assert_eq!(lease.authority(terms(0, 600), SENT), Holds, "{what}, no lease");
        }
    }

    /// A response that was asked for at the moment of the proof.
    fn stored(negative: bool) -> Facts {
        Facts {
            asked_at: SENT,
            received_at: SENT,
            initial_age: Duration::ZERO,
            lifetime: Duration::from_mins(10),
            authority_ends: None,
            stale: Staleness::Forbidden,
            always_validate: false,
            negative,
            source: Source::Open,
        }
    }

    #[test]
    fn a_not_found_may_be_repeated_for_one_lease_unless_something_speaks_against_its_credential() {
        use Authority::Holds;
        use Authority::Unproved;
        // how far the credential is believed in, whether it is a not-found, the lease, how long ago
        // it was asked for, how far the credential is believed in for it
        let rows = [
            (Unproved, true, 60, 0, Holds),
            (Unproved, true, 60, 59, Holds),
            (Unproved, true, 60, 60, Unproved),
            (Unproved, true, 60, u64::MAX, Unproved),
            (Unproved, true, 0, 0, Unproved),
            (Unproved, false, 60, 0, Unproved),
        ];
        for row @ (authority, negative, lease, secs, expected) in rows {
            let now = SENT.after(Duration::from_secs(secs));
            let found = authority.over(&stored(negative), terms(lease, 600), now);
            assert_eq!(found, expected, "{row:?}");
        }
        for known in [Holds, Authority::Due, Authority::Grace, Authority::Ended] {
            for negative in [false, true] {
                let found = known.over(&stored(negative), terms(60, 600), SENT);
                assert_eq!(found, known, "negative: {negative}");
            }
        }
    }

    #[test]
    fn the_ends_of_the_clock_and_of_a_duration_are_no_special_case() {
        let longest = Terms { lease: Duration::MAX, grace: Duration::MAX };
        let shortest = Terms { lease: NANO, grace: Duration::ZERO };
        let first = Lease::default().proved(turn(1), Timestamp::default());
        let last = Lease::default().proved(turn(1), LAST);
        assert_eq!(first.authority(longest, LAST), Authority::Holds);
        assert_eq!(first.authority(shortest, LAST), Authority::Ended);
        assert_eq!(last.authority(shortest, LAST), Authority::Holds);
        // A reading from before the proof was sent, taken by another thread.
        assert_eq!(last.authority(shortest, Timestamp::default()), Authority::Holds);
    }

    #[test]
    fn a_lease_has_one_probe_which_is_claimed_when_it_is_due() {
        let at = |secs| SENT.after(Duration::from_secs(secs));
        let claimed = |lease: Lease, now| lease.probe_claimed(terms(60, 600), now);
        for (secs, expected) in [(0, false), (39, false), (40, true), (59, true), (60, false)] {
            assert_eq!(claimed(proved(), at(secs)).is_some(), expected, "after {secs} s");
        }
        let probed = claimed(proved(), at(40)).unwrap();
        assert_eq!(probed.authority(terms(60, 600), at(40)), Authority::Due);
        assert_eq!(claimed(probed, at(41)), None);
        assert_eq!(claimed(probed.proved(turn(6), SENT), at(41)), None, "not a newer proof");
        let renewed = probed.proved(turn(6), at(40));
        assert_eq!(claimed(renewed, at(41)), None, "no longer due");
        assert!(claimed(renewed, at(80)).is_some());
        assert_eq!(claimed(proved().ended(turn(6)), at(40)), None);
        assert_eq!(proved().probe_claimed(terms(0, 0), at(40)), None, "no proof is asked for");
    }

    #[test]
    fn what_is_worth_least_comes_first() {
        let later = SENT.after(NANO);
        let ended = |count| Lease::default().ended(turn(count));
        let newer = Lease::default().proved(turn(1), later);
        assert!([Lease::default(), ended(1), ended(2), proved(), newer].is_sorted());
    }

    /// Any history, told as turns and seconds: a proof, or an end where there are no seconds.
    fn histories() -> impl Strategy<Value = Vec<(u64, Option<u64>)>> {
        vec((1_u64..20, proptest::option::of(0_u64..200)), 0..12)
    }

    fn told(history: &[(u64, Option<u64>)]) -> Lease {
        history.iter().fold(Lease::default(), |lease, (count, secs)| match secs {
            Some(secs) => lease.proved(turn(*count), Timestamp::from_secs(*secs)),
            None => lease.ended(turn(*count)),
        })
    }

    proptest! {
        #[test]
        fn authority_never_grows_while_time_passes(
            history in histories(), lease in 0_u64..100, grace in 0_u64..100,
            early in 0_u64..400, later in 0_u64..400,
        ) {
            let (lease, terms) = (told(&history), terms(lease, grace));
            let early = Timestamp::from_secs(early);
            let later = early.after(Duration::from_secs(later));
            prop_assert!(rank(lease.authority(terms, later)) <= rank(lease.authority(terms, early)));
        }

        #[test]
        fn only_what_was_never_called_dead_is_unproved(history in histories(), now in 0_u64..400) {
            let authority = told(&history).authority(terms(60, 30), Timestamp::from_secs(now));
            prop_assert_eq!(authority == Authority::Unproved, history.is_empty());
        }

        #[test]
        fn a_forward_begun_before_the_end_proves_nothing(
            before in histories(), after in histories(), ended in 20_u64..40,
        ) {
            let lease = told(&before).ended(turn(ended));
            for (count, secs) in after {
                let at = Timestamp::from_secs(secs.unwrap_or_default());
                prop_assert_eq!(lease.proved(turn(count), at), lease);
            }
        }

        #[test]
        fn a_proof_never_takes_anything_away(
            history in histories(), count in 1_u64..20, secs in 0_u64..200, now in 0_u64..400,
        ) {
            let lease = told(&history);
            let again = lease.proved(turn(count), Timestamp::from_secs(secs));
            let at = |lease: Lease| rank(lease.authority(terms(60, 30), Timestamp::from_secs(now)));
            prop_assert!(at(again) >= at(lease));
        }

        #[test]
        fn nothing_outlives_the_newest_sending_by_more_than_lease_and_grace(
            history in histories(), lease in 1_u64..100, grace in 0_u64..100,
        ) {
            let newest = history.iter().filter_map(|(_, secs)| *secs).max().unwrap_or_default();
            let end = Timestamp::from_secs(newest + lease + grace);
            prop_assert_eq!(rank(told(&history).authority(terms(lease, grace), end)), 0);
        }
    }
}
