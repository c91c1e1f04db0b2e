//! The transfer agents that deliver by ours: what they say of a letter, what waits with them.

use std::net::SocketAddr;

use anyhow::Result;
use postroad_tests::peers::{Exim, OpenSmtpd, Postfix, Sendmail, Stage};
use postroad_tests::process::run;

/// A running one.
pub(crate) trait Mta {
    /// Where it takes SMTP.
    fn smtp(&self) -> SocketAddr;
    /// Its log.
    fn log(&self, stage: &Stage) -> String;
    /// What it says in a line of its log where it puts a letter off.
    fn puts_off(&self) -> &'static str;
    /// What waits with it, as it lists it.
    fn queue(&self, stage: &Stage) -> Result<String>;
    /// Asks it to try all that waits.
    fn try_again(&self, stage: &Stage) -> Result<()>;
}

fn said_by(stage: &Stage, program: &str, arguments: &[&str]) -> Result<String> {
    let output = run(stage.command(program).args(arguments))?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

impl Mta for Postfix {
    fn smtp(&self) -> SocketAddr {
        self.smtp
    }

    fn log(&self, _: &Stage) -> String {
        self.log()
    }

    fn puts_off(&self) -> &'static str {
        "status=deferred"
    }

    fn queue(&self, stage: &Stage) -> Result<String> {
        said_by(stage, "postqueue", &["-p"])
    }

    fn try_again(&self, stage: &Stage) -> Result<()> {
        said_by(stage, "postqueue", &["-f"]).map(drop)
    }
}

impl Mta for Exim {
    fn smtp(&self) -> SocketAddr {
        self.smtp
    }

    fn log(&self, _: &Stage) -> String {
        self.log()
    }

    fn puts_off(&self) -> &'static str {
        " == "
    }

    fn queue(&self, stage: &Stage) -> Result<String> {
        said_by(stage, "exim4", &["-bp"])
    }

    fn try_again(&self, stage: &Stage) -> Result<()> {
        said_by(stage, "exim4", &["-qff"]).map(drop)
    }
}

impl Mta for OpenSmtpd {
    fn smtp(&self) -> SocketAddr {
        self.smtp
    }

    fn log(&self, _: &Stage) -> String {
        self.log()
    }

    fn puts_off(&self) -> &'static str {
        "result=TempFail"
    }

    fn queue(&self, stage: &Stage) -> Result<String> {
        self.control(stage, "show queue")
    }

    fn try_again(&self, stage: &Stage) -> Result<()> {
        self.control(stage, "schedule all").map(drop)
    }
}

impl Mta for Sendmail {
    fn smtp(&self) -> SocketAddr {
        self.smtp
    }

    /// Its log goes to syslog, which isn't there; why a letter waits stands in the queue, on the lines before its
    /// recipients.
    fn log(&self, stage: &Stage) -> String {
        let queue = self.queue(stage).unwrap_or_default();
        let joined = queue.lines().fold(String::new(), |text, line| {
            match line.starts_with(char::is_whitespace) {
                true => text + " " + line.trim(),
                false => text + "\n" + line,
            }
        });
        joined + &self.said()
    }

    fn puts_off(&self) -> &'static str {
        // "(Deferred: local mailer exited with …)", "(mailer local died with signal 9)", "(451 4.2.0 …)".
        " ("
    }

    fn queue(&self, stage: &Stage) -> Result<String> {
        self.control(stage, &["-bp"])
    }

    fn try_again(&self, stage: &Stage) -> Result<()> {
        self.control(stage, &["-q"]).map(drop)
    }
}
