//! The names of all keys (design §4), and what to say about a name that is none of them.

use crate::settings::mistakes::Wrong;
use crate::settings::mistakes::escaped;

/// The sections and their keys, in the order of `config/default.toml`.
pub(crate) const SECTIONS: [(&str, &[&str]); 10] = [
    ("listen", &LISTEN),
    ("upstream", &UPSTREAM),
    ("cache", &["memory", "max_stored_body", "client_directives"]),
    ("lifetimes", &LIFETIMES),
    ("limit", &["rate", "burst", "max_wait", "max_queue", "total_rate"]),
    ("batch", &["path", "max_ids"]),
    ("breaker", &["failures", "penalty", "max_penalty"]),
    ("admin", &["address", "token_file"]),
    ("log", &["format", "level", "access"]),
    ("lifecycle", &["mode", "drain_delay", "drain_timeout", "core_dumps"]),
];

/// The one list of tables.
pub(crate) const RESOURCES: &str = "resources";

/// The keys of each `[[resources]]`.
pub(crate) const RESOURCE_KEYS: [&str; 6] =
    ["name", "paths", "kind", "credential", "store_set_cookie", "retry"];

const LISTEN: [&str; 10] = [
    "address",
    "cert_file",
    "key_file",
    "max_connections",
    "header_timeout",
    "idle_timeout",
    "write_timeout",
    "max_header_bytes",
    "max_target_bytes",
    "max_request_body",
];

const UPSTREAM: [&str; 10] = [
    "url",
    "ca_file",
    "connect_timeout",
    "answer_timeout",
    "body_timeout",
    "total_timeout",
    "pass_through_answer_timeout",
    "idle_timeout",
    "retries",
    "max_in_flight",
];

const LIFETIMES: [&str; 8] = [
    "open",
    "settled",
    "not_found",
    "stale_while_revalidate",
    "stale_if_error",
    "lease",
    "lease_grace",
    "max",
];

/// The keys of a section, if there is one of this name.
pub(crate) fn of_section(name: &str) -> Option<&'static [&'static str]> {
    SECTIONS.iter().find(|(section, _)| *section == name).map(|(_, keys)| *keys)
}

/// Every section and key.
pub(crate) fn all() -> impl Iterator<Item = (&'static str, &'static str)> {
    SECTIONS.iter().flat_map(|(section, keys)| keys.iter().map(|key| (*section, *key)))
}

/// About a name that is not a key of its section.
pub(crate) fn unknown_key(section: &str, key: &str) -> Wrong {
    let siblings = of_section(section).unwrap_or(&RESOURCE_KEYS);
    let near = nearest(key, siblings.iter().copied()).map(|near| format!("{section}.{near}"));
    Wrong::new(format!("is not a setting{}", hint(near.or_else(|| elsewhere(key)))))
}

/// About a name at the top of a file that is neither a section nor [`RESOURCES`].
pub(crate) fn unknown_section(name: &str) -> Wrong {
    let sections = SECTIONS.iter().map(|(section, _)| *section).chain([RESOURCES]);
    let near = nearest(name, sections).map(|near| match near {
        RESOURCES => format!("[[{RESOURCES}]]"),
        section => format!("[{section}]"),
    });
    Wrong::new(format!("is not a section{}", hint(near.or_else(|| elsewhere(name)))))
}

/// The end of a sentence about an unknown name.
pub(crate) fn hint(near: Option<String>) -> String {
    near.map(|near| format!("; did you mean {near}?")).unwrap_or_default()
}

/// The sections in which a key of exactly this name stands.
fn elsewhere(key: &str) -> Option<String> {
    let places = all().filter(|(_, name)| *name == key).map(|(s, name)| format!("{s}.{name}"));
    let places = places.collect::<Vec<_>>();
    (!places.is_empty()).then(|| places.join(" or "))
}

/// The candidate most like `word`, if one is near enough to be a slip of the hand: at most a third
/// of its letters differ, case aside.
pub(crate) fn nearest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let word = word.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (distance(&word, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= candidate.len().div_ceil(3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Levenshtein's: letters to insert, remove or replace. A word too long to be a slip is far from
/// everything, whatever it holds.
fn distance(one: &str, other: &str) -> usize {
    if one.len() > 64 {
        return usize::MAX;
    }
    let mut row = (0..=other.chars().count()).collect::<Vec<_>>();
    for (i, a) in one.chars().enumerate() {
        let mut left = i.saturating_add(1);
        let mut diagonal = i;
        for (above, b) in row.iter_mut().skip(1).zip(other.chars()) {
            let replaced = diagonal.saturating_add(usize::from(a != b));
            diagonal = *above;
            left = replaced.min(left.saturating_add(1)).min(above.saturating_add(1));
            *above = left;
        }
        if let Some(first) = row.first_mut() {
            *first = i.saturating_add(1);
        }
    }
    row.last().copied().unwrap_or_default()
}

/// `section.key` for a mistake, with an unknown name made harmless and short.
pub(crate) fn dotted(section: &str, key: &str) -> String {
    format!("{section}.{}", brief(key))
}

/// A name from outside, made harmless and short.
pub(crate) fn brief(name: &str) -> String {
    escaped(&name.chars().take(64).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distance_counts_letters() {
        for (one, other, expected) in [
            ("", "", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("abc", "abc", 0),
            ("kitten", "sitting", 3),
            ("memroy", "memory", 2),
            ("señal", "senal", 1),
        ] {
            assert_eq!(distance(one, other), expected, "{one} {other}");
            assert_eq!(distance(other, one), expected, "{other} {one}");
        }
    }

    #[test]
    fn an_unknown_name_is_answered_by_the_likeliest_known_one() {
        for (section, key, expected) in [
            ("listen", "adress", "; did you mean listen.address?"),
            ("listen", "max-connections", "; did you mean listen.max_connections?"),
            ("listen", "MaxConnections", "; did you mean listen.max_connections?"),
            ("lifetimes", "memory", "; did you mean cache.memory?"),
            (
                "cache",
                "idle_timeout",
                "; did you mean listen.idle_timeout or upstream.idle_timeout?",
            ),
            ("resources", "path", "; did you mean resources.paths?"),
            ("cache", "colour", ""),
            ("cache", "", ""),
        ] {
            let told = unknown_key(section, key).to_string();
            assert_eq!(told, format!("is not a setting{expected}"), "{section}.{key}");
        }
        for (name, expected) in [
            ("listn", "; did you mean [listen]?"),
            ("Upstream", "; did you mean [upstream]?"),
            ("resource", "; did you mean [[resources]]?"),
            ("url", "; did you mean upstream.url?"),
            ("zzz", ""),
        ] {
            assert_eq!(
                unknown_section(name).to_string(),
                format!("is not a section{expected}"),
                "{name}"
            );
        }
    }

    #[test]
    fn a_long_name_is_cut_and_made_harmless() {
        assert_eq!(dotted("log", "a\u{1b}b"), "log.a\\u{1b}b");
        assert_eq!(brief(&"x".repeat(500)).len(), 64);
    }

    #[test]
    fn the_names_are_those_of_the_default_settings_in_their_order() {
        let defaults = include_str!("../../config/default.toml");
        let mut found = Vec::new();
        let mut section = "";
        for line in defaults.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            match line.split_once(" = ") {
                Some((key, _)) => found.push((section, key)),
                None => section = line.trim_matches(['[', ']']),
            }
        }
        let expected = all().chain(RESOURCE_KEYS.map(|key| (RESOURCES, key)));
        assert_eq!(found, expected.collect::<Vec<_>>());
    }
}
