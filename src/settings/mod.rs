//! Floor 7: the settings: compiled defaults, files, environment and flags, read into plain data.
//! Only `app` knows them; everybody else is handed what they mean.

pub mod model;
pub mod mistakes;
pub mod keys;
pub mod address;
pub mod url;
pub mod token;
pub mod values;
pub mod quantities;
pub mod tree;
pub mod document;
pub mod environment;
pub mod sources;
pub mod section;
pub mod resources;
pub mod sections;
pub mod literal;
pub mod contradictions;
pub mod proxy;
pub mod load;
pub mod differences;
pub mod changes;
