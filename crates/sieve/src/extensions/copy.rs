//! `copy`: file or redirect a copy, and leave the implicit keep as it is (RFC 3894).

use crate::check::{AddedTags, Args, Extension, On, Tag};

pub(super) const EXTENSION: Extension = Extension {
    tags: &[AddedTags {
        on: On::Named(&["fileinto", "pipe", "redirect"]),
        tags: &[Tag::flag("copy")],
    }],
    ..Extension::named("copy")
};

/// What an action does to the implicit keep (RFC 5228 §2.10.2).
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ImplicitKeep {
    #[default]
    Stands,
    Cancelled,
}

impl ImplicitKeep {
    /// RFC 3894 §3.
    pub(crate) fn behind(args: &Args<'_>) -> Self {
        match args.has("copy") {
            true => Self::Stands,
            false => Self::Cancelled,
        }
    }
}
