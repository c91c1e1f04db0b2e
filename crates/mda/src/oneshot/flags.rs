//! Every flag of each [`Personality`], and what becomes of it: done, of no effect, or refused.
//!
//! The parser (`command_line`), `--help` and the section "What flags mean" of `config/swap/README.md` all read
//! these tables. A flag is refused where a letter would end up elsewhere without it.

use std::fmt::Write as _;

use super::personality::Personality;

/// A flag of one letter.
#[derive(Debug)]
pub(super) struct Flag {
    pub(super) letter: u8,
    /// What its value is called; `None` where it takes none.
    pub(super) value: Option<&'static str>,
    pub(super) what: What,
    /// What it does, why it does nothing, or what to do instead.
    pub(super) says: &'static str,
}

/// What becomes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Done(Meaning),
    NoEffect,
    Refused,
}

/// What it sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    Settings,
    User,
    /// With an `@` the original recipient, else the extension.
    Argument,
    OriginalRecipient,
    Sender,
    /// Beside a sender the final recipient, alone the sender.
    SenderOrFinalRecipient,
    FinalRecipient,
    Folder,
    Field,
    Letter,
    Lmtp,
    /// `-o NAME=VALUE`: by [`Name`].
    Named,
    Help,
    Version,
}

/// Variables and settings that are given by name: procmail's `NAME=VALUE`, dovecot-lda's `-o NAME=VALUE`.
#[derive(Debug)]
pub(super) struct Name {
    /// Several of one kind. One that ends in `*` stands for all that begin so.
    pub(super) names: &'static [&'static str],
    pub(super) what: NamedWhat,
    pub(super) says: &'static str,
}

/// What becomes of what is given by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NamedWhat {
    /// Whether `-m` makes the folder.
    CreateFolder,
    /// The file of rules.
    Rules,
    NoEffect,
    Refused,
}

impl Name {
    fn is(&self, name: &str) -> bool {
        self.names.iter().any(|known| match known.strip_suffix('*') {
            Some(start) => name.starts_with(start),
            None => *known == name,
        })
    }
}

const fn done(
    letter: u8,
    value: Option<&'static str>,
    meaning: Meaning,
    says: &'static str,
) -> Flag {
    Flag { letter, value, what: What::Done(meaning), says }
}

const fn no_effect(letter: u8, value: Option<&'static str>, says: &'static str) -> Flag {
    Flag { letter, value, what: What::NoEffect, says }
}

const fn refused(letter: u8, value: Option<&'static str>, says: &'static str) -> Flag {
    Flag { letter, value, what: What::Refused, says }
}

const ALWAYS_LATER: &str = "every doubt is \"try later\" (exit 75)";
const QUOTAS: &str = "quotas and their warnings are settings of postroad.toml";

const POSTROAD: &[Flag] = &[
    done(b'd', Some("USER"), Meaning::User, "the user whose mailbox it is; without it the caller"),
    done(
        b'a',
        Some("ARGUMENT"),
        Meaning::Argument,
        "with an @ the original recipient, else the extension of the address",
    ),
    done(b'f', Some("SENDER"), Meaning::Sender, "the sender"),
    done(
        b'r',
        Some("ADDRESS"),
        Meaning::SenderOrFinalRecipient,
        "beside -f the final recipient, alone the sender",
    ),
    done(b'm', Some("FOLDER"), Meaning::Folder, "the folder, where there is one of that name"),
    done(b'l', None, Meaning::Lmtp, "LMTP on standard input and output"),
    done(b'z', None, Meaning::Lmtp, "as -l"),
    no_effect(b'Y', None, "Content-Length is never looked at"),
    no_effect(b't', None, ALWAYS_LATER),
    no_effect(b'o', None, "no From line is kept"),
    no_effect(b'k', None, "programs get a clean environment"),
    no_effect(b'e', None, "a refusal is said on standard error, with exit 77"),
    done(b'h', None, Meaning::Help, "shows the flags"),
    done(b'V', None, Meaning::Version, "says which version it is"),
];

