//! `[[resources]]`: the paths the cache answers.

use crate::api::route::CredentialRule;
use crate::api::route::Kind;
use crate::api::route::Resource;
use crate::api::route::Template;
use crate::settings::keys::RESOURCES;
use crate::settings::mistakes::Mistakes;
use crate::settings::mistakes::Wrong;
use crate::settings::mistakes::shown;
use crate::settings::section::Section;
use crate::settings::tree::Tree;
use crate::settings::tree::place;
use crate::settings::values;
use config::Value;
use config::ValueKind;
use std::collections::BTreeSet;

const KINDS: [(&str, Kind); 2] = [("ticket", Kind::Ticket), ("opaque", Kind::Opaque)];

const CREDENTIALS: [(&str, CredentialRule); 2] =
    [("required", CredentialRule::Required), ("optional", CredentialRule::Optional)];

const PATHS: &str = "a list of path templates, such as [\"/v2/support-tickets/{id}\"]";

/// Names and paths of the resources before: each stands for one resource only.
#[derive(Default)]
struct Taken {
    names: BTreeSet<String>,
    paths: BTreeSet<String>,
}

/// Reads the list. An empty one makes the gateway a plain proxy.
pub(crate) fn resources(tree: &Tree, mistakes: &mut Mistakes) -> Vec<Resource> {
    let mut taken = Taken::default();
    let mut resources = Vec::new();
    for item in tree.resources().1 {
        if let ValueKind::Table(keys) = &item.kind {
            let mut section = Section::one_of(RESOURCES, place(item), keys, mistakes);
            resources.push(resource(&mut section, &mut taken));
        }
    }
    resources
}

fn resource(section: &mut Section<'_>, taken: &mut Taken) -> Resource {
    let kind = section.word("kind", &KINDS, Kind::Opaque);
    Resource {
        name: section.read("name", |value| name(value, &mut taken.names)).unwrap_or_default(),
        templates: section
            .read("paths", |value| paths(value, &mut taken.paths))
            .unwrap_or_default(),
        kind,
        credential: section.word("credential", &CREDENTIALS, CredentialRule::Required),
        store_set_cookie: store_set_cookie(section, kind),
        retry: section.truth("retry"),
    }
}

/// Names stand in logs and metrics.
fn name(value: &Value, taken: &mut BTreeSet<String>) -> Result<Box<str>, Wrong> {
    const ACCEPTED: &str = "a name of 1 to 64 letters, digits, - and _";
    let text = values::text(value, ACCEPTED)?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if text.is_empty() || text.len() > 64 || !text.bytes().all(plain) {
        return Err(Wrong::value(&format!("{} is not a name", shown(text)), ACCEPTED));
    }
    if !taken.insert(text.to_owned()) {
        return Err(Wrong::new(format!("{} is the name of two resources", shown(text))));
    }
    Ok(text.into())
}

fn paths(value: &Value, taken: &mut BTreeSet<String>) -> Result<Vec<Template>, Wrong> {
    let ValueKind::Array(items) = &value.kind else {
        return Err(Wrong::value(&format!("is {}", values::described(&value.kind)), PATHS));
    };
    if items.is_empty() {
        return Err(Wrong::value("is empty", PATHS));
    }
    items.iter().map(|item| template(item, taken)).collect()
}

fn template(value: &Value, taken: &mut BTreeSet<String>) -> Result<Template, Wrong> {
    let ValueKind::String(text) = &value.kind else {
        let problem = format!("holds {}", values::described(&value.kind));
        return Err(Wrong::value(&problem, PATHS));
    };
    let template = Template::parse(text)
        .map_err(|error| Wrong::new(format!("{} is not a path template: {error}", shown(text))))?;
    if !taken.insert(template.as_str().to_owned()) {
        return Err(Wrong::new(format!("{} stands twice", shown(text))));
    }
    Ok(template)
}

/// A ticket belongs to a credential, a cookie to a browser: stored, it would reach another one.
fn store_set_cookie(section: &mut Section<'_>, kind: Kind) -> bool {
    let asked = section.truth("store_set_cookie");
    if asked && kind == Kind::Ticket {
        let wrong = Wrong::value("is true on kind = \"ticket\"", "true on kind = \"opaque\" only");
        section.refuse("store_set_cookie", wrong);
    }
    asked
}
