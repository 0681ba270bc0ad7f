//! Floor 3: every decision. Pure functions of facts and `now` that return enums with their reason.

pub mod order;
pub mod privacy;
pub mod variant;
pub mod key;
pub mod freshness;
pub mod lease;
pub mod class;
pub mod bucket;
pub mod pace;
pub mod budget;
pub mod seats;
pub mod lane;
pub mod lanes;
pub mod line;
pub mod breaker;
pub mod wish;
pub mod rules;
pub mod inquiry;
pub mod reuse;
pub mod portion;
pub mod storable;
pub mod admit;
pub mod freshen;
pub mod retry;
pub mod churn;
pub mod shed;