const PROCMAIL: &[Flag] = &[
    done(b'v', None, Meaning::Version, "says which version it is"),
    no_effect(b'p', None, "programs get a clean environment"),
    no_effect(b't', None, ALWAYS_LATER),
    done(b'f', Some("FROMWHOM"), Meaning::Sender, "the sender; \"-\" leaves it as it came"),
    done(b'r', Some("FROMWHOM"), Meaning::Sender, "as -f"),
    no_effect(b'o', None, "no From line is kept"),
    no_effect(b'Y', None, "Content-Length is never looked at"),
    done(
        b'a',
        Some("ARGUMENT"),
        Meaning::Argument,
        "the first: with an @ the original recipient, else the extension of the address; more have no effect",
    ),
    done(
        b'd',
        Some("RECIPIENT"),
        Meaning::User,
        "the user whose mailbox it is; the last flag, as all that follows are recipients. Each has a delivery of its \
         own: 75 where one is to be tried later (by its queue id, who has the letter isn't given it twice), else the worst code",
    ),
    refused(
        b'm',
        None,
        "as a filter of its own rcfile: \"postroad-mda import procmail RCFILE\" writes it as Sieve, and FILE.sieve \
         is given without -m",
    ),
    done(b'z', None, Meaning::Lmtp, "LMTP on standard input and output"),
];

const DOVECOT_LDA: &[Flag] = &[
    done(
        b'a',
        Some("ADDRESS"),
        Meaning::OriginalRecipient,
        "the original recipient; where it has no @, one of this host",
    ),
    done(
        b'c',
        Some("FILE"),
        Meaning::Settings,
        "the settings, where its name ends in .toml; Dovecot's own are refused: write them into postroad.toml",
    ),
    done(
        b'd',
        Some("USERNAME"),
        Meaning::User,
        "the user whose mailbox it is; without it the caller",
    ),
    no_effect(b'e', None, "a refusal is said on standard error, with exit 77"),
    done(b'f', Some("SENDER"), Meaning::Sender, "the sender"),
    no_effect(b'k', None, "programs get a clean environment"),
    done(
        b'm',
        Some("MAILBOX"),
        Meaning::Folder,
        "the folder, where there is one of that name, else the inbox",
    ),
    done(b'o', Some("NAME=VALUE"), Meaning::Named, "by its name: below"),
    done(b'p', Some("PATH"), Meaning::Letter, "the letter is in that file, which is copied"),
    done(b'r', Some("ADDRESS"), Meaning::FinalRecipient, "the final recipient"),
];

const MAILDROP: &[Flag] = &[
    no_effect(b'a', None, "users that can't be looked up are always \"try later\" (exit 75)"),
    done(b'A', Some("\"NAME: VALUE\""), Meaning::Field, "a field that is added to the header"),
    done(b'd', Some("USER"), Meaning::User, "the user whose mailbox it is; without it the caller"),
    refused(b'D', Some("UID/GID"), "that is Courier's own call: give -d USER"),
    done(b'f', Some("ADDRESS"), Meaning::Sender, "the sender"),
    refused(b'm', None, "embedded mode: Sieve's reject refuses a letter"),
    refused(b'M', Some("FILTER"), "embedded mode: Sieve's reject refuses a letter"),
    refused(b't', Some("SOCKET"), "users are those of postroad.toml or of the host"),
    done(b'v', None, Meaning::Version, "says which version it is"),
    no_effect(b'V', Some("LEVEL"), "\"postroad-mda sieve test\" shows what rules do"),
    no_effect(b'w', Some("PERCENT"), QUOTAS),
    no_effect(b'W', Some("FILE"), QUOTAS),
];

