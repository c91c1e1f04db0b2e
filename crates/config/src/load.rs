//! Reading the file: every error names file, line, column, what is wrong and what to write.

use std::fmt;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use postroad_protocol::address::Domain;

use crate::document::{Document, Place, Places};
use crate::{Config, semantics, trust};

/// Octets of the file at most: it is read whole.
const FILE_OCTETS_MAX: u64 = 1024 * 1024;

/// Settings as read, with the file they came from.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// The settings; every path absolute, the host's name filled in.
    pub config: Config,
    /// The file.
    pub path: PathBuf,
    places: Places,
}

impl Loaded {
    /// Something wrong with the value of `key`, as in `mta.smtp[1]` or `route[0].next_hop`.
    pub fn problem(&self, key: &str, text: impl Into<String>) -> Problem {
        Problem { place: self.places.of(key), text: text.into() }
    }
}

/// One thing that is wrong in the file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Where.
    pub place: Place,
    /// What is wrong, and what to write.
    pub text: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.place.line, self.place.column, self.text)
    }
}

/// Why there are no settings.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file can't be read.
    #[error("cannot read {}{}", path.display(), elsewhere(source))]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Somebody else could have written the file.
    #[error("{}: {reason}", path.display())]
    Untrusted {
        /// The file.
        path: PathBuf,
        /// Who could, and what to do.
        reason: String,
    },
    /// A line each, as `postroad.toml:12:9: unknown key "lisen" (did you mean "listen"?)`.
    #[error("{}", lines(path, problems))]
    Invalid {
        /// The file.
        path: PathBuf,
        /// All that is wrong, in the file's order.
        problems: Vec<Problem>,
    },
}

/// What to do where there is no file.
fn elsewhere(source: &std::io::Error) -> &'static str {
    match source.kind() {
        std::io::ErrorKind::NotFound => {
            " (say where the settings are, as in --config FILE; those of \"postroad up\" are in its folder)"
        }
        _ => "",
    }
}

fn lines(path: &Path, problems: &[Problem]) -> String {
    let line = |problem: &Problem| format!("{}:{problem}", path.display());
    problems.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Reads the settings in `path`.
///
/// # Errors
/// Where the file can't be read, may be written by others, isn't TOML, or holds an unknown key or a
/// wrong value: all of them, not just the first.
pub fn load(path: &Path) -> Result<Loaded, ConfigError> {
    let text = read(path)?;
    parse(path, &text)
}

/// The settings of a host without the file.
#[must_use]
pub fn built_in() -> Config {
    let mut config = Config { hostname: system_hostname(), ..Config::default() };
    config.resolve_paths();
    config
}

/// The settings in `text`, which stands in `path`.
///
/// # Errors
/// As [`load`], without those of reading.
pub fn parse(path: &Path, text: &str) -> Result<Loaded, ConfigError> {
    let invalid = |problems| ConfigError::Invalid { path: path.to_owned(), problems };
    let document = Document::parse(text).map_err(invalid)?;
    let places = document.places();
    let mut config = document.settings().map_err(invalid)?;
    if config.hostname.is_empty() {
        config.hostname = system_hostname();
    }
    let mut problems = semantics::problems(&config, &places);
    if !problems.is_empty() {
        problems.sort();
        return Err(invalid(problems));
    }
    config.resolve_paths();
    Ok(Loaded { config, path: path.to_owned(), places })
}

fn read(path: &Path) -> Result<String, ConfigError> {
    let failed = |source| ConfigError::Read { path: path.to_owned(), source };
    let file = std::fs::File::open(path).map_err(failed)?;
    trust::check(path, &file)
        .map_err(failed)?
        .map_err(|reason| ConfigError::Untrusted { path: path.to_owned(), reason })?;
    let mut text = String::new();
    file.take(FILE_OCTETS_MAX).read_to_string(&mut text).map_err(failed)?;
    Ok(text)
}

/// What the system calls itself where that is a host name; otherwise a name that only works here.
fn system_hostname() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let name = name.trim_end_matches('.');
    match Domain::parse(name) {
        Ok(domain) if domain.literal().is_none() => domain.as_str().to_owned(),
        _ => "localhost".to_owned(),
    }
}

impl Config {
    /// Makes every relative path one below `data`.
    fn resolve_paths(&mut self) {
        let data = self.data.clone();
        let under = |path: &mut PathBuf| *path = data.join(&*path);
        for path in [
            &mut self.trace.dir,
            &mut self.accounts.users,
            &mut self.accounts.aliases,
            &mut self.accounts.app_passwords,
            &mut self.mta.socket,
            &mut self.mta.control,
            &mut self.mta.queue,
            &mut self.mda.socket,
            &mut self.maa.control,
        ] {
            under(path);
        }
        if !self.mda.programs.as_os_str().is_empty() {
            under(&mut self.mda.programs);
        }
        let optional = [
            &mut self.tls.certificate,
            &mut self.tls.key,
            &mut self.tls.trust,
            &mut self.accounts.oauth.keys,
        ];
        optional.into_iter().flatten().for_each(under);
        self.route.iter_mut().filter_map(|route| route.password_file.as_mut()).for_each(under);
        for template in [&mut self.mda.maildir, &mut self.mda.mbox, &mut self.mda.sieve] {
            if !template.starts_with('/') && !template.is_empty() {
                *template = format!("{}/{template}", data.display());
            }
        }
    }
}
