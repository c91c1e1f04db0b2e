//! The file of tokens: for its owner alone, replaced whole, and for one program at a time.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use postroad_oauth::grant::Tokens;
use serde::{Deserialize, Serialize};

use super::TokenError;
use crate::account::{Place, Provider};
use crate::limits;

/// What is kept.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kept {
    /// Of this format.
    v: u8,
    user: String,
    client_id: String,
    /// Who gave them; nobody else is shown the refresh token.
    pub(super) token_endpoint: String,
    /// Who the account file said describes itself, where it didn't name that place.
    issuer: Option<String>,
    pub(super) refresh_token: Option<String>,
    pub(super) access_token: Option<String>,
    /// Seconds since 1970.
    pub(super) good_until: Option<u64>,
}

const VERSION: u8 = 1;

impl Kept {
    pub(super) fn of(
        tokens: &Tokens,
        user: &str,
        provider: &Provider,
        token_endpoint: &str,
        now: u64,
    ) -> Self {
        let issuer = match &provider.place {
            Place::Issuer(issuer) => Some(issuer.to_string()),
            Place::Server(_) => None,
        };
        Self {
            v: VERSION,
            user: user.to_owned(),
            client_id: provider.client_id.clone(),
            token_endpoint: token_endpoint.to_owned(),
            issuer,
            refresh_token: tokens.refresh.as_ref().map(|token| token.expose().to_owned()),
            access_token: Some(tokens.access.expose().to_owned()),
            good_until: tokens.lasts.map(|lasts| now.saturating_add(lasts.as_secs())),
        }
    }

    /// Whether they are this user's, were given to this program, and by who the account file names now: servers of
    /// another provider's aren't shown them.
    pub(super) fn is_of(&self, user: &str, provider: &Provider) -> bool {
        let is_theirs = match &provider.place {
            Place::Issuer(issuer) => self.issuer.as_deref() == Some(issuer.as_str()),
            Place::Server(server) => self.token_endpoint == server.token.as_str(),
        };
        let is_ours = self.user == user && self.client_id == provider.client_id;
        self.v == VERSION && is_ours && is_theirs
    }
}

/// Where they are.
pub(super) struct Drawer<'a> {
    path: &'a Path,
}

