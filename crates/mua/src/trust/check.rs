//! An own check of a letter's signatures: when it is made, and what it means for who the letter is from.

use std::net::SocketAddr;

use postroad_mailauth::{CheckError, Checked, Checker, Outcome, Signature};
use serde::Deserialize;

use super::{Level, Report, stands_for};

/// When the full screen checks signatures by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum When {
    /// Where the user asks for it: the DNS, and so the signer, hears of nothing else.
    #[default]
    Asked,
    /// With every letter that is opened.
    Always,
}

/// Checks a whole letter; `dns` names a name server in place of the host's.
///
/// # Errors
/// Where it can't be looked at.
pub async fn check(raw: &[u8], dns: Option<SocketAddr>) -> Result<Checked, CheckError> {
    Checker::at(dns.as_slice())?.check(raw).await
}

impl Report {
    /// The same, with what an own check has found.
    #[must_use]
    pub fn with(mut self, checked: Result<Checked, CheckError>) -> Self {
        self.checked = Some(checked);
        self
    }

    /// Signatures that were looked at.
    pub fn looked_at(&self) -> &[Signature] {
        match &self.checked {
            Some(Ok(checked)) => &checked.signatures,
            Some(Err(_)) | None => &[],
        }
    }

    /// Whether who signed stands for who wrote (RFC 7489 §3.1.1).
    pub fn is_aligned(&self, signature: &Signature) -> bool {
        stands_for(&signature.domain, &self.domain)
    }

    /// What an own check says of the author; `None` where it says nothing, and others are heard.
    pub(super) fn own_line(&self) -> Option<(Level, String)> {
        // Who received it and is trusted knew what its author asks of signatures (row U09).
        if self.is_denied() {
            return None;
        }
        let mut holding = self.looked_at().iter().filter(|it| it.outcome == Outcome::Holds);
        let aligned = || holding.clone().filter(|signature| self.is_aligned(signature));
        let own = aligned().find(|signature| !signature.is_partial).or_else(|| aligned().next());
        if let Some(Signature { domain, is_partial, .. }) = own {
            return Some(match is_partial {
                false => (Level::Good, format!("Signed by {domain} (checked here)")),
                // Row A09: anything may stand behind what is signed.
                true => (Level::Open, format!("A part of it is signed by {domain} (checked here)")),
            });
        }
        // Who received it knew more: a list may have changed it on its way since.
        if !self.judged.is_empty() {
            return None;
        }
        let broken = self
            .looked_at()
            .iter()
            .find(|it| matches!(it.outcome, Outcome::Broken(_)) && self.is_aligned(it));
        if let Some(Signature { domain, .. }) = broken {
            let words = format!(
                "Changed on its way: the signature of {domain} doesn't hold (checked here)"
            );
            return Some((Level::Bad, words));
        }
        let domain = &self.domain;
        if let Some(other) = holding.next() {
            let words = format!(
                "Signed by {}, which {domain} needn't know of (checked here)",
                other.domain
            );
            return Some((Level::Open, words));
        }
        let is_looked_at = matches!(self.checked, Some(Ok(_)));
        is_looked_at.then(|| {
            (Level::Open, format!("Nothing proves that it is from {domain} (checked here)"))
        })
    }

    /// All that an own check has found, line by line.
    pub(super) fn own_lines(&self) -> Vec<String> {
        let checked = match &self.checked {
            None => return Vec::new(),
            Some(Err(error)) => return vec![format!("Not checked here: {error}")],
            Some(Ok(checked)) => checked,
        };
        let mut lines: Vec<String> = checked.signatures.iter().map(|it| self.own(it)).collect();
        match checked.unreadable {
            0 if lines.is_empty() => lines.push("Checked here: it isn't signed".to_owned()),
            0 => {}
            1 => lines.push("Checked here: a signature that can't be read".to_owned()),
            many => lines.push(format!("Checked here: {many} signatures that can't be read")),
        }
        if let Some(chain) = &checked.chain {
            let came = match &chain.outcome {
                Outcome::Holds => "whole".to_owned(),
                Outcome::Broken(why) => format!("broken: {why}"),
                Outcome::Unknown(why) | Outcome::Later(why) => format!("not known: {why}"),
            };
            lines.push(format!(
                "Checked here: hosts on its way have sealed what they found (ARC), the last one {}: {came}",
                chain.domain
            ));
        }
        lines
    }

    fn own(&self, signature: &Signature) -> String {
        let Signature { domain, fields, is_partial, outcome, .. } = signature;
        let came = match outcome {
            Outcome::Holds => "holds".to_owned(),
            Outcome::Broken(why) => format!("doesn't hold: {why}"),
            Outcome::Unknown(why) => format!("can't be checked: {why}"),
            Outcome::Later(why) => format!("can't be checked now: {why}"),
        };
        let stands = match self.is_aligned(signature) {
            true => format!("stands for {}", self.domain),
            false => format!("doesn't stand for {}", self.domain),
        };
        let part = if *is_partial { ", a part of the text" } else { "" };
        let fields = fields.join(" ");
        format!("Checked here: the signature of {domain} ({fields}{part}) {came}; it {stands}")
    }
}

