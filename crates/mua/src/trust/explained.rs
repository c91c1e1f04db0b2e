//! A report in words, line by line: `X` in full screen, and `verify` and `trace` elsewhere.

use super::Report;
use super::results::Results;
use super::route::delay;

impl Report {
    /// All of it: the verdict, the way, the signatures.
    pub fn explained(&self) -> Vec<String> {
        let mut lines = self.verified();
        lines.push(String::new());
        lines.extend(self.travelled());
        if !self.noted.is_empty() {
            lines.push(String::new());
            lines.extend(self.noted.iter().cloned());
        }
        lines
    }

    /// Who it is from.
    pub fn verified(&self) -> Vec<String> {
        let mut lines = Vec::new();
        match self.line() {
            Some((level, words)) => lines.push(format!("{} {words}", level.mark())),
            None => lines.push("? Nobody that you trust has judged it".to_owned()),
        }
        lines.extend(self.cues.iter().skip(1).map(|cue| format!("! {cue}")));
        lines.extend(self.own_lines());
        lines.extend(self.judged.iter().map(|results| format!("Judged by {}", said(results))));
        for results in &self.claimed {
            lines.push(format!("Not counted, since anybody can write it: {}", said(results)));
        }
        // What was looked at is told already.
        let claimed = if self.looked_at().is_empty() { self.signatures.as_slice() } else { &[] };
        for signature in claimed {
            let part = if signature.is_partial { "a part of it" } else { "it" };
            let fields = signature.fields.join(" ");
            lines.push(format!("{} claims to have signed {part}, with {fields}", signature.domain));
        }
        if self.judged.is_empty() {
            lines.push(
                "Name hosts whose judgement counts in the account file: trusted_results = [\"mx.example.org\"]"
                    .to_owned(),
            );
        }
        lines
    }

    /// How it travelled.
    pub fn travelled(&self) -> Vec<String> {
        if self.hops.is_empty() {
            return vec!["It has no Received fields: nothing is known of its way".to_owned()];
        }
        let times: Vec<_> = self.hops.iter().filter_map(|hop| hop.at).collect();
        let total = match (times.first(), times.last()) {
            (Some(first), Some(last)) if times.len() > 1 => {
                format!("  total {}", delay(*first, *last))
            }
            _ => String::new(),
        };
        let mut lines = vec![format!("How it travelled{total}")];
        let claimed = self.hops.len().saturating_sub(self.trusted_hops);
        let mut before = None;
        for (place, hop) in self.hops.iter().enumerate() {
            let wait = match (before, hop.at) {
                (Some(before), Some(at)) => delay(before, at),
                (None, Some(at)) => at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
                (_, None) => "no time".to_owned(),
            };
            before = hop.at.or(before);
            let whose = match place {
                place if place < claimed => "claimed",
                place if place == claimed => "told by the first host that you trust",
                _ => "told by a host that you trust",
            };
            let number = place + 1;
            lines.push(format!("{number:>2} {}", hop.between()));
            lines.push(format!("   {}, {wait}, {whose}", hop.how()));
        }
        lines
    }
}

/// `mx.home: SPF pass (smtp.mailfrom=example.org), DKIM pass (header.d=example.org)`
fn said(results: &Results) -> String {
    let method = |method: &super::Method| {
        let shown = method.properties.iter().filter(|(name, _)| name.contains('.'));
        let shown: Vec<String> = shown.map(|(name, value)| format!("{name}={value}")).collect();
        let name = method.name.to_ascii_uppercase();
        match shown.is_empty() {
            true => format!("{name} {}", method.result),
            false => format!("{name} {} ({})", method.result, shown.join(" ")),
        }
    };
    let methods: Vec<String> = results.methods.iter().map(method).collect();
    match methods.is_empty() {
        true => format!("{}: nothing", results.by),
        false => format!("{}: {}", results.by, methods.join(", ")),
    }
}
