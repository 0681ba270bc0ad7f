//! `docs/rfc9111.md` says what is done about each requirement, `docs/threats.md` what about each
//! threat and each fault, and which test shows it: so they must not go stale. And the tests that were
//! missing when the first of them was written.

use crate::support::house::ANN;
use crate::support::house::pass;
use crate::support::pages::BOTH;
use crate::support::pages::FIRST;
use crate::support::pages::FRESH;
use crate::support::pages::PAGE;
use crate::support::pages::TAG;
use crate::support::pages::house_with_pages;
use crate::support::recall::T1;
use crate::support::upstream::Say;
use std::collections::BTreeSet;
use std::fs;
use std::ops::RangeInclusive;
use std::path::Path;
use std::path::PathBuf;
use std::sync::atomic::Ordering;

/// The sections that say something to caches.
const SECTIONS: &[&str] = &[
    "3", "3.1", "3.2", "3.3", "3.4", "3.5", "4", "4.1", "4.2", "4.2.1", "4.2.2", "4.2.3", "4.2.4",
    "4.3.1", "4.3.2", "4.3.3", "4.3.4", "4.3.5", "4.4", "5.1", "5.2", "5.2.1.1", "5.2.1.2",
    "5.2.1.3", "5.2.1.4", "5.2.1.5", "5.2.1.6", "5.2.1.7", "5.2.2.1", "5.2.2.2", "5.2.2.3",
    "5.2.2.4", "5.2.2.5", "5.2.2.6", "5.2.2.7", "5.2.2.8", "5.2.2.9", "5.2.2.10", "5.2.3", "5.3",
    "5.4", "5.5",
];

const RFC: &str = "docs/rfc9111.md";
const THREATS: &str = "docs/threats.md";

