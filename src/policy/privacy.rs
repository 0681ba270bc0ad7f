//! Whose stored response it is (design §1, principle 1).

/// As which kind of cache RFC 9111 section 1 sees us for one exchange.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Privacy {
    /// With a credential: what is stored answers that credential alone.
    Private,
    /// Without one, where the resource allows it: what is stored answers everyone without one.
    Shared,
}
