//! How the program ends: what it says last, where, and with which exit code (design §4).

use crate::settings::mistakes::Mistakes;
use std::fmt::Display;

/// The last words of a command. Whoever runs the command prints them; nothing below prints.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Ending {
    /// All is well: exit code 0, the words on stdout.
    Done(String),
    /// The command line or the settings are wrong: exit code 64 (`EX_USAGE` of sysexits.h), the
    /// words on stderr.
    Misused(String),
    /// It went wrong while running: exit code 1, the words on stderr.
    Failed(String),
}

impl Ending {
    /// It was asked for wrongly: this sentence.
    pub fn misused(why: impl Display) -> Self {
        Self::Misused(format!("verifik-gateway: {why}\n"))
    }

    /// It went wrong: this sentence.
    pub fn failed(why: impl Display) -> Self {
        Self::Failed(format!("verifik-gateway: {why}\n"))
    }

    /// The exit code.
    pub const fn code(&self) -> u8 {
        match self {
            Self::Done(_) => 0,
            Self::Failed(_) => 1,
            Self::Misused(_) => 64,
        }
    }
}

impl From<Mistakes> for Ending {
    fn from(mistakes: Mistakes) -> Self {
        Self::misused(mistakes)
    }
}
