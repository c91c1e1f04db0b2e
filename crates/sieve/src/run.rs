//! A script while it runs.

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;

use crate::actions::Actions;
use crate::extensions::foreverypart::Current;
use crate::extensions::ihave::Found;
use crate::extensions::imap4flags::Flags;
use crate::extensions::include::Includes;
use crate::extensions::variables::Variables;
use crate::facts::{Facts, Tracing};
use crate::letter::{Letter, Message};
use crate::limits;
use crate::mime::Parts;
use crate::outcome::{Action, Decision, Filing, Memo, Origin, Outcome, TraceStep};
use crate::problem::{Fault, FaultKind, Place};
use crate::script::{Block, Check, Flow, Script};

/// All that a run knows and has decided.
pub(crate) struct Run<'a> {
    pub(crate) script: &'a Script,
    pub(crate) facts: &'a Facts<'a>,
    pub(crate) includes: Includes,
    /// The parts that loops are at, the inner one last.
    pub(crate) current: Vec<Current>,
    pub(crate) letter: Letter<'a>,
    /// Where scripts are included in loops: what was the message outside, the whole one first.
    outside: Vec<Outside<'a>>,
    pub(crate) actions: Actions,
    pub(crate) variables: Variables,
    pub(crate) flags: Flags,
    pub(crate) found: Found,
    memos: Vec<Memo>,
    programs: usize,
    budget: Budget,
    trace: Trace,
    /// The command or test that is being looked at.
    at: (Arc<str>, Place),
}

impl<'a> Run<'a> {
    pub(crate) fn whole(
        script: &'a Script,
        message: &Message<'a>,
        facts: &'a Facts<'a>,
    ) -> Outcome {
        let mut run = Self {
            script,
            facts,
            includes: Includes::default(),
            current: Vec::new(),
            letter: Letter::new(message),
            outside: Vec::new(),
            actions: Actions::default(),
            variables: Variables::default(),
            flags: Flags::default(),
            found: Found::default(),
            memos: Vec::new(),
            programs: 0,
            budget: Budget::default(),
            trace: Trace { tracing: facts.tracing, steps: Vec::new(), depth: 0 },
            at: (script.name.clone(), Place::default()),
        };
        // The parsers of others see what strangers wrote. A panic must not cost a letter.
        let ran = catch_unwind(AssertUnwindSafe(|| run.block(&script.block)));
        let failure = match ran {
            Ok(Ok(Flow::Next | Flow::Stop | Flow::Return | Flow::Break(_))) => None,
            Ok(Err(failure)) => Some(failure),
            Err(_) => Some(Failure::new("a part of the interpreter broke down")),
        };
        run.end(failure)
    }

    fn end(mut self, failure: Option<Failure>) -> Outcome {
        let error = failure.map(|failure| {
            let (script, place) = self.at.clone();
            Fault { place, problem: failure.problem, hint: failure.hint, kind: FaultKind::Wrong }
                .within(&script)
        });
        let (actions, discarded) = match &error {
            // RFC 5228 §2.10.6: all or nothing; what a failed script wanted is not done.
            Some(problem) => {
                self.note(|| format!("failed: {}; kept in the inbox", problem.problem));
                let keep = Action::Keep(Filing::default());
                (vec![Decision { action: keep, by: None }], None)
            }
            None => {
                if self.actions.keeps_implicitly() {
                    self.note(|| "implicit keep".to_owned());
                }
                let content = self.letter.content();
                let flags = std::mem::take(&mut self.flags).into_list();
                std::mem::take(&mut self.actions).into_list(Filing {
                    content,
                    flags,
                    ..Filing::default()
                })
            }
        };
        // RFC 7352 §3: a failed run has seen nothing.
        let memos = if error.is_some() { Vec::new() } else { self.memos };
        Outcome { actions, discarded, memos, error, trace: self.trace.steps }
    }

    pub(crate) fn block(&mut self, block: &Block) -> Result<Flow, Failure> {
        for step in &block.0 {
            self.budget.step()?;
            self.at = (step.script.clone(), step.place);
            self.check_needs(&step.needs)?;
            match step.instruction.run(self)? {
                Flow::Next => {}
                flow @ (Flow::Stop | Flow::Return | Flow::Break(_)) => return Ok(flow),
            }
        }
        Ok(Flow::Next)
    }

    /// Runs a block one level deeper.
    pub(crate) fn inner_block(&mut self, block: &Block) -> Result<Flow, Failure> {
        self.trace.depth += 1;
        let flow = self.block(block)?;
        self.trace.depth -= 1;
        Ok(flow)
    }

