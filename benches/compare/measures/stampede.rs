//! Many clients ask for one ticket nobody has asked for, at once, and the upstream takes its time.

use crate::figures::Better;
use crate::figures::Figure;
use crate::measures::Bench;
use crate::measures::count;
use crate::measures::percentile;
use crate::questions;
use crate::running::Running;
use crate::support::load::Load;
use std::io;
use std::iter::repeat_n;
use std::time::Duration;

const LATENCY: Duration = Duration::from_millis(200);

const UPSTREAM: Figure = Figure {
    key: "stampede_upstream",
    title: "stampede over 200 ms, requests upstream",
    better: Better::Lower,
};
const P99: Figure = Figure {
    key: "stampede_p99_ms",
    title: "stampede over 200 ms, p99, ms",
    better: Better::Lower,
};

pub(crate) fn measure(bench: &mut Bench<'_>, servers: &[&Running]) -> io::Result<()> {
    bench.stand.origin.set_latency(LATENCY);
    for _ in 0..bench.plan.rounds {
        for server in servers {
            round(bench, server).map_err(|error| server.blame(&error))?;
        }
    }
    bench.stand.origin.set_latency(Duration::ZERO);
    Ok(())
}

fn round(bench: &mut Bench<'_>, server: &Running) -> io::Result<()> {
    let clients = bench.plan.stampede;
    let mut load = Load::open(server.address, clients)?;
    let question = questions::fresh(bench.fresh..u64::MAX).next();
    bench.fresh += 1;
    let before = bench.stand.origin.requests();
    let questions = question.into_iter().flat_map(|question| repeat_n(question, clients));
    let mut latencies = load.run(questions, server.expected())?.latencies;
    let upstream = bench.stand.origin.requests() - before;
    latencies.sort();
    bench.figures.add(&UPSTREAM, server.contender, count(upstream));
    bench.figures.add(&P99, server.contender, percentile(&latencies, 990) / 1e3);
    Ok(())
}
