//! What `postroad queue` asks, whether the agent runs or not.
//!
//! Walks go through the queue a little at a time, so that mail isn't held up; edits go through the queue's
//! one writer, so that they and the outcomes of deliveries come one after the other (row Q08).

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use bytes::Bytes;
use postroad_disk::OsDisk;
use postroad_observe::control::{
    self as words, Answer, By, Count, Group, Message, Obstacle, Recipient, Request, Why,
};
use postroad_protocol::address::Domain;
use postroad_protocol::reply::Reply;
use postroad_queue::{
    ContentError, Cursor, DomainTest, Filter, OwnedShard, Page, QueueId, QueueRow, RecipientState,
    Sight, Soundness, Standing, Survey, Visitor,
};
use tokio::task::spawn_blocking;

use super::frames::{ControlError, Frames, encode_some};
use super::translate::{
    cursor_of, edit_of, filter_of, id_of, message_of, obstacle_of, recipient_of, seconds,
};
use crate::events;
use crate::outbound::{Engine, Router};

/// Messages read from the queue at once.
const PAGE_ROWS: usize = 500;

/// Where mail goes, and what is under way.
#[derive(Clone)]
pub(crate) enum Deliveries {
    /// The agent's engine.
    Running(Engine),
    /// The agent doesn't run; routes are as the settings say, where these can be read.
    Stopped(Result<Arc<Router>, String>),
}

impl Deliveries {
    fn next_hop(&self, domain: &Domain) -> Result<String, String> {
        match self {
            Self::Running(engine) => Ok(engine.next_hop(domain)),
            Self::Stopped(router) => {
                let shown = |router: &Arc<Router>| router.shown(&router.destination(domain));
                router.as_ref().map(shown).map_err(Clone::clone)
            }
        }
    }

    /// Until when a next hop is left alone, and why; a stopped agent has forgotten.
    fn left_alone(&self, domain: &Domain) -> Option<(SystemTime, Reply)> {
        match self {
            Self::Running(engine) => engine.left_alone(domain),
            Self::Stopped(_) => None,
        }
    }

    /// Whether a domain's mail goes to this next hop; each domain is looked up once.
    fn goes_to(&self, wanted: &str) -> Result<DomainTest, String> {
        if let Self::Stopped(Err(error)) = self {
            return Err(format!("next hops aren't known: {error}"));
        }
        let (deliveries, wanted) = (self.clone(), wanted.to_owned());
        let known = Mutex::<HashMap<String, bool>>::default();
        Ok(DomainTest(Arc::new(move |domain| {
            let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(answer) = known.get(domain) {
                return *answer;
            }
            let hop = Domain::parse(domain).ok().and_then(|name| deliveries.next_hop(&name).ok());
            let answer = hop.is_some_and(|hop| is_called(&hop, &wanted));
            known.insert(domain.to_owned(), answer);
            answer
        })))
    }
}

/// Whether `wanted` is a next hop, as it is shown, or what is between its scheme and its port.
fn is_called(next_hop: &str, wanted: &str) -> bool {
    let place = next_hop.split_once("://").map_or(next_hop, |(_, place)| place);
    let host = place.rsplit_once(':').map_or(place, |(host, _)| host);
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    [next_hop, place, host, bare].iter().any(|name| name.eq_ignore_ascii_case(wanted))
}

/// The queue.
pub(crate) enum Shelf {
    /// Ours.
    Open(Arc<dyn OwnedShard>),
    /// Nobody's: its files as they were read.
    Files(Survey),
}

impl Shelf {
    async fn find(&self, filter: &Filter, from: Cursor, limit: usize) -> Page {
        match self {
            Self::Open(shard) => shard.find(filter, from, limit).await,
            Self::Files(survey) => survey.find(filter, from, limit),
        }
    }

    async fn visit(&self, filter: &Filter, each: &mut Visitor<'_>) {
        match self {
            Self::Open(shard) => shard.visit(filter, each).await,
            Self::Files(survey) => survey.visit(filter, each),
        }
    }
}

