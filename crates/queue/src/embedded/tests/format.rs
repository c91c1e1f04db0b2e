//! What earlier releases wrote is read: each version of the format has a segment in the tree.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use postroad_protocol::envelope::{Body, Notify, Ret, Wanted};
use postroad_protocol::reply::Reply;
use postroad_testkit::FaultyDisk;

use super::{block_on, open};
use crate::spool::{Cursor, DelayNotice, Filter, QueueId, RecipientState};

/// Five letters: one to two recipients with all that an envelope can say, one held, one gone, one delayed and
/// retried, and one in a file of its own.
const VERSION_1: &[u8] = include_bytes!("../../../fixtures/version-1.log");
const LARGE: &[u8] = b"Subject: large\r\n\r\n";

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000 + seconds)
}

fn waiting(due: SystemTime) -> RecipientState {
    RecipientState::Waiting { attempts: 0, due, last: None }
}

#[test]
fn a_segment_of_version_1() {
    let disk = FaultyDisk::new();
    for dir in ["/queue/segments", "/queue/large", "/queue/damaged"] {
        disk.put_dir(&PathBuf::from(dir));
    }
    disk.put(&PathBuf::from("/queue/segments/0000000001.log"), VERSION_1);
    disk.put(&PathBuf::from("/queue/large/6R5A58GC1WG04"), LARGE);
    block_on(async {
        let queue = open(&disk).await;
        let rows = queue.find(&Filter::default(), Cursor::default(), usize::MAX).await.rows;
        let ids: Vec<_> = rows.iter().map(|row| row.id.to_string()).collect();
        assert_eq!(ids, ["6R5A58GC1WG00", "6R5A58GC1WG01", "6R5A58GC1WG03", "6R5A58GC1WG04"]);
        let [first, held, late, large] = rows.as_slice() else { panic!("{rows:?}") };

        let envelope = &first.envelope;
        assert_eq!(envelope.reverse_path.address().unwrap().to_string(), "sender@example.org");
        assert_eq!((envelope.body, envelope.ret), (Body::EightBitMime, Some(Ret::Headers)));
        assert_eq!(envelope.envid.as_deref(), Some("QQ314159"));
        let [one, two] = envelope.recipients.as_slice() else { panic!("{envelope:?}") };
        assert_eq!(one.orcpt.as_deref(), Some("rfc822;one@example.net"));
        let notify = Notify::On { success: Wanted::Yes, failure: Wanted::Yes, delay: Wanted::No };
        assert_eq!((one.notify, two.notify), (notify, Notify::Never));
        assert_eq!(two.address.to_string(), "\"two two\"@example.com");
        let last = Some(Reply::new(451, (4, 7, 1), "greylisted\nlater"));
        let deferred = RecipientState::Waiting { attempts: 2, due: at(600), last };
        assert_eq!(first.states, [RecipientState::Done, deferred]);

        assert_eq!(held.states, [RecipientState::Held { attempts: 0 }]);
        assert_eq!((late.delay_notice, late.arrived), (DelayNotice::Sent, at(3)));
        assert_eq!(late.states, [waiting(at(0))]);
        assert_eq!((large.octets, large.states.as_slice()), (18, [waiting(at(9))].as_slice()));
        for (id, content) in [
            ("6R5A58GC1WG00", &b"Subject: first\r\n\r\nbody\r\n"[..]),
            ("6R5A58GC1WG01", b"Subject: held\r\n\r\n"),
            ("6R5A58GC1WG03", b""),
            ("6R5A58GC1WG04", LARGE),
        ] {
            let id: QueueId = id.parse().unwrap();
            assert_eq!(queue.content(id).await.unwrap(), content, "{id}");
        }
    });
}
