//! What a server used while it worked: CPU and memory of its processes, syncs, octets to the disk.
//!
//! Every server runs in a control group of its own, so that CPU counts what ended children used too.
//! Syncs are counted by the kernel's tracepoints, system wide: nothing else that syncs may run meanwhile.
//! Octets are what reached the block device, journal included. All of it needs root.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// A control group (version 2) and all processes in it.
pub(crate) struct Group {
    folder: PathBuf,
}

impl Group {
    /// Makes one and runs `start` in it: whatever that starts is in the group from its first instruction.
    pub(crate) fn around<T>(
        name: &str,
        start: impl FnOnce() -> anyhow::Result<T>,
    ) -> anyhow::Result<(Self, T)> {
        let top = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"].map(Path::new);
        let top = top.into_iter().find(|top| top.join("cgroup.procs").is_file());
        let top = top.context("no control groups (version 2) are mounted")?;
        let folder = top.join(format!("postroad-bench-{}-{name}", std::process::id()));
        fs::create_dir(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let group = Self { folder };
        group.join(&group.folder)?;
        let started = start();
        group.join(top)?;
        Ok((group, started?))
    }

    fn join(&self, folder: &Path) -> anyhow::Result<()> {
        let ours = std::process::id().to_string();
        fs::write(folder.join("cgroup.procs"), ours).context("cannot change the control group")
    }

    /// CPU seconds used by the group's processes so far, user and system.
    pub(crate) fn cpu_seconds(&self) -> anyhow::Result<f64> {
        let stat =
            fs::read_to_string(self.folder.join("cpu.stat")).context("cannot read the CPU time")?;
        let line = stat.lines().find_map(|line| line.strip_prefix("usage_usec "));
        let micros: u64 = line.context("no CPU time in the control group")?.parse()?;
        Ok(micros as f64 / 1e6)
    }

    /// The processes' peak memory, added up, in KiB.
    pub(crate) fn peak_rss_kib(&self) -> u64 {
        let pids = fs::read_to_string(self.folder.join("cgroup.procs")).unwrap_or_default();
        let peak = |pid: &str| {
            let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
            let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
            line.split_whitespace().next()?.parse::<u64>().ok()
        };
        pids.lines().filter_map(peak).sum()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Fails where a process is still ending; an empty group that stays harms nobody.
        let _ = fs::remove_dir(&self.folder);
    }
}

/// A trace instance of our own; the kernel counts for everybody, so nothing else may run meanwhile.
struct Tracing {
    instance: PathBuf,
}

impl Tracing {
    /// `None` where tracefs isn't ours to use, or hasn't these events.
    fn start(name: &str, events: &[String]) -> Option<Self> {
        let tracing = Path::new("/sys/kernel/tracing");
        if !tracing.join("instances").is_dir() {
            let mount = ["-t", "tracefs", "tracefs", "/sys/kernel/tracing"];
            std::process::Command::new("mount").args(mount).status().ok()?;
        }
        let ours = format!("instances/postroad-bench-{}-{name}", std::process::id());
        let instance = tracing.join(ours);
        fs::create_dir(&instance).ok()?;
        let tracing = Self { instance };
        for event in events {
            fs::write(tracing.instance.join("events").join(event).join("enable"), "1").ok()?;
        }
        Some(tracing)
    }

    /// A figure of the buffers of all processors, summed up.
    fn total(&self, names: &[&str]) -> u64 {
        let Ok(cpus) = fs::read_dir(self.instance.join("per_cpu")) else { return 0 };
        let counted = |line: &str| {
            let (name, number) = line.split_once(": ")?;
            names.contains(&name).then(|| number.trim().parse::<u64>().ok())?
        };
        let events = |cpu: std::io::Result<fs::DirEntry>| {
            let stats = fs::read_to_string(cpu.ok()?.path().join("stats")).ok()?;
            Some(stats.lines().filter_map(counted).sum::<u64>())
        };
        cpus.filter_map(events).sum()
    }
}

impl Drop for Tracing {
    fn drop(&mut self) {
        let _ = fs::write(self.instance.join("events/enable"), "0");
        let _ = fs::remove_dir(&self.instance);
    }
}

/// Counts every kind of sync on this host.
pub(crate) struct Syncs(Tracing);

const SYNC_CALLS: [&str; 5] = ["fsync", "fdatasync", "sync_file_range", "syncfs", "sync"];

impl Syncs {
    /// `None` where nothing can be counted.
    pub(crate) fn start() -> Option<Self> {
        let events = SYNC_CALLS.map(|call| format!("syscalls/sys_enter_{call}"));
        Tracing::start("syncs", &events).map(Self)
    }

    /// Syncs since the start: events still in the buffers and those that newer ones pushed out.
    pub(crate) fn count(&self) -> u64 {
        self.0.total(&["entries", "overrun"])
    }
}

/// Counts the octets of files that syncs wrote to the device. Logs, which nobody syncs, aren't among them, nor
/// is the file system's own journal.
pub(crate) struct Written(Tracing);

impl Written {
    const EVENT: &str = "ext4/ext4_writepages_result";
    /// KiB of buffer for each processor: some 100,000 syncs.
    const BUFFER: &str = "16384";

    /// `None` where nothing can be counted; it wants ext4.
    pub(crate) fn start() -> Option<Self> {
        let written = Self(Tracing::start("written", &[Self::EVENT.to_owned()])?);
        let instance = &written.0.instance;
        fs::write(instance.join("buffer_size_kb"), Self::BUFFER).ok()?;
        let filter = instance.join("events").join(Self::EVENT).join("filter");
        // WB_SYNC_ALL: somebody waits for it.
        fs::write(filter, "sync_mode == 1").ok()?;
        Some(written)
    }

    /// Forgets what was counted so far.
    pub(crate) fn clear(&self) {
        let _ = fs::write(self.0.instance.join("trace"), "");
    }

    /// Octets since the last [`Written::clear`]; `None` where they were too many to be counted.
    pub(crate) fn octets(&self) -> Option<u64> {
        const PAGE: u64 = 4096;
        if self.0.total(&["overrun"]) > 0 {
            return None;
        }
        let trace = fs::read_to_string(self.0.instance.join("trace")).ok()?;
        let pages = |line: &str| {
            let rest = line.split_once(" pages_written ")?.1;
            rest.split_whitespace().next()?.parse::<u64>().ok()
        };
        Some(trace.lines().filter_map(pages).sum::<u64>() * PAGE)
    }
}

/// Octets written so far to the block device that holds `path`.
pub(crate) fn device_octets(path: &Path) -> anyhow::Result<u64> {
    use std::os::unix::fs::MetadataExt as _;
    let device =
        fs::metadata(path).with_context(|| format!("cannot stat {}", path.display()))?.dev();
    let (major, minor) = ((device >> 8) & 0xfff, (device & 0xff) | ((device >> 12) & 0xfff00));
    let stat = fs::read_to_string(format!("/sys/dev/block/{major}:{minor}/stat"))
        .with_context(|| format!("{} is on no block device", path.display()))?;
    // The seventh number is sectors written, always of 512 octets.
    let sectors = stat.split_whitespace().nth(6).and_then(|field| field.parse::<u64>().ok());
    Ok(sectors.context("cannot read the block device's figures")? * 512)
}
