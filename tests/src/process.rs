//! Processes that end with the test that started them, and waiting for what they do.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

/// How long a test waits for anything: long enough for a loaded machine, short of hanging CI.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// How soon after a repair all has to be as before, without a restart.
pub const RECOVERY: Duration = Duration::from_secs(5);

/// How long a process may take to end after SIGTERM.
const DRAIN: Duration = Duration::from_secs(20);

/// How a process is asked to end when its test does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// SIGTERM, then SIGKILL where that didn't help.
    Gentle,
    /// SIGKILL: for the first process of a PID namespace, which takes all others with it.
    Sudden,
}

/// A running process in a process group of its own; dropping it ends the group.
#[derive(Debug)]
pub struct Process {
    child: Child,
    name: String,
    log: PathBuf,
    ending: Ending,
}

impl Process {
    /// Starts `command`; what it writes goes to `NAME.out` and `NAME.log` in `folder`.
    ///
    /// # Errors
    ///
    /// When the logs can't be made or the program not be started.
    pub fn spawn(name: &str, mut command: Command, folder: &Path, ending: Ending) -> Result<Self> {
        let open = |path: PathBuf| {
            let file = File::options().create(true).append(true).open(&path);
            file.with_context(|| format!("cannot open {}", path.display()))
        };
        let log = folder.join(format!("{name}.log"));
        command
            .stdin(Stdio::null())
            .stdout(File::create(folder.join(format!("{name}.out")))?)
            .stderr(open(log.clone())?)
            .process_group(0);
        let child = command.spawn().with_context(|| format!("cannot start {name}"))?;
        Ok(Self { child, name: name.to_owned(), log, ending })
    }

    /// The process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it wrote to standard error so far.
    #[must_use]
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// The exit status, when it has ended.
    ///
    /// # Errors
    ///
    /// When the system can't tell.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        self.child.try_wait().with_context(|| format!("cannot wait for {}", self.name))
    }

    /// Waits until `ready`; a process that ended meanwhile is an error that shows its log.
    ///
    /// # Errors
    ///
    /// When the process ends first, or is not ready in [`PATIENCE`].
    pub fn until(&mut self, what: &str, mut ready: impl FnMut() -> bool) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while !ready() {
            if let Some(status) = self.ended()? {
                bail!("{} ended ({status}) before it {what}:\n{}", self.name, tail(&self.log()));
            }
            ensure!(
                Instant::now() < deadline,
                "{} never {what}:\n{}",
                self.name,
                tail(&self.log())
            );
            pause();
        }
        Ok(())
    }

    /// Sends a signal to the process alone.
    ///
    /// # Errors
    ///
    /// When it has ended.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        kill_process(pid(self.id())?, signal)
            .with_context(|| format!("cannot signal {}", self.name))
    }

    /// Asks the process to end with SIGTERM, and gives its exit status.
    ///
    /// # Errors
    ///
    /// When it doesn't end in time.
    pub fn terminate(mut self) -> Result<ExitStatus> {
        self.signal(Signal::TERM)?;
        self.wait()
    }

    /// Waits for the process to end by itself.
    ///
    /// # Errors
    ///
    /// When it doesn't in [`PATIENCE`].
    pub fn wait(&mut self) -> Result<ExitStatus> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.ended()? {
                return Ok(status);
            }
            ensure!(Instant::now() < deadline, "{} did not end:\n{}", self.name, tail(&self.log()));
            pause();
        }
    }

    /// Ends it as a power cut would: SIGKILL to the whole group.
    ///
    /// # Errors
    ///
    /// When the system refuses.
    pub fn kill(&mut self) -> Result<()> {
        // The group may be gone already; that is what we want.
        kill_process_group(pid(self.id())?, Signal::KILL).ok();
        self.child.wait().with_context(|| format!("cannot wait for {}", self.name))?;
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(Some(_))) {
            return;
        }
        if self.ending == Ending::Gentle && self.signal(Signal::TERM).is_ok() {
            let deadline = Instant::now() + DRAIN;
            while Instant::now() < deadline && matches!(self.child.try_wait(), Ok(None)) {
                pause();
            }
        }
        // A process that outlives its test would only be in other tests' way.
        self.kill().ok();
    }
}

/// Waits until `condition` holds.
///
/// # Errors
///
/// When it doesn't in [`PATIENCE`]; `what` completes "never saw …".
pub fn until(what: &str, mut condition: impl FnMut() -> bool) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        ensure!(Instant::now() < deadline, "never saw {what} in {} s", PATIENCE.as_secs());
        pause();
    }
    Ok(())
}

/// Waits for what has to be back within [`RECOVERY`] of a repair that was made just now.
///
/// # Errors
///
/// When it isn't back, or not in time; `what` completes "never saw …".
pub fn back_in_time(what: &str, condition: impl FnMut() -> bool) -> Result<()> {
    let repaired = Instant::now();
    until(what, condition)?;
    let took = repaired.elapsed();
    eprintln!("{what} after {} ms", took.as_millis());
    ensure!(took <= RECOVERY, "saw {what} after {took:?} only");
    Ok(())
}

/// Runs a command to its end; anything but exit 0 is an error that shows what it said.
///
/// # Errors
///
/// When it can't be started or fails.
pub fn run(command: &mut Command) -> Result<Output> {
    let output = outcome(command)?;
    ensure!(
        output.status.success(),
        "{command:?} failed ({}):\n{}{}",
        output.status,
        tail(&String::from_utf8_lossy(&output.stdout)),
        tail(&String::from_utf8_lossy(&output.stderr)),
    );
    Ok(output)
}

/// Runs a command to its end, whatever that is.
///
/// # Errors
///
/// When it can't be started.
pub fn outcome(command: &mut Command) -> Result<Output> {
    command.output().with_context(|| format!("cannot run {command:?}"))
}

/// Whether somebody listens there.
#[must_use]
pub fn listens(address: SocketAddr) -> bool {
    TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok()
}

/// A port on 127.0.0.1 that nobody listens on, from below the range that the system gives to outgoing connections.
///
/// # Panics
///
/// When a thousand ports in a row are taken.
#[must_use]
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    const FIRST: u16 = 20_000;
    const COUNT: u16 = 12_000;
    // Tests run in processes of their own at the same time: each starts looking elsewhere.
    let start = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.subsec_nanos())
        / 1000
        + std::process::id().wrapping_mul(37);
    let start = u16::try_from(start % u32::from(COUNT)).unwrap_or(0);
    NEXT.compare_exchange(0, start.max(1), Ordering::Relaxed, Ordering::Relaxed).ok();
    (0..1000)
        .map(|_| FIRST + NEXT.fetch_add(1, Ordering::Relaxed) % COUNT)
        .find(|&port| {
            TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
                && TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok()
        })
        .expect("a thousand ports in a row are taken")
}

/// The last lines of a log, for an error.
#[must_use]
pub fn tail(text: &str) -> String {
    const LINES: usize = 40;
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}

/// Between two looks at a condition.
fn pause() {
    thread::sleep(Duration::from_millis(10));
}

fn pid(id: u32) -> Result<Pid> {
    i32::try_from(id).ok().and_then(Pid::from_raw).context("no such process id")
}