/// Whoever is asked about the queue.
pub(crate) struct Desk {
    pub(crate) shelf: Shelf,
    pub(crate) deliveries: Deliveries,
    /// The folder that the queue is in.
    pub(crate) folder: PathBuf,
}

/// What the last answer to a request is: how many messages, or why it couldn't be done.
type Outcome = Result<u64, String>;

impl Desk {
    /// Answers a request about the queue, its last answer included.
    pub(crate) async fn answer(
        &self,
        frames: &mut Frames,
        request: Request,
    ) -> Result<(), ControlError> {
        let outcome = match request {
            Request::List { filter, limit, after } => {
                self.list(frames, &filter, limit, after.as_deref()).await?
            }
            Request::Count { filter } => self.answer_count(frames, &filter).await?,
            Request::Summary { filter, by, limit } => {
                self.summary(frames, &filter, by, limit).await?
            }
            Request::Why { filter, limit } => self.why(frames, &filter, limit).await?,
            Request::Show { queue_id, content_max } => {
                self.show(frames, &queue_id, content_max).await?
            }
            Request::Edit { filter, edit } => self.edit(&filter, edit).await,
            Request::Status
            | Request::Reload
            | Request::Explain(_)
            | Request::Bans
            | Request::LiftBan { .. } => {
                Err("the transfer agent isn't running: start it, then ask again".to_owned())
            }
        };
        let last = match outcome {
            Ok(messages) => Answer::Done { messages },
            Err(reason) => Answer::Failed { reason },
        };
        frames.send(&last).await
    }

    fn filter(&self, filter: &words::Filter) -> Result<Filter, String> {
        let test = filter.next_hop.as_ref().map(|wanted| self.deliveries.goes_to(wanted));
        Ok(Filter { domain_test: test.transpose()?, ..filter_of(filter)? })
    }

    async fn list(
        &self,
        frames: &mut Frames,
        filter: &words::Filter,
        limit: u64,
        after: Option<&str>,
    ) -> Result<Outcome, ControlError> {
        let (filter, mut next) = match (self.filter(filter), cursor_of(after)) {
            (Ok(filter), Ok(cursor)) => (filter, Some(cursor)),
            (Err(reason), _) | (_, Err(reason)) => return Ok(Err(reason)),
        };
        let mut listed = 0;
        while let Some(from) = next
            && listed < limit
        {
            let rows_max = PAGE_ROWS.min(usize::try_from(limit - listed).unwrap_or(PAGE_ROWS));
            let page = self.shelf.find(&filter, from, rows_max).await;
            listed += page.rows.len() as u64;
            next = page.next;
            let mut lines = Vec::new();
            for row in &page.rows {
                let left = self.recipients(row, |state| !matches!(state, RecipientState::Done));
                lines.extend(message_line(row, &left)?.0);
            }
            frames.send_octets(&lines).await?;
        }
        Ok(Ok(listed))
    }

