//! What a user's line says of the mailbox's limits: Dovecot's extra fields, in Dovecot's words.
//!
//! ```text
//! alice:{ARGON2ID}…::::::userdb_quota_rule=*:storage=2G:messages=100000
//! ```
//! | field (`userdb_` in front or not) | means |
//! |---|---|
//! | `quota_rule=*:storage=2G` | octets, in KiB where no unit stands there |
//! | `quota_rule=*:bytes=5000` | octets |
//! | `quota_rule=*:messages=100` | letters |
//! | `quota_storage_size=2G`, `quota_message_count=100` | the same since Dovecot 2.4, where no unit means octets |
//!
//! A number of 0 is "no limit". Rules for single folders are not ours. A rule for all folders that can't be
//! understood is an error: whoever wrote it counts on it.

use super::EXTRA_FIELDS;

/// What one user's mailbox may hold, where that was said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct QuotaRule {
    /// Octets; 0: any number.
    pub octets: Option<u64>,
    /// Letters; 0: any number.
    pub letters: Option<u64>,
}

/// The rule in a line of the file.
pub(super) fn of_line(line: &str) -> Result<QuotaRule, String> {
    let mut rule = QuotaRule::default();
    let extra = line.splitn(EXTRA_FIELDS + 1, ':').nth(EXTRA_FIELDS).unwrap_or_default();
    for field in extra.split_ascii_whitespace() {
        let Some((key, value)) = field.split_once('=') else { continue };
        let key = key.strip_prefix("userdb_").unwrap_or(key);
        match key.trim_end_matches(|c: char| c.is_ascii_digit()) {
            "quota_rule" => folders_rule(value, &mut rule)?,
            "quota_storage_size" => rule.octets = Some(size(value, 1)?),
            "quota_message_count" => rule.letters = Some(number(value)?),
            _ => {}
        }
    }
    Ok(rule)
}

/// `*:storage=2G:messages=100`
fn folders_rule(text: &str, rule: &mut QuotaRule) -> Result<(), String> {
    let mut parts = text.split(':');
    if !matches!(parts.next(), Some("*" | "?")) {
        return Ok(());
    }
    for part in parts {
        match part.split_once('=') {
            Some(("storage", value)) => rule.octets = Some(size(value, KIB)?),
            Some(("bytes", value)) => rule.octets = Some(size(value, 1)?),
            Some(("messages", value)) => rule.letters = Some(number(value)?),
            _ => return Err(problem(part)),
        }
    }
    Ok(())
}

const KIB: u64 = 1 << 10;

/// A number with Dovecot's unit.
fn size(text: &str, without_unit: u64) -> Result<u64, String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, unit) = text.split_at_checked(digits).ok_or_else(|| problem(text))?;
    let octets = match unit.to_ascii_uppercase().as_str() {
        "" => without_unit,
        "B" => 1,
        "K" => KIB,
        "M" => KIB * KIB,
        "G" => KIB * KIB * KIB,
        "T" => KIB * KIB * KIB * KIB,
        _ => return Err(problem(text)),
    };
    number(digits)?.checked_mul(octets).ok_or_else(|| problem(text))
}

fn number(text: &str) -> Result<u64, String> {
    // Without a sign: with one it would be meant on top of something else.
    let plain = !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit());
    text.parse().ok().filter(|_| plain).ok_or_else(|| problem(text))
}

fn problem(text: &str) -> String {
    format!(
        "\"{text}\" is no quota: write quota_rule=*:storage=2G:messages=100000, with plain numbers"
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn nothing_panics(extra in ".{0,60}") {
            let _ = of_line(&format!("a:b::::::quota_rule=*:storage={extra}"));
            let _ = of_line(&format!("a:b::::::{extra}"));
        }
    }

    #[test]
    fn fields_of_dovecot() {
        let rule = |octets, letters| Some(QuotaRule { octets, letters });
        for (extra, expected) in [
            ("", rule(None, None)),
            ("userdb_quota_rule=*:storage=2G", rule(Some(2 << 30), None)),
            ("quota_rule=*:storage=5:messages=10", rule(Some(5 << 10), Some(10))),
            ("quota_rule=*:bytes=5000", rule(Some(5_000), None)),
            ("quota_rule=?:storage=1m", rule(Some(1 << 20), None)),
            ("quota_rule=*:storage=0", rule(Some(0), None)),
            ("quota_rule=*:storage=1T quota_rule2=*:messages=7", rule(Some(1 << 40), Some(7))),
            ("quota_rule2=Trash:storage=+100M quota_rule=*:storage=1K", rule(Some(1_024), None)),
            ("quota_rule=Trash:ignore", rule(None, None)),
            ("userdb_quota_storage_size=1G", rule(Some(1 << 30), None)),
            ("userdb_quota_storage_size=100", rule(Some(100), None)),
            ("userdb_quota_message_count=100 allow_nets=127.0.0.1", rule(None, Some(100))),
            ("userdb_mail=maildir:~/Maildir nologin", rule(None, None)),
            ("quota_rule=*:storage=+1G", None),
            ("quota_rule=*:storage=10%", None),
            ("quota_rule=*:storage=", None),
            ("quota_rule=*:storage=1GiB", None),
            ("quota_rule=*:storage=99999999999999T", None),
            ("quota_rule=*:messages=-1", None),
            ("quota_rule=*:messages=+1", None),
            ("quota_rule=*:letters=1", None),
            ("quota_rule=*:ignore", None),
        ] {
            let line = format!("alice:{{ARGON2ID}}hash:1:2:Alice:/home/alice::{extra}");
            assert_eq!(of_line(&line).ok(), expected, "{extra}");
        }
        assert_eq!(of_line("alice:{ARGON2ID}hash").ok(), rule(None, None));
        assert_eq!(of_line("alice:{ARGON2ID}hash:1:2::/home/alice:").ok(), rule(None, None));
    }
}
