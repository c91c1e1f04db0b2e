//! `vnd.dovecot.pipe`, `vnd.dovecot.filter`, `vnd.dovecot.execute`: programs that a letter is given to, that change
//! it, that are asked (Pigeonhole's "Invoking External Programs", called "programs" below).
//!
//! ```text
//! pipe [:copy] [:try] <program: string> [<arguments: string-list>]
//! filter <program: string> [<arguments: string-list>]                               action or test
//! execute [:input <data: string> / :pipe] [:output <variable: string>] <program: string> [<arguments: string-list>]
//! ```
//! Nothing runs here: `pipe` is an [`Action`] like `redirect`, the others ask [`Programs`](crate::Programs).

use crate::base::actions::add;
use crate::check::{
    Args, Checker, CommandKind, Extension, Kind, Signature, Tag, TakesBlock, TakesTests, TestKind,
};
use crate::facts::{Call, ProgramError, Ran, Wanted};
use crate::limits;
use crate::outcome::{Action, Pipe, Try};
use crate::problem::Fault;
use crate::run::{Failure, Run, shown};
use crate::script::{Condition, Flow, Instruction};
use crate::text::Text;

use super::copy::ImplicitKeep;
use super::variables::{self, Name};

/// A program, and what it is given.
const CALL: &[&[Kind]] = &[&[Kind::Text], &[Kind::Text, Kind::Texts]];

pub(super) const PIPE: Extension = Extension {
    commands: &[CommandKind {
        name: "pipe",
        signature: Signature {
            tags: &[&[Tag::flag("try")]],
            positional: CALL,
            tests: TakesTests::None,
        },
        block: TakesBlock::No,
        check: |args, checker| {
            let (program, implicit_keep) =
                (Program::of(args, checker)?, ImplicitKeep::behind(args));
            let failure = if args.has("try") { Try::Yes } else { Try::No };
            Ok(Box::new(PipeCommand { program, failure, implicit_keep }))
        },
    }],
    ..Extension::named("vnd.dovecot.pipe")
};

const FILTER_SIGNATURE: Signature =
    Signature { tags: &[], positional: CALL, tests: TakesTests::None };

pub(super) const FILTER: Extension = Extension {
    commands: &[CommandKind {
        name: "filter",
        signature: FILTER_SIGNATURE,
        block: TakesBlock::No,
        check: |args, checker| Ok(Box::new(Filter(Program::of(args, checker)?))),
    }],
    tests: &[TestKind {
        name: "filter",
        signature: FILTER_SIGNATURE,
        check: |args, checker| Ok(Box::new(Filter(Program::of(args, checker)?))),
    }],
    ..Extension::named("vnd.dovecot.filter")
};

const EXECUTE_SIGNATURE: Signature = Signature {
    tags: &[&[
        Tag { name: "input", group: "input", value: Some(Kind::Text) },
        Tag::one_of("input", "pipe"),
        Tag::with("output", Kind::Text),
    ]],
    positional: CALL,
    tests: TakesTests::None,
};

pub(super) const EXECUTE: Extension = Extension {
    commands: &[CommandKind {
        name: "execute",
        signature: EXECUTE_SIGNATURE,
        block: TakesBlock::No,
        check: |args, checker| Ok(Box::new(Execute::of(args, checker)?)),
    }],
    tests: &[TestKind {
        name: "execute",
        signature: EXECUTE_SIGNATURE,
        check: |args, checker| Ok(Box::new(Execute::of(args, checker)?)),
    }],
    ..Extension::named("vnd.dovecot.execute")
};

/// A program by its name, and its arguments.
struct Program {
    name: String,
    arguments: Vec<Text>,
}

