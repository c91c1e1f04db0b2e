//! Sockets that listen: bound by us, or handed over by a service manager (sd_listen_fds(3)).

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::os::unix::net::UnixListener as StdUnixListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use tokio::net::{TcpListener, UnixListener};

use crate::Io;

/// Connections that the kernel keeps until we accept them. A burst of clients is not refused; the
/// kernel itself caps this at `net.core.somaxconn`.
const BACKLOG: i32 = 4_096;

/// How long to wait when no more files can be opened: without it the loop would spin (row F09).
const OUT_OF_FILES_PAUSE: Duration = Duration::from_millis(100);

/// Why there is no socket.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// An address can't be had.
    #[error("cannot listen on {address}{}", hint(.source))]
    Tcp {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// A unix socket can't be had.
    #[error("cannot listen on {}{}", path.display(), hint(.source))]
    Unix {
        /// The path.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The sockets that were handed over are none that we can use.
    #[error("cannot use the socket \"{name}\" that the service manager handed over")]
    Handed {
        /// The name it has in LISTEN_FDNAMES.
        name: String,
        /// What is wrong with it.
        source: io::Error,
    },
}

/// What to do about it.
fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            " (is another mail server running? stop it or choose another port)"
        }
        io::ErrorKind::PermissionDenied => {
            " (let the service manager open ports below 1024, see config/systemd, or choose higher ones)"
        }
        io::ErrorKind::AddrNotAvailable => " (this host has no such address)",
        _ => "",
    }
}

/// A socket that listens.
#[derive(Debug)]
pub enum Listener {
    /// IPv4 or IPv6.
    Tcp(TcpListener),
    /// Unix.
    Unix(UnixListener),
}

/// Who is at the other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// An address; an IPv4 address mapped into IPv6 is given as IPv4.
    Ip(SocketAddr),
    /// A process of this host, by the user id that the kernel vouches for.
    Local {
        /// Its effective user id.
        uid: u32,
    },
}

impl Peer {
    /// The address, where it came over IP.
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Ip(address) => Some(address.ip()),
            Self::Local { .. } => None,
        }
    }

    /// Whether it is this host.
    pub fn is_this_host(&self) -> bool {
        self.ip().is_none_or(|ip| ip.is_loopback())
    }
}

impl std::fmt::Display for Peer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Ip(address) => address.fmt(f),
            Self::Local { uid } => write!(f, "uid {uid}"),
        }
    }
}

impl Listener {
    /// The next connection. Errors of a single connection are skipped; where this process has run out
    /// of files, it waits a moment and tries again, so this never fails and never spins.
    pub async fn accept(&self) -> (Io, Peer) {
        loop {
            match self.accept_once().await {
                Ok(connection) => return connection,
                Err(error) if is_out_of_resources(&error) => {
                    tracing::warn!(error = %error, "cannot accept connections, waiting");
                    tokio::time::sleep(OUT_OF_FILES_PAUSE).await;
                }
                Err(error) => {
                    tracing::debug!(error = %error, "a connection was gone before it was accepted")
                }
            }
        }
    }

    async fn accept_once(&self) -> io::Result<(Io, Peer)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, address) = listener.accept().await?;
                // Replies are small and written whole: waiting for more (Nagle) only costs time.
                stream.set_nodelay(true)?;
                let address = SocketAddr::new(address.ip().to_canonical(), address.port());
                Ok((Io::tcp(stream), Peer::Ip(address)))
            }
            Self::Unix(listener) => {
                let (stream, _) = listener.accept().await?;
                let uid = stream.peer_cred()?.uid();
                Ok((Io::unix(stream), Peer::Local { uid }))
            }
        }
    }

    /// The address it listens on; `None` for a unix socket.
    pub fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(listener) => listener.local_addr().ok(),
            Self::Unix(_) => None,
        }
    }
}

/// Whether this process or this host has no descriptor or memory left for a socket: it says nothing about the
/// other side.
pub fn is_out_of_resources(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let errno = Errno::from_io_error(error);
    matches!(errno, Some(Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::NOBUFS))
}

/// Listens on an address. An IPv6 address takes IPv6 alone, so that `0.0.0.0` and `::` can stand side by
/// side. Must be called inside a tokio runtime.
///
/// # Errors
/// [`ListenError::Tcp`].
pub fn bind_tcp(address: SocketAddr) -> Result<Listener, ListenError> {
    let bind = || -> io::Result<TcpListener> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        // A restart doesn't wait for connections of the former process to be forgotten.
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&SockAddr::from(address))?;
        socket.listen(BACKLOG)?;
        TcpListener::from_std(socket.into())
    };
    bind().map(Listener::Tcp).map_err(|source| ListenError::Tcp { address, source })
}

/// Listens on a unix socket whose file has this `mode`. A socket that nobody listens on any more is
/// replaced; anything else that has the name is left alone. Must be called inside a tokio runtime.
///
/// # Errors
/// [`ListenError::Unix`].
pub fn bind_unix(path: &Path, mode: u32) -> Result<Listener, ListenError> {
    let bind = || -> io::Result<UnixListener> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        remove_stale_socket(path)?;
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        socket.bind(&SockAddr::unix(path)?)?;
        // Before it listens nobody can connect, so nobody slips in before the mode is right.
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
        socket.listen(BACKLOG)?;
        UnixListener::from_std(StdUnixListener::from(socket))
    };
    bind().map(Listener::Unix).map_err(|source| ListenError::Unix { path: path.to_owned(), source })
}

