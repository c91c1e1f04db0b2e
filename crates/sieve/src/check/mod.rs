//! From a tree to a script that can be run: every name resolved, every argument of its kind, every
//! capability required (RFC 5228 §2.10.5).
//!
//! What there is to be resolved stands in one table, [`extensions::all`]; what each command makes of its
//! arguments in the `check` function beside it. Goes on behind a problem, so that one look shows them all.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::sync::Arc;

mod args;
mod signature;

pub(crate) use args::Args;
pub(crate) use signature::{
    AddedTags, CheckFn, CommandKind, Extension, Kind, On, Signature, Tag, TakesBlock, TakesTests,
    TestKind,
};

use crate::base::control;
use crate::extensions::fileinto::check_mailbox;
use crate::extensions::include::{Included, Location, Named};
use crate::extensions::{self, ihave};
use crate::limits;
use crate::parser;
use crate::problem::{Fault, FaultKind, Place, Problem, Problems};
use crate::script::{Block, Check, Condition, Instruction, Script, Step};
use crate::syntax::{Command, Commands, Test};
use crate::text::{Text, check_constant};

/// Checks a script and those that it leads to.
pub(crate) fn check(name: &str, text: &[u8], library: &dyn Library) -> Result<Script, Problems> {
    let name: Arc<str> = name.into();
    let mut named = Named { main: library.main(), scripts: Vec::new() };
    let regexes = Cell::new(0);
    let (block, mut warnings) = check_one(&name, text, &mut named, (library, &regexes))?;
    let mut included = Vec::new();
    while let Some((location, script)) = named.scripts.get(included.len()).cloned() {
        let text = match included.len() < limits::INCLUDED_MAX {
            true => library.script(location, &script),
            false => None,
        };
        let script: Arc<str> = script.into();
        let common = (library, &regexes);
        included.push(match text.map(|text| check_one(&script, &text, &mut named, common)) {
            None => Included::Missing,
            Some(Ok((block, more))) => {
                warnings.extend(more);
                Included::Script { name: script, block }
            }
            Some(Err(problems)) => {
                let first = problems.iter().next().map(ToString::to_string).unwrap_or_default();
                warnings.extend(problems.iter().cloned());
                Included::Broken(first)
            }
        });
    }
    Ok(Script { name, block, included, warnings })
}

/// Where scripts are found that others include.
pub trait Library {
    /// The text of a script; `None` where there is none. Names have no slash and no leading dot.
    fn script(&self, location: Location, name: &str) -> Option<Vec<u8>>;

    /// What the script that is checked is called here, so that it is known when another includes it.
    fn main(&self) -> Option<(Location, String)> {
        None
    }

    /// Says what is wrong with a mailbox's name, where none of that name can be had here. That is a warning: for all
    /// else the script can be followed.
    fn unfit(&self, mailbox: &str) -> Option<Unfit> {
        let _ = mailbox;
        None
    }
}

/// What is wrong with a name in a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfit {
    /// What is wrong with it.
    pub problem: String,
    /// What to do about it, where that is known.
    pub hint: Option<String>,
}

fn check_one(
    name: &Arc<str>,
    text: &[u8],
    named: &mut Named,
    (library, regexes): (&dyn Library, &Cell<usize>),
) -> Result<(Block, Vec<Problem>), Problems> {
    let tree = parser::parse(text).map_err(|fault| fault.within(name))?;
    let mut checker = Checker {
        script: name.clone(),
        required: BTreeSet::new(),
        needed: RefCell::default(),
        requires: Requires::Allowed,
        variables: BTreeSet::new(),
        globals: BTreeSet::new(),
        regexes,
        named,
        loops: Vec::new(),
        problems: Vec::new(),
        library,
        warnings: RefCell::default(),
    };
    let block = checker.block(&tree);
    Problems::none_or(checker.problems)?;
    Ok((block, checker.warnings.into_inner()))
}

