//! A read of a resource, as far as decisions need to know it.

use crate::fields::cache_control::RequestDirectives;
use crate::policy::key::Credential;
use crate::policy::key::Key;

/// What is asked, by whom, and how.
#[derive(Clone, Copy)]
pub struct Inquiry<'a> {
    /// The id asked for, as it stands in the path.
    pub id: &'a str,
    /// Names the stored response that would answer.
    pub key: Key,
    /// Whose stored responses may answer.
    pub credential: Credential,
    /// What the client says about stored responses; nothing if it is not listened to.
    pub directives: RequestDirectives,
}
