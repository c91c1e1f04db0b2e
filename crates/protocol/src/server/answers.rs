//! How the session goes on with what policy decided.

use super::content::{Chunk, Chunks};
use super::step::{Answer, Transaction};
use super::{Asked, Awaiting, Server, Service, State, replies};
use crate::data::Decoder;
use crate::reply::{Reply, Severity};

impl Server {
    pub(super) fn answered(&mut self, asked: Asked, answer: Answer) {
        let asked = match (asked, answer) {
            (Asked::Message(awaiting), answer) => return self.answered_message(awaiting, answer),
            (asked, Answer::No(reply)) => return self.answered_no(asked, &reply),
            (Asked::Login(_), Answer::Challenge(challenge)) => return self.challenge(challenge),
            (asked, Answer::Challenge(_)) => {
                return self.answered_no(asked, &replies::LOCAL_ERROR.reply());
            }
            (asked, Answer::Yes | Answer::Stored(_) | Answer::Next(_)) => asked,
        };
        match asked {
            Asked::Sender(mail) => {
                self.say(replies::SENDER_OK);
                self.state = State::Open(Transaction { mail, recipients: Vec::new() });
            }
            Asked::Recipient(mut transaction, rcpt) => {
                transaction.recipients.push(rcpt);
                self.say(replies::RECIPIENT_OK);
                self.state = State::Open(transaction);
            }
            Asked::Login(name) => {
                self.session.login = Some(name);
                self.say(replies::LOGGED_IN);
                self.state = State::Ready;
            }
            Asked::Data(transaction) => {
                Reply::bare(354, "End data with <CR><LF>.<CR><LF>").encode(&mut self.output);
                self.state = State::Data(transaction, Decoder::default(), 0);
            }
            Asked::FirstChunk(transaction, bdat) => {
                self.state = State::Chunk(Chunk::keep(transaction, Chunks::default(), bdat));
            }
            Asked::Message(_) => self.state = State::Ready, // answered above
        }
    }

    fn answered_no(&mut self, asked: Asked, reply: &Reply) {
        self.state = match asked {
            // RFC 3030 §2: the octets follow all the same; the reply stands behind them.
            Asked::FirstChunk(transaction, bdat) => {
                self.state = self.skip_chunk(reply.clone(), transaction.recipients.len(), bdat);
                return;
            }
            Asked::Recipient(transaction, _) => State::Open(transaction),
            // A refused DATA ends the transaction, as a refused message does (RFC 5321 §4.1.1.4).
            Asked::Data(_) | Asked::Sender(_) | Asked::Login(_) | Asked::Message(_) => State::Ready,
        };
        self.send(reply);
    }

    fn answered_message(&mut self, awaiting: Awaiting, answer: Answer) {
        let Awaiting { recipients, mut refused } = awaiting;
        self.state = State::Ready;
        match (self.settings.service, answer) {
            // RFC 2033 §4.2: one reply for each RCPT that was accepted, whatever happens.
            (Service::Lmtp, Answer::Next(reply)) => {
                reply.encode(&mut self.output);
                refused += usize::from(reply.severity() == Severity::Permanent);
                if recipients > 1 {
                    let recipients = recipients - 1;
                    self.state = State::Asked(Asked::Message(Awaiting { recipients, refused }));
                    return;
                }
            }
            (Service::Lmtp, Answer::No(reply) | Answer::Stored(reply)) => {
                self.send_times(&reply, recipients);
            }
            (Service::Lmtp, Answer::Yes | Answer::Challenge(_)) => {
                for _ in 0..recipients {
                    self.say(replies::LOCAL_ERROR);
                }
            }
            (Service::Smtp | Service::Submission, Answer::No(reply) | Answer::Stored(reply)) => {
                self.send(&reply);
            }
            // The shell didn't say that the message is safe, so the client keeps it.
            (
                Service::Smtp | Service::Submission,
                Answer::Yes | Answer::Next(_) | Answer::Challenge(_),
            ) => {
                self.say(replies::LOCAL_ERROR);
            }
        }
        self.session.transactions += 1;
        self.session.idle_commands = 0;
        // However many recipients refuse it: an error is counted once, and none of the replies is lost for it.
        if refused > 0 {
            self.count_error();
        }
    }
}
