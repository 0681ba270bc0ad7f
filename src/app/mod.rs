//! Floor 8: puts everything together; the only floor that knows the settings, the command line
//! and signals.

pub mod ending;
pub mod check;
pub mod cli;
pub mod assemble;
pub mod stand_in_ticket;
pub mod stand_in_tickets;
pub mod stand_in_endpoint;
pub mod stand_in_answers;
pub mod stand_in_message;
pub mod stand_in;
pub mod drain;
pub mod run;
pub mod demo_steps;
pub mod demo_walk;
pub mod demo;
