//! Two processes of ours that trust each other's kernel: whole messages over a unix socket, and connections with them.
//!
//! A socket of the kind `SOCK_SEQPACKET`: what was sent as one message comes as one, and the end of the other side shows
//! as the end. A descriptor goes along as `SCM_RIGHTS` (unix(7)); both sides have the connection then.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, Shutdown, SocketFlags, SocketType, recv, recvmsg, sendmsg,
};
use tokio::io::Interest;
use tokio::net::UnixDatagram;

/// Octets of one message at most: what the kernel takes in one piece by default is more.
pub const MESSAGE_OCTETS_MAX: usize = 128 * 1024;

/// One end. Of the datagram socket that it is to tokio only the waiting is used.
#[derive(Debug)]
pub struct Channel(UnixDatagram);

/// A message, and the connection that came with it.
#[derive(Debug)]
pub struct Message {
    /// What was sent.
    pub octets: Vec<u8>,
    /// What came along.
    pub descriptor: Option<OwnedFd>,
}

impl Channel {
    /// A channel, and its other end for another process. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// What the system said.
    pub fn pair() -> io::Result<(Self, OwnedFd)> {
        let (family, kind) = (AddressFamily::UNIX, SocketType::SEQPACKET);
        let (ours, theirs) = rustix::net::socketpair(family, kind, SocketFlags::CLOEXEC, None)?;
        Ok((Self::over(ours)?, theirs))
    }

    /// The end that this process was given. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// What the system said.
    pub fn over(socket: OwnedFd) -> io::Result<Self> {
        rustix::io::ioctl_fionbio(&socket, true)?;
        UnixDatagram::from_std(socket.into()).map(Self)
    }

    /// Sends a message, and a connection with it; waits while the other side is behind.
    ///
    /// # Errors
    /// Where the other side is gone, or the message is too long.
    pub async fn send(&self, octets: &[u8], descriptor: Option<BorrowedFd<'_>>) -> io::Result<()> {
        self.0.async_io(Interest::WRITABLE, || send_now(self.0.as_fd(), octets, descriptor)).await
    }

    /// Sends a message where there is room for it, as there is for the first.
    ///
    /// # Errors
    /// Where there is none, the other side is gone, or the message is too long.
    pub fn send_at_once(&self, octets: &[u8]) -> io::Result<()> {
        send_now(self.0.as_fd(), octets, None)
    }

    /// The next message; `None` where the other side is gone. Connections that come along are closed.
    ///
    /// # Errors
    /// What the system said.
    pub async fn receive(&self) -> io::Result<Option<Vec<u8>>> {
        self.read(|socket| {
            let mut octets = vec![0; waiting(socket)?];
            let (read, _) = recv(socket, octets.as_mut_slice(), RecvFlags::DONTWAIT)?;
            octets.truncate(read);
            Ok((!octets.is_empty()).then_some(octets))
        })
        .await
    }

    /// The next message, and the connection that came with it; `None` where the other side is gone.
    ///
    /// # Errors
    /// What the system said.
    pub async fn receive_with_descriptor(&self) -> io::Result<Option<Message>> {
        self.read(receive_now).await
    }