/// The rows of the threats: a letter, and the numbers behind it.
const ROWS: [(&str, RangeInclusive<u8>); 9] = [
    ("K", 1..=10),
    ("L", 1..=30),
    ("P", 1..=16),
    ("F", 1..=15),
    ("H", 1..=5),
    ("T", 1..=1),
    ("S", 1..=12),
    ("D", 1..=12),
    ("R", 1..=33),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn paper(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap()
}

/// What stands between backticks.
fn quoted(paper: &str) -> impl Iterator<Item = &str> {
    paper.split('`').skip(1).step_by(2)
}

/// Where what a paper names may stand: a file in the root or in `src`; a module of the tests here, or
/// another test binary.
fn places(named: &str) -> Vec<PathBuf> {
    let tests = || {
        let folders = ["tests/gateway", "tests/endurance", "fuzz"];
        let modules = folders.map(|folder| format!("{folder}/{named}.rs"));
        [&modules[..], &[format!("tests/{named}/main.rs"), format!("{named}/main.rs")]].concat()
    };
    let files = || vec![named.to_owned(), format!("src/{named}")];
    let all = if is_word(named) { tests() } else { files() };
    all.into_iter().map(|place| root().join(place)).collect()
}

fn is_word(text: &str) -> bool {
    let is_letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    !text.is_empty() && text.chars().all(is_letter)
}

/// What a paper names, files and modules of tests, each with the test named in it, if one is.
fn references(paper: &str) -> Vec<(&str, Option<&str>)> {
    let split = |text| str::split_once(text, "::").map_or((text, None), |(f, t)| (f, Some(t)));
    let is_source = |named: &str| Path::new(named).extension().is_some_and(|end| end == "rs");
    let is_one = |(named, test): &(&str, Option<&str>)| {
        let is_test = test.is_none_or(is_word);
        is_test && (is_source(named) || (is_word(named) && test.is_some()))
    };
    quoted(paper).map(split).filter(is_one).collect()
}

/// The text of a file with each run of white space made one space.
fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether a flat text has a function of this name that is a test: what stands before it, up to the
/// end of the one before, says so.
fn has_test(text: &str, name: &str) -> bool {
    let Some((before, _)) = text.split_once(&format!("fn {name}(")) else { return false };
    let attributes = before.rsplit_once('}').map_or(before, |(_, attributes)| attributes);
    attributes.contains("#[test]") || attributes.contains("#[tokio::test")
}

#[test]
fn every_file_and_every_test_that_a_paper_names_is_there() {
    for (name, least) in [(RFC, 100), (THREATS, 200)] {
        let paper = paper(name);
        let found = references(&paper);
        assert!(found.iter().filter(|(_, test)| test.is_some()).count() > least, "{name}");
        for (named, test) in found {
            let source = places(named).iter().find_map(|place| fs::read_to_string(place).ok());
            let source = source.unwrap_or_else(|| panic!("{name}: there is no {named}"));
            let Some(test) = test else { continue };
            assert!(has_test(&flat(&source), test), "{name}: {named} has no test {test}");
        }
    }
}

#[test]
fn a_name_that_is_nowhere_is_found_out() {
    let text = flat("fn helper() {}\n #[test]\n fn a_test() {} fn helped() { a_test() }");
    for (name, there) in [("a_test", true), ("helper", false), ("helped", false), ("a", false)] {
        assert_eq!(has_test(&text, name), there, "{name}");
    }
    let rows = [
        ("`a/b.rs::c`", vec![("a/b.rs", Some("c"))]),
        ("`a/b.rs` and `no-store`", vec![("a/b.rs", None)]),
        ("`a_b::c`, `a` and `a/b.rs::…`", vec![("a_b", Some("c"))]),
    ];
    for (paper, expected) in rows {
        assert_eq!(references(paper), expected, "{paper}");
    }
}

#[test]
fn every_section_has_a_row() {
    let paper = paper(RFC);
    let rows = paper.lines().filter_map(|line| line.strip_prefix("| ")?.split_once(" |"));
    let there: BTreeSet<_> = rows.map(|(section, _)| section).collect();
    for section in SECTIONS {
        assert!(there.contains(section), "{section}");
    }
}

#[test]
fn every_threat_and_every_fault_has_a_row_that_names_a_test_or_says_why_there_is_none() {
    let paper = paper(THREATS);
    let ids = ROWS
        .into_iter()
        .flat_map(|(letter, numbers)| numbers.map(move |number| format!("{letter}{number}")));
    for id in ids {
        let begin = format!("| {id} |");
        let rows: Vec<_> = paper.lines().filter(|line| line.starts_with(&begin)).collect();
        let [row] = rows[..] else { panic!("{id} has {} rows", rows.len()) };
        let why = ["not there", "by construction", "MISSING"];
        let is_tested = references(row).iter().any(|(_, test)| test.is_some());
        assert!(is_tested || why.iter().any(|why| row.contains(why)), "{row}");
    }
}

#[test]
fn every_departure_is_marked_where_it_is_made_and_explained_at_the_end() {
    let paper = paper(RFC);
    let (tables, end) = paper.split_once("\n## Departures\n").unwrap();
    let number = |text: &str| {
        let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        text[..end].parse::<usize>().unwrap()
    };
    let marked: BTreeSet<_> = tables.split("**departure ").skip(1).map(number).collect();
    let listed = end.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_digit()));
    let explained: Vec<_> = listed.map(number).collect();
    assert_eq!(marked.into_iter().collect::<Vec<_>>(), explained);
    assert_eq!(explained, (1..=explained.len()).collect::<Vec<_>>());
}

/// RFC 9111 section 4.2. The same date, well written, would be a day ahead.
#[tokio::test(start_paused = true)]
async fn a_date_that_is_not_written_as_dates_are_means_stale() {
    let rows = [
        ("Sat, 16 Jan 2027 08:00:00 GMT", "stored"),
        ("sat, 16 jan 2027 08:00:00 gmt", "detail=zero-lifetime"),
        ("Sat, 16 Jan 2027 08:00:00 UTC", "detail=zero-lifetime"),
        ("Sat, 16 Jan 2027 08:00:00 EST", "detail=zero-lifetime"),
        ("Sat, 16 Jan 2027 08:00:00 +0000", "detail=zero-lifetime"),
        ("Sat, 16 Jan 2027 08:00:00", "detail=zero-lifetime"),
        ("2027-01-16T08:00:00Z", "detail=zero-lifetime"),
    ];
    for (target, (expires, expected)) in BOTH.iter().flat_map(|t| rows.map(|row| (t, row))) {
        let house = house_with_pages(|_| {});
        house.upstream.always(Say::json(200, FIRST, &[("expires", expires)]));
        let cache = house.get(target, ANN).await.cache();
        assert!(cache.ends_with(expected), "{target} {expires}: {cache}");
    }
}

