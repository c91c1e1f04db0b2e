//! Files and folders of other agents, as names of folders here.

use crate::Left;
use crate::script::{Piece, Text};

/// Where a letter goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Destination {
    Inbox,
    Folder(Text),
    Nowhere,
}

/// What paths are seen from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Paths<'a> {
    /// What relative ones begin at.
    pub(crate) folder: &'a str,
    pub(crate) home: &'a str,
    pub(crate) user: &'a str,
}

/// The destination that a path is.
///
/// ```text
/// /dev/null                              nowhere
/// $HOME/Maildir/, /var/mail/$USER, …     the inbox
/// Maildir/.Lists.rust/                   Lists.rust
/// $MAILDIR/lists/rust, lists/rust/.      lists.rust
/// ```
///
/// # Errors
/// Where it lies outside of the home, or is no folder's name.
pub(crate) fn destination(path: &Text, paths: Paths<'_>) -> Result<Destination, Left> {
    let outside = || {
        Left::new(
            format!("{} lies outside of the mailbox", shown(path)),
            "choose a folder, and write fileinto",
        )
    };
    let start = path.start();
    if let Some(constant) = path.constant() {
        if constant == "/dev/null" {
            return Ok(Destination::Nowhere);
        }
        if is_inbox(constant, paths) {
            return Ok(Destination::Inbox);
        }
    }
    // From the folder that relative paths begin at, else from the home.
    let base = trimmed(paths.folder);
    let relative = match start.strip_prefix('/') {
        None => path.clone(),
        Some(_) => {
            let below = |base: &str| {
                let rest = start.strip_prefix(base)?;
                (!base.is_empty() && rest.starts_with('/')).then(|| base.len() + 1)
            };
            match below(base).or_else(|| below(trimmed(paths.home))) {
                Some(octets) => path.clone().without_start(octets),
                None => return Err(outside()),
            }
        }
    };
    let mut parts: Vec<Text> = split(&relative);
    parts.retain(|part| !part.is_empty() && part.constant() != Some("."));
    if parts.iter().any(|part| part.constant() == Some("..")) {
        return Err(outside());
    }
    // A Maildir's own name isn't part of what its folders are called.
    let dotted = parts.iter().position(|part| part.start().starts_with('.'));
    if let Some(at) = dotted {
        parts.drain(..at);
    } else if parts.len() > 1
        && parts.first().and_then(Text::constant).is_some_and(is_maildir)
        && trimmed(paths.folder) == trimmed(paths.home)
    {
        parts.remove(0);
    }
    let mut name = Text::default();
    for (index, part) in parts.into_iter().enumerate() {
        let part = match index {
            0 if part.start().starts_with('.') => part.without_start(1),
            _ => part,
        };
        name.push_str(if index == 0 { "" } else { "." });
        name.push(part);
    }
    let is_usable = !name.is_empty()
        && name.0.iter().all(|piece| match piece {
            Piece::Plain(text) => !text.contains(|c: char| c.is_control() || c == '/'),
            Piece::Variable(_) => true,
        })
        && name.constant().is_none_or(|name| {
            name.split('.').all(|part| !matches!(part, "" | "new" | "cur" | "tmp"))
        });
    match is_usable {
        true => Ok(Destination::Folder(name)),
        false => Err(Left::new(
            format!("{} is no folder's name", shown(path)),
            "choose another name, and write fileinto",
        )),
    }
}

/// The path as a person reads it.
pub(crate) fn shown(path: &Text) -> String {
    let piece = |piece: &Piece| match piece {
        Piece::Plain(text) => text.clone(),
        Piece::Variable(name) => format!("${{{name}}}"),
    };
    path.0.iter().map(piece).collect()
}

fn trimmed(path: &str) -> &str {
    path.strip_suffix("/.").unwrap_or(path).trim_end_matches('/')
}

fn is_maildir(name: &str) -> bool {
    matches!(name, "Maildir" | "maildir" | ".maildir" | ".Maildir")
}

fn is_inbox(path: &str, Paths { folder, home, user }: Paths<'_>) -> bool {
    let path = trimmed(path);
    let absolute = match path.starts_with('/') {
        true => path.to_owned(),
        false => format!("{}/{path}", trimmed(folder)),
    };
    let is_home_maildir = |name: &&str| absolute == format!("{}/{name}", trimmed(home));
    let is_spool = ["/var/mail/", "/var/spool/mail/", "/usr/spool/mail/"]
        .iter()
        .any(|spool| absolute == format!("{spool}{user}"));
    is_spool
        || ["Maildir", "maildir", ".maildir", ".Maildir", "mbox", "Mailbox"]
            .iter()
            .any(is_home_maildir)
        || absolute == trimmed(folder) && trimmed(folder) != trimmed(home)
        || path.eq_ignore_ascii_case("inbox")
}

/// A path's parts.
fn split(path: &Text) -> Vec<Text> {
    let mut parts = vec![Text::default()];
    for piece in &path.0 {
        match piece {
            Piece::Variable(name) => {
                parts.last_mut().into_iter().for_each(|part| part.push(Text::variable(name)));
            }
            Piece::Plain(text) => {
                for (index, text) in text.split('/').enumerate() {
                    if index > 0 {
                        parts.push(Text::default());
                    }
                    parts.last_mut().into_iter().for_each(|part| part.push_str(text));
                }
            }
        }
    }
    parts
}
