//! How envelopes, states and replies are written in a record's meta part.
//!
//! All numbers are little-endian. `text` is a u16 with its octets, then UTF-8; `option(x)` is an octet
//! 0, or an octet 1 and then x; `time` is microseconds since 1970 as u64.
//!
//! ```text
//! message   = id:u64 arrived:time delay-notice:u8 storage states envelope
//! storage   = 0:u8                                ; the content is in this record
//!           / 1:u8 octets:u64 checksum:u32        ; the content is in large/ID, CRC-32
//! states    = count:u32 *state                    ; count 0: all waiting, due at arrival
//! state     = 0:u8 attempts:u32 due:time option(reply)   ; waiting
//!           / 1:u8 attempts:u32                   ; held
//!           / 2:u8                                ; done
//! reply     = code:u16 option(status:text) text:text
//! envelope  = option(sender:text) body:u8 utf8:u8 ret:u8 option(envid:text) count:u32 *recipient
//! recipient = address:text notify:u8 option(orcpt:text)
//! outcomes  = id:u64 count:u32 *(recipient:u32 state)
//! edited    = id:u64 what:u8 at:time
//! ```
//! What is read is checked: a value that no writer of ours writes is [`Malformed`], whatever the
//! checksum says.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use postroad_protocol::address::{Address, ReversePath};
use postroad_protocol::envelope::{Body, Envelope, Notify, Recipient, Ret, Utf8, Wanted};
use postroad_protocol::reply::{EnhancedStatus, Reply, ReplyCode};

use super::limits::REPLY_OCTETS_MAX;
use super::state::State;
use crate::spool::{DelayNotice, Edit, QueueId};

/// The octets are not what a writer of ours writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the record is malformed")]
pub(crate) struct Malformed;

/// What a record says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Record {
    /// A message, new or moved here from an older segment with the states it had by then.
    Message(MessageRecord),
    /// What became of some of a message's recipients.
    Outcomes { id: QueueId, states: Vec<(u32, State)> },
    /// What the operator (or the delay notice) did to a message as a whole.
    Edited { id: QueueId, edit: Edit, at: u64 },
}

/// A message without its content.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct MessageRecord {
    pub(crate) id: QueueId,
    /// Microseconds since 1970.
    pub(crate) arrived: u64,
    pub(crate) delay_notice: DelayNotice,
    pub(crate) storage: Storage,
    /// One for each recipient.
    pub(crate) states: Box<[State]>,
    /// As [`encode_envelope`] writes it; known to be readable.
    pub(crate) envelope: Box<[u8]>,
}

/// Where a message's content is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Storage {
    /// Behind the meta part of the same record.
    Inline,
    /// In a file of its own.
    Large { octets: u64, checksum: u32 },
}

/// The record kinds, as they stand in a record's head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Message = 1,
    Outcomes = 2,
    Edited = 3,
}

impl Kind {
    pub(crate) fn from_number(number: u32) -> Option<Self> {
        [Self::Message, Self::Outcomes, Self::Edited]
            .into_iter()
            .find(|kind| *kind as u32 == number)
    }
}

impl Record {
    /// The message that it is about.
    pub(crate) fn id(&self) -> QueueId {
        match self {
            Self::Message(message) => message.id,
            Self::Outcomes { id, .. } | Self::Edited { id, .. } => *id,
        }
    }

    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Message(_) => Kind::Message,
            Self::Outcomes { .. } => Kind::Outcomes,
            Self::Edited { .. } => Kind::Edited,
        }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(160);
        match self {
            Self::Message(message) => encode_message(&mut out, message),
            Self::Outcomes { id, states } => {
                put_u64(&mut out, id.number());
                put_count(&mut out, states.len());
                for (recipient, state) in states {
                    put_u32(&mut out, *recipient);
                    encode_state(&mut out, state);
                }
            }
            Self::Edited { id, edit, at } => {
                put_u64(&mut out, id.number());
                out.push(edit_number(*edit));
                put_u64(&mut out, *at);
            }
        }
        out
    }

    /// Reads a record's meta part.
    pub(crate) fn decode(kind: Kind, meta: &[u8]) -> Result<Self, Malformed> {
        let mut input = Input(meta);
        let id = QueueId::from_number(input.u64()?);
        let record = match kind {
            Kind::Message => return decode_message(id, input).map(Self::Message),
            Kind::Outcomes => {
                let count = input.count(5)?;
                let state = |_| Ok((input.u32()?, decode_state(&mut input)?));
                Self::Outcomes { id, states: (0..count).map(state).collect::<Result<_, _>>()? }
            }
            Kind::Edited => Self::Edited { id, edit: edit_of(input.u8()?)?, at: input.u64()? },
        };
        input.end()?;
        Ok(record)
    }
}

