//! smtp-sink and smtp-source: Postfix's own load tools.

use std::collections::BTreeMap;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use anyhow::Result;
use rustix::process::geteuid;

use super::Stage;
use crate::process::{Process, free_port, listens, run};

/// A running smtp-sink: takes every message, and keeps each in a file.
#[derive(Debug)]
pub struct Sink {
    /// Where it takes SMTP.
    pub address: SocketAddr,
    dump: PathBuf,
    process: Process,
}

impl Sink {
    /// Starts one on a free port of 127.0.0.1.
    ///
    /// # Errors
    ///
    /// When it doesn't start.
    pub fn start(stage: &Stage) -> Result<Self> {
        Self::start_at(stage, SocketAddr::from((Ipv4Addr::LOCALHOST, free_port())), &[])
    }

    /// Starts one at an address of the test's choice, with more of smtp-sink's flags.
    ///
    /// # Errors
    ///
    /// When it doesn't start.
    pub fn start_at(stage: &Stage, address: SocketAddr, flags: &[&str]) -> Result<Self> {
        let name = format!("smtp-sink-{}-{}", address.ip(), address.port());
        let dump = stage.path(&name);
        fs::create_dir(&dump)?;
        let (template, at) = (dump.join("message-").display().to_string(), address.to_string());
        let mut arguments = vec!["-d", &template];
        // As root it insists on a user to become.
        if geteuid().is_root() {
            arguments.extend(["-u", "postfix"]);
            stage.own(&dump, "postfix")?;
        }
        arguments.extend(flags);
        arguments.extend([at.as_str(), "1024"]);
        let mut process = stage.serve(&name, "smtp-sink", &arguments)?;
        process.until("listened", || listens(address))?;
        Ok(Self { address, dump, process })
    }

    /// The messages taken so far, each as smtp-sink wrote it: `X-Mail-Args`, `X-Rcpt-Args`, then the message.
    #[must_use]
    pub fn messages(&self) -> Vec<String> {
        let files = fs::read_dir(&self.dump).into_iter().flatten().flatten();
        let texts = files.map(|file| {
            String::from_utf8_lossy(&fs::read(file.path()).unwrap_or_default()).into_owned()
        });
        // It writes a blank line after each message that it answered 250.
        texts.filter(|text| text.ends_with("\n\n")).collect()
    }

    /// How often each Message-ID (without brackets) came.
    #[must_use]
    pub fn copies(&self) -> BTreeMap<String, usize> {
        let mut copies = BTreeMap::new();
        for message in self.messages() {
            let id = message.lines().find_map(|line| {
                Some(line.split_once("essage-I")?.1.split_once(": ")?.1.to_owned())
            });
            let id = id.unwrap_or_default().trim_matches(|c| matches!(c, '<' | '>')).to_owned();
            *copies.entry(id).or_default() += 1;
        }
        copies
    }

    /// Ends it, as a host that goes down.
    ///
    /// # Errors
    ///
    /// When the system refuses.
    pub fn stop(mut self) -> Result<()> {
        self.process.kill()
    }
}

/// One run of smtp-source.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// The server.
    pub to: SocketAddr,
    /// The recipient.
    pub recipient: &'a str,
    /// Messages in all.
    pub messages: usize,
    /// Octets of each.
    pub octets: usize,
    /// Connections at once.
    pub sessions: usize,
}

impl Source<'_> {
    /// Sends them all; an error where any was refused.
    ///
    /// # Errors
    ///
    /// When smtp-source fails.
    pub fn run(&self, stage: &Stage) -> Result<()> {
        let host = match self.to.ip() {
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => format!("[{ip}]"),
        };
        run(stage
            .command("timeout")
            // It waits for ever by itself.
            .args(["120", "smtp-source"])
            .args(["-M", "client.test", "-f", "sender@client.test", "-t", self.recipient])
            .args(["-m", &self.messages.to_string(), "-l", &self.octets.to_string()])
            .args([
                "-s",
                &self.sessions.to_string(),
                "-d",
                &format!("{host}:{}", self.to.port()),
            ]))?;
        Ok(())
    }
}