/// What is known while a script is checked.
pub(crate) struct Checker<'a> {
    script: Arc<str>,
    required: BTreeSet<&'static str>,
    /// In a script that requires "ihave": what the command or test that is checked needs beyond that.
    needed: RefCell<BTreeSet<&'static str>>,
    requires: Requires,
    variables: BTreeSet<String>,
    globals: BTreeSet<String>,
    /// Those of all scripts that are checked together.
    regexes: &'a Cell<usize>,
    /// The loops around what is checked, by their names, the inner one last (RFC 5703 §3).
    pub(crate) loops: Vec<Option<Vec<u8>>>,
    /// Scripts that are included somewhere.
    pub(crate) named: &'a mut Named,
    problems: Vec<Problem>,
    library: &'a dyn Library,
    warnings: RefCell<Vec<Problem>>,
}

/// Whether `require` may still come (RFC 5228 §3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Requires {
    Allowed,
    Over,
}

/// Whether a script said that it wants an extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Requirement {
    Met,
    Missing,
}

impl<'a> Checker<'a> {
    pub(crate) fn requirement(&self, extension: &'static str) -> Requirement {
        if extension.is_empty() || self.is_required(extension) {
            return Requirement::Met;
        }
        // RFC 5463 §4 (2): then it is for the run to find out.
        if self.is_required("ihave") && !ihave::CHANGES_THE_LANGUAGE.contains(&extension) {
            self.needed.borrow_mut().insert(extension);
            return Requirement::Met;
        }
        Requirement::Missing
    }

    /// Whether `require` lists it.
    pub(crate) fn is_required(&self, extension: &str) -> bool {
        self.required.contains(extension)
    }

    /// Whether the extension may be used here.
    pub(crate) fn has(&self, extension: &'static str) -> bool {
        self.requirement(extension) == Requirement::Met
    }

    /// RFC 5228 §3.2: notes that an extension is used from here on.
    pub(crate) fn require(&mut self, extension: &'static Extension) {
        self.required.insert(extension.name);
        self.required.extend(extension.implies);
    }

    /// RFC 6609 §3.4.1: the name is that of a shared variable from here on.
    pub(crate) fn declare_global(&mut self, name: &str) -> Result<(), String> {
        if self.variables.contains(name) {
            return Err(format!("\"{name}\" was set before, for this script alone"));
        }
        self.globals.insert(name.to_owned());
        match self.globals.len() > limits::VARIABLES_MAX {
            true => Err(format!("more than {} variables", limits::VARIABLES_MAX)),
            false => Ok(()),
        }
    }

    pub(crate) fn globals(&self) -> &BTreeSet<String> {
        &self.globals
    }

    pub(crate) fn is_global(&self, name: &str) -> bool {
        self.globals.contains(name)
    }

    /// Notes that a variable is set somewhere (RFC 5229 §6).
    pub(crate) fn count_variable(&mut self, name: &str) -> Result<(), String> {
        self.variables.insert(name.to_owned());
        match self.variables.len() > limits::VARIABLES_MAX {
            true => Err(format!("more than {} variables", limits::VARIABLES_MAX)),
            false => Ok(()),
        }
    }

    /// Notes regular expressions that are about to be compiled (row M10).
    pub(crate) fn count_regexes(&self, more: usize) -> Result<(), String> {
        self.regexes.set(self.regexes.get().saturating_add(more));
        match self.regexes.get() > limits::REGEXES_MAX {
            true => Err(format!("more than {} regular expressions", limits::REGEXES_MAX)),
            false => Ok(()),
        }
    }

    pub(crate) fn report(&mut self, fault: Fault) {
        if self.problems.len() < limits::PROBLEMS_MAX {
            self.problems.push(fault.within(&self.script));
        }
    }

