//! Reading the file: errors name file, line, column, what is wrong and what to write.

use std::path::{Path, PathBuf};

use crate::Config;

/// Settings as read, with the file they came from.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// The settings; every path absolute.
    pub config: Config,
    /// The file.
    pub path: PathBuf,
}

/// Why there are no settings.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file can't be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// `postroad.toml:12:9: unknown key "lisen" (did you mean "listen"?)`
    #[error("{}:{line}:{column}: {problem}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Column in characters, from 1.
        column: usize,
        /// What is wrong, and what to write.
        problem: String,
    },
}

/// Reads the settings in `path`.
///
/// # Errors
/// Where the file can't be read, isn't TOML, or holds an unknown key or a wrong value.
pub fn load(path: &Path) -> Result<Loaded, ConfigError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
    let mut config: Config = toml::from_str(&text).map_err(|error| {
        let start = error.span().map_or(0, |span| span.start);
        let before = text.get(..start).unwrap_or_default();
        ConfigError::Invalid {
            path: path.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before.chars().rev().take_while(|c| *c != '\n').count() + 1,
            problem: error.message().to_owned(),
        }
    })?;
    config.resolve_paths();
    Ok(Loaded { config, path: path.to_owned() })
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
            &mut self.mta.socket,
            &mut self.mta.control,
            &mut self.mta.queue,
            &mut self.mda.socket,
        ] {
            under(path);
        }
        let optional = [&mut self.tls.certificate, &mut self.tls.key, &mut self.tls.trust];
        optional.into_iter().flatten().for_each(under);
        self.route.iter_mut().filter_map(|route| route.password_file.as_mut()).for_each(under);
        if !self.mda.maildir.starts_with('/') {
            self.mda.maildir = format!("{}/{}", data.display(), self.mda.maildir);
        }
    }
}