    /// Runs something that has its own variables and extensions, as an included script does (RFC 6609 §3.2, §3.4).
    pub(crate) fn in_own_scope(
        &mut self,
        inner: impl FnOnce(&mut Self) -> Result<Flow, Failure>,
    ) -> Result<Flow, Failure> {
        let scope = self.variables.enter_scope();
        let found = std::mem::take(&mut self.found);
        let at = self.at.clone();
        let flow = inner(self)?;
        self.variables.leave_scope(scope);
        self.found = found;
        self.at = at;
        Ok(flow)
    }

    /// The command that is at work.
    pub(crate) fn origin(&self) -> Origin {
        let (script, place) = self.at.clone();
        Origin { script, place }
    }

    pub(crate) fn holds(&mut self, check: &Check) -> Result<bool, Failure> {
        self.budget.step()?;
        self.at.1 = check.place;
        self.check_needs(&check.needs)?;
        self.trace.depth += 1;
        let holds = check.condition.holds(self)?;
        self.trace.depth -= 1;
        self.at.1 = check.place;
        self.note(|| format!("{}: {}", check.name, if holds { "holds" } else { "does not hold" }));
        Ok(holds)
    }

    /// The message as its parts, for a loop or a test with ":mime".
    pub(crate) fn parts(&mut self) -> Result<Rc<Parts>, Failure> {
        let (parts, looked_at) = self.letter()?.row();
        self.spend(looked_at)?;
        Ok(parts)
    }

    /// The message that the script sees, with what a loop has replaced so far.
    pub(crate) fn letter(&mut self) -> Result<&mut Letter<'a>, Failure> {
        if let Some(parts) = self.current.first().map(|at| at.parts.clone()) {
            self.apply_replacements(&parts)?;
        }
        Ok(&mut self.letter)
    }

    /// The whole message, which actions are about, also where a script sees a part of it.
    pub(crate) fn message(&mut self) -> Result<&mut Letter<'a>, Failure> {
        let Some(outside) = self.outside.first() else { return self.letter() };
        let replaced = outside.current.first().and_then(|at| at.parts.replaced());
        self.allocate(replaced.as_ref().map_or(0, Vec::len))?;
        match self.outside.first_mut() {
            Some(outside) => {
                replaced.iter().for_each(|message| outside.letter.set_rest_of(message));
                Ok(&mut outside.letter)
            }
            None => Ok(&mut self.letter),
        }
    }

    /// The header of the whole message.
    pub(crate) fn header(&self) -> &Letter<'a> {
        self.outside.first().map_or(&self.letter, |outside| &outside.letter)
    }

    /// Puts into the message what parts of it were replaced by.
    pub(crate) fn apply_replacements(&mut self, parts: &Parts) -> Result<(), Failure> {
        if let Some(message) = parts.replaced() {
            self.allocate(message.len())?;
            self.letter.set_rest_of(&message);
        }
        Ok(())
    }

    /// What loops go over is no longer the message.
    pub(crate) fn retire_loops(&self) {
        if let Some(at) = self.current.first() {
            at.parts.retire();
        }
    }

    /// Runs an included script. In a loop the current part is the message to it, and no loop is around it
    /// (RFC 6609 §3.5); the part becomes what the script makes of it.
    pub(crate) fn presenting_part(
        &mut self,
        inner: impl FnOnce(&mut Self) -> Result<Flow, Failure>,
    ) -> Result<Flow, Failure> {
        let current = std::mem::take(&mut self.current);
        let Some(at) = current.last().cloned().filter(|at| at.index > 0) else {
            let flow = inner(self);
            self.current = current;
            return flow;
        };
        let part = at.parts.octets_of(at.index);
        self.spend(part.len())?;
        let letter = std::mem::replace(&mut self.letter, Letter::of_part(&part));
        self.outside.push(Outside { letter, current });
        let flow = inner(self)?;
        let changed = self.letter.octets().into_owned();
        if let Some(Outside { letter, current }) = self.outside.pop() {
            (self.letter, self.current) = (letter, current);
        }
        if changed != part {
            self.allocate(changed.len())?;
            let looked_at = at.parts.replace(at.index, changed);
            self.spend(looked_at)?;
        }
        Ok(flow)
    }

    /// RFC 5463 §4 (1): an extension is there once an `ihave` has found it.
    fn check_needs(&self, needs: &[&'static str]) -> Result<(), Failure> {
        match self.found.missing(needs) {
            None => Ok(()),
            Some(extension) => Err(Failure::new(format!("this needs \"{extension}\""))
                .hint("\"require\" lists it, or an \"ihave\" before this asks for it")),
        }
    }

    /// Asks for something to be remembered, if the run succeeds; of two with one key, the last.
    pub(crate) fn remember(&mut self, memo: Memo) -> Result<(), Failure> {
        self.memos.retain(|other| (other.kind, &other.key) != (memo.kind, &memo.key));
        if self.memos.len() >= limits::MEMOS_MAX {
            let problem = format!("more than {} things to be remembered", limits::MEMOS_MAX);
            return Err(Failure::new(problem));
        }
        self.memos.push(memo);
        Ok(())
    }

    /// Counts a program that is run or piped to.
    pub(crate) fn count_program(&mut self) -> Result<(), Failure> {
        self.programs += 1;
        match self.programs > limits::PROGRAMS_MAX {
            true => Err(Failure::new(format!("more than {} programs", limits::PROGRAMS_MAX))),
            false => Ok(()),
        }
    }

    /// Takes the price of one step of a loop.
    pub(crate) fn step(&mut self) -> Result<(), Failure> {
        self.budget.step()
    }

    /// Takes the price of looking at so many octets, once and fast.
    pub(crate) fn spend(&mut self, octets: usize) -> Result<(), Failure> {
        self.budget.work(octets / limits::OCTETS_PER_STEP + 1)
    }

    /// Takes the price of so many steps of a slower kind.
    pub(crate) fn spend_steps(&mut self, steps: usize) -> Result<(), Failure> {
        self.budget.work(steps)
    }

    /// Takes the price of comparing so many names with those of all fields.
    pub(crate) fn look_up(&mut self, names: usize) -> Result<(), Failure> {
        self.budget.work(names * self.letter.field_count() / limits::FIELDS_PER_STEP + 1)
    }

    /// Takes the price of keeping so many octets.
    pub(crate) fn allocate(&mut self, octets: usize) -> Result<(), Failure> {
        self.budget.memory(octets)
    }

    /// Writes down a step, if anybody wants to read it.
    pub(crate) fn note(&mut self, what: impl FnOnce() -> String) {
        if self.trace.tracing == Tracing::On && self.trace.steps.len() < limits::TRACE_STEPS_MAX {
            let (script, place) = self.at.clone();
            // What strangers wrote must not reach a terminal raw.
            let what = what().replace(|c: char| c.is_control(), "\u{fffd}");
            self.trace.steps.push(TraceStep { script, place, depth: self.trace.depth, what });
        }
    }
}

