//! Makes the programs quick to load: one of them is started for each letter.
//!
//! - `postroad-mda` has all of the C library in it, where that is there to be linked: nothing is left to load, which is a
//!   third of a millisecond. It never asks the host's name service, which is what a C library that is linked in can't.
//! - The other has in it what unwinding needs. A shared library less is a tenth of a millisecond (libgcc_s asks the
//!   processor for its features, which a virtual machine answers slowly).

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What rustc names to the linker as shared libraries, and the archives in their place: the C library wants some of the
/// compiler's, which stand in front of it.
const LIBRARIES: [(&str, &[&str]); 7] = [
    ("gcc_s", &["gcc_eh"]),
    ("util", &["util"]),
    ("rt", &["rt"]),
    ("pthread", &["pthread"]),
    ("m", &["m"]),
    ("dl", &["dl"]),
    ("c", &["c", "gcc_eh", "gcc"]),
];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=RUSTC_LINKER");
    if std::env::var("CARGO_CFG_TARGET_ENV").is_ok_and(|environment| environment == "gnu") {
        println!("cargo::rustc-link-lib=static:-bundle=gcc_eh");
        if let Some(folder) = static_libraries() {
            println!("cargo::rustc-link-arg-bin=postroad-mda=-static-pie");
            println!("cargo::rustc-link-arg-bin=postroad-mda=-L{}", folder.display());
        }
    }
}

/// A folder where the linker finds archives by the names of shared libraries: lists of files, as it reads them.
fn static_libraries() -> Option<PathBuf> {
    let folder = Path::new(&std::env::var_os("OUT_DIR")?).join("static");
    // Anew each time: nothing is written where a link might lead.
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir(&folder).ok()?;
    for (shared, archives) in LIBRARIES {
        let files: Option<Vec<String>> = archives.iter().map(|name| file_of(name)).collect();
        let list = format!("GROUP ( {} )\n", files?.join(" "));
        let mut file = File::create_new(folder.join(format!("lib{shared}.a"))).ok()?;
        file.write_all(list.as_bytes()).ok()?;
    }
    Some(folder)
}

/// Where the C compiler, who links, has that archive.
fn file_of(name: &str) -> Option<String> {
    let linker = std::env::var_os("RUSTC_LINKER").unwrap_or_else(|| "cc".into());
    let said = Command::new(linker).arg(format!("-print-file-name=lib{name}.a")).output().ok()?;
    let path = String::from_utf8(said.stdout).ok()?.trim_end().to_owned();
    // What it doesn't have it says as it was asked.
    Path::new(&path).is_absolute().then_some(path)
}
