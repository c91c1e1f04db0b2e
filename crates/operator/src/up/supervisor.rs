//! The agents as child processes: started together, waited for, started again when they end, stopped in
//! an order that lets mail under way arrive.
//!
//! Each gets a `NOTIFY_SOCKET` of its own, as from systemd, and says READY=1 there when it serves; and our
//! process id in [`SUPERVISOR`], so that it ends when we do, even by SIGKILL. Each is in a process group
//! of its own: Ctrl-C in the terminal reaches us alone, and we decide who stops when.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use postroad_net::process::SUPERVISOR;
use rustix::process::{Pid, Signal, kill_process};
use tokio::net::UnixDatagram;
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use super::folder::Folder;

/// How long the agents may take to be ready.
const START_PATIENCE: Duration = Duration::from_secs(30);
/// How long an agent may take to finish what it is doing before it is killed; the queue survives that.
const DRAIN_PATIENCE: Duration = Duration::from_secs(15);
/// The pause before an agent that ended is started again; it doubles each time.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// An agent that ran this long has recovered: the next pause is short again.
const STEADY: Duration = Duration::from_secs(60);

/// The agents in the order in which they stop: first nothing new comes in, then nothing is left to file.
pub(crate) const AGENTS: [(&str, &[&str]); 3] =
    [("postroad-mta", &[]), ("postroad-mda", &["serve"]), ("postroad-maa", &[])];

/// The running agents.
pub(crate) struct Suite {
    agents: Vec<Running>,
}

struct Running {
    name: &'static str,
    state: watch::Receiver<State>,
    stop: watch::Sender<Wish>,
    task: JoinHandle<()>,
}

/// How an agent is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Starting,
    Ready,
    /// It ended before it was ever ready.
    Failed(ExitStatus),
}

/// What we want of an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    Run,
    Drain,
}

/// The program of an agent: beside ours, where they were built or installed together.
pub(crate) fn program(name: &str) -> Result<PathBuf> {
    let ours = std::env::current_exe().context("cannot tell where this program is")?;
    let beside = ours.with_file_name(name);
    if !beside.is_file() {
        bail!(
            "{name} isn't beside {}: build all programs with `cargo build --workspace`, or install them together",
            ours.display()
        );
    }
    Ok(beside)
}

impl Suite {
    /// Starts all agents and waits until they serve.
    pub(crate) async fn start(folder: &Folder, config: &Path) -> Result<Self> {
        let mut agents = Vec::new();
        for (name, words) in AGENTS {
            let socket = folder.path(&format!("run/{name}.notify"));
            let _ = std::fs::remove_file(&socket);
            let notify = UnixDatagram::bind(&socket)
                .with_context(|| format!("cannot make the socket {}", socket.display()))?;
            let mut arguments: Vec<OsString> = words.iter().map(OsString::from).collect();
            arguments.extend(["--config".into(), config.into()]);
            let agent = Agent { name, program: program(name)?, arguments, socket, notify };
            let (state_sender, state) = watch::channel(State::Starting);
            let (stop, wish) = watch::channel(Wish::Run);
            let task = tokio::spawn(agent.run(state_sender, wish));
            agents.push(Running { name, state, stop, task });
        }
        let mut suite = Self { agents };
        match timeout(START_PATIENCE, suite.ready()).await {
            Ok(Ok(())) => Ok(suite),
            Ok(Err(error)) => {
                suite.stop().await;
                Err(error)
            }
            Err(_) => {
                let late = suite.agents.iter().find(|agent| *agent.state.borrow() != State::Ready);
                let late = late.map_or("an agent", |agent| agent.name).to_owned();
                suite.stop().await;
                bail!("{late} wasn't ready after {} seconds", START_PATIENCE.as_secs())
            }
        }
    }

    async fn ready(&mut self) -> Result<()> {
        for agent in &mut self.agents {
            let settled = agent.state.wait_for(|state| *state != State::Starting).await;
            match settled.map(|state| *state) {
                Ok(State::Ready) => {}
                Ok(State::Failed(status)) => {
                    bail!("{} didn't start ({status}): what it said stands above", agent.name)
                }
                Ok(State::Starting) | Err(_) => bail!("{} couldn't be started", agent.name),
            }
        }
        Ok(())
    }

    /// Stops the agents one after the other; each may finish what it is doing.
    pub(crate) async fn stop(self) {
        for agent in self.agents {
            agent.stop.send_replace(Wish::Drain);
            // A task that panicked has ended too, and its child dies with it (`kill_on_drop`).
            let _ = agent.task.await;
        }
    }
}

/// One agent, from start to start.
struct Agent {
    name: &'static str,
    program: PathBuf,
    arguments: Vec<OsString>,
    socket: PathBuf,
    notify: UnixDatagram,
}

