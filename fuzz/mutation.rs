//! How an input becomes another.

use fastrand::Rng;

/// Longer ones find nothing that these do not; what length alone does, `growth` shows.
const LONGEST: usize = 4 << 10;

/// One to four changes to a copy of `base`. `other` is an input to take pieces from.
pub fn mutated(base: &[u8], other: &[u8], words: &[&str], chance: &mut Rng) -> Vec<u8> {
    let mut input = base.to_vec();
    for _ in 0..chance.usize(1..=4) {
        change(&mut input, other, words, chance);
    }
    input.truncate(LONGEST);
    input
}

fn change(input: &mut Vec<u8>, other: &[u8], words: &[&str], chance: &mut Rng) {
    let (start, end) = span(input.len(), chance);
    match chance.u8(..11) {
        0 => flip(input, start, 1 << chance.u8(..8)),
        1 => flip(input, start, 0x20),
        2 => input.insert(start, chance.u8(..)),
        3 => input.insert(start, *chance.choice(NASTY).unwrap_or(&0)),
        4 => drop(input.drain(start..end)),
        5 => input.truncate(start),
        6 => {
            let again = input[start..end].to_vec();
            insert(input, start, &again.repeat(chance.usize(1..4)));
        }
        7 => {
            let (from, to) = span(other.len(), chance);
            input.truncate(start);
            input.extend_from_slice(&other[from..to]);
        }
        8 => {
            let (from, to) = span(other.len(), chance);
            drop(input.splice(start..end, other[from..to].iter().copied()));
        }
        9 => insert(input, start, chance.choice(words).unwrap_or(&"").as_bytes()),
        _ => {
            let word = chance.choice(words).unwrap_or(&"").bytes();
            drop(input.splice(start..end, word));
        }
    }
}

/// Octets that grammars treat apart.
const NASTY: &[u8] = b"\0\t\n\r \"%&'()*+,-./09:;<=>?@[\\]^_`{|}~\x7F\x80\xC0\xFF";

fn span(length: usize, chance: &mut Rng) -> (usize, usize) {
    let start = chance.usize(..=length);
    let most = if chance.bool() { 4 } else { length };
    (start, start + chance.usize(..=most.min(length - start)))
}

fn flip(input: &mut [u8], place: usize, bits: u8) {
    if let Some(octet) = input.get_mut(place) {
        *octet ^= bits;
    }
}

fn insert(input: &mut Vec<u8>, place: usize, octets: &[u8]) {
    drop(input.splice(place..place, octets.iter().copied()));
}
