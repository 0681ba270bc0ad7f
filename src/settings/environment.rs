//! Settings from the environment: `VERIFIK_GATEWAY__SECTION__KEY`.
//!
//! A Kubernetes service called `verifik-gateway` puts `VERIFIK_GATEWAY_PORT` and its like into
//! every container beside it: hence the double underscore, and hence a variable with a single one
//! is a mistake only where the rest of it names a key.

use crate::settings::keys;
use crate::settings::keys::RESOURCES;
use crate::settings::mistakes::Mistakes;
use crate::settings::mistakes::Wrong;
use crate::settings::mistakes::escaped;
use crate::settings::tree::Tree;
use config::Value;
use config::ValueKind;
use std::ffi::OsString;

/// What every variable of ours begins with.
pub(crate) const PREFIX: &str = "VERIFIK_GATEWAY__";

/// The variable that sets `section.key`.
pub(crate) fn variable(section: &str, key: &str) -> String {
    format!("{PREFIX}{}__{}", section.to_uppercase(), key.to_uppercase())
}

/// Picks our variables out of the environment. `defaults` tells which text stands for a number.
pub(crate) fn read(
    environment: impl IntoIterator<Item = (OsString, OsString)>,
    defaults: &Tree,
    mistakes: &mut Mistakes,
) -> Tree {
    let ours = environment.into_iter().filter_map(|(name, value)| {
        let name = name.to_string_lossy().into_owned();
        folded(&name).starts_with(&folded(PREFIX)).then_some((name, value))
    });
    let mut ours = ours.collect::<Vec<_>>();
    ours.sort();
    let mut tree = Tree::default();
    for (name, value) in ours {
        let place = format!("environment {}", escaped(&name));
        match read_variable(&name, value) {
            Ok(Some((section, key, text))) => {
                let kind = typed(text, defaults.leaf(section, key));
                tree.put(section, key, Value::new(Some(&place), kind));
            }
            Ok(None) => {}
            Err(wrong) => mistakes.note(&place, None, wrong),
        }
    }
    tree
}

/// The key that a variable of ours sets, and to what; `None` for somebody else's.
fn read_variable(
    name: &str,
    value: OsString,
) -> Result<Option<(&'static str, &'static str, String)>, Wrong> {
    if let Some((section, key)) = keys::all().find(|(section, key)| variable(section, key) == name)
    {
        let text = value.into_string().map_err(|_| Wrong::new("is not UTF-8"))?;
        return Ok(Some((section, key, text)));
    }
    if let Some((section, key)) = keys::all().find(|(s, k)| folded(&variable(s, k)) == folded(name))
    {
        return Err(unknown(Some(variable(section, key))));
    }
    let Some(rest) = name.to_uppercase().strip_prefix(PREFIX).map(str::to_owned) else {
        return Ok(None);
    };
    if rest.starts_with(&RESOURCES.to_uppercase()) {
        return Err(Wrong::new("cannot be set here; [[resources]] are set in a file"));
    }
    let known = keys::all().map(|(section, key)| variable(section, key)).collect::<Vec<_>>();
    let known = known.iter().filter_map(|name| name.strip_prefix(PREFIX));
    Err(unknown(keys::nearest(&rest, known).map(|near| format!("{PREFIX}{near}"))))
}

fn unknown(near: Option<String>) -> Wrong {
    Wrong::new(format!("is not a setting{}", keys::hint(near)))
}

/// A name without what is easily got wrong: its case, and how many underscores.
fn folded(name: &str) -> String {
    let words = name.split('_').filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("_").to_uppercase()
}

