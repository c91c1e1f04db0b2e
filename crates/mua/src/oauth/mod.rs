//! Tokens in place of passwords (OAuth2): the shell around `postroad_oauth`.
//!
//! ```text
//! account --login ──► login: a browser (RFC 8252) or another device (RFC 8628) ──► keep: one private file
//! each session    ──► access: what is kept, or else, by the refresh token, a new one
//! ```
//! | looking for | it is in |
//! |---|---|
//! | which token a session shows, and getting a new one | here |
//! | logging in | `login` |
//! | the file of tokens, and whose turn it is | `keep` |
//! | questions to the provider, over https | `web` |
//!
//! A refresh token goes to the place that gave it and nowhere else, whatever the account file says by now. Nobody sees a
//! token: not in arguments, not in logs, not in a file that others can read (row U17).

use std::time::{SystemTime, UNIX_EPOCH};

use postroad_discovery::http::Question;
use postroad_oauth::grant::{self, Refusal, Tokens};
use postroad_oauth::{Program, Secret, Server, limits, metadata};

use crate::account::{Account, Place, Provider};
use crate::password::{PasswordError, PasswordSource};

mod keep;
pub(crate) mod login;
mod web;

pub use web::WebError;

use keep::{Drawer, Kept};

/// How long a token has to be good still to be shown: a session takes a moment to begin.
const MARGIN_S: u64 = 60;

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// Nobody has logged in there.
    #[error("nobody has logged in at {at} yet; run: postroad-mua account --login")]
    NoLogin {
        /// Who gives tokens.
        at: String,
    },
    /// What it gave is good no more.
    #[error(
        "{at} takes back what it allowed, or that has expired: {refusal}; run: postroad-mua account --login"
    )]
    Revoked {
        /// Who gives tokens.
        at: String,
        /// What it says.
        refusal: Refusal,
    },
    /// The token has expired, and no other can be had without the user.
    #[error("what {at} allowed has expired; run: postroad-mua account --login")]
    Expired {
        /// Who gives tokens.
        at: String,
    },
    /// It says no, for another reason.
    #[error("{at} gives no token: {refusal}")]
    Refused {
        /// Who gives tokens.
        at: String,
        /// What it says.
        refusal: Refusal,
    },
    /// There is no way to it.
    #[error(transparent)]
    Web(#[from] WebError),
    /// What it publishes of itself is of no use.
    #[error("{at}: {problem}; set its authorization and token endpoints in the account file")]
    Metadata {
        /// Who gives tokens.
        at: String,
        /// What is wrong.
        problem: metadata::MetadataError,
    },
    /// It has no place for this kind of login.
    #[error("{at} has no {what}; {hint}")]
    NoWay {
        /// Who gives tokens.
        at: String,
        /// What is missing.
        what: &'static str,
        /// What to do.
        hint: &'static str,
    },
    /// The program's secret can't be read.
    #[error(transparent)]
    Secret(#[from] PasswordError),
    /// The file of tokens.
    #[error("cannot {what} the tokens in {}", path.display())]
    Keep {
        /// What was tried.
        what: &'static str,
        /// Which file.
        path: std::path::PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Others can read it.
    #[error("others can read the tokens in {0}; run: chmod 600 {0}", path.display())]
    Open {
        /// Which file.
        path: std::path::PathBuf,
    },
    /// Another program of ours has it for too long.
    #[error("another program has the tokens in {} for too long", path.display())]
    Busy {
        /// Which file.
        path: std::path::PathBuf,
    },
    /// Nobody came back.
    #[error("nobody has said yes in time; try again")]
    Late,
    /// This host.
    #[error("cannot wait for the browser on this host")]
    Loopback(#[source] std::io::Error),
}

impl TokenError {
    /// Whether it may be otherwise by itself in a while.
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            Self::Web(_) | Self::Busy { .. } => true,
            Self::Refused { refusal, .. } => matches!(refusal, Refusal::NoAnswer { .. }),
            _ => false,
        }
    }
}

/// Which token is wanted.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Freshness<'a> {
    /// The one that is kept, while it is good.
    Kept,
    /// Any but this, which a server didn't take.
    NotThis(&'a Secret),
}

/// The token to show, a new one if need be.
///
/// # Errors
/// Where there is none, or a new one can't be had.
pub(crate) async fn access(
    account: &Account,
    user: &str,
    provider: &Provider,
    freshness: Freshness<'_>,
) -> Result<Secret, TokenError> {
    let at = || provider.at();
    let drawer = Drawer::at(&provider.tokens);
    // A refresh token may be good for one use (RFC 9700 §4.14.2): who comes second takes what the first one got.
    let _turn = drawer.turn().await?;
    let kept = drawer.read()?.filter(|kept| kept.is_of(user, provider));
    let kept = kept.ok_or_else(|| TokenError::NoLogin { at: at() })?;
    let now = now();
    let wanted = |token: &&String| match freshness {
        Freshness::Kept => true,
        Freshness::NotThis(refused) => token.as_str() != refused.expose(),
    };
    let is_good = kept.good_until.is_none_or(|until| now + MARGIN_S < until);
    if let Some(token) = kept.access_token.as_ref().filter(wanted).filter(|_| is_good) {
        return Ok(Secret::new(token.clone()));
    }
    let refresh = kept.refresh_token.as_deref().map(Secret::new);
    let refresh = refresh.ok_or_else(|| TokenError::Expired { at: at() })?;
    // Where it came from, and not where the account file says by now.
    let token = postroad_oauth::endpoint(&kept.token_endpoint);
    let token = token.ok_or_else(|| TokenError::NoLogin { at: at() })?;
    let form = grant::by_refresh(&program(provider)?, &refresh);
    let answer = web::ask(account, &token, Question::Form(form.expose())).await?;
    let tokens = match grant::read(answer.status, &answer.body) {
        Ok(tokens) => tokens,
        Err(refusal) if refusal.is_final() => {
            return Err(TokenError::Revoked { at: at(), refusal });
        }
        Err(refusal) => return Err(TokenError::Refused { at: at(), refusal }),
    };
    let access = tokens.access.clone();
    let tokens = Tokens { refresh: tokens.refresh.or(Some(refresh)), ..tokens };
    drawer.write(&Kept::of(&tokens, user, provider, &kept.token_endpoint, now))?;
    Ok(access)
}

/// What this program is to the provider.
fn program(provider: &Provider) -> Result<Program, PasswordError> {
    let secret = match &provider.client_secret_file {
        Some(path) => Some(PasswordSource::File(path.clone()).read()?),
        None => None,
    };
    let secret = secret.map(|secret| Secret::new(secret.expose()));
    Ok(Program { id: provider.client_id.clone(), secret })
}

/// The provider's places, which it may have to be asked for.
async fn server(account: &Account, provider: &Provider) -> Result<Server, TokenError> {
    let issuer = match &provider.place {
        Place::Server(server) => return Ok(Server::clone(server)),
        Place::Issuer(issuer) => issuer,
    };
    let at = provider.at();
    let mut problem = metadata::MetadataError::NotMetadata;
    for url in metadata::places(issuer) {
        let answer = web::ask(account, &url, Question::Get("application/json")).await?;
        // Redirections aren't followed: who is asked is who answers (RFC 8414 §3.2).
        if answer.status != 200 {
            continue;
        }
        match metadata::read(&answer.body, issuer.as_str()) {
            Ok(server) => return Ok(server),
            Err(error) => problem = error,
        }
    }
    Err(TokenError::Metadata { at, problem })
}

/// Seconds since 1970.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// How much of an answer is read.
const ANSWER_OCTETS_MAX: usize = limits::ANSWER_OCTETS_MAX;
