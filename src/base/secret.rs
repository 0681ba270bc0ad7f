//! A value that cannot be printed by accident.

/// Holds a secret. It has no `Debug` and no `Display`, so a type that contains one cannot derive
/// them either: what must not reach a log cannot be formatted.
#[derive(Clone, Eq, PartialEq)]
pub struct Secret<T>(T);

impl<T> Secret<T> {
    /// Takes the value in.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value, for the one line that needs it.
    pub const fn expose(&self) -> &T {
        &self.0
    }
}
