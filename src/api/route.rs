//! Which resource a path names, design §3.1. Paths are compared, never rewritten.

use crate::fields::path::holds_refused_octet;
use crate::fields::path::is_plain;
use crate::fields::path::readings;
use std::error::Error;
use std::fmt;

/// How much the gateway knows about a resource.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// A support ticket: its answers are read, validated and invalidated as such.
    Ticket,
    /// Anything: plain RFC 9111, freshness only from the upstream.
    Opaque,
}

/// Whether a stored response needs a credential.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum CredentialRule {
    /// Without a credential a request is forwarded, and nothing is stored.
    Required,
    /// Without a credential the gateway is a shared cache.
    Optional,
}

/// What the cache answers: the paths of one kind of thing, each thing with its id.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Resource {
    /// For logs, metrics and keys.
    pub name: Box<str>,
    /// Every path under which the same thing stands.
    pub templates: Vec<Template>,
    /// How its answers are understood.
    pub kind: Kind,
    /// Whether it is stored without a credential.
    pub credential: CredentialRule,
    /// Whether an answer with `Set-Cookie` may be stored. For opaque resources only.
    pub store_set_cookie: bool,
    /// Whether a failed forward may be tried again.
    pub retry: bool,
}

/// One path with one `{id}` segment.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Template {
    written: Box<str>,
    /// What stands before the id, from the first slash to the last.
    before: Box<str>,
    /// What stands after it: nothing, or a slash and more.
    after: Box<str>,
}

/// Why a text is no template.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TemplateError {
    /// It does not begin with a slash.
    NotAbsolute,
    /// It has a query or a fragment.
    NotOnlyPath,
    /// No segment is `{id}`.
    NoId,
    /// More than one segment is `{id}`.
    SeveralIds,
    /// `{id}` is only part of a segment.
    PartialId,
    /// A segment is empty, be it the last.
    EmptySegment,
    /// A segment is `.` or `..`.
    DotSegment,
    /// A character that would have to be encoded, or that readers of paths disagree about.
    NotCanonical,
    /// It lies under `/_gateway`, which is the gateway's own.
    OurOwn,
}

/// What a path names.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Route<'a> {
    /// A thing of the resource that stands at `index` in the list.
    Resource {
        /// Where the resource stands.
        index: usize,
        /// Which thing.
        id: &'a str,
    },
    /// Another path: forwarded as it is.
    Elsewhere,
    /// A path that could be taken for two: refused.
    Ambiguous(Ambiguity),
}

/// Why a path could be taken for two.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ambiguity {
    /// A control octet, raw or encoded: some readers stop there, some split there.
    ControlOctet,
    /// Decoded or normalised it falls under a resource; as it is written it names none.
    HiddenResource,
}

/// Finds what `path`, without its query, names. The first resource that fits is named.
pub fn route<'a>(resources: &[Resource], path: &'a str) -> Route<'a> {
    let named = resources
        .iter()
        .enumerate()
        .find_map(|(index, resource)| Some(Route::Resource { index, id: resource.id_in(path)? }));
    match named {
        Some(route) => route, // No id and no template holds anything that can be read twice.
        None if is_plain(path) => Route::Elsewhere,
        None if holds_refused_octet(path) => Route::Ambiguous(Ambiguity::ControlOctet),
        None if hides_a_resource(resources, path) => Route::Ambiguous(Ambiguity::HiddenResource),
        None => Route::Elsewhere,
    }
}

/// The ticket that `path` names or lies under: `…/{id}` or `…/{id}/…`, exactly so written.
pub fn ticket_at<'a>(resources: &[Resource], path: &'a str) -> Option<&'a str> {
    ticket_templates(resources).find_map(|template| {
        let id = first_segment(path.strip_prefix(template.before())?);
        Kind::Ticket.is_id(id).then_some(id)
    })
}

/// The templates of all tickets.
pub fn ticket_templates(resources: &[Resource]) -> impl Iterator<Item = &Template> {
    let tickets = resources.iter().filter(|resource| resource.kind == Kind::Ticket);
    tickets.flat_map(|resource| &resource.templates)
}

fn hides_a_resource(resources: &[Resource], path: &str) -> bool {
    readings(path).any(|reading| resources.iter().any(|resource| resource.covers(&reading)))
}

fn first_segment(path: &str) -> &str {
    path.split('/').next().unwrap_or_default()
}