fn encode_message(out: &mut Vec<u8>, message: &MessageRecord) {
    put_u64(out, message.id.number());
    put_u64(out, message.arrived);
    out.push(match message.delay_notice {
        DelayNotice::NotSent => 0,
        DelayNotice::Sent => 1,
    });
    match message.storage {
        Storage::Inline => out.push(0),
        Storage::Large { octets, checksum } => {
            out.push(1);
            put_u64(out, octets);
            put_u32(out, checksum);
        }
    }
    let fresh = State::fresh(message.arrived);
    if message.states.iter().all(|state| *state == fresh) {
        put_count(out, 0);
    } else {
        put_count(out, message.states.len());
        message.states.iter().for_each(|state| encode_state(out, state));
    }
    out.extend_from_slice(&message.envelope);
}

fn decode_message(id: QueueId, mut input: Input<'_>) -> Result<MessageRecord, Malformed> {
    let arrived = input.u64()?;
    let delay_notice = match input.u8()? {
        0 => DelayNotice::NotSent,
        1 => DelayNotice::Sent,
        _ => return Err(Malformed),
    };
    let storage = match input.u8()? {
        0 => Storage::Inline,
        1 => Storage::Large { octets: input.u64()?, checksum: input.u32()? },
        _ => return Err(Malformed),
    };
    let count = input.count(1)?;
    let states: Box<[State]> =
        (0..count).map(|_| decode_state(&mut input)).collect::<Result<_, _>>()?;
    let envelope: Box<[u8]> = input.0.into();
    let recipients = decode_envelope(&envelope)?.recipients.len();
    let states = match states.len() {
        0 => vec![State::fresh(arrived); recipients].into(),
        count if count == recipients => states,
        _ => return Err(Malformed),
    };
    Ok(MessageRecord { id, arrived, delay_notice, storage, states, envelope })
}

fn encode_state(out: &mut Vec<u8>, state: &State) {
    match state {
        State::Waiting { attempts, due, last } => {
            out.push(0);
            put_u32(out, *attempts);
            put_u64(out, *due);
            put_option(out, last.as_deref(), |out, reply| out.extend_from_slice(reply));
        }
        State::Held { attempts } => {
            out.push(1);
            put_u32(out, *attempts);
        }
        State::Done => out.push(2),
    }
}

fn decode_state(input: &mut Input<'_>) -> Result<State, Malformed> {
    match input.u8()? {
        0 => Ok(State::Waiting {
            attempts: input.u32()?,
            due: input.u64()?,
            last: input.option(|input| {
                let start = input.0;
                take_reply(input)?;
                Ok(start.get(..start.len() - input.0.len()).ok_or(Malformed)?.into())
            })?,
        }),
        1 => Ok(State::Held { attempts: input.u32()? }),
        2 => Ok(State::Done),
        _ => Err(Malformed),
    }
}

/// Writes a reply; a text that is too long to keep is cut.
pub(crate) fn encode_reply(reply: &Reply) -> Box<[u8]> {
    let mut out = Vec::new();
    out.extend_from_slice(&reply.code().value().to_le_bytes());
    put_option(&mut out, reply.status(), |out, status| put_text(out, &status.to_string()));
    let text = reply.lines().join("\n");
    put_text(&mut out, text.get(..text.floor_char_boundary(REPLY_OCTETS_MAX)).unwrap_or_default());
    out.into()
}

/// Reads a reply that [`encode_reply`] wrote.
pub(crate) fn decode_reply(octets: &[u8]) -> Result<Reply, Malformed> {
    let mut input = Input(octets);
    let reply = take_reply(&mut input)?;
    input.end()?;
    Ok(reply)
}

/// Adds to `text` what such a reply says, as [`Reply`] shows itself, but without making one.
pub(crate) fn write_reply(octets: &[u8], text: &mut String) -> Result<(), Malformed> {
    let mut input = Input(octets);
    // Writing to a String doesn't fail.
    let _ = write!(text, "{:03}", input.u16()?);
    if let Some(status) = input.option(Input::text)? {
        text.extend([" ", status]);
    }
    text.push(' ');
    text.extend(input.text()?.split('\n').flat_map(|line| [line, " "]));
    text.pop();
    Ok(())
}

fn take_reply(input: &mut Input<'_>) -> Result<Reply, Malformed> {
    let code = input.u16()?;
    let code = ReplyCode::from_digits(code.to_string().as_bytes()).ok_or(Malformed)?;
    let status = input.option(|input| EnhancedStatus::parse(input.text()?).ok_or(Malformed))?;
    Ok(Reply::from_parts(code, status, input.text()?))
}

