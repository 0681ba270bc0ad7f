//! What a hit costs: a closed loop over tickets that are all stored.

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

const CPU: Figure = Figure { key: "hit_cpu_us", title: "CPU of a hit, µs", better: Better::Lower };
const RATE: Figure =
    Figure { key: "hits_per_second", title: "hits a second", better: Better::Higher };

pub(crate) fn measure(bench: &mut Bench<'_>, servers: &[Running]) -> io::Result<()> {
    for _ in 0..bench.plan.rounds {
        for server in servers {
            round(bench, server).map_err(|error| server.blame(&error))?;
        }
    }
    Ok(())
}

fn round(bench: &mut Bench<'_>, server: &Running) -> io::Result<()> {
    let span = bench.plan.round;
    let mut load = Load::open(server.address, CONNECTIONS)?;
    load.run(questions::every_hot(), server.expected())?;
    load.run(questions::lasting(span / 5, questions::hot()), server.expected())?;

    let (fetched, used) = (bench.stand.origin.requests(), server.cpu_time()?);
    let tally = load.run(questions::lasting(span, questions::hot()), server.expected())?;
    let spent = server.cpu_time()?.saturating_sub(used);
    let hits = tally.latencies.len();
    bench.must_be_few(fetched, hits)?;
    if is_idle(spent, tally.took) {
        let title = server.contender.title;
        bench
            .figures
            .remark(format!("{title} had time to spare: its hits a second are not its limit"));
    }
    bench.figures.add(&CPU, server.contender, micros_each(spent, hits));
    bench.figures.add(&RATE, server.contender, count(hits) / tally.took.as_secs_f64());
    Ok(())
}
