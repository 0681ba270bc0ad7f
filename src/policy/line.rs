//! Who waits to go upstream, and who goes next.
//!
//! A request goes when its credential's budget lets it, the budget of all together does, and a
//! place among those under way is free. Of those who could go the interactive class goes first, but
//! for every fifth turn of a credential, which is its batch class's while both wait; where others have
//! only batches, every fifth turn of all is theirs. Background validations go when nobody else could. Between credentials of one class goes who
//! has been sent less. A quarter of the places is kept for the interactive class.

use crate::base::time::Timestamp;
use crate::policy::bucket::Bucket;
use crate::policy::budget;
use crate::policy::budget::Hearing;
use crate::policy::budget::Spent;
use crate::policy::class::Class;
use crate::policy::key::Tag;
use crate::policy::lane::SHARE;
use crate::policy::lane::Ticket;
use crate::policy::lanes::Lanes;
use std::collections::HashMap;
use std::time::Duration;

/// What the line goes by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Terms {
    /// For each credential.
    pub budget: budget::Terms,
    /// Requests a second for all together.
    pub total_rate: Option<f64>,
    /// How many may be under way.
    pub places: usize,
    /// How many may wait.
    pub max_waiting: usize,
}

/// A place among those under way, and what was spent for it.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// Who.
    pub ticket: Ticket,
    /// Whose.
    pub credential: Tag,
    /// As what it was sent.
    pub class: Class,
    /// Of its credential's budget.
    pub spent: Spent,
    /// Since when.
    pub since: Timestamp,
}

/// How long someone will wait, as far as can be told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Outlook {
    /// For a turn.
    pub wait: Duration,
    /// What makes it wait for so long.
    pub cause: Cause,
}

/// What someone waits for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Cause {
    /// A budget: the credential's, or that of all together.
    Budget,
    /// A place among those under way.
    Places,
}

/// The line.
#[derive(Debug)]
pub struct Line {
    terms: Terms,
    lanes: Lanes,
    /// Who waits, and where.
    waiting: HashMap<Ticket, (Tag, Class)>,
    total: Option<Bucket>,
    under_way: usize,
    /// How many of those are not of the interactive class.
    others_under_way: usize,
    /// The turn of the credential that was sent last.
    turn: u64,
    /// How many interactive turns have passed while the batch class could have gone.
    streak: u64,
    tickets: u64,
    /// How long a request is under way, on average.
    held: Option<Duration>,
}

impl Line {
    /// In which nobody waits.
    pub fn new(terms: Terms, now: Timestamp) -> Self {
        Self {
            terms,
            lanes: Lanes::new(terms.budget),
            waiting: HashMap::new(),
            total: terms.total_rate.map(|rate| Bucket::new(rate, terms.budget.burst, now)),
            under_way: 0,
            others_under_way: 0,
            turn: 0,
            streak: 0,
            tickets: 0,
            held: None,
        }
    }

    /// How many wait.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// How many are under way.
    pub const fn under_way(&self) -> usize {
        self.under_way
    }

    /// A place in line for somebody new.
    pub const fn ticket(&mut self) -> Ticket {
        self.tickets = self.tickets.saturating_add(1);
        Ticket::new(self.tickets)
    }

    /// Lets a request through without its having waited, if it may go at once: all who wait, if
    /// anybody does, wait for the budgets of their own credentials, or for a place that it need not
    /// wait for.
    pub fn pass(&mut self, credential: Tag, class: Class, now: Timestamp) -> Option<Place> {
        let is_next = self.choose().is_none() && self.lanes.seats().due(now).is_none();
        if !is_next || !self.has_place(class) || self.total_ready_at(0) > now {
            return None;
        }
        let lane = self.lanes.of(credential, now);
        if lane.budget.ready_at(0, now) > now {
            return None;
        }
        let ticket = self.ticket();
        let place = self.send(ticket, credential, class, false, now);
        self.lanes.reseat(credential, now);
        Some(place)
    }

