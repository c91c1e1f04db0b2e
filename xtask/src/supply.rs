//! `cargo xtask supply`: licences, sources and duplicate versions of what we link.
//!
//! These are cargo-deny's rules (`.cargo/deny.toml` has them for those who have it installed), read
//! from `cargo tree` on this platform, so that a fresh machine checks them too. Advisories need a
//! download and are left to cargo-deny.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, bail};

use crate::step::{cargo, done, root};

/// What a dependency may be licensed under: permissive, and nothing that binds our own choice.
const LICENCES: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-1-Clause",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "OpenSSL",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Crates that may be there in more than one version, and who brings the other one.
const DUPLICATES: &[(&str, &str)] = &[
    ("argon2", "0.5: pgp"),
    ("base64", "0.22: maildir's mailparse, pgp"),
    ("blake2", "0.10: pgp's argon2"),
    ("block-buffer", "0.10: pgp's digest"),
    ("cpufeatures", "0.2: pgp's ciphers"),
    ("crypto-common", "0.1: pgp's digest"),
    ("darling", "0.20: pgp's derive_builder"),
    ("darling_core", "0.20: pgp's derive_builder"),
    ("darling_macro", "0.20: pgp's derive_builder"),
    ("digest", "0.10: pgp"),
    ("getrandom", "0.2: pgp's rand; 0.3: calcard's ahash"),
    ("nom", "8: pgp"),
    ("password-hash", "0.5: pgp's argon2"),
    ("rand", "0.8: pgp"),
    ("rand_core", "0.6: pgp's rand"),
    ("serdect", "0.2: pgp's curves"),
    ("sha2", "0.10: pgp"),
    ("signature", "2: pgp's signatures"),
    ("gethostname", "0.2: maildir"),
    ("phf", "0.12: calcard's chrono-tz"),
    ("phf_shared", "0.12: calcard's chrono-tz"),
    ("similar", "2: insta"),
    ("syn", "2: derive crates that haven't moved to 3 yet"),
    ("synstructure", "0.13: x509-parser's asn1-rs"),
    ("untrusted", "0.7: aws-lc-rs, with what jsonwebtoken asks of it"),
];

/// Crates that must not be there at all, and why.
const BANNED: &[(&str, &str)] = &[
    ("ring", "aws-lc-rs is the one crypto provider; two in one tree panic at the first TLS config"),
    ("openssl", "rustls is the one TLS library"),
    ("sieve-rs", "AGPL"),
];

/// One package that is built, for whatever reason.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Package {
    name: String,
    version: String,
    /// As in `(/a/path)` or `(https://a.repository)`; nothing for crates.io.
    source: Option<String>,
    licence: String,
}

pub(crate) fn run() -> anyhow::Result<()> {
    done("licences, sources, versions", || {
        let packages = packages()?;
        let problems =
            [licences(&packages), sources(&packages), versions(&packages), banned(&packages)]
                .concat();
        if !problems.is_empty() {
            bail!("what we link breaks a rule:\n  {}", problems.join("\n  "));
        }
        Ok(())
    })
}

fn packages() -> anyhow::Result<BTreeSet<Package>> {
    let tree = ["tree", "--workspace", "--locked", "--edges=normal,build,dev", "--prefix=none"];
    let output = cargo()
        .args(tree)
        .args(["--format", "{p}\t{l}"])
        .output()
        .context("cannot run cargo tree")?;
    if !output.status.success() {
        bail!("cargo tree failed:\n{}", String::from_utf8_lossy(&output.stderr));
    }
    let text = String::from_utf8(output.stdout).context("cannot read what cargo tree printed")?;
    Ok(text.lines().filter_map(package).collect())
}

