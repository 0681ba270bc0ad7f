//! What the benches over loopback share: the work, the upstream, the load, the servers under test.

pub(crate) mod work;
pub(crate) mod upstream;
pub(crate) mod response;
pub(crate) mod load;
pub(crate) mod pinning;
pub(crate) mod server;