/// The environment has only text. Where the default is a number or a truth value, text that is one
/// becomes one; nothing is guessed from the text itself, or the word `on` would become `true`.
fn typed(text: String, default: Option<&Value>) -> ValueKind {
    match default.map(|value| &value.kind) {
        Some(ValueKind::I128(_)) => text.parse().map_or(ValueKind::String(text), ValueKind::I128),
        Some(ValueKind::Boolean(_)) => {
            text.parse().map_or(ValueKind::String(text), ValueKind::Boolean)
        }
        _ => ValueKind::String(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::document;
    use std::os::unix::ffi::OsStringExt;

    fn read_all(variables: Vec<(OsString, OsString)>) -> (Tree, Vec<String>) {
        let mut mistakes = Mistakes::default();
        let defaults = document::read_defaults(&mut mistakes);
        let tree = read(variables, &defaults, &mut mistakes);
        (tree, mistakes.found().iter().map(ToString::to_string).collect())
    }

    fn read_one(name: &str, value: &str) -> (Tree, Vec<String>) {
        read_all(vec![(name.into(), value.into())])
    }

    #[test]
    fn every_key_has_a_variable_and_text_becomes_what_the_key_takes() {
        for (name, text, (section, key), expected) in [
            ("LISTEN__MAX_CONNECTIONS", "5", ("listen", "max_connections"), ValueKind::I128(5)),
            ("LISTEN__MAX_CONNECTIONS", "on", ("listen", "max_connections"), "on".into()),
            ("CACHE__CLIENT_DIRECTIVES", "false", ("cache", "client_directives"), false.into()),
            ("CACHE__CLIENT_DIRECTIVES", "1", ("cache", "client_directives"), "1".into()),
            ("LIMIT__RATE", "1e5", ("limit", "rate"), "1e5".into()),
            ("ADMIN__TOKEN_FILE", "007", ("admin", "token_file"), "007".into()),
            ("ADMIN__TOKEN_FILE", "", ("admin", "token_file"), "".into()),
        ] {
            let (tree, mistakes) = read_one(&format!("{PREFIX}{name}"), text);
            assert_eq!(mistakes, [""; 0], "{name}={text}");
            assert_eq!(tree.leaf(section, key).unwrap().kind, expected, "{name}={text}");
        }
        for (section, key) in keys::all() {
            let (tree, mistakes) = read_one(&variable(section, key), "x");
            assert_eq!(mistakes, [""; 0], "{section}.{key}");
            assert!(tree.leaf(section, key).is_some(), "{section}.{key}");
        }
    }

    #[test]
    fn a_variable_that_is_nearly_ours_is_a_mistake() {
        const URL: &str = "is not a setting; did you mean VERIFIK_GATEWAY__UPSTREAM__URL?";
        for (name, expected) in [
            ("VERIFIK_GATEWAY_UPSTREAM_URL", URL),
            ("VERIFIK_GATEWAY_UPSTREAM__URL", URL),
            ("VERIFIK_GATEWAY__UPSTREAM_URL", URL),
            ("verifik_gateway__upstream__url", URL),
            ("VERIFIK_GATEWAY__UPSTREM__URL", URL),
            ("VERIFIK_GATEWAY__TOKEN", "is not a setting"),
            ("verifik_gateway__token", "is not a setting"),
            ("VERIFIK_GATEWAY__", "is not a setting"),
            (
                "VERIFIK_GATEWAY__RESOURCES__NAME",
                "cannot be set here; [[resources]] are set in a file",
            ),
        ] {
            let (_, mistakes) = read_one(name, "hunter2");
            assert_eq!(mistakes, [format!("environment {name}: {expected}")]);
        }
    }

    #[test]
    fn what_a_kubernetes_service_of_our_name_injects_is_not_ours() {
        for name in [
            "VERIFIK_GATEWAY_PORT",
            "VERIFIK_GATEWAY_SERVICE_HOST",
            "VERIFIK_GATEWAY_SERVICE_PORT_HTTP",
            "VERIFIK_GATEWAY_PORT_8080_TCP_ADDR",
            "VERIFIK_GATEWAY_ADMIN_PORT",
            "PATH",
        ] {
            assert_eq!(read_one(name, "tcp://10.0.0.1:80").1, [""; 0], "{name}");
        }
    }

    #[test]
    fn what_is_not_utf8_is_a_mistake_only_if_it_is_ours() {
        let broken = || OsString::from_vec(vec![b'a', 0xff]);
        let (_, mistakes) = read_all(vec![
            ("VERIFIK_GATEWAY__LOG__LEVEL".into(), broken()),
            ("OTHER".into(), broken()),
            (broken(), "x".into()),
        ]);
        assert_eq!(mistakes, ["environment VERIFIK_GATEWAY__LOG__LEVEL: is not UTF-8"]);
    }
}
