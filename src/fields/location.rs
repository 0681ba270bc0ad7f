//! `Location` and `Content-Location` (RFC 9110 sections 10.2.2 and 8.7): which path a reference
//! names, if it stays with its origin.
//!
//! Departure from RFC 9111 section 4.4: two origins are one and the same here, the upstream's and the
//! one under which its clients reach us.

use http::Uri;
use http::uri::Authority;

/// Where a reference may point and stay at home.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    /// `http` or `https`; `None` where either may be meant, because what stands before us ended TLS.
    pub scheme: Option<&'a str>,
    /// Host and port.
    pub authority: &'a Authority,
}

/// The path that `reference` names, resolved against `base` (RFC 3986 section 5.2), without query
/// and fragment. `None` if it may belong to another origin, or cannot be read.
pub fn path(reference: &str, base: &str, origins: &[Origin<'_>]) -> Option<String> {
    let reference = reference.split(['?', '#']).next().unwrap_or_default();
    if let Some(authority) = reference.strip_prefix("//") {
        return absolute(&format!("http://{authority}"), true, origins);
    }
    let scheme = reference.split('/').next().unwrap_or_default();
    if scheme.contains(':') {
        return absolute(reference, false, origins);
    }
    match reference {
        "" => Some(base.to_owned()),
        path if path.starts_with('/') => Some(without_dots(path)),
        path => {
            let folder = base.rfind('/').map_or("/", |end| base.split_at(end + 1).0);
            Some(without_dots(&format!("{folder}{path}")))
        }
    }
}

/// RFC 6454: the same scheme, host and port.
fn absolute(reference: &str, any_scheme: bool, origins: &[Origin<'_>]) -> Option<String> {
    let uri: Uri = reference.parse().ok()?;
    let (scheme, authority) = (uri.scheme_str()?, uri.authority()?);
    let is_home = |origin: &&Origin<'_>| {
        let schemes = ["http", "https"].contains(&scheme);
        let same = any_scheme || origin.scheme.map_or(schemes, |own| own == scheme);
        same && port(authority, scheme) == port(origin.authority, origin.scheme.unwrap_or(scheme))
            && authority.host().eq_ignore_ascii_case(origin.authority.host())
    };
    origins.iter().find(is_home).map(|_| without_dots(uri.path()))
}

fn port(authority: &Authority, scheme: &str) -> u16 {
    authority.port_u16().unwrap_or(if scheme == "https" { 443 } else { 80 })
}

/// RFC 3986 section 5.2.4.
fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let segments = path.strip_prefix('/').unwrap_or(path);
    for segment in segments.split('/') {
        match segment {
            "." => {}
            ".." => drop(kept.pop()),
            segment => kept.push(segment),
        }
    }
    let folder = segments.ends_with("/.") || segments.ends_with("/..");
    format!("/{}{}", kept.join("/"), if folder && !kept.is_empty() { "/" } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn named(reference: &str) -> Option<String> {
        let upstream = Authority::from_static("api.example:8443");
        let ours = Authority::from_static("gateway");
        let origins = [
            Origin { scheme: Some("https"), authority: &upstream },
            Origin { scheme: None, authority: &ours },
        ];
        path(reference, "/a/b/c", &origins)
    }

    #[test]
    fn a_reference_names_a_path_of_its_own_origin_or_none() {
        let rows = [
            ("", Some("/a/b/c")),
            ("?x=1", Some("/a/b/c")),
            ("d", Some("/a/b/d")),
            ("./d#top", Some("/a/b/d")),
            ("../d", Some("/a/d")),
            ("../../../d", Some("/d")),
            ("..", Some("/a/")),
            ("/d/e?x=/y", Some("/d/e")),
            ("/d/../e", Some("/e")),
            ("https://api.example:8443/d", Some("/d")),
            ("https://API.example:8443/d", Some("/d")),
            ("http://api.example:8443/d", None),
            ("https://api.example/d", None),
            ("https://elsewhere:8443/d", None),
            ("http://gateway/d", Some("/d")),
            ("http://gateway:80/d", Some("/d")),
            ("https://gateway/d", Some("/d")),
            ("ftp://gateway/d", None),
            ("//gateway/d", Some("/d")),
            ("//elsewhere/d", None),
            ("mailto:a@gateway", None),
            ("d:e", None),
            ("http://", None),
        ];
        for (reference, expected) in rows {
            assert_eq!(named(reference).as_deref(), expected, "{reference:?}");
        }
    }

    proptest! {
        #[test]
        fn any_reference_can_be_read(reference: String, base: String) {
            let named = path(&reference, &base, &[]);
            prop_assert!(named.is_none_or(|path| path.starts_with('/') || path == base));
        }
    }
}