const PROCMAIL_NAMES: &[Name] = &[
    Name {
        names: &["DEFAULT", "ORGMAIL", "MAILDIR", "MSGPREFIX"],
        what: NamedWhat::Refused,
        says: "mailboxes are where `mda.maildir` says, or ~/Maildir",
    },
    Name {
        names: &["INCLUDERC", "SWITCHRC", "TRAP", "EXITCODE", "HOST", "SENDMAIL", "SENDMAILFLAGS"],
        what: NamedWhat::Refused,
        says: "\"postroad-mda import procmail\" writes rules as Sieve; `mda.submit` says how letters leave",
    },
    Name {
        names: &["*"],
        what: NamedWhat::NoEffect,
        says: "any other: only an rcfile could ask for it",
    },
];

const DOVECOT_NAMES: &[Name] = &[
    Name {
        names: &["lda_mailbox_autocreate"],
        what: NamedWhat::CreateFolder,
        says: "yes: the folder of -m is made where it isn't there",
    },
    Name {
        names: &["plugin/sieve"],
        what: NamedWhat::Rules,
        says: "the rules, by the whole path of a file whose name ends in .sieve",
    },
    Name {
        names: &["lda_mailbox_autosubscribe"],
        what: NamedWhat::NoEffect,
        says: "a folder that is made is subscribed to",
    },
    Name { names: &["mail_fsync"], what: NamedWhat::NoEffect, says: "everything is synced" },
    Name {
        names: &["mail_plugins"],
        what: NamedWhat::NoEffect,
        says: "Sieve and quotas are built in",
    },
    Name {
        names: &[
            "mail_debug",
            "auth_debug",
            "auth_verbose",
            "verbose_proctitle",
            "log_path",
            "info_log_path",
            "debug_log_path",
            "log_timestamp",
            "syslog_facility",
        ],
        what: NamedWhat::NoEffect,
        says: "what goes wrong is said on standard error, to the caller",
    },
    Name { names: &["plugin/quota*"], what: NamedWhat::Refused, says: QUOTAS },
    Name {
        names: &["*"],
        what: NamedWhat::Refused,
        says: "all other settings are those of postroad.toml",
    },
];

/// What stands without a flag.
const OPERANDS: [(Personality, &str, &str, &str); 5] = [
    (
        Personality::Procmail,
        "FILE.sieve",
        "done",
        "the rules, by their whole path, in place of the user's own",
    ),
    (
        Personality::Procmail,
        "RCFILE",
        "refused",
        "\"postroad-mda import procmail RCFILE\" writes it as Sieve",
    ),
    (
        Personality::Maildrop,
        "FILE.sieve",
        "done",
        "without -d: the rules, by their whole path, in place of the user's own",
    ),
    (
        Personality::Maildrop,
        "FILTER",
        "refused",
        "\"postroad-mda import mailfilter FILTER\" writes it as Sieve",
    ),
    (
        Personality::Maildrop,
        "ARGUMENT",
        "done",
        "the first behind -d: with an @ the original recipient, else the extension; more have no effect",
    ),
];

