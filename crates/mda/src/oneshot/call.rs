//! How we were called: the flags and the environment of procmail's, dovecot-lda's, mail.local's, Postfix's,
//! OpenSMTPD's and qmail's callers.

use std::path::PathBuf;

use postroad_protocol::address::ReversePath;

use crate::letter;

/// The flags, as they were given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Call {
    /// `--config FILE`
    pub config: Option<PathBuf>,
    /// `-d`: the user whose mailbox it is, with or without a domain.
    pub user: Option<String>,
    /// `-a`: with an `@` the original recipient (dovecot-lda), else the extension (procmail).
    pub argument: Option<String>,
    /// `-f`: the sender.
    pub from: Option<String>,
    /// `-r`: beside `-f` the final recipient (dovecot-lda), alone the sender (mail.local).
    pub r: Option<String>,
    /// `-m`: the folder; where there is none of that name, the mailbox itself.
    pub folder: Option<String>,
}

/// The variables that callers set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Environment {
    /// `USER`, or `LOGNAME`.
    pub user: Option<String>,
    /// `HOME`
    pub home: Option<String>,
    /// `SENDER`
    pub sender: Option<String>,
    /// `RECIPIENT`
    pub recipient: Option<String>,
    /// `ORIGINAL_RECIPIENT`
    pub original_recipient: Option<String>,
    /// `LOCAL`: the local part of the recipient.
    pub local: Option<String>,
    /// `DOMAIN`, or `HOST`: its domain.
    pub domain: Option<String>,
    /// `EXTENSION`, or `EXT`.
    pub extension: Option<String>,
}

impl Environment {
    /// Reads the variables; `variable` gives one by its name. What isn't UTF-8 counts as unset.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Self {
        let first = |names: &[&str]| {
            names.iter().filter_map(|name| variable(name)).find(|value| !value.is_empty())
        };
        Self {
            user: first(&["USER", "LOGNAME"]),
            home: first(&["HOME"]),
            // An empty one is the null reverse-path: it is kept apart from "not set".
            sender: variable("SENDER"),
            recipient: first(&["RECIPIENT"]),
            original_recipient: first(&["ORIGINAL_RECIPIENT"]),
            local: first(&["LOCAL"]),
            domain: first(&["DOMAIN", "HOST"]),
            extension: first(&["EXTENSION", "EXT"]),
        }
    }
}

impl Call {
    /// The sender that the caller named. Nobody's letter is refused for a sender that can't be read: it is
    /// then as if none was named.
    pub(super) fn sender(&self, environment: &Environment) -> Option<ReversePath> {
        let flag = match (&self.from, &self.r) {
            (Some(from), _) => Some(from),
            (None, alone) => alone.as_ref(),
        };
        flag.or(environment.sender.as_ref()).and_then(|text| letter::reverse_path(text))
    }

    /// The recipient's whole address, as far as the caller named one: the nearest first.
    pub(super) fn recipients<'a>(
        &'a self,
        environment: &'a Environment,
    ) -> impl Iterator<Item = String> + 'a {
        let r = self.r.as_ref().filter(|_| self.from.is_some());
        let local_at_domain = environment
            .local
            .as_ref()
            .zip(environment.domain.as_ref())
            .map(|(local, domain)| format!("{local}@{domain}"));
        let whole =
            [r, environment.recipient.as_ref(), self.original_recipient(), self.user.as_ref()];
        whole
            .into_iter()
            .flatten()
            .cloned()
            .chain(local_at_domain)
            .chain(environment.original_recipient.clone())
            .filter(|text| text.contains('@'))
    }

    /// What stands behind the separator in the recipient's address.
    pub(super) fn extension<'a>(&'a self, environment: &'a Environment) -> Option<&'a str> {
        let argument =
            self.argument.as_deref().filter(|text| !text.contains('@') && !text.is_empty());
        argument.or(environment.extension.as_deref())
    }

    fn original_recipient(&self) -> Option<&String> {
        self.argument.as_ref().filter(|text| text.contains('@'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn who_sent_it() {
        let sender = |from: Option<&str>, r: Option<&str>, variable: Option<&str>| {
            let call = Call { from: from.and_then(some), r: r.and_then(some), ..Call::default() };
            let environment =
                Environment { sender: variable.and_then(some), ..Environment::default() };
            call.sender(&environment).map(|path| path.to_string())
        };
        assert_eq!(sender(Some("a@b.example"), None, Some("c@d.example")), some("a@b.example"));
        assert_eq!(sender(Some("<a@b.example>"), Some("r@b.example"), None), some("a@b.example"));
        assert_eq!(sender(None, Some("a@b.example"), None), some("a@b.example"));
        assert_eq!(sender(None, None, Some("c@d.example")), some("c@d.example"));
        assert_eq!(sender(Some(""), None, Some("c@d.example")), some(""));
        assert_eq!(sender(Some("MAILER-DAEMON"), None, None), some(""));
        assert_eq!(sender(Some("x; id\n"), None, None), None);
        assert_eq!(sender(None, None, None), None);
    }

    #[test]
    fn whom_it_is_for() {
        let call = Call {
            user: some("alice@our.example"),
            argument: some("first@our.example"),
            from: some("x@y.example"),
            r: some("final@our.example"),
            ..Call::default()
        };
        let environment = Environment {
            recipient: some("variable@our.example"),
            local: some("local"),
            domain: some("our.example"),
            ..Environment::default()
        };
        assert_eq!(
            call.recipients(&environment).collect::<Vec<_>>(),
            ["final", "variable", "first", "alice", "local"]
                .map(|name| format!("{name}@our.example"))
        );
        assert_eq!(call.extension(&environment), None);
        let call = Call { argument: some("lists"), r: some("sender@x.example"), ..Call::default() };
        assert_eq!(call.extension(&environment), Some("lists"));
        assert_eq!(call.recipients(&environment).next(), some("variable@our.example"));
    }

    #[test]
    fn variables_of_several_callers() {
        let environment = Environment::read(|name| match name {
            "LOGNAME" => some("alice"),
            "USER" | "SENDER" => some(""),
            "EXT" => some("lists"),
            "HOST" => some("our.example"),
            _ => None,
        });
        assert_eq!(environment.user, some("alice"));
        assert_eq!(environment.sender, some(""));
        assert_eq!(environment.extension, some("lists"));
        assert_eq!(environment.domain, some("our.example"));
    }
}
