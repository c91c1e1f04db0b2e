//! Users whose line says `host_user=yes`: whether the host knows them, and whether they are served and get letters.

use postroad_accounts::Directory;
use postroad_host::{HostUser, SERVED};

use super::{Look, chain};

impl Look<'_> {
    pub(super) fn host_users(&mut self, directory: &Directory) {
        let names = directory.users().map(|user| user.as_str());
        let mut is_any = false;
        for name in names.filter(|name| directory.is_of_host(name)) {
            is_any = true;
            if let Some(problem) = problem(name) {
                self.warn("accounts.users", problem);
            }
        }
        if is_any && !self.loaded.config.mda.host_users {
            self.warn(
                "mda.host_users",
                "letters wait for users with host_user=yes: write true, or have another delivery agent",
            );
        }
    }
}

/// What is wrong with one of them.
fn problem(name: &str) -> Option<String> {
    let is_served = |user: HostUser| user.is_in(SERVED);
    let found = postroad_host::by_name(name);
    match found.and_then(|user| user.filter(HostUser::gets_mail).map(is_served).transpose()) {
        Ok(Some(true)) => None,
        Ok(Some(false)) => Some(format!(
            "{name} has host_user=yes and can't read mail: usermod -aG {SERVED} {name}"
        )),
        Ok(None) => Some(format!(
            "{name} has host_user=yes, and no user of this host from uid 1000 on has that name"
        )),
        Err(error) => Some(format!("{name} has host_user=yes: {}", chain(&error))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_nobody_here_is_named() {
        for name in ["root", "postroad-no-such-user"] {
            let found = problem(name).unwrap();
            assert!(
                found.starts_with(&format!("{name} has host_user=yes, and no user")),
                "{found}"
            );
        }
    }
}
