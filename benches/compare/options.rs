//! What is asked for on the command line, and how much is measured.

use clap::Parser;
use clap::ValueEnum;
use std::env;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// For what is measured once.
const LONGEST: Duration = Duration::from_mins(30);
/// Between two turns.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// Contenders times measures.
const MOST_TURNS: u32 = 40;

/// Compares the gateway with other HTTP caches, and with bare hyper, on the same work.
#[derive(Debug, Default, Parser)]
#[command(name = "cargo bench --bench compare --")]
pub(crate) struct Options {
    /// A moment of each: shows that it works, the figures mean little
    #[arg(long)]
    quick: bool,

    /// Have apt-get install nginx, varnish and haproxy first, without starting them; needs root
    #[arg(long)]
    pub(crate) install: bool,

    /// Only these: bare, gateway, gateway-log, nginx, varnish, haproxy
    #[arg(long, value_name = "NAME,NAME", value_delimiter = ',')]
    only: Vec<String>,

    /// Measure only these
    #[arg(long, value_name = "NAME,NAME", value_delimiter = ',', value_enum)]
    measure: Vec<Measure>,

    /// Turns each one takes [default: 5]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=100))]
    rounds: Option<u16>,

    /// How long a turn lasts [default: 2]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=60))]
    seconds: Option<u16>,

    /// Another build of the gateway
    #[arg(long, value_name = "FILE")]
    gateway: Option<PathBuf>,

    /// Cargo adds it to what it is given.
    #[arg(long, hide = true)]
    bench: bool,
}

/// What can be measured, in the order it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Measure {
    /// CPU of a hit, and how many a second
    Hit,
    /// Hits at a fixed rate: how late after their due time
    Latency,
    /// CPU of a miss, and how many a second
    Miss,
    /// 500 clients ask for one ticket nobody has asked for
    Stampede,
    /// Bytes of memory for each stored response
    Memory,
    /// Hit ratio with too little memory for all
    Zipf,
    /// Start to first answer, and the memory it then has
    Start,
}

/// How much is measured, of whom.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) only: Vec<String>,
    measures: Vec<Measure>,
    pub(crate) rounds: u16,
    pub(crate) round: Duration,
    pub(crate) stampede: usize,
    /// How many are stored to weigh one.
    pub(crate) stored: u64,
    pub(crate) trace: Trace,
    /// Longer than deferred housekeeping takes.
    pub(crate) settling: Duration,
}

/// A trace that some tickets lead: it has this many, of which most are asked for rarely.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trace {
    pub(crate) tickets: u32,
    /// Asked before counting begins.
    pub(crate) warm_up: usize,
    pub(crate) counted: usize,
}

impl Options {
    /// Of the command line. Without `--bench` cargo merely tests: then a moment of each, whatever
    /// else is given, since that is meant for tests.
    pub(crate) fn of_this_run() -> Self {
        if env::args().any(|argument| argument == "--bench") {
            Self::parse()
        } else {
            Self { quick: true, ..Self::default() }
        }
    }

    /// The gateway's binary.
    pub(crate) fn gateway(&self) -> io::Result<PathBuf> {
        let shipped = || PathBuf::from(env!("CARGO_BIN_EXE_verifik-gateway"));
        let path = self.gateway.clone().unwrap_or_else(shipped);
        fs::canonicalize(&path)
            .map_err(|error| io::Error::other(format!("{}: {error}", path.display())))
    }

    pub(crate) fn plan(&self) -> Plan {
        let mut plan = if self.quick { quick() } else { full() };
        plan.only.clone_from(&self.only);
        plan.measures.clone_from(&self.measure);
        plan.rounds = self.rounds.unwrap_or(plan.rounds);
        plan.round = self.seconds.map_or(plan.round, |n| Duration::from_secs(n.into()));
        plan
    }
}

impl Plan {
    pub(crate) fn takes(&self, contender: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|name| name == contender)
    }

    /// Much longer than all of it should take.
    pub(crate) fn longest(&self) -> Duration {
        LONGEST + (self.round + LONGEST_PAUSE) * u32::from(self.rounds) * MOST_TURNS
    }

    pub(crate) fn has(&self, measure: Measure) -> bool {
        self.measures.is_empty() || self.measures.contains(&measure)
    }
}

fn full() -> Plan {
    Plan {
        only: Vec::new(),
        measures: Vec::new(),
        rounds: 5,
        round: Duration::from_secs(2),
        stampede: 500,
        stored: 200_000,
        trace: Trace { tickets: 100_000, warm_up: 200_000, counted: 300_000 },
        settling: Duration::from_millis(2_500),
    }
}

fn quick() -> Plan {
    Plan {
        rounds: 1,
        round: Duration::from_millis(100),
        stampede: 50,
        stored: 4_000,
        trace: Trace { tickets: 5_000, warm_up: 4_000, counted: 4_000 },
        settling: Duration::from_millis(100),
        ..full()
    }
}
