//! All credentials for which somebody waits or has waited, and where each stands.

use crate::base::time::Timestamp;
use crate::policy::budget::Budget;
use crate::policy::budget::Terms;
use crate::policy::class::Class;
use crate::policy::key::Tag;
use crate::policy::lane::Lane;
use crate::policy::seats::Seats;
use std::collections::HashMap;

/// The lanes of all credentials. Bounded: who has used nothing for long is forgotten.
#[derive(Debug)]
pub struct Lanes {
    terms: Terms,
    known: HashMap<Tag, Lane>,
    seats: Seats,
}

/// About 4 MiB of credentials, unless more wait or are under way.
const AT_MOST: usize = 16_384;

impl Lanes {
    /// None yet; each is to have a budget on these terms.
    pub fn new(terms: Terms) -> Self {
        Self { terms, known: HashMap::new(), seats: Seats::default() }
    }

    /// Where they stand.
    pub const fn seats(&self) -> &Seats {
        &self.seats
    }

    /// That of a credential, if something is known of it.
    pub fn get(&self, credential: Tag) -> Option<&Lane> {
        self.known.get(&credential)
    }

    /// The same, to be changed; [`Self::reseat`] then puts it where it belongs.
    pub fn get_mut(&mut self, credential: Tag) -> Option<&mut Lane> {
        self.known.get_mut(&credential)
    }

    /// That of a credential, made if need be.
    pub fn of(&mut self, credential: Tag, now: Timestamp) -> &mut Lane {
        if self.known.len() >= AT_MOST && !self.known.contains_key(&credential) {
            self.forget(now);
        }
        let terms = self.terms;
        self.known.entry(credential).or_insert_with(|| Lane::new(Budget::new(terms, now)))
    }

    /// How many credentials are paced, and the slowest of their rates in requests a second.
    pub fn paced(&self) -> (usize, Option<f64>) {
        let rates = self.known.values().filter_map(|lane| lane.budget.rate());
        rates.fold((0, None), |(count, slowest), rate| {
            (count + 1, Some(slowest.map_or(rate, |slowest: f64| slowest.min(rate))))
        })
    }

    /// Goes by other terms from now on.
    pub fn go_by(&mut self, terms: Terms, now: Timestamp) {
        self.terms = terms;
        let all: Vec<_> = self.known.keys().copied().collect();
        for credential in all {
            if let Some(lane) = self.known.get_mut(&credential) {
                lane.budget.go_by(terms, now);
            }
            self.reseat(credential, now);
        }
    }

    /// Puts a credential where it belongs now.
    pub fn reseat(&mut self, credential: Tag, now: Timestamp) {
        if let Some(lane) = self.known.get_mut(&credential) {
            self.seats.leave(credential, lane.seat);
            lane.seat = lane.belongs(now);
            lane.paced |= lane.seat.later.is_some();
            self.seats.take(credential, lane.seat);
        }
    }

    /// Those whose budget has made them wait for long enough are ready.
    pub fn wake(&mut self, now: Timestamp) {
        while let Some(credential) = self.seats.due(now) {
            self.reseat(credential, now);
        }
    }

    /// How many of all go before someone of `class` of `credential` who has `ahead` others of its
    /// own before it, as if nothing but their turns held them up.
    pub fn ahead(&self, credential: Tag, class: Class, ahead: u64) -> u64 {
        let others = self.seats.all().filter(|tag| *tag != credential);
        let others = others.filter_map(|tag| self.known.get(&tag));
        let others = others.map(|lane| lane.ahead_of_another(class, ahead));
        others.fold(ahead, u64::saturating_add)
    }

    /// Forgets what costs nothing to forget, and if that is not half of all, first those that are not
    /// paced, so that who makes up credentials displaces no pace that was learnt; of these and those
    /// the ones used longest ago.
    fn forget(&mut self, now: Timestamp) {
        self.known.retain(|_, lane| !lane.can_be_forgotten(now));
        let surplus = self.known.len().saturating_sub(AT_MOST / 2);
        if surplus > 0 {
            let unused = self.known.iter().filter(|(_, lane)| lane.is_unused());
            let worth = |lane: &Lane| (lane.budget.rate().is_some(), lane.budget.last_used());
            let mut unused: Vec<_> = unused.map(|(tag, lane)| (worth(lane), *tag)).collect();
            unused.sort_unstable();
            for (_, tag) in unused.iter().take(surplus) {
                self.known.remove(tag);
            }
        }
    }
}
