//! Addresses a listener can be opened at.

use crate::settings::model::Address;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::path::Path;
use std::path::PathBuf;

/// Linux keeps a socket's path in 108 bytes, the last of them a zero (unix(7)).
const UNIX_PATH_MAX: usize = 107;

/// What every address may look like.
pub(crate) const ADDRESSES: &str = "an IP address with a port, such as \"127.0.0.1:8080\" or \
     \"[::1]:8080\", or \"localhost:PORT\", or \"unix:/absolute/path\"";

/// What an address of the network may look like.
pub(crate) const SOCKET_ADDRESSES: &str = "an IP address with a port, such as \"127.0.0.1:8080\" or \"[::1]:8080\", or \"localhost:PORT\"";

/// Why a text is not an address.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum AddressFault {
    Malformed,
    NoPort,
    /// A name could stand for several addresses, or for another one tomorrow.
    Name,
    UnixRelative,
    UnixTooLong,
}

impl AddressFault {
    /// The sentence's verb and what follows.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "is not an address",
            Self::NoPort => "has no port",
            Self::Name => "names a host, and of names only localhost is taken",
            Self::UnixRelative => "has a socket path that does not begin with /",
            Self::UnixTooLong => "has a socket path of more than 107 bytes",
        }
    }
}

/// Reads an address of either kind.
pub(crate) fn address(text: &str) -> Result<Address, AddressFault> {
    match text.strip_prefix("unix:") {
        Some(path) => unix(path).map(Address::Unix),
        None => socket_address(text).map(Address::Tcp),
    }
}

/// Reads an IP address with a port.
pub(crate) fn socket_address(text: &str) -> Result<SocketAddr, AddressFault> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    if text.parse::<IpAddr>().is_ok() || text == "localhost" {
        return Err(AddressFault::NoPort);
    }
    let (host, port) = text.rsplit_once(':').ok_or(AddressFault::Malformed)?;
    let port = whole_port(port).ok_or(AddressFault::Malformed)?;
    match host {
        "localhost" => Ok(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port)),
        name if is_name(name) => Err(AddressFault::Name),
        _ => Err(AddressFault::Malformed),
    }
}

/// `u16`'s own parser also takes a plus sign.
fn whole_port(text: &str) -> Option<u16> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

fn is_name(text: &str) -> bool {
    text.bytes().any(|byte| byte.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
}

fn unix(path: &str) -> Result<PathBuf, AddressFault> {
    if path.len() > UNIX_PATH_MAX {
        return Err(AddressFault::UnixTooLong);
    }
    if path.contains('\0') {
        return Err(AddressFault::Malformed);
    }
    if !Path::new(path).is_absolute() {
        return Err(AddressFault::UnixRelative);
    }
    Ok(PathBuf::from(path))
}

/// Whether only this machine can connect.
pub(crate) fn is_local(address: &Address) -> bool {
    match address {
        Address::Tcp(address) => address.ip().to_canonical().is_loopback(),
        Address::Unix(_) => true,
    }
}

/// Whether two listeners at these addresses would meet. An unspecified IP address is all of them;
/// port 0 is a free one each time.
pub(crate) fn meet(one: &Address, other: &Address) -> bool {
    match (one, other) {
        (Address::Tcp(one), Address::Tcp(other)) => {
            let (a, b) = (one.ip().to_canonical(), other.ip().to_canonical());
            let everywhere = a.is_unspecified() || b.is_unspecified();
            one.port() == other.port() && one.port() != 0 && (a == b || everywhere)
        }
        (Address::Unix(one), Address::Unix(other)) => one == other,
        (Address::Tcp(_), Address::Unix(_)) | (Address::Unix(_), Address::Tcp(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_an_ip_and_a_port_or_a_socket_path() {
        for (text, expected) in [
            ("127.0.0.1:8080", "127.0.0.1:8080"),
            ("0.0.0.0:0", "0.0.0.0:0"),
            ("[::1]:80", "[::1]:80"),
            ("localhost:8080", "127.0.0.1:8080"),
        ] {
            let expected = Address::Tcp(expected.parse().unwrap());
            assert_eq!(address(text), Ok(expected), "{text:?}");
        }
        assert_eq!(address("unix:/run/gw"), Ok(Address::Unix(PathBuf::from("/run/gw"))));
    }

    #[test]
    fn what_is_no_address_is_refused_for_its_reason() {
        let long = format!("unix:/{}", "x".repeat(107));
        for (text, expected) in [
            ("", AddressFault::Malformed),
            ("8080", AddressFault::Malformed),
            (":8080", AddressFault::Malformed),
            ("::1:8080x", AddressFault::Malformed),
            ("127.0.0.1:+80", AddressFault::Malformed),
            ("127.0.0.1:65536", AddressFault::Malformed),
            ("localhost:+1", AddressFault::Malformed),
            ("localhost:", AddressFault::Malformed),
            (" 127.0.0.1:80", AddressFault::Malformed),
            ("http://127.0.0.1:80", AddressFault::Malformed),
            ("127.0.0.1", AddressFault::NoPort),
            ("::1", AddressFault::NoPort),
            ("localhost", AddressFault::NoPort),
            ("gateway.local:80", AddressFault::Name),
            ("unix:run/gw", AddressFault::UnixRelative),
            ("unix:", AddressFault::UnixRelative),
            ("unix:/a\0b", AddressFault::Malformed),
            (long.as_str(), AddressFault::UnixTooLong),
        ] {
            assert_eq!(address(text), Err(expected), "{text:?}");
        }
    }

    #[test]
    fn listeners_meet_on_one_port_of_one_address() {
        for (one, other, expected) in [
            ("127.0.0.1:80", "127.0.0.1:80", true),
            ("127.0.0.1:80", "127.0.0.1:81", false),
            ("127.0.0.1:80", "127.0.0.2:80", false),
            ("0.0.0.0:80", "127.0.0.1:80", true),
            ("[::]:80", "127.0.0.1:80", true),
            ("127.0.0.1:0", "127.0.0.1:0", false),
            ("[::ffff:127.0.0.1]:80", "127.0.0.1:80", true),
            ("unix:/a", "unix:/a", true),
            ("unix:/a", "unix:/b", false),
            ("unix:/a", "127.0.0.1:80", false),
        ] {
            let (a, b) = (address(one).unwrap(), address(other).unwrap());
            assert_eq!(meet(&a, &b), expected, "{one} {other}");
            assert_eq!(meet(&b, &a), expected, "{other} {one}");
        }
    }

    #[test]
    fn loopback_and_socket_files_are_local() {
        for (text, expected) in [
            ("127.0.0.1:1", true),
            ("127.8.8.8:1", true),
            ("[::1]:1", true),
            ("[::ffff:127.0.0.1]:1", true),
            ("unix:/a", true),
            ("0.0.0.0:1", false),
            ("[::]:1", false),
            ("10.0.0.1:1", false),
        ] {
            assert_eq!(is_local(&address(text).unwrap()), expected, "{text}");
        }
    }
}
