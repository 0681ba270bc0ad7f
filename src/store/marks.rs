//! Marks: what may no longer be reused, as of when (design §1, principle 4; §3.5).
//!
//! A mark is set in constant time and compared when a response is looked up; nothing is searched
//! for and deleted. The table is bounded: marks older than anything they could still cover are
//! forgotten, and if there are too many all the same, one mark over everything replaces them.

use crate::base::time::Timestamp;
use crate::observe::counts::Counts;
use crate::policy::key::Tag;
use crate::policy::order::Turn;
use std::collections::HashMap;
use std::sync::PoisonError;
use std::sync::RwLock;
use std::sync::RwLockReadGuard;
use std::sync::RwLockWriteGuard;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// What a mark covers.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Scope {
    /// Every stored response.
    Everything,
    /// All of one credential.
    Credential(Tag),
    /// One ticket, or one thing of an opaque resource, for every credential.
    Ticket(Tag),
    /// One credential's responses for one of them: credential, ticket.
    OwnTicket(Tag, Tag),
}

impl Scope {
    /// The word for its kind.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Everything => "everything",
            Self::Credential(_) => "credential",
            Self::Ticket(_) => "ticket",
            Self::OwnTicket(..) => "own-ticket",
        }
    }
}

/// What the outcome of a write leaves open.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Aftermath {
    /// Nothing: what is asked for from now on shows it.
    Settled,
    /// The write may still land, so nothing under the mark is stored until then.
    UnsettledUntil(Timestamp),
}

/// What the marks say about one key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Standing {
    /// The newest mark over the key; turn zero if there is none.
    pub mark: Turn,
    /// Whether a write over it may still land.
    pub unsettled: bool,
}

/// The marks that are set, and the order that they and the forwards share.
pub struct Marks {
    table: RwLock<Table>,
    /// The newest mark there is. A response asked for after it is covered by none, which a hit
    /// finds out without the table.
    newest: AtomicU64,
    turns: AtomicU64,
    /// How many were set of each kind of scope.
    set: Counts<&'static str>,
}

#[derive(Clone, Copy)]
struct Mark {
    turn: Turn,
    set_at: Timestamp,
    unsettled_until: Timestamp,
}

struct Table {
    marks: HashMap<Scope, Mark>,
    /// A mark older than this covers nothing that is still stored or under way.
    horizon: Duration,
    /// The size at which the table is next looked through for marks to forget.
    prune_at: usize,
}

impl Marks {
    /// No marks. `horizon`: how long a response may be stored plus how long a forward may take.
    pub fn new(horizon: Duration) -> Self {
        Self {
            table: RwLock::new(Table { marks: HashMap::new(), horizon, prune_at: PRUNE_AT_LEAST }),
            newest: AtomicU64::new(0),
            turns: AtomicU64::new(0),
            set: Counts::default(),
        }
    }

    /// From now on responses may be stored for longer. What is stored already may be as old as
    /// before, so marks are never kept for less.
    pub fn reach(&self, horizon: Duration) {
        let mut table = self.write();
        table.horizon = table.horizon.max(horizon);
    }

