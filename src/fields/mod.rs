//! Floor 1: the grammar of HTTP fields. Pure: text in, meaning out.

pub mod cache_control;
pub mod cache_status;
pub mod proxy_status;
pub mod date;
pub mod framing;
pub mod hop_by_hop;
pub mod media_type;
pub mod path;
