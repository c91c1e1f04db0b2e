//! Whether a text is a script, as the delivery agent will see it.

use postroad_managesieve::name::ScriptName;
use postroad_sieve::{Library, Location, Problem, Unfit};
use postroad_store::FolderName;

use super::store::Store;

/// The user's other scripts, which this one may include.
struct Beside<'a>(&'a Store<'a>);

impl Library for Beside<'_> {
    fn script(&self, location: Location, name: &str) -> Option<Vec<u8>> {
        match location {
            Location::Global => None,
            Location::Personal => self.0.get(&ScriptName::parse(name.as_bytes())?).ok(),
        }
    }

    fn unfit(&self, mailbox: &str) -> Option<Unfit> {
        if mailbox.eq_ignore_ascii_case("INBOX") {
            return None;
        }
        let error = FolderName::from_utf8(mailbox).err()?;
        Some(Unfit { problem: format!("\"{mailbox}\" can't be a folder: {error}"), hint: None })
    }
}

/// Its warnings, or what is wrong with it: `line:column: problem`, one a line.
pub(super) fn check(store: &Store<'_>, name: &str, text: &[u8]) -> Result<Option<String>, String> {
    match postroad_sieve::compile_with(name, text, &Beside(store)) {
        Ok(script) => {
            let warnings = lines(script.warnings().iter());
            Ok((!warnings.is_empty()).then_some(warnings))
        }
        Err(problems) => Err(lines(problems.iter())),
    }
}

fn lines<'a>(problems: impl Iterator<Item = &'a Problem>) -> String {
    let lines: Vec<String> = problems.map(ToString::to_string).collect();
    lines.join("\r\n")
}