impl Kind {
    /// Whether `segment` is an id: one to 128 of `[A-Za-z0-9_-]`, and not a word that the API uses
    /// in its place.
    pub fn is_id(self, segment: &str) -> bool {
        let in_grammar = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'_' | b'-');
        (1..=128).contains(&segment.len())
            && segment.bytes().all(in_grammar)
            && !(self == Self::Ticket && matches!(segment, "bulk" | "insert" | "threads"))
    }
}

impl Resource {
    /// The id, if `path` is one of this resource's.
    fn id_in<'a>(&self, path: &'a str) -> Option<&'a str> {
        self.templates.iter().find_map(|template| {
            let rest = path.strip_prefix(&*template.before)?;
            // Not to ask for an empty suffix made this four times as fast: libc's comparison of
            // nothing can take longer than that of something.
            let ends_here = template.after.is_empty();
            let segment = if ends_here { rest } else { rest.strip_suffix(&*template.after)? };
            self.kind.is_id(segment).then_some(segment)
        })
    }

    /// Whether `path` is one of this resource's, or lies below one.
    fn covers(&self, path: &str) -> bool {
        self.templates.iter().any(|template| {
            let Some(rest) = path.strip_prefix(&*template.before) else {
                return false;
            };
            let id = first_segment(rest);
            let below = rest.strip_prefix(id).and_then(|rest| rest.strip_prefix(&*template.after));
            self.kind.is_id(id) && below.is_some_and(|b| b.is_empty() || b.starts_with('/'))
        })
    }
}

impl Template {
    /// Reads a template, such as `/v2/support-tickets/{id}`.
    ///
    /// # Errors
    /// When no canonical path could fit it, or more than one thing would.
    pub fn parse(written: &str) -> Result<Self, TemplateError> {
        let relative = written.strip_prefix('/').ok_or(TemplateError::NotAbsolute)?;
        if written.contains(['?', '#']) {
            return Err(TemplateError::NotOnlyPath);
        }
        relative.split('/').try_for_each(literal_or_id)?;
        if first_segment(relative) == "_gateway" {
            return Err(TemplateError::OurOwn);
        }
        let (before, after) = written.split_once(ID).ok_or(TemplateError::NoId)?;
        if after.contains(ID) {
            return Err(TemplateError::SeveralIds);
        }
        Ok(Self { written: written.into(), before: before.into(), after: after.into() })
    }

    /// What stands before the id, and what stands after it.
    pub fn around_id(&self) -> (&str, &str) {
        (&self.before, &self.after)
    }

    /// The template as it was written.
    pub fn as_str(&self) -> &str {
        &self.written
    }

    /// What stands before the id, with the slash: for tickets, the path of the collection.
    pub fn before(&self) -> &str {
        &self.before
    }
}

const ID: &str = "{id}";

fn literal_or_id(segment: &str) -> Result<(), TemplateError> {
    // RFC 3986 §3.3 without `%` and `;`.
    let is_plain =
        |octet: u8| octet.is_ascii_alphanumeric() || b"-._~!$&'()*+,=:@".contains(&octet);
    match segment {
        ID => Ok(()),
        "" => Err(TemplateError::EmptySegment),
        "." | ".." => Err(TemplateError::DotSegment),
        segment if segment.contains(ID) => Err(TemplateError::PartialId),
        segment if segment.bytes().all(is_plain) => Ok(()),
        _ => Err(TemplateError::NotCanonical),
    }
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAbsolute => "must begin with `/`",
            Self::NotOnlyPath => "must be a path, without query or fragment",
            Self::NoId => "needs one `{id}` segment",
            Self::SeveralIds => "has more than one `{id}` segment",
            Self::PartialId => "`{id}` must be a whole segment",
            Self::EmptySegment => "has an empty segment, or ends in `/`",
            Self::DotSegment => "has a `.` or `..` segment",
            Self::NotCanonical => "has a character other than A-Z a-z 0-9 -._~!$&'()*+,=:@",
            Self::OurOwn => "lies under `/_gateway`, which is the gateway's own",
        })
    }
}

impl Error for TemplateError {}

impl Ambiguity {
    /// For logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ControlOctet => "control-octet",
            Self::HiddenResource => "hidden-resource",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SEED: &str = "support_ticket_123456789";

    fn resource(kind: Kind, templates: &[&str]) -> Resource {
        Resource {
            name: "some".into(),
            templates: templates.iter().map(|t| Template::parse(t).unwrap()).collect(),
            kind,
            credential: CredentialRule::Required,
            store_set_cookie: false,
            retry: true,
        }
    }

