//! Who may log in: the password checked, few at a time, guessing slowed.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use postroad_accounts::{Accounts, AccountsError, UserName};
use postroad_protocol::sasl::Credentials;
use tokio::sync::Semaphore;

use super::guessing::Guesses;
use crate::limits;

/// Checks logins.
#[derive(Debug)]
pub(crate) struct Logins {
    accounts: Accounts,
    guesses: Guesses,
    checks: Arc<Semaphore>,
}

impl Logins {
    pub(crate) fn new(accounts: Accounts) -> Self {
        let checks = Arc::new(Semaphore::new(limits::PASSWORD_CHECKS_MAX));
        Self { accounts, guesses: Guesses::default(), checks }
    }

    /// Reads users and aliases again, now.
    pub(crate) fn reload(&self) -> Result<(), AccountsError> {
        self.accounts.reload()
    }

    /// The user, where name and password are right. An unknown name takes as long as a wrong password.
    /// A client that isn't an IP address is on this host and waits for nothing.
    pub(crate) async fn check(
        &self,
        credentials: Credentials,
        client: Option<IpAddr>,
    ) -> Option<UserName> {
        // The wait comes before the check, so that parallel connections of one guesser wait too.
        let delay = client.map(|client| self.guesses.delay(client, Instant::now()));
        tokio::time::sleep(delay.unwrap_or_default()).await;
        // In the order of their coming: a thousand guessers delay the owner and don't starve them.
        let permit = Arc::clone(&self.checks).acquire_owned().await.ok()?;
        let directory = self.accounts.directory();
        let check = tokio::task::spawn_blocking(move || {
            let user = directory.verify(&credentials.name, &credentials.password).cloned();
            // A client that has gone meanwhile doesn't free the place of a check that still runs.
            drop(permit);
            user
        });
        let user = check.await.ok().flatten();
        if let (None, Some(client)) = (&user, client) {
            self.guesses.failed(client, Instant::now());
        }
        user
    }
}
