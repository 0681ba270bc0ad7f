//! How urgent a request for the upstream is (design §4, `[limit]`).

/// Who goes first where not everybody can go at once. The most urgent class comes first.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Class {
    /// Somebody waits for the answer.
    Interactive,
    /// A job waits for it.
    Batch,
    /// Nobody does: the answer keeps something stored fresh.
    Background,
}

impl Class {
    /// The class of a request with this urgency, 0 being the most urgent (RFC 9218 section 4.1). 3
    /// is the default; 5 to 7 are for what nobody looks at. No client can ask for
    /// [`Class::Background`], which yields to everybody else's requests.
    pub const fn of_urgency(urgency: u8) -> Self {
        match urgency {
            0..=4 => Self::Interactive,
            5.. => Self::Batch,
        }
    }

    /// Its name in metrics and log lines.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Interactive => "interactive",
            Self::Batch => "batch",
            Self::Background => "background",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_somebody_waits_for_is_most_urgent() {
        let order = [Class::Interactive, Class::Batch, Class::Background];
        assert!(order.is_sorted_by(|one, other| one < other));
    }

    #[test]
    fn urgencies_fall_into_two_classes() {
        let rows = [
            (0, Class::Interactive),
            (3, Class::Interactive),
            (4, Class::Interactive),
            (5, Class::Batch),
            (7, Class::Batch),
            (u8::MAX, Class::Batch),
        ];
        for (urgency, expected) in rows {
            assert_eq!(Class::of_urgency(urgency), expected, "u={urgency}");
        }
    }
}
