//! The question that agents ask, and what it takes to answer it.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use postroad_accounts::{Accounts, UserName};
use postroad_protocol::sasl::Credentials;
use tokio::sync::Semaphore;

use crate::guessing::{Guess, Guesses, Turn};
use crate::limits;

/// Checks logins. All that share one wait for each other.
#[derive(Debug)]
pub struct Logins {
    accounts: Arc<Accounts>,
    guesses: Guesses,
    checks: Arc<Semaphore>,
}

/// Why nobody is logged in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Name or password is wrong; which of them is not told.
    Wrong,
    /// Too many were wrong that came from there; nothing was checked.
    Banned,
    /// They could not be checked.
    Unavailable,
}

impl Logins {
    /// Of these users.
    pub fn new(accounts: Arc<Accounts>) -> Self {
        let checks = Arc::new(Semaphore::new(limits::PASSWORD_CHECKS_MAX));
        Self { accounts, guesses: Guesses::default(), checks }
    }

    /// The users.
    pub fn accounts(&self) -> &Accounts {
        &self.accounts
    }

    /// The user, where name and password are right. An unknown name takes as long as a wrong password.
    /// A client that isn't an IP address is on this host and waits for nothing.
    ///
    /// # Errors
    /// Where they are wrong or weren't checked.
    pub async fn check(
        &self,
        credentials: Credentials,
        client: Option<IpAddr>,
    ) -> Result<UserName, Refusal> {
        let directory = self.accounts.directory();
        // However the name is spelt: an address, capitals.
        let name = directory.login_name(&credentials.name).map(ToString::to_string);
        let guess = client.map(|client| {
            let name = name.as_deref().unwrap_or(&credentials.name);
            self.guesses.guess(client, name, &credentials.password)
        });
        // The wait comes before the check, so that parallel connections of one guesser wait too.
        self.wait(guess).await?;
        // In the order of their coming: a thousand guessers delay the owner and don't starve them.
        let permit =
            Arc::clone(&self.checks).acquire_owned().await.map_err(|_| Refusal::Unavailable)?;
        let check = tokio::task::spawn_blocking(move || {
            let user = directory.verify(&credentials.name, &credentials.password).cloned();
            // A client that has gone meanwhile doesn't free the place of a check that still runs.
            drop(permit);
            user
        });
        let user = check.await.map_err(|_| Refusal::Unavailable)?;
        if let Some(guess) = guess {
            match user {
                Some(_) => self.guesses.was_right(guess, Instant::now()),
                None => self.guesses.was_wrong(guess, Instant::now()),
            }
        }
        user.ok_or(Refusal::Wrong)
    }

    async fn wait(&self, guess: Option<Guess>) -> Result<(), Refusal> {
        match guess.map(|guess| self.guesses.turn(guess, Instant::now())) {
            Some(Turn::Banned) => Err(Refusal::Banned),
            Some(Turn::After(delay)) => {
                tokio::time::sleep(delay).await;
                Ok(())
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use postroad_accounts::{Sources, users};

    use super::*;

    fn logins(folder: &std::path::Path) -> Logins {
        let path = folder.join("users");
        for name in ["alice", "bob"] {
            let name = UserName::parse(name).expect("a name");
            users::add(&path, &name, b"right").expect("added");
        }
        let sources = Sources {
            users: path,
            aliases: folder.join("aliases"),
            domains: vec!["our.example".parse().expect("a domain")],
            detail_separator: '+',
        };
        Logins::new(Arc::new(Accounts::open(sources).expect("opened")))
    }

    async fn check(
        logins: &Logins,
        from: &str,
        name: &str,
        password: &str,
    ) -> Result<String, Refusal> {
        let credentials =
            Credentials { name: name.to_owned(), password: password.as_bytes().to_vec() };
        let from = from.parse().expect("an address");
        logins.check(credentials, Some(from)).await.map(|user| user.to_string())
    }

    #[tokio::test(start_paused = true)]
    async fn s35_who_guesses_is_banned_and_the_owner_is_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let logins = logins(folder.path());
        let (home, elsewhere) = ("192.0.2.1", "192.0.2.2");
        assert_eq!(check(&logins, home, "Alice@our.example", "right").await, Ok("alice".into()));
        for n in 0..limits::GUESSES_BEFORE_BAN {
            let wrong = check(&logins, home, "bob", &n.to_string()).await;
            assert_eq!(wrong, Err(Refusal::Wrong), "{n}");
        }
        assert_eq!(check(&logins, home, "bob", "right").await, Err(Refusal::Banned));
        assert_eq!(check(&logins, home, "nobody", "right").await, Err(Refusal::Banned));
        // However she spells her name.
        assert_eq!(check(&logins, home, "alice", "right").await, Ok("alice".into()));
        assert_eq!(check(&logins, elsewhere, "bob", "right").await, Ok("bob".into()));
    }
}
