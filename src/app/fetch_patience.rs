//! How often a call that brought too little is followed by another, and after which pause.

use std::time::Duration;

/// Before the next call, after one that broke off or brought nothing: a minute in all, in which a
/// gateway can be started anew.
const PAUSES: [Duration; 8] = [
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
    Duration::from_secs(16),
    Duration::from_secs(30),
];

/// What is left of it.
#[derive(Debug, Default)]
pub struct Patience {
    /// Calls in a row that brought nothing.
    fruitless: usize,
}

impl Patience {
    /// A call that brought what it was for.
    pub fn restore(&mut self) {
        self.fruitless = 0;
    }

    /// The pause after a call that broke off or brought nothing; `None` when it is time to give up.
    /// `fruitful`: it brought something before it broke off.
    pub fn pause(&mut self, fruitful: bool) -> Option<Duration> {
        if fruitful {
            self.restore();
            return PAUSES.first().copied();
        }
        let pause = PAUSES.get(self.fruitless).copied();
        self.fruitless = self.fruitless.saturating_add(1);
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_ends_after_a_minute_of_nothing() {
        let mut patience = Patience::default();
        let pauses: Vec<_> = std::iter::from_fn(|| patience.pause(false)).collect();
        assert_eq!(pauses, PAUSES);
        let all: Duration = pauses.iter().sum();
        assert!(all >= Duration::from_mins(1), "{all:?}");
    }

    #[test]
    fn whatever_comes_restores_it() {
        let mut patience = Patience::default();
        for round in 0..100 {
            assert!(patience.pause(false).is_some(), "{round}");
            assert!(patience.pause(false).is_some(), "{round}");
            assert_eq!(patience.pause(true), Some(PAUSES[0]), "{round}");
        }
        for _ in 0..PAUSES.len() {
            patience.pause(false);
        }
        patience.restore();
        assert_eq!(patience.pause(false), Some(PAUSES[0]));
    }
}
