//! Whether users' mailboxes can be used, as far as a look from outside tells. What is in them the access agent sees:
//! `postroad-maa fsck`.

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use postroad_accounts::Directory;
use rustix::fs::StatVfsMountFlags;

use super::{GROUP, Look, OTHERS};

/// Mailboxes that are looked at: the first ones by name tell what a template or a move has done to all.
const LOOKED_AT_MAX: usize = 2_000;
/// Of those that something is wrong with, so many are named.
const NAMED_MAX: usize = 5;

impl Look<'_> {
    /// Each user's Maildir, where there is one already: the first letter makes it.
    pub(super) fn maildirs(&mut self, directory: &Directory) {
        let config = &self.loaded.config;
        // The agents' user is who has the data.
        let agents = config.data.metadata().ok().map(|data| data.uid());
        let mut wrong = Vec::new();
        // Users of the host have theirs in their homes, where they alone look.
        let ours = directory.users().filter(|user| !directory.is_of_host(user.as_str()));
        for user in ours.take(LOOKED_AT_MAX) {
            let maildir = config.mda.maildir_of(user.as_str());
            wrong.extend(what_is_wrong(&maildir, agents));
        }
        let left = wrong.len().saturating_sub(NAMED_MAX);
        for problem in wrong.iter().take(NAMED_MAX) {
            self.warn("mda.maildir", problem.as_str());
        }
        if left > 0 {
            self.warn("mda.maildir", format!("{left} more mailboxes can't be used as they are"));
        }
    }
}

/// What keeps the agents from using it, or others from not reading it; with what to do.
fn what_is_wrong(maildir: &Path, agents: Option<u32>) -> Option<String> {
    let shown = maildir.display();
    let metadata = match maildir.metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        Err(error) => return Some(format!("cannot look at {shown}: {error}")),
        Ok(metadata) => metadata,
    };
    if !metadata.is_dir() {
        return Some(format!(
            "{shown} is no directory: a Maildir is one, so no letter is filed there"
        ));
    }
    if let Some(agents) = agents.filter(|agents| *agents != metadata.uid()) {
        let owner = metadata.uid();
        return Some(format!(
            "{shown} belongs to user {owner}, and the data to user {agents}, who the agents run as: chown -R {agents} {shown}"
        ));
    }
    if metadata.mode() & (OTHERS | GROUP) & 0o022 != 0 {
        return Some(format!("others may write into {shown}: chmod go-w {shown}"));
    }
    if rustix::fs::statvfs(maildir).is_ok_and(|fs| fs.f_flag.contains(StatVfsMountFlags::RDONLY)) {
        return Some(format!(
            "{shown} is on a file system that is mounted read-only: mount it writable"
        ));
    }
    let lacking = ["cur", "new", "tmp"].into_iter().find(|part| !maildir.join(part).is_dir())?;
    Some(format!(
        "{shown} is no Maildir, for {lacking}/ isn't there: the next letter makes it, until then IMAP can't open it"
    ))
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn what_a_mailbox_can_be_like() {
        let dir = tempfile::tempdir().unwrap();
        let me = dir.path().metadata().unwrap().uid();
        let maildir = dir.path().join("alice");
        let wrong = |agents| what_is_wrong(&maildir, agents).unwrap_or_default();
        assert_eq!(wrong(Some(me)), "", "the first letter makes it");
        fs::write(&maildir, "").unwrap();
        assert!(wrong(Some(me)).contains("is no directory"), "{}", wrong(Some(me)));
        fs::remove_file(&maildir).unwrap();
        fs::create_dir_all(maildir.join("cur")).unwrap();
        fs::set_permissions(&maildir, Permissions::from_mode(0o700)).unwrap();
        assert!(wrong(Some(me)).contains("for new/ isn't there"), "{}", wrong(Some(me)));
        ["new", "tmp"].iter().for_each(|part| fs::create_dir(maildir.join(part)).unwrap());
        assert_eq!(wrong(Some(me)), "");
        assert_eq!(wrong(None), "");
        let other = me + 1;
        let chown = format!("chown -R {other} ");
        assert!(wrong(Some(other)).contains(&chown), "{}", wrong(Some(other)));
        fs::set_permissions(&maildir, Permissions::from_mode(0o777)).unwrap();
        assert!(wrong(Some(me)).contains("chmod go-w"), "{}", wrong(Some(me)));
    }
}
