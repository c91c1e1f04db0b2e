//! Ways to a server: TCP, the MTA's unix socket, TLS with a certificate that is always checked.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use postroad_net::Io;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;

use crate::account::Account;
use crate::oauth::TokenError;
use crate::password::PasswordError;

/// How long the way to a server may take, and how long a handshake.
const CONNECT_TIMEOUT: Duration = postroad_protocol::limits::CLIENT_CONNECT_TIMEOUT;

/// Why there is no way to a server.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// There is no password.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// There is no token.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// TLS can't be set up.
    #[error(transparent)]
    Tls(#[from] postroad_net::tls::TlsError),
    /// The host's name is none.
    #[error("{host:?} is no host name; correct it in the account file")]
    HostName {
        /// What was written.
        host: String,
    },
    /// Nobody knows the host.
    #[error("no host {host:?} is known: {source}; correct it in the account file")]
    Unknown {
        /// Its name.
        host: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// Nobody answers there.
    #[error("cannot connect to {at}: {source}")]
    Connect {
        /// Host and port, or the socket.
        at: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// It isn't who it should be, or nobody we trust says so.
    #[error("no TLS with {at}: {source}; if the certificate is yours, set trust to its authority")]
    Handshake {
        /// Host and port.
        at: String,
        /// What rustls said.
        source: std::io::Error,
    },
}

/// What TLS to one server needs.
#[derive(Debug, Clone)]
pub(crate) struct Tls {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

impl Tls {
    /// For a host by its name, trusting whom the system and the account trust.
    pub(crate) fn to(account: &Account, host: &str) -> Result<Self, ConnectError> {
        let config = postroad_net::tls::verifying(account.trust.as_deref())?;
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| ConnectError::HostName { host: host.to_owned() })?;
        Ok(Self { config, name })
    }

    /// Shakes hands on a connection from which nothing is left to be read.
    pub(crate) async fn start(self, at: &str, io: Io) -> Result<Io, ConnectError> {
        let handshake = io.connect_tls(self.config, self.name);
        let result = tokio::time::timeout(CONNECT_TIMEOUT, handshake).await;
        result
            .unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()))
            .map_err(|source| ConnectError::Handshake { at: at.to_owned(), source })
    }
}

/// Connects to the first address of the host that answers.
pub(crate) async fn tcp(host: &str, port: u16) -> Result<Io, ConnectError> {
    let at = format!("{host}:{port}");
    let lookup = tokio::time::timeout(CONNECT_TIMEOUT, tokio::net::lookup_host((host, port))).await;
    let addresses = lookup
        .unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()))
        .map_err(|source| ConnectError::Unknown { host: host.to_owned(), source })?;
    let any = async {
        let mut last = std::io::Error::from(std::io::ErrorKind::HostUnreachable);
        for address in addresses {
            match Io::connect_tcp(address).await {
                Ok(io) => return Ok(io),
                Err(error) => last = error,
            }
        }
        Err(last)
    };
    in_time(&at, any).await
}

/// Connects to a unix socket.
pub(crate) async fn unix(path: &Path) -> Result<Io, ConnectError> {
    in_time(&path.display().to_string(), Io::connect_unix(path)).await
}

async fn in_time(
    at: &str,
    connect: impl Future<Output = std::io::Result<Io>>,
) -> Result<Io, ConnectError> {
    tokio::time::timeout(CONNECT_TIMEOUT, connect)
        .await
        .unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()))
        .map_err(|source| ConnectError::Connect { at: at.to_owned(), source })
}
