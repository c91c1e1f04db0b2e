//! `cargo xtask tidy`: the rules of the tree that no compiler checks.
//!
//! `docs/ARCHITECTURE.md` says why each rule is there.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use serde_json::Value;

use crate::step::{done, metadata, root};

/// Which of our crates each crate may link. Agents never know each other.
const MAY_KNOW: &[(&str, &[&str])] = &[
    ("protocol", &[]),
    ("pop3", &["protocol"]),
    ("message", &["protocol"]),
    ("imap", &["message", "protocol"]),
    ("sieve", &["message", "protocol"]),
    ("managesieve", &["protocol"]),
    ("import", &["sieve"]),
    ("disk", &[]),
    ("store", &["disk", "protocol"]),
    ("fulltext", &["disk", "message", "store"]),
    ("catalog", &["disk", "fulltext", "imap", "message", "store"]),
    ("queue", &["disk", "protocol"]),
    ("accounts", &["protocol", "config"]),
    ("config", &["protocol"]),
    ("logins", &["protocol", "accounts", "config", "net"]),
    ("host", &[]),
    ("observe", &[]),
    ("net", &[]),
    ("resolver", &[]),
    ("discovery", &["net", "protocol", "resolver"]),
    ("calendar", &[]),
    ("oauth", &[]),
    ("mailauth", &["resolver"]),
    ("safetext", &[]),
    // Signs and encrypts for its user, in time that can be measured: no agent that answers the network links it.
    ("seal", &["message", "protocol"]),
    ("tui", &["safetext"]),
    (
        "mta",
        &[
            "protocol", "queue", "disk", "accounts", "logins", "config", "observe", "net",
            "resolver",
        ],
    ),
    (
        "mda",
        &[
            "protocol", "sieve", "import", "store", "disk", "host", "accounts", "config",
            "observe", "net",
        ],
    ),
    (
        "maa",
        &[
            "protocol",
            "pop3",
            "imap",
            "managesieve",
            "message",
            "sieve",
            "disk",
            "store",
            "fulltext",
            "catalog",
            "accounts",
            "logins",
            "config",
            "observe",
            "net",
        ],
    ),
    (
        "mua",
        &[
            "protocol",
            "pop3",
            "imap",
            "queue",
            "disk",
            "store",
            "config",
            "observe",
            "net",
            "discovery",
            "oauth",
            "mailauth",
            "safetext",
            "tui",
            "calendar",
            "catalog",
            "message",
            "seal",
        ],
    ),
    (
        "operator",
        &["protocol", "host", "accounts", "logins", "config", "observe", "net", "resolver"],
    ),
];

/// Crates that may link tokio; `queue` only for its channels.
const MAY_LINK_TOKIO: &[&str] = &[
    "net",
    "resolver",
    "discovery",
    "mailauth",
    "mta",
    "mda",
    "maa",
    "mua",
    "operator",
    "queue",
    "logins",
];

/// Crates whose code takes bytes and time and gives steps: no socket, no clock, no disk.
const SANS_IO: &[&str] = &[
    "protocol",
    "pop3",
    "imap",
    "managesieve",
    "message",
    "sieve",
    "import",
    "calendar",
    "oauth",
    "safetext",
    "tui",
];
const NOT_IN_SANS_IO: &[&str] = &[
    "Instant::now",
    "SystemTime::now",
    "std::fs",
    "std::net::Tcp",
    "std::net::Udp",
    "std::os::unix::net",
    "std::thread",
    "tokio::",
];

/// What may stand at the top.
const TOP: &[&str] = &[
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "bins",
    "config",
    "crates",
    "docs",
    "target",
    "tests",
    "xtask",
];

pub(crate) fn run() -> anyhow::Result<()> {
    done("rules of the tree", || {
        let problems: Vec<String> = [
            edges(&metadata()?),
            sans_io()?,
            screen()?,
            unsafe_code()?,
            mains()?,
            top()?,
            documents()?,
        ]
        .concat();
        if !problems.is_empty() {
            bail!(
                "the tree breaks a rule (docs/ARCHITECTURE.md says why it is one):\n  {}",
                problems.join("\n  ")
            );
        }
        Ok(())
    })
}

