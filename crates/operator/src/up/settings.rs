//! The `postroad.toml` of `postroad up`.

use std::net::{IpAddr, SocketAddr};

use anyhow::{Context as _, Result};
use postroad_config::Loaded;
use postroad_protocol::address::Domain;

use super::folder::Folder;
use super::ports::{self, Offset, Ports};

/// The first line says whose the file is: as long as it stands, each start writes the file anew.
const OURS: &str =
    "# Written by `postroad up` at each start; remove this line to keep your own changes.\n";

/// Writes the settings, unless the file is the user's by now, and reads them.
pub(crate) fn provide(folder: &Folder, domain: &Domain, offset: Offset) -> Result<Loaded> {
    let current = folder.read("postroad.toml")?;
    if current.is_none_or(|text| text.starts_with(OURS)) {
        let hosts = ports::loopback();
        let ports = Ports::choose(offset, &hosts)?;
        folder.write("postroad.toml", 0o600, &text(folder, domain, ports, &hosts))?;
    }
    postroad_config::load(&folder.path("postroad.toml")).context("the settings can't be used")
}

fn text(folder: &Folder, domain: &Domain, ports: Ports, hosts: &[IpAddr]) -> String {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let at = |port: u16| {
        let each = hosts.iter().map(|ip| format!("\"{}\"", SocketAddr::new(*ip, port)));
        format!("[{}]", each.collect::<Vec<_>>().join(", "))
    };
    let data = quoted(&folder.root().to_string_lossy());
    let Ports { smtp, submission, submissions, imap, imaps, pop3, pop3s, sieve, lmtp, http, https } =
        ports;
    let itself = hosts.first().copied().unwrap_or(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST));
    let itself = SocketAddr::new(itself, smtp);
    let (smtp, submission, submissions) = (at(smtp), at(submission), at(submissions));
    let (imap, imaps) = (at(imap), at(imaps));
    let (pop3, pop3s, sieve, lmtp) = (at(pop3), at(pop3s), at(sieve), at(lmtp));
    let (http, https) = (at(http), at(https));
    format!(
        r#"{OURS}# All keys are explained in config/postroad.toml of the source, and checked by `postroad check`.

data = {data}
hostname = "mail.{domain}"
domains = ["{domain}"]

[tls]
certificate = "tls/cert.pem"
key = "tls/key.pem"
trust = "tls/ca.pem"

[mta]
smtp = {smtp}
submission = {submission}
submissions = {submissions}
# Everything listens on this machine alone: nobody can read along.
clear_text_login = "loopback"

[mda]
lmtp = {lmtp}

[maa]
imap = {imap}
imaps = {imaps}
pop3 = {pop3}
pop3s = {pop3s}
managesieve = {sieve}
clear_text_login = "loopback"

[maa.autoconfig]
http = {http}
https = {https}

# Mail for other domains comes back at once and is not sent into the world from a trial on a laptop: it
# is offered to this host itself, which relays for nobody. Take this route away to send it out by DNS.
[[route]]
domain = "*"
next_hop = "smtp://{itself}"
"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_settings_are_valid_and_the_users_own_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(dir.path()).unwrap();
        let domain: Domain = "example.test".parse().unwrap();
        let loaded = provide(&folder, &domain, Offset::Fixed(20_000)).unwrap();
        assert!(loaded.config.mta.smtp.iter().all(|address| address.port() == 20_025));
        assert_eq!(loaded.config.domains, std::slice::from_ref(&domain));
        assert_eq!(loaded.config.hostname, "mail.example.test");

        folder.write("postroad.toml", 0o600, "hostname = \"mine.example\"\n").unwrap();
        assert_eq!(
            provide(&folder, &domain, Offset::Auto).unwrap().config.hostname,
            "mine.example"
        );
    }
}
