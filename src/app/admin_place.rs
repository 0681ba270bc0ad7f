//! Where the admin port of a running gateway is: where the settings put it, or where an operator says.

use crate::app::ending::Ending;
use crate::settings::address;
use crate::settings::model::Address;
use crate::settings::model::Scheme;
use crate::settings::url::upstream_url;
use http::uri::Authority;
use std::fmt;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;
use std::path::PathBuf;

/// An admin port, as who asks it sees it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Place {
    /// On the network, in the clear.
    Network {
        /// Host and perhaps port.
        authority: Authority,
        /// Goes before every path: empty, or such as `/team`.
        prefix: String,
    },
    /// A socket in the file system.
    Socket(PathBuf),
}

impl Place {
    /// That of a gateway with this `admin.address`. One that is open on all addresses is asked on
    /// this machine.
    ///
    /// # Errors
    /// Why it cannot be told, to be read after the key.
    pub fn of(address: &Address) -> Result<Self, &'static str> {
        let mut address = match address {
            Address::Unix(path) => return Ok(Self::Socket(path.clone())),
            Address::Tcp(address) if address.port() == 0 => {
                return Err("takes another port at each start; say which with --admin URL");
            }
            Address::Tcp(address) => *address,
        };
        address.set_ip(reachable(address.ip()));
        let authority = address.to_string().parse();
        let authority = authority.map_err(|_| "is no host of a URL; say another with --admin")?;
        Ok(Self::Network { authority, prefix: String::new() })
    }

    /// The one that an operator has named, or else that of the settings.
    pub(crate) fn asked(named: Option<&Self>, address: &Address) -> Result<Self, Ending> {
        let of_settings = || Self::of(address).map_err(|why| format!("admin.address {why}"));
        named.cloned().map_or_else(of_settings, Ok).map_err(Ending::misused)
    }

    /// Reads what an operator says.
    ///
    /// # Errors
    /// What is wrong with it, and what is accepted.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let wrong = |why: &str| format!("{why}; accepted: {ACCEPTED}");
        if text.starts_with("unix:") {
            return match address::address(text) {
                Ok(Address::Unix(path)) => Ok(Self::Socket(path)),
                Ok(Address::Tcp(_)) => Err(wrong("is no socket path")),
                Err(fault) => Err(wrong(fault.as_str())),
            };
        }
        match upstream_url(text) {
            Ok(url) if url.scheme == Scheme::Http => {
                Ok(Self::Network { authority: url.authority, prefix: url.prefix })
            }
            Ok(_) => Err(wrong("is https, which the admin port does not speak")),
            Err(fault) => Err(wrong(fault.as_str())),
        }
    }
}

const ACCEPTED: &str = "\"http://HOST:PORT\" or \"unix:/absolute/path\"";

fn reachable(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        other => other,
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network { authority, prefix } => write!(f, "http://{authority}{prefix}"),
            Self::Socket(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_the_settings_is_asked_where_it_can_be_reached() {
        for (written, expected) in [
            ("127.0.0.1:8081", "http://127.0.0.1:8081"),
            ("0.0.0.0:8081", "http://127.0.0.1:8081"),
            ("[::]:8081", "http://[::1]:8081"),
            ("[::ffff:0.0.0.0]:8081", "http://127.0.0.1:8081"),
            ("[2001:db8::1]:8081", "http://[2001:db8::1]:8081"),
            ("unix:/run/admin.sock", "unix:/run/admin.sock"),
            ("127.0.0.1:0", "takes another port at each start; say which with --admin URL"),
            ("[fe80::1%7]:8081", "http://[fe80::1%7]:8081"),
        ] {
            let place = Place::of(&address::address(written).unwrap());
            let told = place.map_or_else(str::to_owned, |place| place.to_string());
            assert_eq!(told, expected, "{written}");
        }
    }

    #[test]
    fn an_operator_names_a_url_in_the_clear_or_a_socket() {
        for text in ["http://gateway:8081", "http://[::1]/team", "unix:/run/admin.sock"] {
            assert_eq!(Place::parse(text).unwrap().to_string(), text);
        }
        for (text, expected) in [
            ("https://localhost", "is https, which the admin port does not speak"),
            ("localhost:8081", "does not begin with https:// or http://"),
            ("http://me:pass@localhost", "has user information"),
            ("unix:admin.sock", "has a socket path that does not begin with /"),
            ("", "does not begin with"),
        ] {
            let told = Place::parse(text).unwrap_err();
            assert!(told.starts_with(expected) && told.ends_with(ACCEPTED), "{text}: {told}");
        }
    }
}