/// Writes an envelope.
pub(crate) fn encode_envelope(envelope: &Envelope) -> Box<[u8]> {
    let mut out = Vec::with_capacity(128);
    put_option(&mut out, envelope.reverse_path.address(), |out, sender| {
        put_text(out, &sender.to_string());
    });
    out.push(match envelope.body {
        Body::SevenBit => 0,
        Body::EightBitMime => 1,
    });
    out.push(match envelope.utf8 {
        Utf8::Ascii => 0,
        Utf8::SmtpUtf8 => 1,
    });
    out.push(match envelope.ret {
        None => 0,
        Some(Ret::Full) => 1,
        Some(Ret::Headers) => 2,
    });
    put_option(&mut out, envelope.envid.as_deref(), put_text);
    put_count(&mut out, envelope.recipients.len());
    for recipient in &envelope.recipients {
        put_text(&mut out, &recipient.address.to_string());
        out.push(notify_number(recipient.notify));
        put_option(&mut out, recipient.orcpt.as_deref(), put_text);
    }
    out.into()
}

/// Reads an envelope.
pub(crate) fn decode_envelope(octets: &[u8]) -> Result<Envelope, Malformed> {
    let mut input = Input(octets);
    let reverse_path = match input.option(Input::address)? {
        Some(sender) => ReversePath::Address(sender),
        None => ReversePath::Null,
    };
    let body = match input.u8()? {
        0 => Body::SevenBit,
        1 => Body::EightBitMime,
        _ => return Err(Malformed),
    };
    let utf8 = match input.u8()? {
        0 => Utf8::Ascii,
        1 => Utf8::SmtpUtf8,
        _ => return Err(Malformed),
    };
    let ret = match input.u8()? {
        0 => None,
        1 => Some(Ret::Full),
        2 => Some(Ret::Headers),
        _ => return Err(Malformed),
    };
    let envid = input.option(|input| input.text().map(str::to_owned))?;
    let count = input.count(4)?;
    let recipient = |_| {
        let address = input.address()?;
        let notify = notify_of(input.u8()?)?;
        let orcpt = input.option(|input| input.text().map(str::to_owned))?;
        Ok(Recipient { address, notify, orcpt })
    };
    let recipients = (0..count).map(recipient).collect::<Result<Vec<_>, _>>()?;
    input.end()?;
    Ok(Envelope { reverse_path, recipients, body, utf8, ret, envid })
}

/// Who an envelope is from and to, read where it stands: a walk through a million of them copies nothing.
pub(crate) struct People<'a> {
    /// `None` is the null reverse-path.
    pub(crate) sender: Option<&'a str>,
    left: usize,
    input: Input<'a>,
}

impl<'a> People<'a> {
    /// Reads up to the recipients, which [`Iterator::next`] gives in their order.
    pub(crate) fn read(octets: &'a [u8]) -> Result<Self, Malformed> {
        let mut input = Input(octets);
        let sender = input.option(Input::text)?;
        input.take(3)?; // body, utf8, ret
        input.option(Input::text)?; // envid
        let left = input.count(4)?;
        Ok(Self { sender, left, input })
    }

    fn recipient(&mut self) -> Result<&'a str, Malformed> {
        let address = self.input.text()?;
        self.input.u8()?; // notify
        self.input.option(Input::text)?; // orcpt
        Ok(address)
    }
}

impl<'a> Iterator for People<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        self.left = self.left.checked_sub(1)?;
        self.recipient().ok()
    }
}

/// 0: unsaid, 1: never, 8 and more: bits 0 to 2 are success, failure and delay.
fn notify_number(notify: Notify) -> u8 {
    let bit = |wanted, place: u8| if wanted == Wanted::Yes { 1 << place } else { 0 };
    match notify {
        Notify::Unsaid => 0,
        Notify::Never => 1,
        Notify::On { success, failure, delay } => {
            8 | bit(success, 0) | bit(failure, 1) | bit(delay, 2)
        }
    }
}

fn notify_of(number: u8) -> Result<Notify, Malformed> {
    let bit = |place: u8| if number & (1 << place) == 0 { Wanted::No } else { Wanted::Yes };
    match number {
        0 => Ok(Notify::Unsaid),
        1 => Ok(Notify::Never),
        8..=15 => Ok(Notify::On { success: bit(0), failure: bit(1), delay: bit(2) }),
        _ => Err(Malformed),
    }
}

fn edit_number(edit: Edit) -> u8 {
    match edit {
        Edit::Hold => 0,
        Edit::Release => 1,
        Edit::Retry => 2,
        Edit::Delete => 3,
        Edit::DelayNoticeSent => 4,
    }
}

