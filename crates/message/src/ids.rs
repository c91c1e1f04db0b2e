//! Message-IDs, as far as threads need them (RFC 5322 §3.6.4, RFC 5256 §3).

use memchr::memchr;
use postroad_protocol::header;

use crate::lexical::is_space;
use crate::limits;

/// A Message-ID, told from others by a number: two ids have one number once in many million mailboxes, and then two
/// threads are shown as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MessageId(pub u64);

impl MessageId {
    /// Of what stands between the brackets. Quoting and folds make no difference (RFC 5256 §3).
    fn of(text: &[u8]) -> Option<Self> {
        // FNV-1a: the cache keeps these numbers, so they must be the same from one version to the next.
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        let mut octets = text.iter().filter(|octet| !is_space(**octet) && **octet != b'"');
        let mut is_empty = true;
        while let Some(octet) = octets.next() {
            let octet = if *octet == b'\\' { octets.next().unwrap_or(octet) } else { octet };
            hash = (hash ^ u64::from(*octet)).wrapping_mul(0x0100_0000_01b3);
            is_empty = false;
        }
        (!is_empty).then_some(Self(hash))
    }

    /// The id that a `Message-ID` field gives to a letter; some lack their brackets.
    pub(crate) fn of_field(raw_value: &[u8]) -> Option<Self> {
        all(raw_value).next().or_else(|| {
            let text = raw_value.trim_ascii();
            let is_id = memchr(b'@', text).is_some() && !text.iter().any(|o| is_space(*o));
            Self::of(text).filter(|_| is_id && !text.contains(&b'<'))
        })
    }
}

/// The ids in brackets.
fn all(raw_value: &[u8]) -> impl Iterator<Item = MessageId> {
    let mut rest = raw_value;
    std::iter::from_fn(move || {
        loop {
            rest = rest.get(memchr(b'<', rest)? + 1..)?;
            let end = memchr::memchr2(b'>', b'<', rest)?;
            let (text, behind) = rest.split_at_checked(end)?;
            rest = behind;
            if let Some(id) = MessageId::of(text).filter(|_| behind.starts_with(b">")) {
                return Some(id);
            }
        }
    })
}

/// The values of the fields that ids stand in; of two of a kind the first one counts.
#[derive(Debug, Default)]
pub(crate) struct Fields<'a> {
    pub(crate) message_id: Option<&'a [u8]>,
    references: Option<&'a [u8]>,
    in_reply_to: Option<&'a [u8]>,
}

impl<'a> Fields<'a> {
    pub(crate) fn see(&mut self, field: &header::Field<'a>) {
        let value = match field.name.len() {
            10 if field.is("Message-ID") => &mut self.message_id,
            10 if field.is("References") => &mut self.references,
            11 if field.is("In-Reply-To") => &mut self.in_reply_to,
            _ => return,
        };
        value.get_or_insert(field.raw_value);
    }

    /// What a letter answers, the oldest first: `References`, or else the first id of `In-Reply-To` (RFC 5256 §3). Of too
    /// many the last ones count, which are the nearest.
    pub(crate) fn references(&self) -> Vec<MessageId> {
        let mut found: Vec<_> = self.references.into_iter().flat_map(all).collect();
        if found.is_empty() {
            found.extend(self.in_reply_to.and_then(|value| all(value).next()));
        }
        found.drain(..found.len().saturating_sub(limits::REFERENCES_MAX));
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> MessageId {
        MessageId::of(text.as_bytes()).expect("an id")
    }

    fn in_header(header: &str) -> Vec<MessageId> {
        let mut fields = Fields::default();
        header::fields(header.as_bytes()).for_each(|field| fields.see(&field));
        fields.references()
    }

    #[test] // Tests RFC 5256 §3.
    fn normal_forms() {
        for (a, b) in [
            ("\"01KF8JCEOCBS0045PS\"@xxx.yyy.com", "01KF8JCEOCBS0045PS@xxx.yyy.com"),
            ("a\r\n b@c", "ab@c"),
            ("\"a\\b\"@c", "ab@c"),
        ] {
            assert_eq!(id(a), id(b));
        }
        assert_ne!(id("a@b"), id("A@b"), "case makes a difference");
        for (value, expected) in [
            (" <a@b>\r\n", Some("a@b")),
            ("a@b", Some("a@b")),
            ("<a@b> <c@d>", Some("a@b")),
            ("<a", None),
            ("<>", None),
            ("", None),
            ("two words@b", None),
        ] {
            assert_eq!(MessageId::of_field(value.as_bytes()), expected.map(id), "{value}");
        }
        // A cache may hold it.
        assert_eq!(id("a@b"), MessageId(0xe6ac_9919_04e0_0a72));
    }

    #[test] // Tests RFC 5256 §3.
    fn what_is_answered() {
        for (header, expected) in [
            ("References: <a@b>\n <c@d><e@f>\nIn-Reply-To: <x@y>\n", &["a@b", "c@d", "e@f"][..]),
            ("References: none\nIn-Reply-To: <a@b> <c@d>\n", &["a@b"]),
            ("In-Reply-To: letter of <Monday\n <a@b>\n", &["a@b"]),
            ("In-Reply-To: your letter\n", &[]),
            ("References: <a@b> <<c@d> <>\n", &["a@b", "c@d"]),
            ("Subject: x\n", &[]),
        ] {
            let expected: Vec<_> = expected.iter().map(|text| id(text)).collect();
            assert_eq!(in_header(header), expected, "{header}");
        }
        let many: String = (0..5_000).map(|n| format!(" <{n}@x>")).collect();
        let found = in_header(&format!("References:{many}\n"));
        assert_eq!(found.len(), limits::REFERENCES_MAX);
        assert_eq!(found.last(), Some(&id("4999@x")));
    }
}
