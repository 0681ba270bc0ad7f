//! A read of a resource, as far as decisions need to know it.

use crate::api::route::Resource;
use crate::fields::cache_control::RequestDirectives;
use crate::policy::key::Credential;
use crate::policy::key::Key;
use crate::policy::privacy::Privacy;

/// What is asked, by whom, and how.
#[derive(Clone, Copy)]
pub struct Inquiry<'a> {
    /// The resource.
    pub resource: &'a Resource,
    /// The id asked for, as it stands in the path.
    pub id: &'a str,
    /// Names the stored responses that would answer.
    pub key: Key,
    /// Whose stored responses may answer.
    pub credential: Credential,
    /// Whether that is somebody.
    pub privacy: Privacy,
    /// A HEAD: the answer's body is not wanted.
    pub head: bool,
    /// What the client says about stored responses; nothing if it is not listened to.
    pub directives: RequestDirectives,
}
