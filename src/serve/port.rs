//! A port: a listening socket of the network or of the file system, opened here or handed on by
//! whoever started the gateway.

use crate::policy::shed::Peer;
use std::fmt;
use std::fs;
use std::fs::Permissions;
use std::io;
use std::mem;
use std::net::SocketAddr;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::fs::MetadataExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net;
use std::path::Path;
use std::path::PathBuf;
use tokio::net::TcpListener;
use tokio::net::TcpSocket;
use tokio::net::TcpStream;
use tokio::net::UnixListener;
use tokio::net::UnixSocket;
use tokio::net::UnixStream;
use tracing::debug;

/// How many may stand in the system's queue until they are accepted; it may allow fewer
/// (`net.core.somaxconn`). The customary 128 are too few where all clients of a restarted gateway
/// come back at once.
const BACKLOG: u32 = 4096;

/// Whoever owns the socket's file, and its group, may connect.
const MODE: u32 = 0o660;

/// A listening socket.
#[derive(Debug)]
pub struct Port {
    socket: Socket,
    place: Place,
    /// Its file, if it is one that was made here.
    file: Option<SocketFile>,
    /// Whether it was opened by whoever started the gateway, and outlives it.
    handed_on: bool,
}

#[derive(Debug)]
enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// Where a port can be reached.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Place {
    /// IP address and port.
    Tcp(SocketAddr),
    /// A path in the file system; empty for a socket without one.
    Unix(PathBuf),
}

/// A connection that was accepted.
#[derive(Debug)]
pub enum Caller {
    /// Over the network.
    Tcp(TcpStream, Peer),
    /// From this machine.
    Unix(UnixStream),
}

impl Port {
    /// Opens a port of the network.
    pub fn open(address: SocketAddr) -> io::Result<Self> {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        // Without it the port stays taken for a while after a gateway that has ended there.
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        Self::of_tcp(socket.listen(BACKLOG)?, false)
    }

    /// Makes a socket in the file system. One that a process has left behind which has ended is
    /// replaced; nothing else is ever removed.
    pub async fn make(path: &Path) -> io::Result<Self> {
        make_way(path).await?;
        let socket = UnixSocket::new_stream()?;
        socket.bind(path)?;
        let file = SocketFile::at(path)?;
        // Before anybody can connect.
        fs::set_permissions(path, Permissions::from_mode(MODE))?;
        let port = Self::of_unix(socket.listen(BACKLOG)?, false)?;
        Ok(Self { file: Some(file), ..port })
    }

    /// A port of the network that was handed on.
    pub fn handed_on_tcp(listener: std::net::TcpListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        Self::of_tcp(TcpListener::from_std(listener)?, true)
    }

    /// A socket of the file system that was handed on.
    pub fn handed_on_unix(listener: net::UnixListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        Self::of_unix(UnixListener::from_std(listener)?, true)
    }

    fn of_tcp(listener: TcpListener, handed_on: bool) -> io::Result<Self> {
        let place = Place::Tcp(listener.local_addr()?);
        Ok(Self { socket: Socket::Tcp(listener), place, file: None, handed_on })
    }

    fn of_unix(listener: UnixListener, handed_on: bool) -> io::Result<Self> {
        let path = listener.local_addr()?.as_pathname().map(Path::to_owned).unwrap_or_default();
        Ok(Self { socket: Socket::Unix(listener), place: Place::Unix(path), file: None, handed_on })
    }

    /// Where it can be reached.
    pub const fn place(&self) -> &Place {
        &self.place
    }

    /// Whether it was opened by whoever started the gateway, and outlives it.
    pub const fn is_handed_on(&self) -> bool {
        self.handed_on
    }

    /// The next connection. Nothing is lost if this is dropped.
    pub async fn accept(&self) -> io::Result<Caller> {
        match &self.socket {
            Socket::Tcp(listener) => {
                let (io, from) = listener.accept().await?;
                Ok(Caller::from_network(io, from))
            }
            Socket::Unix(listener) => Ok(Caller::Unix(listener.accept().await?.0)),
        }
    }

