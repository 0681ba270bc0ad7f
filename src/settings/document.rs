//! One settings file: TOML into a tree, every value with the line it stands on.
//!
//! Read with the `toml` crate's own tables rather than through `config`'s file source: only they
//! keep the lines, and only so are all syntax errors seen and not the first alone.

use crate::settings::keys;
use crate::settings::keys::RESOURCE_KEYS;
use crate::settings::keys::RESOURCES;
use crate::settings::mistakes::Mistakes;
use crate::settings::mistakes::Wrong;
use crate::settings::mistakes::escaped;
use crate::settings::tree::DEFAULT;
use crate::settings::tree::Tree;
use config::Map;
use config::Value;
use config::ValueKind;
use std::ops::Range;
use toml::Spanned;
use toml::de::DeInteger;
use toml::de::DeString;
use toml::de::DeTable;
use toml::de::DeValue;
use toml::de::Error;

/// `config/default.toml`, which is the compiled default and its own documentation.
const DEFAULTS: &str = include_str!("../../config/default.toml");

/// What the `toml` crate says of a key that stands twice; the rest of such a file is sound.
const DUPLICATE: &str = "duplicate key";

/// Reads a file's text. Whatever is wrong is noted and left out of the tree.
pub(crate) fn read(name: &str, text: &str, mistakes: &mut Mistakes) -> Tree {
    Document::new(Some(name), text).read(mistakes)
}

/// Reads the compiled defaults, whose values have no line.
pub(crate) fn read_defaults(mistakes: &mut Mistakes) -> Tree {
    Document::new(None, DEFAULTS).read(mistakes)
}

struct Document<'a> {
    name: Option<&'a str>,
    text: &'a str,
    /// Where each line begins, for finding a line by binary search.
    lines: Vec<usize>,
}

impl<'a> Document<'a> {
    fn new(name: Option<&'a str>, text: &'a str) -> Self {
        let after_breaks = text.match_indices('\n').map(|(at, _)| at.saturating_add(1));
        Self { name, text, lines: [0].into_iter().chain(after_breaks).collect() }
    }

    fn read(&self, mistakes: &mut Mistakes) -> Tree {
        let mut tree = Tree::default();
        let (document, mut errors) = DeTable::parse_recoverable(self.text);
        errors.sort_by_key(|error| error.span().unwrap_or_default().start);
        if !self.is_sound(&errors, mistakes) {
            return tree;
        }
        for (name, item) in in_order(document.get_ref()) {
            let place = self.place(name.span());
            match (name.get_ref().as_ref(), item.get_ref()) {
                (RESOURCES, item) => self.read_resources(item, &place, &mut tree, mistakes),
                (section, item) if keys::of_section(section).is_some() => match item {
                    DeValue::Table(keys) => self.read_section(section, keys, &mut tree, mistakes),
                    _ => mistakes.note(&place, Some(section), not_a_section(section)),
                },
                (unknown, _) => {
                    let about = keys::brief(unknown);
                    mistakes.note(&place, Some(&about), keys::unknown_section(unknown));
                }
            }
        }
        tree
    }

    /// Notes what is not TOML, once a line: what follows on the line is mostly its echo.
    fn is_sound(&self, errors: &[Error], mistakes: &mut Mistakes) -> bool {
        let mut sound = true;
        let mut last = None;
        for error in errors {
            let span = error.span().unwrap_or_default();
            let place = self.place(span.clone());
            if error.message() == DUPLICATE {
                let key = self.text.get(span).map(keys::brief).unwrap_or_default();
                mistakes.note(&place, Some(&key), Wrong::new("is set twice"));
                continue;
            }
            sound = false;
            if last.as_ref() != Some(&place) {
                let wrong = format!("is not TOML: {}", escaped(error.message()));
                let wrong =
                    Wrong::value(&wrong, "KEY = VALUE on a line of its own, text in quotes");
                mistakes.note_unreadable(&place, wrong);
            }
            last = Some(place);
        }
        sound
    }

    fn read_section(
        &self,
        section: &str,
        keys: &DeTable<'_>,
        tree: &mut Tree,
        mistakes: &mut Mistakes,
    ) {
        let known = keys::of_section(section).unwrap_or_default();
        for (key, value) in self.vetted(section, known, keys, mistakes) {
            tree.put(section, key, value);
        }
    }

    fn read_resources(
        &self,
        item: &DeValue<'_>,
        place: &str,
        tree: &mut Tree,
        mistakes: &mut Mistakes,
    ) {
        let wrong = || Wrong::value("is not a list of tables", "[[resources]], once for each");
        let DeValue::Array(items) = item else {
            mistakes.note(place, Some(RESOURCES), wrong());
            return;
        };
        let mut resources = Vec::new();
        for item in items {
            let place = self.place(item.span());
            let DeValue::Table(keys) = item.get_ref() else {
                mistakes.note(&place, Some(RESOURCES), wrong());
                continue;
            };
            let keys = self.vetted(RESOURCES, &RESOURCE_KEYS, keys, mistakes);
            let keys = keys.into_iter().map(|(key, value)| (key.to_owned(), value));
            resources.push(Value::new(Some(&place), keys.collect::<Map<_, _>>()));
        }
        tree.put_resources(place, resources);
    }

