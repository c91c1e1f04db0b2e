//! `cargo xtask demo`: the whole pipeline on this host, and a letter that travels it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use postroad_tests::imap;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::signal::unix::{SignalKind, signal};

use crate::step::{cargo, done, run as run_step, target_dir};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// End when the letter has been read, rather than at Ctrl-C.
    #[arg(long)]
    once: bool,
}

/// How long the suite may take to start, and the letter to arrive.
const PATIENCE: Duration = Duration::from_secs(60);

/// What Bob's IMAP client asks.
const IMAP_COMMANDS: [&str; 3] = [
    "EXAMINE INBOX",
    "FETCH 1 (UID FLAGS INTERNALDATE RFC822.SIZE BODY[HEADER.FIELDS (SUBJECT)])",
    "SEARCH TEXT durable",
];

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    run_step("build the agents", cargo().args(["build", "--workspace", "--bins", "--locked"]))?;
    // From here on Ctrl-C doesn't end us, so that the folder is removed; it still ends what we started.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut interrupted = runtime.block_on(async { signal(SignalKind::interrupt()) })?;
    let folder = tempfile::Builder::new().prefix("postroad-demo-").tempdir()?;
    let mut suite = done("start MTA, MDA and MAA", || Suite::start(folder.path()))?;
    let letter = done("Alice writes to Bob", || suite.write_letter())?;
    done("the letter arrives", || suite.until_arrived())?;
    done("what happened to it", || {
        suite.say("postroad", &["trace", "--config", &suite.config()?, &letter])
    })?;
    done("Bob's inbox, by POP3", || suite.user_agent("bob", &["list"])?.show())?;
    done("Bob reads it", || suite.user_agent("bob", &["read", "1"])?.show())?;
    done("the same letter, by IMAP", || suite.ask_by_imap("bob"))?;
    if !options.once {
        eprintln!("\nThe suite goes on running in {}; Ctrl-C ends it.", folder.path().display());
        runtime.block_on(suite.until_interrupted(&mut interrupted))?;
    }
    done("end the suite", || suite.stop())
}

/// `postroad up`, running.
struct Suite {
    child: Child,
    /// The line that it printed when it was ready.
    ready: Value,
    folder: PathBuf,
}

fn program(name: &str) -> Command {
    Command::new(target_dir().join("debug").join(name))
}

