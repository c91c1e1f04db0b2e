//! `dovecot-uidlist`, as <https://doc.dovecot.org/2.3/developer_manual/design/indexes/maildir/> describes it.
//!
//! ```text
//! 3 V1764446000 N25022 G3085f01b7f11094c501100008c4a11c1
//! 25006 :1276528487.M364837P9451.kurkku,S=1355,W=1394:2,
//! 25017 W2481 Pold-uidl O3 :1276533073.M242911P3632.kurkku:2,F
//! ```
//! Version, fields; then for each letter its UID, fields, and behind a colon its file's name, with flags that may be old.
//! Of the fields we take P, which is POP3's UIDL where it isn't the usual one. Version 1 is as Courier has it.

use super::{Format, Numbered, Numbers, courier};
use crate::limits::UIDL_OCTETS_MAX;

pub(super) const FORMAT: Format = Format { file: "dovecot-uidlist", head, line };

fn head(line: &str) -> Option<Numbers> {
    let Some(fields) = line.strip_prefix("3 ") else { return (courier::FORMAT.head)(line) };
    let field = |letter: char| {
        let mut fields = fields.split(' ').filter_map(|field| field.strip_prefix(letter));
        fields.next()?.parse().ok()
    };
    Numbers::new(field('V')?, field('N')?)
}

fn line(line: &[u8]) -> Option<Numbered> {
    let end = memchr::memchr(b' ', line)?;
    let (uid, mut rest) = line.split_at_checked(end)?;
    let uid = str::from_utf8(uid).ok()?.parse().ok()?;
    let mut uidl = None;
    loop {
        rest = rest.strip_prefix(b" ")?;
        if let Some(name) = rest.strip_prefix(b":") {
            return Some(Numbered { uid, name: name.to_vec(), uidl });
        }
        let Some(end) = memchr::memchr(b' ', rest) else {
            // Version 1 has nothing but the name.
            return uidl.is_none().then(|| Numbered { uid, name: rest.to_vec(), uidl });
        };
        let (field, behind) = rest.split_at_checked(end)?;
        uidl = field.strip_prefix(b"P").and_then(unique_id).or(uidl);
        rest = behind;
    }
}

/// RFC 1939 §7: printable characters, 70 at most.
pub(super) fn unique_id(text: &[u8]) -> Option<String> {
    let is_one =
        (1..=UIDL_OCTETS_MAX).contains(&text.len()) && text.iter().all(u8::is_ascii_graphic);
    is_one.then(|| String::from_utf8(text.to_vec()).ok())?
}

/// The file for these numbers, in a mailbox of that id: 32 hexadecimal digits.
pub(super) fn text(numbers: &Numbers, id: &str) -> Vec<u8> {
    let Numbers { uid_validity, uid_next, letters } = numbers;
    let mut text = format!("3 V{uid_validity} N{uid_next} G{id}\n").into_bytes();
    for Numbered { uid, name, uidl } in letters {
        text.extend(uid.to_string().as_bytes());
        if let Some(uidl) = uidl {
            text.extend([b" P", uidl.as_bytes()].concat());
        }
        text.extend([b" :", name.as_slice(), b"\n"].concat());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::Reading;
    use super::*;

    fn numbers(text: &str) -> Option<Numbers> {
        let mut reading = Reading::default();
        reading.take(&FORMAT, text.as_bytes());
        reading.numbers()
    }

    fn letter(uid: u32, name: &str, uidl: Option<&str>) -> Numbered {
        Numbered { uid, name: name.into(), uidl: uidl.map(str::to_owned) }
    }

    #[test]
    fn heads() {
        for (head, expected) in [
            ("3 V5 N9 Gabc", Some((5, 9))),
            ("3 N9 Xnew V5", Some((5, 9))),
            ("1 5 9", Some((5, 9))),
            ("3 V5", None),
            ("3 V0 N9", None),
            ("3 V5 N0", None),
            ("3 V5 N4294967296", None),
            ("4 V5 N9", None),
            ("3", None),
            ("\0\0", None),
        ] {
            let numbers = numbers(&format!("{head}\n"));
            let got = numbers.map(|numbers| (numbers.uid_validity, numbers.uid_next));
            assert_eq!(got, expected, "{head}");
        }
    }

    #[test]
    fn letters_and_what_is_none() {
        let text = "3 V5 N9 Gabc\n\
            1 :1.a,S=5:2,S\n\
            3 W2481 P0000000300000005 O2 :2.b c:2,\n\
            2 :3.late\n\
            x :4.x\n\
            4 P :5.empty\n\
            5 :\n\
            6 :a/b\n\
            7 W1\n\
            99 :6.far\n\
            4294967295 :7.last\n";
        let Numbers { uid_next, letters, .. } = numbers(text).unwrap();
        assert_eq!(uid_next, 100);
        let expected = [
            letter(1, "1.a,S=5:2,S", None),
            letter(3, "2.b c:2,", Some("0000000300000005")),
            letter(4, "5.empty", None),
            letter(7, "W1", None),
            letter(99, "6.far", None),
        ];
        assert_eq!(letters, expected);
    }

    #[test]
    fn what_is_written_is_read() {
        let letters =
            vec![letter(1, "1.a:2,S", None), letter(7, "2.b: c", Some("x")), letter(8, "3", None)];
        let written = Numbers { uid_validity: 5, uid_next: 12, letters };
        let text = String::from_utf8(text(&written, &"ab".repeat(16))).unwrap();
        assert!(
            text.starts_with(&format!("3 V5 N12 G{}\n1 :1.a:2,S\n7 Px :2.b: c\n", "ab".repeat(16)))
        );
        assert_eq!(numbers(&text), Some(written));
    }
}
