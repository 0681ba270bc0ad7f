//! What was measured, and how it is printed.

use std::fmt;
use std::fs;
use std::io;
use std::time::Duration;

/// One round of one server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    /// Processor time of the server for one request, user and system, in microseconds.
    pub(crate) cpu_micros: f64,
    /// Requests answered in a second.
    pub(crate) per_second: f64,
    /// The part of the round the server was busy. Well below 1 on one core, the load was the limit.
    pub(crate) busy: f64,
}

impl Sample {
    /// From a round's totals.
    pub(crate) fn new(spent: Duration, requests: usize, took: Duration) -> Self {
        let requests = f64::from(u32::try_from(requests).unwrap_or(u32::MAX));
        Self {
            cpu_micros: spent.as_secs_f64() * 1e6 / requests,
            per_second: requests / took.as_secs_f64(),
            busy: spent.as_secs_f64() / took.as_secs_f64(),
        }
    }
}

/// The middle of some figures and how far they scatter.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    lowest: f64,
    highest: f64,
}

impl Spread {
    /// Of figures in any order. Of none: not a number.
    pub(crate) fn of(figures: impl Iterator<Item = f64>) -> Self {
        let mut sorted: Vec<f64> = figures.collect();
        sorted.sort_by(f64::total_cmp);
        let at = |place: usize| sorted.get(place).copied().unwrap_or(f64::NAN);
        let last = sorted.len().saturating_sub(1);
        Self { median: at(last / 2), lowest: at(0), highest: at(last) }
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scatter = format!("({:.1}-{:.1})", self.lowest, self.highest);
        write!(f, "{:6.1} {scatter:13}", self.median)
    }
}

/// Prints one line a server. Ratios are to the first.
pub(crate) fn print(title: &str, rows: &[(&str, Vec<Sample>)]) {
    println!("\n{title:32} CPU-µs per request      requests/s   busy   ratio");
    let cost = |samples: &[Sample]| Spread::of(samples.iter().map(|sample| sample.cpu_micros));
    let first = rows.first().map_or(f64::NAN, |(_, samples)| cost(samples).median);
    for (name, samples) in rows {
        let cost = cost(samples);
        let per_second = Spread::of(samples.iter().map(|sample| sample.per_second)).median;
        let busy = Spread::of(samples.iter().map(|sample| sample.busy)).median * 100.0;
        let ratio = cost.median / first;
        println!("  {name:30} {cost}   {per_second:10.0}   {busy:3.0}%   {ratio:5.2}");
    }
}

/// Processor time a process has used so far, user and system: proc(5), fields 14 and 15.
pub(crate) fn cpu_time(pid: u32) -> io::Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The second field, the program's name, may itself hold blanks and brackets.
    let fields = stat.rsplit_once(')').map(|(_, fields)| fields).unwrap_or_default();
    let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<u64>);
    let ticks: u64 = ticks.sum::<Result<_, _>>().map_err(io::Error::other)?;
    // Linux counts in hundredths of a second here, whatever its own clock does.
    Ok(Duration::from_millis(ticks.saturating_mul(10)))
}