impl Personality {
    pub(super) const fn flags(self) -> &'static [Flag] {
        match self {
            Self::Postroad => POSTROAD,
            Self::Procmail => PROCMAIL,
            Self::DovecotLda => DOVECOT_LDA,
            Self::Maildrop => MAILDROP,
        }
    }

    const fn names(self) -> &'static [Name] {
        match self {
            Self::Postroad | Self::Maildrop => &[],
            Self::Procmail => PROCMAIL_NAMES,
            Self::DovecotLda => DOVECOT_NAMES,
        }
    }

    /// What becomes of that variable or setting.
    pub(super) fn name_of(self, name: &str) -> Option<&'static Name> {
        self.names().iter().find(|known| known.is(name))
    }

    /// Each flag, what becomes of it, and what there is to say.
    fn rows(self) -> Vec<(String, &'static str, &'static str)> {
        let flag = |flag: &Flag| {
            let letter = char::from(flag.letter);
            let form =
                flag.value.map_or(format!("-{letter}"), |value| format!("-{letter} {value}"));
            (form, flag.what.word(), flag.says)
        };
        let prefix = if self == Self::DovecotLda { "-o " } else { "" };
        let name = |name: &Name| {
            let form = match name.names {
                ["*"] => format!("{prefix}NAME=VALUE"),
                names => format!("{prefix}{}", names.join(", ")),
            };
            (form, name.what.word(), name.says)
        };
        let operands = OPERANDS.iter().filter(|(of, ..)| *of == self);
        self.flags()
            .iter()
            .map(flag)
            .chain(self.names().iter().map(name))
            .chain(operands.map(|(_, form, what, says)| ((*form).to_owned(), *what, *says)))
            .collect()
    }

    /// Its flags, for `--help`.
    pub fn help(self) -> String {
        let mut text = format!("Flags, called as {}:\n", self.name());
        for (form, what, says) in self.rows() {
            // Writing into a String can't fail.
            let _ = writeln!(text, "  {form}\n          {what}: {says}");
        }
        if self == Self::Postroad {
            text.push_str(
                "  --again\n          done: stores a letter that is here already by its queue id, which else is left out\n",
            );
        }
        text.push_str(
            "  --config FILE\n          done: the settings; /etc/postroad/postroad.toml where it is there\n",
        );
        text
    }
}

impl What {
    const fn word(self) -> &'static str {
        match self {
            Self::Done(_) => "done",
            Self::NoEffect => "no effect",
            Self::Refused => "refused",
        }
    }
}

impl NamedWhat {
    const fn word(self) -> &'static str {
        match self {
            Self::CreateFolder | Self::Rules => "done",
            Self::NoEffect => "no effect",
            Self::Refused => "refused",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The section of `config/swap/README.md` that these tables are written into.
    fn tables() -> String {
        let mut text = String::new();
        for personality in Personality::ALL {
            let _ = writeln!(text, "\nCalled as `{}`:\n", personality.name());
            text.push_str("| flag | what becomes of it | |\n|---|---|---|\n");
            for (form, what, says) in personality.rows() {
                let form = form.split(", ").map(|part| format!("`{part}`"));
                let form = form.collect::<Vec<_>>().join(", ");
                let _ = writeln!(text, "| {form} | {what} | {says} |");
            }
        }
        text
    }

    #[test]
    fn the_readme_says_what_flags_mean() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/swap/README.md");
        let readme = std::fs::read_to_string(path).unwrap();
        let section = readme.split("\n## What flags mean\n").nth(1).unwrap_or_default();
        let section = section.split("\n## ").next().unwrap_or_default();
        let wanted = tables();
        assert!(
            section.contains(&wanted),
            "the section \"What flags mean\" should hold:\n{wanted}"
        );
    }

    #[test]
    fn no_letter_has_two_meanings() {
        for personality in Personality::ALL {
            let mut letters: Vec<u8> = personality.flags().iter().map(|flag| flag.letter).collect();
            letters.sort_unstable();
            let all = letters.len();
            letters.dedup();
            assert_eq!(letters.len(), all, "{}", personality.name());
        }
    }

    #[test]
    fn names_with_a_star_stand_for_many() {
        let what = |name| Personality::DovecotLda.name_of(name).map(|known| known.what);
        assert_eq!(what("plugin/quota_rule"), Some(NamedWhat::Refused));
        assert_eq!(what("plugin/sieve"), Some(NamedWhat::Rules));
        assert_eq!(what("plugin/sieve_before"), Some(NamedWhat::Refused));
        assert_eq!(what("mail_location"), Some(NamedWhat::Refused));
        assert_eq!(what("mail_debug"), Some(NamedWhat::NoEffect));
        assert_eq!(Personality::Maildrop.name_of("x").map(|known| known.what), None);
    }
}
