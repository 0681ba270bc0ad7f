//! A whole gateway over in-memory pipes, in paused time: the house, the upstream behind it that
//! says what a test tells it to, and clients that see every byte.

pub mod search;
pub mod wire;
pub mod upstream;
pub mod client;
pub mod operator;
pub mod house;
pub mod things;
pub mod malformed;
pub mod crowd;
pub mod pages;
pub mod recall;
pub mod chance;
pub mod log;
pub mod faulty;
pub mod trouble;
pub mod limited;
pub mod call;
pub mod running;
pub mod bad;
pub mod certificates;
pub mod secured;
pub mod relay;
pub mod trap;
pub mod torture;
