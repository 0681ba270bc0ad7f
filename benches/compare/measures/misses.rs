//! What a miss costs: a closed loop over tickets nobody has asked for, each fetched and stored. The
//! store is full sooner or later; then something else has to go for each.

use crate::figures::Better;
use crate::figures::Figure;
use crate::measures::Bench;
use crate::measures::CONNECTIONS;
use crate::measures::count;
use crate::measures::is_idle;
use crate::measures::micros_each;
use crate::questions;
use crate::running::Running;
use crate::support::load::Load;
use std::io;

const CPU: Figure =
    Figure { key: "miss_cpu_us", title: "CPU of a miss, µs", better: Better::Lower };
const RATE: Figure =
    Figure { key: "misses_per_second", title: "misses a second", better: Better::Higher };

pub(crate) fn measure(bench: &mut Bench<'_>, servers: &[&Running]) -> io::Result<()> {
    for _ in 0..bench.plan.rounds {
        for server in servers {
            round(bench, server).map_err(|error| server.blame(&error))?;
        }
    }
    Ok(())
}

fn round(bench: &mut Bench<'_>, server: &Running) -> io::Result<()> {
    let mut load = Load::open(server.address, CONNECTIONS)?;
    let questions = questions::fresh(bench.fresh..u64::MAX);
    let (before, used) = (bench.stand.origin.requests(), server.cpu_time()?);
    let questions = questions::lasting(bench.plan.round, questions);
    let tally = load.run(questions, server.expected())?;
    let spent = server.cpu_time()?.saturating_sub(used);
    let (misses, fetched) = (tally.latencies.len(), bench.stand.origin.requests() - before);
    let asked = u64::try_from(misses).map_err(io::Error::other)?;
    bench.fresh += asked;
    if fetched < asked {
        let error =
            format!("{asked} tickets nobody had asked for, and {fetched} requests upstream");
        return Err(io::Error::other(error));
    }
    if is_idle(spent, tally.took) {
        let title = server.contender.title;
        bench
            .figures
            .remark(format!("{title} had time to spare: its misses a second are not its limit"));
    }
    bench.figures.add(&CPU, server.contender, micros_each(spent, misses));
    bench.figures.add(&RATE, server.contender, count(misses) / tally.took.as_secs_f64());
    Ok(())
}
