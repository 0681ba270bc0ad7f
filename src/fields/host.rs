//! The `Host` of a request: RFC 9112 section 3.2 and RFC 9110 section 7.2.
//!
//! Narrower than RFC 3986 section 3.2.2: no percent-encoding, which readers may or may not decode,
//! no comma, which makes a list to some, and no address of a future version.

use core::net::Ipv6Addr;
use http::HeaderMap;
use http::HeaderValue;
use http::Version;
use http::header::HOST;

/// Why a request's `Host` is not taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum HostFault {
    /// There is none, and only HTTP/1.0 does without.
    Missing,
    /// There are several, equal or not.
    Repeated,
    /// Its name is empty, or no name.
    Name,
    /// What stands in brackets is no IPv6 address.
    Address,
    /// What follows the name is no port.
    Port,
}

/// The one host that a request names, as it is written. `None` only of HTTP/1.0.
pub fn read(fields: &HeaderMap, version: Version) -> Result<Option<&[u8]>, HostFault> {
    let mut hosts = fields.get_all(HOST).iter();
    match (hosts.next().map(HeaderValue::as_bytes), hosts.next()) {
        (Some(host), None) => check(host).map(|()| Some(host)),
        (Some(_), Some(_)) => Err(HostFault::Repeated),
        (None, _) if version < Version::HTTP_11 => Ok(None),
        (None, _) => Err(HostFault::Missing),
    }
}

/// `uri-host [ ":" port ]`. Every hit comes here: nothing is copied.
fn check(host: &[u8]) -> Result<(), HostFault> {
    let port = if let Some(bracketed) = host.strip_prefix(b"[") {
        let (address, port) = split_at(bracketed, b']').ok_or(HostFault::Address)?;
        check_address(address)?;
        port.strip_prefix(b"]").unwrap_or_default()
    } else {
        let (name, port) = split_at(host, b':').unwrap_or((host, b""));
        check_name(name)?;
        port
    };
    check_port(port)
}

fn check_address(address: &[u8]) -> Result<(), HostFault> {
    let address = str::from_utf8(address).ok();
    let is_one = address.is_some_and(|address| address.parse::<Ipv6Addr>().is_ok());
    if is_one { Ok(()) } else { Err(HostFault::Address) }
}

/// RFC 3986 section 3.2.2: `unreserved` and `sub-delims`, which an IPv4 address is too.
fn check_name(name: &[u8]) -> Result<(), HostFault> {
    let in_grammar =
        |octet: &u8| octet.is_ascii_alphanumeric() || b"-._~!$&'()*+;=".contains(octet);
    if !name.is_empty() && name.iter().all(in_grammar) { Ok(()) } else { Err(HostFault::Name) }
}

/// Nothing, or a colon and digits that TCP has room for; RFC 3986 section 3.2.3 lets them be none.
fn check_port(port: &[u8]) -> Result<(), HostFault> {
    let digits = match port.strip_prefix(b":") {
        None if port.is_empty() => return Ok(()),
        Some(b"") => return Ok(()),
        Some(digits) if digits.iter().all(u8::is_ascii_digit) => digits,
        _ => return Err(HostFault::Port),
    };
    let number = str::from_utf8(digits).ok().and_then(|digits| digits.parse::<u16>().ok());
    number.map(|_| ()).ok_or(HostFault::Port)
}

/// What stands before the first `octet`, and the rest with it.
fn split_at(text: &[u8], octet: u8) -> Option<(&[u8], &[u8])> {
    text.split_at_checked(text.iter().position(|&found| found == octet)?)
}

