//! What is asked for on the command line, and how much is measured.

use clap::CommandFactory;
use clap::Parser;
use clap::ValueEnum;
use std::env;
use std::time::Duration;

/// What a hit costs as the work grows, and how late hits are beside other work.
#[derive(Debug, Default, Parser)]
#[command(name = "cargo bench --bench growth --")]
pub(crate) struct Options {
    /// A moment of each: shows that it works, the figures mean little
    #[arg(long)]
    quick: bool,

    /// Measure only these
    #[arg(value_name = "PART", value_enum)]
    parts: Vec<Part>,

    /// Cargo adds it to what it is given.
    #[arg(long, hide = true)]
    bench: bool,
}

/// What can be measured, in the order it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Part {
    /// 1 to 1 000 000 stored responses
    Stored,
    /// 1 to 100 000 credentials
    Credentials,
    /// 1 to 5 000 connections
    Connections,
    /// Bodies of 1.3 KB to 256 KiB
    Bodies,
    /// 100 000 live marks
    Marks,
    /// Hits at a fixed rate, alone and beside other work
    Tail,
}

/// How much is measured.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) parts: Vec<Part>,
    pub(crate) quick: bool,
    pub(crate) rounds: u32,
    /// Of hits in a closed loop.
    pub(crate) round: Duration,
    /// Of hits at a fixed rate.
    pub(crate) paced_round: Duration,
    /// How many tickets these are for.
    pub(crate) hot: u64,
}

impl Options {
    /// Of the command line; or what to tell whoever wrote it, and whether that is an error. Without
    /// `--bench` cargo merely tests: then a moment of each, whatever else is given, since that is
    /// meant for tests.
    pub(crate) fn of_this_run() -> Result<Self, (String, bool)> {
        if !env::args().any(|argument| argument == "--bench") {
            return Ok(Self { quick: true, ..Self::default() });
        }
        Self::try_parse().map_err(|error| {
            let is_error = error.use_stderr();
            let help = if is_error { Self::command().render_long_help() } else { "".into() };
            (format!("{error}\n{help}"), is_error)
        })
    }

    pub(crate) fn plan(self) -> Plan {
        let parts = if self.parts.is_empty() { Part::value_variants() } else { &self.parts };
        let full = Plan {
            parts: parts.to_vec(),
            quick: false,
            rounds: 5,
            round: Duration::from_secs(1),
            paced_round: Duration::from_secs(2),
            hot: 1_000,
        };
        if !self.quick {
            return full;
        }
        Plan {
            quick: true,
            rounds: 1,
            round: Duration::from_millis(100),
            paced_round: Duration::from_millis(100),
            hot: 200,
            ..full
        }
    }
}
