//! Confinement: from here on this process reads and writes beneath a few folders, whatever a name leads to by then, and
//! nothing else of the file system (Landlock, landlock(7)).
//!
//! It is for good, and all threads and processes that come after it are behind it; with it goes "no new privileges".
//! It is done as far as the kernel can: none before 5.19, truncation from 6.2, networks from 6.7, devices from 6.10,
//! signals from 6.12; whoever calls it depends on nothing of it.

use std::path::PathBuf;

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible as _,
    RestrictSelfAttr as _, Ruleset, RulesetAttr as _, RulesetCreatedAttr as _, RulesetError,
    RulesetStatus, Scope, path_beneath_rules,
};

/// What the kernel is asked for of the file system.
const WANTED: ABI = ABI::V5;

/// What is left open.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Ground {
    /// Written and read beneath.
    pub written: Vec<PathBuf>,
    /// Where sockets are made.
    pub sockets: Vec<PathBuf>,
    /// Read beneath.
    pub read: Vec<PathBuf>,
    /// Which folders can be listed.
    pub listed: Listed,
    /// What else of the system can be reached.
    pub reach: Reach,
}

/// Which folders can be listed.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum Listed {
    /// All: those above a new mailbox are synced, and are opened for that.
    #[default]
    Everywhere,
    /// Those that can be read.
    Beneath,
}

/// What else of the system can be reached.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Networks, sockets and processes are as before.
    #[default]
    AsBefore,
    /// No TCP but what is open already; no process but those behind the same wall.
    Nothing,
}

/// How far it went.
#[derive(Debug)]
pub enum Confined {
    /// All that was asked for.
    Whole,
    /// The kernel knows less than we ask for.
    InPart,
    /// It has no Landlock, or one that can't move files from folder to folder.
    NotByThisKernel,
    /// It said no.
    Refused(RulesetError),
}

impl Ground {
    /// Puts this thread, and where the kernel can all others, behind the wall.
    pub fn confine(&self) -> Confined {
        match self.restrict() {
            Ok(RulesetStatus::FullyEnforced) => Confined::Whole,
            Ok(RulesetStatus::PartiallyEnforced) => Confined::InPart,
            Ok(RulesetStatus::NotEnforced) => Confined::NotByThisKernel,
            Err(error) => Confined::Refused(error),
        }
    }

    fn restrict(&self) -> Result<RulesetStatus, RulesetError> {
        let (handled, read) = self.listed.accesses();
        let write = AccessFs::from_write(WANTED) | read;
        let sockets = AccessFs::MakeSock | AccessFs::RemoveFile | AccessFs::MakeDir;
        // What can't be opened by now isn't there, and can't be had.
        let mut ruleset = Ruleset::default()
            // Without it no letter would get from tmp/ to new/.
            .set_compatibility(CompatLevel::SoftRequirement)
            .handle_access(AccessFs::Refer)?
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(handled)?;
        if self.reach == Reach::Nothing {
            ruleset = ruleset
                .handle_access(AccessNet::from_all(ABI::V4))?
                .scope(Scope::from_all(ABI::V6))?;
        }
        let ruleset = ruleset
            .create()?
            .add_rules(path_beneath_rules(&self.written, write))?
            .add_rules(path_beneath_rules(&self.sockets, sockets))?
            .add_rules(path_beneath_rules(&self.read, read))?
            .all_threads(true)?;
        Ok(ruleset.restrict_self()?.ruleset)
    }
}

impl Listed {
    /// What is forbidden where no rule allows it, and what reading is.
    fn accesses(self) -> (BitFlags<AccessFs>, BitFlags<AccessFs>) {
        let all = AccessFs::from_all(WANTED);
        match self {
            Self::Everywhere => {
                (all & !BitFlags::from(AccessFs::ReadDir), AccessFs::ReadFile.into())
            }
            Self::Beneath => (all, AccessFs::ReadFile | AccessFs::ReadDir),
        }
    }
}
