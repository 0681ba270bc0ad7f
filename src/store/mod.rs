//! Floor 5: what we remember: stored responses, and the marks that forbid their reuse.

pub mod response;
pub mod marks;
pub mod memory;
