//! A connection: TCP or unix, in clear text or inside TLS, and the way from one to the other.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use rustix::net::AddressFamily;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::{TcpSocket, TcpStream, UnixStream};
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};

use crate::below_tls::BelowTls;
use crate::tls::{ServerTls, Shown};

/// A connection. Reads and writes like any of tokio's.
#[derive(Debug)]
pub struct Io(Kind, Option<EndPoint>);

/// The hash of a server's certificate (RFC 5929 §4), shared by all its connections.
pub(crate) type EndPoint = Arc<[u8]>;

/// What a login can be bound to, so that nobody can pass it on from another connection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChannelBindings {
    /// `tls-exporter` (RFC 9266), in TLS 1.3.
    pub exporter: Option<Vec<u8>>,
    /// `tls-server-end-point` (RFC 5929 §4), where we are the server.
    pub server_end_point: Option<Vec<u8>>,
}

#[derive(Debug)]
enum Kind {
    Tcp(TcpStream),
    Unix(UnixStream),
    Tls(Box<TlsStream<BelowTls<TcpStream>>>),
    TlsUnix(Box<TlsStream<BelowTls<UnixStream>>>),
}

/// What protects a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsInfo {
    /// As in `TLSv1.3`.
    pub version: &'static str,
    /// As in `TLS13_AES_256_GCM_SHA384`.
    pub cipher: String,
}

/// As in `TLSv1.3 TLS13_AES_256_GCM_SHA384`.
impl std::fmt::Display for TlsInfo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.version, self.cipher)
    }
}

impl Io {
    /// A TCP connection.
    pub fn tcp(stream: TcpStream) -> Self {
        Self(Kind::Tcp(stream), None)
    }

    /// A unix connection.
    pub fn unix(stream: UnixStream) -> Self {
        Self(Kind::Unix(stream), None)
    }

    /// A connection that another process of ours has accepted. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// Where it is neither TCP nor unix.
    pub fn handed(socket: OwnedFd) -> io::Result<Self> {
        rustix::io::ioctl_fionbio(&socket, true)?;
        match rustix::net::sockopt::socket_domain(&socket)? {
            AddressFamily::INET | AddressFamily::INET6 => {
                TcpStream::from_std(std::net::TcpStream::from(socket)).map(Self::tcp)
            }
            AddressFamily::UNIX => {
                UnixStream::from_std(std::os::unix::net::UnixStream::from(socket)).map(Self::unix)
            }
            _ => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// The socket, for another process of ours; none inside TLS, whose keys stay here.
    pub fn socket(&self) -> Option<BorrowedFd<'_>> {
        match &self.0 {
            Kind::Tcp(stream) => Some(stream.as_fd()),
            Kind::Unix(stream) => Some(stream.as_fd()),
            Kind::Tls(_) | Kind::TlsUnix(_) => None,
        }
    }

    /// Connects over TCP.
    ///
    /// # Errors
    /// What the system said; there is no time limit here.
    pub async fn connect_tcp(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self::tcp(stream))
    }