impl Suite {
    fn start(folder: &Path) -> anyhow::Result<Self> {
        let data = folder.join("suite");
        let mut child = program("postroad")
            .args(["up", "--json", "--offset", "auto", "--domain", "example.test"])
            .args(["--user", "alice", "--user", "bob", "--dir"])
            .arg(&data)
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(folder.join("log"))?)
            .spawn()
            .context("cannot start postroad up")?;
        let mut line = String::new();
        let output = child.stdout.take().context("postroad up has no output")?;
        BufReader::new(output).read_line(&mut line).context("cannot read what postroad up says")?;
        if line.is_empty() {
            let log = std::fs::read_to_string(folder.join("log")).unwrap_or_default();
            bail!("postroad up did not get ready: {}", log.trim());
        }
        let ready: Value =
            serde_json::from_str(&line).with_context(|| format!("not JSON: {line}"))?;
        let suite = Self { child, ready, folder: folder.to_owned() };
        for user in ["alice", "bob"] {
            suite.write_password(user)?;
        }
        say(suite.listening().split(' '), "");
        Ok(suite)
    }

    /// `smtp 127.0.0.1:10025, …`
    fn listening(&self) -> String {
        let ports = self.ready["ports"].as_object().into_iter().flatten();
        ports.map(|(name, port)| format!("{name} {port}")).collect::<Vec<_>>().join(", ")
    }

    fn config(&self) -> anyhow::Result<String> {
        Ok(self.ready["config"].as_str().context("postroad up named no settings")?.to_owned())
    }

    /// A password goes into a file that nobody else reads, never into an argument.
    fn write_password(&self, user: &str) -> anyhow::Result<()> {
        let password =
            self.ready["users"][user].as_str().context("postroad up made no password")?;
        let mut options = std::fs::File::options();
        let mut file =
            options.create_new(true).write(true).mode(0o600).open(self.password_file(user))?;
        Ok(file.write_all(password.as_bytes())?)
    }

    fn password_file(&self, user: &str) -> PathBuf {
        self.folder.join(format!("{user}.password"))
    }

    /// Our user agent with that user's account.
    fn user_agent(&self, user: &str, arguments: &[&str]) -> anyhow::Result<Agent> {
        let port = |name: &str| {
            self.ready["ports"][name].as_u64().with_context(|| format!("no port for {name}"))
        };
        let mut command = program("postroad-mua");
        command
            .env("POSTROAD_MUA_NAME", user)
            .env("POSTROAD_MUA_ADDRESS", format!("{user}@example.test"))
            .env("POSTROAD_MUA_USER", user)
            .env("POSTROAD_MUA_PASSWORD_FILE", self.password_file(user))
            .env("POSTROAD_MUA_SUBMISSION", format!("smtps://localhost:{}", port("submissions")?))
            .env("POSTROAD_MUA_INBOX", format!("pop3s://localhost:{}", port("pop3s")?))
            .env("POSTROAD_MUA_TRUST", self.ready["ca"].as_str().unwrap_or_default())
            .env("POSTROAD_MUA_OUTBOX", self.folder.join(format!("{user}.outbox")))
            .env("POSTROAD_MUA_ACCOUNT", self.folder.join("no-account-file"))
            .env("POSTROAD_CONFIG", self.config()?)
            .args(arguments);
        Ok(Agent(command))
    }

    /// What a program that reads mail by IMAP asks, and what it is told.
    fn ask_by_imap(&self, user: &str) -> anyhow::Result<()> {
        let port = self.ready["ports"]["imap"].as_u64().context("no port for imap")?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, u16::try_from(port)?));
        let password = std::fs::read_to_string(self.password_file(user))?;
        let mut client = imap::Client::log_in(address, user, &password)?;
        for command in IMAP_COMMANDS {
            eprintln!("    C: {command}");
            for line in client.command(command)? {
                eprintln!("    S: {}", line.replace("\r\n", "\n       "));
            }
        }
        Ok(())
    }

    /// Sends the letter; gives its Message-ID.
    fn write_letter(&self) -> anyhow::Result<String> {
        let arguments =
            ["send", "--json", "--to", "bob@example.test", "--subject", "The post road"];
        let text = "Dear Bob,\n\nthis letter went from my outbox over the submission port to the MTA,\n\
                    was made durable there, handed to the MDA by LMTP, and filed in your Maildir.\n\nAlice\n";
        let mut command = self.user_agent("alice", &arguments)?.0;
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        child.stdin.take().context("no input to write to")?.write_all(text.as_bytes())?;
        let output = child.wait_with_output()?;
        if !output.status.success() {
            bail!("postroad-mua send failed ({})", output.status);
        }
        let sent: Value =
            serde_json::from_slice(&output.stdout).context("postroad-mua send printed no JSON")?;
        let id = sent["message_id"].as_str().context("postroad-mua send named no Message-ID")?;
        eprintln!("    {id}");
        Ok(id.to_owned())
    }

    fn until_arrived(&self) -> anyhow::Result<()> {
        let new = self.ready["maildirs"]["bob"].as_str().context("postroad up named no Maildir")?;
        let new = Path::new(new).join("new");
        let progress =
            indicatif::ProgressBar::new_spinner().with_message("waiting for it in Bob's Maildir");
        let end = Instant::now() + PATIENCE;
        while std::fs::read_dir(&new).is_ok_and(|mut entries| entries.next().is_none())
            || !new.is_dir()
        {
            if Instant::now() > end {
                bail!("it isn't in {} after {} s", new.display(), PATIENCE.as_secs());
            }
            progress.tick();
            std::thread::sleep(Duration::from_millis(20));
        }
        progress.finish_and_clear();
        Ok(())
    }

    fn say(&self, name: &str, arguments: &[&str]) -> anyhow::Result<()> {
        let mut command = program(name);
        command.args(arguments);
        Agent(command).show()
    }

    /// Waits for Ctrl-C, or for the suite to end by itself.
    async fn until_interrupted(
        &mut self,
        interrupted: &mut tokio::signal::unix::Signal,
    ) -> anyhow::Result<()> {
        const LOOK: Duration = Duration::from_millis(200);
        while self.child.try_wait()?.is_none() {
            if tokio::time::timeout(LOOK, interrupted.recv()).await.is_ok() {
                break;
            }
        }
        Ok(())
    }

    /// Asks it to end, where Ctrl-C hasn't done so already, and waits for it.
    fn stop(&mut self) -> anyhow::Result<()> {
        if self.child.try_wait()?.is_none() {
            let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
            kill_process(pid.context("no process to end")?, Signal::TERM)
                .context("cannot end postroad up")?;
        }
        let status = self.child.wait()?;
        if !status.success() {
            let log = std::fs::read_to_string(self.folder.join("log")).unwrap_or_default();
            bail!("postroad up ended with {status}:\n{}", log.trim());
        }
        Ok(())
    }
}

impl Drop for Suite {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            let _ = self.stop();
        }
    }
}

/// Says words on lines that fit the terminal; `goes_on` ends each line but the last.
fn say<'a>(words: impl Iterator<Item = &'a str>, goes_on: &str) {
    let size = rustix::termios::tcgetwinsize(std::io::stderr());
    let columns = size.ok().map(|size| usize::from(size.ws_col)).filter(|columns| *columns > 0);
    eprintln!("{}", folded(words, goes_on, columns.unwrap_or(80)));
}

fn folded<'a>(words: impl Iterator<Item = &'a str>, goes_on: &str, columns: usize) -> String {
    let mut text = String::new();
    let mut used = 0;
    for word in words {
        let length = word.chars().count() + 1;
        if used == 0 {
            text += "   ";
            used = 3;
        } else if used + length + goes_on.len() > columns {
            text += &format!("{goes_on}\n       ");
            used = 7;
        }
        text += &format!(" {word}");
        used += length;
    }
    text
}

/// A command that is shown with what it prints.
struct Agent(Command);

impl Agent {
    fn show(mut self) -> anyhow::Result<()> {
        let words: Vec<String> =
            self.0.get_args().map(|word| word.to_string_lossy().into_owned()).collect();
        let name = Path::new(self.0.get_program())
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let words = ["$", &name].into_iter().chain(words.iter().map(String::as_str));
        say(words, " \\");
        eprintln!();
        let status = self.0.status().with_context(|| format!("cannot start {name}"))?;
        if !status.success() {
            bail!("{name} failed ({status})");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_folded_as_a_shell_takes_it() {
        let words = ["$", "postroad", "trace", "--config", "/tmp/x", "<id>"];
        for (columns, expected) in [
            (80, "    $ postroad trace --config /tmp/x <id>"),
            (30, "    $ postroad trace \\\n        --config /tmp/x <id>"),
            (1, "    $ \\\n        postroad"),
        ] {
            let text = folded(words.into_iter(), " \\", columns);
            assert!(text.starts_with(expected), "{text}");
        }
    }
}
