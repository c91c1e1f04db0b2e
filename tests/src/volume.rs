//! A file system of the test's own: ext4 in a file, that can be filled up and have its power cut.
//!
//! It is mounted in a mount namespace that one process holds, and reached through that process's
//! `/proc/PID/root`: no other test's namespace can keep it alive, and when the holder ends, with the test
//! or before, mount and loop device are gone.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result};
use rustix::process::geteuid;
use tempfile::TempDir;

use crate::peers::{Stage, Unavailable, skip};
use crate::process::{Ending, Process, run, until};

/// What is mounted; dropping it unmounts and removes it. End all that has files open there first.
#[derive(Debug)]
pub struct Volume {
    // Ended before its folder goes.
    holder: Process,
    folder: TempDir,
}

impl Volume {
    /// Makes and mounts one; `None`, said loudly, where this machine doesn't let us.
    ///
    /// # Errors
    ///
    /// When it can't be made; in CI, as root, also where it isn't allowed.
    pub fn ext4(mebibytes: u64) -> Result<Option<Self>> {
        Self::make(mebibytes, &[])
    }

    /// The same with room for this many files.
    ///
    /// # Errors
    ///
    /// As [`Volume::ext4`].
    pub fn ext4_with_inodes(mebibytes: u64, inodes: u64) -> Result<Option<Self>> {
        Self::make(mebibytes, &["-N", &inodes.to_string()])
    }

    fn make(mebibytes: u64, flags: &[&str]) -> Result<Option<Self>> {
        if !geteuid().is_root() {
            skip(&Unavailable::because("loop devices need root"))?;
            return Ok(None);
        }
        let folder = tempfile::Builder::new().prefix("postroad-volume-").tempdir()?;
        let image = folder.path().join("image");
        File::create(&image)?.set_len(mebibytes << 20)?;
        // All of it is for users, so that what is free is what they can have.
        // At an error it turns read-only, as Debian has it for the root.
        let usual = ["-q", "-t", "ext4", "-m", "0", "-e", "remount-ro"];
        run(Command::new("mke2fs").args(usual).args(flags).arg(&image))?;
        fs::create_dir(folder.path().join("mounted"))?;
        match hold(folder.path()) {
            Ok(holder) => {
                let volume = Self { holder, folder };
                volume.name()?;
                Ok(Some(volume))
            }
            Err(error) => {
                skip(&Unavailable::because(&format!("no loop device can be mounted: {error:#}")))?;
                Ok(None)
            }
        }
    }

    /// The mounts that whoever enters here sees: this volume's, and those of [`Volume::mount_at`].
    pub(crate) fn mounts(&self) -> PathBuf {
        format!("/proc/{}/ns/mnt", self.holder.id()).into()
    }

    /// Lets a folder on it be seen at another place, on a stage that stands on it.
    ///
    /// # Errors
    ///
    /// When it can't be mounted there.
    pub fn mount_at(&self, relative: &str, place: &Path) -> Result<()> {
        let folder = self.mounted(relative);
        run(self.inside().args(["mount", "--bind"]).arg(folder).arg(place))?;
        Ok(())
    }

    /// Whoever sees its mounts; a command follows.
    #[must_use]
    pub fn inside(&self) -> Command {
        let mut inside = Command::new("nsenter");
        inside.arg(format!("--mount={}", self.mounts().display()));
        inside
    }

    /// A path on it, the same after it was mounted again.
    #[must_use]
    pub fn path(&self, relative: &str) -> PathBuf {
        self.folder.path().join("volume").join(relative)
    }

    /// The same place for whoever is [`Volume::inside`]: a path without links.
    #[must_use]
    pub fn mounted(&self, relative: &str) -> PathBuf {
        self.folder.path().join("mounted").join(relative)
    }

    /// Octets that are free.
    ///
    /// # Errors
    ///
    /// When the system can't tell.
    pub fn free(&self) -> Result<u64> {
        let stat = rustix::fs::statvfs(self.path(""))?;
        Ok(stat.f_bavail * stat.f_frsize)
    }

    /// Fills it with one file until no more than so many octets are free, whoever else takes and gives some
    /// meanwhile.
    ///
    /// # Errors
    ///
    /// When that can't be done.
    pub fn fill(&self, leave: u64) -> Result<()> {
        let file = File::create(self.path("filler"))?;
        let mut filled = 0;
        let mut piece = self.free()?;
        while self.free()? > leave && piece > 0 {
            let octets = piece.min(self.free()?.saturating_sub(leave));
            let flags = rustix::fs::FallocateFlags::empty();
            match rustix::fs::fallocate(&file, flags, filled, octets) {
                Ok(()) => filled += octets,
                Err(rustix::io::Errno::NOSPC) => piece /= 2,
                Err(error) => return Err(error).context("cannot fill the volume"),
            }
        }
        Ok(())
    }

