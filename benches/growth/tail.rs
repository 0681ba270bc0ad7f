//! How late hits are at a rate that does not wait for them, alone and beside other work.

use crate::figures::Spread;
use crate::options::Plan;
use crate::scenarios;
use crate::scenarios::Scenario;
use crate::stand::CONNECTIONS;
use crate::stand::PER_SECOND;
use crate::stand::Stand;
use crate::stand::Turn;
use crate::support::pinning::Pinning;
use std::io;

/// Measures all.
pub(crate) fn measure(plan: &Plan, pinning: Pinning) -> io::Result<()> {
    let (rounds, round) = (plan.rounds, plan.paced_round);
    println!(
        "\nhits at {PER_SECOND} a second on {CONNECTIONS} connections, µs from when they are due; \
         {rounds} rounds of {round:?}, in turns"
    );
    for scenario in &scenarios::ALL {
        one(scenario, plan, pinning)
            .map_err(|error| io::Error::other(format!("{}: {error}", scenario.title)))?;
    }
    Ok(())
}

fn one(scenario: &Scenario, plan: &Plan, pinning: Pinning) -> io::Result<()> {
    let Scenario { terms, side, overfill, asks_more, .. } = *scenario;
    let mut alone = Stand::start(pinning, scenario.alone, terms, None, false)?;
    let mut beside = Stand::start(pinning, scenario.beside, terms, side, asks_more)?;
    for stand in [&mut alone, &mut beside] {
        stand.overfill(overfill)?;
    }
    let (mut of_alone, mut of_beside) = (Vec::new(), Vec::new());
    for round in 0..plan.rounds {
        of_alone.push(alone.turn(plan.hot, plan.paced_round, round.into())?);
        of_beside.push(beside.turn(plan.hot, plan.paced_round, round.into())?);
    }
    if overfill > 0 && !beside.has_evicted(overfill)? {
        return Err(io::Error::other("the store was not full"));
    }
    // In a moment nothing may become stale.
    if !plan.quick && side.is_none() && of_beside.iter().all(|turn| turn.upstream == 0.0) {
        return Err(io::Error::other("nothing was validated"));
    }
    print(scenario.title, &of_alone, &of_beside);
    Ok(())
}

fn print(title: &str, alone: &[Turn], beside: &[Turn]) {
    println!(
        "\n{title}\n{:8} {:23} {:23} {:23} {:23} busy  beside/s  refused/s  upstream/s  missed",
        "", "   p50", "   p99", "   p99.9", "   asked late, p99.9"
    );
    for (name, turns) in [("alone", alone), ("beside", beside)] {
        let times = [
            of(turns, |turn| turn.p50),
            of(turns, |turn| turn.p99),
            of(turns, |turn| turn.p999),
            of(turns, |turn| turn.late),
        ];
        let times = times.map(|time| format!("{:23}", time.to_string())).join(" ");
        let missed: u64 = turns.iter().map(|turn| turn.missed).sum();
        println!(
            "  {name:6} {times} {:3.0}%  {:8.0}  {:9.0}  {:10.0}  {missed:6}",
            of(turns, |turn| turn.busy).median,
            of(turns, |turn| turn.beside).median,
            of(turns, |turn| turn.refused).median,
            of(turns, |turn| turn.upstream).median,
        );
    }
    let ratio = |figure| {
        let ratio = of(beside, figure).median / of(alone, figure).median;
        format!("{:23}", format!("{ratio:6.2}"))
    };
    let [p50, p99, p999] =
        [ratio(|turn| turn.p50), ratio(|turn| turn.p99), ratio(|turn| turn.p999)];
    let took = of(beside, |turn| turn.busy).median - of(alone, |turn| turn.busy).median;
    println!("  ratio  {p50} {p99} {p999} what is beside took {took:.0} % of the core");
}

fn of(turns: &[Turn], figure: fn(&Turn) -> f64) -> Spread {
    Spread::of(turns.iter().map(figure))
}
