//! `sendmail -bs`: SMTP over standard input and output (RFC 5321), as programs speak it that start a `sendmail` in place of
//! connecting to one. Each message goes where `sendmail`'s go, into the outbox: 250 is said once it is on disk.
//!
//! Nobody is waited for with a clock: whoever has started this program ends it by closing its end. There is no TLS and no
//! login, since the caller is the user already.

use std::io::Read as _;
use std::time::Instant;

use postroad_protocol::address::{Address, ForwardPath};
use postroad_protocol::command::Rcpt;
use postroad_protocol::limits::RECIPIENTS_MAX;
use postroad_protocol::reply::Reply;
use postroad_protocol::sasl::Offer;
use postroad_protocol::server::{
    Answer, ClientLimits, Dsn, LoginRule, Question, Server, Service, Settings, Step, Tls,
    Transaction,
};

use super::Context;
use crate::account::Account;
use crate::compose::handed_in::{HeaderRecipients, Instructions, into_letter};
use crate::compose::{Letter, Mailbox};
use crate::error::{Error, Exit};
use crate::limits::LETTER_OCTETS_MAX;
use crate::outbox::Notes;
use crate::safe_line;
use crate::{dispatch, safe_text::SafeText};

/// Octets that are read at once.
const READ_OCTETS: usize = 32 * 1024;

/// Takes messages until the caller says QUIT, or closes its end.
pub(super) async fn run(context: &mut Context<'_, '_>) -> Result<Exit, Error> {
    let account = context.account()?;
    let mut server = Server::new(settings(&account), Instant::now());
    let (mut input, mut output) = (std::io::stdin().lock(), std::io::stdout().lock());
    let mut content = Vec::new();
    let mut octets = vec![0; READ_OCTETS];
    loop {
        match server.step(Instant::now()) {
            Step::Ask(Question::Message(transaction)) => {
                let message = std::mem::take(&mut content);
                let answer = take_in(context, &account, transaction, &message).await;
                server.answer(answer);
            }
            // Whom a message is for is judged where it is handed in; a login isn't offered.
            Step::Ask(question) => {
                if question == Question::Data {
                    content.clear();
                }
                server.answer(Answer::Yes);
            }
            Step::Content(more) => content.extend_from_slice(more),
            Step::Discard(_) => content.clear(),
            // The caller is nobody who guesses.
            Step::Pause(_) => {}
            Step::StartTls | Step::Close => {
                say(&mut server, &mut output)?;
                return Ok(Exit::Done);
            }
            Step::NeedInput => {
                say(&mut server, &mut output)?;
                match input.read(&mut octets)? {
                    // What wasn't answered is nowhere: the caller has it.
                    0 => return Ok(Exit::Done),
                    count => server.push(octets.get(..count).unwrap_or_default()),
                }
            }
        }
    }
}

fn settings(account: &Account) -> Settings {
    Settings {
        hostname: rustix::system::uname().nodename().to_string_lossy().into(),
        service: Service::Smtp,
        tls: Tls::Unavailable,
        login: LoginRule::NotOffered,
        offer: Offer::default(),
        size_max: LETTER_OCTETS_MAX,
        recipients_max: RECIPIENTS_MAX,
        dsn: Dsn::Offered,
        client: ClientLimits::Exempt,
        bare_recipients: Some(account.address.domain.clone()),
    }
}

fn say(server: &mut Server, output: &mut impl std::io::Write) -> Result<(), Error> {
    output.write_all(server.output())?;
    server.output().clear();
    Ok(output.flush()?)
}

/// Hands a message in, and says what has become of it.
async fn take_in(
    context: &mut Context<'_, '_>,
    account: &Account,
    transaction: Transaction,
    message: &[u8],
) -> Answer {
    let handed_in = async {
        let letter = letter(account, transaction, message)?;
        dispatch::send(&letter, account, &context.overrides, &Notes::default()).await?;
        Ok::<_, Error>(letter.message_id)
    };
    match handed_in.await {
        Ok(id) => Answer::Stored(Reply::new(250, (2, 0, 0), format!("Queued <{id}>"))),
        Err(error) => {
            context.screen.say(&safe_line!("postroad-mua: {}", error.words()));
            let words = SafeText::line(&error.words()).cut(200);
            // RFC 3463 §3.5, §3.7: the caller may come again, or the message won't do.
            Answer::No(match error.exit() {
                Exit::Usage | Exit::Data | Exit::NoUser | Exit::Unavailable => {
                    Reply::new(554, (5, 6, 0), words.as_str())
                }
                _ => Reply::new(451, (4, 3, 0), words.as_str()),
            })
        }
    }
}

fn letter(account: &Account, transaction: Transaction, message: &[u8]) -> Result<Letter, Error> {
    let Transaction { mail, recipients } = transaction;
    let sender = mail.reverse_path;
    // Whoever isn't named in From is the sender; nobody is the null path.
    let author = sender.address().unwrap_or(&account.address).clone();
    let instructions = Instructions {
        sender,
        author: Mailbox::new(account.name.as_deref(), author),
        recipients: recipients.iter().filter_map(|rcpt| address(rcpt, account)).collect(),
        header_recipients: HeaderRecipients::Ignored,
        notify: Default::default(),
        ret: mail.ret,
        envid: mail.envid,
    };
    let mut letter = into_letter(message, instructions)?;
    for recipient in &mut letter.envelope.recipients {
        let is_it = |rcpt: &&Rcpt| address(rcpt, account).as_ref() == Some(&recipient.address);
        if let Some(asked) = recipients.iter().find(is_it) {
            recipient.notify = asked.notify;
            recipient.orcpt.clone_from(&asked.orcpt);
        }
    }
    Ok(letter)
}

/// RFC 5321 §4.5.1: the postmaster without a domain is this one's.
fn address(rcpt: &Rcpt, account: &Account) -> Option<Address> {
    match &rcpt.forward_path {
        ForwardPath::Address(address) => Some(address.clone()),
        ForwardPath::Postmaster => {
            Address::parse(&format!("postmaster@{}", account.address.domain)).ok()
        }
    }
}