/// A value as a trace shows it: cut where it is long.
pub(crate) fn shown(value: &[u8]) -> String {
    let text: Cow<'_, str> = String::from_utf8_lossy(value);
    let cut = text.char_indices().find(|(index, _)| *index >= limits::TRACE_VALUE_OCTETS_MAX);
    match cut {
        Some((index, _)) => format!("\"{}…\"", text.get(..index).unwrap_or_default()),
        None => format!("\"{text}\""),
    }
}

/// What a script that is included in a loop doesn't see: the message, and the parts that loops are at.
struct Outside<'a> {
    letter: Letter<'a>,
    current: Vec<Current>,
}

/// Why a script can't go on (RFC 5228 §2.10.6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) problem: String,
    pub(crate) hint: Option<String>,
}

impl Failure {
    pub(crate) fn new(problem: impl Into<String>) -> Self {
        Self { problem: problem.into(), hint: None }
    }

    pub(crate) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

struct Trace {
    tracing: Tracing,
    steps: Vec<TraceStep>,
    depth: usize,
}

/// What a run may still use up.
struct Budget {
    steps: u64,
    work: u64,
    memory: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self { steps: limits::STEPS_MAX, work: limits::WORK_MAX, memory: limits::MEMORY_OCTETS_MAX }
    }
}

impl Budget {
    fn step(&mut self) -> Result<(), Failure> {
        self.steps = self.steps.checked_sub(1).ok_or_else(|| {
            Failure::new(format!("more than {} commands and tests", limits::STEPS_MAX))
        })?;
        Ok(())
    }

    fn work(&mut self, steps: usize) -> Result<(), Failure> {
        let steps = u64::try_from(steps).unwrap_or(u64::MAX);
        self.work = self.work.checked_sub(steps).ok_or_else(|| {
            Failure::new("the script compares too much")
                .hint("patterns with many \"*\" on long texts take long")
        })?;
        Ok(())
    }

    fn memory(&mut self, octets: usize) -> Result<(), Failure> {
        self.memory = self
            .memory
            .checked_sub(octets)
            .ok_or_else(|| Failure::new("the script needs too much memory"))?;
        Ok(())
    }
}
