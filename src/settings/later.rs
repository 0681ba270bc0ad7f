//! What this release does not do yet although its keys are read: the one table that says so.

/// The keys, as `section.key`, whose effect comes with a later release. None does harm without it.
const LATER: [&str; 2] = ["admin.address", "admin.token_file"];

/// What this release makes of a key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Effect {
    /// What it says.
    InForce,
    /// Nothing yet.
    NotYet,
}

/// What this release makes of `section.key`.
pub(crate) fn effect(key: &str) -> Effect {
    if LATER.contains(&key) { Effect::NotYet } else { Effect::InForce }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::keys;

    #[test]
    fn a_key_is_in_force_or_not_yet() {
        for (key, expected) in [
            ("listen.address", Effect::InForce),
            ("listen.cert_file", Effect::InForce),
            ("admin.address", Effect::NotYet),
            ("lifecycle.mode", Effect::InForce),
            ("resources.kind", Effect::InForce),
        ] {
            assert_eq!(effect(key), expected, "{key}");
        }
    }

    #[test]
    fn the_table_names_keys_that_exist() {
        let mut known = keys::all().map(|(s, k)| format!("{s}.{k}")).collect::<Vec<_>>();
        known.extend(keys::RESOURCE_KEYS.map(|key| format!("{}.{key}", keys::RESOURCES)));
        for later in LATER {
            assert!(known.iter().any(|key| key == later), "{later}");
        }
    }
}
