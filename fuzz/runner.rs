//! Replays a target's corpus, then mutates it: so many times in a test, so many seconds on demand.

use crate::mutation::mutated;
use fastrand::Rng;
use std::collections::HashSet;
use std::fs;
use std::hash::DefaultHasher;
use std::hash::Hash;
use std::hash::Hasher;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::panic::resume_unwind;
use std::path::PathBuf;
use std::time::Duration;
use std::time::Instant;

/// Something that reads bytes from outside.
pub struct Target {
    /// The folder of its corpus.
    pub name: &'static str,
    /// What its grammar is made of.
    pub words: &'static [&'static str],
    /// Panics if something is wrong; otherwise says what was read, so that an input which is read
    /// in a new way can be kept for further changes.
    pub check: fn(&[u8]) -> String,
}

/// Executions in a test run, per target.
const FEW: u64 = 8_000;
/// Inputs kept in memory at most.
const MOST_KEPT: usize = 4_096;
const SEED: u64 = 5;

/// Replays and mutates; panics with the first input that goes wrong, which is kept in the corpus.
pub fn run(target: &Target) {
    let mut pool = corpus(target);
    assert!(pool.len() >= 30, "{}: {} kept inputs", target.name, pool.len());
    let mut ways: HashSet<u64> = pool.iter().map(|input| tried(target, input)).collect();
    let (kept, began) = (pool.len(), Instant::now());
    let mut executions = 0;
    let mut chance = Rng::with_seed(seed());
    let span = seconds("FUZZ_SECONDS").map(Duration::from_secs);
    while span.map_or(executions < FEW, |span| began.elapsed() < span) {
        let base = chance.choice(&pool).expect("a kept input");
        let other = chance.choice(&pool).expect("a kept input");
        let input = mutated(base, other, target.words, &mut chance);
        executions += 1;
        if ways.insert(tried(target, &input)) && pool.len() < MOST_KEPT {
            pool.push(input);
        }
    }
    println!(
        "{:12} {kept:4} kept inputs, {executions:9} executions, {} ways of being read",
        target.name,
        ways.len()
    );
}

/// Reads an input twice, which must come to the same. Its way of being read, as a number.
fn tried(target: &Target, input: &[u8]) -> u64 {
    let tried = catch_unwind(AssertUnwindSafe(|| {
        let told = (target.check)(input);
        assert_eq!(told, (target.check)(input), "two readings of the same bytes");
        let mut hasher = DefaultHasher::new();
        told.hash(&mut hasher);
        hasher.finish()
    }));
    tried.unwrap_or_else(|panic| {
        let place = keep(target, input);
        println!("{}: {}\nkept as {}", target.name, input.escape_ascii(), place.display());
        resume_unwind(panic)
    })
}

/// The seed of the changes; the long form may have another each time.
fn seed() -> u64 {
    seconds("FUZZ_SEED").unwrap_or(SEED)
}

fn seconds(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|number| number.parse().expect("a whole number"))
}

fn folder(target: &Target) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target.name)
}

/// Writes an input down, under a name made from what it holds.
fn keep(target: &Target, input: &[u8]) -> PathBuf {
    let name = blake3::hash(input).to_hex();
    let place = folder(target).join(format!("{}.txt", &name[..16]));
    fs::write(&place, format!("{}\n", input.escape_ascii())).expect("a place in the corpus");
    place
}

/// One input on each line, escaped; a line that begins with `# ` is a comment.
fn corpus(target: &Target) -> Vec<Vec<u8>> {
    let files = fs::read_dir(folder(target)).expect("a corpus").map(|file| file.unwrap().path());
    let mut files: Vec<PathBuf> = files.collect();
    files.sort();
    let texts = files.iter().map(|file| fs::read(file).expect("a file of the corpus"));
    let lines =
        texts.flat_map(|text| text.split(|o| *o == b'\n').map(<[u8]>::to_vec).collect::<Vec<_>>());
    let inputs = lines.filter(|line| !line.is_empty() && !line.starts_with(b"# "));
    inputs.map(|line| unescaped(&line)).collect()
}

/// Undoes `escape_ascii`. An octet that is not escaped stands for itself, and `\e` for nothing: so
/// can an empty input be written.
fn unescaped(line: &[u8]) -> Vec<u8> {
    let mut input = Vec::with_capacity(line.len());
    let mut rest = line.iter().copied();
    while let Some(octet) = rest.next() {
        if octet != b'\\' {
            input.push(octet);
            continue;
        }
        match rest.next().expect("an escape") {
            b'e' => {}
            b'n' => input.push(b'\n'),
            b'r' => input.push(b'\r'),
            b't' => input.push(b'\t'),
            b'x' => {
                let digits: String = rest.by_ref().take(2).map(char::from).collect();
                input.push(u8::from_str_radix(&digits, 16).expect("two digits"));
            }
            other => input.push(other),
        }
    }
    input
}
