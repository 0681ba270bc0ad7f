//! Floor 4: what is seen from outside: counts and timings, the access line and the log.

pub mod accounts;
pub mod access;
pub mod repeated;
pub mod logging;
pub mod histogram;
pub mod counts;
pub mod connections;
pub mod metrics;
pub mod history;
pub mod process;
