//! Floor 6: the conductor. Look up, plan, forward, admit, answer.

pub mod answer;
pub mod collapse;
pub mod long;
pub mod errand;
pub mod landing;
pub mod exchange;
pub mod wake;
pub mod passage;
