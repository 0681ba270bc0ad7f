//! Floor 4: what is seen from outside: the access line and the log.

pub mod accounts;
pub mod access;
pub mod repeated;
pub mod logging;