    async fn read<T>(&self, read: impl Fn(BorrowedFd<'_>) -> io::Result<T>) -> io::Result<T> {
        self.0.async_io(Interest::READABLE, || read(self.0.as_fd())).await
    }

    /// Tells the other side that nothing more comes; what it says is still heard.
    pub fn finish(&self) {
        // Where it is gone it needs no telling.
        let _ = rustix::net::shutdown(&self.0, Shutdown::Write);
    }
}

/// The next message of a channel's other end that isn't one of a runtime yet; waits for it.
///
/// # Errors
/// What the system said.
pub fn receive_blocking(socket: BorrowedFd<'_>) -> io::Result<Option<Message>> {
    receive(socket, RecvFlags::empty())
}

fn receive_now(socket: BorrowedFd<'_>) -> io::Result<Option<Message>> {
    receive(socket, RecvFlags::DONTWAIT)
}

fn send_now(
    socket: BorrowedFd<'_>,
    octets: &[u8],
    descriptor: Option<BorrowedFd<'_>>,
) -> io::Result<()> {
    if octets.len() > MESSAGE_OCTETS_MAX {
        return Err(too_long());
    }
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut along = SendAncillaryBuffer::new(&mut space);
    let descriptors = descriptor.as_slice();
    if !descriptors.is_empty() && !along.push(SendAncillaryMessage::ScmRights(descriptors)) {
        return Err(io::Error::other("there is no room for a descriptor"));
    }
    let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
    sendmsg(socket, &[io::IoSlice::new(octets)], &mut along, flags)?;
    Ok(())
}

fn receive(socket: BorrowedFd<'_>, flags: RecvFlags) -> io::Result<Option<Message>> {
    let mut octets = vec![0; waiting_with(socket, flags)?];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut along = RecvAncillaryBuffer::new(&mut space);
    let mut pieces = [io::IoSliceMut::new(&mut octets)];
    let read = recvmsg(socket, &mut pieces, &mut along, flags | RecvFlags::CMSG_CLOEXEC)?.bytes;
    octets.truncate(read);
    let mut descriptor = None;
    for message in along.drain() {
        if let RecvAncillaryMessage::ScmRights(descriptors) = message {
            descriptor = descriptors.last().or(descriptor);
        }
    }
    Ok((!octets.is_empty()).then_some(Message { octets, descriptor }))
}

fn waiting(socket: BorrowedFd<'_>) -> io::Result<usize> {
    waiting_with(socket, RecvFlags::DONTWAIT)
}

/// Octets of the message that comes next; 0 at the end.
fn waiting_with(socket: BorrowedFd<'_>, flags: RecvFlags) -> io::Result<usize> {
    let peek = RecvFlags::PEEK | RecvFlags::TRUNC | flags;
    let (_, octets) = recv(socket, &mut [0; 1][..], peek)?;
    if octets > MESSAGE_OCTETS_MAX { Err(too_long()) } else { Ok(octets) }
}

fn too_long() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "a message between our processes is too long")
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::os::unix::net::UnixStream;

    use super::*;

    #[tokio::test]
    async fn messages_stay_whole_and_connections_come_along() {
        let (ours, theirs) = Channel::pair().unwrap();
        let (mut near, far) = UnixStream::pair().unwrap();
        ours.send(b"first", Some(far.as_fd())).await.unwrap();
        ours.send(&[7; MESSAGE_OCTETS_MAX], None).await.unwrap();
        let first = receive_blocking(theirs.as_fd()).unwrap().unwrap();
        assert_eq!(first.octets, b"first");
        let theirs = Channel::over(theirs).unwrap();
        let second = theirs.receive_with_descriptor().await.unwrap().unwrap();
        assert_eq!((second.octets.len(), second.descriptor.is_none()), (MESSAGE_OCTETS_MAX, true));
        drop(far);
        let mut got = UnixStream::from(first.descriptor.unwrap());
        got.write_all(b"hello").unwrap();
        drop(got);
        let mut text = String::new();
        near.read_to_string(&mut text).unwrap();
        assert_eq!(text, "hello");
    }

    #[tokio::test]
    async fn the_end_of_one_side_is_seen_by_the_other() {
        let (ours, theirs) = Channel::pair().unwrap();
        let theirs = Channel::over(theirs).unwrap();
        theirs.send(b"last", None).await.unwrap();
        ours.finish();
        assert!(theirs.receive_with_descriptor().await.unwrap().is_none());
        theirs.send(b"words", None).await.unwrap();
        drop(theirs);
        assert_eq!(ours.receive().await.unwrap().unwrap(), b"last");
        assert_eq!(ours.receive().await.unwrap().unwrap(), b"words");
        assert_eq!(ours.receive().await.unwrap(), None);
        assert!(ours.send(b"x", None).await.is_err());
    }

    #[tokio::test]
    async fn a_connection_that_nobody_asked_for_is_closed() {
        let (ours, theirs) = Channel::pair().unwrap();
        let theirs = Channel::over(theirs).unwrap();
        let (mut near, far) = UnixStream::pair().unwrap();
        theirs.send(b"x", Some(far.as_fd())).await.unwrap();
        drop(far);
        assert_eq!(ours.receive().await.unwrap().unwrap(), b"x");
        assert_eq!(near.read(&mut [0]).unwrap(), 0);
    }

    #[tokio::test]
    async fn messages_have_a_bound() {
        let (ours, _theirs) = Channel::pair().unwrap();
        assert!(ours.send(&[0; MESSAGE_OCTETS_MAX + 1], None).await.is_err());
    }
}
