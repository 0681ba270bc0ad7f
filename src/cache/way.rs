//! On what account someone goes upstream, and how.

use crate::fields::cache_status::ForwardReason;
use crate::policy::key::Key;
use crate::policy::wish::Wish;

/// How an asker goes upstream.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Sharing {
    /// With whoever asks the same.
    Shared,
    /// With whoever asks the same and has not been sent yet.
    Anew,
    /// By itself.
    Alone,
}

/// On what account an asker goes upstream, and how.
#[derive(Clone, Copy)]
pub(crate) struct Way {
    /// Why.
    pub(crate) reason: ForwardReason,
    /// With whom.
    pub(crate) sharing: Sharing,
    /// What it has of what the answer is known to vary on.
    pub(crate) variant: Option<Key>,
    /// The same in a word of our own.
    pub(crate) detail: Option<&'static str>,
    /// How it waits for its turn.
    pub(crate) wish: Wish,
}
