//! How fast the upstream may be asked: for one credential, or for all of them together.
//!
//! Four things say when the next request may go, and the latest of them counts: the rate of the
//! settings, the pace learnt from refusals, a pause that the upstream asked for, and a quota that it
//! told. A request that is let through carries [`Spent`] until its answer is heard.

use crate::base::time::Timestamp;
use crate::fields::quota::Quota;
use crate::policy::bucket::Bucket;
use crate::policy::pace::Lately;
use crate::policy::pace::Pace;
use std::time::Duration;

/// The longest that an upstream may have us pause.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);
/// What is not used for so long is forgotten: the limits may be others by then.
const MEMORY: Duration = Duration::from_mins(10);
/// The longest that an answer is taken to have been on its way.
const LONGEST_ANSWER: Duration = Duration::from_secs(2);
/// How late a timer may be without making the learnt pace slower.
const LATENESS: Duration = Duration::from_millis(5);

/// The rate of the settings.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rate {
    /// Unpaced until the first 429, then at the pace learnt from what is accepted.
    Learn,
    /// Never paced: neither pause nor quota is obeyed.
    Off,
    /// Requests a second. Refused all the same, it gives way like a learnt one and grows back.
    PerSecond(f64),
}

/// What the settings say about a budget.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Terms {
    /// How fast requests may go.
    pub rate: Rate,
    /// How many may go at once after a rest, where the rate is given.
    pub burst: u32,
}

/// What a request that was let through carries until its answer is heard.
#[derive(Clone, Copy, Debug)]
pub struct Spent {
    /// How many went until it did, itself among them.
    turn: u64,
    at: Timestamp,
    /// The pace at which it went, in requests a second; `None` for unpaced.
    rate: Option<f64>,
    /// Whether it had to wait for the budget.
    waited: bool,
}

/// What an answer says about the rate.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Told {
    /// It was within the limit.
    Accepted,
    /// A 5xx, or no answer: nothing.
    Troubled,
    /// A 429: it was beyond the limit.
    Limited,
}

/// What was heard of a request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hearing {
    /// What the answer says about the rate.
    pub told: Told,
    /// `Retry-After` of a 429 or a 503, and of no other.
    pub retry_after: Option<Duration>,
    /// What the upstream says is left of a quota.
    pub quota: Option<Quota>,
}

/// How fast the upstream may be asked, and what it has said about that.
#[derive(Clone, Debug)]
pub struct Budget {
    terms: Terms,
    /// `None`: unpaced.
    paced: Option<Paced>,
    /// What was accepted while unpaced.
    lately: Lately,
    /// Nothing goes before.
    pause: Timestamp,
    ration: Ration,
    cut: Cut,
    /// How many have gone.
    turns: u64,
    /// Gone and not yet heard of.
    under_way: u64,
    last_used: Timestamp,
}

#[derive(Clone, Debug)]
struct Paced {
    pace: Pace,
    bucket: Bucket,
}

/// Which requests were sent too early to be a reason for another cut of the pace.
#[derive(Clone, Copy, Debug, Default)]
struct Cut {
    /// How many had gone.
    turns: u64,
    /// When the upstream has surely noticed, though requests overtake one another on their way.
    noticed_at: Timestamp,
}

/// What may still go of a quota.
#[derive(Clone, Copy, Debug, Default)]
struct Ration {
    left: u64,
    /// When the quota is whole again.
    until: Timestamp,
    /// The turn of the request whose answer told it.
    turn: u64,
}

impl Budget {
    /// Of which nothing is spent.
    pub fn new(terms: Terms, now: Timestamp) -> Self {
        Self {
            terms,
            paced: Paced::given(terms, now),
            lately: Lately::default(),
            pause: Timestamp::default(),
            ration: Ration::default(),
            cut: Cut::default(),
            turns: 0,
            under_way: 0,
            last_used: now,
        }
    }

    /// When the request with `ahead` others before it may go: now if that is not after `now`.
    ///
    /// It is exact as long as the rate stays and each goes as soon as it may.
    pub fn ready_at(&self, ahead: u64, now: Timestamp) -> Timestamp {
        let from = now.max(self.pause);
        let afresh = self.is_outdated(now).then(|| Paced::given(self.terms, now));
        let paced = afresh.as_ref().unwrap_or(&self.paced).as_ref();
        let ready = |ahead, from| match paced {
            Some(paced) => paced.bucket.ready_from(ahead, from),
            None => from,
        };
        let Ration { left, until, .. } = self.ration;
        if until <= from || ahead < left {
            return ready(ahead, from);
        }
        // Those within the quota may go before it is whole again, as fast as they are paced.
        ready(ahead, from).max(ready(ahead - left, until))
    }

    /// One is let through. `waited`: it would have gone before, but for this budget.
    pub fn spend(&mut self, waited: bool, now: Timestamp) -> Spent {
        if self.is_outdated(now) {
            self.paced = Paced::given(self.terms, now);
            self.cut = Cut { turns: self.turns, noticed_at: now };
        }
        let rate = self.rate();
        self.charge(now);
        self.under_way += 1;
        Spent { turn: self.turns, at: now, rate, waited }
    }