    /// Looks at a mailbox's name, as far as it is known now.
    pub(crate) fn mailbox(&self, name: &Text) -> Result<(), Fault> {
        check_constant(name, check_mailbox)?;
        let constant = name.constant().and_then(|name| std::str::from_utf8(name).ok());
        let unfit = constant.and_then(|name| self.library.unfit(name));
        let mut warnings = self.warnings.borrow_mut();
        if let Some(Unfit { problem, hint }) = unfit
            && warnings.len() < limits::PROBLEMS_MAX
        {
            warnings.push(Fault { hint, ..Fault::new(name.place, problem) }.within(&self.script));
        }
        Ok(())
    }

    /// Checks commands, one after the other; those with a problem are left out and reported.
    pub(crate) fn block(&mut self, commands: &Commands) -> Block {
        let mut steps = Vec::new();
        let mut rest = commands.commands.as_slice();
        while let [command, behind @ ..] = rest {
            rest = behind;
            let instruction = match command.name.as_str() {
                "if" => {
                    self.requires = Requires::Over;
                    let is_branch =
                        |next: &&Command| matches!(next.name.as_str(), "elsif" | "else");
                    let count = rest.iter().take_while(is_branch).count();
                    let (branches, behind) = rest.split_at(count);
                    rest = behind;
                    control::check_if(command, branches, self)
                        .map(|instruction| (instruction, Vec::new()))
                }
                _ => self.command(command),
            };
            let (place, script) = (command.place, self.script.clone());
            match instruction {
                Ok((instruction, needs)) => {
                    steps.push(Step { place, script, needs, instruction });
                }
                Err(fault) if self.is_deferred(&fault) => {
                    let instruction = Box::new(ihave::Broken(fault));
                    steps.push(Step { place, script, needs: Vec::new(), instruction });
                }
                Err(fault) => self.report(fault),
            }
        }
        Block(steps)
    }

    /// Whether it is an error only for those who get there (RFC 5463 §1).
    fn is_deferred(&self, fault: &Fault) -> bool {
        fault.kind == FaultKind::Unknown && self.is_required("ihave")
    }

    /// What `check` makes of something, and what that needs.
    fn noting_needs<T>(
        &mut self,
        check: impl FnOnce(&mut Self) -> Result<T, Fault>,
    ) -> Result<(T, Vec<&'static str>), Fault> {
        let outer = self.needed.take();
        let made = check(self);
        let needs = self.needed.replace(outer).into_iter().collect();
        made.map(|made| (made, needs))
    }

    fn command(
        &mut self,
        command: &Command,
    ) -> Result<(Box<dyn Instruction>, Vec<&'static str>), Fault> {
        self.noting_needs(|checker| checker.command_alone(command))
    }

    fn command_alone(&mut self, command: &Command) -> Result<Box<dyn Instruction>, Fault> {
        let kind = self.command_kind(command)?;
        let given = (command.place, command.arguments.as_slice(), &command.tests);
        let args = Args::bind(self, kind.name, &kind.signature, given)?;
        let problem = match (kind.block, &command.block) {
            (TakesBlock::No, Some(_)) => format!("\"{}\" takes no block", kind.name),
            (TakesBlock::Yes, None) => format!("\"{}\" takes a block", kind.name),
            (TakesBlock::No, None) | (TakesBlock::Yes, Some(_)) => {
                return (kind.check)(&args.with_block(command.block.as_ref()), self);
            }
        };
        Err(Fault::new(command.place, problem))
    }

