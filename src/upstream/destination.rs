//! Where the upstream is, and how it is reached.

use crate::upstream::request::Base;
use crate::upstream::sender::Sender;
use std::sync::Arc;

/// An upstream. A reload may put another one in its place; what is under way stays with its own.
pub struct Destination {
    /// Its URL, as requests are made from it.
    pub base: Base,
    /// What carries requests there.
    pub sender: Arc<dyn Sender>,
}
