//! How connections are kept.

use crate::serve::patience::Limits;

/// What holds for a connection from its beginning to its end. A reload puts another in its place, for
/// those that come after it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Terms {
    /// How long its client is waited for.
    pub limits: Limits,
    /// `listen.max_header_bytes`.
    pub max_header_bytes: usize,
}