    fn command_kind(&mut self, command: &Command) -> Result<&'static CommandKind, Fault> {
        let name = command.name.as_str();
        // RFC 5228 §3.2: require comes before everything else.
        match (name, self.requires) {
            ("require", Requires::Over) => {
                return Err(Fault::new(command.place, "\"require\" behind another command")
                    .hint("it stands at the top of the script"));
            }
            ("require", Requires::Allowed) => {}
            _ => self.requires = Requires::Over,
        }
        let named = extensions::commands().filter(|(_, kind)| kind.name == name);
        self.available(named, command.place, || {
            let unknown = Fault::unknown(command.place, format!("there is no command \"{name}\""));
            if matches!(name, "elsif" | "else") {
                let problem = format!("\"{name}\" without an \"if\" before it");
                return Fault::new(command.place, problem);
            }
            if extensions::tests().any(|(_, test)| test.name == name) {
                return unknown.hint(format!("that is a test, as in \"if {name} …\""));
            }
            if matches!(name, "elif" | "elseif") {
                return unknown.hint("did you mean \"elsif\"?");
            }
            let names = extensions::commands().map(|(_, kind)| kind.name).chain(["if"]);
            did_you_mean(unknown, name, names)
        })
    }

    /// Checks a test.
    pub(crate) fn test(&mut self, test: &Test) -> Result<Check, Fault> {
        match self.noting_needs(|checker| checker.test_alone(test)) {
            Ok(((name, condition), needs)) => {
                Ok(Check { place: test.place, name, needs, condition })
            }
            Err(fault) if self.is_deferred(&fault) => Ok(Check {
                place: test.place,
                name: "unknown test",
                needs: Vec::new(),
                condition: Box::new(ihave::Broken(fault)),
            }),
            Err(fault) => Err(fault),
        }
    }

    fn test_alone(&mut self, test: &Test) -> Result<(&'static str, Box<dyn Condition>), Fault> {
        let name = test.name.as_str();
        let named = extensions::tests().filter(|(_, kind)| kind.name == name);
        let kind = self.available(named, test.place, || {
            let unknown = Fault::unknown(test.place, format!("there is no test \"{name}\""));
            if extensions::commands().any(|(_, command)| command.name == name) {
                return unknown.hint("that is a command");
            }
            did_you_mean(unknown, name, extensions::tests().map(|(_, kind)| kind.name))
        })?;
        let given = (test.place, test.arguments.as_slice(), &test.tests);
        let args = Args::bind(self, kind.name, &kind.signature, given)?;
        Ok((kind.name, (kind.check)(&args, self)?))
    }

    /// The one of some things of the same name whose extension is required.
    fn available<K>(
        &self,
        named: impl Iterator<Item = (&'static Extension, &'static K)>,
        place: Place,
        unknown: impl Fn() -> Fault,
    ) -> Result<&'static K, Fault> {
        let mut missing = None;
        for (extension, kind) in named {
            match self.requirement(extension.name) {
                Requirement::Met => return Ok(kind),
                Requirement::Missing => missing = Some(extension.name),
            }
        }
        Err(match missing {
            Some(extension) => Fault::new(place, format!("this needs \"{extension}\""))
                .hint(format!("write: require \"{extension}\";")),
            None => unknown(),
        })
    }
}

fn did_you_mean(fault: Fault, name: &str, known: impl Iterator<Item = &'static str>) -> Fault {
    match nearest(name, known) {
        Some(meant) => fault.hint(format!("did you mean \"{meant}\"?")),
        None => fault,
    }
}

/// The known word that `word` is likely a slip of.
pub(crate) fn nearest(
    word: &str,
    known: impl Iterator<Item = &'static str>,
) -> Option<&'static str> {
    let allowed = if word.len() < 4 { 1 } else { 2 };
    // Nobody misspells a word of a hundred letters.
    let near = known.filter(|_| word.len() < 40).map(|known| (distance(word, known), known));
    near.filter(|(distance, _)| *distance <= allowed).min().map(|(_, known)| known)
}

/// Levenshtein's.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.bytes().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        if let Some(first) = row.first_mut() {
            *first = left;
        }
        for (cell, to) in row.iter_mut().skip(1).zip(b.bytes()) {
            let replaced = diagonal + usize::from(from != to);
            diagonal = *cell;
            left = replaced.min(*cell + 1).min(left + 1);
            *cell = left;
        }
    }
    row.last().copied().unwrap_or_default()
}
