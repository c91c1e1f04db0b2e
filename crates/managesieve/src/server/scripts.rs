//! What a user does with scripts (RFC 5804 §2.5 to §2.12).

use std::time::Instant;

use super::{Active, Answer, Failure, Input, Next, Question, Server, State, Step};
use crate::command::Command;
use crate::limits;
use crate::response::{Code, Verdict, respond, string};

impl Server {
    /// Does the next command of who is logged in.
    pub(super) fn user(&mut self, now: Instant) -> Next {
        let command = match self.command(now) {
            Input::Command(command) => command,
            Input::None => return (State::User, Some(Step::NeedInput)),
            Input::HadEnough => return (State::Over, None),
        };
        let question = match command {
            Command::Capability => {
                self.state = State::User;
                self.greet();
                return (State::User, None);
            }
            Command::Noop(tag) => {
                self.noop(tag);
                return (State::User, None);
            }
            Command::Logout => {
                self.ok("good-bye");
                return (State::Over, None);
            }
            Command::Unauthenticate => {
                self.input.limit(limits::LITERAL_BEFORE_LOGIN_OCTETS_MAX);
                self.login_deadline = now + limits::LOGIN_TIMEOUT;
                // RFC 5804 §2.14.1: it never fails.
                self.ok("nobody is logged in");
                return (State::Stranger, Some(Step::LoggedOut));
            }
            // RFC 5804 §2.1, §2.2: MUST be rejected.
            Command::StartTls | Command::Authenticate { .. } => {
                self.error(None, "you are logged in already");
                return (State::User, None);
            }
            Command::HaveSpace { octets, .. } if octets as usize > limits::SCRIPT_OCTETS_MAX => {
                self.no(Some(&Code::QuotaMaxSize), "that is too long");
                return (State::User, None);
            }
            Command::HaveSpace { name, octets } => Question::HaveSpace { name, octets },
            Command::PutScript { name, text } => Question::Put { name, text },
            Command::ListScripts => Question::List,
            Command::SetActive(name) => Question::SetActive(name),
            Command::GetScript(name) => Question::Get(name),
            Command::DeleteScript(name) => Question::Delete(name),
            Command::RenameScript { from, to } => Question::Rename { from, to },
            Command::CheckScript(text) => Question::Check(text),
        };
        (State::Asking, Some(Step::Ask(question)))
    }

    pub(super) fn answered(&mut self, answer: Answer) -> State {
        match answer {
            Answer::Login(_) | Answer::Challenge(_) => return State::Over,
            Answer::Done(Ok(())) | Answer::Checked(Ok(None)) => self.ok("done"),
            // RFC 5804 §2.6: it is kept all the same.
            Answer::Checked(Ok(Some(warnings))) => {
                respond(&mut self.output, Verdict::Ok, Some(&Code::Warnings), &warnings);
            }
            Answer::Scripts(Ok(scripts)) => {
                for (name, active) in scripts {
                    string(&mut self.output, name.as_str().as_bytes());
                    self.output.extend_from_slice(match active {
                        Active::Yes => b" ACTIVE\r\n",
                        Active::No => b"\r\n",
                    });
                }
                self.ok("");
            }
            Answer::Script(Ok(text)) => {
                self.output.extend_from_slice(format!("{{{}}}\r\n", text.len()).as_bytes());
                self.output.extend_from_slice(&text);
                self.output.extend_from_slice(b"\r\n");
                self.ok("");
            }
            Answer::Done(Err(failure))
            | Answer::Checked(Err(failure))
            | Answer::Scripts(Err(failure))
            | Answer::Script(Err(failure)) => self.failed(&failure),
        }
        State::User
    }

    fn failed(&mut self, failure: &Failure) {
        let (code, text) = match failure {
            Failure::Nonexistent => (Some(Code::Nonexistent), "there is no such script"),
            Failure::Exists => (Some(Code::AlreadyExists), "there is a script of that name"),
            Failure::Active => (Some(Code::Active), "it is the active script"),
            Failure::TooMany => (Some(Code::QuotaMaxScripts), "there are too many scripts"),
            Failure::TooLong => (Some(Code::QuotaMaxSize), "that is too long"),
            Failure::Wrong(problems) => (None, problems.as_str()),
            Failure::Unavailable => (Some(Code::TryLater), "that can't be done now, try later"),
        };
        self.no(code.as_ref(), text);
    }
}
