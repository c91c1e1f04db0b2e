//! The lines that an admin writes, out of `config/swap/`: what is documented there is what is tested.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::host::{DOMAIN, Host};

/// The block of a page that is marked so, with our paths and ports.
pub(crate) fn of(host: &Host, page: &str, mark: &str) -> Result<String> {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../config/swap")).join(page);
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {page}"))?;
    let block = text
        .split_once(&format!("```{mark}\n"))
        .and_then(|(_, rest)| rest.split_once("```\n"))
        .with_context(|| format!("{page} has no block {mark:?}"))?;
    let socket = host.site.path("run/lmtp.sock");
    Ok(block
        .0
        .replace("/run/postroad/lmtp.sock", &socket.display().to_string())
        .replace("127.0.0.1:10024", &host.site.lmtp.to_string())
        .replace("example.org", DOMAIN))
}