    /// How much of the queue fits.
    pub(crate) async fn count(&self, filter: &Filter) -> Count {
        let mut count = Count::default();
        let mut each = |sight: Sight<'_>| {
            count.messages += 1;
            count.octets += sight.octets;
            count.oldest.get_or_insert(seconds(sight.arrived));
            let mut standings = sight.recipients.map(|(_, standing)| standing);
            let held = standings.any(|standing| standing == Standing::Held);
            count.held += u64::from(held);
        };
        self.shelf.visit(filter, &mut each).await;
        count
    }

    async fn answer_count(
        &self,
        frames: &mut Frames,
        filter: &words::Filter,
    ) -> Result<Outcome, ControlError> {
        let filter = match self.filter(filter) {
            Ok(filter) => filter,
            Err(reason) => return Ok(Err(reason)),
        };
        let count = self.count(&filter).await;
        frames.send(&Answer::Count(count)).await?;
        Ok(Ok(count.messages))
    }

    async fn summary(
        &self,
        frames: &mut Frames,
        filter: &words::Filter,
        by: By,
        limit: u64,
    ) -> Result<Outcome, ControlError> {
        let filter = match self.filter(filter) {
            Ok(filter) => filter,
            Err(reason) => return Ok(Err(reason)),
        };
        let mut sums = Sums { deliveries: &self.deliveries, by, messages: 0, of: HashMap::new() };
        let now = seconds(SystemTime::now());
        self.shelf.visit(&filter, &mut |sight| sums.add(sight, now)).await;
        let messages = sums.messages;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        for group in sums.groups().into_iter().take(limit) {
            frames.send(&Answer::Group(group)).await?;
        }
        Ok(Ok(messages))
    }

    async fn why(
        &self,
        frames: &mut Frames,
        filter: &words::Filter,
        limit: u64,
    ) -> Result<Outcome, ControlError> {
        let (filter, mut next) = match self.filter(filter) {
            Ok(filter) => (filter, Some(Cursor::default())),
            Err(reason) => return Ok(Err(reason)),
        };
        let mut told = 0;
        while let Some(from) = next
            && told < limit
        {
            let rows_max = PAGE_ROWS.min(usize::try_from(limit - told).unwrap_or(PAGE_ROWS));
            let page = self.shelf.find(&filter, from, rows_max).await;
            told += page.rows.len() as u64;
            next = page.next;
            for row in &page.rows {
                for position in self.positions(row).await {
                    frames.send(&Answer::Why(position)).await?;
                }
            }
        }
        Ok(Ok(told))
    }

    /// What stands in the way of a message.
    async fn positions(&self, row: &QueueRow) -> Vec<Why> {
        let Deliveries::Running(engine) = &self.deliveries else {
            return self.positions_while_stopped(row);
        };
        let queue_id = row.id.to_string();
        let recipients = &row.envelope.recipients;
        let addresses = |indices: &[usize]| {
            let named = indices.iter().take(words::RECIPIENTS_MAX);
            named
                .filter_map(|index| Some(recipients.get(*index)?.address.to_string()))
                .collect::<Vec<_>>()
        };
        let position = |why: crate::outbound::Why| {
            let named = addresses(&why.recipients);
            Why {
                queue_id: queue_id.clone(),
                more_recipients: (why.recipients.len() - named.len()) as u64,
                recipients: named,
                next_hop: why.next_hop,
                next_attempt: why.next_attempt.map(seconds),
                obstacle: obstacle_of(&why.obstacle),
                attempts: why.attempts,
                last: why.last.map(|reply| reply.to_string()),
            }
        };
        engine.why(row.id).await.into_iter().map(position).collect()
    }

    fn positions_while_stopped(&self, row: &QueueRow) -> Vec<Why> {
        let mut positions: Vec<Why> = Vec::new();
        for recipient in self.recipients(row, |state| !matches!(state, RecipientState::Done)) {
            let held = recipient.state == words::State::Held;
            let why = Why {
                queue_id: row.id.to_string(),
                recipients: Vec::new(),
                more_recipients: 0,
                next_hop: recipient.next_hop.unwrap_or_default(),
                next_attempt: recipient.due,
                obstacle: if held { Obstacle::Held } else { Obstacle::Stopped },
                attempts: recipient.attempts,
                last: recipient.last,
            };
            let alike = |known: &&mut Why| {
                **known
                    == Why {
                        recipients: known.recipients.clone(),
                        more_recipients: known.more_recipients,
                        ..why.clone()
                    }
            };
            match positions.last_mut().filter(alike) {
                Some(known) if known.recipients.len() < words::RECIPIENTS_MAX => {
                    known.recipients.push(recipient.address);
                }
                Some(known) => known.more_recipients += 1,
                None => positions.push(Why { recipients: vec![recipient.address], ..why }),
            }
        }
        positions
    }

    async fn show(
        &self,
        frames: &mut Frames,
        queue_id: &str,
        content_max: u64,
    ) -> Result<Outcome, ControlError> {
        let id = match id_of(queue_id) {
            Ok(id) => id,
            Err(reason) => return Ok(Err(reason)),
        };
        let Some(row) = self.row(id).await else { return Ok(Err(unknown(id))) };
        let all = self.recipients(&row, |_| true);
        let (line, mut sent) = message_line(&row, &all)?;
        frames.send_octets(&line).await?;
        while sent < all.len() {
            let rest = all.get(sent..).unwrap_or_default();
            let answer = |some: &[Recipient]| Answer::Recipients { recipients: some.to_vec() };
            let (line, count) = encode_some(rest, answer)?;
            frames.send_octets(&line).await?;
            sent += count;
        }
        let (content, verdict) = match self.content(id).await {
            Ok((content, Soundness::Sound)) => (content, Ok(1)),
            Ok((content, Soundness::Damaged)) => (
                content,
                Err(format!("message {id} is damaged on disk: this is what is left of it")),
            ),
            Err(reason) => return Ok(Err(reason)),
        };
        let shown = usize::try_from(content_max).unwrap_or(usize::MAX).min(content.len());
        let (octets, octets_in_all) = (shown as u64, content.len() as u64);
        frames.send(&Answer::Content { octets, octets_in_all }).await?;
        frames.send_octets(content.get(..shown).unwrap_or_default()).await?;
        Ok(verdict)
    }

    /// A message's content, from the queue; where it can't be had from there, what its file still gives.
    async fn content(&self, id: QueueId) -> Result<(Bytes, Soundness), String> {
        if let Shelf::Open(shard) = &self.shelf {
            match shard.content(id).await {
                Ok(content) => return Ok((content, Soundness::Sound)),
                Err(ContentError::Unknown(id)) => return Err(unknown(id)),
                Err(ContentError::Damaged(_) | ContentError::Disk { .. }) => {}
            }
        }
        let folder = self.folder.clone();
        let exported = spawn_blocking(move || postroad_queue::export(&OsDisk, &folder, id));
        match exported.await {
            Ok(Ok(Some(exported))) => Ok((exported.content, exported.soundness)),
            Ok(Ok(None)) => Err(unknown(id)),
            Ok(Err(error)) => Err(events::chain(&error)),
            Err(panic) => Err(format!("reading message {id} ended early: {panic}")),
        }
    }

    async fn edit(&self, filter: &words::Filter, edit: words::Edit) -> Outcome {
        let filter = self.filter(filter)?;
        let Shelf::Open(shard) = &self.shelf else {
            return Err("the queue is open for reading only".to_owned());
        };
        let messages = shard.edit(&filter, edit_of(edit)).await;
        let messages = messages.map_err(|fenced| fenced.to_string())?;
        events::edited(edit, messages);
        match (&self.deliveries, edit) {
            (Deliveries::Stopped(_), _) => {}
            _ if messages == 0 => {}
            (Deliveries::Running(engine), words::Edit::Retry | words::Edit::Release) => {
                engine.retry();
            }
            (Deliveries::Running(engine), words::Edit::Hold | words::Edit::Delete) => {
                engine.refresh();
            }
        }
        Ok(messages)
    }

    async fn row(&self, id: QueueId) -> Option<QueueRow> {
        let filter = Filter { ids: Some(vec![id]), ..Filter::default() };
        let page = self.shelf.find(&filter, Cursor::default(), 1).await;
        page.rows.into_iter().next()
    }

    fn recipients(
        &self,
        row: &QueueRow,
        which: impl Fn(&RecipientState) -> bool,
    ) -> Vec<Recipient> {
        let both = row.envelope.recipients.iter().zip(&row.states);
        both.filter(|(_, state)| which(state))
            .map(|(recipient, state)| {
                let domain = &recipient.address.domain;
                let next_hop = self.deliveries.next_hop(domain).ok();
                recipient_of(recipient, state, next_hop, self.deliveries.left_alone(domain))
            })
            .collect()
    }
}

