//! `check`: what is in force, as a settings file that says of each value where it comes from.

use crate::app::certificate;
use crate::app::ending::Ending;
use crate::settings::keys::RESOURCE_KEYS;
use crate::settings::keys::RESOURCES;
use crate::settings::keys::SECTIONS;
use crate::settings::literal::literal;
use crate::settings::load::Loaded;
use crate::settings::load::load;
use crate::settings::model::Settings;
use crate::settings::sources::Sources;
use crate::settings::tree::place;
use config::Value;
use config::ValueKind;
use std::ffi::OsString;

/// Where the comments begin, if the value leaves room.
const COMMENT_COLUMN: usize = 40;

/// Reads the settings and says what is in force, or every mistake.
pub fn check(
    sources: &Sources,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> Ending {
    match load(sources, environment) {
        Ok(loaded) => match certificate::load(&loaded.settings.listen) {
            Ok(_) => Ending::Done(report(&loaded)),
            Err(wrong) => Ending::misused(wrong),
        },
        Err(mistakes) => Ending::from(mistakes),
    }
}

/// The settings in force, as TOML. No value of theirs is a secret: tokens stand in files.
fn report(loaded: &Loaded) -> String {
    let mut lines = vec![format!(
        "# verifik-gateway {}: the settings in force, and where each comes from.",
        env!("CARGO_PKG_VERSION")
    )];
    let (list_place, resources) = loaded.tree.resources();
    if resources.is_empty() {
        lines.push(format!("\n{:COMMENT_COLUMN$}# {list_place}", format!("{RESOURCES} = []")));
    }
    for (section, keys) in SECTIONS {
        lines.push(format!("\n[{section}]"));
        let values = keys.iter().filter_map(|key| Some((*key, loaded.tree.leaf(section, key)?)));
        lines.extend(values.map(|(key, value)| line(key, value)));
        lines.extend(Some(&loaded.settings).filter(|_| section == "upstream").and_then(proxy));
    }
    for resource in resources {
        lines.push(format!("\n[[{RESOURCES}]]"));
        let ValueKind::Table(keys) = &resource.kind else { continue };
        let values = RESOURCE_KEYS.iter().filter_map(|key| Some((*key, keys.get(*key)?)));
        lines.extend(values.map(|(key, value)| line(key, value)));
    }
    lines.join("\n") + "\n"
}

/// Through whom the upstream is reached. Its password, if there is one, is not shown.
fn proxy(settings: &Settings) -> Option<String> {
    let proxy = settings.upstream.proxy.as_ref()?;
    let place = format!("environment {}", proxy.variable);
    Some(format!("# through the proxy {} ({place})", proxy.uri.authority()?))
}

fn line(key: &str, value: &Value) -> String {
    let setting = format!("{key} = {}", literal(value));
    format!("{setting:COMMENT_COLUMN$} # {}", place(value))
}
