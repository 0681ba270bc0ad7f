//! Floor 1: the grammar of HTTP fields. Pure: text in, meaning out.

pub mod token;
pub mod cache_control;
pub mod vary;
pub mod cache_status;
pub mod proxy_status;
pub mod date;
pub mod retry_after;
pub mod quota;
pub mod priority;
pub mod prefer;
pub mod server_timing;
pub mod traceparent;
pub mod validators;
pub mod conditions;
pub mod validation;
pub mod range;
pub mod method;
pub mod host;
pub mod target;
pub mod framing;
pub mod hop_by_hop;
pub mod request_fields;
pub mod media_type;
pub mod path;
pub mod location;
