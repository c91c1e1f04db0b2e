//! What `postroad up` says when all is ready.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use comfy_table::{Table, presets};
use serde::Serialize;

use super::ports::Listener;
use super::users::Known;

/// The one line of `--json`; ports by their IANA service names.
#[derive(Debug, Serialize)]
pub(crate) struct Ready {
    pub(crate) ready: bool,
    pub(crate) ports: BTreeMap<&'static str, u16>,
    pub(crate) ca: PathBuf,
    pub(crate) users: BTreeMap<String, String>,
    pub(crate) maildirs: BTreeMap<String, PathBuf>,
    pub(crate) config: PathBuf,
}

/// What the screen shows.
pub(crate) struct Screen<'a> {
    pub(crate) folder: &'a Path,
    /// Where the programs are, where the shell has to be told.
    pub(crate) programs: Option<&'a Path>,
    pub(crate) domain: &'a str,
    pub(crate) listeners: &'a [Listener],
    pub(crate) users: &'a Known,
}

/// What each service is for.
fn purpose(service: &str) -> &'static str {
    match service {
        "smtp" => "mail from other hosts",
        "submission" => "sending: login, STARTTLS",
        "submissions" => "sending: login, TLS at once",
        "imap" => "reading: login, STARTTLS",
        "pop3" => "reading: login, STLS",
        "imaps" | "pop3s" => "reading: login, TLS at once",
        "sieve" => "rules: login, STARTTLS",
        "lmtp" => "delivery, from the transfer agent",
        "http" | "https" => "settings for mail programs",
        _ => "",
    }
}

impl Screen<'_> {
    pub(crate) fn text(&self) -> String {
        let folder = self.folder.display();
        let mut services = plain_table();
        for (service, address) in places(self.listeners) {
            services.add_row([service, &address, purpose(service)]);
        }
        let mut users = plain_table();
        for (name, password) in self.users {
            let password = password.as_deref().unwrap_or("(changed since; not known here)");
            users.add_row([&format!("{name}@{}", self.domain), password]);
        }
        let mut text = format!("Postroad is up for {}, on this machine only.\n\n", self.domain);
        // Writing to a String doesn't fail.
        let _ = writeln!(text, "{}\n\n{}\n", indented(&services), indented(&users));
        let _ = writeln!(text, "  everything is in      {folder}");
        let _ = writeln!(text, "  clients should trust  {folder}/tls/ca.pem\n");
        text + &self.first_steps() + "Ctrl-C stops it; everything is kept for the next start.\n"
    }

    /// Lines to copy into another terminal; short ones, since what is folded doesn't copy well.
    fn first_steps(&self) -> String {
        // The others have no account file that works.
        let mut known = self.users.iter().filter(|(_, password)| password.is_some());
        let Some((first, _)) = known.next() else { return String::new() };
        let last = known.next_back().map_or(first, |(last, _)| last);
        let mut text =
            "Try in another terminal (send prints the ID that trace wants):\n\n".to_owned();
        if let Some(programs) = self.programs {
            let _ = writeln!(text, "  PATH=$PATH:{}", shell_word(programs));
        }
        let (domain, mua) = (self.domain, "postroad-mua --account-file");
        let _ = writeln!(text, "  cd {}", shell_word(&self.folder.join("mua")));
        let _ = writeln!(text, "  {mua} {first}.toml send -s Hi -m Hello {last}@{domain}");
        let _ = writeln!(text, "  {mua} {last}.toml list");
        let _ = writeln!(text, "  postroad trace --config ../postroad.toml ID\n");
        text
    }
}

/// The path as one word of a shell's command line.
fn shell_word(path: &Path) -> String {
    let path = path.display().to_string();
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+,@".contains(c);
    match path.chars().all(is_plain) {
        true => path,
        false => format!("'{}'", path.replace('\'', r"'\''")),
    }
}

/// Where our programs are, unless the shell finds them by itself.
pub(crate) fn programs_to_name() -> Option<PathBuf> {
    let search = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&search).any(|dir| dir.join("postroad-mua").is_file());
    let ours = std::env::current_exe().ok().filter(|_| !found)?;
    ours.parent().map(Path::to_owned)
}

/// One line a service: all loopback addresses of a port together are `localhost`.
fn places(listeners: &[Listener]) -> Vec<(&'static str, String)> {
    let mut places = Vec::new();
    for (service, at) in listeners {
        let place = match at.ip().is_loopback() {
            true => (*service, format!("localhost:{}", at.port())),
            false => (*service, at.to_string()),
        };
        if !places.contains(&place) {
            places.push(place);
        }
    }
    places
}

fn plain_table() -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table
}

fn indented(table: &Table) -> String {
    table.lines().map(|line| format!(" {}", line.trim_end())).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::SocketAddr;

    #[test]
    fn the_screen() {
        let users = Known::from([
            ("alice".into(), Some("abcde-fghij-kmnpq-rstuv".into())),
            ("bob".into(), Some("bcdef-ghijk-mnpqr-stuvw".into())),
            ("carol".into(), None),
        ]);
        let listeners = [
            ("smtp", "127.0.0.1:10025"),
            ("smtp", "[::1]:10025"),
            ("submissions", "127.0.0.1:10465"),
            ("pop3s", "192.0.2.1:10995"),
        ]
        .map(|(service, at)| (service, at.parse::<SocketAddr>().unwrap()));
        let screen = Screen {
            folder: Path::new("/home/a/up"),
            programs: Some(Path::new("/home/a b/target/release")),
            domain: "example.test",
            listeners: &listeners,
            users: &users,
        };
        insta::assert_snapshot!(screen.text());
    }
}
