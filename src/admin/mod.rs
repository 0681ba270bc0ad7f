//! Floor 7: the operators' port. What it shows and takes is never reachable from the gateway's own.

pub mod token;
pub mod desk;
pub mod word;
pub mod sheet;
pub mod exposition;
pub mod classic;
pub mod stats;
pub mod purge;
pub mod page;
pub mod router;
pub mod port;
