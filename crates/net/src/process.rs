//! The process among others: signals, and the word to its service manager (sd_notify(3)).

use std::io;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// Whether this process was asked to stop. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Shutdown(watch::Receiver<bool>);

/// The exit code after a second signal: EX_TEMPFAIL of sysexits.h, "try again".
const CUT_SHORT: i32 = 75;

/// Asks for the stop; for tests and for those who stop for a reason of their own.
#[derive(Debug, Clone)]
pub struct Trigger(watch::Sender<bool>);

impl Shutdown {
    /// One that only its [`Trigger`] asks for.
    pub fn manual() -> (Trigger, Self) {
        let (sender, receiver) = watch::channel(false);
        (Trigger(sender), Self(receiver))
    }

    /// One that SIGTERM and SIGINT ask for, and the end of the supervisor where `$POSTROAD_SUPERVISOR`
    /// names one ([`SUPERVISOR`]). A second signal ends the process at once, with exit code 75: whoever
    /// waits for a drain can cut it short, and what was answered is on disk. Must be called inside a tokio
    /// runtime.
    ///
    /// # Errors
    /// Where the signals can't be caught.
    pub fn on_signals() -> io::Result<(Trigger, Self)> {
        let (trigger, shutdown) = Self::manual();
        if let Some(supervisor) = std::env::var(SUPERVISOR).ok().and_then(|pid| pid.parse().ok()) {
            end_with(supervisor, &trigger)?;
        }
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let asked = trigger.clone();
        tokio::spawn(async move {
            let mut signalled = async || {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
            };
            signalled().await;
            asked.stop();
            signalled().await;
            std::process::exit(CUT_SHORT);
        });
        Ok((trigger, shutdown))
    }

    /// Ends when the stop is asked for; at once where it was.
    pub async fn requested(&self) {
        // The trigger being gone means that nobody will ask any more: wait for ever.
        if self.0.clone().wait_for(|asked| *asked).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Whether it was asked for.
    pub fn is_requested(&self) -> bool {
        *self.0.borrow()
    }
}

/// The environment variable with the process id of a supervisor that we must not outlive, however it ends:
/// `postroad up` that was killed must leave no agent behind. A service manager doesn't set it.
pub const SUPERVISOR: &str = "POSTROAD_SUPERVISOR";

/// Has the system send SIGTERM when our parent ends.
fn end_with(supervisor: i32, trigger: &Trigger) -> io::Result<()> {
    let terminate = Some(rustix::process::Signal::TERM);
    rustix::process::set_parent_process_death_signal(terminate)?;
    // It may have ended before we asked.
    let parent = rustix::process::getppid().map(rustix::process::Pid::as_raw_nonzero);
    if parent.is_none_or(|parent| parent.get() != supervisor) {
        trigger.stop();
    }
    Ok(())
}

impl Trigger {
    /// Asks for the stop.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

/// SIGHUP, again and again: settings and files are to be read anew.
#[derive(Debug)]
pub struct Reload(tokio::signal::unix::Signal);

impl Reload {
    /// Catches SIGHUP. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// Where it can't be caught.
    pub fn on_hangup() -> io::Result<Self> {
        signal(SignalKind::hangup()).map(Self)
    }

    /// Ends when the next one came.
    pub async fn requested(&mut self) {
        if self.0.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
    }
}

/// Lets this process open as many files as it may: the usual 1,024 are fewer than the connections of a busy
/// server. Gives how many that is.
pub fn raise_file_limit() -> u64 {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: maximum, maximum };
    // A sandbox may forbid the change; then the limit is what it was.
    let reached = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => maximum,
        Err(_) => current,
    };
    reached.unwrap_or(u64::MAX)
}

/// Tells the service manager that this process serves now; nothing happens where there is none.
pub fn ready() {
    notify(&[sd_notify::NotifyState::Ready]);
}

/// Tells the service manager that this process is about to end.
pub fn stopping() {
    notify(&[sd_notify::NotifyState::Stopping]);
}

fn notify(state: &[sd_notify::NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!(error = %error, "cannot reach the service manager");
    }
}
