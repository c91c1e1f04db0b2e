//! `postroad check`: the settings, and the files that they name.
//!
//! What is wrong in the file itself is found by `postroad_config`; here is what only a look at the host
//! shows. Errors keep an agent from starting or mail from arriving; warnings are what an operator should
//! know before the world does.

use std::io::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use postroad_accounts::{Accounts, AccountsError, Sources, users};
use postroad_config::{Config, ConfigError, Loaded, Place, Problem};
use postroad_logins::Logins;
use postroad_net::tls::{self, ServerTls};

use crate::cli::Settings;
use crate::screen::{BAD, GOOD, LATE, styled};
use crate::user::scram_problem;

mod delivery;
mod host_users;
mod mailboxes;

/// `postroad check`
#[derive(Debug, Args)]
pub(crate) struct Check {
    #[command(flatten)]
    settings: Settings,
}

pub(crate) fn run(check: &Check) -> Result<ExitCode> {
    let path = check.settings.known_path()?;
    let mut out = anstream::stdout().lock();
    let loaded = match postroad_config::load(&path) {
        Ok(loaded) => loaded,
        Err(error @ ConfigError::Invalid { .. }) => {
            writeln!(out, "{error}")?;
            return Ok(ExitCode::FAILURE);
        }
        Err(error) => return Err(error.into()),
    };
    let resolv_conf = std::fs::read_to_string(RESOLV_CONF).unwrap_or_default();
    let mut look = Look::at(&loaded, &resolv_conf);
    look.delivery(&path);
    let findings = look.sorted();
    write!(out, "{}", report(&path, &findings))?;
    let wrong = findings.iter().any(|finding| finding.weight == Weight::Error);
    Ok(if wrong { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Weight {
    Error,
    Warning,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Finding {
    /// The file that is meant; `None`: the settings.
    file: Option<PathBuf>,
    problem: Problem,
    weight: Weight,
}

fn report(path: &Path, findings: &[Finding]) -> String {
    let mut text = String::new();
    for Finding { file, problem, weight } in findings {
        let path = file.as_deref().unwrap_or(path);
        let weight = match weight {
            Weight::Error => styled(BAD, "error"),
            Weight::Warning => styled(LATE, "warning"),
        };
        let (place, what) = (problem.place, &problem.text);
        text += &format!("{}:{}:{}: {weight}: {what}\n", path.display(), place.line, place.column);
    }
    if findings.is_empty() {
        text += &format!("{}: {}\n", path.display(), styled(GOOD, "all is well"));
    }
    text
}

/// Where the system's name servers stand.
const RESOLV_CONF: &str = "/etc/resolv.conf";

struct Look<'l> {
    loaded: &'l Loaded,
    findings: Vec<Finding>,
}

impl<'l> Look<'l> {
    /// All that can be seen without asking anybody.
    fn at(loaded: &'l Loaded, resolv_conf: &str) -> Self {
        let mut look = Look { loaded, findings: Vec::new() };
        look.host();
        look.tls();
        look.accounts();
        look.exposure();
        look.name_servers(resolv_conf);
        look.routes();
        look.mailboxes();
        look
    }

    /// What was found, in the file's order.
    fn sorted(mut self) -> Vec<Finding> {
        self.findings.sort();
        self.findings
    }

    fn error(&mut self, key: &str, text: impl Into<String>) {
        let problem = self.loaded.problem(key, text);
        self.findings.push(Finding { file: None, problem, weight: Weight::Error });
    }

    fn warn(&mut self, key: &str, text: impl Into<String>) {
        let problem = self.loaded.problem(key, text);
        self.findings.push(Finding { file: None, problem, weight: Weight::Warning });
    }

    fn host(&mut self) {
        let config = &self.loaded.config;
        if !config.hostname.contains('.') {
            self.warn(
                "hostname",
                format!("\"{}\" has no domain, and many servers refuse mail from such a host: write its full name", config.hostname),
            );
        }
        if let Err(error) = postroad_observe::log::check_level(&config.log.level) {
            self.error("log.level", error.0);
        }
        if !config.data.is_dir() {
            let data = config.data.display();
            self.warn(
                "data",
                format!("{data} isn't there yet: make it, owned by the agents' user"),
            );
        }
    }

    fn tls(&mut self) {
        let tls = &self.loaded.config.tls;
        if let (Some(certificate), Some(key)) = (&tls.certificate, &tls.key) {
            if let Err(error) = ServerTls::load(certificate, key) {
                self.error("tls.certificate", chain(&error));
            }
            self.secret("tls.key", key, OTHERS);
        }
        if let Some(trust) = &tls.trust
            && let Err(error) = tls::verifying(Some(trust))
        {
            self.error("tls.trust", chain(&error));
        }
    }

    /// A file with a secret must be there, and nobody with one of the `forbidden` bits may read it.
    fn secret(&mut self, key: &str, path: &Path, forbidden: u32) {
        match path.metadata() {
            Err(error) => self.error(key, format!("cannot read {}: {error}", path.display())),
            Ok(metadata) if metadata.mode() & forbidden != 0 => {
                let mode = metadata.mode() & 0o777;
                let path = path.display();
                self.error(key, format!("{path} has mode {mode:o}, so others can read the secret in it (chmod 600 {path})"));
            }
            Ok(_) => {}
        }
    }

    /// In the file where it is, where it is known.
    fn wrong_account(&mut self, error: &AccountsError, what_it_does: &str) {
        match error {
            AccountsError::Line { path, line, problem } => {
                let place = Place { line: *line, column: 1 };
                let text = format!("{problem}; {what_it_does}");
                let problem = Problem { place, text };
                let file = Some(path.clone());
                self.findings.push(Finding { file, problem, weight: Weight::Error });
            }
            AccountsError::Read { .. } | AccountsError::Unsafe { .. } => {
                self.error("accounts", chain(error));
            }
        }
    }

    fn accounts(&mut self) {
        let config = &self.loaded.config;
        match Accounts::open(Sources::of(config)) {
            Err(error) => {
                self.wrong_account(&error, "no agent starts, and those that run keep what they had")
            }
            Ok(accounts) => {
                let directory = accounts.directory();
                for error in directory.wrong_lines() {
                    self.wrong_account(error, "until then nobody logs in as that user");
                }
                if directory.users().next().is_none() {
                    self.warn("accounts", "nobody has a mailbox yet: postroad user add NAME");
                }
                self.host_users(&directory);
                self.maildirs(&directory);
            }
        }
        let users = users::schemes(&config.accounts.users).unwrap_or_default();
        if let Some(problem) = scram_problem(config.accounts.scram, &users) {
            self.warn("accounts.scram", problem);
        }
        if let Err(error) = Logins::prepare(&config.accounts) {
            self.error("accounts.oauth.keys", chain(&error));
        }
        if config.domains.is_empty() {
            self.warn("domains", "no domain is local, so no mail is delivered here: write yours, as in [\"example.org\"]");
        }
        if config.mda.message_size_max < config.mta.message_size_max {
            self.warn(
                "mda.message_size_max",
                "smaller than that of [mta]: mail in between is accepted and then bounced",
            );
        }
    }

    /// What the world can reach.
    fn exposure(&mut self) {
        let config = &self.loaded.config;
        let public = |addresses: &[SocketAddr]| {
            addresses.iter().position(|address| !address.ip().to_canonical().is_loopback())
        };
        if let Some(index) = public(&config.mta.smtp) {
            self.warn(
                &format!("mta.smtp[{index}]"),
                "[no-authentication] open to other hosts: incoming mail is not checked by SPF, DKIM or DMARC yet, so senders can be forged",
            );
        }
        if sends_by_dns(config) {
            self.warn(
                "route",
                "[no-signature] mail goes straight to other hosts and is not DKIM-signed yet: large providers distrust it; a smart host that signs (domain = \"*\") is safer",
            );
            self.warn(
                "route",
                "[no-transport-policy] other hosts' DANE and MTA-STS are not looked up yet: whoever sits in between can read mail to them",
            );
        }
        if let Some(index) = public(&config.mda.lmtp) {
            self.warn(
                &format!("mda.lmtp[{index}]"),
                "LMTP knows no login: whoever reaches this port can deliver to anybody; use loopback or the socket",
            );
        }
        if config.tls.certificate.is_none() {
            for (key, addresses) in [
                ("mta.submission", &config.mta.submission),
                ("mta.submissions", &config.mta.submissions),
                ("maa.imap", &config.maa.imap),
                ("maa.imaps", &config.maa.imaps),
                ("maa.pop3", &config.maa.pop3),
                ("maa.pop3s", &config.maa.pop3s),
                ("maa.managesieve", &config.maa.managesieve),
            ] {
                if let Some(index) = public(addresses) {
                    self.error(&format!("{key}[{index}]"), "nobody can log in from another host without TLS: set [tls] certificate and key");
                }
            }
        }
        let autoconfig = &config.maa.autoconfig;
        for (key, addresses) in [("http", &autoconfig.http), ("https", &autoconfig.https)] {
            if config.tls.certificate.is_none() && !addresses.is_empty() {
                self.error(
                    &format!("maa.autoconfig.{key}"),
                    "mail programs are told of services inside TLS alone, and there are none: set [tls] certificate and key",
                );
            }
        }
        for (index, network) in config.mta.networks.iter().enumerate() {
            if network.is_everybody() {
                self.error(
                    &format!("mta.networks[{index}]"),
                    "this is everybody: the host would be an open relay",
                );
            }
        }
    }

    /// Where mail goes is what DNS says, and between a name server elsewhere and us anybody may say it (row D09).
    fn name_servers(&mut self, resolv_conf: &str) {
        let config = &self.loaded.config;
        if !sends_by_dns(config) {
            return;
        }
        let set: Vec<IpAddr> = config.mta.dns.servers.iter().map(SocketAddr::ip).collect();
        let servers = if set.is_empty() { system_name_servers(resolv_conf) } else { set };
        if let Some(remote) = servers.iter().find(|ip| !ip.to_canonical().is_loopback()) {
            self.warn(
                "mta.dns.servers",
                format!("[remote-resolver] the name server {remote} is not on this host: whoever sits in between can forge where mail goes; run a validating one here, such as unbound, and write servers = [\"127.0.0.1:53\"]"),
            );
        }
    }

    fn mailboxes(&mut self) {
        let mda = &self.loaded.config.mda;
        let quota = &mda.quota;
        let most = quota.storage.saturating_add(quota.last_letter);
        if quota.storage > 0 && most < mda.message_size_max {
            self.warn(
                "mda.quota.storage",
                "smaller than message_size_max: letters are taken that fit into no mailbox, and then refused",
            );
        }
    }

    fn routes(&mut self) {
        for (index, route) in self.loaded.config.route.iter().enumerate() {
            if let Some(path) = &route.password_file {
                self.secret(&format!("route[{index}].password_file"), path, OTHERS | GROUP);
            }
        }
    }
}

/// The `nameserver` lines of resolv.conf(5); without one the system asks this host.
fn system_name_servers(resolv_conf: &str) -> Vec<IpAddr> {
    let address = |line: &str| {
        let mut words = line.split_whitespace();
        let text = words.next().filter(|word| *word == "nameserver").and(words.next())?;
        // The zone of a link-local address.
        text.split('%').next()?.parse().ok()
    };
    resolv_conf.lines().filter_map(address).collect()
}

/// Whether some mail goes to the hosts that DNS names.
fn sends_by_dns(config: &Config) -> bool {
    !config.route.iter().any(|route| route.domain == "*")
}

const OTHERS: u32 = 0o007;
const GROUP: u32 = 0o070;

/// The error with its causes.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text += &format!(": {cause}");
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt as _;

    /// What is found in `text` where FOLDER is a folder with the files of this test.
    fn check(text: &str) -> String {
        check_with(text, "nameserver 127.0.0.53\n")
    }

    /// The same on a host with this resolv.conf.
    fn check_with(text: &str, resolv_conf: &str) -> String {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().to_str().unwrap();
        let file = |name: &str, mode: u32, text: &str| {
            let path = dir.path().join(name);
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        };
        file("open-secret", 0o644, "secret");
        file("nonsense", 0o600, "no PEM");
        file("aliases", 0o600, "postmaster\n");
        file("wrong-users", 0o600, "# ours\nalice:{PLAIN}hunter2\n");
        let text = text.replace("FOLDER", folder);
        let loaded = postroad_config::parse(Path::new("postroad.toml"), &text).unwrap();
        let report = report(Path::new("postroad.toml"), &Look::at(&loaded, resolv_conf).sorted())
            .replace(folder, "FOLDER");
        anstream::adapter::strip_str(&report).to_string()
    }

    #[test]
    fn what_the_delivery_agent_finds_stands_at_its_setting() {
        let text = "data = \"/x\"\nhostname = \"a.example\"\n[mda]\nsieve = \"s/{user}\"\n";
        let loaded = postroad_config::parse(Path::new("postroad.toml"), text).unwrap();
        let mut look = Look { loaded: &loaded, findings: Vec::new() };
        look.rules("mda.sieve: letters to bob wait: x\nmda.programs: \u{1b}[2J\nnonsense\n");
        let report = report(Path::new("postroad.toml"), &look.sorted());
        let report = anstream::adapter::strip_str(&report).to_string();
        let lines: Vec<&str> = report.lines().collect();
        let [other, sieve] = &lines[..] else { panic!("{report}") };
        assert_eq!(*sieve, "postroad.toml:4:1: warning: letters to bob wait: x");
        assert!(other.contains("warning: ") && !other.contains('\u{1b}'), "{other}");
    }

    #[test]
    fn a_mailbox_has_room_for_each_letter_that_is_taken() {
        for (storage, warned) in [("0B", false), ("1MiB", true), ("1GiB", false)] {
            let text = format!(
                "data = \"FOLDER\"\nhostname = \"a.example\"\n[mda.quota]\nstorage = \"{storage}\"\n"
            );
            assert_eq!(check(&text).contains("fit into no mailbox"), warned, "{storage}");
        }
    }

    #[test]
    fn a_wrong_line_of_a_user_is_named_in_its_file() {
        let text = "data = \"FOLDER\"\nhostname = \"a.example\"\ndomains = [\"a.example\"]\n[accounts]\naliases = \"none\"\nusers = \"wrong-users\"\n";
        let found = check(text);
        let line = "FOLDER/wrong-users:2:1: error: the password of \"alice\" is stored as {PLAIN};";
        assert!(found.contains(line) && !found.contains("hunter2"), "{found}");
        assert!(found.contains("nobody logs in as that user"), "{found}");
    }

    #[test]
    fn an_open_relay_is_an_error() {
        let text = "data = \"FOLDER\"\nhostname = \"a.example\"\ndomains = [\"a.example\"]\n[accounts]\naliases = \"none\"\n[mta]\nnetworks = [\"10.0.0.0/8\", \"::/0\"]\n";
        insta::assert_snapshot!(check(text));
    }

    #[test]
    fn what_the_world_sees_and_what_is_not_there() {
        let text = r#"
data = "FOLDER"
hostname = "host"
[log]
level = "inof=="
[tls]
certificate = "nonsense"
key = "open-secret"
[mta]
smtp = ["0.0.0.0:25"]
[mda]
message_size_max = "1MiB"
[[route]]
domain = "*"
next_hop = "smtp://relay.example:587"
user = "me"
password_file = "nothing"
"#;
        insta::assert_snapshot!(check(text));
    }

    #[test]
    fn d09_a_name_server_elsewhere_is_warned_of_where_dns_says_where_mail_goes() {
        let text = |more: &str| {
            format!(
                "data = \"FOLDER\"\nhostname = \"a.example\"\ndomains = [\"a.example\"]\n{more}"
            )
        };
        let servers = |list: &str| text(&format!("[mta.dns]\nservers = [{list}]\n"));
        let relay = text("[[route]]\ndomain = \"*\"\nnext_hop = \"smtp://relay.example:587\"\n");
        let remote = "# by DHCP\nsearch a.example\nnameserver 192.0.2.53\n";
        for (text, resolv_conf, expected) in [
            (text(""), "", ""),
            (text(""), "nameserver ::1\noptions edns0\n", ""),
            (text(""), "nameserver fe80::1%eth0\n", "fe80::1"),
            (text(""), remote, "192.0.2.53"),
            (text(""), "nameserver 127.0.0.1\nnameserver 192.0.2.53\n", "192.0.2.53"),
            (servers("\"127.0.0.1:53\""), remote, ""),
            (servers("\"[::1]:53\", \"203.0.113.9:53\""), "", "203.0.113.9"),
            (relay, remote, ""),
        ] {
            let found = check_with(&text, resolv_conf);
            let warning = found.lines().find(|line| line.contains("[remote-resolver]"));
            let named = warning.is_some_and(|w| w.contains(&format!("name server {expected} ")));
            assert_eq!(named, !expected.is_empty(), "{text} with {resolv_conf}: {found}");
            assert_eq!(warning.is_some(), named, "{text} with {resolv_conf}: {found}");
        }
    }

    #[test]
    fn logging_in_from_elsewhere_needs_tls() {
        let text = "data = \"/nonexistent\"\nhostname = \"a.example\"\ndomains = [\"a.example\"]\n[maa]\npop3 = [\"0.0.0.0:110\"]\n[mda]\nlmtp = [\"[::]:24\"]\n";
        insta::assert_snapshot!(check(text));
    }
}
