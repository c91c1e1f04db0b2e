//! Passwords: checked few at a time, on threads where blocking is allowed.

use std::sync::Arc;

use postroad_accounts::{Accounts, UserName};
use postroad_protocol::sasl::Credentials;
use tokio::sync::Semaphore;

use super::limits;

/// Checks passwords; cheap to clone, all clones check together.
#[derive(Debug, Clone)]
pub(crate) struct PasswordChecks(Arc<Semaphore>);

/// Why nobody was logged in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LoginError {
    /// Name or password is wrong; which of them is not told.
    Wrong,
    /// They could not be checked.
    Unavailable,
}

impl Default for PasswordChecks {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(limits::PASSWORD_CHECKS_MAX)))
    }
}

impl PasswordChecks {
    /// The user whose password it is. Takes as long for unknown users; answers wrong ones late.
    pub(crate) async fn check(
        &self,
        accounts: &Accounts,
        credentials: Credentials,
    ) -> Result<UserName, LoginError> {
        let permit = self.0.acquire().await.map_err(|_| LoginError::Unavailable)?;
        let directory = accounts.directory();
        let check = move || directory.verify(&credentials.name, &credentials.password).cloned();
        let user = tokio::task::spawn_blocking(check).await.map_err(|_| LoginError::Unavailable)?;
        drop(permit); // the pause holds up nobody else
        match user {
            Some(user) => Ok(user),
            None => {
                tokio::time::sleep(limits::WRONG_PASSWORD_PAUSE).await;
                Err(LoginError::Wrong)
            }
        }
    }
}