/// Ours, until it is dropped.
pub(super) struct Turn(#[expect(dead_code, reason = "its lock goes with it")] File);

impl<'a> Drawer<'a> {
    pub(super) fn at(path: &'a Path) -> Self {
        Self { path }
    }

    fn failed(&self, what: &'static str) -> impl Fn(std::io::Error) -> TokenError + use<> {
        let path = self.path.to_owned();
        move |source| TokenError::Keep { what, path: path.clone(), source }
    }

    fn beside(&self, more: &str) -> PathBuf {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        self.path.with_file_name(format!("{name}{more}"))
    }

    /// Waits until no other program has it. Who has asks a provider, and takes as long as that does.
    pub(super) async fn turn(&self) -> Result<Turn, TokenError> {
        self.turn_within(limits::TOKENS_WAIT).await
    }

    async fn turn_within(&self, wait: Duration) -> Result<Turn, TokenError> {
        let failed = self.failed("lock");
        if let Some(folder) = self.path.parent() {
            std::fs::create_dir_all(folder).map_err(&failed)?;
        }
        let mut options = OpenOptions::new();
        let options = options.write(true).create(true).truncate(false).mode(0o600);
        let file = options.open(self.beside(".lock")).map_err(&failed)?;
        let taken = async {
            loop {
                match file.try_lock() {
                    Ok(()) => return Ok(()),
                    Err(TryLockError::WouldBlock) => tokio::time::sleep(LOOK_AGAIN).await,
                    Err(TryLockError::Error(error)) => return Err(failed(error)),
                }
            }
        };
        let taken = tokio::time::timeout(wait, taken).await;
        taken.unwrap_or_else(|_| Err(TokenError::Busy { path: self.path.to_owned() }))?;
        Ok(Turn(file))
    }

    /// What is there; what isn't ours to understand counts as nothing.
    pub(super) fn read(&self) -> Result<Option<Kept>, TokenError> {
        let failed = self.failed("read");
        let file = match File::open(self.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(&failed)?,
        };
        // The same open file is asked who may read it and is read: no name is looked up twice.
        if file.metadata().map_err(&failed)?.mode() & 0o077 != 0 {
            return Err(TokenError::Open { path: self.path.to_owned() });
        }
        let mut text = String::new();
        file.take(limits::SETTINGS_OCTETS_MAX).read_to_string(&mut text).map_err(&failed)?;
        Ok(serde_json::from_str(&text).ok())
    }

    /// Replaces it: content synced, then the name, then the folder. It is for its owner alone from its first octet on.
    pub(super) fn write(&self, kept: &Kept) -> Result<(), TokenError> {
        let replace = || {
            let next = self.beside(".next");
            match std::fs::remove_file(&next) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            let mut options = OpenOptions::new();
            let mut file = options.write(true).create_new(true).mode(0o600).open(&next)?;
            serde_json::to_writer(&mut file, kept)?;
            file.write_all(b"\n")?;
            file.sync_all()?;
            std::fs::rename(&next, self.path)?;
            match self.path.parent() {
                Some(folder) => File::open(folder)?.sync_all(),
                None => Ok(()),
            }
        };
        replace().map_err(self.failed("write"))
    }
}

/// How often is looked whether it is free.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use postroad_oauth::{Secret, Server};

    use super::*;

    fn kept(access: &str) -> Kept {
        let tokens = Tokens {
            access: Secret::new(access),
            refresh: Some(Secret::new("r")),
            lasts: Some(Duration::from_secs(60)),
        };
        let provider = provider("id", described("https://id.example"));
        Kept::of(&tokens, "us", &provider, "https://id.example/token", 1_000)
    }

    fn described(issuer: &str) -> Place {
        Place::Issuer(issuer.parse().unwrap())
    }

    fn provider(client_id: &str, place: Place) -> Provider {
        let (client_id, scope) = (client_id.to_owned(), String::new());
        Provider { place, client_id, client_secret_file: None, scope, tokens: "/t".into() }
    }

    #[test]
    fn u17_tokens_are_for_their_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tokens");
        let drawer = Drawer::at(&path);
        assert!(drawer.read().unwrap().is_none());
        drawer.write(&kept("one")).unwrap();
        // What a crash has left is no hindrance, nor is its mode kept.
        std::fs::write(drawer.beside(".next"), "half").unwrap();
        drawer.write(&kept("two")).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        let read = drawer.read().unwrap().unwrap();
        assert_eq!((read.access_token.as_deref(), read.good_until), (Some("two"), Some(1_060)));
        assert!(read.is_of("us", &provider("id", described("https://id.example"))));
        for mode in [0o640, 0o604, 0o644] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            assert!(matches!(drawer.read(), Err(TokenError::Open { .. })), "{mode:o}");
        }
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        std::fs::write(&path, "{\"v\": 9}").unwrap();
        assert!(drawer.read().unwrap().is_none());
    }

    #[test]
    fn u17_tokens_are_shown_where_who_gave_them_is_asked_still() {
        let token = |token: &str| {
            let (issuer, authorization, device) = (None, None, None);
            let token = token.parse().unwrap();
            Place::Server(Box::new(Server {
                issuer,
                names_itself: false,
                authorization,
                token,
                device,
            }))
        };
        let kept = kept("one");
        for (user, client_id, place, is_theirs) in [
            ("us", "id", described("https://id.example"), true),
            ("us", "id", token("https://id.example/token"), true),
            ("them", "id", described("https://id.example"), false),
            ("us", "other", described("https://id.example"), false),
            ("us", "id", described("https://evil.example"), false),
            ("us", "id", token("https://evil.example/token"), false),
        ] {
            let provider = provider(client_id, place);
            assert_eq!(kept.is_of(user, &provider), is_theirs, "{user} {provider:?}");
        }
    }

    #[tokio::test]
    async fn one_program_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sub/tokens");
        let first = Drawer::at(&path).turn().await.unwrap();
        let second = Drawer::at(&path).turn_within(Duration::ZERO).await;
        assert!(matches!(second, Err(TokenError::Busy { .. })));
        drop(first);
        assert!(Drawer::at(&path).turn().await.is_ok());
    }
}
