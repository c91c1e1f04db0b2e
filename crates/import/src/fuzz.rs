//! What the fuzz targets run, so that plain `cargo test` can replay their seeds.
//!
//! The body takes any octets and panics where something that must hold doesn't. The target under `tests/fuzz`
//! hands it libFuzzer's octets; `tests/fuzz_seeds.rs` hands it the files in the tree.

use crate::{Files, Imported, Whose};

/// What one target runs.
pub type Body = fn(&[u8]);

/// Every target, by the name of its file and its folder of seeds.
pub const TARGETS: [(&str, Body); 1] = [("import", import)];

/// Files that include whatever is imported once more.
struct Itself<'a>(&'a [u8]);

impl Files for Itself<'_> {
    fn read(&self, path: &str) -> Option<Vec<u8>> {
        // Some can't be read.
        (!path.len().is_multiple_of(3)).then(|| self.0.to_vec())
    }
}

/// The first octet says whose rules the rest is. Whatever they are, the script compiles, and is canonical; what has
/// a line of its own is in the file.
pub fn import(octets: &[u8]) {
    let Some((agent, text)) = octets.split_first() else { return };
    let whose = Whose { file: ".rules", home: "/home/joe", user: "joe" };
    let import = [crate::procmail, crate::mailfilter, crate::forward];
    let Some(import) = import.get(usize::from(*agent) % import.len()) else { return };
    let Imported { sieve, findings, programs } = import(whose, text, &Itself(text));
    if let Err(problems) = postroad_sieve::compile("imported", sieve.as_bytes()) {
        panic!("{problems}\n{sieve}");
    }
    let Ok(canonical) = postroad_sieve::format("imported", sieve.as_bytes()) else {
        panic!("not printed again: {sieve}");
    };
    assert!(canonical == sieve.as_bytes(), "not canonical: {sieve}");
    let lines = text.iter().filter(|octet| **octet == b'\n').count() + 1;
    for finding in findings {
        assert!((1..=lines).contains(&finding.line), "{finding}");
        assert!(!finding.to_string().contains(char::is_control), "{finding:?}");
    }
    for program in programs {
        let is_name = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
        assert!(program.name.chars().all(is_name), "{}", program.name);
        assert!(program.text.starts_with("#!/bin/sh\n"), "{}", program.text);
    }
}
