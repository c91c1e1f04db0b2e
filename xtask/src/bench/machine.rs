//! The machine that was measured on, in one line.

use std::fs;
use std::path::Path;

/// Processors, memory, kernel, and the file system that holds `folder`.
pub(crate) fn described(folder: &Path) -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let model = value("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown processors".into());
    let memory = value("/proc/meminfo", "MemTotal").unwrap_or_default();
    let kib = memory.split_whitespace().next().and_then(|kib| kib.parse::<u64>().ok());
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!(
        "{cores} x {model}, {} GiB, Linux {}, {}",
        kib.unwrap_or(0) / (1024 * 1024),
        release.trim(),
        file_system(folder).unwrap_or_else(|| "unknown file system".into()),
    )
}

fn value(path: &str, key: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find(|line| line.starts_with(key))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// The type of the mount that lies nearest above.
fn file_system(folder: &Path) -> Option<String> {
    let mounts = fs::read_to_string("/proc/mounts").ok()?;
    let fields = mounts.lines().filter_map(|line| {
        let mut fields = line.split_whitespace().skip(1);
        Some((fields.next()?, fields.next()?))
    });
    let above = fields.filter(|(point, _)| folder.starts_with(point));
    above.max_by_key(|(point, _)| point.len()).map(|(_, kind)| kind.to_owned())
}
