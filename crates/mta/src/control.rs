//! The control socket: what the operator's commands ask.
//!
//! The words are in `postroad_observe::control`. The socket has mode 0600, so that only our own user (and
//! root) can connect. A request that can't be read ends its connection, and nothing else (row O02).
//!
//! | looking for | it is in |
//! |---|---|
//! | all that `postroad queue` asks | [`queue`] |
//! | the same while the agent is stopped | [`stand_in`] |
//! | lines and octets on the socket | [`frames`] |
//! | our types as words, and back | [`translate`] |

use std::sync::Arc;
use std::time::SystemTime;

use postroad_net::{Io, Listener};
use postroad_observe::control::{Answer, Request, Status};
use postroad_queue::{Condition, Filter};

use crate::events;
use crate::explain::explain;
use crate::inbound::Inbound;
use crate::live::Live;

mod frames;
mod queue;
mod stand_in;
mod translate;

pub use stand_in::{StandInError, stand_in};

use frames::{ControlError, Frames};
use queue::{Deliveries, Desk, Shelf};

/// Connections at once; an operator needs one.
const CONNECTIONS_MAX: usize = 16;

/// What the control socket tells about the agent, beside what `Inbound` knows.
pub(crate) struct Control {
    pub(crate) inbound: Arc<Inbound>,
    pub(crate) live: Arc<Live>,
    pub(crate) started: SystemTime,
    pub(crate) listeners: Vec<String>,
    pub(crate) guarantee: String,
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
        let mut frames = Frames::new(io);
        while let Some(request) = frames.request().await? {
            self.answer(&mut frames, request).await?;
        }
        Ok(())
    }

    async fn answer(&self, frames: &mut Frames, request: Request) -> Result<(), ControlError> {
        let answered = match request {
            Request::Status => Ok(Answer::Status(self.status().await)),
            Request::Explain(case) => {
                explain(&self.live.inbound(), &case).await.map(Answer::Explanation)
            }
            Request::Reload => {
                let reloaded = self.live.reload().await;
                reloaded
                    .map(|restart| Answer::Reloaded { restart, next_process: Vec::new() })
                    .map_err(|error| events::chain(&error))
            }
            Request::Bans => {
                for (network, left) in self.inbound.logins.bans() {
                    let (network, seconds) = (network.to_string(), left.as_secs());
                    frames.send(&Answer::Ban { network, seconds }).await?;
                }
                return frames.send(&Answer::Done { messages: 0 }).await;
            }
            Request::LiftBan { address } => {
                Ok(Answer::Lifted { was_banned: self.inbound.logins.lift_ban(address) })
            }
            about_the_queue => return self.desk().answer(frames, about_the_queue).await,
        };
        match answered {
            Ok(answer) => {
                frames.send(&answer).await?;
                frames.send(&Answer::Done { messages: 0 }).await
            }
            Err(reason) => frames.send(&Answer::Failed { reason }).await,
        }
    }

    fn desk(&self) -> Desk {
        Desk {
            shelf: Shelf::Open(Arc::clone(&self.inbound.shard)),
            deliveries: Deliveries::Running(self.inbound.engine.clone()),
            folder: self.inbound.config.mta.queue.clone(),
        }
    }

    /// What a 250 means now, and what is wrong with the queue's disk if something is.
    fn promise(&self) -> String {
        match self.inbound.shard.condition() {
            Condition::Sound => self.guarantee.clone(),
            Condition::Suspect { why } => {
                format!("{}; but the disk failed lately: {why}", self.guarantee)
            }
            Condition::Refusing { why } => format!("none, for nothing is taken in now: {why}"),
        }
    }

    /// Why nothing is taken in, where that is so.
    fn refusing(&self) -> Option<String> {
        match self.inbound.shard.condition() {
            Condition::Refusing { why } => Some(why.to_string()),
            Condition::Sound | Condition::Suspect { .. } => None,
        }
    }

    async fn status(&self) -> Status {
        let queue = self.desk().count(&Filter::default()).await;
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            hostname: self.inbound.hostname.to_string(),
            pid: std::process::id(),
            started: translate::seconds(self.started),
            listeners: self.listeners.clone(),
            connections: self.inbound.slots.taken() as u64,
            queued: queue.messages,
            held: queue.held,
            queued_octets: queue.octets,
            oldest: queue.oldest,
            guarantee: self.promise(),
            refusing: self.refusing(),
            log_dropped: postroad_observe::log::dropped(),
            trace_dropped: self.inbound.journal.dropped(),
            ..Status::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use postroad_observe::control::{self as words, Edit, Obstacle, State};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;
    use crate::inbound::Door;
    use crate::inbound::tests::Host;

    /// Sends lines and reads what comes back until the server closes: answers, and octets of messages.
    async fn ask(host: &Host, lines: &[u8]) -> (Vec<Answer>, Vec<u8>) {
        let (ours, mut theirs) = tokio::net::UnixStream::pair().unwrap();
        let control = Control {
            inbound: host.inbound(),
            live: host.live(),
            started: SystemTime::now(),
            listeners: vec!["smtp 127.0.0.1:25".to_owned()],
            guarantee: String::new(),
        };
        let server = tokio::spawn(async move { control.serve(Io::unix(ours)).await });
        theirs.write_all(lines).await.unwrap();
        theirs.shutdown().await.unwrap();
        let mut said = Vec::new();
        theirs.read_to_end(&mut said).await.unwrap();
        let _ = server.await.unwrap();
        let (mut answers, mut contents, mut rest) = (Vec::new(), Vec::new(), said.as_slice());
        while let Some(end) = rest.iter().position(|octet| *octet == b'\n') {
            let answer = words::decode::<Answer>(&rest[..end]).unwrap();
            rest = &rest[end + 1..];
            if let Answer::Content { octets, .. } = &answer {
                let (content, behind) = rest.split_at(usize::try_from(*octets).unwrap());
                contents.extend_from_slice(content);
                rest = behind;
            }
            answers.push(answer);
        }
        (answers, contents)
    }

    async fn ask_for(host: &Host, request: &Request) -> Vec<Answer> {
        ask(host, &words::encode(request).unwrap()).await.0
    }

    #[tokio::test]
    async fn the_queue_is_listed_shown_held_and_emptied() {
        let host = Host::start().await;
        let mut client = host.connect(Door::Smtp, "192.0.2.1").await;
        client.play("C: HELO a\nS: 250").await;
        client.deliver("a@b.example", &["alice@our.example"], b"Subject: x\r\n\r\nhi\r\n").await;
        let row = host.queued().await.remove(0);
        let id = row.id.to_string();
        let filter = words::Filter { queue_ids: vec![id.clone()], ..words::Filter::default() };

        let list = Request::List { filter: filter.clone(), limit: 10, after: None };
        let listed = ask_for(&host, &list).await;
        let [Answer::Message(message), Answer::Done { messages: 1 }] = listed.as_slice() else {
            panic!("{listed:?}");
        };
        assert_eq!(
            (message.queue_id.as_str(), message.sender.as_str()),
            (id.as_str(), "a@b.example")
        );
        let hop = message.recipients[0].next_hop.clone().unwrap();
        assert!(hop.starts_with("lmtp+unix:///"), "{hop}");

        let show = Request::Show { queue_id: id.clone(), content_max: u64::MAX };
        let (shown, content) = ask(&host, &words::encode(&show).unwrap()).await;
        assert!(matches!(shown.last(), Some(Answer::Done { messages: 1 })), "{shown:?}");
        assert_eq!(content, host.inbound().shard.content(row.id).await.unwrap());

        let hold = Request::Edit { filter: filter.clone(), edit: Edit::Hold };
        assert_eq!(ask_for(&host, &hold).await, [Answer::Done { messages: 1 }]);
        let status = ask_for(&host, &Request::Status).await;
        assert!(
            matches!(&status[0], Answer::Status(status) if (status.queued, status.held) == (1, 1)),
            "{status:?}"
        );
        let why = ask_for(&host, &Request::Why { filter: filter.clone(), limit: 1 }).await;
        assert!(
            matches!(&why[0], Answer::Why(why) if why.obstacle == Obstacle::Held && why.next_hop == hop),
            "{why:?}"
        );

        let delete = Request::Edit { filter, edit: Edit::Delete };
        assert_eq!(ask_for(&host, &delete).await, [Answer::Done { messages: 1 }]);
        assert!(host.queued().await.is_empty());
    }

    #[tokio::test]
    async fn filters_pages_and_sums_agree() {
        let host = Host::start().await;
        let all = words::Filter::default();
        let mut client = host.connect(Door::Smtp, "198.51.100.1").await;
        client.play("C: HELO a\nS: 250").await;
        for number in 0..7 {
            let to = [format!("bob@host{}.example", number % 2), "alice@our.example".to_owned()];
            let to: Vec<&str> = to.iter().map(String::as_str).collect();
            client.deliver("a@b.example", &to, b"\r\nhi\r\n").await;
        }
        // So that nothing is tried, and goes, meanwhile.
        let hold = Request::Edit { filter: all.clone(), edit: Edit::Hold };
        assert_eq!(ask_for(&host, &hold).await, [Answer::Done { messages: 7 }]);

        let (mut after, mut ids) = (None, Vec::new());
        loop {
            let list = Request::List { filter: all.clone(), limit: 3, after };
            let page = ask_for(&host, &list).await;
            let new = page.iter().filter_map(|answer| match answer {
                Answer::Message(message) => Some(message.queue_id.clone()),
                _ => None,
            });
            let before = ids.len();
            ids.extend(new);
            if ids.len() == before {
                break;
            }
            after = ids.last().cloned();
        }
        let queued = host.queued().await;
        assert_eq!(ids, queued.iter().map(|row| row.id.to_string()).collect::<Vec<_>>());

        let hop = words::Filter { next_hop: Some("host1.example".into()), ..all.clone() };
        let held = words::Filter { state: Some(State::Held), ..all.clone() };
        for (filter, expected) in [(hop, 3), (held, 7), (all.clone(), 7)] {
            let count = ask_for(&host, &Request::Count { filter: filter.clone() }).await;
            assert!(
                matches!(&count[0], Answer::Count(count) if count.messages == expected),
                "{filter:?}: {count:?}"
            );
        }
        let summary = Request::Summary { filter: all, by: words::By::Domain, limit: 2 };
        let sums: Vec<(String, u64)> = ask_for(&host, &summary)
            .await
            .into_iter()
            .filter_map(|answer| match answer {
                Answer::Group(group) => Some((group.name, group.held)),
                _ => None,
            })
            .collect();
        assert_eq!(sums, [("our.example".to_owned(), 7), ("host0.example".to_owned(), 4)]);
    }

    #[tokio::test]
    async fn o02_a_bad_line_ends_that_connection_only() {
        let host = Host::start().await;
        let long = [b"{".as_slice(), &b" ".repeat(words::FRAME_OCTETS_MAX + 10)].concat();
        for line in
            [b"nonsense\n".as_slice(), b"{\"v\":9,\"request\":\"status\"}\n", b"\0\n", &long]
        {
            let (answers, _) = ask(&host, line).await;
            assert!(matches!(answers.as_slice(), [Answer::Failed { .. }]), "{answers:?}");
        }
    }

    #[tokio::test]
    async fn q08_an_id_is_never_a_path() {
        let host = Host::start().await;
        for id in ["../../x", "../../etc/passwd", "", "0CKZ3V9A0BCD/"] {
            let filter =
                words::Filter { queue_ids: vec![id.to_owned()], ..words::Filter::default() };
            for request in [
                Request::Show { queue_id: id.to_owned(), content_max: 1 },
                Request::List { filter: filter.clone(), limit: 1, after: None },
                Request::List {
                    filter: words::Filter::default(),
                    limit: 1,
                    after: Some(id.to_owned()),
                },
                Request::Edit { filter, edit: Edit::Delete },
            ] {
                let answers = ask_for(&host, &request).await;
                assert!(matches!(answers.as_slice(), [Answer::Failed { .. }]), "{id}: {answers:?}");
            }
        }
        // What a program that is newer might ask is never taken for less than it is.
        let line = br#"{"v":1,"request":"edit","filter":{"moon":"full"},"edit":"delete"}"#;
        let (answers, _) = ask(&host, &[line.as_slice(), b"\n"].concat()).await;
        assert!(matches!(answers.as_slice(), [Answer::Failed { .. }]), "{answers:?}");
    }
}
