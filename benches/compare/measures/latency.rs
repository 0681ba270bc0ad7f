//! How late hits are at a rate that does not wait for them.

use crate::figures::Better;
use crate::figures::Figure;
use crate::measures::Bench;
use crate::measures::CONNECTIONS;
use crate::measures::percentile;
use crate::paced;
use crate::paced::Pace;
use crate::questions;
use crate::running::Running;
use crate::support::load::Load;
use std::io;

/// A rate, and what is read off its latencies.
struct Rate {
    per_second: u32,
    p50: Figure,
    p99: Figure,
    p999: Figure,
}

const fn lower(key: &'static str, title: &'static str) -> Figure {
    Figure { key, title, better: Better::Lower }
}

static RATES: [Rate; 2] = [
    Rate {
        per_second: 5_000,
        p50: lower("latency_5000_p50_us", "hit at 5 000 a second, p50, µs"),
        p99: lower("latency_5000_p99_us", "hit at 5 000 a second, p99, µs"),
        p999: lower("latency_5000_p999_us", "hit at 5 000 a second, p99.9, µs"),
    },
    Rate {
        per_second: 20_000,
        p50: lower("latency_20000_p50_us", "hit at 20 000 a second, p50, µs"),
        p99: lower("latency_20000_p99_us", "hit at 20 000 a second, p99, µs"),
        p999: lower("latency_20000_p999_us", "hit at 20 000 a second, p99.9, µs"),
    },
];

pub(crate) fn measure(bench: &mut Bench<'_>, servers: &[Running]) -> io::Result<()> {
    for rate in &RATES {
        for _ in 0..bench.plan.rounds {
            for server in servers {
                round(bench, rate, server).map_err(|error| server.blame(&error))?;
            }
        }
    }
    Ok(())
}

fn round(bench: &mut Bench<'_>, rate: &'static Rate, server: &Running) -> io::Result<()> {
    let expected = server.expected();
    Load::open(server.address, CONNECTIONS)?.run(questions::every_hot(), expected)?;
    let pace = Pace { per_second: rate.per_second, span: bench.plan.round };
    let fetched = bench.stand.origin.requests();
    let latencies = paced::run(server.address, pace, expected.only_ticket, questions::hot())?;
    let Some(mut latencies) = latencies else {
        let title = server.contender.title;
        let rate = rate.per_second;
        bench.figures.remark(format!("{title} could not keep up with {rate} a second"));
        return Ok(());
    };
    bench.must_be_few(fetched, latencies.len())?;
    latencies.sort();
    for (figure, of_thousand) in [(&rate.p50, 500), (&rate.p99, 990), (&rate.p999, 999)] {
        bench.figures.add(figure, server.contender, percentile(&latencies, of_thousand));
    }
    Ok(())
}