    /// Someone stands in line: for the first time, or again with the ticket that it had. Whether
    /// there is room, of which a quarter is kept for the interactive class too; who has been sent
    /// before keeps its own.
    pub fn enter(
        &mut self,
        ticket: Ticket,
        credential: Tag,
        class: Class,
        again: bool,
        now: Timestamp,
    ) -> bool {
        let kept = if class == Class::Interactive { 0 } else { self.terms.max_waiting / 4 };
        if self.waiting.len() >= self.terms.max_waiting - kept && !again {
            return false;
        }
        self.waiting.insert(ticket, (credential, class));
        let turn = self.turn;
        let lane = self.lanes.of(credential, now);
        if lane.is_empty() {
            // Who comes back has not saved up turns.
            lane.turn = lane.turn.max(turn);
        }
        lane.enter(ticket, class);
        self.lanes.reseat(credential, now);
        true
    }

    /// Someone leaves the line, if it still stands there.
    pub fn leave(&mut self, ticket: Ticket, now: Timestamp) {
        if let Some((credential, class)) = self.waiting.remove(&ticket) {
            if let Some(lane) = self.lanes.get_mut(credential) {
                lane.leave(ticket, class);
            }
            self.lanes.reseat(credential, now);
        }
    }

    /// Someone who stands in line counts as of `class` from now on, if that is more urgent.
    pub fn raise(&mut self, ticket: Ticket, class: Class, now: Timestamp) {
        let Some((credential, before)) = self.waiting.get(&ticket).copied() else { return };
        if class < before {
            self.waiting.insert(ticket, (credential, class));
            if let Some(lane) = self.lanes.get_mut(credential) {
                lane.leave(ticket, before);
                lane.enter(ticket, class);
            }
            self.lanes.reseat(credential, now);
        }
    }

    /// Who goes next, if somebody may go now.
    pub fn next(&mut self, now: Timestamp) -> Option<Place> {
        self.lanes.wake(now);
        if self.under_way >= self.terms.places || self.total_ready_at(0) > now {
            return None;
        }
        let (class, credential) = self.choose()?;
        let batch = self.has_place(Class::Batch);
        let could_be_batch = batch && self.lanes.seats().first(Class::Batch).is_some();
        let lane = self.lanes.get_mut(credential)?;
        let paced = lane.paced;
        let (ticket, class) = lane.serve(class, batch)?;
        self.turn = lane.turn;
        lane.turn = lane.turn.saturating_add(1);
        lane.paced &= !lane.is_empty();
        self.streak = match class {
            Class::Interactive if could_be_batch => self.streak.saturating_add(1),
            _ => 0,
        };
        self.waiting.remove(&ticket);
        let place = self.send(ticket, credential, class, paced, now);
        self.lanes.reseat(credential, now);
        Some(place)
    }

    /// When somebody may go who may not go now, unless somebody gives back a place before.
    pub fn wake_at(&self, now: Timestamp) -> Option<Timestamp> {
        if self.under_way >= self.terms.places {
            return None;
        }
        let later = self.lanes.seats().next_due();
        let total = Some(self.total_ready_at(0)).filter(|at| *at > now);
        match (later, total.filter(|_| self.lanes.seats().is_anyone_ready())) {
            (Some(later), Some(total)) => Some(later.min(total)),
            (later, total) => later.or(total),
        }
    }

    /// A place is given back, with what the answer says about the budget, if there is one.
    pub fn give_back(&mut self, place: Place, hearing: Option<&Hearing>, now: Timestamp) {
        self.under_way = self.under_way.saturating_sub(1);
        if place.class != Class::Interactive {
            self.others_under_way = self.others_under_way.saturating_sub(1);
        }
        if hearing.is_some() {
            let held = now.since(place.since);
            let mean = self.held.map_or(held, |mean| (mean.saturating_mul(7) + held) / 8);
            self.held = Some(mean);
        }
        let Some(lane) = self.lanes.get_mut(place.credential) else { return };
        lane.under_way = lane.under_way.saturating_sub(1);
        match hearing {
            Some(hearing) => lane.budget.heard(place.spent, hearing, now),
            None => lane.budget.lost(place.spent),
        }
        self.lanes.reseat(place.credential, now);
    }

    /// One more was sent for a credential than was let through.
    pub fn charge(&mut self, credential: Tag, now: Timestamp) {
        if let Some(total) = &mut self.total {
            total.take(now);
        }
        if let Some(lane) = self.lanes.get_mut(credential) {
            lane.budget.charge(now);
            self.lanes.reseat(credential, now);
        }
    }