impl HostFault {
    /// For programs and the log.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "host-missing",
            Self::Repeated => "host-repeated",
            Self::Name => "host-name",
            Self::Address => "host-address",
            Self::Port => "host-port",
        }
    }

    /// For people.
    pub const fn message(self) -> &'static str {
        match self {
            Self::Missing => "There is no Host field.",
            Self::Repeated => "There is more than one Host field.",
            Self::Name => "Host is no name: letters, digits and a few marks, no list, no user.",
            Self::Address => "What Host has in brackets is no IPv6 address.",
            Self::Port => "What follows the name in Host is no port.",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_host_is_a_name_or_an_address_and_perhaps_a_port() {
        for host in [
            "gateway",
            "GATEWAY",
            "gateway:8080",
            "gateway:",
            "gateway.",
            "a_b",
            "a-b.c",
            "127.0.0.1",
            "127.0.0.1:80",
            "[::1]",
            "[::1]:8080",
            "[::1]:",
            "[::ffff:1.2.3.4]",
            "[2001:DB8::1]",
            "a:0",
            "a:65535",
            "a:00080",
            "a!b",
            "a;b",
        ] {
            assert_eq!(check(host.as_bytes()), Ok(()), "{host}");
        }
    }

    #[test]
    fn what_is_no_host_is_refused_with_its_reason() {
        let rows: &[(&[u8], HostFault)] = &[
            (b"", HostFault::Name),
            (b":80", HostFault::Name),
            (b"a b", HostFault::Name),
            (b"a\tb", HostFault::Name),
            (b"a\0", HostFault::Name),
            (b"a,b", HostFault::Name),
            (b"a, b", HostFault::Name),
            (b"ann@a", HostFault::Name),
            (b"a/b", HostFault::Name),
            (b"a?b", HostFault::Name),
            (b"a#b", HostFault::Name),
            (b"a\\b", HostFault::Name),
            (b"a%2eb", HostFault::Name),
            (b"a%00", HostFault::Name),
            (b"a]", HostFault::Name),
            (b"caf\xc3\xa9", HostFault::Name),
            (b"http://a", HostFault::Port),
            (b"ann:x@a", HostFault::Port),
            (b"a:x", HostFault::Port),
            (b"a:80:80", HostFault::Port),
            (b"a:+80", HostFault::Port),
            (b"a:-1", HostFault::Port),
            (b"a: 80", HostFault::Port),
            (b"a:65536", HostFault::Port),
            (b"a:99999999999999999999", HostFault::Port),
            (b"[::1]80", HostFault::Port),
            (b"[::1]:x", HostFault::Port),
            (b"[::1]]", HostFault::Port),
            (b"[::1", HostFault::Address),
            (b"[", HostFault::Address),
            (b"[]", HostFault::Address),
            (b"[a]", HostFault::Address),
            (b"[127.0.0.1]", HostFault::Address),
            (b"[fe80::1%25eth0]", HostFault::Address),
            (b"[v1.a]", HostFault::Address),
            (b"::1", HostFault::Name),
        ];
        for (host, expected) in rows {
            assert_eq!(check(host), Err(*expected), "{}", host.escape_ascii());
        }
    }

    #[test]
    fn there_is_one_and_only_http_1_0_does_without() {
        use HostFault::Missing;
        use HostFault::Repeated;
        let (new, old) = (Version::HTTP_11, Version::HTTP_10);
        let rows: &[(&[&'static str], Version, Result<Option<&[u8]>, HostFault>)] = &[
            (&["a"], new, Ok(Some(b"a"))),
            (&["a"], old, Ok(Some(b"a"))),
            (&[], new, Err(Missing)),
            (&[], old, Ok(None)),
            (&["a", "a"], new, Err(Repeated)),
            (&["a", "b"], old, Err(Repeated)),
            (&["", "a"], old, Err(Repeated)),
        ];
        for (hosts, version, expected) in rows {
            let mut fields = HeaderMap::new();
            for host in *hosts {
                fields.append(HOST, HeaderValue::from_static(host));
            }
            assert_eq!(read(&fields, *version), *expected, "{hosts:?} {version:?}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_taken_is_an_authority_to_others_too(host in "[a-z0-9.:\\[\\]%@,_-]{1,12}") {
            let is_one = host.parse::<http::uri::Authority>().is_ok();
            prop_assert!(check(host.as_bytes()).is_err() || is_one, "{host}");
        }
    }
}
