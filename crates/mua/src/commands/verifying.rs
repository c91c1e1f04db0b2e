//! `postroad-mua verify` and `trace`: who letters are from, and how they travelled.

use std::net::SocketAddr;

use postroad_mailauth::{Outcome, Signature};
use schemars::JsonSchema;
use serde::Serialize;

use super::send::Output;
use super::{Context, In};
use crate::error::{Error, Exit};
use crate::render::Summary;
use crate::render::list::SealJson;
use crate::safe_line;
use crate::sealed::{self, Asks, Seal};
use crate::trust::{self, Level, Report, Trusted, check, noted};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The letters: ids, numbers, or "latest"
    #[arg(required = true, value_name = "ID")]
    ids: Vec<String>,
    #[command(flatten)]
    folder: In,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, clap::Args)]
pub(super) struct VerifyArguments {
    #[command(flatten)]
    letters: Arguments,
    /// Ask no name server for the signers' keys: only what hosts that you trust have found is told
    #[arg(long)]
    no_dns: bool,
    /// The name server to ask, instead of this host's
    #[arg(long, value_name = "IP:PORT", hide_short_help = true)]
    dns: Option<SocketAddr>,
}

/// One letter's verdict.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct VerdictJson<'a> {
    /// The letter's short id.
    id: &'a str,
    /// `good`, `open`, `bad`; none where nobody who is trusted has judged it.
    verdict: Option<&'static str>,
    /// The line that stands above the letter.
    words: Option<&'a str>,
    /// What was checked here.
    signatures: Vec<SignatureJson<'a>>,
    /// What was found of its seal.
    #[serde(skip_serializing_if = "Option::is_none")]
    seal: Option<SealJson<'a>>,
    /// Why, and what else was found.
    details: Vec<String>,
}

/// A signature that was checked here.
#[derive(Debug, Serialize, JsonSchema)]
struct SignatureJson<'a> {
    /// `d=`
    domain: &'a str,
    /// `holds`, `broken`, `unknown`, `later`.
    outcome: &'static str,
    /// Why, where it doesn't hold.
    why: Option<&'a str>,
    /// Whether it stands for who wrote.
    aligned: bool,
}

impl<'a> SignatureJson<'a> {
    fn of(signature: &'a Signature, report: &Report) -> Self {
        let (outcome, why) = match &signature.outcome {
            Outcome::Holds => ("holds", None),
            Outcome::Broken(why) => ("broken", Some(why.as_str())),
            Outcome::Unknown(why) => ("unknown", Some(why.as_str())),
            Outcome::Later(why) => ("later", Some(why.as_str())),
        };
        Self { domain: &signature.domain, outcome, why, aligned: report.is_aligned(signature) }
    }
}

/// One step of one letter.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct HopJson<'a> {
    /// The letter's short id.
    id: &'a str,
    /// From 1, the first one first.
    hop: usize,
    /// The name by which the host that sent it called itself.
    from: Option<&'a str>,
    /// Its address, as the host that received it saw it.
    address: Option<String>,
    /// The host that received it.
    by: Option<&'a str>,
    /// The protocol, such as ESMTPS.
    with: Option<&'a str>,
    /// What protected it on the way.
    tls: Option<&'a str>,
    /// When it was received; RFC 3339.
    time: Option<String>,
    /// Whether a host that is trusted says so.
    trusted: bool,
}

/// What of the letters is looked at.
#[derive(Debug, Clone, Copy)]
enum Look {
    /// Their headers: how they travelled.
    AtHeader,
    /// All of them, their seals too, and the signers' keys where somebody is asked for these.
    AtAll(Keys),
}

/// Whether signatures are checked here, and by whom keys are told.
#[derive(Debug, Clone, Copy)]
enum Keys {
    NotAsked,
    Asked(Option<SocketAddr>),
}

/// What was found of a letter.
struct Found {
    id: String,
    report: Report,
    seal: Option<Seal>,
}

