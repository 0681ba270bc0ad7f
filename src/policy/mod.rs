//! Floor 3: every decision. Pure functions of facts and `now` that return enums with their reason.

pub mod order;
pub mod key;
pub mod freshness;
pub mod rules;
pub mod inquiry;
pub mod storable;
pub mod reuse;
pub mod admit;
pub mod retry;
