//! The line in front of the upstream, played on paper: what happens to it, and beside it what it has
//! to be.

use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::time::Duration;
use verifik_gateway::base::secret::Secret;
use verifik_gateway::base::time::Timestamp;
use verifik_gateway::fields::quota::Quota;
use verifik_gateway::policy::budget;
use verifik_gateway::policy::budget::Hearing;
use verifik_gateway::policy::budget::Rate;
use verifik_gateway::policy::budget::Told;
use verifik_gateway::policy::class::Class;
use verifik_gateway::policy::key::KeySecret;
use verifik_gateway::policy::key::Tag;
use verifik_gateway::policy::lane::Ticket;
use verifik_gateway::policy::line::Line;
use verifik_gateway::policy::line::Place;
use verifik_gateway::policy::line::Terms;

pub const CLASSES: [Class; 3] = [Class::Interactive, Class::Batch, Class::Background];

/// One of a few credentials.
pub fn credential(number: usize) -> Tag {
    KeySecret::new(Secret::new([7; 32])).credential(format!("Bearer {number}").as_bytes()).tag()
}

/// What happens to the line.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    /// Someone asks: a credential and a class, by their numbers.
    Asks(usize, usize),
    /// One of those who wait counts as of a class.
    Raises(usize, usize),
    /// One of those who wait leaves.
    Leaves(usize),
    /// One of those under way is answered.
    Answered(usize, Hearing),
    /// One of those under way is called one too many, and comes back with its ticket.
    ComesBack(usize),
    /// One of those under way is never answered.
    Lost(usize),
    /// One more is sent for a credential.
    Charged(usize),
    /// Milliseconds pass.
    Passes(u64),
}

pub fn hearing(told: Told) -> Hearing {
    Hearing { told, retry_after: None, quota: None }
}

fn hearings() -> impl Strategy<Value = Hearing> {
    let pause = (0_u64..100).prop_map(Duration::from_secs);
    let quota = (0_u64..9, 0_u64..90)
        .prop_map(|(remaining, secs)| Quota { remaining, resets_in: Duration::from_secs(secs) });
    let told =
        prop_oneof![6 => Just(Told::Accepted), 1 => Just(Told::Troubled), 1 => Just(Told::Limited)];
    let (pause, quota) = (prop::option::weighted(0.1, pause), prop::option::weighted(0.1, quota));
    (told, pause, quota).prop_map(|(told, retry_after, quota)| Hearing { told, retry_after, quota })
}

pub fn histories() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        10 => (0_usize..4, 0_usize..3).prop_map(|(who, class)| Step::Asks(who, class)),
        2 => (0_usize..40, 0_usize..3).prop_map(|(which, class)| Step::Raises(which, class)),
        2 => (0_usize..40).prop_map(Step::Leaves),
        8 => (0_usize..9, hearings()).prop_map(|(which, heard)| Step::Answered(which, heard)),
        1 => (0_usize..9).prop_map(Step::ComesBack),
        1 => (0_usize..9).prop_map(Step::Lost),
        1 => (0_usize..4).prop_map(Step::Charged),
        6 => prop_oneof![4 => 0_u64..400, 1 => 0_u64..20_000].prop_map(Step::Passes),
    ];
    vec(step, 0..300)
}

pub fn terms() -> impl Strategy<Value = Terms> {
    let rate = prop_oneof![
        Just(Rate::Off),
        Just(Rate::Learn),
        (0.1..200.0_f64).prop_map(Rate::PerSecond),
    ];
    let total = prop::option::of(0.5..300.0_f64);
    (rate, 1_u32..30, total, 1_usize..9, 0_usize..60).prop_map(
        |(rate, burst, total_rate, places, max_waiting)| Terms {
            budget: budget::Terms { rate, burst },
            total_rate,
            places,
            max_waiting,
        },
    )
}

/// A line, and what it has to be.
pub struct Play {
    terms: Terms,
    pub line: Line,
    now: Timestamp,
    pub waiting: BTreeMap<Ticket, (usize, Class)>,
    pub under_way: Vec<(usize, Place)>,
    /// Who was sent, and when.
    sent: Vec<(usize, Timestamp)>,
}

impl Play {
    pub fn new(terms: Terms) -> Self {
        let now = Timestamp::from_secs(1_000);
        let (waiting, under_way, sent) = (BTreeMap::new(), Vec::new(), Vec::new());
        Self { terms, line: Line::new(terms, now), now, waiting, under_way, sent }
    }

    pub fn step(&mut self, step: Step) {
        match step {
            Step::Asks(who, class) => self.asks(who, CLASSES[class]),
            Step::Raises(which, class) => {
                if let Some(ticket) = self.one_waiting(which) {
                    let before = self.waiting.get_mut(&ticket).unwrap();
                    before.1 = before.1.min(CLASSES[class]);
                    self.line.raise(ticket, CLASSES[class], self.now);
                }
            }
            Step::Leaves(which) => {
                if let Some(ticket) = self.one_waiting(which) {
                    self.waiting.remove(&ticket);
                    // Who leaves twice has left.
                    self.line.leave(ticket, self.now);
                    self.line.leave(ticket, self.now);
                }
            }
            Step::Answered(which, heard) => drop(self.gives_back(which, Some(heard))),
            Step::Lost(which) => drop(self.gives_back(which, None)),
            Step::ComesBack(which) => {
                if let Some((who, place)) = self.gives_back(which, Some(hearing(Told::Limited))) {
                    let (ticket, class) = (place.ticket, place.class);
                    assert!(self.line.enter(ticket, place.credential, class, true, self.now));
                    assert!(self.waiting.insert(ticket, (who, class)).is_none());
                }
            }
            Step::Charged(who) => self.line.charge(credential(who), self.now),
            Step::Passes(millis) => self.now = self.now.after(Duration::from_millis(millis)),
        }
        self.send();
    }