    /// What a credential is paced at, in requests a second.
    pub fn rate(&self, credential: Tag) -> Option<f64> {
        self.lanes.get(credential)?.budget.rate()
    }

    /// How many credentials are paced, and the slowest of their rates in requests a second.
    pub fn paced(&self) -> (usize, Option<f64>) {
        self.lanes.paced()
    }

    /// Goes by other terms from now on. What was learnt of each credential stays, unless theirs
    /// have changed.
    pub fn go_by(&mut self, terms: Terms, now: Timestamp) {
        if terms.total_rate != self.terms.total_rate
            || terms.budget.burst != self.terms.budget.burst
        {
            let (burst, before) = (terms.budget.burst, self.total.take());
            self.total = terms.total_rate.map(|rate| match before {
                // What has gone counts: no reload is worth a burst.
                Some(mut total) => {
                    total.refit(rate, burst, now);
                    total
                }
                None => Bucket::new(rate, burst, now),
            });
        }
        if terms.budget != self.terms.budget {
            self.lanes.go_by(terms.budget, now);
        }
        self.terms = terms;
    }

    /// How long the holder of a ticket will wait as one of `class`; `None` if it does not wait.
    /// Where the budget of all together is short, or places are, others count as if nothing else
    /// held them up.
    pub fn outlook(&self, ticket: Ticket, class: Class, now: Timestamp) -> Option<Outlook> {
        let (credential, own) = *self.waiting.get(&ticket)?;
        let class = class.min(own);
        let lane = self.lanes.get(credential)?;
        let ahead = lane.ahead(ticket, class);
        let own = lane.budget.ready_at(ahead, now);
        let others = || self.lanes.ahead(credential, class, ahead);
        let budget = match &self.total {
            Some(total) => own.max(total.ready_from(others(), now)),
            None => own,
        };
        let places = now.after(self.wait_for_a_place(class, others));
        let short_of_places = places >= budget.max(now) && !self.has_place(class);
        let cause = if short_of_places { Cause::Places } else { Cause::Budget };
        Some(Outlook { wait: places.max(budget).since(now), cause })
    }

    fn wait_for_a_place(&self, class: Class, others: impl FnOnce() -> u64) -> Duration {
        if self.has_place(class) {
            return Duration::ZERO;
        }
        let places = u32::try_from(self.places_of(class).max(1)).unwrap_or(u32::MAX);
        let ahead = u32::try_from(others().saturating_add(1)).unwrap_or(u32::MAX);
        // Nothing is known before the first has given its place back.
        self.held.unwrap_or_default().saturating_mul(ahead) / places
    }

    fn choose(&self) -> Option<(Class, Tag)> {
        let places = self.has_place(Class::Batch);
        let first = |class| self.lanes.seats().first(class).map(|credential| (class, credential));
        let batch = first(Class::Batch).filter(|_| places);
        let due = batch.filter(|_| self.streak + 1 >= SHARE);
        let background = || first(Class::Background).filter(|_| places);
        due.or_else(|| first(Class::Interactive)).or(batch).or_else(background)
    }

    /// How many places a class may have.
    fn places_of(&self, class: Class) -> usize {
        let kept = if class == Class::Interactive { 0 } else { self.terms.places / 4 };
        self.terms.places - kept
    }

    fn has_place(&self, class: Class) -> bool {
        let left = self.under_way < self.terms.places;
        left && (class == Class::Interactive || self.others_under_way < self.places_of(class))
    }

    fn total_ready_at(&self, ahead: u64) -> Timestamp {
        self.total.as_ref().map(|total| total.ready_at(ahead)).unwrap_or_default()
    }

    fn send(
        &mut self,
        ticket: Ticket,
        credential: Tag,
        class: Class,
        waited: bool,
        now: Timestamp,
    ) -> Place {
        self.under_way += 1;
        if class != Class::Interactive {
            self.others_under_way += 1;
        }
        if let Some(total) = &mut self.total {
            total.take(now);
        }
        let lane = self.lanes.of(credential, now);
        lane.under_way += 1;
        let spent = lane.budget.spend(waited, now);
        Place { ticket, credential, class, spent, since: now }
    }
}