/// The letters, one after the other.
async fn each(
    context: &mut Context<'_, '_>,
    arguments: &Arguments,
    look: Look,
    mut show: impl FnMut(&mut Context<'_, '_>, &Found) -> Result<(), Error>,
) -> Result<(), Error> {
    let account = context.account()?;
    let trusted = Trusted::of(&account);
    let mut mailbox = arguments.folder.open(&account).await?;
    for id in &arguments.ids {
        let entry = mailbox.find(id)?;
        let (raw, seal, summary) = match look {
            Look::AtHeader => {
                let raw = mailbox.header(&entry).await?;
                let summary = Summary::of(&raw);
                (raw, None, summary)
            }
            Look::AtAll(_) => {
                let raw = mailbox.message(&entry).await?;
                // Whom a sealed letter is from stands inside, where it says so (row U10).
                let view = sealed::view(&raw, &account.keys, Asks::Here);
                (raw, view.seal, view.summary)
            }
        };
        let mut report = trust::report(&raw, &summary, &trusted);
        if let Look::AtAll(Keys::Asked(dns)) = look {
            report = report.with(check::check(&raw, dns).await);
        }
        let records = noted::records(trusted.trace.as_deref(), summary.message_id.as_deref());
        let report = report.noted(&records);
        show(context, &Found { id: entry.id.clone(), report, seal })?;
    }
    Ok(mailbox.close().await?)
}

/// Exit 1 where something contradicts one of them.
pub(super) async fn verify(
    context: &mut Context<'_, '_>,
    arguments: &VerifyArguments,
) -> Result<Exit, Error> {
    let mut exit = Exit::Done;
    let keys = if arguments.no_dns { Keys::NotAsked } else { Keys::Asked(arguments.dns) };
    let arguments = &arguments.letters;
    each(context, arguments, Look::AtAll(keys), |context, Found { id, report, seal }| {
        let line = report.line();
        let levels = line.as_ref().map(|(level, _)| *level).into_iter();
        let mut levels = levels.chain(seal.as_ref().map(|seal| seal.level));
        if levels.any(|level| level == Level::Bad) {
            exit = Exit::No;
        }
        let details = report.verified();
        if arguments.output.json {
            let verdict = line.as_ref().map(|(level, _)| match level {
                Level::Good => "good",
                Level::Open => "open",
                Level::Bad => "bad",
            });
            let words = line.as_ref().map(|(_, words)| words.as_str());
            let signatures = report.looked_at().iter();
            let signatures = signatures.map(|it| SignatureJson::of(it, report)).collect();
            let seal = seal.as_ref().map(SealJson::of);
            let json = VerdictJson { id, verdict, words, signatures, seal, details };
            context.screen.show_json(&json)?;
            return Ok(());
        }
        for (level, words) in seal.iter().flat_map(|seal| &seal.findings) {
            context.screen.show(&safe_line!("{} Its seal: {words}", level.mark()))?;
        }
        details.iter().try_for_each(|line| Ok(context.screen.show(&safe_line!("{line}"))?))
    })
    .await?;
    Ok(exit)
}

pub(super) async fn trace(
    context: &mut Context<'_, '_>,
    arguments: &Arguments,
) -> Result<Exit, Error> {
    each(context, arguments, Look::AtHeader, |context, Found { id, report, .. }| {
        if !arguments.output.json {
            let lines = report.travelled();
            return lines
                .iter()
                .chain(&report.noted)
                .try_for_each(|line| Ok(context.screen.show(&safe_line!("{line}"))?));
        }
        let claimed = report.hops.len().saturating_sub(report.trusted_hops);
        for (place, hop) in report.hops.iter().enumerate() {
            context.screen.show_json(&HopJson {
                id,
                hop: place + 1,
                from: hop.from.as_deref(),
                address: hop.address.map(|address| address.to_string()),
                by: hop.by.as_deref(),
                with: hop.with.as_deref(),
                tls: hop.tls.as_deref(),
                time: hop.at.map(|at| at.to_string()),
                trusted: place >= claimed,
            })?;
        }
        Ok(())
    })
    .await?;
    Ok(Exit::Done)
}