    fn one_waiting(&self, which: usize) -> Option<Ticket> {
        self.waiting.keys().nth(which).copied()
    }

    fn asks(&mut self, who: usize, class: Class) {
        if let Some(place) = self.line.pass(credential(who), class, self.now) {
            let alike = self.waiting.values().any(|waits| waits.0 == who && waits.1 <= class);
            assert!(!alike, "somebody with the same credential was there before");
            return self.goes(who, place);
        }
        let ticket = self.line.ticket();
        let kept = if class == Class::Interactive { 0 } else { self.terms.max_waiting / 4 };
        let is_full = self.waiting.len() >= self.terms.max_waiting - kept;
        let enters = self.line.enter(ticket, credential(who), class, false, self.now);
        assert_eq!(enters, !is_full);
        if enters {
            assert!(self.waiting.insert(ticket, (who, class)).is_none(), "a place given out twice");
        }
    }

    fn gives_back(&mut self, which: usize, heard: Option<Hearing>) -> Option<(usize, Place)> {
        let gone = (which < self.under_way.len()).then(|| self.under_way.swap_remove(which))?;
        self.line.give_back(gone.1, heard.as_ref(), self.now);
        Some(gone)
    }

    /// Sends all who may go, and compares.
    pub fn send(&mut self) {
        while let Some(place) = self.line.next(self.now) {
            let (who, class) = self.waiting.remove(&place.ticket).expect("it stood in line");
            assert_eq!((credential(who), class), (place.credential, place.class));
            let before = self.waiting.range(..place.ticket);
            let mut alike = before.filter(|(_, waits)| **waits == (who, class));
            assert_eq!(alike.next(), None, "{place:?} goes before it");
            self.goes(who, place);
        }
        assert_eq!(self.line.waiting(), self.waiting.len());
        assert_eq!(self.line.under_way(), self.under_way.len());
        assert!(self.under_way.len() <= self.terms.places);
        let others = self.under_way.iter().filter(|(_, place)| place.class != Class::Interactive);
        let kept = self.terms.places / 4;
        assert!(others.count() <= self.terms.places - kept, "the interactive places are kept");
        if let Some(at) = self.line.wake_at(self.now) {
            assert!(at > self.now, "nobody who may go is left");
        }
    }

    fn goes(&mut self, who: usize, place: Place) {
        self.under_way.push((who, place));
        self.sent.push((who, self.now));
    }

    /// Answers and lets time pass until nobody waits.
    pub fn end(&mut self) {
        for _ in 0..10_000 {
            while !self.under_way.is_empty() {
                self.step(Step::Answered(0, hearing(Told::Accepted)));
            }
            if self.waiting.is_empty() {
                return;
            }
            self.now =
                self.line.wake_at(self.now).expect("somebody waits, and nobody is under way");
            self.send();
        }
        panic!("somebody waits for ever: {:?}", self.waiting);
    }

    /// Whether those who were sent, of all or of one, kept to a rate.
    pub fn kept_to(&self, rate: f64, of: Option<usize>) -> Result<(), TestCaseError> {
        let times = self.sent.iter().filter(|(who, _)| of.is_none_or(|one| one == *who));
        let times: Vec<_> = times.map(|(_, at)| *at).collect();
        for (first, from) in times.iter().enumerate() {
            for (last, to) in times.iter().enumerate().skip(first) {
                let most =
                    f64::from(self.terms.budget.burst) + rate * to.since(*from).as_secs_f64();
                let count = u32::try_from(last - first + 1).unwrap();
                prop_assert!(f64::from(count) <= most + 1e-6, "{of:?}: {count} > {most}");
            }
        }
        Ok(())
    }
}

pub fn unpaced(places: usize) -> Terms {
    let budget = budget::Terms { rate: Rate::Off, burst: 1 };
    Terms { budget, total_rate: None, places, max_waiting: 1_000 }
}

impl Play {
    /// Someone stands in line, even if it could go at once.
    pub fn stands(&mut self, who: usize, class: Class) {
        let ticket = self.line.ticket();
        assert!(self.line.enter(ticket, credential(who), class, false, self.now));
        self.waiting.insert(ticket, (who, class));
    }

    /// So many turns; whoever goes is followed by one of the same kind.
    pub fn turns(&mut self, count: usize) -> Vec<(usize, Class)> {
        let turns = (0..count).map(|_| {
            let (who, class) = self.turn();
            self.stands(who, class);
            (who, class)
        });
        turns.collect()
    }

    /// One goes and is answered.
    fn turn(&mut self) -> (usize, Class) {
        let place = self.line.next(self.now).expect("somebody may go");
        self.line.give_back(place, Some(&hearing(Told::Accepted)), self.now);
        self.waiting.remove(&place.ticket).expect("it stood in line")
    }
}
