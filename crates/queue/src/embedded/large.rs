//! Large messages: a file of their own, written while they arrive.
//!
//! The file is complete and synced, and so is its name, before the record that leads to it is written
//! to the log. A file without a record is removed: at once when its [`LargeClaim`] is dropped without
//! having been kept, or at the next start.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use postroad_disk::{Disk, DiskError, DiskFile};

use super::events;
use super::helpers::Helpers;
use super::layout::Layout;
use super::limits::LARGE_WRITE_OCTETS;
use crate::spool::{AcceptError, BoxFuture, Content, LargeContent, LargeWriter, QueueId};

/// Stands for a file that no record leads to yet.
#[derive(Debug)]
pub(crate) struct LargeClaim {
    disk: Arc<dyn Disk>,
    helpers: Arc<Helpers>,
    path: PathBuf,
    kept: AtomicBool,
}

impl LargeClaim {
    /// A record leads to the file now, or may do: it stays.
    pub(crate) fn keep(&self) {
        self.kept.store(true, Ordering::Relaxed);
    }
}

impl Drop for LargeClaim {
    fn drop(&mut self) {
        if *self.kept.get_mut() {
            return;
        }
        let (disk, path) = (Arc::clone(&self.disk), std::mem::take(&mut self.path));
        self.helpers.spawn(move || remove(disk.as_ref(), &path));
    }
}

/// Removes a large message's file. A failure costs space, which the next start gets back.
pub(crate) fn remove(disk: &dyn Disk, path: &std::path::Path) {
    match disk.remove(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => events::left_behind(&error),
        Ok(()) | Err(_) => {}
    }
}

/// Starts the file of a large message.
pub(crate) async fn start(
    disk: Arc<dyn Disk>,
    helpers: Arc<Helpers>,
    layout: &Layout,
    id: QueueId,
) -> Result<Box<dyn LargeWriter>, AcceptError> {
    let path = layout.large(id);
    let large_dir = layout.large_dir();
    // The claim is made where the file is: whoever doesn't wait for it leaves nothing behind.
    let created = helpers.run({
        let (disk, helpers) = (Arc::clone(&disk), Arc::clone(&helpers));
        move || {
            let file = disk.create_new(&path)?;
            Ok((file, LargeClaim { disk, helpers, path, kept: AtomicBool::new(false) }))
        }
    });
    let (file, claim) = done(created.await)?;
    let written = Written { file, octets: 0, hasher: crc32fast::Hasher::new() };
    Ok(Box::new(Writer {
        id,
        disk,
        large_dir,
        claim,
        gathered: Vec::new(),
        written: Some(written),
    }))
}

/// The file with what was written to it so far.
#[derive(Debug)]
struct Written {
    file: Box<dyn DiskFile>,
    octets: u64,
    hasher: crc32fast::Hasher,
}

impl Written {
    fn append(&mut self, parts: &[Bytes]) -> Result<(), DiskError> {
        let buffers: Vec<&[u8]> = parts.iter().map(AsRef::as_ref).collect();
        self.file.write_all_at(&buffers, self.octets)?;
        for buffer in buffers {
            self.hasher.update(buffer);
            self.octets += buffer.len() as u64;
        }
        Ok(())
    }
}

#[derive(Debug)]
struct Writer {
    id: QueueId,
    disk: Arc<dyn Disk>,
    large_dir: PathBuf,
    claim: LargeClaim,
    gathered: Vec<Bytes>,
    /// Away while a helper has it; not there any more after an error.
    written: Option<Written>,
}

impl Writer {
    /// Lets a helper write what was gathered and then do `last` with the file.
    async fn write(
        &mut self,
        last: impl FnOnce(&mut Written) -> Result<(), DiskError> + Send + 'static,
    ) -> Result<(), AcceptError> {
        let Some(mut written) = self.written.take() else {
            return Err(AcceptError::Disk("an earlier write of this message failed".to_owned()));
        };
        let parts = std::mem::take(&mut self.gathered);
        let wrote = self.claim.helpers.run(move || {
            written.append(&parts)?;
            last(&mut written)?;
            Ok(written)
        });
        self.written = Some(done(wrote.await)?);
        Ok(())
    }
}

impl LargeWriter for Writer {
    fn append(&mut self, octets: Bytes) -> BoxFuture<'_, Result<(), AcceptError>> {
        Box::pin(async move {
            self.gathered.push(octets);
            if self.gathered.iter().map(Bytes::len).sum::<usize>() < LARGE_WRITE_OCTETS {
                return Ok(());
            }
            self.write(|_| Ok(())).await
        })
    }

    fn finish(mut self: Box<Self>) -> BoxFuture<'static, Result<Content, AcceptError>> {
        Box::pin(async move {
            let (disk, large_dir) = (Arc::clone(&self.disk), self.large_dir.clone());
            self.write(move |written| {
                written.file.sync()?;
                disk.sync_dir(&large_dir)
            })
            .await?;
            let Self { id, claim, written, .. } = *self;
            let Some(Written { octets, hasher, .. }) = written else {
                return Err(AcceptError::Stopping); // `write` has just put it back
            };
            let checksum = hasher.finalize();
            Ok(Content::Large(Arc::new(LargeContent { id, octets, checksum, claim })))
        })
    }
}

/// What a helper's result means for the message.
fn done<T>(
    result: Result<Result<T, DiskError>, tokio::sync::oneshot::error::RecvError>,
) -> Result<T, AcceptError> {
    match result {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(events::refused(&error)),
        Err(_) => Err(AcceptError::Stopping),
    }
}
