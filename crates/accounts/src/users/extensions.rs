//! What a user's line says of IMAP's extensions, in a field of ours that Dovecot leaves alone:
//!
//! ```text
//! alice:{ARGON2ID}…::::::imap_extensions=-CONDSTORE,-COMPRESS
//! ```
//! Whoever wrote it counts on it: one that isn't known is an error.

use postroad_config::ImapSwitch;

use super::EXTRA_FIELDS;

/// The switches in a line of the file.
pub(super) fn of_line(line: &str) -> Result<Vec<ImapSwitch>, String> {
    let extra = line.splitn(EXTRA_FIELDS + 1, ':').nth(EXTRA_FIELDS).unwrap_or_default();
    let mut switches = Vec::new();
    for field in extra.split_ascii_whitespace() {
        let field = field.strip_prefix("userdb_").unwrap_or(field);
        let Some(value) = field.strip_prefix("imap_extensions=") else { continue };
        for text in value.split(',') {
            let switch = ImapSwitch::try_from(text.to_owned());
            switches.push(switch.map_err(|error| error.to_string())?);
        }
    }
    Ok(switches)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn switches_of_one_user() {
        for (extra, wanted) in [
            ("", Some("")),
            ("quota_rule=*:storage=1G", Some("")),
            ("imap_extensions=-CONDSTORE,+notify", Some("-CONDSTORE +NOTIFY")),
            ("userdb_imap_extensions=-QRESYNC x=y imap_extensions=+IDLE", Some("-QRESYNC +IDLE")),
            ("imap_extensions=", None),
            ("imap_extensions=CONDSTORE", None),
            ("imap_extensions=-NOTHING", None),
        ] {
            let switches = of_line(&format!("a:b::::::{extra}")).ok();
            let text = switches
                .map(|all| all.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "));
            assert_eq!(text.as_deref(), wanted, "{extra}");
        }
    }
}
