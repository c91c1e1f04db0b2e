//! `editheader`: add and delete header fields (RFC 5293).
//!
//! Trace fields and what keeps loops from going round are left alone: an attempt to change them does nothing
//! (RFC 5293 §6). What is refused or bounced is the letter as it came (§7): that is the caller's.

use std::borrow::Cow;

use crate::check::{
    Args, Checker, CommandKind, Extension, Kind, Signature, Tag, TakesBlock, TakesTests,
};
use crate::compose::unstructured;
use crate::limits;
use crate::matching::{self, Matcher};
use crate::problem::Fault;
use crate::run::{Failure, Run, shown};
use crate::script::{Flow, Instruction};
use crate::text::{Text, check_constant};

use super::index::Selection;

pub(super) const EXTENSION: Extension = Extension {
    commands: &[
        CommandKind {
            name: "addheader",
            signature: Signature {
                tags: &[&[Tag::flag("last")]],
                positional: &[&[Kind::Text, Kind::Text]],
                tests: TakesTests::None,
            },
            block: TakesBlock::No,
            check: check_add,
        },
        CommandKind {
            name: "deleteheader",
            signature: Signature {
                tags: &[matching::TAGS, &[Tag::with("index", Kind::Number), Tag::flag("last")]],
                positional: &[&[Kind::Text], &[Kind::Text, Kind::Texts]],
                tests: TakesTests::None,
            },
            block: TakesBlock::No,
            check: check_delete,
        },
    ],
    ..Extension::named("editheader")
};

/// What is neither added nor deleted. RFC 5293 §6 names Received and Auto-Submitted; then there is what deliveries
/// know their own loops by, and the sender; and what `replace` keeps (RFC 5703 §5).
const LEFT_ALONE: &[&str] =
    &["received", "return-path", "delivered-to", "original-subject", "original-from"];
const NEVER_DELETED: &[&str] = &["auto-submitted"];

/// Where a field goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Top,
    Bottom,
}

/// `field-name = 1*ftext` (RFC 5322 §3.6.8).
fn check_name(name: &str) -> Result<(), String> {
    let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic() && b != b':');
    match is_name && name.len() <= limits::FIELD_NAME_OCTETS_MAX {
        true => Ok(()),
        false => Err(format!("\"{}\" is no field's name", name.escape_debug())),
    }
}

struct AddHeader {
    end: End,
    name: Text,
    value: Text,
}

fn check_add(args: &Args<'_>, checker: &mut Checker<'_>) -> Result<Box<dyn Instruction>, Fault> {
    let name = args.text(0, checker)?;
    check_constant(&name, check_name)?;
    let end = if args.has("last") { End::Bottom } else { End::Top };
    Ok(Box::new(AddHeader { end, name, value: args.text(1, checker)? }))
}

impl Instruction for AddHeader {
    fn run(&self, run: &mut Run<'_>) -> Result<Flow, Failure> {
        let name = self.name.characters(run)?;
        check_name(&name).map_err(Failure::new)?;
        if LEFT_ALONE.contains(&name.to_ascii_lowercase().as_str()) {
            run.note(|| format!("addheader: {name} is left alone"));
            return Ok(Flow::Next);
        }
        let value = self.value.value(run)?;
        if value.len() > limits::ADDED_FIELD_OCTETS_MAX {
            let problem = format!("a field of more than {} octets", limits::ADDED_FIELD_OCTETS_MAX);
            return Err(Failure::new(problem));
        }
        // RFC 5293 §4: what isn't unstructured is encoded; row M12: it stays one field.
        let value = unstructured(&String::from_utf8_lossy(&value), name.len() + 2);
        run.look_up(1)?;
        run.allocate(run.letter.header_octets() + value.len())?;
        run.note(|| format!("addheader {name}: {}", shown(value.as_bytes())));
        run.letter.add_field(self.end, &name, &value);
        Ok(Flow::Next)
    }
}

struct DeleteHeader {
    name: Text,
    selection: Selection,
    values: Option<Matcher>,
}

fn check_delete(args: &Args<'_>, checker: &mut Checker<'_>) -> Result<Box<dyn Instruction>, Fault> {
    let name = args.text(0, checker)?;
    check_constant(&name, check_name)?;
    // RFC 5293 §5: without patterns, match type and comparator say nothing.
    let values = match args.count() {
        1 => None,
        _ => Some(Matcher::of(args, 1, checker)?),
    };
    Ok(Box::new(DeleteHeader { name, selection: Selection::of(args)?, values }))
}

impl Instruction for DeleteHeader {
    fn run(&self, run: &mut Run<'_>) -> Result<Flow, Failure> {
        let name = self.name.characters(run)?;
        check_name(&name).map_err(Failure::new)?;
        let lower = name.to_ascii_lowercase();
        if LEFT_ALONE.contains(&lower.as_str()) || NEVER_DELETED.contains(&lower.as_str()) {
            run.note(|| format!("deleteheader: {name} is left alone"));
            return Ok(Flow::Next);
        }
        run.look_up(1)?;
        let mut doomed = Vec::new();
        for (index, raw) in self.selection.of_all(run.letter.indexed_values(name.as_bytes())) {
            let value: [(String, Cow<'_, [u8]>); 1] = [(name.clone(), crate::decode::value(raw))];
            match &self.values {
                Some(matcher) if !matcher.any(run, &value)? => {}
                Some(_) | None => doomed.push(index),
            }
        }
        run.allocate(run.letter.header_octets())?;
        run.note(|| format!("deleteheader {name}: {} of them", doomed.len()));
        run.letter.delete_fields(&doomed);
        Ok(Flow::Next)
    }
}