fn edit_of(number: u8) -> Result<Edit, Malformed> {
    [Edit::Hold, Edit::Release, Edit::Retry, Edit::Delete, Edit::DelayNoticeSent]
        .into_iter()
        .find(|edit| edit_number(*edit) == number)
        .ok_or(Malformed)
}

/// Microseconds since 1970; what is before counts as then.
pub(crate) fn micros(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

/// The time that so many microseconds since 1970 are; what the clock can't show is as late as it can.
pub(crate) fn time_of(micros: u64) -> SystemTime {
    UNIX_EPOCH.checked_add(Duration::from_micros(micros)).unwrap_or(UNIX_EPOCH)
}

fn put_u32(out: &mut Vec<u8>, number: u32) {
    out.extend_from_slice(&number.to_le_bytes());
}

fn put_u64(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(&number.to_le_bytes());
}

/// Counts are of recipients, of which there are thousands at most.
fn put_count(out: &mut Vec<u8>, count: usize) {
    put_u32(out, u32::try_from(count).unwrap_or(u32::MAX));
}

/// The texts are addresses, DSN parameters and cut replies: the longest is some 2,000 octets. One
/// that is too long would be cut here rather than make the record unreadable.
fn put_text(out: &mut Vec<u8>, text: &str) {
    let text = text.get(..text.floor_char_boundary(usize::from(u16::MAX))).unwrap_or_default();
    out.extend_from_slice(&u16::try_from(text.len()).unwrap_or(u16::MAX).to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}

fn put_option<T>(out: &mut Vec<u8>, value: Option<T>, put: impl FnOnce(&mut Vec<u8>, T)) {
    match value {
        None => out.push(0),
        Some(value) => {
            out.push(1);
            put(out, value);
        }
    }
}

/// What is still to be read.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, octets: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(octets).ok_or(Malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        self.take(N)?.try_into().map_err(|_| Malformed)
    }

    fn u8(&mut self) -> Result<u8, Malformed> {
        self.array().map(u8::from_le_bytes)
    }

    fn u16(&mut self) -> Result<u16, Malformed> {
        self.array().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Result<u32, Malformed> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64, Malformed> {
        self.array().map(u64::from_le_bytes)
    }

    /// How many items follow, each of `octets_min` or more: never more than there is room for.
    fn count(&mut self, octets_min: usize) -> Result<usize, Malformed> {
        let count = usize::try_from(self.u32()?).map_err(|_| Malformed)?;
        if count > self.0.len() / octets_min {
            return Err(Malformed);
        }
        Ok(count)
    }

    fn text(&mut self) -> Result<&'a str, Malformed> {
        let octets = usize::from(self.u16()?);
        std::str::from_utf8(self.take(octets)?).map_err(|_| Malformed)
    }

    fn address(&mut self) -> Result<Address, Malformed> {
        Address::parse(self.text()?).map_err(|_| Malformed)
    }

    fn option<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, Malformed>,
    ) -> Result<Option<T>, Malformed> {
        match self.u8()? {
            0 => Ok(None),
            1 => read(self).map(Some),
            _ => Err(Malformed),
        }
    }

    fn end(&self) -> Result<(), Malformed> {
        if self.0.is_empty() { Ok(()) } else { Err(Malformed) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::option;
    use proptest::prelude::*;

    use super::*;

    fn address() -> impl Strategy<Value = Address> {
        let text = "[a-zA-Z0-9!#$%&'*+/=?^_`{|}~ü.@ -]{1,40}@[a-z0-9-]{1,20}\\.[a-z]{2,5}";
        text.prop_filter_map("no address", |text| {
            let (local, domain) = text.rsplit_once('@')?;
            Address::parse(&text).or_else(|_| Address::parse(&format!("\"{local}\"@{domain}"))).ok()
        })
    }

    fn notify() -> impl Strategy<Value = Notify> {
        prop_oneof![Just(0), Just(1), 8..=15u8].prop_map(|n| notify_of(n).unwrap())
    }

    fn recipient() -> impl Strategy<Value = Recipient> {
        (address(), notify(), option::of("[ -~é]{0,60}"))
            .prop_map(|(address, notify, orcpt)| Recipient { address, notify, orcpt })
    }

    fn envelope() -> impl Strategy<Value = Envelope> {
        let ret = prop_oneof![Just(None), Just(Some(Ret::Full)), Just(Some(Ret::Headers))];
        let body = prop_oneof![Just(Body::SevenBit), Just(Body::EightBitMime)];
        let utf8 = prop_oneof![Just(Utf8::Ascii), Just(Utf8::SmtpUtf8)];
        let envid = option::of("[ -~]{0,40}");
        (option::of(address()), vec(recipient(), 1..5), body, utf8, ret, envid).prop_map(
            |(sender, recipients, body, utf8, ret, envid)| {
                let reverse_path = sender.map_or(ReversePath::Null, ReversePath::Address);
                Envelope { reverse_path, recipients, body, utf8, ret, envid }
            },
        )
    }

    fn state() -> impl Strategy<Value = State> {
        let reply = (200..600u16, option::of((0..999u16, 0..999u16)), "[ -~\n]{0,80}").prop_map(
            |(code, status, text)| {
                let code = ReplyCode::from_digits(code.to_string().as_bytes()).unwrap();
                let status = status.and_then(|(a, b)| EnhancedStatus::parse(&format!("4.{a}.{b}")));
                encode_reply(&Reply::from_parts(code, status, &text))
            },
        );
        prop_oneof![
            (any::<u32>(), any::<u64>(), option::of(reply))
                .prop_map(|(attempts, due, last)| State::Waiting { attempts, due, last }),
            any::<u32>().prop_map(|attempts| State::Held { attempts }),
            Just(State::Done),
        ]
    }

    fn record() -> impl Strategy<Value = Record> {
        let id = || any::<u64>().prop_map(QueueId::from_number);
        let storage = prop_oneof![
            Just(Storage::Inline),
            any::<(u64, u32)>().prop_map(|(octets, checksum)| Storage::Large { octets, checksum }),
        ];
        let notice = prop_oneof![Just(DelayNotice::NotSent), Just(DelayNotice::Sent)];
        let message = (id(), any::<u64>(), notice, storage, envelope(), vec(state(), 5)).prop_map(
            |(id, arrived, delay_notice, storage, envelope, states)| {
                let states = states.into_iter().take(envelope.recipients.len()).collect();
                let envelope = encode_envelope(&envelope);
                Record::Message(MessageRecord {
                    id,
                    arrived,
                    delay_notice,
                    storage,
                    states,
                    envelope,
                })
            },
        );
        prop_oneof![
            message,
            (id(), vec((any::<u32>(), state()), 0..5))
                .prop_map(|(id, states)| Record::Outcomes { id, states }),
            (id(), 0..5u8, any::<u64>()).prop_map(|(id, edit, at)| Record::Edited {
                id,
                edit: edit_of(edit).unwrap(),
                at
            }),
        ]
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(record in record()) {
            let meta = record.encode();
            prop_assert_eq!(Record::decode(record.kind(), &meta), Ok(record));
        }

        #[test]
        fn envelopes_come_back_as_they_were(envelope in envelope()) {
            let octets = encode_envelope(&envelope);
            let mut people = People::read(&octets).unwrap();
            let sender = envelope.reverse_path.address().map(ToString::to_string);
            prop_assert_eq!(people.sender, sender.as_deref());
            for recipient in &envelope.recipients {
                let address = recipient.address.to_string();
                prop_assert_eq!(people.next(), Some(address.as_str()));
            }
            prop_assert_eq!(people.next(), None);
            prop_assert_eq!(decode_envelope(&octets), Ok(envelope));
        }

        #[test] // Row Q01, should a checksum ever fit by chance.
        fn q01_no_octets_cause_a_panic(record in record(), at in any::<usize>(), octet in any::<u8>()) {
            let mut meta = record.encode();
            let at = at % meta.len();
            meta[at] = octet;
            for kind in [Kind::Message, Kind::Outcomes, Kind::Edited] {
                let _ = Record::decode(kind, &meta);
                let _ = Record::decode(kind, &meta[..at]);
            }
            let _ = People::read(&meta).map(Iterator::count);
        }
    }

    #[test]
    fn replies_are_read_without_being_made() {
        for reply in [
            Reply::new(450, (4, 2, 0), "later\nmuch later"),
            Reply::new(250, (2, 0, 0), ""),
            Reply::bare(421, "bye"),
        ] {
            let mut text = String::new();
            write_reply(&encode_reply(&reply), &mut text).unwrap();
            assert_eq!(text, reply.to_string());
        }
    }

    #[test]
    fn replies_are_cut_to_what_is_kept() {
        let long = Reply::new(450, (4, 2, 0), "ü".repeat(2_000));
        let kept = decode_reply(&encode_reply(&long)).unwrap();
        assert_eq!(kept.lines(), ["ü".repeat(REPLY_OCTETS_MAX / 2)]);
        assert_eq!((kept.code(), kept.status()), (long.code(), long.status()));
    }
}