    /// One more was sent without asking: those who come after it pay.
    pub fn charge(&mut self, now: Timestamp) {
        if let Some(paced) = &mut self.paced {
            paced.bucket.take(now);
        }
        self.ration.left = self.ration.left.saturating_sub(1);
        self.turns += 1;
        self.last_used = now;
    }

    /// What was heard of one that was let through.
    pub fn heard(&mut self, spent: Spent, hearing: &Hearing, now: Timestamp) {
        self.under_way = self.under_way.saturating_sub(1);
        self.last_used = now;
        if self.terms.rate == Rate::Off {
            return;
        }
        if let Some(pause) = hearing.retry_after {
            self.pause = self.pause.max(now.after(pause.min(LONGEST_PAUSE)));
        }
        if let Some(quota) = hearing.quota {
            self.ration_out(spent, quota, now);
        }
        match hearing.told {
            Told::Accepted => self.learn(spent, true, now),
            Told::Limited => self.learn(spent, false, now),
            Told::Troubled => {}
        }
    }

    /// It was never sent, or nothing will be heard of it.
    pub fn lost(&mut self, _: Spent) {
        self.under_way = self.under_way.saturating_sub(1);
    }

    /// Requests a second at which it paces now; `None` for unpaced.
    pub fn rate(&self) -> Option<f64> {
        self.paced.as_ref().map(|paced| paced.pace.rate())
    }

    /// Whether a new budget would do as well.
    pub fn can_be_forgotten(&self, now: Timestamp) -> bool {
        let is_owed = self.paced.as_ref().is_some_and(|paced| !paced.bucket.is_full(now));
        let is_held = now < self.pause || now < self.ration.until;
        let is_known = self.is_learnt() && !self.is_outdated(now);
        self.under_way == 0 && !is_owed && !is_held && !is_known && self.lately.is_empty(now)
    }

    /// When something was last sent or heard.
    pub fn last_used(&self) -> Timestamp {
        self.last_used
    }

    fn learn(&mut self, spent: Spent, accepted: bool, now: Timestamp) {
        let is_early = spent.turn <= self.cut.turns || spent.at < self.cut.noticed_at;
        match self.paced.as_mut().zip(spent.rate) {
            Some((paced, sent_at)) if is_early => paced.pace.overhear(sent_at, accepted),
            Some((paced, sent_at)) if accepted => paced.accept(sent_at, spent.waited),
            None if accepted => self.lately.count(now),
            None if is_early || self.terms.rate != Rate::Learn => {}
            Some((paced, sent_at)) => {
                paced.refuse(sent_at, now);
                self.cut = Cut::at(spent, self.turns, now);
            }
            None => {
                self.paced = Some(Paced::at(Pace::found(self.lately.rate(now)), now));
                self.cut = Cut::at(spent, self.turns, now);
            }
        }
    }

    /// Of two answers the one to the later request counts, whichever comes first. Those under way
    /// may not be counted in it yet.
    fn ration_out(&mut self, spent: Spent, quota: Quota, now: Timestamp) {
        if spent.turn > self.ration.turn {
            let left = quota.remaining.saturating_sub(self.under_way);
            let until = now.after(quota.resets_in.min(LONGEST_PAUSE));
            self.ration = Ration { left, until, turn: spent.turn };
        }
    }

    fn is_learnt(&self) -> bool {
        self.paced.as_ref().is_some_and(|paced| paced.pace.is_learnt())
    }

    /// Whether the pace was learnt too long ago.
    fn is_outdated(&self, now: Timestamp) -> bool {
        self.is_learnt() && now.since(self.last_used) >= MEMORY
    }
}

impl Cut {
    /// For a refusal that is heard now. Half as long as it took is what a request may be on its way.
    fn at(refused: Spent, turns: u64, now: Timestamp) -> Self {
        let took = now.since(refused.at).min(LONGEST_ANSWER);
        Self { turns, noticed_at: now.after(took / 2) }
    }
}

impl Paced {
    /// What the settings say.
    fn given(terms: Terms, now: Timestamp) -> Option<Self> {
        let Rate::PerSecond(rate) = terms.rate else {
            return None;
        };
        Some(Self { pace: Pace::given(rate), bucket: Bucket::new(rate, terms.burst, now) })
    }

    /// After a refusal: nothing is left of the upstream's burst.
    fn at(pace: Pace, now: Timestamp) -> Self {
        let bucket = Bucket::even(pace.rate(), LATENESS, now);
        Self { pace, bucket }
    }

    fn accept(&mut self, sent_at: f64, waited: bool) {
        self.pace.accept(sent_at, waited);
        if self.pace.is_learnt() {
            self.bucket.quicken(self.pace.rate());
        }
    }

    fn refuse(&mut self, sent_at: f64, now: Timestamp) {
        self.pace.refuse(sent_at);
        *self = Self::at(self.pace.clone(), now);
    }
}
