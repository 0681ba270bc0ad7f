//! What holds for an exchange: one snapshot, from its first decision to its last.

use crate::policy::rules::Rules;
use crate::upstream::destination::Destination;
use std::sync::Arc;

/// What the settings make of an exchange that begins now. A reload replaces it whole.
pub struct Regime {
    /// By what is decided.
    pub rules: Arc<Rules>,
    /// Whom to ask.
    pub destination: Arc<Destination>,
}