    /// Connects over TCP from an address of ours.
    ///
    /// # Errors
    /// What the system said, as that we have no such address; there is no time limit here.
    pub async fn connect_tcp_from(address: SocketAddr, from: IpAddr) -> io::Result<Self> {
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        // Else each connection of the last minute would keep its port from the next.
        socket.set_reuseaddr(true)?;
        socket.bind(SocketAddr::new(from, 0))?;
        let stream = socket.connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self::tcp(stream))
    }

    /// Connects to a unix socket.
    ///
    /// # Errors
    /// What the system said.
    pub async fn connect_unix(path: &Path) -> io::Result<Self> {
        UnixStream::connect(path).await.map(Self::unix)
    }

    /// Shakes hands as the server. The caller has dropped what it read in clear text.
    ///
    /// # Errors
    /// Where the handshake fails, or TLS is there already.
    pub async fn accept_tls(self, tls: &ServerTls) -> io::Result<Self> {
        let Shown { config, end_point } = tls.shown();
        let acceptor = TlsAcceptor::from(config);
        let kind = match self.0 {
            Kind::Tcp(stream) => {
                let accepted = acceptor.accept(BelowTls::of_client(stream)).await?;
                Kind::Tls(Box::new(accepted.into()))
            }
            Kind::Unix(stream) => {
                let accepted = acceptor.accept(BelowTls::of_client(stream)).await?;
                Kind::TlsUnix(Box::new(accepted.into()))
            }
            Kind::Tls(_) | Kind::TlsUnix(_) => return Err(already_encrypted()),
        };
        Ok(Self(kind, end_point))
    }

    /// Shakes hands as the client. The caller has dropped what it read in clear text.
    ///
    /// # Errors
    /// Where the handshake fails, or TLS is there already.
    pub async fn connect_tls(
        self,
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
    ) -> io::Result<Self> {
        let connector = TlsConnector::from(config);
        let kind = match self.0 {
            Kind::Tcp(stream) => {
                let connected = connector.connect(name, BelowTls::of_server(stream)).await?;
                Kind::Tls(Box::new(connected.into()))
            }
            Kind::Unix(stream) => {
                let connected = connector.connect(name, BelowTls::of_server(stream)).await?;
                Kind::TlsUnix(Box::new(connected.into()))
            }
            Kind::Tls(_) | Kind::TlsUnix(_) => return Err(already_encrypted()),
        };
        Ok(Self(kind, None))
    }

    /// Version and cipher suite, inside TLS.
    pub fn tls(&self) -> Option<TlsInfo> {
        let version = |version| match version {
            Some(rustls::ProtocolVersion::TLSv1_3) => "TLSv1.3",
            Some(rustls::ProtocolVersion::TLSv1_2) => "TLSv1.2",
            _ => "TLS",
        };
        let (protocol, suite) = match &self.0 {
            Kind::Tcp(_) | Kind::Unix(_) => return None,
            Kind::Tls(stream) => {
                let connection = stream.get_ref().1;
                (connection.protocol_version(), connection.negotiated_cipher_suite())
            }
            Kind::TlsUnix(stream) => {
                let connection = stream.get_ref().1;
                (connection.protocol_version(), connection.negotiated_cipher_suite())
            }
        };
        let cipher = suite.and_then(|suite| suite.suite().as_str()).unwrap_or("unknown").to_owned();
        Some(TlsInfo { version: version(protocol), cipher })
    }

    /// What a login on this connection can be bound to: nothing outside TLS.
    pub fn channel_bindings(&self) -> ChannelBindings {
        let exporter = match &self.0 {
            Kind::Tcp(_) | Kind::Unix(_) => None,
            Kind::Tls(stream) => exported(stream),
            Kind::TlsUnix(stream) => exported(stream),
        };
        ChannelBindings { exporter, server_end_point: self.1.as_deref().map(<[u8]>::to_vec) }
    }

    /// Whether octets have come in clear that nobody has read yet.
    pub fn has_unread(&self) -> bool {
        use rustix::net::{RecvFlags, recv};
        let (mut octet, flags) = ([0], RecvFlags::PEEK | RecvFlags::DONTWAIT);
        let peeked = match &self.0 {
            Kind::Tcp(stream) => recv(stream, &mut octet, flags),
            Kind::Unix(stream) => recv(stream, &mut octet, flags),
            Kind::Tls(_) | Kind::TlsUnix(_) => return false,
        };
        peeked.is_ok_and(|(octets, _)| octets > 0)
    }

    /// Waits until octets have come in clear, and leaves them there; `false` at the connection's end.
    ///
    /// # Errors
    /// What the system said, and inside TLS.
    pub async fn has_more(&self) -> io::Result<bool> {
        use rustix::net::{RecvFlags, recv};
        fn peek(socket: BorrowedFd<'_>) -> io::Result<bool> {
            let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
            let (octets, _) = recv(socket, &mut [0; 1][..], flags)?;
            Ok(octets > 0)
        }
        match &self.0 {
            Kind::Tcp(stream) => stream.async_io(Interest::READABLE, || peek(stream.as_fd())).await,
            Kind::Unix(stream) => {
                stream.async_io(Interest::READABLE, || peek(stream.as_fd())).await
            }
            Kind::Tls(_) | Kind::TlsUnix(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// Our own address, where the connection is over IP.
    pub fn local_address(&self) -> Option<SocketAddr> {
        match &self.0 {
            Kind::Tcp(stream) => stream.local_addr().ok(),
            Kind::Tls(stream) => stream.get_ref().0.get_ref().local_addr().ok(),
            Kind::Unix(_) | Kind::TlsUnix(_) => None,
        }
    }
}

/// `tls-exporter` (RFC 9266 §4.1): this label, no context, 32 octets.
fn exported<S>(stream: &TlsStream<S>) -> Option<Vec<u8>> {
    const LABEL: &[u8] = b"EXPORTER-Channel-Binding";
    // RFC 9266 §4.2: not before TLS 1.3, unless what binds the keys to the handshake (RFC 7627) was agreed on, which rustls
    // doesn't tell.
    if stream.get_ref().1.protocol_version() != Some(rustls::ProtocolVersion::TLSv1_3) {
        return None;
    }
    let exported = match stream {
        TlsStream::Client(stream) => {
            stream.get_ref().1.export_keying_material([0; 32], LABEL, None)
        }
        TlsStream::Server(stream) => {
            stream.get_ref().1.export_keying_material([0; 32], LABEL, None)
        }
    };
    exported.ok().map(Vec::from)
}

fn poll_read_inside<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut TlsStream<BelowTls<S>>,
    context: &mut Context<'_>,
    buffer: &mut ReadBuf<'_>,
) -> Poll<io::Result<()>> {
    let before = buffer.filled().len();
    let polled = Pin::new(&mut *stream).poll_read(context, buffer);
    if buffer.filled().len() > before {
        stream.get_mut().0.used();
    }
    polled
}

fn already_encrypted() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "the connection is inside TLS already")
}