    fn resources() -> [Resource; 2] {
        [
            resource(Kind::Ticket, &["/v2/support-tickets/{id}", "/support-tickets/{id}"]),
            resource(Kind::Opaque, &["/v2/projects/{id}/flow"]),
        ]
    }

    #[test]
    fn a_template_is_a_canonical_path_with_one_id() {
        for written in
            ["/{id}", "/v2/support-tickets/{id}", "/a/{id}/b", "/a.b/~c/{id}", "/_gatewayx/{id}"]
        {
            assert_eq!(Template::parse(written).unwrap().as_str(), written);
        }
        let rows = [
            ("", TemplateError::NotAbsolute),
            ("a/{id}", TemplateError::NotAbsolute),
            ("https://a/{id}", TemplateError::NotAbsolute),
            ("/a/{id}?b=c", TemplateError::NotOnlyPath),
            ("/a/{id}#b", TemplateError::NotOnlyPath),
            ("/a/b", TemplateError::NoId),
            ("/a/{id}/{id}", TemplateError::SeveralIds),
            ("/a/{id}.json", TemplateError::PartialId),
            ("/a/x{id}", TemplateError::PartialId),
            ("/a/{id}{id}", TemplateError::PartialId),
            ("/", TemplateError::EmptySegment),
            ("/a//{id}", TemplateError::EmptySegment),
            ("/a/{id}/", TemplateError::EmptySegment),
            ("/a/../{id}", TemplateError::DotSegment),
            ("/./{id}", TemplateError::DotSegment),
            ("/a%2Fb/{id}", TemplateError::NotCanonical),
            ("/a;b/{id}", TemplateError::NotCanonical),
            ("/a\\b/{id}", TemplateError::NotCanonical),
            ("/a b/{id}", TemplateError::NotCanonical),
            ("/a\n/{id}", TemplateError::NotCanonical),
            ("/é/{id}", TemplateError::NotCanonical),
            ("/{ticket}", TemplateError::NotCanonical),
            ("/_gateway/{id}", TemplateError::OurOwn),
        ];
        for (written, expected) in rows {
            assert_eq!(Template::parse(written), Err(expected), "{written:?}");
            assert!(!expected.to_string().is_empty());
        }
    }

    #[test]
    fn a_path_that_fits_a_template_names_a_resource() {
        let longest = "x".repeat(128);
        let rows = [
            (format!("/v2/support-tickets/{SEED}"), 0, SEED),
            (format!("/support-tickets/{SEED}"), 0, SEED),
            ("/v2/support-tickets/507f1f77bcf86cd799439011".into(), 0, "507f1f77bcf86cd799439011"),
            ("/v2/support-tickets/-".into(), 0, "-"),
            ("/v2/support-tickets/Bulk".into(), 0, "Bulk"),
            (format!("/v2/support-tickets/{longest}"), 0, longest.as_str()),
            ("/v2/projects/7/flow".into(), 1, "7"),
            ("/v2/projects/bulk/flow".into(), 1, "bulk"),
        ];
        for (path, index, id) in &rows {
            assert_eq!(route(&resources(), path), Route::Resource { index: *index, id }, "{path}");
        }
    }

    #[test]
    fn any_other_path_is_elsewhere() {
        let too_long = format!("/v2/support-tickets/{}", "x".repeat(129));
        let paths = r"
            * / /v2 /v2/support-tickets /v2/support-tickets/ /v2/support-tickets/bulk
            /v2/support-tickets/insert /v2/support-tickets/threads
            /v2/support-tickets/threads/seen /v2/support-tickets/x.json /v2/support-tickets/x/
            /v2/support-tickets/x/thread /v2//support-tickets/x /v2/support-tickets//x
            //v2/support-tickets/x /V2/support-tickets/x /v2/Support-Tickets/x
            /v3/support-tickets/x /v2/support-tickets/é /v2/support-tickets/１
            /v2/support-tickets/x+y /v2/support-tickets/x:y /v2/support-tickets/...
            /v2/support-tickets/%C3%A9 /v2/support-tickets/%20x /v2/support-tickets/x%2Ejson
            /v2/support-tickets/%62ulk /v2/support-tickets/%zz /v2/support-tickets/%
            /v2/projects/7 /v2/projects/7/flowers /v2/projects/flow /v2/projects//flow
            /v2/co/name/Jos%C3%A9 /v2/co/plate/a%2Fb /v2/co/plate/a;b /v2/co/../co/plate
            /v2/co/a\b /_gateway/live";
        for path in paths.split_whitespace().chain(["", &too_long]) {
            assert_eq!(route(&resources(), path), Route::Elsewhere, "{path:?}");
        }
    }

