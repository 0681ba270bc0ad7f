//! The resources that paths are read against, and a plain reading of the paths of tickets.

use std::sync::LazyLock;
use verifik_gateway::api::route::CredentialRule;
use verifik_gateway::api::route::Kind;
use verifik_gateway::api::route::Resource;
use verifik_gateway::api::route::Template;

/// Tickets, and something opaque.
pub static RESOURCES: LazyLock<[Resource; 2]> = LazyLock::new(|| {
    [
        resource(Kind::Ticket, &["/v2/support-tickets/{id}", "/support-tickets/{id}"]),
        resource(Kind::Opaque, &["/v2/projects/{id}/flow"]),
    ]
});

/// The same list, by hand: segments, of which `None` is the id.
const TEMPLATES: [&[Option<&str>]; 3] = [
    &[Some("v2"), Some("support-tickets"), None],
    &[Some("support-tickets"), None],
    &[Some("v2"), Some("projects"), None, Some("flow")],
];

fn resource(kind: Kind, templates: &[&str]) -> Resource {
    Resource {
        name: format!("{kind:?}").into(),
        templates: templates.iter().map(|template| Template::parse(template).unwrap()).collect(),
        kind,
        credential: CredentialRule::Required,
        store_set_cookie: false,
        retry: true,
    }
}

/// The id that these segments name, if they are exactly a resource's.
pub fn named<'p>(segments: &[&'p str]) -> Option<&'p str> {
    TEMPLATES.iter().find_map(|template| {
        let mut pairs = segments.iter().zip(*template);
        let same = pairs.all(|(segment, wanted)| match wanted {
            Some(wanted) => segment == wanted,
            None => is_id(segment, template.len() < 4),
        });
        let id = template.iter().position(Option::is_none)?;
        (segments.len() == template.len() && same).then(|| segments[id])
    })
}

/// Whether it is an id, design §3.1.
pub fn is_id(segment: &str, of_ticket: bool) -> bool {
    let fits = |c: char| matches!(c, 'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '_');
    (1..129).contains(&segment.len())
        && segment.chars().all(fits)
        && !(of_ticket && ["bulk", "insert", "threads"].contains(&segment))
}