    /// Closes it. Those who stand in the system's queue at that moment would be reset, and are
    /// returned instead.
    pub fn close(self) -> Vec<Caller> {
        // First, so that nobody comes any more.
        drop(self.file);
        let queue = |next: &dyn Fn() -> io::Result<Caller>| {
            let mut callers = Vec::new();
            // Past its longest there is no queue but an attack.
            while callers.len() < BACKLOG as usize
                && let Ok(caller) = next()
            {
                callers.push(caller);
            }
            callers
        };
        // Asked of the system itself: the runtime hears of a newcomer a little later.
        match self.socket {
            Socket::Tcp(listener) => listener.into_std().map_or_else(no_callers, |listener| {
                queue(&|| {
                    let (io, from) = listener.accept()?;
                    io.set_nonblocking(true)?;
                    Ok(Caller::from_network(TcpStream::from_std(io)?, from))
                })
            }),
            Socket::Unix(listener) => listener.into_std().map_or_else(no_callers, |listener| {
                queue(&|| {
                    let (io, _) = listener.accept()?;
                    io.set_nonblocking(true)?;
                    Ok(Caller::Unix(UnixStream::from_std(io)?))
                })
            }),
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "what an error becomes")]
fn no_callers(error: io::Error) -> Vec<Caller> {
    debug!(%error, "a port was closed unseen");
    Vec::new()
}

impl Caller {
    fn from_network(io: TcpStream, from: SocketAddr) -> Self {
        // Without this a reply in two writes waits for the client's acknowledgement.
        if let Err(error) = io.set_nodelay(true) {
            debug!(%error, "a connection ended while it was being accepted");
        }
        Self::Tcp(io, Peer::from(from.ip()))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// Removes what a process has left behind: a socket on which nobody answers.
async fn make_way(path: &Path) -> io::Result<()> {
    let there = match fs::symlink_metadata(path) {
        Ok(there) => there,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if !there.file_type().is_socket() {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, "is there, and is no socket"));
    }
    match UnixStream::connect(path).await {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        // Whose queue is full is there as well, and so may be whom we may not ask.
        _ => Err(io::Error::new(io::ErrorKind::AddrInUse, "another process listens there")),
    }
}

/// A socket's file, removed when this is dropped if it is still the same.
#[derive(Debug)]
struct SocketFile {
    path: PathBuf,
    /// Device and inode.
    identity: (u64, u64),
}

impl SocketFile {
    fn at(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.to_owned(), identity: identity(path)? })
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let there = fs::symlink_metadata(path)?;
    Ok((there.dev(), there.ino()))
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|identity| identity == self.identity)
            && let Err(error) = fs::remove_file(mem::take(&mut self.path))
        {
            debug!(%error, "the socket's file could not be removed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::env::temp_dir;
    use std::process;

    fn path(name: &str) -> PathBuf {
        let path = temp_dir().join(format!("verifik-port-{}-{name}", process::id()));
        let _ = fs::remove_file(&path);
        path
    }

    #[tokio::test]
    async fn a_socket_that_was_left_behind_is_replaced_and_nothing_else_is() {
        let path = path("stale");
        // Closed without a word, as a process that was killed leaves it.
        drop(net::UnixListener::bind(&path).unwrap());
        let port = Port::make(&path).await.unwrap();
        assert_eq!(port.place().to_string(), format!("unix:{}", path.display()));
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, MODE);
        let in_use = Port::make(&path).await.unwrap_err();
        assert_eq!(in_use.kind(), io::ErrorKind::AddrInUse);
        drop(port);
        assert!(!path.exists(), "it is ours, and goes with the port");
        fs::write(&path, "precious").unwrap();
        let not_a_socket = Port::make(&path).await.unwrap_err();
        assert_eq!(not_a_socket.to_string(), "is there, and is no socket");
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
        fs::remove_file(&path).unwrap();
    }

    #[tokio::test]
    async fn a_file_that_another_has_put_in_its_place_stays() {
        let path = path("another");
        let port = Port::make(&path).await.unwrap();
        // Made before the other goes, so that it cannot have its number.
        let aside = path.with_extension("aside");
        fs::write(&aside, "another's").unwrap();
        fs::rename(&aside, &path).unwrap();
        drop(port);
        assert_eq!(fs::read_to_string(&path).unwrap(), "another's");
        fs::remove_file(&path).unwrap();
    }

    #[tokio::test]
    async fn who_stands_in_the_queue_of_a_port_that_closes_is_taken_along() {
        let port = Port::open(([127, 0, 0, 1], 0).into()).unwrap();
        let address = port.place().to_string();
        // The runtime has not looked since these came.
        let waiting: Vec<_> =
            (0..3).map(|_| std::net::TcpStream::connect(&address).unwrap()).collect();
        let callers = port.close();
        assert_eq!(callers.len(), waiting.len());
        assert!(callers.iter().all(|caller| matches!(caller, Caller::Tcp(..))));
        assert!(std::net::TcpStream::connect(&address).is_err());
    }
}
