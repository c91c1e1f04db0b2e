//! A start with many messages, some of them damaged (row F15, at a fiftieth of its size; the example `bench`
//! does it in full).

use std::path::Path;
use std::sync::Arc;

use postroad_disk::OsDisk;

use super::{block_on, content, message};
use crate::Embedded;
use crate::spool::{Accept, ContentError, Cursor, Filter, QueueId};

const MESSAGES: usize = 20_000;
const DAMAGED: usize = MESSAGES / 100;

/// Alters one octet in each of so many places, far enough from one another that no letter has two.
fn alter(segments: &Path) {
    let mut files: Vec<_> =
        std::fs::read_dir(segments).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let total: u64 = files.iter().map(|path| std::fs::metadata(path).unwrap().len()).sum();
    let stride = usize::try_from(total).unwrap() / DAMAGED;
    for path in files {
        let mut octets = std::fs::read(&path).unwrap();
        for at in (stride / 2..octets.len()).step_by(stride) {
            octets[at] ^= 0x55;
        }
        std::fs::write(path, octets).unwrap();
    }
}

#[test]
fn f15_a_start_with_many_letters_of_which_one_in_a_hundred_is_damaged() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("queue");
    let engine = Embedded::new(Arc::new(OsDisk), path.clone()).with_segment_octets(1 << 20);
    block_on(async {
        let queue = engine.open_blocking().unwrap();
        let ids: Vec<QueueId> = (0..MESSAGES).map(|_| queue.new_id()).collect();
        for batch in ids.chunks(1000) {
            let verdicts = queue.accept(batch.iter().map(|id| message(*id)).collect()).await;
            assert!(verdicts.iter().all(|verdict| matches!(verdict, Accept::Stored)));
        }
        queue.release().await;
        alter(&path.join("segments"));

        let queue = engine.open_blocking().unwrap();
        let rows = queue.find(&Filter::default(), Cursor::default(), usize::MAX).await.rows;
        let mut damaged = MESSAGES - rows.len();
        for row in rows {
            match queue.content(row.id).await {
                Ok(found) => assert_eq!(found, content(row.id)),
                Err(ContentError::Damaged(_)) => damaged += 1,
                Err(error) => panic!("{error}"),
            }
        }
        assert!(damaged > DAMAGED / 2 && damaged <= DAMAGED + 20, "{damaged} are damaged");
        // What isn't listed as a letter any more is kept for the operator.
        assert!(std::fs::read_dir(path.join("damaged")).unwrap().count() > 0);
        queue.release().await;
    });
}
