//! The one order in which forwards begin and marks are set (design §1, principle 4).
//!
//! Clock readings would not do: two events can share one, and a reading taken before a wait may
//! be used after it.

/// A place in the order. Later events have greater turns.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Turn(u64);

impl Turn {
    /// The `count`-th event.
    pub const fn new(count: u64) -> Self {
        Self(count)
    }

    /// The place just before this one: where the mark stands that an answer sets over what was
    /// asked for before it, so that the answer itself may be stored.
    #[must_use]
    pub const fn just_before(self) -> Self {
        Self(self.0.saturating_sub(1))
    }

    /// Whether an answer asked for at this turn may show the state from before `mark`.
    pub const fn is_covered_by(self, mark: Self) -> bool {
        self.0 <= mark.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_covered_by_later_marks_and_never_by_its_own() {
        let (earlier, asked, later) = (Turn::new(4), Turn::new(5), Turn::new(6));
        assert!(asked.is_covered_by(later));
        assert!(!asked.is_covered_by(earlier));
        assert!(!asked.is_covered_by(asked.just_before()));
        assert!(earlier.is_covered_by(asked.just_before()));
        assert_eq!(Turn::default().just_before(), Turn::default());
    }
}
