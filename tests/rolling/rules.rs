//! The settings, one file after the other: good ones, and every fifth broken.

/// What is written as the `step`-th.
pub enum Rules {
    /// With a value that tells it from all others: of `limit.max_queue`.
    Good(String, u64),
    Broken(String),
    /// The file is gone, for a moment.
    Gone,
}

/// Ways in which a file is broken.
const BROKEN: [&str; 5] = [
    "[limit\nrate = \"off\"\n",
    "[limit]\nrate = \"off\"\nrates = 3\n",
    "[lifetimes]\nopen = \"soon\"\n",
    "[upstream]\nurl = \"ftp://127.0.0.1\"\n",
    "[[resources]]\nname = \"ticket\"\npaths = [\"/v2/no-id\"]\n",
];

/// The `step`-th, in front of the upstream at this port.
pub fn rules(step: u64, port: u16) -> Rules {
    if step % 5 == 4 {
        let turn = usize::try_from(step / 5).unwrap();
        return BROKEN.get(turn % (BROKEN.len() + 1)).map_or(Rules::Gone, |text| {
            let good = good(step, port);
            Rules::Broken(format!("{text}{}", if turn.is_multiple_of(2) { "" } else { &good }))
        });
    }
    Rules::Good(good(step, port), marker(step))
}

const fn marker(step: u64) -> u64 {
    10_000 + step
}

/// Each changes something else, and some what is stored means.
fn good(step: u64, port: u16) -> String {
    let of = |words: &[&'static str]| words[usize::try_from(step).unwrap() % words.len()];
    // The same upstream by two names; the same paths, read by two rules.
    let host = if (step / 3).is_multiple_of(2) { "127.0.0.1" } else { "localhost" };
    let name = if (step / 7).is_multiple_of(2) { "ticket" } else { "support-ticket" };
    let (most, places) = (300 + step % 3 * 100, 64 + step % 4 * 32);
    let queue = marker(step);
    let (rate, total) = (of(&["\"off\"", "\"learn\"", "50_000"]), of(&["\"off\"", "100_000"]));
    let (open, lease) = (of(&["5s", "1s", "30s"]), of(&["60s", "20s"]));
    let (level, access) =
        (of(&["info", "warn", "debug", "error"]), of(&["off", "forwarded", "all"]));
    format!(
        "[listen]\nmax_connections = {most}\n\
         [upstream]\nurl = \"http://{host}:{port}\"\nmax_in_flight = {places}\n\
         [lifetimes]\nopen = \"{open}\"\nlease = \"{lease}\"\n\
         [limit]\nrate = {rate}\ntotal_rate = {total}\nmax_queue = {queue}\n\
         [log]\nformat = \"json\"\nlevel = \"{level}\"\naccess = \"{access}\"\n\
         [[resources]]\nname = \"{name}\"\nkind = \"ticket\"\n\
         paths = [\"/v2/support-tickets/{{id}}\", \"/support-tickets/{{id}}\"]\n"
    )
}
