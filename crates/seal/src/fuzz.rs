//! What fuzzers call, and the tests that replay their seeds.

use postroad_message::Part;

use crate::autocrypt::Field;
use crate::fields::{self, Cover};
use crate::{find, smime};

/// What one target runs.
pub type Body = fn(&[u8]);

/// Every target, by the name of its file and its folder of seeds.
pub const TARGETS: [(&str, Body); 1] = [("sealed", letter)];

/// Whatever a letter is: its sealed parts are found and its fields joined, without a key.
pub fn letter(octets: &[u8]) {
    let part = Part::of(octets);
    let is_sealed = find::is_sealed(octets);
    if let Some(found) = find::sealed(octets, &part) {
        assert!(is_sealed);
        if let find::Sealed::Cms { message } = &found {
            let _ = smime::content(message);
        }
    }
    for cover in [None, Some(Cover::Clear), Some(Cover::Cipher)] {
        let joined = fields::join(octets, octets.to_vec(), cover);
        // What is inside is never asked of outside: of itself nothing differs but what HP-Outer says.
        assert!(joined.is_protected || joined.differences.is_empty());
    }
    let _ = Field::parse(octets);
    #[cfg(feature = "pgp")]
    {
        let keys = crate::pgp::own::Own::at("/nonexistent".into(), 1_796_000_000);
        let _ = keys.verify(b"data", octets, &[octets.to_vec()]);
        let _ = keys.decrypt(octets, &[]);
    }
}
