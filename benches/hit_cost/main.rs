//! What a hit costs, over loopback, beside the bare library it is built on: `cargo bench --bench
//! hit_cost`.
//!
//! In one run and in turns: bare hyper answering the same bytes from memory, the least cache on
//! hyper and moka, and the gateway as shipped, without and with an access line for each request.
//! Then misses of ids never asked for before, then a stampede. `--quick` only shows that it works.
//! With `HIT_COST_BEFORE=FILE` another build of the gateway takes its turns too: what a change costs
//! is seen in one run or not at all.
//!
//! It fails if any answer was not the one asked for, if a hit reached the upstream, if a miss did
//! not, or if a stampede sent more than one request. It ends only processes it started.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a bench prints its figures")]
#![expect(clippy::disallowed_methods, reason = "a bench measures time as it passes")]

mod bare;
mod figures;
mod reference;
#[path = "../support/mod.rs"]
mod support;

use crate::figures::Sample;
use crate::figures::Spread;
use crate::support::load::Expected;
use crate::support::load::Load;
use crate::support::pinning::Pinning;
use crate::support::server::Server;
use crate::support::upstream::Upstream;
use crate::support::work::Question;
use crate::support::work::TOKENS;
use std::env;
use std::io;
use std::iter::repeat_n;
use std::iter::repeat_with;
use std::mem;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;
use std::time::Instant;

/// The gateway's own choice.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const CONNECTIONS: usize = 64;
/// Tickets asked for again and again, each with every token.
const HOT_TICKETS: u64 = 256;
const STAMPEDE: usize = 500;
const STAMPEDE_LATENCY: Duration = Duration::from_millis(200);

/// Nothing becomes stale, and no lease ends, while the bench runs.
const LONG: (&str, &str) = ("LIFETIMES__OPEN", "10m");
const LEASE: (&str, &str) = ("LIFETIMES__LEASE", "10m");
const SILENT: (&str, &str) = ("LOG__ACCESS", "off");
const LOGGING: (&str, &str) = ("LOG__ACCESS", "all");

/// How much is measured.
struct Plan {
    hit_rounds: usize,
    miss_rounds: usize,
    stampedes: usize,
    round: Duration,
}

const FULL: Plan =
    Plan { hit_rounds: 9, miss_rounds: 7, stampedes: 5, round: Duration::from_secs(1) };
