//! Fills a queue by its own crate, while no agent runs: a million letters in a fraction of the time that a million
//! transactions take.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context as _, bail};
use bytes::Bytes;
use postroad_disk::OsDisk;
use postroad_protocol::address::{Address, ReversePath};
use postroad_protocol::envelope::{Envelope, Recipient};
use postroad_protocol::reply::Reply;
use postroad_queue::{
    Accept, Content, Embedded, NewMessage, Outcome, OwnedShard, RecipientState, ShardId, Spool as _,
};

use super::world::{Life, Plan};

/// Letters that are stored together.
const BATCH: u64 = 1_000;
/// Octets of each.
const OCTETS: usize = 1_024;
/// How old the oldest is: too young for anybody to be warned about it.
const SPREAD: Duration = Duration::from_secs(2 * 60 * 60);
/// When those are due again that were tried: not before the bench is over.
const DUE: Duration = Duration::from_secs(2 * 60 * 60);

/// What that took.
pub(super) struct Filled {
    pub(super) took: Duration,
    /// In the queue's folder, a letter.
    pub(super) octets: f64,
}

/// Of those that nobody answers every second one was tried before and waits, with what was said then; all others
/// are due.
pub(super) fn fill(queue: &Path, plan: Plan, messages: u64) -> anyhow::Result<Filled> {
    let began = Instant::now();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let queue = Embedded::new(Arc::new(OsDisk), queue.to_owned()).open(ShardId(0)).await;
        let letters = Letters { queue: queue?, plan, messages, now: SystemTime::now() };
        for first in (0..messages).step_by(BATCH as usize) {
            letters.add(first..messages.min(first + BATCH)).await?;
        }
        letters.queue.release().await;
        anyhow::Ok(())
    })?;
    let octets = octets_below(queue).context("cannot look at the queue's files")?;
    Ok(Filled { took: began.elapsed(), octets: octets as f64 / messages as f64 })
}

struct Letters {
    queue: Arc<dyn OwnedShard>,
    plan: Plan,
    messages: u64,
    now: SystemTime,
}

impl Letters {
    async fn add(&self, numbers: std::ops::Range<u64>) -> anyhow::Result<()> {
        let content = Bytes::from(content());
        let (mut letters, mut outcomes) = (Vec::new(), Vec::new());
        for number in numbers {
            let letter = self.letter(number, content.clone())?;
            if self.was_tried(number) {
                outcomes.push(self.deferred(&letter));
            }
            letters.push(letter);
        }
        for accepted in self.queue.accept(letters).await {
            if !matches!(accepted, Accept::Stored) {
                bail!("the queue doesn't take the backlog: {accepted:?}");
            }
        }
        Ok(self.queue.settle(outcomes).await?)
    }

    fn was_tried(&self, number: u64) -> bool {
        number % 2 == 1 && self.plan.destination(number, self.messages).life == Life::Dead
    }

    fn letter(&self, number: u64, content: Bytes) -> anyhow::Result<NewMessage> {
        let age = SPREAD.mul_f64(1.0 - number as f64 / self.messages as f64);
        let sender = Address::parse(&sender(number))?;
        let recipient =
            Recipient::new(Address::parse(&recipient(self.plan, number, self.messages))?);
        Ok(NewMessage {
            id: self.queue.new_id(),
            arrived: self.now - age,
            envelope: Envelope::new(ReversePath::Address(sender), vec![recipient]),
            content: Content::Memory(content),
        })
    }

    fn deferred(&self, letter: &NewMessage) -> Outcome {
        let domain = letter.envelope.recipients.first().map(|to| to.address.to_string());
        let words = format!("no greeting from the host of {}", domain.unwrap_or_default());
        let last = Some(Reply::new(421, (4, 4, 2), words));
        let state = RecipientState::Waiting { attempts: 1, due: self.now + DUE, last };
        Outcome { id: letter.id, recipient: 0, state }
    }
}

/// Some write often, and from many domains.
pub(super) fn sender(number: u64) -> String {
    format!("writer{}@sender{}.example", number % 97, number % 1_000)
}

pub(super) fn recipient(plan: Plan, number: u64, messages: u64) -> String {
    format!("reader{number}@{}", plan.destination(number, messages).domain)
}

fn content() -> Vec<u8> {
    let header = "Received: from client.example by bench.example with ESMTP\r\n\
                  From: writer@sender.example\r\nSubject: one of very many\r\n\r\n";
    let line = format!("{}\r\n", "X".repeat(78));
    let lines = OCTETS.saturating_sub(header.len()) / line.len();
    format!("{header}{}", line.repeat(lines)).into_bytes()
}

fn octets_below(folder: &Path) -> std::io::Result<u64> {
    let mut octets = 0;
    for entry in std::fs::read_dir(folder)? {
        let (entry, path) = entry.map(|entry| (entry.metadata(), entry.path()))?;
        let entry = entry?;
        octets += if entry.is_dir() { octets_below(&path)? } else { entry.len() };
    }
    Ok(octets)
}
