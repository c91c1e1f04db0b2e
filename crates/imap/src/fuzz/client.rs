//! A client's receiver against whatever a server says. The first octet says where the rest is cut in two.
//!
//! It never panics, gives the same responses however its input is cut, and a response that is written can be
//! read, and is written the same again.

use crate::client::{Receiver, Step};
use crate::response::{Content, Data, FetchItem, Response};
use crate::value::NameEncoding;

/// Feeds `data` to a receiver; panics where a promise is broken.
pub fn run(data: &[u8]) {
    let Some((cut, input)) = data.split_first() else { return };
    let whole = play(&[input]);
    let (head, tail) = input.split_at(usize::from(*cut).min(input.len()));
    assert_eq!(play(&[head, tail]), whole);
}

fn play(reads: &[&[u8]]) -> Vec<Step> {
    let mut receiver = Receiver::new();
    let mut reads = reads.iter();
    let mut steps: Vec<Step> = Vec::new();
    loop {
        match receiver.step() {
            Step::NeedInput => match reads.next() {
                Some(octets) => receiver.push(octets),
                None => return steps,
            },
            Step::Broken(why) => {
                steps.push(Step::Broken(why));
                return steps;
            }
            Step::Content(octets) => match steps.last_mut() {
                Some(Step::Content(before)) => before.extend(octets),
                _ => steps.push(Step::Content(octets)),
            },
            step => {
                if let Step::Response(response) = &step {
                    write_again(response);
                }
                steps.push(step);
            }
        }
    }
}

/// What can't be said again is said in another way, which then stays.
fn write_again(response: &Response) {
    if has_streamed(response) {
        return;
    }
    for names in [NameEncoding::Utf7, NameEncoding::Utf8] {
        let once = written(response, names);
        let twice = written(&read(&once, names), names);
        let thrice = written(&read(&twice, names), names);
        assert_eq!(twice.escape_ascii().to_string(), thrice.escape_ascii().to_string());
    }
}

fn written(response: &Response, names: NameEncoding) -> Vec<u8> {
    let mut out = Vec::new();
    response.write(&mut out, names);
    out
}

fn read(line: &[u8], names: NameEncoding) -> Response {
    let text = line.strip_suffix(b"\r\n").unwrap_or_default();
    match Response::parse(text, names) {
        Ok(response) => response,
        Err(error) => panic!("{error}: {}", line.escape_ascii()),
    }
}

/// Whether some of it isn't there to be written.
fn has_streamed(response: &Response) -> bool {
    let Response::Data(Data::Fetch { items, .. } | Data::UidFetch { items, .. }) = response else {
        return false;
    };
    items.iter().any(|item| match item {
        FetchItem::Section { content, .. }
        | FetchItem::Binary { content, .. }
        | FetchItem::Rfc822(_, content) => matches!(content, Content::Streamed(_)),
        _ => false,
    })
}