fn unknown(id: QueueId) -> String {
    format!("no message {id} in the queue: it may have been delivered meanwhile")
}

/// A message with as many of these recipients as fit, and how many these are.
fn message_line(
    row: &QueueRow,
    recipients: &[Recipient],
) -> Result<(Vec<u8>, usize), words::FrameError> {
    encode_some(recipients, |some| {
        let more_recipients = (recipients.len() - some.len()) as u64;
        Answer::Message(Message { recipients: some.to_vec(), more_recipients, ..message_of(row) })
    })
}

/// Sums over recipients.
struct Sums<'a> {
    deliveries: &'a Deliveries,
    by: By,
    messages: u64,
    /// By domain, whatever the sums are by: most domains occur often.
    of: HashMap<String, Group>,
}

impl Sums<'_> {
    fn add(&mut self, sight: Sight<'_>, now: u64) {
        self.messages += 1;
        let arrived = seconds(sight.arrived);
        let age = now.saturating_sub(arrived);
        let bucket = words::AGES_S.iter().take_while(|bound| age > **bound).count();
        let from = sight.sender.map_or("", domain_part);
        for (address, standing) in sight.recipients {
            let domain = match self.by {
                By::NextHop | By::Domain => domain_part(address),
                By::Sender => from,
            };
            let group = match self.of.get_mut(domain) {
                Some(group) => group,
                None => self.of.entry(domain.to_owned()).or_default(),
            };
            let fresh =
                Group { name: String::new(), recipients: 1, oldest: arrived, ..Group::default() };
            let mut one = Group { held: u64::from(standing == Standing::Held), ..fresh };
            if let Some(count) = one.ages.get_mut(bucket) {
                *count = 1;
            }
            merge(group, &one);
        }
    }

    /// The groups by name, the largest first.
    fn groups(self) -> Vec<Group> {
        let mut groups: HashMap<String, Group> = HashMap::new();
        for (domain, sums) in self.of {
            let hop = || self.deliveries.next_hop(&Domain::parse(&domain).ok()?).ok();
            let name = match self.by {
                By::NextHop => hop().unwrap_or_else(|| domain.clone()),
                By::Domain | By::Sender => domain,
            };
            merge(groups.entry(name).or_default(), &sums);
        }
        let named = groups.into_iter().map(|(name, group)| Group { name, ..group });
        let mut groups: Vec<Group> = named.collect();
        groups.sort_unstable_by(|a, b| {
            b.recipients.cmp(&a.recipients).then_with(|| a.name.cmp(&b.name))
        });
        groups
    }
}

fn merge(group: &mut Group, more: &Group) {
    let oldest = if group.recipients == 0 { more.oldest } else { group.oldest.min(more.oldest) };
    group.recipients += more.recipients;
    group.held += more.held;
    group.oldest = oldest;
    for (sum, more) in group.ages.iter_mut().zip(more.ages) {
        *sum += more;
    }
}

/// What stands behind the last `@`.
fn domain_part(address: &str) -> &str {
    address.rsplit_once('@').map_or("", |(_, domain)| domain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn next_hops_go_by_several_names() {
        for (hop, wanted, expected) in [
            ("smtp://relay.example.net:587", "smtp://relay.example.net:587", true),
            ("smtp://relay.example.net:587", "relay.example.net:587", true),
            ("smtp://relay.example.net:587", "Relay.Example.net", true),
            ("smtp://relay.example.net:587", "example.net", false),
            ("smtp://[2001:db8::1]:25", "2001:db8::1", true),
            ("lmtp+unix:///run/lmtp.sock", "/run/lmtp.sock", true),
            ("example.org", "example.org", true),
            ("myexample.org", "example.org", false),
        ] {
            assert_eq!(is_called(hop, wanted), expected, "{hop} {wanted}");
        }
    }
}
