//! How connections are made: by the operating system, or by a test that has peers of its own.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use postroad_net::Io;

use super::dns::BoxFuture;

/// Where a connection goes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Place {
    /// Address and port.
    Tcp(SocketAddr),
    /// A unix socket.
    Unix(PathBuf),
}

/// Makes connections; time limits are the caller's.
pub trait Network: Send + Sync {
    /// Connects to a place, from this address of ours where there is one.
    fn connect<'a>(
        &'a self,
        place: &'a Place,
        from: Option<IpAddr>,
    ) -> BoxFuture<'a, io::Result<Io>>;
}

/// The operating system's.
#[derive(Debug, Clone, Copy, Default)]
pub struct Os;

impl Network for Os {
    fn connect<'a>(
        &'a self,
        place: &'a Place,
        from: Option<IpAddr>,
    ) -> BoxFuture<'a, io::Result<Io>> {
        Box::pin(async move {
            match (place, from) {
                (Place::Tcp(address), None) => Io::connect_tcp(*address).await,
                (Place::Tcp(address), Some(from)) => Io::connect_tcp_from(*address, from).await,
                (Place::Unix(path), _) => Io::connect_unix(path).await,
            }
        })
    }
}