    /// How many are kept, and how many were ever set of each kind of scope.
    pub fn counts(&self) -> (usize, Vec<(&'static str, u64)>) {
        (self.read().marks.len(), self.set.all())
    }

    /// The turn of a forward that is sent now.
    pub fn begin(&self) -> Turn {
        Turn::new(self.next_turn())
    }

    /// Covers what was asked for before now.
    pub fn set(&self, scopes: &[Scope], aftermath: Aftermath, now: Timestamp) {
        let count = self.next_turn();
        self.put(scopes, Turn::new(count), aftermath, now);
        self.newest.fetch_max(count, Ordering::AcqRel);
    }

    /// Covers what was asked for before the forward of `turn`, but not that forward's own answer.
    pub fn set_before(&self, turn: Turn, scope: Scope, now: Timestamp) {
        self.put(&[scope], turn.just_before(), Aftermath::Settled, now);
        // Rounded up to now: `newest` may be too great, never too small.
        self.newest.fetch_max(self.turns.load(Ordering::Acquire), Ordering::AcqRel);
    }

    /// A turn that no mark is greater than.
    pub fn newest(&self) -> Turn {
        Turn::new(self.newest.load(Ordering::Acquire))
    }

    /// What the marks say about the key of `credential` and `ticket`.
    pub fn over(&self, credential: Tag, ticket: Tag, now: Timestamp) -> Standing {
        let table = self.read();
        let scopes = [
            Scope::Everything,
            Scope::Credential(credential),
            Scope::Ticket(ticket),
            Scope::OwnTicket(credential, ticket),
        ];
        let over = scopes.iter().filter_map(|scope| table.marks.get(scope));
        over.fold(Standing { mark: Turn::default(), unsettled: false }, |found, mark| Standing {
            mark: found.mark.max(mark.turn),
            unsettled: found.unsettled || now < mark.unsettled_until,
        })
    }

    fn next_turn(&self) -> u64 {
        self.turns.fetch_add(1, Ordering::AcqRel).saturating_add(1)
    }

    fn put(&self, scopes: &[Scope], turn: Turn, aftermath: Aftermath, now: Timestamp) {
        let unsettled_until = match aftermath {
            Aftermath::Settled => Timestamp::default(),
            Aftermath::UnsettledUntil(moment) => moment,
        };
        let mark = Mark { turn, set_at: now, unsettled_until };
        let mut table = self.write();
        for scope in scopes {
            self.set.add(scope.as_str());
            table
                .marks
                .entry(*scope)
                .and_modify(|older| *older = older.joined(mark))
                .or_insert(mark);
        }
        table.bound(now);
    }

    fn read(&self) -> RwLockReadGuard<'_, Table> {
        self.table.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Table> {
        self.table.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Mark {
    /// Both marks as one.
    fn joined(self, other: Self) -> Self {
        Self {
            turn: self.turn.max(other.turn),
            set_at: self.set_at.max(other.set_at),
            unsettled_until: self.unsettled_until.max(other.unsettled_until),
        }
    }
}

impl Table {
    /// Forgets what covers nothing any more. The threshold doubles with what is left, so that the
    /// table is looked through once for as many marks as it holds, not once for every mark.
    fn bound(&mut self, now: Timestamp) {
        if self.marks.len() < self.prune_at {
            return;
        }
        let horizon = self.horizon;
        self.marks.retain(|_, mark| now.since(mark.set_at) < horizon || now < mark.unsettled_until);
        if self.marks.len() > AT_MOST / 2 {
            let all = self.marks.values().copied().reduce(Mark::joined);
            self.marks.clear();
            self.marks.extend(all.map(|mark| (Scope::Everything, mark)));
        }
        self.prune_at = self.marks.len().saturating_mul(2).clamp(PRUNE_AT_LEAST, AT_MOST);
    }
}

const PRUNE_AT_LEAST: usize = 1_024;

/// About 13 MiB of marks. 131 072 tickets written to within an hour is a purge, not a write.
const AT_MOST: usize = 131_072;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::secret::Secret;
    use crate::policy::key::KeySecret;

    const NOW: Timestamp = Timestamp::from_secs(1_000);
    const HORIZON: Duration = Duration::from_hours(1);

    fn tags() -> [Tag; 4] {
        let secret = KeySecret::new(Secret::new([1; 32]));
        [
            secret.credential(b"a").tag(),
            secret.credential(b"b").tag(),
            secret.ticket("1"),
            secret.ticket("2"),
        ]
    }

    #[test]
    fn a_mark_covers_its_scope_and_nothing_else() {
        let [a, b, one, two] = tags();
        // scope, then whether (a, one), (a, two), (b, one), (b, two) are covered
        let rows = [
            (Scope::Everything, [true, true, true, true]),
            (Scope::Credential(a), [true, true, false, false]),
            (Scope::Ticket(one), [true, false, true, false]),
            (Scope::OwnTicket(a, one), [true, false, false, false]),
        ];
        for (scope, expected) in rows {
            let marks = Marks::new(HORIZON);
            let before = marks.begin();
            marks.set(&[scope], Aftermath::Settled, NOW);
            let after = marks.begin();
            let keys = [(a, one), (a, two), (b, one), (b, two)];
            let standings = keys.map(|(credential, ticket)| marks.over(credential, ticket, NOW));
            assert_eq!(standings.map(|s| before.is_covered_by(s.mark)), expected, "{scope:?}");
            assert_eq!(standings.map(|s| after.is_covered_by(s.mark)), [false; 4], "{scope:?}");
            assert!(before.is_covered_by(marks.newest()) && !after.is_covered_by(marks.newest()));
        }
    }

    #[test]
    fn a_mark_learnt_from_an_answer_spares_the_answer() {
        let [a, _, one, _] = tags();
        let marks = Marks::new(HORIZON);
        let (earlier, own) = (marks.begin(), marks.begin());
        marks.set_before(own, Scope::OwnTicket(a, one), NOW);
        let standing = marks.over(a, one, NOW);
        assert!(earlier.is_covered_by(standing.mark) && !own.is_covered_by(standing.mark));
        assert!(earlier.is_covered_by(marks.newest()));
    }

    #[test]
    fn an_older_mark_does_not_undo_a_newer_one() {
        let [a, _, one, _] = tags();
        let marks = Marks::new(HORIZON);
        let (read, later) = (marks.begin(), marks.begin());
        marks.set(&[Scope::OwnTicket(a, one)], Aftermath::Settled, NOW);
        marks.set_before(read, Scope::OwnTicket(a, one), NOW);
        assert!(later.is_covered_by(marks.over(a, one, NOW).mark));
    }

    #[test]
    fn a_write_that_may_still_land_leaves_its_scope_unsettled_for_a_while() {
        let [a, _, one, two] = tags();
        let marks = Marks::new(HORIZON);
        let until = NOW.after(Duration::from_mins(1));
        marks.set(&[Scope::Ticket(one)], Aftermath::UnsettledUntil(until), NOW);
        marks.set(&[Scope::Ticket(one)], Aftermath::Settled, NOW);
        assert!(marks.over(a, one, NOW).unsettled, "another write does not settle this one");
        assert!(!marks.over(a, two, NOW).unsettled);
        assert!(!marks.over(a, one, until).unsettled);
    }

    #[test]
    fn old_marks_are_forgotten_and_too_many_become_one() {
        let [a, _, one, _] = tags();
        let secret = KeySecret::new(Secret::new([1; 32]));
        let ticket = |number: usize| Scope::Ticket(secret.ticket(&number.to_string()));
        let marks = Marks::new(HORIZON);
        for number in 0..PRUNE_AT_LEAST - 1 {
            marks.set(&[ticket(number)], Aftermath::Settled, NOW);
        }
        marks.set(&[ticket(PRUNE_AT_LEAST)], Aftermath::Settled, NOW.after(HORIZON));
        assert_eq!(marks.read().marks.len(), 1);
        let before = marks.begin();
        for number in 0..AT_MOST {
            marks.set(&[ticket(number)], Aftermath::Settled, NOW.after(HORIZON));
            assert!(marks.read().marks.len() <= AT_MOST);
        }
        assert!(before.is_covered_by(marks.over(a, one, NOW).mark), "one over everything");
    }
}
