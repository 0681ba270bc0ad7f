//! What is wrong with the settings: every mistake with its place, its key and what is accepted.

use std::error::Error;
use std::fmt;

/// More are counted, not kept: a file that is not a settings file at all is one mistake, not a
/// million.
const KEPT: usize = 100;

/// The longest piece of somebody's input that is shown back.
const SHOWN: usize = 40;

/// Every mistake found.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Mistakes {
    found: Vec<Mistake>,
    /// How many were found beyond those kept.
    more: usize,
    /// A source could not be read: what it would have said is not known.
    incomplete: bool,
}

/// One mistake.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Mistake {
    /// `FILE:LINE`, `environment NAME` or a flag.
    pub place: String,
    /// `section.key`, unless the mistake is about a whole source.
    pub key: Option<String>,
    /// What is wrong, and what is accepted.
    pub wrong: Wrong,
}

/// What is wrong, and what is accepted, as one sentence for the operator.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Wrong(String);

impl Wrong {
    /// A sentence of its own.
    pub(crate) fn new(sentence: impl Into<String>) -> Self {
        Self(sentence.into())
    }

    /// A value that is not accepted, and what is instead.
    pub(crate) fn value(problem: &str, accepted: &str) -> Self {
        Self(format!("{problem}; accepted: {accepted}"))
    }
}

impl Mistakes {
    /// Writes one down.
    pub(crate) fn note(&mut self, place: &str, key: Option<&str>, wrong: Wrong) {
        if self.found.len() < KEPT {
            let (place, key) = (place.to_owned(), key.map(str::to_owned));
            self.found.push(Mistake { place, key, wrong });
        } else {
            self.more = self.more.saturating_add(1);
        }
    }

    /// Writes down that a whole source could not be read.
    pub(crate) fn note_unreadable(&mut self, place: &str, wrong: Wrong) {
        self.incomplete = true;
        self.note(place, None, wrong);
    }

    /// Whether all of these keys were read without a mistake, so that they may be held against one
    /// another. With a source missing, a contradiction might be none.
    pub(crate) fn spare(&self, keys: &[&str]) -> bool {
        let concerns =
            |mistake: &Mistake| mistake.key.as_deref().is_some_and(|k| keys.contains(&k));
        !self.incomplete && self.more == 0 && !self.found.iter().any(concerns)
    }

    /// By source, and in each file by line: the order in which they are put right.
    pub(crate) fn sorted(mut self) -> Self {
        self.found.sort_by(|one, other| one.position().cmp(&other.position()));
        self
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Those kept.
    pub fn found(&self) -> &[Mistake] {
        &self.found
    }
}

impl Mistake {
    /// The source, and the line in it if it has lines.
    fn position(&self) -> (&str, usize) {
        match self.place.rsplit_once(':').map(|(source, line)| (source, line.parse())) {
            Some((source, Ok(line))) => (source, line),
            _ => (&self.place, 0),
        }
    }
}

impl Error for Mistakes {}

impl fmt::Display for Mistakes {
    /// A heading, then a line for each.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.found.len().saturating_add(self.more) {
            1 => write!(f, "1 mistake in the settings:")?,
            count => write!(f, "{count} mistakes in the settings:")?,
        }
        for mistake in &self.found {
            write!(f, "\n  {mistake}")?;
        }
        if self.more > 0 {
            write!(f, "\n  … and {} more", self.more)?;
        }
        Ok(())
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.key {
            Some(key) => write!(f, "{}: {key}: {}", self.place, self.wrong),
            None => write!(f, "{}: {}", self.place, self.wrong),
        }
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The operator's own text, quoted, where it is short and can hardly be a secret: tokens are long,
/// and what has an `@` may be a password before a host.
pub(crate) fn shown(text: &str) -> String {
    if text.len() > SHOWN || text.contains('@') {
        return "the value".to_owned();
    }
    format!("\"{}\"", text.escape_debug())
}

/// Somebody's text with control characters escaped, so that it cannot drive the terminal.
pub(crate) fn escaped(text: &str) -> String {
    // Quotes are harmless where nothing is quoted.
    text.escape_debug().to_string().replace("\\'", "'").replace("\\\"", "\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mistake_is_a_line_and_a_flood_is_counted() {
        let mut mistakes = Mistakes::default();
        mistakes.note("a.toml:3", Some("log.level"), Wrong::value("\"x\" is unknown", "info"));
        let one =
            "1 mistake in the settings:\n  a.toml:3: log.level: \"x\" is unknown; accepted: info";
        assert_eq!(mistakes.to_string(), one);
        for _ in 0..200 {
            mistakes.note("b.toml", None, Wrong::new("is empty"));
        }
        let told = mistakes.to_string();
        assert!(told.starts_with("201 mistakes in the settings:\n"), "{told}");
        assert!(told.ends_with("\n  b.toml: is empty\n  … and 101 more"), "{told}");
        assert_eq!(told.lines().count(), 102);
    }

    #[test]
    fn what_may_be_a_secret_is_not_shown() {
        let long = "x".repeat(41);
        for (text, expected) in [
            ("10", "\"10\""),
            ("", "\"\""),
            ("a\u{1b}[2J\n", "\"a\\u{1b}[2J\\n\""),
            ("ticket-señal", "\"ticket-señal\""),
            ("me:pass@host", "the value"),
            (long.as_str(), "the value"),
        ] {
            assert_eq!(shown(text), expected, "{text:?}");
        }
    }

    #[test]
    fn mistakes_are_told_by_source_and_line() {
        let mut mistakes = Mistakes::default();
        for place in ["b.toml:2", "a:b.toml:10", "environment X", "a:b.toml:9", "--listen"] {
            mistakes.note(place, None, Wrong::new("is wrong"));
        }
        let sorted = mistakes.sorted();
        let places = sorted.found().iter().map(|mistake| mistake.place.as_str());
        let expected = ["--listen", "a:b.toml:9", "a:b.toml:10", "b.toml:2", "environment X"];
        assert_eq!(places.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn keys_with_a_mistake_are_not_held_against_others() {
        let mut mistakes = Mistakes::default();
        mistakes.note("a", Some("log.level"), Wrong::new("is wrong"));
        assert!(mistakes.spare(&["log.format"]));
        assert!(!mistakes.spare(&["log.format", "log.level"]));
        mistakes.note_unreadable("b", Wrong::new("is not there"));
        assert!(!mistakes.spare(&["log.format"]));
    }
}