impl AsyncRead for Io {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.0 {
            Kind::Tcp(stream) => Pin::new(stream).poll_read(context, buffer),
            Kind::Unix(stream) => Pin::new(stream).poll_read(context, buffer),
            Kind::Tls(stream) => poll_read_inside(stream, context, buffer),
            Kind::TlsUnix(stream) => poll_read_inside(stream, context, buffer),
        }
    }
}

impl AsyncWrite for Io {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.0 {
            Kind::Tcp(stream) => Pin::new(stream).poll_write(context, buffer),
            Kind::Unix(stream) => Pin::new(stream).poll_write(context, buffer),
            Kind::Tls(stream) => Pin::new(stream).poll_write(context, buffer),
            Kind::TlsUnix(stream) => Pin::new(stream).poll_write(context, buffer),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.0 {
            Kind::Tcp(stream) => Pin::new(stream).poll_write_vectored(context, buffers),
            Kind::Unix(stream) => Pin::new(stream).poll_write_vectored(context, buffers),
            Kind::Tls(stream) => Pin::new(stream).poll_write_vectored(context, buffers),
            Kind::TlsUnix(stream) => Pin::new(stream).poll_write_vectored(context, buffers),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.0 {
            Kind::Tcp(stream) => stream.is_write_vectored(),
            Kind::Unix(stream) => stream.is_write_vectored(),
            Kind::Tls(stream) => stream.is_write_vectored(),
            Kind::TlsUnix(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.0 {
            Kind::Tcp(stream) => Pin::new(stream).poll_flush(context),
            Kind::Unix(stream) => Pin::new(stream).poll_flush(context),
            Kind::Tls(stream) => Pin::new(stream).poll_flush(context),
            Kind::TlsUnix(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.0 {
            Kind::Tcp(stream) => Pin::new(stream).poll_shutdown(context),
            Kind::Unix(stream) => Pin::new(stream).poll_shutdown(context),
            Kind::Tls(stream) => Pin::new(stream).poll_shutdown(context),
            Kind::TlsUnix(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
