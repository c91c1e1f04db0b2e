//! The control socket: what `postroad queue` and `postroad status` ask.
//!
//! The words are in `postroad_observe::control`. The socket has mode 0600, so that only our own user (and
//! root) can connect. A request that can't be read ends its connection, and nothing else (row O02).

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use postroad_net::{Io, Listener};
use postroad_observe::control::{self as words, Answer, FrameError, Request};
use postroad_protocol::address::{Address, Domain};
use postroad_queue::{Cursor, Edit, Filter, Page, QueueId, QueueRow, RecipientState, Whose};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::time::timeout;

use crate::events;
use crate::explain::explain;
use crate::inbound::Inbound;
use crate::live::Live;

/// Connections at once; an operator needs one.
const CONNECTIONS_MAX: usize = 16;
/// How long an operator's command may be silent, or not read what it is told.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// Messages read from the index at once.
const PAGE_ROWS: usize = 500;
/// Octets of content that `show` gives, so that the line stays within its limit when all are escaped.
const SHOWN_OCTETS_MAX: usize = 8 * 1024;

/// What the control socket tells about the agent, beside what `Inbound` knows.
pub(crate) struct Control {
    pub(crate) inbound: Arc<Inbound>,
    pub(crate) live: Arc<Live>,
    pub(crate) started: SystemTime,
    pub(crate) listeners: Vec<String>,
    pub(crate) guarantee: String,
}

