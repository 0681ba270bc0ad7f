//! Floor 7: HTTP in. The gateway's port.

pub mod notice;
pub mod refusal;
pub mod message;
pub mod tickets;
pub mod explain;
pub mod batch_body;
pub mod batch_line;
pub mod batch;
pub mod reply;
pub mod gateway;
pub mod exchanges;
pub mod counted;
pub mod joined;
pub mod patience;
pub mod terms;
pub mod places;
pub mod crowd;
pub mod tls;
pub mod port;
pub mod listener;
