//! CATENATE (RFC 4469), with its examples.

use super::{Client, Place};

/// Two parts, as in RFC 4469 appendix A.
const DRAFT: &str = "From: bob@b.example\nSubject: Holidays\nMIME-Version: 1.0\n\
     Content-Type: multipart/mixed; boundary=\"x\"\n\n\
     --x\nContent-Type: text/plain\n\nThe text.\n\
     --x\nContent-Type: application/zip\n\nPK\n--x--\n";

fn place() -> (Place, Client, u32) {
    let place = Place::new();
    place.put("cur/1796000001.M1P1Q1.x:2,", DRAFT);
    place.put("cur/1796000002.M1P1Q1.x:2,", "Subject: other\n\nAnother one.\n");
    let mut client = place.connect();
    let said = client.ok("STATUS INBOX (UIDVALIDITY)").concat();
    let validity = said.trim_end_matches(')').rsplit(' ').next().unwrap().parse().unwrap();
    (place, client, validity)
}

/// A piece that is sent.
fn text(octets: &str) -> String {
    format!("TEXT {{{}+}}\r\n{octets}", octets.len())
}

#[test] // Tests RFC 4469 appendix A, example 1.
fn an_attachment_is_replaced_without_being_fetched() {
    let (_place, mut client, validity) = place();
    client.ok("CREATE Drafts");
    let of = |part: &str| format!("URL \"/INBOX;UIDVALIDITY={validity}/;UID=1/;section={part}\"");
    let said = client.send(
        format!(
            "a APPEND Drafts (\\Seen \\Draft $MDNSent) CATENATE ({} {} {} {} {} URL \"/INBOX/;UID=2\" {})\r\n",
            of("HEADER"),
            text("\r\n--x\r\n"),
            of("1.MIME"),
            of("1"),
            text("\r\n--x\r\n"),
            text("\r\n--x--\r\n"),
        )
        .as_bytes(),
    );
    assert!(said.starts_with("a OK [APPENDUID "), "{said}");
    client.ok("EXAMINE Drafts");
    let wanted = "From: bob@b.example\r\nSubject: Holidays\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/mixed; boundary=\"x\"\r\n\r\n\
         \r\n--x\r\nContent-Type: text/plain\r\n\r\nThe text.\
         \r\n--x\r\nSubject: other\r\n\r\nAnother one.\r\n\r\n--x--\r\n";
    let said = client.send(b"b FETCH 1 (FLAGS BODY.PEEK[])\r\n");
    let wanted = format!(
        "* 1 FETCH (FLAGS (\\Draft \\Seen $MDNSent) BODY[] {{{}}}\r\n{wanted})\r\n",
        wanted.len()
    );
    assert!(said.starts_with(&wanted), "{said}\n{wanted}");
    // RFC 4469 §3: nothing is marked by that.
    client.ok("EXAMINE INBOX");
    assert_eq!(client.ok("FETCH 1 FLAGS"), ["* 1 FETCH (FLAGS ())"]);
}

#[test] // Tests RFC 4469 §3, RFC 3502, RFC 8508 §3.4.
fn several_letters_replacing_and_the_mailbox_that_is_open() {
    let (_place, mut client, _) = place();
    let said = client.send(
        b"a APPEND INBOX CATENATE (URL \"/INBOX/;UID=2/;SECTION=HEADER\" TEXT {3+}\r\n1\r\n) \
          {6+}\r\nx: y\r\n CATENATE (URL \"/INBOX/;UID=2/;PARTIAL=9.5\")\r\n",
    );
    assert!(said.starts_with("a OK [APPENDUID ") && said.contains(" 3:5]"), "{said}");
    client.ok("SELECT INBOX");
    let said = client.send(b"b UID REPLACE 5 INBOX CATENATE (URL \";UID=2/;SECTION=TEXT\")\r\n");
    assert!(said.contains(" 6] Stored\r\n* 5 EXPUNGE\r\n") && said.contains("b OK"), "{said}");
    let body = |client: &mut Client, uid: u32| {
        client.ok(&format!("UID FETCH {uid} BODY.PEEK[]")).join("\n")
    };
    assert!(body(&mut client, 3).ends_with("Subject: other\n\n1\n)"));
    assert!(body(&mut client, 6).ends_with("{14}\nAnother one.\n)"));
}

#[test] // Tests RFC 4469 §4.1, §4.2.
fn urls_that_point_nowhere() {
    let (place, mut client, validity) = place();
    for url in [
        "/INBOX/;UID=9".to_owned(),
        "/Nowhere/;UID=1".to_owned(),
        format!("/INBOX;UIDVALIDITY={}/;UID=1", validity + 1),
        "/INBOX/;UID=1/;SECTION=7".to_owned(),
        ";UID=1".to_owned(),
        "imap://other.example/INBOX/;UID=1".to_owned(),
        "/INBOX".to_owned(),
        "/../bob/INBOX/;UID=1".to_owned(),
    ] {
        // Whatever stands around it comes to its end.
        let said = client.send(
            format!(
                "a APPEND INBOX CATENATE ({} URL \"{url}\" {})\r\nb NOOP\r\n",
                text("x"),
                text("y")
            )
            .as_bytes(),
        );
        let wanted = format!("a NO [BADURL \"{url}\"]");
        assert!(said.starts_with(&wanted) && said.ends_with("b OK Done\r\n"), "{said}");
    }
    let many = vec!["URL \"/INBOX/;UID=2\""; 257].join(" ");
    let said = client.send(format!("a APPEND INBOX CATENATE ({many})\r\n").as_bytes());
    assert!(said.starts_with("a NO [LIMIT]"), "{said}");
    let said = client.send(b"a APPEND INBOX CATENATE (URL \"/INBOX/;UID=2\" TEXT {268435450}\r\n");
    assert!(said.starts_with("a NO [TOOBIG]"), "{said}");
    assert_eq!((place.names("cur").len(), place.names("tmp").len()), (2, 0));
}
