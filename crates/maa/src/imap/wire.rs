//! A client's connection: in clear, or once COMPRESS is active, deflated.

use std::io;

use postroad_net::Io;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::deflate::{Deflate, Inflated, PIECE_OCTETS, Then};
use crate::limits;

/// A client's connection.
pub(super) struct Wire {
    io: Io,
    deflate: Option<Deflate>,
}

impl Wire {
    pub(super) fn new(io: Io) -> Self {
        Self { io, deflate: None }
    }

    pub(super) fn is_deflated(&self) -> bool {
        self.deflate.is_some()
    }

    /// From here on all is deflated, `came` too, which was read and not used.
    pub(super) fn begin_deflating(&mut self, came: Vec<u8>) {
        self.deflate = Some(Deflate::new(came));
    }

    /// Goes on deflating behind what the client has said to another process.
    pub(super) fn go_on_deflating(&mut self, said: Vec<u8>) -> io::Result<()> {
        self.deflate = Some(Deflate::resume(said)?);
        Ok(())
    }

    /// Whether another process can go on with it.
    pub(super) fn may_rest(&self) -> bool {
        self.deflate.as_ref().is_none_or(|deflate| deflate.parked().is_some())
    }

    /// What the client has said, where that is needed to go on.
    pub(super) fn said(&self) -> Option<&[u8]> {
        self.deflate.as_ref()?.parked()
    }

    /// What the client says next; nothing where it is gone. What was read isn't lost where this is dropped.
    pub(super) async fn read(&mut self) -> io::Result<Vec<u8>> {
        let mut buffer = [0; limits::READ_OCTETS];
        loop {
            if let Some(deflate) = &mut self.deflate {
                match deflate.inflate()? {
                    Inflated::Octets(octets) => return Ok(octets),
                    Inflated::End => return Ok(Vec::new()),
                    Inflated::NeedInput => {}
                }
            }
            let read = self.io.read(&mut buffer).await?;
            let octets = buffer.get(..read).unwrap_or_default();
            match &mut self.deflate {
                Some(deflate) if read > 0 => deflate.push(octets),
                Some(_) | None => return Ok(octets.to_vec()),
            }
        }
    }

    /// The same where nobody wants it yet: how many octets came, none where the client is gone, and what is to be kept of
    /// them. What is deflated stays here as it is.
    pub(super) async fn read_early(&mut self) -> io::Result<(usize, Vec<u8>)> {
        let mut buffer = [0; limits::READ_OCTETS];
        let read = self.io.read(&mut buffer).await?;
        let octets = buffer.get(..read).unwrap_or_default();
        Ok(match &mut self.deflate {
            Some(deflate) => {
                deflate.push(octets);
                (read, Vec::new())
            }
            None => (read, octets.to_vec()),
        })
    }

    /// Sends all of it.
    pub(super) async fn send(&mut self, octets: &[u8]) -> io::Result<()> {
        match &mut self.deflate {
            None => self.io.write_all(octets).await?,
            Some(deflate) => {
                let mut deflated = Vec::with_capacity(PIECE_OCTETS);
                for piece in octets.chunks(PIECE_OCTETS) {
                    deflate.deflate(piece, Then::More, &mut deflated)?;
                    if deflated.len() >= PIECE_OCTETS {
                        self.io.write_all(&deflated).await?;
                        deflated.clear();
                    }
                }
                deflate.deflate(&[], Then::Flush, &mut deflated)?;
                self.io.write_all(&deflated).await?;
            }
        }
        self.io.flush().await
    }

    /// Gives back memory: the client will say nothing for long.
    pub(super) fn rest(&mut self) {
        if let Some(deflate) = &mut self.deflate {
            deflate.rest();
        }
    }

    pub(super) async fn shut_down(&mut self) -> io::Result<()> {
        self.io.shutdown().await
    }
}
