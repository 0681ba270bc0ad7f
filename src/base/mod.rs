//! Floor 0: what every other floor stands on. Time, secrets, chance, room, files.

pub mod time;
pub mod secret;
pub mod draw;
pub mod room;
pub mod bounded;
