//! `[oauth2]` of the account file: who gives tokens in place of a password.

use std::path::{Path, PathBuf};

use postroad_oauth::{Server, endpoint, metadata};
use serde::Deserialize;
use url::Url;

use super::overrides::anchor;
use super::{AccountError, ProofSource};

/// The table as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ProviderTable {
    /// A program and its arguments that print an access token; nothing else is needed then.
    command: Option<Vec<String>>,
    /// What this program is to the provider.
    client_id: Option<String>,
    /// A file that nobody else can read, where the provider gave a secret with that.
    client_secret_file: Option<PathBuf>,
    /// Who describes the rest of itself (RFC 8414).
    issuer: Option<String>,
    /// Or its places, one by one.
    authorization: Option<String>,
    token: Option<String>,
    device: Option<String>,
    /// What is asked for: words with blanks between.
    scope: String,
    /// Where tokens are kept.
    tokens: Option<PathBuf>,
}

/// Who gives tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provider {
    /// Where it is.
    pub place: Place,
    /// What this program is to it.
    pub client_id: String,
    /// A file that nobody else can read, with the secret that goes with that.
    pub client_secret_file: Option<PathBuf>,
    /// What is asked for.
    pub scope: String,
    /// Where tokens are kept.
    pub tokens: PathBuf,
}

/// Where a provider is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// It describes itself.
    Issuer(Url),
    /// At these places.
    Server(Box<Server>),
}

impl Provider {
    /// What it is called.
    pub fn at(&self) -> String {
        let url = match &self.place {
            Place::Issuer(url) => url,
            Place::Server(server) => &server.token,
        };
        url.host_str().unwrap_or_default().to_owned()
    }
}

impl ProviderTable {
    /// Paths in the file are meant from the folder that it is in.
    pub(super) fn anchored(mut self, folder: &Path) -> Self {
        let paths = [&mut self.client_secret_file, &mut self.tokens];
        for path in paths.into_iter().flatten() {
            anchor(path, folder);
        }
        self
    }

    /// What it says; `state` is where tokens are kept unless it says so.
    pub(super) fn source(self, state: Option<&Path>) -> Result<ProofSource, AccountError> {
        if let Some(command) = self.command {
            return Ok(ProofSource::TokenCommand(command));
        }
        let url = |key: &'static str, value: Option<String>| match value {
            Some(value) => endpoint(&value).map(Some).ok_or_else(|| AccountError::Value {
                key,
                value,
                problem: "write a URL of https".into(),
            }),
            None => Ok(None),
        };
        let issuer = match self.issuer {
            Some(value) => match metadata::issuer(&value) {
                Some(issuer) => Some((value, issuer)),
                None => {
                    let problem = "write a URL of https, without a query".into();
                    return Err(AccountError::Value { key: "oauth2.issuer", value, problem });
                }
            },
            None => None,
        };
        let authorization = url("oauth2.authorization", self.authorization)?;
        let device = url("oauth2.device", self.device)?;
        let missing = |what, hint| AccountError::Missing { what, hint };
        let place = match (url("oauth2.token", self.token)?, issuer) {
            (Some(token), issuer) => {
                // As it is written: its servers name themselves letter by letter (RFC 9207 §2.4).
                let issuer = issuer.map(|(written, _)| written);
                let names_itself = false;
                Place::Server(Box::new(Server {
                    issuer,
                    names_itself,
                    authorization,
                    token,
                    device,
                }))
            }
            (None, Some((_, issuer))) => Place::Issuer(issuer),
            (None, None) => {
                let hint = "[oauth2] needs issuer, or token with authorization or device";
                return Err(missing("provider of tokens", hint));
            }
        };
        let hint = "[oauth2] needs client_id: the provider gives one for a program (\"native\", \"desktop\")";
        let kept = state.map(|state| state.join("tokens"));
        Ok(ProofSource::Provider(Box::new(Provider {
            place,
            client_id: self.client_id.ok_or_else(|| missing("client id", hint))?,
            client_secret_file: self.client_secret_file,
            scope: self.scope,
            tokens: self.tokens.or(kept).ok_or_else(|| {
                missing("place for tokens", "HOME isn't set; set tokens in [oauth2]")
            })?,
        })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<ProofSource, String> {
        let table: ProviderTable =
            toml::from_str(text).map_err(|error| error.message().to_owned())?;
        table
            .anchored(Path::new("/conf"))
            .source(Some(Path::new("/state")))
            .map_err(|it| it.to_string())
    }

    #[test]
    fn tables() {
        let id = "client_id = \"us\"\n";
        let Ok(ProofSource::Provider(provider)) = read(&format!(
            "{id}issuer = \"https://id.example\"\nscope = \"a b\"\nclient_secret_file = \"secret\""
        )) else {
            panic!("no provider")
        };
        assert_eq!(provider.place, Place::Issuer(Url::parse("https://id.example").unwrap()));
        assert_eq!((provider.at(), provider.scope.as_str()), ("id.example".to_owned(), "a b"));
        assert_eq!(provider.tokens, Path::new("/state/tokens"));
        assert_eq!(provider.client_secret_file, Some("/conf/secret".into()));
        let Ok(ProofSource::Provider(provider)) =
            read(&format!("{id}token = \"https://id.example/t\"\ntokens = \"mine\""))
        else {
            panic!("no provider")
        };
        assert_eq!(provider.tokens, Path::new("/conf/mine"));
        let both = "issuer = \"https://id.example\"\ntoken = \"https://id.example/t\"";
        let Ok(ProofSource::Provider(provider)) = read(&format!("{id}{both}")) else {
            panic!("no provider")
        };
        let Place::Server(server) = &provider.place else { panic!("its places are named") };
        assert_eq!(server.issuer.as_deref(), Some("https://id.example"));
        let command = read("command = [\"print-token\", \"us\"]");
        assert_eq!(command, Ok(ProofSource::TokenCommand(vec!["print-token".into(), "us".into()])));
        for (text, problem) in [
            ("issuer = \"https://id.example\"", "client_id"),
            ("client_id = \"us\"", "needs issuer, or token"),
            ("client_id = \"us\"\nissuer = \"http://id.example\"", "URL of https"),
            ("client_id = \"us\"\ntoken = \"http://id.example\"", "URL of https"),
            ("client_secret = \"x\"", "unknown field"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(problem), "{text}: {error}");
        }
    }
}