/// Removes a socket that a process left behind which was killed.
fn remove_stale_socket(path: &Path) -> io::Result<()> {
    match std::fs::symlink_metadata(path) {
        Ok(metadata) if metadata.file_type().is_socket() => {}
        _ => return Ok(()), // bind says what is wrong, if anything is
    }
    match std::os::unix::net::UnixStream::connect(path) {
        Ok(_) => Err(io::ErrorKind::AddrInUse.into()),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            std::fs::remove_file(path)
        }
        Err(error) => Err(error),
    }
}

/// The sockets that a service manager handed over, by name (`LISTEN_FDS`, `LISTEN_FDNAMES`).
#[derive(Debug, Default)]
pub struct Handed {
    sockets: Vec<(String, Socketlike)>,
}

#[derive(Debug)]
enum Socketlike {
    Tcp(std::net::TcpListener),
    Unix(StdUnixListener),
}

impl Handed {
    /// Takes them from the environment, which forgets them. Call it once, before other threads start.
    ///
    /// # Errors
    /// [`ListenError::Handed`] where one of them is no listening stream socket.
    pub fn from_environment() -> Result<Self, ListenError> {
        let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
        let mut given = listenfd::ListenFd::from_env();
        let mut sockets = Vec::new();
        for index in 0..given.len() {
            let name = names.split(':').nth(index).unwrap_or("unknown").to_owned();
            let socket = match given.take_tcp_listener(index) {
                Ok(socket) => socket.map(Socketlike::Tcp),
                Err(_) => given
                    .take_unix_listener(index)
                    .map_err(|source| ListenError::Handed { name: name.clone(), source })?
                    .map(Socketlike::Unix),
            };
            sockets.extend(socket.map(|socket| (name, socket)));
        }
        Ok(Self { sockets })
    }

    /// Takes those of that name, possibly none. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// [`ListenError::Handed`].
    pub fn take(&mut self, name: &str) -> Result<Vec<Listener>, ListenError> {
        let (taken, left) = self.sockets.drain(..).partition(|(given, _)| given == name);
        self.sockets = left;
        let taken: Vec<(String, Socketlike)> = taken;
        taken
            .into_iter()
            .map(|(name, socket)| {
                socket.into_listener().map_err(|source| ListenError::Handed { name, source })
            })
            .collect()
    }

    /// Takes those of that name; where there are none, listens on `addresses`.
    ///
    /// # Errors
    /// Any [`ListenError`].
    pub fn take_or_bind(
        &mut self,
        name: &str,
        addresses: &[SocketAddr],
    ) -> Result<Vec<Listener>, ListenError> {
        let taken = self.take(name)?;
        match taken.is_empty() {
            false => Ok(taken),
            true => addresses.iter().copied().map(bind_tcp).collect(),
        }
    }

    /// As [`Handed::take_or_bind`], for a unix socket.
    ///
    /// # Errors
    /// Any [`ListenError`].
    pub fn take_or_bind_unix(
        &mut self,
        name: &str,
        path: &Path,
        mode: u32,
    ) -> Result<Vec<Listener>, ListenError> {
        let taken = self.take(name)?;
        match taken.is_empty() {
            false => Ok(taken),
            true => bind_unix(path, mode).map(|listener| vec![listener]),
        }
    }
}

impl Socketlike {
    fn into_listener(self) -> io::Result<Listener> {
        match self {
            Self::Tcp(socket) => {
                socket.set_nonblocking(true)?;
                TcpListener::from_std(socket).map(Listener::Tcp)
            }
            Self::Unix(socket) => {
                socket.set_nonblocking(true)?;
                UnixListener::from_std(socket).map(Listener::Unix)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn ipv4_and_ipv6_stand_side_by_side() {
        // The port that is free for one family may be taken in the other: then the next one is tried.
        let both = (0..100).find_map(|_| {
            let v6 = bind_tcp("[::1]:0".parse().unwrap()).unwrap();
            let port = v6.address().unwrap().port();
            let v4 = bind_tcp(SocketAddr::new("127.0.0.1".parse().unwrap(), port)).ok()?;
            Some([v4, v6])
        });
        for listener in both.unwrap() {
            let address = listener.address().unwrap();
            let (_client, (_, peer)) = tokio::join!(Io::connect_tcp(address), listener.accept());
            assert_eq!(peer.ip(), Some(address.ip()));
        }
    }

    #[tokio::test]
    async fn an_address_that_is_taken_is_named() {
        let first = bind_tcp("127.0.0.1:0".parse().unwrap()).unwrap();
        let error = bind_tcp(first.address().unwrap()).unwrap_err().to_string();
        assert!(error.starts_with("cannot listen on 127.0.0.1:"), "{error}");
        assert!(error.contains("is another mail server running?"), "{error}");
    }

    #[tokio::test]
    async fn a_unix_socket_is_replaced_only_where_nobody_listens() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run/a.sock");
        let first = bind_unix(&path, 0o600).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(bind_unix(&path, 0o600).is_err(), "somebody listens there");
        drop(first); // as a process that was killed leaves it
        let second = bind_unix(&path, 0o666).unwrap();
        let (_client, (_, peer)) = tokio::join!(Io::connect_unix(&path), second.accept());
        assert_eq!(peer, Peer::Local { uid: rustix::process::geteuid().as_raw() });
        let file = folder.path().join("letter");
        std::fs::write(&file, "precious").unwrap();
        assert!(bind_unix(&file, 0o600).is_err());
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "precious");
    }
}
