//! Those of one credential who wait to go upstream, and what it may spend.

use crate::base::time::Timestamp;
use crate::policy::budget::Budget;
use crate::policy::class::Class;
use crate::policy::seats::Offers;
use crate::policy::seats::Seat;
use std::collections::BTreeSet;

/// A place in line. Who came earlier has the lesser one, and keeps it for as long as it is to be
/// sent.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Ticket(u64);

impl Ticket {
    /// The `count`-th.
    pub const fn new(count: u64) -> Self {
        Self(count)
    }
}

/// One credential's.
#[derive(Debug)]
pub struct Lane {
    /// What may be sent for it, and when.
    pub budget: Budget,
    /// Its turn among the credentials: who has been sent less has the lesser one.
    pub turn: u64,
    /// How many of its requests are under way.
    pub under_way: usize,
    /// Whether the budget has made somebody wait since all were last served.
    pub paced: bool,
    /// Where it stands.
    pub seat: Seat,
    interactive: BTreeSet<Ticket>,
    batch: BTreeSet<Ticket>,
    background: BTreeSet<Ticket>,
    /// How many of the interactive class went one after the other while the batch class waited.
    streak: u64,
}

/// Of so many requests one is left to the batch class while both wait: four fifths are the
/// interactive share.
pub const SHARE: u64 = 5;

impl Lane {
    /// Of a credential with this budget, for which nobody waits.
    pub fn new(budget: Budget) -> Self {
        Self {
            budget,
            turn: 0,
            under_way: 0,
            paced: false,
            seat: Seat::default(),
            interactive: BTreeSet::new(),
            batch: BTreeSet::new(),
            background: BTreeSet::new(),
            streak: 0,
        }
    }

    /// Someone comes, or comes back.
    pub fn enter(&mut self, ticket: Ticket, class: Class) {
        self.of_mut(class).insert(ticket);
    }

    /// Someone leaves.
    pub fn leave(&mut self, ticket: Ticket, class: Class) {
        self.of_mut(class).remove(&ticket);
        self.paced &= !self.is_empty();
    }

    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.interactive.is_empty() && self.batch.is_empty() && self.background.is_empty()
    }

    /// Whether nothing would be lost with it.
    pub fn can_be_forgotten(&self, now: Timestamp) -> bool {
        self.is_unused() && self.budget.can_be_forgotten(now)
    }

    /// Whether nobody waits and nothing is under way.
    pub fn is_unused(&self) -> bool {
        self.under_way == 0 && self.is_empty()
    }

    /// Where it belongs. It offers to send for the batch class only where that one's turn has come,
    /// and for background validations only while nobody waits for an answer.
    pub fn belongs(&self, now: Timestamp) -> Seat {
        if self.is_empty() {
            return Seat::default();
        }
        let (turn, ready_at) = (self.turn, self.budget.ready_at(0, now));
        if ready_at > now {
            return Seat { turn, offers: Offers::default(), later: Some(ready_at) };
        }
        let offers = Offers {
            interactive: !self.interactive.is_empty(),
            batch: self.is_turn_of_batch(),
            background: self.interactive.is_empty() && self.batch.is_empty(),
        };
        Seat { turn, offers, later: None }
    }

    fn is_turn_of_batch(&self) -> bool {
        !self.batch.is_empty() && (self.interactive.is_empty() || self.streak + 1 >= SHARE)
    }

    /// Takes out who is to be sent, for a turn of `class`; `batch`: whether that class may be sent
    /// at all now.
    pub fn serve(&mut self, class: Class, batch: bool) -> Option<(Ticket, Class)> {
        let class = match class {
            Class::Interactive if batch && self.is_turn_of_batch() => Class::Batch,
            class => class,
        };
        let ticket = self.of_mut(class).pop_first()?;
        self.streak = match class {
            Class::Interactive if !self.batch.is_empty() => self.streak + 1,
            _ => 0,
        };
        Some((ticket, class))
    }

    /// How many of this credential will be sent before the holder of `ticket`, if it is in `class`.
    pub fn ahead(&self, ticket: Ticket, class: Class) -> u64 {
        match class {
            Class::Interactive => {
                let ahead = before(&self.interactive, ticket);
                let between = (self.streak + ahead) / (SHARE - 1);
                ahead + between.min(length(&self.batch))
            }
            Class::Batch => {
                let ahead = before(&self.batch, ticket);
                let share = (ahead + 1).saturating_mul(SHARE - 1).saturating_sub(self.streak);
                ahead + share.min(length(&self.interactive))
            }
            Class::Background => {
                let others = length(&self.interactive) + length(&self.batch);
                before(&self.background, ticket) + others
            }
        }
    }

    /// How many will be sent before someone of `class` of another credential, who has `ahead`
    /// others of its own before it.
    pub fn ahead_of_another(&self, class: Class, ahead: u64) -> u64 {
        let interactive = length(&self.interactive);
        let batch = length(&self.batch);
        let fair = ahead.saturating_add(1);
        match class {
            Class::Interactive => interactive.min(fair),
            Class::Batch => (interactive + batch).min(fair.saturating_mul(SHARE)),
            Class::Background => interactive + batch + length(&self.background).min(fair),
        }
    }

    const fn of_mut(&mut self, class: Class) -> &mut BTreeSet<Ticket> {
        match class {
            Class::Interactive => &mut self.interactive,
            Class::Batch => &mut self.batch,
            Class::Background => &mut self.background,
        }
    }
}

fn length(waiting: &BTreeSet<Ticket>) -> u64 {
    u64::try_from(waiting.len()).unwrap_or(u64::MAX)
}

/// How many come before `ticket`. Who has come last, as most who ask have, is not counted for.
fn before(waiting: &BTreeSet<Ticket>, ticket: Ticket) -> u64 {
    let among = u64::from(waiting.contains(&ticket));
    match waiting.last() {
        Some(last) if *last <= ticket => length(waiting) - among,
        Some(_) => u64::try_from(waiting.range(..ticket).count()).unwrap_or(u64::MAX),
        None => 0,
    }
}
