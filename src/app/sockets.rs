//! Sockets that whoever starts the gateway has opened for it: systemd's socket activation
//! (`sd_listen_fds(3)`). They outlive the process, so that another one can go on where it ends.

use crate::serve::port::Port;
use crate::settings::model::Address;
use listenfd::ListenFd;
use std::fmt;
use std::io;

/// Which sockets were handed on.
#[derive(Debug, Default)]
pub struct Sockets {
    /// For the applications.
    pub listen: Option<Handed>,
    /// For the operators.
    pub admin: Option<Handed>,
}

/// A socket that was handed on.
#[derive(Debug)]
pub enum Handed {
    /// Of the network.
    Tcp(std::net::TcpListener),
    /// Of the file system.
    Unix(std::os::unix::net::UnixListener),
}

/// The place of each among those that were handed on.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Places {
    listen: Option<usize>,
    admin: Option<usize>,
}

/// Why sockets that were handed on cannot be used.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Unusable {
    /// There are more than the gateway has ports.
    TooMany(usize),
    /// Two have one name.
    Twice(&'static str),
    /// Beside one whose name says what it is for, one whose name does not.
    Unknown,
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooMany(count) => {
                write!(f, "LISTEN_FDS: {count} sockets, and the gateway has two ports")
            }
            Self::Twice(name) => write!(f, "LISTEN_FDNAMES: two sockets with the name {name}"),
            Self::Unknown => write!(f, "LISTEN_FDNAMES: a socket is neither listen nor admin"),
        }
    }
}

/// The name of the socket for the applications.
const LISTEN: &str = "listen";

/// The name of the socket for the operators.
const ADMIN: &str = "admin";

/// Takes the sockets that were handed on to this process, once: to be called before there are other
/// threads, since the environment is changed. `names` is what `LISTEN_FDNAMES` says.
///
/// # Errors
/// A sentence that says why they cannot be used. None is left open unserved: its clients would wait
/// for ever.
pub fn take(names: Option<&str>) -> Result<Sockets, String> {
    let mut handed = ListenFd::from_env();
    let places = places(names, handed.len()).map_err(|wrong| wrong.to_string())?;
    let mut one = |place: Option<usize>| place.map(|place| socket(&mut handed, place)).transpose();
    Ok(Sockets { listen: one(places.listen)?, admin: one(places.admin)? })
}

fn socket(handed: &mut ListenFd, place: usize) -> Result<Handed, String> {
    if let Ok(Some(listener)) = handed.take_tcp_listener(place) {
        return Ok(Handed::Tcp(listener));
    }
    match handed.take_unix_listener(place) {
        Ok(Some(listener)) => Ok(Handed::Unix(listener)),
        _ => Err(format!("LISTEN_FDS: socket {place} is no stream of the network or a path")),
    }
}

/// The port that was handed on, or the one that the settings name in `section`.
///
/// # Errors
/// A sentence that says what could not be had.
pub(crate) async fn open(
    section: &str,
    address: &Address,
    handed: Option<Handed>,
) -> Result<Port, String> {
    if let Some(handed) = handed {
        return handed.port().map_err(|error| format!("the socket that was handed on: {error}"));
    }
    match address {
        Address::Tcp(address) => {
            Port::open(*address).map_err(|error| format!("{section}.address {address}: {error}"))
        }
        Address::Unix(path) => {
            let refused = |error| format!("{section}.address unix:{}: {error}", path.display());
            Port::make(path).await.map_err(refused)
        }
    }
}

impl Handed {
    /// A port that accepts from it. To be called on the runtime.
    pub fn port(self) -> io::Result<Port> {
        match self {
            Self::Tcp(listener) => Port::handed_on_tcp(listener),
            Self::Unix(listener) => Port::handed_on_unix(listener),
        }
    }
}

/// By their names if one is ours; systemd gives those without a name that of their unit. Otherwise
/// the first is for the applications and the second for the operators.
fn places(names: Option<&str>, count: usize) -> Result<Places, Unusable> {
    if count > 2 {
        return Err(Unusable::TooMany(count));
    }
    let names: Vec<&str> = names.map(|names| names.split(':').collect()).unwrap_or_default();
    let known = |name: &&str| [LISTEN, ADMIN].contains(name);
    if !names.iter().take(count).any(known) {
        let place = |place| (place < count).then_some(place);
        return Ok(Places { listen: place(0), admin: place(1) });
    }
    let mut places = Places::default();
    for place in 0..count {
        let (taken, name) = match names.get(place) {
            Some(&LISTEN) => (&mut places.listen, LISTEN),
            Some(&ADMIN) => (&mut places.admin, ADMIN),
            _ => return Err(Unusable::Unknown),
        };
        if taken.replace(place).is_some() {
            return Err(Unusable::Twice(name));
        }
    }
    Ok(places)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_socket_has_its_place_by_its_name_or_by_its_turn() {
        let at = |listen, admin| Ok(Places { listen, admin });
        for (names, count, expected) in [
            (None, 0, at(None, None)),
            (None, 1, at(Some(0), None)),
            (None, 2, at(Some(0), Some(1))),
            (None, 3, Err(Unusable::TooMany(3))),
            (Some("listen"), 0, at(None, None)),
            (Some(""), 1, at(Some(0), None)),
            (Some("listen"), 1, at(Some(0), None)),
            (Some("admin"), 1, at(None, Some(0))),
            (Some("listen:admin"), 2, at(Some(0), Some(1))),
            (Some("admin:listen"), 2, at(Some(1), Some(0))),
            (Some("gateway.socket:gateway.socket"), 2, at(Some(0), Some(1))),
            (Some("listen:listen"), 2, Err(Unusable::Twice("listen"))),
            (Some("admin:admin"), 2, Err(Unusable::Twice("admin"))),
            (Some("admin:other"), 2, Err(Unusable::Unknown)),
            (Some("other:listen"), 2, Err(Unusable::Unknown)),
            (Some("listen"), 2, Err(Unusable::Unknown)),
            (Some("listen:admin:more"), 2, at(Some(0), Some(1))),
        ] {
            assert_eq!(places(names, count), expected, "{names:?} {count}");
        }
    }
}