impl Agent {
    async fn run(self, state: watch::Sender<State>, mut wish: watch::Receiver<Wish>) {
        let mut pause = FIRST_PAUSE;
        loop {
            let started = Instant::now();
            let status = match self.spawn() {
                Ok(child) => self.watch(child, &state, &mut wish).await,
                Err(error) => {
                    tracing::error!(agent = self.name, error = %error, "cannot start the agent");
                    None
                }
            };
            let Some(status) = status else { return };
            let was_ready = *state.borrow() == State::Ready;
            if !was_ready {
                state.send_replace(State::Failed(status));
                return;
            }
            if started.elapsed() >= STEADY {
                pause = FIRST_PAUSE;
            }
            tracing::warn!(agent = self.name, %status, pause_s = pause.as_secs_f64(), "the agent ended and is started again");
            tokio::select! {
                () = sleep(pause) => {}
                () = told_to_stop(&mut wish) => return,
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    fn spawn(&self) -> std::io::Result<Child> {
        Command::new(&self.program)
            .args(&self.arguments)
            .env("NOTIFY_SOCKET", &self.socket)
            .env(SUPERVISOR, std::process::id().to_string())
            // Ours, if systemd started us: not meant for the agents.
            .env_remove("LISTEN_FDS")
            .env_remove("LISTEN_PID")
            .env_remove("LISTEN_FDNAMES")
            .stdin(Stdio::null())
            // Standard output is ours: one line of JSON, or the screen.
            .stdout(Stdio::null())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
    }

    /// Waits until the child ends; `None` where we wanted that.
    async fn watch(
        &self,
        mut child: Child,
        state: &watch::Sender<State>,
        wish: &mut watch::Receiver<Wish>,
    ) -> Option<ExitStatus> {
        let mut datagram = [0; 1024];
        loop {
            tokio::select! {
                status = child.wait() => return status.ok(),
                received = self.notify.recv(&mut datagram) => {
                    let text = datagram.get(..received.unwrap_or(0)).unwrap_or_default();
                    if says_ready(text) {
                        state.send_replace(State::Ready);
                    }
                }
                () = told_to_stop(wish) => {
                    self.end(child).await;
                    return None;
                }
            }
        }
    }

    /// SIGTERM, patience, SIGKILL.
    async fn end(&self, mut child: Child) {
        let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        if let Some(pid) = pid {
            // The child isn't reaped yet, so the number is still its own.
            let _ = kill_process(pid, Signal::TERM);
        }
        if timeout(DRAIN_PATIENCE, child.wait()).await.is_err() {
            tracing::warn!(
                agent = self.name,
                "the agent is killed; what it had accepted is in the queue"
            );
            let _ = child.kill().await;
        }
    }
}

/// Ends when the agent is to stop, or nobody is left to want anything.
async fn told_to_stop(wish: &mut watch::Receiver<Wish>) {
    let _ = wish.wait_for(|wish| *wish != Wish::Run).await;
}

/// sd_notify(3): one assignment a line.
fn says_ready(datagram: &[u8]) -> bool {
    datagram.split(|octet| *octet == b'\n').any(|line| line == b"READY=1")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn words_of_readiness() {
        assert!(says_ready(b"READY=1"));
        assert!(says_ready(b"STATUS=up\nREADY=1\n"));
        assert!(!says_ready(b"READY=10") && !says_ready(b"STOPPING=1") && !says_ready(b""));
    }

    fn agent(dir: &Path, script: &str) -> Agent {
        let program = dir.join("agent.sh");
        std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let socket = dir.join("notify");
        let notify = UnixDatagram::bind(&socket).unwrap();
        Agent { name: "postroad-test", program, arguments: Vec::new(), socket, notify }
    }

    async fn patiently<T>(what: impl Future<Output = T>) -> T {
        timeout(Duration::from_secs(60), what).await.unwrap()
    }

    #[tokio::test]
    async fn an_agent_that_never_gets_ready_is_not_tried_again() {
        let dir = tempfile::tempdir().unwrap();
        let (sender, state) = watch::channel(State::Starting);
        let (_stop, wish) = watch::channel(Wish::Run);
        patiently(agent(dir.path(), "exit 3").run(sender, wish)).await;
        assert!(matches!(*state.borrow(), State::Failed(status) if status.code() == Some(3)));
    }

    #[tokio::test]
    async fn an_agent_that_was_ready_is_started_again_and_stops_when_told() {
        let dir = tempfile::tempdir().unwrap();
        let count = dir.path().join("count");
        // Ends at once the first two times; the third time it stays.
        let script = format!(
            "echo x >> {0}; [ $(wc -l < {0}) -ge 3 ] && exec sleep 600; exit 1",
            count.display()
        );
        let agent = agent(dir.path(), &script);
        let (sender, mut state) = watch::channel(State::Ready);
        let (stop, wish) = watch::channel(Wish::Run);
        let task = tokio::spawn(agent.run(sender, wish));
        let third = async {
            while std::fs::read_to_string(&count).unwrap_or_default().lines().count() < 3 {
                sleep(Duration::from_millis(5)).await;
            }
        };
        patiently(third).await;
        assert_eq!(*state.borrow_and_update(), State::Ready);
        stop.send_replace(Wish::Drain);
        patiently(task).await.unwrap();
    }
}
