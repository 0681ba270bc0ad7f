//! The upstream's base URL: scheme, host, perhaps a port, perhaps a path prefix, and nothing else.

use crate::settings::address::is_local;
use crate::settings::model::Address;
use crate::settings::model::Scheme;
use crate::settings::model::UpstreamUrl;
use http::uri::Authority;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;

/// What the upstream's URL may look like.
pub(crate) const URLS: &str =
    "\"https://HOST\", \"https://HOST:PORT\" or either with a path such as \"/v9\"";

/// Why a text is not the URL of an upstream. None of the sentences shows the URL: it may hold a
/// password.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum UrlFault {
    NoScheme,
    OtherScheme,
    UserInfo,
    Query,
    Fragment,
    Host,
    Port,
    Prefix,
}

impl UrlFault {
    /// The sentence's verb and what follows.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::NoScheme => "does not begin with https:// or http://",
            Self::OtherScheme => "has a scheme other than https and http",
            Self::UserInfo => {
                "has user information before its host (not shown here); \
                 the gateway sends the credentials of its clients, never one of its own"
            }
            Self::Query => "has a query",
            Self::Fragment => "has a fragment",
            Self::Host => "has no host, or one that is neither a name (ASCII) nor an IP address",
            Self::Port => "has a port that is not a number from 1 to 65535",
            Self::Prefix => {
                "has a path of other than plain segments of letters, digits and - . _ ~"
            }
        }
    }
}

/// Reads the upstream's URL.
pub(crate) fn upstream_url(text: &str) -> Result<UpstreamUrl, UrlFault> {
    let (scheme, rest) = text.split_once("://").ok_or(UrlFault::NoScheme)?;
    let scheme = match scheme.to_ascii_lowercase().as_str() {
        "https" => Scheme::Https,
        "http" => Scheme::Http,
        _ => return Err(UrlFault::OtherScheme),
    };
    // An `@` anywhere is taken for user information: `https://user:pa/ss@host` is a password too.
    if rest.contains('@') {
        return Err(UrlFault::UserInfo);
    }
    if rest.contains('#') {
        return Err(UrlFault::Fragment);
    }
    if rest.contains('?') {
        return Err(UrlFault::Query);
    }
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    Ok(UpstreamUrl { scheme, authority: parse_authority(authority)?, prefix: parse_prefix(path)? })
}

/// `http`'s own parser takes `host:` and `host:99999` without complaint.
pub(crate) fn parse_authority(text: &str) -> Result<Authority, UrlFault> {
    let port_at = text.rfind(':').filter(|at| !text.get(*at..).unwrap_or_default().contains(']'));
    let (host, port) = text.split_at(port_at.unwrap_or(text.len()));
    if !is_host(host) {
        return Err(UrlFault::Host);
    }
    if port_at.is_some() {
        let digits = port.trim_start_matches(':');
        let number = digits.parse::<u16>().map_err(|_| UrlFault::Port)?;
        if number == 0 || digits.starts_with('+') {
            return Err(UrlFault::Port);
        }
    }
    text.parse().map_err(|_| UrlFault::Host)
}

fn is_host(text: &str) -> bool {
    if let Some(inside) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return inside.parse::<Ipv6Addr>().is_ok();
    }
    // A trailing dot is welcome: it spares the resolver its search list.
    let name = text.strip_suffix('.').unwrap_or(text);
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    name.split('.').all(|label| !label.is_empty() && label.bytes().all(plain))
}

