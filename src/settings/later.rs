//! What this release does not do yet although its keys are read: the one table that says so.

use crate::settings::mistakes::Wrong;
use config::Value;
use config::ValueKind;

/// A key, or one value of it, whose effect comes with a later release.
struct Later {
    /// `section.key`.
    key: &'static str,
    /// The values that are not yet in force.
    which: Which,
}

enum Which {
    /// All of them; none does harm without its effect.
    Every,
    /// Every one that asks for something, and it is safety: refused, since whoever sets it relies
    /// on it.
    Refused,
    /// Those that begin so, refused as well.
    RefusedBeginning(&'static str),
    /// This one.
    Only(&'static str),
}

const LATER: [Later; 6] = [
    Later { key: "listen.address", which: Which::RefusedBeginning("unix:") },
    Later { key: "listen.cert_file", which: Which::Refused },
    Later { key: "listen.key_file", which: Which::Refused },
    Later { key: "admin.address", which: Which::Every },
    Later { key: "admin.token_file", which: Which::Every },
    Later { key: "lifecycle.mode", which: Which::Only("sidecar") },
];

/// What this release makes of a value.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Effect {
    /// What its key says.
    InForce,
    /// Nothing yet.
    NotYet,
    /// It is refused, since ignoring it would leave open what it closes.
    Refused,
}

/// What this release makes of this value of `section.key`.
pub(crate) fn effect(key: &str, value: &Value) -> Effect {
    let text = if let ValueKind::String(text) = &value.kind { text.as_str() } else { "" };
    match LATER.iter().find(|later| later.key == key).map(|later| &later.which) {
        Some(Which::Refused) if !text.is_empty() => Effect::Refused,
        Some(Which::RefusedBeginning(start)) if text.starts_with(start) => Effect::Refused,
        Some(Which::Every | Which::Refused) => Effect::NotYet,
        Some(Which::Only(word)) if *word == text => Effect::NotYet,
        Some(Which::RefusedBeginning(_) | Which::Only(_)) | None => Effect::InForce,
    }
}

/// About a refused value.
pub(crate) fn refusal() -> Wrong {
    Wrong::new(
        "asks for what this release does not do yet, and is refused rather than ignored; leave it out",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::keys;

    #[test]
    fn a_value_is_in_force_or_not_yet_or_refused() {
        for (key, value, expected) in [
            ("listen.address", Value::new(None, "127.0.0.1:80"), Effect::InForce),
            ("listen.address", Value::new(None, "unix:/run/a"), Effect::Refused),
            ("listen.cert_file", Value::new(None, ""), Effect::NotYet),
            ("listen.cert_file", Value::new(None, "a.pem"), Effect::Refused),
            ("limit.rate", Value::new(None, 5.0), Effect::InForce),
            ("admin.address", Value::new(None, "127.0.0.1:81"), Effect::NotYet),
            ("lifecycle.mode", Value::new(None, "gateway"), Effect::InForce),
            ("lifecycle.mode", Value::new(None, "sidecar"), Effect::NotYet),
            ("resources.kind", Value::new(None, "opaque"), Effect::InForce),
        ] {
            assert_eq!(effect(key, &value), expected, "{key} {value}");
        }
    }

    #[test]
    fn the_table_names_keys_that_exist() {
        let mut known = keys::all().map(|(s, k)| format!("{s}.{k}")).collect::<Vec<_>>();
        known.extend(keys::RESOURCE_KEYS.map(|key| format!("{}.{key}", keys::RESOURCES)));
        for later in &LATER {
            assert!(known.iter().any(|key| key == later.key), "{}", later.key);
        }
    }
}
