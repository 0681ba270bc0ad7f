//! One section of the merged settings, read key by key. A mistake is noted with its place and
//! reading goes on, so that all of them are told at once.
//!
//! What stands in for a mistaken value is never seen: settings with a mistake are not handed out.

use crate::settings::address;
use crate::settings::address::ADDRESSES;
use crate::settings::mistakes::Mistakes;
use crate::settings::mistakes::Wrong;
use crate::settings::mistakes::shown;
use crate::settings::model::Address;
use crate::settings::quantities;
use crate::settings::tree::DEFAULT;
use crate::settings::tree::Tree;
use crate::settings::tree::place;
use crate::settings::values;
use config::Map;
use config::Value;
use std::net::Ipv4Addr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

/// The least that a timeout may be: timers tick in milliseconds, and none would be never or at once.
const SHORTEST_TIMEOUT: Duration = Duration::from_millis(1);

/// A section, and where its mistakes are noted.
pub(crate) struct Section<'a> {
    name: &'a str,
    /// Where the section itself stands, for what is missing in it.
    place: &'a str,
    keys: Option<&'a Map<String, Value>>,
    mistakes: &'a mut Mistakes,
}

impl<'a> Section<'a> {
    /// A section of the tree.
    pub(crate) fn of(tree: &'a Tree, name: &'a str, mistakes: &'a mut Mistakes) -> Self {
        Self { name, place: DEFAULT, keys: tree.section(name), mistakes }
    }

    /// One of a list of tables.
    pub(crate) fn one_of(
        name: &'a str,
        place: &'a str,
        keys: &'a Map<String, Value>,
        mistakes: &'a mut Mistakes,
    ) -> Self {
        Self { name, place, keys: Some(keys), mistakes }
    }

    /// Reads a key with one of the readers of [`values`], or with one's own.
    pub(crate) fn read<T>(
        &mut self,
        key: &str,
        parse: impl FnOnce(&Value) -> Result<T, Wrong>,
    ) -> Option<T> {
        let read = match self.keys.and_then(|keys| keys.get(key)) {
            Some(value) => parse(value).map_err(|wrong| (place(value), wrong)),
            None => Err((self.place, Wrong::new("is missing"))),
        };
        read.map_err(|(place, wrong)| self.mistakes.note(place, Some(&self.full(key)), wrong)).ok()
    }

    /// Notes a mistake about a key that was read.
    pub(crate) fn refuse(&mut self, key: &str, wrong: Wrong) {
        let place = self.keys.and_then(|keys| keys.get(key)).map_or(self.place, place);
        self.mistakes.note(place, Some(&self.full(key)), wrong);
    }

    fn full(&self, key: &str) -> String {
        format!("{}.{key}", self.name)
    }

    /// A duration that may be zero.
    pub(crate) fn duration(&mut self, key: &str) -> Duration {
        self.read(key, |value| quantities::duration(value, Duration::ZERO)).unwrap_or_default()
    }

    /// A duration that may not.
    pub(crate) fn timeout(&mut self, key: &str) -> Duration {
        self.read(key, |value| quantities::duration(value, SHORTEST_TIMEOUT)).unwrap_or_default()
    }

    /// A number of bytes.
    pub(crate) fn size(&mut self, key: &str, within: &RangeInclusive<u64>) -> u64 {
        self.read(key, |value| quantities::size(value, within)).unwrap_or_default()
    }

    /// A number of bytes of something held in memory.
    pub(crate) fn length(&mut self, key: &str, within: &RangeInclusive<u64>) -> usize {
        usize::try_from(self.size(key, within)).unwrap_or(usize::MAX)
    }

    /// A whole number.
    pub(crate) fn whole(&mut self, key: &str, within: &RangeInclusive<u32>) -> u32 {
        self.read(key, |value| values::whole(value, within)).unwrap_or_default()
    }

    /// A whole number of things held in memory.
    pub(crate) fn count(&mut self, key: &str, within: &RangeInclusive<u32>) -> usize {
        usize::try_from(self.whole(key, within)).unwrap_or(usize::MAX)
    }

    /// A truth value.
    pub(crate) fn truth(&mut self, key: &str) -> bool {
        self.read(key, values::truth).unwrap_or_default()
    }

    /// One of a few words.
    pub(crate) fn word<T: Copy>(&mut self, key: &str, words: &[(&str, T)], stand_in: T) -> T {
        self.read(key, |value| values::word(value, words)).unwrap_or(stand_in)
    }

    /// The name of a file, or none.
    pub(crate) fn file(&mut self, key: &str) -> Option<PathBuf> {
        self.read(key, values::file).flatten()
    }

    /// Where a listener is opened.
    pub(crate) fn address(&mut self, key: &str) -> Address {
        let parse = |value: &Value| {
            let text = values::text(value, ADDRESSES)?;
            address::address(text).map_err(|fault| {
                Wrong::value(&format!("{} {}", shown(text), fault.as_str()), ADDRESSES)
            })
        };
        let stand_in = Address::Tcp((Ipv4Addr::LOCALHOST, 0).into());
        self.read(key, parse).unwrap_or(stand_in)
    }
}