/// A prefix that is not canonical could mean one thing to us and another to the upstream.
fn parse_prefix(path: &str) -> Result<String, UrlFault> {
    let prefix = path.trim_end_matches('/');
    if prefix.is_empty() {
        return Ok(String::new());
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let canonical =
        |segment: &str| !matches!(segment, "" | "." | "..") && segment.bytes().all(plain);
    if prefix.split('/').skip(1).all(canonical) {
        Ok(prefix.to_owned())
    } else {
        Err(UrlFault::Prefix)
    }
}

/// Whether the URL leads to a listener at this address on this machine, as far as the text tells:
/// a forward to it would come back for ever.
pub(crate) fn leads_to(url: &UpstreamUrl, listener: &Address) -> bool {
    let Address::Tcp(listener) = listener else { return false };
    let port = url.authority.port_u16().unwrap_or(match url.scheme {
        Scheme::Http => 80,
        Scheme::Https => 443,
    });
    let host = url.authority.host().trim_start_matches('[').trim_end_matches(']');
    let host = match host {
        "localhost" => Some(IpAddr::from(Ipv4Addr::LOCALHOST)),
        literal => literal.parse::<IpAddr>().ok(),
    };
    let Some(host) = host.map(|ip| ip.to_canonical()) else { return false };
    let local = is_local(&Address::Tcp((host, port).into()));
    let everywhere = listener.ip().to_canonical().is_unspecified();
    listener.port() == port && (host == listener.ip().to_canonical() || (everywhere && local))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::address::address;

    #[test]
    fn a_base_url_is_taken_apart() {
        for (text, scheme, authority, prefix) in [
            ("https://api.verifik.co", Scheme::Https, "api.verifik.co", ""),
            ("https://api.verifik.co/", Scheme::Https, "api.verifik.co", ""),
            ("HTTPS://api.verifik.co.:8443/v9//", Scheme::Https, "api.verifik.co.:8443", "/v9"),
            ("http://127.0.0.1:9000/a/b-c", Scheme::Http, "127.0.0.1:9000", "/a/b-c"),
            ("http://[::1]:9000", Scheme::Http, "[::1]:9000", ""),
            ("http://[::1]", Scheme::Http, "[::1]", ""),
            ("http://stand_in", Scheme::Http, "stand_in", ""),
        ] {
            let url = upstream_url(text).unwrap();
            assert_eq!(url.scheme, scheme, "{text}");
            assert_eq!(url.authority, authority, "{text}");
            assert_eq!(url.prefix, prefix, "{text}");
        }
    }

    #[test]
    fn what_is_no_base_url_is_refused_for_its_reason() {
        for (text, expected) in [
            ("", UrlFault::NoScheme),
            ("api.verifik.co", UrlFault::NoScheme),
            ("https:/api.verifik.co", UrlFault::NoScheme),
            ("ftp://api.verifik.co", UrlFault::OtherScheme),
            (" https://api.verifik.co", UrlFault::OtherScheme),
            ("https://me:secret@api.verifik.co", UrlFault::UserInfo),
            ("https://@api.verifik.co", UrlFault::UserInfo),
            ("https://me:pa/ss@api.verifik.co", UrlFault::UserInfo),
            ("https://api.verifik.co?a=1", UrlFault::Query),
            ("https://api.verifik.co/v2?", UrlFault::Query),
            ("https://api.verifik.co/#top", UrlFault::Fragment),
            ("https://", UrlFault::Host),
            ("https:///v2", UrlFault::Host),
            ("https://:443", UrlFault::Host),
            ("https://a b", UrlFault::Host),
            ("https://a\\b", UrlFault::Host),
            ("https://a%2eb", UrlFault::Host),
            ("https://señal.co", UrlFault::Host),
            ("https://a..b", UrlFault::Host),
            ("https://[::1", UrlFault::Host),
            ("https://[zz]:1", UrlFault::Host),
            ("https://::1", UrlFault::Host),
            ("https://api.verifik.co:", UrlFault::Port),
            ("https://api.verifik.co:0", UrlFault::Port),
            ("https://api.verifik.co:+1", UrlFault::Port),
            ("https://api.verifik.co:99999", UrlFault::Port),
            ("https://api.verifik.co/a//b", UrlFault::Prefix),
            ("https://api.verifik.co/../b", UrlFault::Prefix),
            ("https://api.verifik.co/a%2f", UrlFault::Prefix),
            ("https://api.verifik.co/a b", UrlFault::Prefix),
            ("https://api.verifik.co/a\nb", UrlFault::Prefix),
        ] {
            assert_eq!(upstream_url(text), Err(expected), "{text:?}");
        }
    }

    #[test]
    fn a_url_of_our_own_listener_is_seen() {
        for (url, listener, expected) in [
            ("http://127.0.0.1:8080", "127.0.0.1:8080", true),
            ("http://localhost:8080", "127.0.0.1:8080", true),
            ("http://localhost:8080", "0.0.0.0:8080", true),
            ("http://[::1]:8080", "[::]:8080", true),
            ("http://127.0.0.1", "0.0.0.0:80", true),
            ("http://127.0.0.1:8081", "127.0.0.1:8080", false),
            ("http://10.0.0.1:8080", "0.0.0.0:8080", false),
            ("https://api.verifik.co", "0.0.0.0:443", false),
            ("http://127.0.0.1:8080", "unix:/a", false),
        ] {
            let (to, at) = (upstream_url(url).unwrap(), address(listener).unwrap());
            assert_eq!(leads_to(&to, &at), expected, "{url} {listener}");
        }
    }
}
