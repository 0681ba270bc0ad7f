//! What is measured, one file each.

pub(crate) mod hits;
pub(crate) mod latency;
pub(crate) mod misses;
pub(crate) mod stampede;
pub(crate) mod memory;
pub(crate) mod zipf;
pub(crate) mod start;

use crate::contender::Contender;
use crate::contender::MEMORY;
use crate::contender::Role;
use crate::contender::Stand;
use crate::figures::Figures;
use crate::options::Measure;
use crate::options::Plan;
use crate::running::Running;
use std::io;
use std::time::Duration;

/// Connections of the closed loops.
const CONNECTIONS: usize = 64;

/// What the measures work with.
#[derive(Debug)]
pub(crate) struct Bench<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) stand: &'a Stand,
    pub(crate) figures: Figures,
    /// The number of the next ticket nobody has asked for.
    pub(crate) fresh: u64,
}

impl Bench<'_> {
    /// An error if more than few of `asked` reached the upstream: the gateway has its tokens proved
    /// anew now and then, and a cache may have dropped something, but no more.
    fn must_be_few(&self, before: u64, asked: usize) -> io::Result<()> {
        let fetched = self.stand.origin.requests() - before;
        let asked = u64::try_from(asked).unwrap_or(u64::MAX);
        if fetched <= 20 + asked / 100 {
            return Ok(());
        }
        let error = format!("of {asked} requests for what is stored {fetched} went upstream");
        Err(io::Error::other(error))
    }
}

/// Measures all that is planned, of all that can be measured so.
pub(crate) fn all(bench: &mut Bench<'_>, contenders: &[&'static Contender]) -> io::Result<()> {
    let traffic = [Measure::Hit, Measure::Latency, Measure::Miss, Measure::Stampede]
        .map(|measure| bench.plan.has(measure));
    if traffic.contains(&true) {
        beside_each_other(bench, contenders)?;
    }
    let caches = with(contenders, &[Role::Cache]);
    if bench.plan.has(Measure::Memory) {
        announce("memory of each stored response");
        memory::measure(bench, &caches)?;
    }
    if bench.plan.has(Measure::Zipf) {
        announce("hit ratio");
        zipf::measure(bench, &caches)?;
    }
    if bench.plan.has(Measure::Start) {
        announce("start");
        start::measure(bench, &with(contenders, &[Role::Limit, Role::Cache]))?;
    }
    Ok(())
}

/// What is measured with all of them up: an idle one costs nothing.
fn beside_each_other(bench: &mut Bench<'_>, contenders: &[&'static Contender]) -> io::Result<()> {
    let servers = Running::start_all(contenders, bench.stand, MEMORY)?;
    let caching: Vec<&Running> =
        servers.iter().filter(|server| server.contender.role != Role::Limit).collect();
    if bench.plan.has(Measure::Hit) {
        announce("hits");
        hits::measure(bench, &servers)?;
    }
    if bench.plan.has(Measure::Latency) {
        announce("hits at a fixed rate");
        latency::measure(bench, &servers)?;
    }
    if bench.plan.has(Measure::Miss) {
        announce("misses");
        misses::measure(bench, &caching)?;
    }
    if bench.plan.has(Measure::Stampede) {
        announce("stampedes");
        stampede::measure(bench, &caching)?;
    }
    Ok(())
}

fn with(contenders: &[&'static Contender], roles: &[Role]) -> Vec<&'static Contender> {
    contenders.iter().copied().filter(|contender| roles.contains(&contender.role)).collect()
}

fn announce(what: &str) {
    println!("measuring: {what}");
}

/// Microseconds of processor time for each of so many requests.
fn micros_each(spent: Duration, requests: usize) -> f64 {
    spent.as_secs_f64() * 1e6 / count(requests)
}

/// Whether a server had time to spare. Its rate is then that of the load, or of other work on the
/// cores; what its requests cost is not touched by it.
fn is_idle(spent: Duration, took: Duration) -> bool {
    spent < took * 9 / 10
}

/// A count as a figure.
fn count(number: impl TryInto<u32>) -> f64 {
    f64::from(number.try_into().unwrap_or(u32::MAX))
}

/// A number of bytes, rounded down to KiB, in MiB.
fn mebibytes(bytes: u64) -> f64 {
    count(bytes >> 10) / 1_024.0
}

/// The latency that this many of a thousand are below, in microseconds.
fn percentile(sorted: &[Duration], of_thousand: usize) -> f64 {
    let place = sorted.len() * of_thousand / 1_000;
    sorted.get(place).map_or(f64::NAN, |latency| latency.as_secs_f64() * 1e6)
}