#[derive(Debug, thiserror::Error)]
enum ControlError {
    #[error("cannot talk to the operator's command")]
    Io(#[from] std::io::Error),
    #[error("the operator's command is silent")]
    Silent,
    #[error(transparent)]
    Frame(#[from] FrameError),
}

/// Serves the socket until the agent stops.
pub(crate) async fn listen(control: Arc<Control>, listener: Listener) {
    let places = Arc::new(tokio::sync::Semaphore::new(CONNECTIONS_MAX));
    loop {
        let (io, _) = tokio::select! {
            connection = listener.accept() => connection,
            () = control.inbound.shutdown.requested() => return,
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else { continue };
        let control = Arc::clone(&control);
        tokio::spawn(async move {
            if let Err(error) = control.serve(io).await {
                events::control_failed(&error);
            }
            drop(place);
        });
    }
}

impl Control {
    async fn serve(&self, io: Io) -> Result<(), ControlError> {
        let mut io = BufReader::new(io);
        let mut line = Vec::new();
        loop {
            line.clear();
            let limit = words::FRAME_OCTETS_MAX as u64 + 1;
            let mut bounded = (&mut io).take(limit);
            let read = bounded.read_until(b'\n', &mut line);
            if timeout(IDLE_TIMEOUT, read).await.map_err(|_| ControlError::Silent)?? == 0 {
                return Ok(());
            }
            match words::decode::<Request>(&line) {
                Ok(request) => self.answer(&mut io, request).await?,
                Err(error) => {
                    send(&mut io, &Answer::Failed { reason: error.to_string() }).await?;
                    return Err(error.into());
                }
            }
        }
    }

    async fn answer(&self, io: &mut BufReader<Io>, request: Request) -> Result<(), ControlError> {
        let shard = &self.inbound.shard;
        let last = match request {
            Request::Status => {
                send(io, &Answer::Status(self.status().await)).await?;
                Answer::Done { messages: 0 }
            }
            Request::List { filter, limit } => match filter_of(&filter) {
                Ok(filter) => Answer::Done { messages: self.list(io, &filter, limit).await? },
                Err(reason) => Answer::Failed { reason },
            },
            Request::Show { queue_id } => match queue_id.parse() {
                Ok(id) => self.show(io, id).await?,
                Err(error) => Answer::Failed { reason: format!("{queue_id}: {error}") },
            },
            Request::Explain(case) => match explain(&self.live.inbound(), &case).await {
                Ok(explanation) => {
                    send(io, &Answer::Explanation(explanation)).await?;
                    Answer::Done { messages: 0 }
                }
                Err(reason) => Answer::Failed { reason },
            },
            Request::Reload => match self.live.reload().await {
                Ok(restart) => {
                    send(io, &Answer::Reloaded { restart }).await?;
                    Answer::Done { messages: 0 }
                }
                Err(error) => Answer::Failed { reason: events::chain(&error) },
            },
            Request::Edit { filter, edit } => match filter_of(&filter) {
                Ok(filter) => match shard.edit(&filter, edit_of(edit)).await {
                    Ok(messages) => {
                        self.inbound.engine.refresh();
                        Answer::Done { messages }
                    }
                    Err(fenced) => Answer::Failed { reason: fenced.to_string() },
                },
                Err(reason) => Answer::Failed { reason },
            },
        };
        send(io, &last).await
    }

    async fn list(
        &self,
        io: &mut BufReader<Io>,
        filter: &Filter,
        limit: usize,
    ) -> Result<u64, ControlError> {
        let (mut cursor, mut listed) = (Cursor::default(), 0);
        while listed < limit {
            let rows_max = PAGE_ROWS.min(limit - listed);
            let Page { rows, next } = self.inbound.shard.find(filter, cursor, rows_max).await;
            listed += rows.len();
            for row in &rows {
                send(io, &Answer::Message(message_of(row))).await?;
            }
            match next {
                Some(next) => cursor = next,
                None => break,
            }
        }
        Ok(listed as u64)
    }

    async fn show(&self, io: &mut BufReader<Io>, id: QueueId) -> Result<Answer, ControlError> {
        let filter = Filter { ids: Some(vec![id]), ..Filter::default() };
        let page = self.inbound.shard.find(&filter, Cursor::default(), 1).await;
        let Some(row) = page.rows.first() else {
            return Ok(Answer::Failed { reason: format!("no message {id} in the queue") });
        };
        send(io, &Answer::Message(message_of(row))).await?;
        match self.inbound.shard.content(id).await {
            Ok(content) => {
                let start = content.get(..content.len().min(SHOWN_OCTETS_MAX)).unwrap_or_default();
                let text = String::from_utf8_lossy(start).replace("\r\n", "\n");
                send(io, &Answer::Content { text, octets: content.len() as u64 }).await?;
                Ok(Answer::Done { messages: 1 })
            }
            Err(error) => Ok(Answer::Failed { reason: error.to_string() }),
        }
    }

    async fn status(&self) -> words::Status {
        let mut status = words::Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            hostname: self.inbound.hostname.to_string(),
            pid: std::process::id(),
            started: seconds(self.started),
            listeners: self.listeners.clone(),
            connections: self.inbound.slots.taken() as u64,
            guarantee: self.guarantee.clone(),
            log_dropped: postroad_observe::log::dropped(),
            trace_dropped: self.inbound.journal.dropped(),
            ..words::Status::default()
        };
        let mut cursor = Some(Cursor::default());
        while let Some(from) = cursor {
            let Page { rows, next } =
                self.inbound.shard.find(&Filter::default(), from, PAGE_ROWS).await;
            for row in &rows {
                let held = |state: &RecipientState| matches!(state, RecipientState::Held { .. });
                status.queued += 1;
                status.held += u64::from(row.states.iter().any(held));
                status.queued_octets += row.octets;
                status.oldest.get_or_insert(seconds(row.arrived));
            }
            cursor = next;
        }
        status
    }
}

async fn send(io: &mut BufReader<Io>, answer: &Answer) -> Result<(), ControlError> {
    let line = words::encode(answer)?;
    let write = async {
        io.write_all(&line).await?;
        io.flush().await
    };
    timeout(IDLE_TIMEOUT, write).await.map_err(|_| ControlError::Silent)?.map_err(ControlError::Io)
}

fn filter_of(filter: &words::Filter) -> Result<Filter, String> {
    let ids = filter
        .queue_ids
        .iter()
        .map(|id| id.parse::<QueueId>().map_err(|error| format!("{id}: {error}")))
        .collect::<Result<Vec<_>, _>>()?;
    let whose = |text: &Option<String>| text.as_deref().map(whose).transpose();
    Ok(Filter {
        ids: (!ids.is_empty()).then_some(ids),
        sender: whose(&filter.sender)?,
        recipient: whose(&filter.recipient)?,
        domain: filter.domain.as_deref().map(domain).transpose()?,
        older_than: filter.older_than_s.map(Duration::from_secs),
        ..Filter::default()
    })
}

/// `<>`, `alice@example.org`, `@example.org`
fn whose(text: &str) -> Result<Whose, String> {
    match (text, text.strip_prefix('@')) {
        ("" | "<>", _) => Ok(Whose::Null),
        (_, Some(name)) => domain(name).map(Whose::Domain),
        (_, None) => Address::parse(text)
            .map(Whose::Address)
            .map_err(|error| format!("{text}: {error}; write user@domain, @domain or <>")),
    }
}

fn domain(text: &str) -> Result<Domain, String> {
    Domain::parse(text).map_err(|error| format!("{text}: {error}"))
}

fn edit_of(edit: words::Edit) -> Edit {
    match edit {
        words::Edit::Hold => Edit::Hold,
        words::Edit::Release => Edit::Release,
        words::Edit::Retry => Edit::Retry,
        words::Edit::Delete => Edit::Delete,
    }
}

fn message_of(row: &QueueRow) -> words::Message {
    let left = || {
        let both = row.envelope.recipients.iter().zip(&row.states);
        both.filter(|(_, state)| !matches!(state, RecipientState::Done))
    };
    let recipients: Vec<_> = left()
        .take(words::RECIPIENTS_MAX)
        .map(|(recipient, state)| recipient_of(recipient.address.to_string(), state))
        .collect();
    words::Message {
        queue_id: row.id.to_string(),
        arrived: seconds(row.arrived),
        octets: row.octets,
        sender: row.envelope.reverse_path.to_string(),
        more_recipients: (left().count() - recipients.len()) as u64,
        recipients,
    }
}

fn recipient_of(address: String, state: &RecipientState) -> words::Recipient {
    match state {
        RecipientState::Waiting { attempts, due, last } => words::Recipient {
            address,
            state: words::State::Waiting,
            attempts: *attempts,
            due: Some(seconds(*due)),
            last: last.as_ref().map(ToString::to_string),
        },
        RecipientState::Held { attempts } => words::Recipient {
            address,
            state: words::State::Held,
            attempts: *attempts,
            due: None,
            last: None,
        },
        RecipientState::Done => words::Recipient {
            address,
            state: words::State::Done,
            attempts: 0,
            due: None,
            last: None,
        },
    }
}

fn seconds(at: SystemTime) -> u64 {
    at.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inbound::Door;
    use crate::inbound::tests::Host;

    /// Sends lines and reads what comes back until the server closes.
    async fn ask(host: &Host, lines: &[u8]) -> Vec<Answer> {
        let (ours, theirs) = tokio::net::UnixStream::pair().unwrap();
        let control = Control {
            inbound: host.inbound(),
            live: host.live(),
            started: SystemTime::now(),
            listeners: vec!["smtp 127.0.0.1:25".to_owned()],
            guarantee: String::new(),
        };
        let server = tokio::spawn(async move { control.serve(Io::unix(ours)).await });
        let (read, mut write) = theirs.into_split();
        write.write_all(lines).await.unwrap();
        drop(write);
        let mut answers = Vec::new();
        let mut lines = BufReader::new(read).split(b'\n');
        while let Ok(Some(line)) = lines.next_segment().await {
            answers.push(words::decode::<Answer>(&line).unwrap());
        }
        let _ = server.await.unwrap();
        answers
    }

    async fn ask_for(host: &Host, request: &Request) -> Vec<Answer> {
        ask(host, &words::encode(request).unwrap()).await
    }

    #[tokio::test]
    async fn the_queue_is_listed_shown_held_and_emptied() {
        let host = Host::start().await;
        let mut client = host.connect(Door::Smtp, "192.0.2.1").await;
        client.play("C: HELO a\nS: 250").await;
        client.deliver("a@b.example", &["alice@our.example"], b"Subject: x\r\n\r\nhi\r\n").await;
        let id = host.queued().await[0].id.to_string();
        let filter = words::Filter { queue_ids: vec![id.clone()], ..words::Filter::default() };

        let listed = ask_for(&host, &Request::List { filter: filter.clone(), limit: 10 }).await;
        let [Answer::Message(message), Answer::Done { messages: 1 }] = listed.as_slice() else {
            panic!("{listed:?}");
        };
        assert_eq!(
            (message.queue_id.as_str(), message.sender.as_str()),
            (id.as_str(), "a@b.example")
        );

        let shown = ask_for(&host, &Request::Show { queue_id: id }).await;
        assert!(
            matches!(&shown[1], Answer::Content { text, .. } if text.ends_with("\nhi\n")),
            "{shown:?}"
        );

        let hold = Request::Edit { filter: filter.clone(), edit: words::Edit::Hold };
        assert_eq!(ask_for(&host, &hold).await, [Answer::Done { messages: 1 }]);
        let status = ask_for(&host, &Request::Status).await;
        assert!(
            matches!(&status[0], Answer::Status(status) if (status.queued, status.held) == (1, 1)),
            "{status:?}"
        );

        let delete = Request::Edit { filter, edit: words::Edit::Delete };
        assert_eq!(ask_for(&host, &delete).await, [Answer::Done { messages: 1 }]);
        assert!(host.queued().await.is_empty());
    }

    #[tokio::test]
    async fn o02_a_bad_line_ends_that_connection_only() {
        let host = Host::start().await;
        let long = [b"{".as_slice(), &b" ".repeat(words::FRAME_OCTETS_MAX + 10)].concat();
        for line in
            [b"nonsense\n".as_slice(), b"{\"v\":9,\"request\":\"status\"}\n", b"\0\n", &long]
        {
            let answers = ask(&host, line).await;
            assert!(matches!(answers.as_slice(), [Answer::Failed { .. }]), "{answers:?}");
        }
        let unknown = Request::Show { queue_id: "../../etc/passwd".to_owned() };
        assert!(matches!(ask_for(&host, &unknown).await.as_slice(), [Answer::Failed { .. }]));
    }
}
