//! The target of a request: RFC 9112 section 3.2.
//!
//! Served are a path, and a URL of the host that `Host` names (sections 3.2.1 and 3.2.2). What the
//! path may look like is another question.

use http::Uri;

/// Why a target is not served.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TargetFault {
    /// Longer than is allowed.
    TooLong,
    /// No path: `*`, or a host and port alone.
    NoPath,
    /// A URL of neither http nor https.
    Scheme,
    /// A URL of another host than `Host` names, or with user information.
    Elsewhere,
}

/// Checks a target. `longest`: what it may have, in bytes. `host`: what `Host` says.
pub fn check(target: &Uri, longest: usize, host: Option<&[u8]>) -> Result<(), TargetFault> {
    let length = target.path().len() + target.query().map_or(0, |query| query.len() + 1);
    if length > longest {
        return Err(TargetFault::TooLong);
    }
    if !target.path().starts_with('/') {
        return Err(TargetFault::NoPath);
    }
    if !matches!(target.scheme_str(), None | Some("http" | "https")) {
        return Err(TargetFault::Scheme);
    }
    match target.authority() {
        None => Ok(()),
        // RFC 3986 section 3.2.2: in any case of letters. A port that is said only once could be
        // meant as the same; no client needs that.
        Some(named) => match host {
            Some(host) if named.as_str().as_bytes().eq_ignore_ascii_case(host) => Ok(()),
            _ => Err(TargetFault::Elsewhere),
        },
    }
}

impl TargetFault {
    /// For programs and the log.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TooLong => "target-too-long",
            Self::NoPath => "target-form",
            Self::Scheme => "target-scheme",
            Self::Elsewhere => "target-host",
        }
    }

    /// For people.
    pub const fn message(self) -> &'static str {
        match self {
            Self::TooLong => "The request target is longer than this gateway takes.",
            Self::NoPath => "The target must be a path, or a URL whose host is that of Host.",
            Self::Scheme => "The target is a URL of neither http nor https.",
            Self::Elsewhere => "The target is a URL whose host is not that of Host.",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_path_or_a_url_of_the_host() {
        let rows: &[(&str, &str, Result<(), TargetFault>)] = &[
            ("/", "a", Ok(())),
            ("/v2/x?a=b", "a", Ok(())),
            ("//b/x", "a", Ok(())),
            ("http://a/", "A", Ok(())),
            ("https://a:81/x", "a:81", Ok(())),
            ("http://a", "a", Ok(())),
            ("http://[::1]/", "[::1]", Ok(())),
            ("*", "a", Err(TargetFault::NoPath)),
            ("a:80", "a:80", Err(TargetFault::NoPath)),
            ("!", "a", Err(TargetFault::NoPath)),
            ("ftp://a/v2/x", "a", Err(TargetFault::Scheme)),
            ("http://b/", "a", Err(TargetFault::Elsewhere)),
            ("http://a:81/", "a", Err(TargetFault::Elsewhere)),
            ("http://a/", "a:80", Err(TargetFault::Elsewhere)),
            ("http://user@a/", "a", Err(TargetFault::Elsewhere)),
            ("/longer-than-twenty-bytes", "a", Err(TargetFault::TooLong)),
            ("/x?longer-than-twenty", "a", Err(TargetFault::TooLong)),
        ];
        for (target, host, expected) in rows {
            let uri: Uri = target.parse().unwrap();
            assert_eq!(check(&uri, 20, Some(host.as_bytes())), *expected, "{target} {host}");
        }
    }

    #[test]
    fn a_request_without_host_takes_a_path_only() {
        assert_eq!(check(&Uri::from_static("/"), 20, None), Ok(()));
        let url = Uri::from_static("http://a/");
        assert_eq!(check(&url, 20, None), Err(TargetFault::Elsewhere));
    }
}
