//! Settings before they are typed: section, key, value, each value knowing where it stands. One
//! source is a tree; so are all of them merged.

use crate::settings::keys::RESOURCES;
use config::Config;
use config::ConfigError;
use config::Map;
use config::Source;
use config::Value;
use config::ValueKind;

/// Where a value stands that nobody has set.
pub(crate) const DEFAULT: &str = "default";

/// Sections, and the list of resources. Only known names are ever put in.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tree(Map<String, Value>);

impl Tree {
    /// Sets `section.key`.
    pub(crate) fn put(&mut self, section: &str, key: &str, value: Value) {
        let empty = || Value::new(None, Map::<String, Value>::new());
        let section = self.0.entry(section.to_owned()).or_insert_with(empty);
        if let ValueKind::Table(keys) = &mut section.kind {
            keys.insert(key.to_owned(), value);
        }
    }

    /// Sets the whole list of resources; `place` is where the list itself stands.
    pub(crate) fn put_resources(&mut self, place: &str, resources: Vec<Value>) {
        let list = Value::new(Some(&place.to_owned()), resources);
        self.0.insert(RESOURCES.to_owned(), list);
    }

    /// The keys set in a section.
    pub(crate) fn section(&self, name: &str) -> Option<&Map<String, Value>> {
        match &self.0.get(name)?.kind {
            ValueKind::Table(keys) => Some(keys),
            _ => None,
        }
    }

    /// The value of `section.key`.
    pub(crate) fn leaf(&self, section: &str, key: &str) -> Option<&Value> {
        self.section(section)?.get(key)
    }

    /// The list of resources: where it stands, and each with its keys.
    pub(crate) fn resources(&self) -> (&str, &[Value]) {
        match self.0.get(RESOURCES) {
            Some(Value { kind: ValueKind::Array(list), .. }) => (self.place_of_resources(), list),
            _ => (DEFAULT, &[]),
        }
    }

    fn place_of_resources(&self) -> &str {
        self.0.get(RESOURCES).map_or(DEFAULT, place)
    }

    /// All of them in one: a key in a later tree replaces the same key in an earlier one, and a
    /// list of resources the whole list.
    ///
    /// # Errors
    /// When the `config` crate refuses, which it has no reason to.
    pub(crate) fn merged(trees: Vec<Self>) -> Result<Self, ConfigError> {
        let mut layered = Config::builder();
        for tree in trees {
            layered = layered.add_source(tree);
        }
        Ok(Self(layered.build()?.cache.into_table()?))
    }
}

impl Source for Tree {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, ConfigError> {
        Ok(self.0.clone())
    }
}

/// Where a value stands.
pub(crate) fn place(value: &Value) -> &str {
    value.origin().unwrap_or(DEFAULT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(place: &str, keys: &[(&str, &str, &str)]) -> Tree {
        let mut tree = Tree::default();
        for (section, key, text) in keys {
            tree.put(section, key, Value::new(Some(&place.to_owned()), *text));
        }
        tree
    }

    #[test]
    fn the_later_tree_wins_key_by_key_and_places_stay() {
        let early = tree("early", &[("log", "level", "info"), ("log", "format", "text")]);
        let late = tree("late", &[("log", "level", "debug"), ("admin", "token_file", "t")]);
        let merged = Tree::merged(vec![early, late]).unwrap();
        for (section, key, text, from) in [
            ("log", "level", "debug", "late"),
            ("log", "format", "text", "early"),
            ("admin", "token_file", "t", "late"),
        ] {
            let value = merged.leaf(section, key).unwrap();
            assert_eq!(value.to_string(), text, "{section}.{key}");
            assert_eq!(place(value), from, "{section}.{key}");
        }
        assert!(merged.leaf("log", "access").is_none());
    }

    #[test]
    fn a_list_of_resources_replaces_the_whole_list() {
        let (mut early, mut late) = (Tree::default(), Tree::default());
        early.put_resources("early", vec![Value::from("a"), Value::from("b")]);
        late.put_resources("late", vec![Value::from("c")]);
        let merged = Tree::merged(vec![early.clone(), late]).unwrap();
        assert_eq!(merged.resources(), ("late", [Value::from("c")].as_slice()));
        let mut none = Tree::default();
        none.put_resources("none", Vec::new());
        let merged = Tree::merged(vec![early, none]).unwrap();
        assert_eq!(merged.resources(), ("none", [].as_slice()));
    }
}
