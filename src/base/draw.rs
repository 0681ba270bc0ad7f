//! Chance as an argument: a decision that wants some is handed the number, never the dice.

use crate::base::secret::Secret;
use std::sync::Mutex;
use std::sync::PoisonError;

/// A source of chance for jitter. Not for secrets: those come from [`fresh_secret`].
#[derive(Debug)]
pub struct Draw(Mutex<fastrand::Rng>);

impl Draw {
    /// The same numbers for the same seed.
    pub fn seeded(seed: u64) -> Self {
        Self(Mutex::new(fastrand::Rng::with_seed(seed)))
    }

    /// Numbers nobody foresees.
    pub fn unforeseen() -> Self {
        Self(Mutex::new(fastrand::Rng::new()))
    }

    /// A number from 0 up to, but not including, 1.
    pub fn fraction(&self) -> f64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).f64()
    }
}

/// 256 bits from the operating system.
///
/// # Errors
/// When the operating system has none to give.
pub fn fresh_secret() -> Result<Secret<[u8; 32]>, getrandom::Error> {
    let mut secret = Secret::new([0; 32]);
    getrandom::fill(secret.expose_mut())?;
    Ok(secret)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_draws_the_same_numbers() {
        let (one, other) = (Draw::seeded(7), Draw::seeded(7));
        for _ in 0..100 {
            let drawn = one.fraction();
            assert!((0.0..1.0).contains(&drawn));
            assert!((drawn - other.fraction()).abs() < f64::EPSILON);
        }
    }

    #[test]
    fn two_secrets_differ() {
        let (one, other) = (fresh_secret().ok().unwrap(), fresh_secret().ok().unwrap());
        assert!(one.expose() != other.expose());
        assert!(*one.expose() != [0; 32]);
    }
}