/// RFC 9111 section 5.2.2.2: an error rather than something stale.
#[tokio::test(start_paused = true)]
async fn what_is_to_be_validated_is_not_given_out_where_nobody_can_be_asked() {
    const DIRECTIVES: [&str; 3] = [
        "max-age=10, must-revalidate",
        "max-age=10, no-cache",
        "must-revalidate, stale-if-error=99",
    ];
    for (target, directives) in BOTH.iter().flat_map(|t| DIRECTIVES.map(|d| (t, d))) {
        for (refused, status) in [(true, 502), (false, 504)] {
            let house = house_with_pages(|_| {});
            let fields = [("cache-control", directives), TAG];
            house.upstream.always(Say::json(200, FIRST, &fields));
            assert!(house.get(target, ANN).await.cache().ends_with("; stored"), "{directives}");
            pass(20).await;
            house.reachable.store(!refused, Ordering::Relaxed);
            house.silent.store(!refused, Ordering::Relaxed);
            let reply = house.get(target, ANN).await;
            assert_eq!((reply.status, reply.field("age")), (status, None), "{target} {directives}");
        }
    }
}

/// RFC 9111 section 5.2.
#[tokio::test(start_paused = true)]
async fn a_clients_directives_go_on_with_all_but_a_read_of_a_ticket() {
    let rows = [
        ("GET", PAGE, true),
        ("HEAD", PAGE, true),
        ("PUT", PAGE, true),
        ("PUT", T1, true),
        ("GET", "/v2/clients", true),
        ("GET", T1, false),
    ];
    let directives = ["max-age=5, odd", "x=\"y, z\""];
    for (method, target, goes_on) in rows {
        let house = house_with_pages(|_| {});
        let lines = directives.map(|line| ("cache-control", line));
        let fields: Vec<_> = [("authorization", ANN)].into_iter().chain(lines).collect();
        house.client().ask(method, target, &fields).await;
        let heard = house.upstream.last();
        let expected = if goes_on { &directives[..] } else { &[] };
        assert_eq!(heard.all("cache-control"), expected, "{method} {target}");
    }
}

/// RFC 9111 section 5.2.2.7.
#[tokio::test(start_paused = true)]
async fn a_field_that_private_names_is_stored_for_its_credential_and_not_for_everyone() {
    for (asked, kept) in [(&[][..], None), (&[("authorization", ANN)][..], Some("1"))] {
        let house = house_with_pages(|_| {});
        let fields = [("cache-control", "max-age=10, private=\"X-One, x-two\""), ("x-one", "1")];
        house.upstream.always(Say::json(200, FIRST, &fields));
        assert_eq!(house.client().ask("GET", PAGE, asked).await.field("x-one"), Some("1"));
        let hit = house.client().ask("GET", PAGE, asked).await;
        assert_eq!((hit.is_hit(), hit.field("x-one")), (true, kept), "{asked:?}");
        assert_eq!(house.upstream.count(), 1, "{asked:?}");
    }
}

/// RFC 9111 sections 5.4 and 5.5.
#[tokio::test(start_paused = true)]
async fn pragma_and_warning_of_an_answer_change_nothing_and_come_back() {
    let fields = [FRESH, ("pragma", "no-cache"), ("warning", "110 - \"Response is Stale\"")];
    for target in BOTH {
        let house = house_with_pages(|_| {});
        house.upstream.always(Say::json(200, FIRST, &fields));
        for hit in [false, true] {
            let reply = house.get(target, ANN).await;
            assert_eq!(reply.is_hit(), hit, "{target}");
            for (name, value) in fields {
                assert_eq!(reply.message.all(name), [value], "{target} {name}");
            }
        }
        assert_eq!(house.upstream.count(), 1, "{target}");
    }
}