impl Program {
    fn of(args: &Args<'_>, checker: &mut Checker<'_>) -> Result<Self, Fault> {
        let name = args.text(0, checker)?;
        let fault = |what: &str| Fault::new(name.place, what);
        // Programs §3: a letter has no say in which program it is given to.
        let constant =
            name.constant().ok_or_else(|| fault("a program's name takes no variables"))?;
        let constant = std::str::from_utf8(constant).map_err(|_| fault("not UTF-8"))?;
        check_name(constant)
            .map_err(|what| fault(&what).hint("the name of a file, without \"/\""))?;
        let arguments = if args.count() > 1 { args.texts(1, checker)? } else { Vec::new() };
        if arguments.len() > limits::PROGRAM_ARGUMENTS_MAX {
            let most = limits::PROGRAM_ARGUMENTS_MAX;
            return Err(Fault::new(args.place_at(1), format!("more than {most} arguments")));
        }
        Ok(Self { name: constant.to_owned(), arguments })
    }

    /// The arguments as they are now: each one stays one, the empty ones too (row M07).
    fn arguments(&self, run: &mut Run<'_>) -> Result<Vec<Vec<u8>>, Failure> {
        let mut arguments = Vec::with_capacity(self.arguments.len());
        for text in &self.arguments {
            let value = text.value(run)?.into_owned();
            if value.len() > limits::PROGRAM_ARGUMENT_OCTETS_MAX {
                let most = limits::PROGRAM_ARGUMENT_OCTETS_MAX;
                return Err(Failure::new(format!("an argument of more than {most} octets")));
            }
            // It would end there.
            if value.contains(&0) {
                return Err(Failure::new("an argument with NUL in it"));
            }
            arguments.push(value);
        }
        Ok(arguments)
    }

    /// Runs it.
    fn run(&self, input: &[u8], output: Wanted, run: &mut Run<'_>) -> Result<Ended, Failure> {
        let arguments = self.arguments(run)?;
        run.count_program()?;
        run.spend(input.len())?;
        let call = Call { program: &self.name, arguments: &arguments, input, output };
        let what = described(&self.name, &arguments);
        Ok(match run.facts.programs.run(&call) {
            Ok(Ran::Output(output)) => {
                run.spend(output.len())?;
                run.note(|| format!("{what} ran"));
                Ended::Well(Some(output))
            }
            Ok(Ran::Imagined) => {
                run.note(|| format!("{what} would run; taken to succeed, and to change nothing"));
                Ended::Well(None)
            }
            Err(ProgramError::Failed(why)) => {
                run.note(|| format!("{what} failed: {why}"));
                Ended::Badly
            }
            Err(ProgramError::Unknown(why)) => Ended::Unknown(why),
        })
    }
}

/// What came of a program.
enum Ended {
    /// `None`: it was only imagined.
    Well(Option<Vec<u8>>),
    Badly,
    /// There is no such program.
    Unknown(String),
}

impl Ended {
    /// Programs §6, §7: the action fails for an unknown program, and for nothing else.
    fn into_action(self) -> Result<Flow, Failure> {
        match self {
            Self::Well(_) | Self::Badly => Ok(Flow::Next),
            Self::Unknown(why) => Err(Failure::new(why)),
        }
    }

    /// Programs §8.
    fn is_well(&self, run: &mut Run<'_>) -> bool {
        if let Self::Unknown(why) = self {
            run.note(|| why.clone());
        }
        matches!(self, Self::Well(_))
    }
}

/// `program "x" with "a" ""`.
fn described(name: &str, arguments: &[Vec<u8>]) -> String {
    let arguments: Vec<String> = arguments.iter().map(|argument| shown(argument)).collect();
    let with = if arguments.is_empty() { "" } else { " with " };
    format!("program \"{name}\"{with}{}", arguments.join(" "))
}

/// Programs §3. A dot would hide it, or lead up.
fn check_name(name: &str) -> Result<(), String> {
    let is_bad = |c: char| c.is_control() || matches!(c, '/' | '\u{2028}' | '\u{2029}');
    match name {
        "" => Err("a program without a name".to_owned()),
        name if name.len() > limits::PROGRAM_NAME_OCTETS_MAX => {
            Err(format!("a name of more than {} octets", limits::PROGRAM_NAME_OCTETS_MAX))
        }
        name if name.starts_with('.') || name.contains(is_bad) => {
            Err(format!("\"{}\" is no program's name", name.escape_debug()))
        }
        _ => Ok(()),
    }
}

struct PipeCommand {
    program: Program,
    failure: Try,
    implicit_keep: ImplicitKeep,
}

