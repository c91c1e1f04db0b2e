//! The agents as systemd runs them: sockets handed over, readiness said, a gentle end.

use std::net::{Ipv6Addr, SocketAddr};
use std::os::unix::net::UnixDatagram;

use anyhow::{Context, Result};
use postroad_tests::peers::{Needs, Stage};
use postroad_tests::process::{Ending, PATIENCE, Process, free_port, until};
use postroad_tests::suite::{Settings, Site, binary};
use postroad_tests::{pop3, smtp};

/// An agent that systemd started, and what it tells systemd.
struct Unit {
    process: Process,
    notify: UnixDatagram,
}

impl Unit {
    /// Starts an agent with these sockets, each `NAME=ADDRESS`.
    fn start(
        stage: &Stage,
        site: &Site,
        name: &str,
        words: &[&str],
        sockets: &[String],
    ) -> Result<Self> {
        let path = site.path(&format!("run/{name}.notify"));
        let notify = UnixDatagram::bind(&path)?;
        notify.set_read_timeout(Some(PATIENCE))?;
        let mut command = stage.python("activate.py");
        command
            .args(sockets)
            .arg("--")
            .arg(binary(name)?)
            .args(words)
            .arg("--config")
            .arg(site.config());
        command.env("NOTIFY_SOCKET", &path);
        let process = Process::spawn(name, command, &site.path(""), Ending::Gentle)?;
        let unit = Self { process, notify };
        unit.says("READY=1")?;
        Ok(unit)
    }

    /// Waits for a message that has this line.
    fn says(&self, line: &str) -> Result<()> {
        loop {
            let mut buffer = [0; 4096];
            let octets =
                self.notify.recv(&mut buffer).with_context(|| format!("never said {line}"));
            let octets = octets.with_context(|| self.process.log())?;
            if String::from_utf8_lossy(&buffer[..octets]).lines().any(|said| said == line) {
                return Ok(());
            }
        }
    }

    /// Stops it as `systemctl stop` does.
    fn stop(self) -> Result<()> {
        let Self { process, notify } = self;
        process.signal(rustix::process::Signal::TERM)?;
        let unit = Self { process, notify };
        unit.says("STOPPING=1")?;
        let mut process = unit.process;
        let status = process.wait()?;
        assert!(status.success(), "{status}:\n{}", process.log());
        Ok(())
    }
}

#[test]
fn agents_serve_the_sockets_that_they_are_handed() -> Result<()> {
    let Some(stage) = Stage::set_up(Needs::Tools)? else { return Ok(()) };
    let site = Site::new(&Settings::default())?;
    // Not those of the settings: an agent that has sockets already opens none for the same service.
    let over_ipv6 = SocketAddr::from((Ipv6Addr::LOCALHOST, free_port()));
    let pop3 = SocketAddr::from((Ipv6Addr::LOCALHOST, free_port()));
    let lmtp = format!("lmtp={}", site.path("run/lmtp.sock").display());
    let mda = Unit::start(&stage, &site, "postroad-mda", &["serve"], &[lmtp])?;
    let mta = Unit::start(&stage, &site, "postroad-mta", &[], &[format!("smtp={over_ipv6}")])?;
    let maa = Unit::start(&stage, &site, "postroad-maa", &[], &[format!("pop3={pop3}")])?;

    let mut client = smtp::Client::connect(over_ipv6)?;
    client.expect("EHLO client.test", 250)?;
    let letter = b"Subject: over IPv6\r\n\r\nhello\r\n";
    assert_eq!(client.message("anna@client.test", &["alice@our.test"], letter)?.code, 250);
    assert!(smtp::Client::connect(site.smtp).is_err(), "{} was not handed over", site.smtp);
    until("the letter", || site.new_mail("alice").is_ok_and(|mail| mail.len() == 1))
        .with_context(|| mta.process.log())?;
    let text = String::from_utf8(site.new_mail("alice")?.concat())?;
    assert!(text.contains("[IPv6:::1]"), "RFC 5321 §4.1.3:\n{text}");
    let mail = pop3::Client::log_in(pop3, "alice", postroad_tests::peers::PASSWORD)?.messages()?;
    assert_eq!(mail.len(), 1);

    for unit in [mta, mda, maa] {
        unit.stop()?;
    }
    Ok(())
}
