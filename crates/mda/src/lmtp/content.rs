//! A letter's content between its last octet and its mailboxes: in memory, or for what is larger in a file
//! that has no name, so that it is gone when we are.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::{Bytes, BytesMut};
use postroad_config::Config;
use postroad_disk::{Disk as _, DiskError, DiskFile, OsDisk};
use postroad_protocol::reply::Reply;
use postroad_store::StoreError;
use rustix::fs::Access;

use crate::{events, limits, replies};

/// A letter's octets as they came.
#[derive(Debug)]
pub(super) struct Content {
    /// The beginning; all of it where it is short.
    pub(super) start: Bytes,
    /// What doesn't fit there.
    pub(super) rest: Option<Scratch>,
}

/// A file without a name.
#[derive(Debug, Clone)]
pub(super) struct Scratch {
    file: Arc<dyn DiskFile>,
    octets: u64,
}

impl Scratch {
    /// Gives all of it to `take`, block by block.
    pub(super) fn read<E: From<DiskError>>(
        &self,
        mut take: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut block = vec![0; limits::SCRATCH_BLOCK_OCTETS];
        let mut offset = 0;
        while offset < self.octets {
            let octets = self.file.read_at(&mut block, offset)?;
            let read = block.get(..octets).unwrap_or_default();
            if read.is_empty() {
                let source = std::io::ErrorKind::UnexpectedEof.into();
                return Err(DiskError { operation: "read", path: "scratch".into(), source }.into());
            }
            take(read)?;
            offset += octets as u64;
        }
        Ok(())
    }
}

/// Content that is coming.
#[derive(Debug)]
pub(super) struct Incoming {
    folder: PathBuf,
    start: BytesMut,
    block: BytesMut,
    scratch: ScratchState,
}

#[derive(Debug)]
enum ScratchState {
    /// All is in memory so far.
    NotNeeded,
    Open(Box<dyn DiskFile>, u64),
    /// The disk failed: the rest is read and dropped, and the reply says so.
    Failed(Reply),
}

impl Incoming {
    /// `folder` is where a large letter waits.
    pub(super) fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            start: BytesMut::new(),
            block: BytesMut::new(),
            scratch: ScratchState::NotNeeded,
        }
    }

    pub(super) async fn push(&mut self, octets: &[u8]) {
        let room = limits::CONTENT_MEMORY_OCTETS.saturating_sub(self.start.len());
        let (start, rest) = octets.split_at_checked(room).unwrap_or((octets, &[]));
        self.start.extend_from_slice(start);
        self.block.extend_from_slice(rest);
        if self.block.len() >= limits::SCRATCH_BLOCK_OCTETS {
            self.spill().await;
        }
    }

    /// All of it, or why it can't be had.
    pub(super) async fn finish(mut self) -> Result<Content, Reply> {
        if !self.block.is_empty() {
            self.spill().await;
        }
        let rest = match self.scratch {
            ScratchState::NotNeeded => None,
            ScratchState::Open(file, octets) => Some(Scratch { file: file.into(), octets }),
            ScratchState::Failed(reply) => return Err(reply),
        };
        Ok(Content { start: self.start.freeze(), rest })
    }

    /// Writes the block out, on a thread that may block.
    async fn spill(&mut self) {
        let block = self.block.split();
        let state = std::mem::replace(&mut self.scratch, ScratchState::NotNeeded);
        let folder = self.folder.clone();
        let written = tokio::task::spawn_blocking(move || {
            let (mut file, octets) = match state {
                ScratchState::NotNeeded => (nameless(&folder)?, 0),
                ScratchState::Open(file, octets) => (file, octets),
                ScratchState::Failed(reply) => return Ok(ScratchState::Failed(reply)),
            };
            file.write_all_at(&[&block], octets)?;
            Ok::<_, DiskError>(ScratchState::Open(file, octets + block.len() as u64))
        })
        .await;
        self.scratch = match written {
            Ok(Ok(state)) => state,
            Ok(Err(error)) => {
                events::scratch_failed(&error);
                ScratchState::Failed(replies::not_filed(&StoreError::from(error)))
            }
            Err(_) => ScratchState::Failed(replies::try_later("Local error, try again later")),
        };
    }
}

/// Where large letters wait: with the mailboxes, for that is where the agent may write, whatever else it may not.
pub(crate) fn scratch_folder(config: &Config) -> PathBuf {
    let mailboxes = config.mda.mailboxes();
    // `/home` is root's, for one.
    match rustix::fs::access(&mailboxes, Access::WRITE_OK | Access::EXEC_OK) {
        Ok(()) => mailboxes,
        Err(_) => config.data.clone(),
    }
}

/// A new file whose name is gone at once.
fn nameless(folder: &Path) -> Result<Box<dyn DiskFile>, DiskError> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let path = folder.join(format!(".mda-{}-{count}", std::process::id()));
    // Of a process that had our number and was killed between the two calls below.
    let _ = OsDisk.remove(&path);
    let file = OsDisk.create_new(&path)?;
    OsDisk.remove(&path)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_comes_out_is_what_came_in() {
        let dir = tempfile::tempdir().unwrap();
        let max = limits::CONTENT_MEMORY_OCTETS;
        for octets in [0, 1, max, max + 1, 3 * max + 7] {
            let letter: Vec<u8> = (0..octets).map(|n| u8::try_from(n % 251).unwrap()).collect();
            let mut incoming = Incoming::new(dir.path());
            for piece in letter.chunks(100_003) {
                incoming.push(piece).await;
            }
            let content = incoming.finish().await.unwrap();
            assert_eq!(content.rest.is_some(), octets > max, "{octets}");
            let mut got = content.start.to_vec();
            if let Some(rest) = content.rest {
                rest.read(|block| {
                    got.extend_from_slice(block);
                    Ok::<_, DiskError>(())
                })
                .unwrap();
            }
            assert!(got == letter, "{octets}");
            assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
        }
    }

    #[tokio::test]
    async fn m06_where_it_cannot_be_kept_the_reply_says_later() {
        let mut incoming = Incoming::new(Path::new("/nowhere/at/all"));
        incoming.push(&vec![b'x'; 4 * limits::CONTENT_MEMORY_OCTETS]).await;
        incoming.push(b"more").await;
        assert_eq!(incoming.finish().await.unwrap_err().code().value(), 451);
    }
}