    /// Takes that file away.
    ///
    /// # Errors
    ///
    /// When that can't be done.
    pub fn make_room(&self) -> Result<()> {
        fs::remove_file(self.path("filler")).context("cannot remove the filler")
    }

    /// Uses up all inodes but so many, with empty files in one folder; [`Volume::give_inodes_back`] undoes it.
    ///
    /// # Errors
    ///
    /// When that can't be done.
    pub fn use_up_inodes(&self, leave: u64) -> Result<()> {
        let folder = self.path("inodes");
        fs::create_dir(&folder)?;
        let free = rustix::fs::statvfs(&folder)?.f_favail;
        for number in 0..free.saturating_sub(leave) {
            File::create(folder.join(number.to_string()))?;
        }
        Ok(())
    }

    /// Undoes [`Volume::use_up_inodes`].
    ///
    /// # Errors
    ///
    /// When that can't be done.
    pub fn give_inodes_back(&self) -> Result<()> {
        fs::remove_dir_all(self.path("inodes")).context("cannot remove the files")
    }

    /// Has the kernel find an error on it: from now on it is read-only, and its journal takes nothing more. Only a
    /// file system that nobody writes to can be mounted read-only by hand.
    ///
    /// # Errors
    ///
    /// When the kernel has no such switch.
    pub fn turn_read_only(&self) -> Result<()> {
        let devices = run(Command::new("losetup")
            .args(["--noheadings", "--output", "NAME", "--associated"])
            .arg(self.folder.path().join("image")))?;
        let device = String::from_utf8(devices.stdout)?;
        let name = device.trim().strip_prefix("/dev/").context("no loop device")?;
        fs::write(format!("/sys/fs/ext4/{name}/trigger_fs_error"), "a test wants it so")
            .context("cannot cause an error of the file system")
    }

    /// Does what an operator does after that: unmounts it, though files are open there, has it checked, and mounts
    /// it again at the same place.
    ///
    /// # Errors
    ///
    /// When it can't be checked or mounted.
    pub fn check_and_mount(&self) -> Result<()> {
        // The kernel knows the old device by its error as long as files are open there: it gets another one.
        let script = "umount --lazy \"$1\" && { e2fsck -fp \"$0\" || [ $? = 1 ]; } && \
             device=$(losetup --find --show \"$0\") && mount \"$device\" \"$1\" && losetup --detach \"$device\"";
        let mut operator = self.inside();
        operator.args(["sh", "-c", script]);
        run(operator.args(["image", "mounted"].map(|name| self.folder.path().join(name))))?;
        Ok(())
    }

    /// Cuts its power and these processes': from now on nothing is read or written, and what only the page
    /// cache had is lost, the file system's own journal included (`EXT4_IOC_SHUTDOWN` without log flush).
    /// Gives the moment.
    ///
    /// # Errors
    ///
    /// When the file system refuses.
    pub fn cut_power(&self, stage: &Stage, processes: &[&Process]) -> Result<SystemTime> {
        let ids = processes.iter().map(|process| process.id().to_string());
        let output = run(stage.python("power_cut.py").arg(self.path("")).args(ids))?;
        let nanos = String::from_utf8_lossy(&output.stdout).trim().parse()?;
        Ok(UNIX_EPOCH + Duration::from_nanos(nanos))
    }

    /// Unmounts it, and mounts it as after a start of the machine. Whoever had files open there has ended.
    ///
    /// # Errors
    ///
    /// When it is still in use, or can't be mounted.
    pub fn mount_again(&mut self) -> Result<()> {
        self.holder.kill()?;
        let image = self.folder.path().join("image");
        let gone = || {
            let devices = run(Command::new("losetup").arg("--associated").arg(&image));
            devices.is_ok_and(|output| output.stdout.is_empty())
        };
        until("the loop device gone", gone)?;
        self.holder = hold(self.folder.path())?;
        self.name()
    }

    /// Lets the name that tests and agents use lead to where it is mounted now.
    fn name(&self) -> Result<()> {
        let name = self.folder.path().join("volume");
        // There is none the first time.
        fs::remove_file(&name).ok();
        let mounted = self.folder.path().join("mounted");
        let root = format!("/proc/{}/root", self.holder.id());
        symlink(Path::new(&root).join(mounted.strip_prefix("/")?), &name)?;
        Ok(())
    }
}

/// Starts the process that holds the mount: it ends with the test, whatever ends that.
fn hold(folder: &Path) -> Result<Process> {
    let mut command = Command::new("unshare");
    command
        .args(["--mount", "setpriv", "--pdeathsig", "KILL", "sh", "-c"])
        .arg("mount -o loop \"$0\" \"$1\" && echo mounted && exec sleep infinity")
        .args([folder.join("image"), folder.join("mounted")]);
    let mut holder = Process::spawn("volume", command, folder, Ending::Sudden)?;
    let said = || fs::read_to_string(folder.join("volume.out")).is_ok_and(|text| !text.is_empty());
    holder.until("mounted the volume", said)?;
    Ok(holder)
}