    /// The known keys of a table, each with its value and place. A table for a value is left out
    /// here: merged, it would take the value's place without one of its own.
    fn vetted<'k>(
        &self,
        section: &str,
        known: &[&'k str],
        keys: &DeTable<'_>,
        mistakes: &mut Mistakes,
    ) -> Vec<(&'k str, Value)> {
        let mut vetted = Vec::new();
        for (key, value) in in_order(keys) {
            let place = self.place(key.span());
            let name = key.get_ref().as_ref();
            let about = keys::dotted(section, name);
            match known.iter().find(|known| **known == name) {
                None => mistakes.note(&place, Some(&about), keys::unknown_key(section, name)),
                Some(_) if value.get_ref().is_table() => {
                    mistakes.note(&place, Some(&about), Wrong::new("is a table, not a value"));
                }
                Some(key) => vetted.push((*key, leaf(value.get_ref(), &place))),
            }
        }
        vetted
    }

    fn place(&self, span: Range<usize>) -> String {
        let line = self.lines.partition_point(|start| *start <= span.start);
        self.name.map_or_else(|| DEFAULT.to_owned(), |name| format!("{name}:{line}"))
    }
}

fn not_a_section(name: &str) -> Wrong {
    Wrong::value("is a section, not a value", &format!("[{name}] and its keys below"))
}

/// In the order of the file; the table itself is sorted by name.
fn in_order<'t, 'i>(
    table: &'t DeTable<'i>,
) -> Vec<(&'t Spanned<DeString<'i>>, &'t Spanned<DeValue<'i>>)> {
    let mut items = table.iter().collect::<Vec<_>>();
    items.sort_by_key(|(key, _)| key.span().start);
    items
}

/// A value or a list of values; anything deeper is nothing that a key takes.
fn leaf(value: &DeValue<'_>, place: &str) -> Value {
    let place = place.to_owned();
    match value {
        DeValue::Array(items) => {
            let items = items.iter().map(|item| Value::new(Some(&place), scalar(item.get_ref())));
            Value::new(Some(&place), items.collect::<Vec<_>>())
        }
        value => Value::new(Some(&place), scalar(value)),
    }
}

fn scalar(value: &DeValue<'_>) -> ValueKind {
    match value {
        DeValue::String(text) => ValueKind::String(text.clone().into_owned()),
        DeValue::Integer(number) => ValueKind::I128(integer(number)),
        DeValue::Float(number) => ValueKind::Float(number.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(truth) => ValueKind::Boolean(*truth),
        DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => ValueKind::Nil,
    }
}

/// One beyond every bound stays beyond it.
fn integer(number: &DeInteger<'_>) -> i128 {
    let digits = number.as_str();
    let beyond = if digits.starts_with('-') { i128::MIN } else { i128::MAX };
    i128::from_str_radix(digits, number.radix()).unwrap_or(beyond)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::tree::place;
    use proptest::prelude::any;
    use proptest::proptest;

    fn parse(text: &str) -> (Tree, Vec<String>) {
        let mut mistakes = Mistakes::default();
        let tree = read("f", text, &mut mistakes);
        (tree, mistakes.found().iter().map(ToString::to_string).collect())
    }

    #[test]
    fn every_value_knows_its_line() {
        let text =
            "log.level = \"info\"\n\n[cache]\r\nmemory = \"1MiB\"\n[[resources]]\nname = \"a\"";
        let (tree, mistakes) = parse(text);
        assert_eq!(mistakes, [""; 0]);
        for (section, key, line) in [("log", "level", "f:1"), ("cache", "memory", "f:4")] {
            assert_eq!(place(tree.leaf(section, key).unwrap()), line, "{section}.{key}");
        }
        assert_eq!(tree.resources().0, "f:5");
    }

    #[test]
    fn what_is_wrong_is_left_out_and_the_rest_kept() {
        let (tree, mistakes) =
            parse("\u{feff}[log]\nlevel = \"info\"\ncolour = 1\nformat = {}\n[nope]\nx = 1");
        assert_eq!(tree.section("log").unwrap().len(), 1);
        assert_eq!(
            mistakes,
            [
                "f:3: log.colour: is not a setting",
                "f:4: log.format: is a table, not a value",
                "f:5: nope: is not a section",
            ]
        );
    }

    #[test]
    fn a_number_beyond_every_bound_stays_beyond_it() {
        let (tree, _) = parse(&format!("log.level = {}\nlog.format = -{0}", "9".repeat(60)));
        assert_eq!(tree.leaf("log", "level").unwrap().kind, ValueKind::I128(i128::MAX));
        assert_eq!(tree.leaf("log", "format").unwrap().kind, ValueKind::I128(i128::MIN));
    }

    #[test]
    fn deep_nesting_is_refused_and_not_followed() {
        for (text, case) in [
            (format!("{}a = 1", "a.".repeat(20_000)), "dotted key"),
            (format!("[{}a]", "a.".repeat(20_000)), "dotted table"),
            (format!("a = {}1{}", "[".repeat(20_000), "]".repeat(20_000)), "list"),
        ] {
            let (_, mistakes) = parse(&text);
            assert!(mistakes.iter().any(|told| told.contains("is not TOML")), "{case}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in any::<String>(), toml in "[a-z\\[\\]{}.=\"'#\\n\\r \\\\0-9]{0,80}") {
            parse(&text);
            parse(&toml);
            parse(&format!("[listen]\n{toml}"));
        }
    }
}