#[cfg(test)]
mod tests {
    use super::super::results;
    use super::*;

    fn signature(domain: &str, outcome: Outcome) -> Signature {
        let (selector, fields) = ("s".to_owned(), vec!["from".to_owned(), "subject".to_owned()]);
        Signature { domain: domain.into(), selector, fields, is_partial: false, outcome }
    }

    fn report(signatures: Vec<Signature>) -> Report {
        let checked = Checked { signatures, ..Checked::default() };
        Report { domain: "bank.example".into(), ..Report::default() }.with(Ok(checked))
    }

    #[test]
    fn u09_an_own_check_is_about_who_is_shown() {
        let broken = || Outcome::Broken("the text was changed".into());
        let unknown = || Outcome::Unknown("expired".into());
        for (signatures, level, words) in [
            (
                vec![signature("bank.example", Outcome::Holds)],
                Level::Good,
                "Signed by bank.example (checked here)",
            ),
            (
                vec![signature("mail.bank.example", Outcome::Holds)],
                Level::Open,
                "Signed by mail.bank.example, which",
            ),
            (
                vec![signature("attack.example", Outcome::Holds)],
                Level::Open,
                "Signed by attack.example, which bank.example needn't know of",
            ),
            (vec![signature("notbank.example", Outcome::Holds)], Level::Open, "needn't know of"),
            (
                vec![
                    signature("bank.example", broken()),
                    signature("bank.example", Outcome::Holds),
                ],
                Level::Good,
                "Signed by bank.example",
            ),
            (
                vec![
                    signature("list.example", Outcome::Holds),
                    signature("bank.example", broken()),
                ],
                Level::Bad,
                "Changed on its way",
            ),
            (vec![signature("bank.example", unknown())], Level::Open, "Nothing proves"),
            (vec![], Level::Open, "Nothing proves"),
        ] {
            let (found, line) = report(signatures.clone()).line().unwrap();
            assert!(found == level && line.contains(words), "{signatures:?}: {line}");
        }
        let part = Signature { is_partial: true, ..signature("bank.example", Outcome::Holds) };
        let (level, line) = report(vec![part]).line().unwrap();
        assert!(level == Level::Open && line.starts_with("A part of it"), "{line}");
        // Another that covers all of it stands beside it.
        let part = Signature { is_partial: true, ..signature("bank.example", Outcome::Holds) };
        let both = report(vec![part, signature("bank.example", Outcome::Holds)]);
        assert_eq!(both.line().unwrap().0, Level::Good);
        // What can't be read isn't told as nothing.
        let unreadable = Checked { unreadable: 2, ..Checked::default() };
        let lines = Report::default().with(Ok(unreadable)).verified().join("\n");
        assert!(
            lines.contains("2 signatures that can't be read") && !lines.contains("isn't signed")
        );
        // Nothing is said where nothing was found out.
        let late = Report::default().with(Err(CheckError::Late));
        assert_eq!(late.line(), None);
        assert!(
            late.verified()
                .contains(&"Not checked here: the name servers don't answer in time".to_owned())
        );
        // A cue is worse than any signature is good.
        let mut cued = report(vec![signature("bank.example", Outcome::Holds)]);
        cued.cues.push("it names 2 authors".into());
        assert_eq!(cued.line().unwrap().0, Level::Bad);
    }

    #[test]
    fn u09_a_signature_that_holds_makes_nothing_of_a_judge_good() {
        for judged in
            ["dmarc=fail header.from=bank.example", "dmarc=pass header.from=attack.example"]
        {
            let mut report = report(vec![signature("bank.example", Outcome::Holds)]);
            report.judged.extend(results::parse(&format!("mx.home; {judged}")));
            assert_eq!(report.line().unwrap().0, Level::Bad, "{judged}");
        }
    }

    #[test]
    fn who_received_it_is_heard_where_a_signature_broke_since() {
        let results =
            "mx.home; dkim=pass header.d=bank.example; dmarc=pass header.from=bank.example";
        let broken = signature("bank.example", Outcome::Broken("the text was changed".into()));
        let mut report = report(vec![broken]);
        report.judged.extend(results::parse(results));
        let (level, line) = report.line().unwrap();
        assert!(level == Level::Good && line.contains("judged by mx.home"), "{line}");
        assert!(report.verified().iter().any(|line| {
            line.contains("doesn't hold: the text was changed; it stands for bank.example")
        }));
    }
}
