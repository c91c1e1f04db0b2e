//! What is kept from one start of the screen to the next: how letters are ordered, as `:` would be told.

use std::path::{Path, PathBuf};

use postroad_tui::data::Order;

use super::limits::KEPT_OCTETS_MAX;
use crate::account::Account;

const NAME: &str = "screen";
const SORT: &str = "set sort=";

fn path(account: &Account) -> Option<PathBuf> {
    Some(account.state.as_ref()?.join(NAME))
}

/// The order that was chosen last.
pub(super) fn order(account: &Account) -> Order {
    path(account).and_then(|path| read(&path)).unwrap_or_default()
}

fn read(path: &Path) -> Option<Order> {
    let octets = std::fs::metadata(path).ok()?.len();
    let text = std::fs::read_to_string(path).ok().filter(|_| octets <= KEPT_OCTETS_MAX)?;
    text.lines().find_map(|line| Order::named(line.strip_prefix(SORT)?.trim()))
}

/// Keeps it. Where that can't be it is forgotten with the program.
pub(super) fn keep(account: &Account, order: Order) {
    let Some(path) = path(account) else { return };
    let text = format!("{SORT}{}\n", order.name().as_str());
    let kept = path.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| {
        let next = path.with_extension("next");
        let mut file = std::fs::File::create(&next)?;
        std::io::Write::write_all(&mut file, text.as_bytes())?;
        // Half of it is never read: the file is whole before it has its name.
        std::fs::rename(&next, &path)?;
        Ok(())
    });
    if let Err(error) = kept {
        tracing::info!(%error, "the order of letters isn't kept");
    }
}

#[cfg(test)]
mod tests {
    use postroad_tui::data::{By, Way};

    use super::*;

    #[test]
    fn an_order_is_kept_and_nonsense_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("screen");
        for (text, order) in [
            ("set sort=reverse-threads\n", Some((By::Threads, Way::Down))),
            ("set x=y\nset sort=date\n", Some((By::Sent, Way::Up))),
            ("set sort=nonsense\n", None),
            ("", None),
        ] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(read(&path), order.map(|(by, way)| Order { by, way }), "{text:?}");
        }
        assert_eq!(read(&folder.path().join("none")), None);
    }
}
