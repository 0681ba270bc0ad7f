//! No dependency is locked to a version from before a defect of it was mended (threats.md S11). What
//! becomes known later has to be looked up, and written down here.

use std::fs;

/// Package, the first version without the defect, and which that was.
const MENDED: [(&str, [u32; 3], &str); 4] = [
    ("bytes", [1, 11, 1], "RUSTSEC-2026-0007: a reservation that overflows"),
    ("crossbeam-channel", [0, 5, 15], "RUSTSEC-2025-0024: freed twice when dropped"),
    ("moka", [0, 12, 16], "moka-rs/moka#590: evicts no more, and grows"),
    ("tracing-subscriber", [0, 3, 20], "RUSTSEC-2025-0055: escapes for terminals go through"),
];

/// The versions of a package that a lock file names.
fn versions(lock: &str, package: &str) -> Vec<[u32; 3]> {
    let named = format!("\nname = \"{package}\"\nversion = \"");
    let version = |rest: &str| {
        let numbers =
            rest.split(['.', '-', '+', '"']).take(3).map(|number| number.parse().unwrap());
        numbers.collect::<Vec<_>>().try_into().unwrap()
    };
    lock.split(&named).skip(1).map(version).collect()
}

#[test]
fn no_locked_version_is_older_than_the_one_that_mended_a_known_defect() {
    let lock = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.lock")).unwrap();
    for (package, mended, defect) in MENDED {
        let locked = versions(&lock, package);
        assert!(!locked.is_empty(), "{package} is not there any more: its row may go");
        assert!(locked.iter().all(|version| *version >= mended), "{package} {locked:?}: {defect}");
    }
    assert_eq!(versions(&lock, "h2"), [[0; 3]; 0], "HTTP/2 is not there, nor are its defects");
}