const QUICK: Plan =
    Plan { hit_rounds: 3, miss_rounds: 3, stampedes: 1, round: Duration::from_millis(200) };

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments.as_slice() {
        [bare::FLAG] => bare::serve(),
        [reference::FLAG, upstream] => reference::serve((*upstream).to_owned()),
        // Cargo adds `--bench` to what it is given, and not when it merely tests.
        options if options.contains(&"--quick") || !options.contains(&"--bench") => bench(&QUICK),
        _ => bench(&FULL),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn bench(plan: &Plan) -> io::Result<()> {
    let pinning = Pinning::of_this_process();
    println!("{pinning}; {CONNECTIONS} connections; rounds of {:?}, in turns", plan.round);
    let upstream = Upstream::start(Duration::ZERO)?;
    let mut contenders = contenders(pinning, &upstream)?;
    hits(plan, &upstream, &mut contenders)?;
    // Nothing can miss on the first: it has no upstream.
    misses(plan, &upstream, contenders.get_mut(1..).unwrap_or_default())?;
    stampedes(plan, pinning)
}

/// A server, and connections to it. All are up all the time: an idle one costs nothing.
struct Contender {
    name: &'static str,
    server: Server,
    load: Load,
    hit: Expected,
    samples: Vec<Sample>,
}

impl Contender {
    fn new(name: &'static str, server: Server) -> io::Result<Self> {
        let load = Load::open(server.address, CONNECTIONS)?;
        Ok(Self { name, server, load, hit: Expected::cache_status("; hit"), samples: Vec::new() })
    }

    /// Runs a round, keeps its figures and returns how many requests it had.
    fn measure(
        &mut self,
        questions: impl Iterator<Item = Question>,
        expected: Expected,
    ) -> io::Result<u64> {
        let before = figures::cpu_time(self.server.pid())?;
        let tally = self.load.run(questions, expected)?;
        let spent = figures::cpu_time(self.server.pid())?.saturating_sub(before);
        self.samples.push(Sample::new(spent, tally.latencies.len(), tally.took));
        u64::try_from(tally.latencies.len()).map_err(io::Error::other)
    }
}

fn contenders(pinning: Pinning, upstream: &Upstream) -> io::Result<Vec<Contender>> {
    let this = env::current_exe()?;
    let bare = Server::start(pinning.server(&this).arg(bare::FLAG))?;
    let address = upstream.address.to_string();
    let least = Server::start(pinning.server(&this).args([reference::FLAG, &address]))?;
    let silent = Server::gateway(pinning, upstream.address, &[LONG, LEASE, SILENT])?;
    let logging = Server::gateway(pinning, upstream.address, &[LONG, LEASE, LOGGING])?;
    let mut bare = Contender::new("bare hyper", bare)?;
    bare.hit.only_ticket = Some(bare::TICKET);
    let mut contenders = vec![
        bare,
        Contender::new("hyper and moka", least)?,
        Contender::new("gateway, access log off", silent)?,
        Contender::new("gateway, access log all", logging)?,
    ];
    if let Some(binary) = env::var_os("HIT_COST_BEFORE") {
        for (name, settings) in
            [("before, access log off", SILENT), ("before, access log all", LOGGING)]
        {
            let command = pinning.server(Path::new(&binary));
            let settings = [LONG, LEASE, settings];
            let server = Server::gateway_by(command, upstream.address, &settings)?;
            contenders.push(Contender::new(name, server)?);
        }
    }
    Ok(contenders)
}

fn hits(plan: &Plan, upstream: &Upstream, contenders: &mut [Contender]) -> io::Result<()> {
    for contender in &mut *contenders {
        let fetched = Expected { cache_status: "", ..contender.hit };
        contender.load.run(every_hot_question(), fetched)?;
    }
    let fetched = upstream.requests();
    for _ in 0..plan.hit_rounds {
        for contender in &mut *contenders {
            let hit = contender.hit;
            contender.load.run(lasting(plan.round / 5, hot_questions()), hit)?;
            contender.measure(lasting(plan.round, hot_questions()), hit)?;
        }
    }
    expect_equal("upstream requests during hits", upstream.requests() - fetched, 0)?;
    print(&format!("hits, {} rounds", plan.hit_rounds), contenders);
    Ok(())
}

fn misses(plan: &Plan, upstream: &Upstream, contenders: &mut [Contender]) -> io::Result<()> {
    let miss = Expected::cache_status("; fwd=uri-miss");
    let mut fresh = HOT_TICKETS;
    for _ in 0..plan.miss_rounds {
        for contender in &mut *contenders {
            let before = upstream.requests();
            let questions = (fresh..).map(|ticket| Question { ticket, token: ticket % TOKENS });
            let asked = contender.measure(lasting(plan.round, questions), miss)?;
            expect_equal("upstream requests for misses", upstream.requests() - before, asked)?;
            fresh += asked;
        }
    }
    print(&format!("misses, {} rounds", plan.miss_rounds), contenders);
    Ok(())
}

/// Many clients ask for one ticket nobody has asked for, at once.
fn stampedes(plan: &Plan, pinning: Pinning) -> io::Result<()> {
    let upstream = Upstream::start(STAMPEDE_LATENCY)?;
    let gateway = Server::gateway(pinning, upstream.address, &[LONG, LEASE, SILENT])?;
    let mut load = Load::open(gateway.address, STAMPEDE)?;
    let mut slowest = Vec::new();
    for ticket in (0..).take(plan.stampedes) {
        let before = upstream.requests();
        let question = Question { ticket, token: 0 };
        let tally = load.run(repeat_n(question, STAMPEDE), Expected::cache_status(""))?;
        expect_equal("upstream requests of a stampede", upstream.requests() - before, 1)?;
        slowest.push(percentile_99(tally.latencies));
    }
    println!(
        "\nstampede, {STAMPEDE} clients, one ticket, upstream {STAMPEDE_LATENCY:?}: \
         1 upstream request, p99 {} ms",
        Spread::of(slowest.into_iter())
    );
    Ok(())
}

fn percentile_99(mut latencies: Vec<Duration>) -> f64 {
    latencies.sort();
    let place = latencies.len() * 99 / 100;
    latencies.get(place).map_or(f64::NAN, |latency| latency.as_secs_f64() * 1e3)
}

fn print(title: &str, contenders: &mut [Contender]) {
    let take = |contender: &mut Contender| (contender.name, mem::take(&mut contender.samples));
    figures::print(title, &contenders.iter_mut().map(take).collect::<Vec<_>>());
}

fn every_hot_question() -> impl Iterator<Item = Question> {
    (0..HOT_TICKETS * TOKENS).map(|n| Question { ticket: n / TOKENS, token: n % TOKENS })
}

/// Without end, in an order that is the same for every server and every round.
fn hot_questions() -> impl Iterator<Item = Question> {
    let mut draw = fastrand::Rng::with_seed(1);
    repeat_with(move || Question { ticket: draw.u64(..HOT_TICKETS), token: draw.u64(..TOKENS) })
}

/// The questions asked before `span` is over.
fn lasting(
    span: Duration,
    questions: impl Iterator<Item = Question>,
) -> impl Iterator<Item = Question> {
    let end = Instant::now() + span;
    questions.take_while(move |_| Instant::now() < end)
}

fn expect_equal(what: &str, counted: u64, expected: u64) -> io::Result<()> {
    if counted == expected {
        return Ok(());
    }
    Err(io::Error::other(format!("{what}: {counted} instead of {expected}")))
}
