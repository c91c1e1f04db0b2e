//! imap-codec's opinion: what it writes we read, and what we write of it, it reads as the same.

use std::path::{Path, PathBuf};

use arbitrary::{Arbitrary, Unstructured};
use imap_codec::decode::Decoder;
use imap_codec::encode::{Encoder, Fragment};
use imap_codec::{CommandCodec, ResponseCodec, imap_types};
use postroad_imap::client;
use postroad_imap::command::{Command, Literals};
use postroad_imap::encode::{self, Extent, FetchWriter, Named, Prepared};
use postroad_imap::limits::AFTER_LOGIN;
use postroad_imap::receive::{Receiver, Step, UploadStep};
use postroad_imap::response::Response;
use postroad_imap::{NameEncoding, SyntaxError};
use postroad_message::{Envelope, Part};

/// What so many values of theirs are made of; the same in each run.
fn seeds(count: u64) -> impl Iterator<Item = Vec<u8>> {
    (0..count).map(|seed| {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(1);
        let octets = std::iter::repeat_with(|| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32) as u8
        });
        octets.take(1_024).collect()
    })
}

fn octets(fragments: impl Iterator<Item = Fragment>) -> Vec<u8> {
    fragments
        .flat_map(|fragment| match fragment {
            Fragment::Line { data } | Fragment::Literal { data, .. } => data,
        })
        .collect()
}

/// What they may write and we don't read: names that can't be names, numbers of more than 63 bits, lists that must hold
/// something and don't.
fn is_refused_on_purpose(error: SyntaxError) -> bool {
    matches!(
        error,
        SyntaxError::MailboxName
            | SyntaxError::TooLong("an ID")
            | SyntaxError::Unknown("algorithm" | "system flag")
            | SyntaxError::Expected(
                "a mechanism"
                    | "a number"
                    | "something in the list"
                    | "an entry's name"
                    | "a set without *"
            )
    )
}

/// What the server's side makes of a command; its messages are thrown away.
fn receive(wire: &[u8]) -> Step {
    let mut receiver = Receiver::new(AFTER_LOGIN);
    receiver.push(wire);
    let mut command = None;
    loop {
        match receiver.step() {
            Step::Continue => {}
            step @ Step::Command(_, Command::Append(_)) => command = Some(step),
            Step::Upload(UploadStep::Literal(_)) => receiver.accept(),
            Step::Upload(UploadStep::End) => {
                return command.expect("a command before its messages");
            }
            Step::Upload(_) => {}
            // The client would not have sent a literal that it waits with.
            step @ Step::Bad(..) => return step,
            step => {
                let rest = receiver.take_rest();
                assert!(
                    rest.is_empty(),
                    "left of {}: {}",
                    wire.escape_ascii(),
                    rest.escape_ascii()
                );
                return step;
            }
        }
    }
}

#[test]
fn commands() {
    let (mut read, mut refused) = (0, 0);
    for seed in seeds(10_000) {
        let made = imap_types::command::Command::arbitrary(&mut Unstructured::new(&seed));
        let Ok(theirs) = made else { continue };
        let wire = octets(CommandCodec::default().encode(&theirs));
        match receive(&wire) {
            // Its message isn't kept, so there is nothing to write again.
            Step::Command(_, Command::Append(_)) => read += 1,
            Step::Command(tag, ours) => {
                read += 1;
                let outgoing = ours.to_outgoing(&tag, Literals::Awaited, NameEncoding::Utf7);
                let wire = outgoing.octets();
                let decoded = CommandCodec::default().decode(wire);
                let Ok((b"", again)) = decoded else {
                    panic!("they don't read {}: {decoded:?}", wire.escape_ascii())
                };
                let wire = octets(CommandCodec::default().encode(&again));
                assert_eq!(receive(&wire), Step::Command(tag, ours), "{}", wire.escape_ascii());
            }
            Step::Bad(_, error) if is_refused_on_purpose(error) => refused += 1,
            step => panic!("we don't read {}: {step:?}", wire.escape_ascii()),
        }
    }
    assert!(read > 4 * refused && read > 1_000, "{read} {refused}");
}

#[test]
fn responses() {
    let (mut read, mut refused) = (0, 0);
    for seed in seeds(10_000) {
        let made = imap_types::response::Response::arbitrary(&mut Unstructured::new(&seed));
        let Ok(theirs) = made else { continue };
        let wire = octets(ResponseCodec::default().encode(&theirs));
        let mut receiver = client::Receiver::new();
        receiver.push(&wire);
        match receiver.step() {
            client::Step::Response(ours) => {
                read += 1;
                let mut wire = Vec::new();
                ours.write(&mut wire, NameEncoding::Utf7);
                let decoded = ResponseCodec::default().decode(&wire);
                let Ok((b"", again)) = decoded else {
                    panic!("they don't read {}: {decoded:?}", wire.escape_ascii())
                };
                let wire = octets(ResponseCodec::default().encode(&again));
                let line = wire.strip_suffix(b"\r\n").expect("a line");
                let again = Response::parse(line, NameEncoding::Utf7).expect("a response");
                let mut rewritten = Vec::new();
                again.write(&mut rewritten, NameEncoding::Utf7);
                let mut written = Vec::new();
                ours.write(&mut written, NameEncoding::Utf7);
                assert_eq!(
                    rewritten.escape_ascii().to_string(),
                    written.escape_ascii().to_string()
                );
            }
            client::Step::Unknown(line) => {
                let error = Response::parse(&line, NameEncoding::Utf7).expect_err("it is unknown");
                assert!(is_refused_on_purpose(error), "{error}: {}", line.escape_ascii());
                refused += 1;
            }
            step => panic!("we don't read {}: {step:?}", wire.escape_ascii()),
        }
        assert_eq!(receiver.step(), client::Step::NeedInput);
    }
    assert!(read > 4 * refused && read > 1_000, "{read} {refused}");
}

/// Row I09: what real and malformed letters have for an envelope and a structure is read by both.
#[test]
fn i09_envelopes_and_structures_of_real_letters() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus");
    let mut letters = 0;
    for file in files(&corpus) {
        let letter = std::fs::read(&file).expect("reads");
        let (part, envelope) = (Part::of(&letter), Envelope::of(&letter));
        let mut line = Vec::new();
        let mut fetch = FetchWriter::begin(Named::Sequence(1), &mut line);
        for (what, extent) in
            [(Prepared::Body, Extent::Basic), (Prepared::BodyStructure, Extent::Extended)]
        {
            let mut structure = Vec::new();
            encode::body_structure(&part, extent, &mut structure);
            fetch.prepared(what, &structure, &mut line);
        }
        let mut summary = Vec::new();
        encode::envelope(&envelope, &mut summary);
        fetch.prepared(Prepared::Envelope, &summary, &mut line);
        fetch.end(&mut line);

        let decoded = ResponseCodec::default().decode(&line);
        assert!(matches!(decoded, Ok((b"", _))), "{}: {}", file.display(), line.escape_ascii());
        let ours =
            Response::parse(&line[..line.len() - 2], NameEncoding::Utf7).expect("a response");
        let mut again = Vec::new();
        ours.write(&mut again, NameEncoding::Utf7);
        assert_eq!(again.escape_ascii().to_string(), line.escape_ascii().to_string());
        letters += 1;
    }
    assert!(letters > 40, "{letters}");
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).expect("lists") {
        let path = entry.expect("an entry").path();
        match path.is_dir() {
            true => files.extend(self::files(&path)),
            false if path.extension().is_some_and(|extension| extension == "eml") => {
                files.push(path)
            }
            false => {}
        }
    }
    files
}
