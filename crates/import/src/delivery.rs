//! What becomes of a letter in the end: filed, sent on, thrown away.

use crate::folder::Destination;
use crate::script::Text;
use crate::{Left, limits};

/// What a command takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    Letter,
    /// The letter stays for what follows.
    Copy,
}

impl Taken {
    pub(crate) fn tag(self) -> &'static str {
        match self {
            Self::Letter => "",
            Self::Copy => " :copy",
        }
    }
}

/// At least one address, not too many, each of them whole.
pub(crate) fn check_addresses(to: &[Text]) -> Result<(), Left> {
    if to.is_empty() || to.len() > limits::ADDRESSES_MAX {
        let what = format!("{} addresses; there may be 1 to {}", to.len(), limits::ADDRESSES_MAX);
        return Err(Left::new(what, "send it to a list"));
    }
    for address in to {
        let Some(constant) = address.constant() else { continue };
        if constant.starts_with('-') {
            return Err(Left::new(
                format!("\"{constant}\" is an option of sendmail"),
                "leave it out",
            ));
        }
        if !constant.contains('@') {
            let what = format!("\"{constant}\" is an address without a domain");
            return Err(Left::new(what, "write the whole address"));
        }
    }
    Ok(())
}

pub(crate) fn redirects(to: &[Text], taken: Taken) -> Vec<String> {
    let tag = taken.tag();
    to.iter().map(|to| format!("redirect{tag} {};", to.quoted())).collect()
}

/// Filed there; nothing where a copy goes nowhere.
pub(crate) fn filed(place: &Destination, taken: Taken) -> Option<String> {
    let tag = taken.tag();
    match place {
        Destination::Inbox => Some("keep;".to_owned()),
        Destination::Nowhere if taken == Taken::Copy => None,
        Destination::Nowhere => Some("discard;".to_owned()),
        Destination::Folder(name) => Some(format!("fileinto{tag} :create {};", name.quoted())),
    }
}
