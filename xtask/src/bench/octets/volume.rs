//! File systems of our own: ext4 in a file, mounted where a server expects its folder.

use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, bail};
use postroad_tests::process::run;

use super::super::measure::device_octets;

const OCTETS: u64 = 2 << 30;
/// Between two looks at whether somebody still writes.
const LOOK: Duration = Duration::from_millis(300);
const LOOKS_MAX: u32 = 100;
const MARK: &str = "POSTROAD_BENCH_OWN_MOUNTS";

/// Goes on in a mount namespace of our own: whatever ends us takes the mounts and their loop devices with it.
pub(in super::super) fn in_a_namespace() -> anyhow::Result<()> {
    if std::env::var_os(MARK).is_some() {
        return Ok(());
    }
    let program = std::env::current_exe().context("cannot find our own program")?;
    let mut command = Command::new("unshare");
    command.arg("--mount").arg(program).args(std::env::args_os().skip(1)).env(MARK, "1");
    // It only comes back with an error.
    Err(command.exec()).context("cannot start unshare")
}

/// Whether the file system keeps a journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Journal {
    Kept,
    None,
}

impl Journal {
    pub(super) const ALL: [Self; 2] = [Self::Kept, Self::None];

    pub(super) fn in_words(self) -> &'static str {
        match self {
            Self::Kept => "ext4",
            Self::None => "ext4 without a journal",
        }
    }
}

/// A mounted file system; dropping it unmounts and removes it.
pub(super) struct Volume {
    at: PathBuf,
    image: PathBuf,
}

impl Volume {
    /// Makes one, and mounts it over a folder, which is made where it isn't there.
    pub(super) fn mount(at: PathBuf, journal: Journal) -> anyhow::Result<Self> {
        fs::create_dir_all(&at).with_context(|| format!("cannot make {}", at.display()))?;
        let image = at.with_extension("image");
        File::create_new(&image)
            .and_then(|file| file.set_len(OCTETS))
            .with_context(|| format!("cannot make {}", image.display()))?;
        let mut make = Command::new("mke2fs");
        // All of it is made now: what the kernel would make later would be counted.
        make.args(["-q", "-t", "ext4", "-m", "0"]);
        make.args(["-E", "lazy_itable_init=0,lazy_journal_init=0"]);
        if journal == Journal::None {
            make.args(["-O", "^has_journal"]);
        }
        run(make.arg(&image))?;
        run(Command::new("mount").args(["-o", "loop"]).args([&image, &at]))?;
        // Nobody expects it in a folder of his own.
        fs::remove_dir(at.join("lost+found")).context("cannot remove lost+found")?;
        Ok(Self { at, image })
    }

    /// Octets written to its device so far, with all that waited in memory.
    fn written(&self) -> anyhow::Result<u64> {
        let folder = File::open(&self.at).context("cannot open a volume")?;
        rustix::fs::syncfs(&folder).context("cannot sync a volume")?;
        device_octets(&self.at)
    }
}

/// Octets written to each so far, when nobody writes any more.
pub(super) fn written(volumes: &[&Volume]) -> anyhow::Result<Vec<u64>> {
    let mut before = None;
    for _ in 0..LOOKS_MAX {
        let each = volumes.iter().map(|volume| volume.written());
        let now = each.collect::<anyhow::Result<Vec<_>>>()?;
        if before.as_ref() == Some(&now) {
            return Ok(now);
        }
        before = Some(now);
        std::thread::sleep(LOOK);
    }
    bail!("somebody never stopped writing")
}

impl Drop for Volume {
    fn drop(&mut self) {
        // What fails here ends with our namespace.
        let _ = Command::new("umount").args(["--lazy"]).arg(&self.at).status();
        let _ = fs::remove_file(&self.image);
    }
}