/// Who knows whom, from what cargo resolved; what only tests use doesn't count.
fn edges(metadata: &Value) -> Vec<String> {
    let packages = metadata["packages"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut problems = Vec::new();
    for (name, may_know) in MAY_KNOW {
        let full_name = format!("postroad-{name}");
        let Some(package) = packages.iter().find(|package| package["name"] == full_name.as_str())
        else {
            problems.push(format!("there is no crate {full_name}"));
            continue;
        };
        let dependencies =
            package["dependencies"].as_array().map(Vec::as_slice).unwrap_or_default();
        for dependency in dependencies.iter().filter(|dependency| dependency["kind"].is_null()) {
            let dependency = dependency["name"].as_str().unwrap_or_default();
            match dependency.strip_prefix("postroad-") {
                Some(ours) if !may_know.contains(&ours) => {
                    problems.push(format!("crates/{name} must not know crates/{ours}"));
                }
                Some(_) => {}
                None if dependency.starts_with("tokio") && !MAY_LINK_TOKIO.contains(name) => {
                    problems.push(format!("crates/{name} must not link {dependency}"));
                }
                None => {}
            }
        }
    }
    problems
}

fn sans_io() -> anyhow::Result<Vec<String>> {
    let mut problems = Vec::new();
    for name in SANS_IO {
        for file in rust_files(&root().join("crates").join(name).join("src"))? {
            if is_played_with(&file) {
                continue;
            }
            let text = read(&file)?;
            // Tests stand last in a file and may do what they like.
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            for (index, line) in code.lines().enumerate() {
                let code = line.split("//").next().unwrap_or_default();
                for word in NOT_IN_SANS_IO.iter().filter(|word| code.contains(**word)) {
                    problems.push(format!(
                        "{}:{}: {word} in a sans-IO crate",
                        shown(&file),
                        index + 1
                    ));
                }
            }
        }
    }
    Ok(problems)
}

/// What is drawn is drawn by the canvas, which takes nothing but `SafeText`; the terminal is opened in one
/// place.
fn screen() -> anyhow::Result<Vec<String>> {
    const MAY: &[&str] = &["crates/tui/src/canvas/", "crates/mua/src/full/terminal.rs", "xtask/"];
    let mut problems = Vec::new();
    for file in rust_files(root())? {
        let name = shown(&file);
        if is_played_with(&file) || MAY.iter().any(|may| name.starts_with(may)) {
            continue;
        }
        let text = read(&file)?;
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        for (index, line) in code.lines().enumerate() {
            if line.split("//").next().unwrap_or_default().contains("ratatui") {
                problems.push(format!(
                    "{name}:{}: ratatui by-passes the canvas, which takes SafeText alone",
                    index + 1
                ));
            }
        }
    }
    Ok(problems)
}

/// Whether the file holds tests, or what fuzz targets run: they are shells of their own.
fn is_played_with(file: &Path) -> bool {
    let part = |part: std::path::Component<'_>| {
        ["tests", "tests.rs", "fuzz", "fuzz.rs"].iter().any(|name| part.as_os_str() == *name)
    };
    // Below the tree: nobody knows what the folders above it are called.
    file.strip_prefix(root()).unwrap_or(file).components().any(part)
}

/// `#![forbid(unsafe_code)]`, unless the crate's first lines give the reason.
fn unsafe_code() -> anyhow::Result<Vec<String>> {
    let mut problems = Vec::new();
    for file in rust_files(root())? {
        let is_root = file.ends_with("src/lib.rs") || file.ends_with("src/main.rs");
        if is_root && !read(&file)?.contains("#![forbid(unsafe_code)]") {
            problems.push(format!("{}: #![forbid(unsafe_code)] is missing", shown(&file)));
        }
    }
    Ok(problems)
}

/// Binaries only join arguments, settings and an agent.
fn mains() -> anyhow::Result<Vec<String>> {
    const LINES_MAX: usize = 150;
    let mut problems = Vec::new();
    for file in rust_files(&root().join("bins"))? {
        let lines = read(&file)?.lines().count();
        if file.ends_with("src/main.rs") && lines > LINES_MAX {
            problems.push(format!("{}: {lines} lines, {LINES_MAX} at most", shown(&file)));
        }
    }
    Ok(problems)
}

fn top() -> anyhow::Result<Vec<String>> {
    let mut problems = Vec::new();
    for entry in fs::read_dir(root()).context("cannot list the tree")? {
        let name = entry.context("cannot list the tree")?.file_name();
        let name = name.to_string_lossy();
        if !name.starts_with('.') && !TOP.contains(&&*name) {
            problems.push(format!("{name} must not stand at the top of the tree"));
        }
    }
    Ok(problems)
}

/// Every path that the documents name in backquotes is there.
fn documents() -> anyhow::Result<Vec<String>> {
    let mut problems = Vec::new();
    let mut documents: BTreeSet<PathBuf> = ["README.md"].map(|name| root().join(name)).into();
    for name in ["ARCHITECTURE.md", "CONTRIBUTING.md", "OPEN.md"] {
        documents.insert(root().join("docs").join(name));
    }
    for document in documents {
        let text = read(&document)?;
        for (index, word) in text.split('`').enumerate() {
            let is_ours = ["crates/", "bins/", "config/", "docs/", "tests/", "xtask/"]
                .iter()
                .any(|prefix| word.starts_with(prefix));
            let is_plain = !word.contains([' ', '*', '{', '<', '\n']);
            if index % 2 == 1 && is_ours && is_plain && !root().join(word).exists() {
                problems.push(format!("{} names {word}, which isn't there", shown(&document)));
            }
        }
    }
    Ok(problems)
}

fn read(file: &Path) -> anyhow::Result<String> {
    fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
}

fn shown(file: &Path) -> String {
    file.strip_prefix(root()).unwrap_or(file).display().to_string()
}

/// All Rust files below `folder`, build folders left out.
fn rust_files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let list = || format!("cannot list {}", folder.display());
        for entry in fs::read_dir(&folder).with_context(list)? {
            let path = entry.with_context(list)?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if path.is_dir() && name != "target" && !name.starts_with('.') {
                folders.push(path);
            } else if name.ends_with(".rs") {
                files.push(path);
            }
        }
    }
    Ok(files)
}
