//! Telling a user how full the mailbox is.

use postroad_store::{Limits, Quota, Standing, StoreError};

use super::Account;
use crate::notice::Notice;

/// Puts a letter into the inbox. It is counted like any other, and never refused.
pub(super) fn deliver(
    account: &Account<'_>,
    quota: &Quota<'_>,
    standing: Standing,
) -> Result<(), StoreError> {
    let mut draft = account.mailbox.courier.begin(account.mailbox.inbox)?;
    let subject = format!("Your mailbox is {} % full", standing.percent());
    let body = body(standing);
    Notice { to: account.to, host: account.host, subject: &subject, body: &body }
        .write(&mut draft)?;
    let mut counted = quota.count(draft.usage()?)?;
    draft.deliver()?;
    counted.stays();
    Ok(())
}

fn body(standing: Standing) -> String {
    let Standing { limits: Limits { octets, letters }, usage, .. } = standing;
    let octets = octets.map(|max| format!("    {} of {}\r\n", size(usage.octets), size(max)));
    let letters = letters.map(|max| format!("    {} of {max} letters\r\n", usage.letters));
    let held: String = octets.into_iter().chain(letters).collect();
    format!(
        "Your mailbox holds, with all its folders but Trash:\r\n\
         \r\n\
         {held}\
         \r\n\
         When it is full, letters to you are refused, and their senders are told so.\r\n\
         Delete letters that you don't need any more, or ask your postmaster for more\r\n\
         room.\r\n"
    )
}

/// As people say it: `1.5 GiB`.
fn size(octets: u64) -> String {
    let units = [("GiB", 1_u64 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    match units.into_iter().find(|(_, unit)| octets >= *unit) {
        Some((name, unit)) => {
            let tenths = u128::from(octets) * 10 / u128::from(unit);
            format!("{}.{} {name}", tenths / 10, tenths % 10)
        }
        None => format!("{octets} octets"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_for_people() {
        for (octets, text) in [
            (0, "0 octets"),
            (1_023, "1023 octets"),
            (1_536, "1.5 KiB"),
            (50 << 20, "50.0 MiB"),
            ((1 << 30) + (1 << 29), "1.5 GiB"),
            (u64::MAX, "17179869183.9 GiB"),
        ] {
            assert_eq!(size(octets), text);
        }
    }
}
