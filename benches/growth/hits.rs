//! What a hit costs on each row of an axis, in turns.

use crate::axes::Marks;
use crate::axes::Row;
use crate::figures;
use crate::figures::Sample;
use crate::load::FETCHED;
use crate::load::HIT;
use crate::load::Load;
use crate::load::MISS;
use crate::load::WRITTEN;
use crate::options::Plan;
use crate::support::pinning::Pinning;
use crate::support::server::Server;
use crate::upstream::Count;
use crate::upstream::Terms;
use crate::upstream::Upstream;
use crate::work::Kind;
use crate::work::Question;
use crate::work::Work;
use std::io;
use std::iter::repeat_with;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

/// While filling, whatever the row has: a million by one connection would take minutes.
const FILLING: usize = 64;
/// Answers that are taken at a time.
const BATCH: usize = 1_024;
/// Nothing here is asked for: tickets that are only written to.
const ELSEWHERE: u64 = 50_000_000;

/// Nothing becomes stale, and no lease ends, while an axis is measured; and all fits in.
const SETTINGS: [(&str, &str); 5] = [
    ("CACHE__MEMORY", "6GiB"),
    ("LIFETIMES__OPEN", "10m"),
    ("LIFETIMES__LEASE", "10m"),
    ("LIMIT__RATE", "off"),
    ("LOG__ACCESS", "off"),
];

/// A server with what its row wants stored.
struct Contender {
    row: Row,
    work: Arc<Work>,
    fetched: Count,
    samples: Vec<Sample>,
    server: Server,
}

/// Measures all rows, all servers up at once: an idle one costs nothing.
pub(crate) fn measure(title: &str, rows: &[Row], plan: &Plan, pinning: Pinning) -> io::Result<()> {
    let began = Instant::now();
    let start = |row: &Row| Contender::start(*row, pinning).map_err(|error| blame(row, &error));
    let mut contenders = rows.iter().map(start).collect::<io::Result<Vec<_>>>()?;
    let filled = began.elapsed();
    for round in 0..plan.rounds {
        for contender in &mut contenders {
            let outcome = contender.round(plan.round, u64::from(round));
            outcome.map_err(|error| blame(&contender.row, &error))?;
        }
    }
    let rows: Vec<_> =
        contenders.into_iter().map(|contender| (contender.row.name, contender.samples)).collect();
    figures::print(&format!("{title}, {} rounds", plan.rounds), &rows);
    println!("  (filled in {filled:.1?})");
    Ok(())
}

impl Contender {
    fn start(row: Row, pinning: Pinning) -> io::Result<Self> {
        let work = Arc::new(Work::new(row.credentials, row.body));
        let upstream = Upstream::open(Arc::clone(&work), Terms::default())?;
        let (upstream, fetched) = upstream.on_its_own();
        let server = Server::gateway(pinning, upstream, &SETTINGS)?;
        fill(row, &server, &work)?;
        Ok(Self { row, work, fetched, samples: Vec::new(), server })
    }

    /// Every answer is a hit by its `Cache-Status`, and by what the upstream counts.
    fn round(&mut self, span: Duration, number: u64) -> io::Result<()> {
        let before = self.fetched.requests();
        // Connections on which nothing is asked would be closed while others are filled.
        let work = Arc::clone(&self.work);
        let mut load = Load::open(self.server.address, self.row.connections, BATCH, work)?;
        // Other draws than those that are measured: these would be in the processor's caches.
        let warm_up = lasting(span / 5, hits(self.row, 2 * number));
        load.run(warm_up, HIT)?.must_be_expected(0)?;
        let (began, used) = (Instant::now(), figures::cpu_time(self.server.pid())?);
        let tally = load.run(lasting(span, hits(self.row, 2 * number + 1)), HIT)?;
        let took = began.elapsed();
        let spent = figures::cpu_time(self.server.pid())?.saturating_sub(used);
        tally.must_be_expected(0)?;
        self.samples.push(Sample::new(spent, tally.latencies.len(), took));
        match self.fetched.requests() - before {
            0 => Ok(()),
            some => Err(io::Error::other(format!("{some} upstream requests during hits"))),
        }
    }
}

/// Stores all, and leaves the marks before or after.
fn fill(row: Row, server: &Server, work: &Arc<Work>) -> io::Result<()> {
    let mut load = Load::open(server.address, FILLING, BATCH, Arc::clone(work))?;
    if let Marks::Before(number) = row.marks {
        load.run(writes(number), WRITTEN)?.must_be_expected(0)?;
    }
    load.run((0..row.stored).map(|ticket| read(row, ticket)), MISS)?.must_be_expected(0)?;
    if let Marks::After(number) = row.marks {
        load.run(writes(number), WRITTEN)?.must_be_expected(0)?;
        // They do not cover what is asked for; a write of that does, and it is stored anew.
        let own = Question { kind: Kind::Write, ..read(row, 0) };
        load.run([own].into_iter(), WRITTEN)?.must_be_expected(0)?;
        load.run([read(row, 0)].into_iter(), FETCHED)?.must_be_expected(0)?;
    }
    Ok(())
}

fn read(row: Row, ticket: u64) -> Question {
    Question { kind: Kind::Read, ticket, credential: ticket % row.credentials }
}

/// Without end, at random over all that is stored.
fn hits(row: Row, seed: u64) -> impl Iterator<Item = Question> {
    let mut draw = fastrand::Rng::with_seed(seed);
    repeat_with(move || read(row, draw.u64(..row.stored)))
}

fn writes(number: u64) -> impl Iterator<Item = Question> {
    let tickets = ELSEWHERE..ELSEWHERE + number;
    tickets.map(|ticket| Question { kind: Kind::Write, ticket, credential: 0 })
}

/// The questions asked before `span` is over.
fn lasting(
    span: Duration,
    questions: impl Iterator<Item = Question>,
) -> impl Iterator<Item = Question> {
    let end = Instant::now() + span;
    questions.take_while(move |_| Instant::now() < end)
}

fn blame(row: &Row, error: &io::Error) -> io::Error {
    io::Error::other(format!("{}: {error}", row.name))
}