    #[test]
    fn a_path_that_hides_a_resource_is_ambiguous() {
        let paths = r"
            /v2/support-tickets/%78 /v2/support-tickets/x%79 /v2/support-tickets/%2578
            /v2/support-ticket%73/x /v2%2Fsupport-tickets%2fx /v2/support-tickets/a%2Fb
            /v2/support-tickets/x%2F /v2/support-tickets/x%252Fy /v2/support-tickets\x
            /v2\support-tickets\x /v2%5csupport-tickets/x /v2/support-tickets/./x
            /v2/./support-tickets/x /v2/support-tickets/y/../x /v2/a/../support-tickets/x
            /v2/a/%2e%2e/support-tickets/x /v2/a/%252e%252e/support-tickets/x
            /v2/a/..;/support-tickets/x /v2/a/..%2Fsupport-tickets/x /v2/support-tickets/x;y
            /v2/support-tickets/x;.css /v2/support-tickets/x%3By /v2/support-tickets;a/x
            /v2/support-tickets/x/. /v2/support-tickets/x/..
            /v2/support-tickets/x/../../../clients /v2/support-tickets/x/thread%73
            /v2/support-tickets/x/a%20b /a/../../../support-tickets/x /%2e/support-tickets/x
            /v2/support-tickets/..;/../x /v2/support-tickets/a.b\/../x
            /v2/support-tickets/x%253b%25252f.. /v2/support-tickets/x%25253b%2525252f..
            /v2/projects/%37/flow /v2/projects/7/%66low /v2/projects/7/flow/%61";
        let expected = Route::Ambiguous(Ambiguity::HiddenResource);
        for path in paths.split_whitespace() {
            assert_eq!(route(&resources(), path), expected, "{path:?}");
        }
    }

    #[test]
    fn a_control_octet_is_ambiguous_everywhere() {
        let expected = Route::Ambiguous(Ambiguity::ControlOctet);
        for path in
            ["/a\n", "/%00", "/v2/support-tickets/x%0d%0aa", "/v2/support-tickets/x\0", "/\x7f"]
        {
            assert_eq!(route(&resources(), path), expected, "{path:?}");
        }
    }

    #[test]
    fn a_ticket_is_found_from_any_path_under_it() {
        let rows = [
            ("/v2/support-tickets/x", Some("x")),
            ("/support-tickets/x/thread", Some("x")),
            ("/v2/support-tickets/x/", Some("x")),
            ("/v2/support-tickets/bulk", None),
            ("/v2/support-tickets/threads/seen", None),
            ("/v2/support-tickets/x.json/thread", None),
            ("/v2/support-tickets", None),
            ("/v2/projects/7/flow", None),
        ];
        for (path, expected) in rows {
            assert_eq!(ticket_at(&resources(), path), expected, "{path}");
        }
    }

    proptest! {
        #[test]
        fn every_path_has_a_route(path: String) {
            route(&resources(), &path);
            ticket_at(&resources(), &path);
        }

        #[test]
        fn a_named_path_is_a_template_with_the_id(
            version in "(/v2|/V2|/%76%32|/[.]{1,2}|/)?",
            slash in "/|//|%2f|;a/|\\\\",
            id in "[a-z]{1,3}|%61|bulk|[.]{1,2}",
            end in "(/|/[.]{1,2})?",
        ) {
            let resources = resources();
            let path = format!("{version}/support-tickets{slash}{id}{end}");
            if let Route::Resource { id, .. } = route(&resources, &path) {
                let fits = |template: &Template| template.as_str().replace(ID, id) == path;
                prop_assert!(ticket_templates(&resources).any(fits), "{path}");
            }
        }

        #[test]
        fn an_encoded_octet_never_leads_to_a_ticket(
            id in "[a-z]{1,5}", at in 1..20_usize, twice: bool,
        ) {
            let path = format!("/v2/support-tickets/{id}");
            let percent = if twice { "%25" } else { "%" };
            let (before, octet, after) = (&path[..at], path.as_bytes()[at], &path[at + 1..]);
            let spelled = format!("{before}{percent}{octet:02x}{after}");
            let expected = Route::Ambiguous(Ambiguity::HiddenResource);
            prop_assert_eq!(route(&resources(), &spelled), expected, "{}", spelled);
        }
    }
}
