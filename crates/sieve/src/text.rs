//! Strings of a script: constants, or templates that variables are filled into (RFC 5228 §2.4.2).
//!
//! Values are octets: what a message holds need not be UTF-8, and comparators compare octets (§2.7.2).

use std::borrow::Cow;

use crate::check::Checker;
use crate::extensions::{encoded_character, variables};
use crate::limits;
use crate::problem::{Fault, Place};
use crate::run::{Failure, Run};

/// A string, ready to be evaluated.
#[derive(Debug, Clone)]
pub(crate) struct Text {
    pub(crate) place: Place,
    pieces: Vec<Piece>,
    source: Vec<u8>,
}

/// A part of a [`Text`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    Plain(Vec<u8>),
    Variable(variables::Reference),
}

impl Text {
    /// Reads a string as the required extensions have it: `${hex:…}` is decoded before variables are looked for
    /// (RFC 5229 §3.1).
    pub(crate) fn parse(source: &[u8], place: Place, checker: &Checker<'_>) -> Result<Self, Fault> {
        let octets = match checker.has("encoded-character") {
            true => encoded_character::decode(source).map_err(|what| Fault::new(place, what))?,
            false => Cow::Borrowed(source),
        };
        let pieces = match checker.has("variables") {
            true => variables::pieces(&octets, checker).map_err(|what| Fault::new(place, what))?,
            false => vec![Piece::Plain(octets.into_owned())],
        };
        Ok(Self { place, pieces, source: source.to_vec() })
    }

    /// As it stands in the script.
    pub(crate) fn source(&self) -> &[u8] {
        &self.source
    }

    /// The octets, where no variable is in it.
    pub(crate) fn constant(&self) -> Option<&[u8]> {
        match self.pieces.as_slice() {
            [] => Some(b""),
            [Piece::Plain(octets)] => Some(octets),
            _ => None,
        }
    }

    /// The octets it stands for now.
    pub(crate) fn value(&self, run: &mut Run<'_>) -> Result<Cow<'_, [u8]>, Failure> {
        if let Some(constant) = self.constant() {
            return Ok(Cow::Borrowed(constant));
        }
        let mut value = Vec::new();
        for piece in &self.pieces {
            match piece {
                Piece::Plain(octets) => value.extend_from_slice(octets),
                Piece::Variable(reference) => {
                    value.extend_from_slice(run.variables.value(reference));
                }
            }
            if value.len() > limits::TEXT_OCTETS_MAX {
                let problem = format!("a text of more than {} octets", limits::TEXT_OCTETS_MAX);
                return Err(Failure::new(problem));
            }
        }
        run.spend(value.len())?;
        Ok(Cow::Owned(value))
    }

    /// The characters it stands for now; what isn't UTF-8 can't be a mailbox or an address.
    pub(crate) fn characters(&self, run: &mut Run<'_>) -> Result<String, Failure> {
        let value = self.value(run)?.into_owned();
        String::from_utf8(value).map_err(|error| {
            Failure::new(format!("{} isn't UTF-8", crate::run::shown(error.as_bytes())))
        })
    }
}

/// Checks constants already while the script is checked: what is wrong with them is always wrong.
pub(crate) fn check_constant(
    text: &Text,
    check: impl Fn(&str) -> Result<(), String>,
) -> Result<(), Fault> {
    let Some(constant) = text.constant() else { return Ok(()) };
    let fault = |what: String| Fault::new(text.place, what);
    let characters = std::str::from_utf8(constant).map_err(|_| fault("not UTF-8".to_owned()))?;
    check(characters).map_err(fault)
}
