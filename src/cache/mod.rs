//! Floor 6: the conductor. Look up, plan, forward, admit, answer.

pub mod answer;
pub mod collapse;
pub mod apart;
pub mod courtesy;
pub mod regime;
pub mod errand;
pub mod arrival;
pub mod state;
pub mod entered;
pub mod landing;
pub mod wait;
pub mod way;
pub mod trip;
pub mod question;
pub mod course;
pub mod forward;
pub mod proof;
pub mod exchange;
pub mod wake;
pub mod passage;
