//! The floors of the house (`lib.rs`): a file imports only from floors below its own and, within
//! its folder, only from files that `mod.rs` lists before it; floors that only decide contain no
//! I/O, no clock and no task; a `mod.rs` is a list and nothing else.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Ground floor first. Folders that share a floor do not know one another.
const FLOORS: &[&[&str]] = &[
    &["base"],
    &["fields"],
    &["api"],
    &["policy"],
    &["observe"],
    &["store", "upstream"],
    &["cache"],
    &["serve", "admin", "settings"],
    &["app"],
];

/// Floors that only decide, and the words that give away that one does more.
const PURE: &[&str] = &["fields", "api", "policy"];
const IMPURE: &[&str] =
    &["tokio", "hyper", "moka", "tracing", "std::fs", "std::net", "::now()", ".await"];

#[test]
fn the_house_stands() {
    let broken = broken_rules(&house_on_disk());
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn every_broken_rule_is_found() {
    let plans: &[(&str, &str, &str)] = &[
        ("store/memory.rs", "use crate::cache::exchange::Cache;", "climbs"),
        ("store/memory.rs", "use crate::upstream::client::X;", "climbs"),
        ("policy/key.rs", "use crate::policy::reuse::Plan;", "climbs"),
        ("policy/key.rs", "fn f() { crate::serve::reply::alive() }", "climbs"),
        ("policy/key.rs", "use crate::policy::{order, reuse};", "climbs"),
        ("policy/key.rs", "use super::reuse::Plan;", "goes round"),
        ("policy/key.rs", "use tokio::time::sleep;", "tokio"),
        ("fields/date.rs", "let now = SystemTime::now();", "::now()"),
        ("api/route.rs", "ready.await", ".await"),
        ("policy/mod.rs", "pub fn helper() {}", "more than a list"),
        ("attic/box.rs", "", "no floor"),
        ("policy/attic.rs", "", "not listed"),
    ];
    for (file, line, finding) in plans {
        let mut house = house_on_disk();
        assert!(broken_rules(&house).is_empty());
        house.entry((*file).to_owned()).or_default().insert_str(0, &format!("{line}\n"));
        let found = broken_rules(&house);
        assert!(found.iter().any(|rule| rule.contains(finding)), "{file}: {line}: {found:?}");
    }
}

#[test]
fn what_a_test_module_uses_does_not_count_as_impure() {
    let mut house = house_on_disk();
    let key = house.get_mut("policy/key.rs").unwrap();
    key.push_str("\n// in the tests: tokio\n");
    assert!(broken_rules(&house).is_empty());
}

/// Every file of a folder of `src`, as `folder/file.rs`, and its text.
type House = BTreeMap<String, String>;

fn broken_rules(house: &House) -> Vec<String> {
    let mut broken = Vec::new();
    for (path, text) in house {
        let (folder, file) = path.split_once('/').unwrap();
        if floor(folder).is_none() {
            broken.push(format!("src/{folder} has no floor"));
        } else if file == "mod.rs" {
            broken.extend(more_than_a_list(path, text));
        } else {
            broken.extend(climbing(house, folder, file, text));
            broken.extend(impure(folder, path, text));
        }
    }
    broken
}

fn floor(folder: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&folder))
}

/// The files of a folder in the order in which its `mod.rs` lists them.
fn reading_order<'a>(house: &'a House, folder: &str) -> Vec<&'a str> {
    let list = house.get(&format!("{folder}/mod.rs")).map_or("", String::as_str);
    list.lines().filter_map(listed).collect()
}

fn listed(line: &str) -> Option<&str> {
    line.strip_prefix("pub mod ").and_then(|rest| rest.strip_suffix(';'))
}

fn more_than_a_list(path: &str, text: &str) -> Vec<String> {
    let odd = |line: &&str| !line.is_empty() && !line.starts_with("//!") && listed(line).is_none();
    let odd = text.lines().filter(odd);
    odd.map(|line| format!("src/{path} is more than a list: {line}")).collect()
}

fn climbing(house: &House, folder: &str, file: &str, text: &str) -> Vec<String> {
    let order = reading_order(house, folder);
    let stem = file.trim_end_matches(".rs");
    let Some(position) = order.iter().position(|name| *name == stem) else {
        return vec![format!("src/{folder}/{file} is not listed in its mod.rs")];
    };
    let mut broken = Vec::new();
    for line in text.lines() {
        for (to_folder, to_file) in named(line) {
            let to_order = reading_order(house, to_folder);
            let allowed = match to_order.iter().position(|name| *name == to_file) {
                None => false, // braces, or something that would live in `mod.rs`
                Some(to) if to_folder == folder => to < position || to_file == stem,
                Some(_) => floor(to_folder) < floor(folder),
            };
            if !allowed {
                broken.push(format!("src/{folder}/{file} climbs: {}", line.trim()));
            }
        }
        let round = line.contains("super::super") || line.starts_with("use super::");
        if round {
            broken.push(format!("src/{folder}/{file} goes round the floors: {}", line.trim()));
        }
    }
    broken
}

/// Every `crate::folder::file` that a line names.
fn named(line: &str) -> Vec<(&str, &str)> {
    let word =
        |text: &str| text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    let mut found = Vec::new();
    for rest in line.split("crate::").skip(1) {
        let (folder, rest) = rest.split_at(word(rest));
        let rest = rest.strip_prefix("::").unwrap_or_default();
        found.push((folder, rest.split_at(word(rest)).0));
    }
    found
}

fn impure(folder: &str, path: &str, text: &str) -> Vec<String> {
    if !PURE.contains(&folder) {
        return Vec::new();
    }
    let shipped = text.split("#[cfg(test)]").next().unwrap();
    let words = IMPURE.iter().filter(|word| shipped.contains(**word));
    words.map(|word| format!("src/{path} decides, and yet says {word}")).collect()
}

fn house_on_disk() -> House {
    let mut house = House::new();
    for folder in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).unwrap() {
        let folder = folder.unwrap().path();
        if !folder.is_dir() {
            continue;
        }
        for file in fs::read_dir(&folder).unwrap() {
            let file = file.unwrap().path();
            assert!(file.is_file(), "a folder in a folder: {}", file.display());
            if file.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&file).unwrap();
                let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
                house.insert(format!("{}/{}", name(&folder), name(&file)), text);
            }
        }
    }
    house
}
