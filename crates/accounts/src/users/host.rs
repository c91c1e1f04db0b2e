//! Whether a user is one of the host, whose mail is in their home: a field of ours that Dovecot leaves alone.
//!
//! ```text
//! alice:{ARGON2ID}…::::::host_user=yes
//! ```
//! The numbers and the home in the line are Dovecot's, and may be those of a user who has all mailboxes: they say nothing.
//! Whoever wrote this counts on it: what is neither yes nor no is an error.

use super::EXTRA_FIELDS;

/// What a line of the file says of it; no, where it says nothing.
pub(super) fn of_line(line: &str) -> Result<bool, String> {
    let extra = line.splitn(EXTRA_FIELDS + 1, ':').nth(EXTRA_FIELDS).unwrap_or_default();
    let mut found = false;
    for field in extra.split_ascii_whitespace() {
        let field = field.strip_prefix("userdb_").unwrap_or(field);
        found = match field.strip_prefix("host_user=") {
            None => found,
            Some("yes") => true,
            Some("no") => false,
            Some(text) => {
                return Err(format!("\"{text}\" is neither host_user=yes nor host_user=no"));
            }
        };
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_is_said_to_be_one() {
        for (rest, found) in [
            (":1000:1000::/home/alice:", Some(false)),
            ("::::::", Some(false)),
            ("::::::host_user=yes", Some(true)),
            ("::::::quota_rule=*:storage=1G userdb_host_user=yes x=y", Some(true)),
            ("::::::host_user=no", Some(false)),
            ("::::::nohost_user=yes", Some(false)),
            // Not where Dovecot has something else.
            (":::host_user=yes:::", Some(false)),
            ("::::::host_user=", None),
            ("::::::host_user=1", None),
            ("::::::host_user=Yes", None),
        ] {
            assert_eq!(of_line(&format!("alice:{{ARGON2ID}}hash{rest}")).ok(), found, "{rest}");
        }
    }
}
