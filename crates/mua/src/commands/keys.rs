//! `postroad-mua keys`

use std::io::Read as _;
use std::path::PathBuf;

use postroad_seal::pgp::{Key, Vouched, armored};
use schemars::JsonSchema;
use serde::Serialize;

use super::send::Output;
use super::{Context, author};
use crate::error::{Error, Exit};
use crate::safe_text::SafeText;
use crate::sealed::{self, Asks};
use crate::{limits, safe_line};

/// OpenPGP keys, for letters that are signed or encrypted
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// List keys: yours, and those that you can encrypt to
    List {
        /// Only those of this address
        address: Option<String>,
        #[command(flatten)]
        output: Output,
    },
    /// Make a key for your address
    Make,
    /// Take keys in
    Import {
        /// The file; standard input where it is -
        file: PathBuf,
    },
    /// Print a public key, for somebody who is to write to you
    Export {
        /// Whose [default: yours]
        address: Option<String>,
    },
}

/// A key, as JSON.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct KeyJson<'a> {
    /// Its fingerprint, as digits.
    fingerprint: &'a str,
    /// Whose it says that it is.
    people: Vec<&'a str>,
    /// Whether its private half is here.
    ours: bool,
    /// Whether it can sign now.
    signs: bool,
    /// Whether it can be encrypted to now.
    encrypts: bool,
    /// Why it can't be used, or until when it can; may be empty.
    state: &'a str,
    /// Who says that it is of all whom it names: `known` (somebody whom the user relies on), `seen` (letters have brought it), `unknown`.
    vouched: &'static str,
    /// Where it is kept.
    place: &'a str,
}

pub(super) fn run(context: &mut Context<'_, '_>, arguments: &Arguments) -> Result<Exit, Error> {
    let account = context.account()?;
    let keys = sealed::keys(&account, Asks::Here);
    let nothing = What::List { address: None, output: Output { json: false } };
    match arguments.what.as_ref().unwrap_or(&nothing) {
        What::List { address, output } => {
            let found = keys.list(address.as_deref())?;
            for key in &found {
                show(context, key, *output)?;
            }
            if found.is_empty() && !output.json {
                let words = "no keys: keys make makes yours, keys import FILE takes others' in";
                context.screen.say(&words.into());
                return Ok(Exit::No);
            }
        }
        What::Make => {
            let person = author(&account).to_string();
            let (fingerprint, place) = keys.make(&person)?;
            context.screen.say(&safe_line!("{person} has a key, {}: {fingerprint}", kept(place)));
            context.screen.say(&safe_line!(
                "Others need its public half to write to you: keys export, or any letter that you sign"
            ));
        }
        What::Import { file } => {
            let octets = octets(file)?;
            let (taken, place) = keys.import(octets)?;
            for key in keys.list(None)?.iter().filter(|key| taken.contains(&key.fingerprint)) {
                show(context, key, Output { json: false })?;
            }
            context.screen.say(&safe_line!(
                "{} {}: compare fingerprints with their owners",
                taken.len(),
                kept(place)
            ));
        }
        What::Export { address } => {
            let octets = match address {
                Some(address) => keys.key_for(address)?.0,
                None => keys.export(&keys.own_key(&account.address.to_string())?)?,
            };
            context.screen.show_raw(armored(&octets).as_bytes())?;
        }
    }
    Ok(Exit::Done)
}

/// Where a key is kept, in words.
fn kept(place: &str) -> SafeText {
    match place {
        "own" => "kept by this program".into(),
        place => safe_line!("kept in {place}"),
    }
}

fn show(context: &mut Context<'_, '_>, key: &Key, output: Output) -> Result<(), Error> {
    let vouched = match key.vouched() {
        Vouched::Known => "known",
        Vouched::Seen => "seen",
        Vouched::Unknown => "unknown",
    };
    let people: Vec<&str> = key.people.iter().map(|person| person.id.as_str()).collect();
    if output.json {
        context.screen.show_json(&KeyJson {
            fingerprint: &key.fingerprint,
            people,
            ours: key.is_ours,
            signs: key.uses.signs,
            encrypts: key.uses.encrypts,
            state: &key.state,
            vouched,
            place: key.place,
        })?;
        return Ok(());
    }
    let uses = match (key.uses.signs, key.uses.encrypts) {
        (true, true) => "signs, encrypts",
        (true, false) => "signs",
        (false, true) => "encrypts",
        (false, false) => "no use",
    };
    let whose = if key.is_ours { "yours" } else { vouched };
    let state = if key.state.is_empty() { String::new() } else { format!(", {}", key.state) };
    context.screen.show(&safe_line!("{}", people.join(", ")))?;
    let line = safe_line!("    {}  ({}: {whose}, {uses}{state})", key.fingerprint, key.place);
    context.screen.show(&line)?;
    Ok(())
}

fn octets(file: &std::path::Path) -> Result<Vec<u8>, Error> {
    if file.as_os_str() == "-" {
        let mut octets = Vec::new();
        let most = postroad_seal::limits::KEYS_OCTETS_MAX;
        std::io::stdin().take(most).read_to_end(&mut octets)?;
        return Ok(octets);
    }
    let read = postroad_disk::read_whole(file, limits::LETTER_OCTETS_MAX);
    read.map_err(|error| {
        let path = file.display().to_string();
        postroad_seal::SealError::File { doing: "read", path, source: error.source }.into()
    })
}
