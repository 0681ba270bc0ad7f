//! Floor 2: what this one API looks like and means. Pure: facts in, an enum out.
//!
//! [`route`] says what a path names. [`envelope`] reads the JSON that the API wraps everything in,
//! [`constant`] knows the words of its errors, and [`answer`] says what an answer means.
//! [`mod@write`] says which tickets a write may have changed, [`credential`] when a credential ends.

pub mod route;
pub mod listing;
pub mod envelope;
pub mod constant;
pub mod answer;
pub mod write;
pub mod credential;
