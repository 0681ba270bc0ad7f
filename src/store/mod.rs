//! Floor 5: what we remember: stored responses, the marks that forbid their reuse, and the leases of
//! the credentials they belong to.

pub mod marks;
pub mod leases;
pub mod response;
pub mod shelf;
pub mod memory;
