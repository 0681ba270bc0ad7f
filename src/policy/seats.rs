//! The credentials for which somebody waits: those that could send, and those whose budget makes
//! them wait.

use crate::base::time::Timestamp;
use crate::policy::class::Class;
use crate::policy::key::Tag;
use std::collections::BTreeSet;

/// Where the credentials stand.
#[derive(Debug, Default)]
pub struct Seats {
    /// Who could send for somebody of the class, who has been sent least first.
    interactive: BTreeSet<(u64, Tag)>,
    batch: BTreeSet<(u64, Tag)>,
    background: BTreeSet<(u64, Tag)>,
    /// Who has to wait, until when.
    later: BTreeSet<(Timestamp, Tag)>,
}

/// Where one credential stands.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seat {
    /// Its turn: who has been sent less has the lesser one.
    pub turn: u64,
    /// The classes that it could send for now.
    pub offers: Offers,
    /// Until when its budget makes it wait.
    pub later: Option<Timestamp>,
}

/// The classes that a credential could send for.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Offers {
    /// [`Class::Interactive`].
    pub interactive: bool,
    /// [`Class::Batch`].
    pub batch: bool,
    /// [`Class::Background`].
    pub background: bool,
}

impl Seats {
    /// A credential takes a seat.
    pub fn take(&mut self, credential: Tag, seat: Seat) {
        for class in seat.offers.classes() {
            self.of_mut(class).insert((seat.turn, credential));
        }
        if let Some(until) = seat.later {
            self.later.insert((until, credential));
        }
    }

    /// A credential leaves its seat.
    pub fn leave(&mut self, credential: Tag, seat: Seat) {
        for class in seat.offers.classes() {
            self.of_mut(class).remove(&(seat.turn, credential));
        }
        if let Some(until) = seat.later {
            self.later.remove(&(until, credential));
        }
    }

    /// Who is to send next for somebody of a class.
    pub fn first(&self, class: Class) -> Option<Tag> {
        let of_class = match class {
            Class::Interactive => &self.interactive,
            Class::Batch => &self.batch,
            Class::Background => &self.background,
        };
        of_class.first().map(|(_, credential)| *credential)
    }

    /// One who has waited for long enough.
    pub fn due(&self, now: Timestamp) -> Option<Tag> {
        self.later.first().filter(|(until, _)| *until <= now).map(|(_, credential)| *credential)
    }

    /// When the next will have waited for long enough.
    pub fn next_due(&self) -> Option<Timestamp> {
        self.later.first().map(|(until, _)| *until)
    }

    /// Whether somebody could send now.
    pub fn is_anyone_ready(&self) -> bool {
        !(self.interactive.is_empty() && self.batch.is_empty() && self.background.is_empty())
    }

    /// All for whom somebody waits.
    pub fn all(&self) -> impl Iterator<Item = Tag> {
        // One that offers to send for two classes is there twice.
        let batch = self.batch.iter().filter(|seat| !self.interactive.contains(seat));
        let ready = self.interactive.iter().chain(batch).chain(&self.background);
        let ready = ready.map(|(_, credential)| *credential);
        ready.chain(self.later.iter().map(|(_, credential)| *credential))
    }

    const fn of_mut(&mut self, class: Class) -> &mut BTreeSet<(u64, Tag)> {
        match class {
            Class::Interactive => &mut self.interactive,
            Class::Batch => &mut self.batch,
            Class::Background => &mut self.background,
        }
    }
}

impl Offers {
    fn classes(self) -> impl Iterator<Item = Class> {
        let all = [
            (self.interactive, Class::Interactive),
            (self.batch, Class::Batch),
            (self.background, Class::Background),
        ];
        all.into_iter().filter(|(offered, _)| *offered).map(|(_, class)| class)
    }
}