/// `name v1.2.3 (proc-macro) (/path)<TAB>licence`, ` (*)` at the end where it came before.
fn package(line: &str) -> Option<Package> {
    let (package, licence) = line.split_once('\t')?;
    let mut words = package.split(' ').filter(|word| *word != "(proc-macro)" && *word != "(*)");
    Some(Package {
        name: words.next()?.to_owned(),
        version: words.next()?.trim_start_matches('v').to_owned(),
        source: words.next().map(str::to_owned),
        licence: licence.trim_end_matches(" (*)").to_owned(),
    })
}

fn licences(packages: &BTreeSet<Package>) -> Vec<String> {
    let wrong = packages.iter().filter(|package| !is_allowed(&package.licence));
    wrong
        .map(|p| format!("{} {}: licence {:?} is not on our list", p.name, p.version, p.licence))
        .collect()
}

/// An SPDX expression of OR, AND and brackets, or the old `MIT/Apache-2.0`: every AND term needs an
/// allowed alternative.
fn is_allowed(expression: &str) -> bool {
    let expression = expression.replace('/', " OR ");
    let mut depth = 0;
    let mut terms = vec![String::new()];
    for token in expression.replace('(', " ( ").replace(')', " ) ").split_whitespace() {
        match token {
            "(" => depth += 1,
            ")" => depth -= 1,
            "AND" if depth == 0 => terms.push(String::new()),
            word => {
                if let Some(term) = terms.last_mut() {
                    term.push_str(if term.is_empty() { "" } else { " " });
                    term.push_str(word);
                }
            }
        }
    }
    let term_allowed = |term: &String| {
        term.split(" OR ")
            .any(|choice| choice.split(" AND ").all(|one| LICENCES.contains(&one.trim())))
    };
    terms.iter().all(term_allowed)
}

fn sources(packages: &BTreeSet<Package>) -> Vec<String> {
    let ours =
        |source: &str| source.trim_start_matches('(').starts_with(&*root().to_string_lossy());
    let foreign =
        packages.iter().filter(|p| p.source.as_deref().is_some_and(|source| !ours(source)));
    foreign.map(|p| format!("{} is not from crates.io", p.name)).collect()
}

fn versions(packages: &BTreeSet<Package>) -> Vec<String> {
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for package in packages {
        versions.entry(&package.name).or_default().insert(&package.version);
    }
    let known = |name: &str| DUPLICATES.iter().any(|(known, _)| *known == name);
    let several = versions.iter().filter(|(name, versions)| versions.len() > 1 && !known(name));
    let mut problems: Vec<String> = several
        .map(|(name, versions)| {
            let versions: Vec<&str> = versions.iter().copied().collect();
            let versions = versions.join(" and ");
            format!(
                "{name} is there as {versions}: use one, or say in supply.rs who brings the other"
            )
        })
        .collect();
    let gone = |name: &str| versions.get(name).is_none_or(|versions| versions.len() == 1);
    let stale = DUPLICATES.iter().filter(|(name, _)| gone(name));
    problems.extend(
        stale.map(|(name, _)| format!("{name} is no duplicate any more: take it off the list")),
    );
    problems
}

fn banned(packages: &BTreeSet<Package>) -> Vec<String> {
    let reason = |package: &Package| {
        BANNED
            .iter()
            .find(|(banned, _)| *banned == package.name)
            .map(|(name, why)| format!("{name}: {why}"))
    };
    packages.iter().filter_map(reason).collect()
}

#[cfg(test)]
mod tests {
    use super::is_allowed;

    #[test]
    fn licence_expressions() {
        for (expression, allowed) in [
            ("MIT OR Apache-2.0", true),
            ("MIT/Apache-2.0", true),
            ("(MIT OR Apache-2.0) AND Unicode-3.0", true),
            ("ISC AND (Apache-2.0 OR ISC)", true),
            ("LGPL-2.1 OR MIT", true),
            ("GPL-3.0-only", false),
            ("MIT AND GPL-3.0-only", false),
            ("", false),
        ] {
            assert_eq!(is_allowed(expression), allowed, "{expression}");
        }
    }
}