impl Instruction for PipeCommand {
    fn run(&self, run: &mut Run<'_>) -> Result<Flow, Failure> {
        let arguments = self.program.arguments(run)?;
        run.count_program()?;
        let what = format!("pipe to {}", described(&self.program.name, &arguments));
        let program = self.program.name.clone();
        // Programs §6.1: the message as it is at this point.
        let content = run.message()?.content();
        let pipe = Pipe { program, arguments, content, failure: self.failure, kept: None };
        run.actions.pipes(self.implicit_keep);
        add(run, Action::Pipe(pipe), || what)
    }
}

struct Filter(Program);

impl Filter {
    fn filter(&self, run: &mut Run<'_>) -> Result<Ended, Failure> {
        let message = run.letter()?.octets();
        let ended = self.0.run(&message, Wanted::Whole, run)?;
        let Ended::Well(Some(output)) = &ended else { return Ok(ended) };
        // formail puts that there, and it is no header field.
        let output = match output.strip_prefix(b"From ") {
            Some(line) => memchr::memchr(b'\n', line).and_then(|at| line.get(at + 1..)),
            None => Some(output.as_slice()),
        };
        // Programs §6: what is no message leaves the message as it was.
        let is_message =
            |output: &&[u8]| postroad_protocol::header::fields(output).next().is_some();
        let Some(output) = output.filter(is_message) else {
            run.note(|| format!("what \"{}\" gave is no message", self.0.name));
            return Ok(Ended::Badly);
        };
        run.allocate(output.len())?;
        run.letter.become_message(output);
        run.retire_loops();
        Ok(ended)
    }
}

impl Instruction for Filter {
    fn run(&self, run: &mut Run<'_>) -> Result<Flow, Failure> {
        self.filter(run)?.into_action()
    }
}

impl Condition for Filter {
    fn holds(&self, run: &mut Run<'_>) -> Result<bool, Failure> {
        Ok(self.filter(run)?.is_well(run))
    }
}

struct Execute {
    program: Program,
    input: Input,
    output: Option<Name>,
}

enum Input {
    None,
    Text(Text),
    Message,
}

impl Execute {
    fn of(args: &Args<'_>, checker: &mut Checker<'_>) -> Result<Self, Fault> {
        let output = match args.has("output") {
            // Programs §7.
            true if !checker.is_required("variables") => {
                return Err(Fault::new(args.place_of("output"), "\":output\" needs \"variables\"")
                    .hint("write: require \"variables\";"));
            }
            true => variables::settable_of_tag(args, "output", checker)?,
            false => None,
        };
        let input = match args.tag_text("input", checker)? {
            Some(text) => Input::Text(text),
            None if args.has("pipe") => Input::Message,
            None => Input::None,
        };
        Ok(Self { program: Program::of(args, checker)?, input, output })
    }

    fn execute(&self, run: &mut Run<'_>) -> Result<Ended, Failure> {
        let input = match &self.input {
            Input::None => Vec::new(),
            Input::Text(text) => text.value(run)?.into_owned(),
            Input::Message => run.letter()?.octets().into_owned(),
        };
        let wanted = match self.output {
            Some(_) => Wanted::Beginning(limits::VARIABLE_OCTETS_MAX),
            None => Wanted::Nothing,
        };
        let ended = self.program.run(&input, wanted, run)?;
        if let (Ended::Well(Some(output)), Some(name)) = (&ended, &self.output) {
            // A program ends what it says with a line end; no shell and no recipe file has that in a variable.
            let end = output.iter().rposition(|octet| !matches!(octet, b'\r' | b'\n'));
            let value = output.get(..end.map_or(0, |last| last + 1)).unwrap_or_default().to_vec();
            run.note(|| format!("set {name} to {}", shown(&value)));
            run.variables.set(name, value)?;
        }
        Ok(ended)
    }
}

impl Instruction for Execute {
    fn run(&self, run: &mut Run<'_>) -> Result<Flow, Failure> {
        self.execute(run)?.into_action()
    }
}

impl Condition for Execute {
    fn holds(&self, run: &mut Run<'_>) -> Result<bool, Failure> {
        Ok(self.execute(run)?.is_well(run))
    }
}
