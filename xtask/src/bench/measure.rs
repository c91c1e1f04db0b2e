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
    /// Where the kernel counts memory, if it does.
    memory: Option<Memory>,
}

/// A group for memory alone, where that has a hierarchy of its own (version 1).
struct Memory {
    folder: PathBuf,
    /// Where we were.
    before: PathBuf,
}

impl Memory {
    fn new(name: &str) -> Option<Self> {
        let top = Path::new("/sys/fs/cgroup/memory");
        let ours = fs::read_to_string("/proc/self/cgroup").ok()?;
        let before = ours.lines().find_map(|line| line.split_once(":memory:/"))?.1;
        let folder = top.join(name);
        fs::create_dir(&folder).ok()?;
        Some(Self { folder, before: top.join(before) })
    }
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
        let name = format!("postroad-bench-{}-{name}", std::process::id());
        let folder = top.join(&name);
        fs::create_dir(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let group = Self { folder, memory: Memory::new(&name) };
        join(&group.folder)?;
        group.memory.iter().try_for_each(|memory| join(&memory.folder))?;
        let started = start();
        join(top)?;
        group.memory.iter().try_for_each(|memory| join(&memory.before))?;
        Ok((group, started?))
    }

    /// The kernel's memory for the group now, sockets too, in KiB; `None` where it isn't counted.
    pub(crate) fn kernel_kib(&self) -> Option<u64> {
        let octets = |file: &Path| fs::read_to_string(file).ok()?.trim().parse::<u64>().ok();
        if let Some(Memory { folder, .. }) = &self.memory {
            let kernel = octets(&folder.join("memory.kmem.usage_in_bytes"))?;
            return Some((kernel + octets(&folder.join("memory.kmem.tcp.usage_in_bytes"))?) / 1024);
        }
        let stat = fs::read_to_string(self.folder.join("memory.stat")).ok()?;
        let line = |name: &str| {
            let line = stat.lines().find_map(|line| line.strip_prefix(name))?;
            line.trim().parse::<u64>().ok()
        };
        Some((line("kernel ")? + line("sock ")?) / 1024)
    }

    /// How many processes there are in it.
    pub(crate) fn processes(&self) -> usize {
        fs::read_to_string(self.folder.join("cgroup.procs")).unwrap_or_default().lines().count()
    }

    /// CPU seconds used by the group's processes so far, user and system.
    pub(crate) fn cpu_seconds(&self) -> anyhow::Result<f64> {
        let stat =
            fs::read_to_string(self.folder.join("cpu.stat")).context("cannot read the CPU time")?;
        let line = stat.lines().find_map(|line| line.strip_prefix("usage_usec "));
        let micros: u64 = line.context("no CPU time in the control group")?.parse()?;
        Ok(micros as f64 / 1e6)
    }

    /// The processes' memory now, added up, in KiB.
    pub(crate) fn rss_kib(&self) -> u64 {
        self.sum("status", "VmRSS:")
    }

    /// Their memory now, what several share counted once, in KiB.
    pub(crate) fn pss_kib(&self) -> u64 {
        self.sum("smaps_rollup", "Pss:")
    }

    /// The processes' peak memory, added up, in KiB.
    pub(crate) fn peak_rss_kib(&self) -> u64 {
        self.sum("status", "VmHWM:")
    }

    /// A line of a file that each process has below /proc, added up.
    fn sum(&self, file: &str, what: &str) -> u64 {
        let pids = fs::read_to_string(self.folder.join("cgroup.procs")).unwrap_or_default();
        let kib = |pid: &str| {
            let text = fs::read_to_string(format!("/proc/{pid}/{file}")).ok()?;
            let line = text.lines().find_map(|line| line.strip_prefix(what))?;
            line.split_whitespace().next()?.parse::<u64>().ok()
        };
        pids.lines().filter_map(kib).sum()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Fails where a process is still ending; an empty group that stays harms nobody.
        let _ = fs::remove_dir(&self.folder);
        if let Some(memory) = &self.memory {
            let _ = fs::remove_dir(&memory.folder);
        }
    }
}

fn join(folder: &Path) -> anyhow::Result<()> {
    let ours = std::process::id().to_string();
    fs::write(folder.join("cgroup.procs"), ours).context("cannot change the control group")
}

/// CPU seconds that this process has used so far, user and system: what its own load costs.
pub(crate) fn own_cpu_seconds() -> anyhow::Result<f64> {
    const TICKS_A_SECOND: f64 = 100.0;
    let stat = fs::read_to_string("/proc/self/stat").context("cannot read our own CPU time")?;
    // Behind the name, which may have anything in it: the twelfth and thirteenth.
    let fields = stat.rsplit_once(") ").map(|(_, rest)| rest.split_whitespace().skip(11).take(2));
    let ticks: u64 =
        fields.into_iter().flatten().filter_map(|field| field.parse::<u64>().ok()).sum();
    Ok(ticks as f64 / TICKS_A_SECOND)
}

/// Counts every kind of sync on this host, by a trace instance of our own.
pub(crate) struct Syncs {
    instance: PathBuf,
}

pub(crate) const SYNC_CALLS: [&str; 5] =
    ["fsync", "fdatasync", "sync_file_range", "syncfs", "sync"];

impl Syncs {
    /// `None` where tracefs isn't ours to use.
    pub(crate) fn start() -> Option<Self> {
        let tracing = Path::new("/sys/kernel/tracing");
        if !tracing.join("instances").is_dir() {
            let mount = ["-t", "tracefs", "tracefs", "/sys/kernel/tracing"];
            std::process::Command::new("mount").args(mount).status().ok()?;
        }
        let instance = tracing.join(format!("instances/postroad-bench-{}", std::process::id()));
        fs::create_dir(&instance).ok()?;
        let syncs = Self { instance };
        syncs.switch("1").ok()?;
        Some(syncs)
    }

    fn switch(&self, to: &str) -> std::io::Result<()> {
        let event =
            |call: &str| self.instance.join(format!("events/syscalls/sys_enter_{call}/enable"));
        SYNC_CALLS.iter().try_for_each(|call| fs::write(event(call), to))
    }

    /// Syncs since the start: events still in the buffers and those that newer ones pushed out.
    pub(crate) fn count(&self) -> u64 {
        let Ok(cpus) = fs::read_dir(self.instance.join("per_cpu")) else { return 0 };
        let counted = |line: &str| {
            let number =
                line.strip_prefix("entries: ").or_else(|| line.strip_prefix("overrun: "))?;
            number.trim().parse::<u64>().ok()
        };
        let events = |cpu: std::io::Result<fs::DirEntry>| {
            let stats = fs::read_to_string(cpu.ok()?.path().join("stats")).ok()?;
            Some(stats.lines().filter_map(counted).sum::<u64>())
        };
        cpus.filter_map(events).sum()
    }
}

impl Drop for Syncs {
    fn drop(&mut self) {
        let _ = self.switch("0");
        let _ = fs::remove_dir(&self.instance);
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
