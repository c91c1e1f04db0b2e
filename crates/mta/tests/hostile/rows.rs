//! The peers, by what is wrong with them.

use std::time::Duration;

use crate::script::{Deed, Offers, Script};
use crate::{Ends, Row, Way, check};

use Deed::*;
use Ends::*;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

/// A peer that misbehaves once, at one point, and is good from its second connection on.
fn once(name: &'static str, at: &'static str, deed: Deed, ends: Ends) -> Row {
    let script = Script { at, deed, times: 1, offers: Offers::Pipelining };
    Row { name, way: Way::Mx, script, ends, patience: None }
}

/// It offers STARTTLS.
fn tls(name: &'static str, deed: Deed, ends: Ends) -> Row {
    let script = Script { at: "STARTTLS", deed, times: 1, offers: Offers::StartTls };
    Row { name, way: Way::Mx, script, ends, patience: None }
}

/// It offers STARTTLS, always misbehaves, and nothing may be said in clear.
fn tls_required(name: &'static str, deed: Deed, words: &'static str) -> Row {
    let script = Script { at: "STARTTLS", deed, times: usize::MAX, offers: Offers::StartTls };
    Row { name, way: Way::TlsRequired, script, ends: Unsaid(words), patience: None }
}

/// The letter before had no recipient that was taken, so this one begins with RSET. A connection that was used
/// before says nothing about the host: the letter goes over a new one at once.
fn after_refusal(name: &'static str, deed: Deed) -> Row {
    let script = Script { at: "RSET", deed, times: 1, offers: Offers::Nothing };
    Row { name, way: Way::AfterRefusal, script, ends: Delivered, patience: None }
}

/// Behind the dot over LMTP, where two recipients wait for their replies.
fn lmtp(name: &'static str, at: &'static str, deed: Deed, ends: Ends) -> Row {
    Row { way: Way::Lmtp, ..once(name, at, deed, ends) }
}

#[test] // Tests RFC 5321 §4.5.3.2: each phase has its own patience.
fn f18_peers_that_fall_silent_at_each_point() {
    let (command, dot) = (5 * MINUTE, 10 * MINUTE);
    let banner = Deferred("in time while we waited for its gree");
    check(vec![
        once("at the banner", "CONNECT", Hang(""), banner).by(command),
        once("in the banner", "CONNECT", Hang("220-mx"), banner).by(command),
        once("after EHLO", "EHLO", Hang(""), Deferred("in time after EHLO")).by(command),
        once("in the list", "EHLO", Hang("250-mx\r\n250-SIZE\r\n"), Deferred("in time after EHLO"))
            .by(command),
        tls("after STARTTLS", Hang(""), Deferred("in time after STARTTLS")).by(command),
        tls("in the handshake", Then("220 go\r\n", &Hang("")), Delivered).by(MINUTE),
        once("after MAIL", "MAIL", Hang(""), Deferred("in time after MAIL FROM")).by(command),
        once("after RCPT", "RCPT", Hang(""), Deferred("in time after RCPT TO")).by(command),
        once("after DATA", "DATA", Hang(""), Deferred("in time after DATA")).by(2 * MINUTE),
        once("in the content", "CONTENT", Deaf, Deferred("in time while the message was sent"))
            .by(3 * MINUTE),
        once("after the dot", ".", Hang(""), Repeated("in time after the message")).by(dot),
        once("in the last reply", ".", Hang("250 2.0"), Repeated("in time after the message"))
            .by(dot),
        once("after QUIT", "QUIT", Hang(""), Delivered).by(5 * SECOND),
        after_refusal("after RSET", Hang("")).by(command),
    ]);
}

#[test]
fn f18_peers_that_hang_up_or_reset_at_each_point() {
    let (closed, dot) = ("closed the connection", "closed the connection after the message");
    check(vec![
        once("close, no banner", "CONNECT", Close(""), Deferred(closed)),
        once("reset, no banner", "CONNECT", Reset(""), Deferred(closed)),
        once("close, banner", "CONNECT", Close("220 mx\r\n"), Deferred(closed)),
        once("close, half a banner", "CONNECT", Close("22"), Deferred(closed)),
        once("close, EHLO", "EHLO", Close(""), Deferred("closed the connection after EHLO")),
        once("reset, EHLO", "EHLO", Reset("250-mx\r\n"), Deferred(closed)),
        tls("close, STARTTLS", Close(""), Deferred("closed the connection after STARTTLS")),
        tls("close, handshake", Then("220 go\r\n", &Close("")), Delivered),
        tls("reset, handshake", Then("220 go\r\n", &Reset("")), Delivered),
        once("close, MAIL", "MAIL", Close(""), Deferred("closed the connection after MAIL FROM")),
        once("reset, MAIL", "MAIL", Reset(""), Deferred(closed)),
        once("close, half a reply", "MAIL", Close("25"), Deferred(closed)),
        once("close, RCPT", "RCPT", Close(""), Deferred(closed)),
        once("reset, RCPT", "RCPT", Reset(""), Deferred(closed)),
        once("close, DATA", "DATA", Close(""), Deferred(closed)),
        once("reset, DATA", "DATA", Reset(""), Deferred(closed)),
        once("close, content", "CONTENT", Close(""), Deferred("while the message was sent")),
        once("reset, content", "CONTENT", Reset(""), Deferred("while the message was sent")),
        once("close, dot", ".", Close(""), Repeated(dot)),
        once("reset, dot", ".", Reset(""), Repeated(dot)),
        once("close, half of the last reply", ".", Close("250-2.0.0 qu"), Repeated(dot)),
        once("close, QUIT", "QUIT", Close(""), Delivered),
        once("reset, QUIT", "QUIT", Reset(""), Delivered),
        after_refusal("close, RSET", Close("")),
    ]);
}

#[test]
fn f18_peers_that_close_with_421_at_each_point() {
    let busy = "421 4.3.2 busy\r\n";
    let row = |name, at| once(name, at, Close(busy), Deferred("421 4.3.2 busy"));
    check(vec![
        row("banner", "CONNECT"),
        row("EHLO", "EHLO"),
        tls("STARTTLS", Close(busy), Deferred("421 4.3.2 busy")),
        row("MAIL", "MAIL"),
        row("RCPT", "RCPT"),
        row("DATA", "DATA"),
        row("dot", "."),
        after_refusal("RSET", Close(busy)),
        once("QUIT", "QUIT", Close(busy), Delivered),
        // It says so, and goes on listening.
        once("MAIL, open", "MAIL", Say(busy), Deferred("421 4.3.2 busy")),
        once("dot, open", ".", Hang(busy), Deferred("421 4.3.2 busy")).by(Duration::ZERO),
    ]);
}

#[test]
fn f19_peers_that_dribble() {
    check(vec![
        once("a banner in time", "CONNECT", Dribble("220 mx\r\n"), Delivered),
        once("EHLO in time", "EHLO", Dribble("250-mx\r\n250 SIZE\r\n"), Delivered),
        once("the last reply", ".", Dribble("250 2.0.0 queued\r\n"), Delivered),
        once("354", "DATA", Dribble("354 go on\r\n"), Delivered),
        once("a banner without end", "CONNECT", EndlessDribble("220-x"), Deferred("in time while")),
        once("lines", "CONNECT", EndlessDribble("220-x\r\n"), Deferred("in time while we waited")),
        once(
            "a list without end",
            "EHLO",
            EndlessDribble("250-x\r\n"),
            Deferred("in time after EHLO"),
        ),
        once("at MAIL", "MAIL", EndlessDribble("250-x\r\n"), Deferred("in time after MAIL FROM")),
        once("at RCPT", "RCPT", EndlessDribble("450-x\r\n"), Deferred("in time after RCPT TO")),
        once("at DATA", "DATA", EndlessDribble("354-x\r\n"), Deferred("in time after DATA")),
        once("after the dot", ".", EndlessDribble("250-x\r\n"), Repeated("after the message")),
        once("at QUIT", "QUIT", EndlessDribble("221-x\r\n"), Delivered),
        tls("in the handshake", Then("220 go\r\n", &EndlessDribble("\u{16}")), Delivered),
    ]);
}

#[test]
fn f18_peers_that_talk_nonsense() {
    let (none, long) = ("is no SMTP reply", "is no SMTP reply: the reply is too long");
    let binary = Octets(b"\x00\xff\x80\r\n");
    check(vec![
        once("binary banner", "CONNECT", binary, Deferred(none)),
        once("HTTP", "CONNECT", Say("HTTP/1.1 400 Bad Request\r\n\r\n"), Deferred(none)),
        once("an empty line", "CONNECT", Say("\r\n"), Deferred(none)),
        once("a line without end", "CONNECT", Endless("2200000000"), Deferred(long)),
        once("a banner without end", "CONNECT", Endless("220-x\r\n"), Deferred(long)),
        once("a list without end", "EHLO", Endless("250-X-LONG 0123456789\r\n"), Deferred(long)),
        once("mixed codes", "EHLO", Say("250-mx\r\n550 no\r\n"), Deferred("different codes")),
        once("600", "EHLO", Say("600 what\r\n"), Deferred(none)),
        once("99", "MAIL", Say("99 what\r\n"), Deferred(none)),
        once("NUL", "MAIL", Octets(b"250 o\0k\r\n"), Deferred("holds NUL")),
        once("binary", "RCPT", binary, Deferred(none)),
        once("binary at DATA", "DATA", binary, Deferred(none)),
        once("binary after the dot", ".", binary, Repeated(none)),
        once("a reply without end", ".", Endless("250-x\r\n"), Repeated(long)),
        once("nonsense at QUIT", "QUIT", binary, Delivered),
        once("no space", "MAIL", Say("250ok\r\n"), Deferred("something else than a space")),
        once("bare LF", "MAIL", Say("250 2.1.0 ok\n"), Delivered),
        tls("no TLS", Then("220 go\r\n", &Say("not TLS at all\r\n")), Delivered),
        tls("an alert", Then("220 go\r\n", &Octets(b"\x15\x03\x03\x00\x02\x02\x28")), Delivered),
    ]);
}

#[test]
fn f18_peers_that_say_the_wrong_thing() {
    let step = "is out of step";
    let from_mail = "250 a\r\n250 b\r\n354 c\r\n250 d\r\n";
    let burst = "220 mx\r\n250 mx\r\n250 ok\r\n250 ok\r\n354 go\r\n250 queued\r\n221 bye\r\n";
    check(vec![
        once("250 as a banner", "CONNECT", Say("250 mx\r\n"), Deferred(step)),
        once("354 to EHLO", "EHLO", Say("354 go\r\n"), Deferred(step)),
        once("354 to MAIL", "MAIL", Say("354 go\r\n"), Deferred(step)),
        once("354 to RCPT", "RCPT", Say("354 go\r\n"), Deferred(step)),
        once("250 to DATA", "DATA", Say("250 ok\r\n"), Deferred(step)),
        once("251 to DATA", "DATA", Say("251 ok\r\n"), Deferred(step)),
        once("354 to the dot", ".", Say("354 more\r\n"), Repeated(step)),
        once("all at once", "CONNECT", Say(burst), Deferred(step)),
        once("all from MAIL at once", "MAIL", Say(from_mail), Deferred(step)),
        once("each reply twice", "MAIL", Say("250 ok\r\n250 ok\r\n"), Deferred(step)),
        once("the banner twice", "CONNECT", Say("220 mx\r\n220 mx\r\n"), Deferred(step)),
        once("EHLO's answer twice", "EHLO", Say("250 mx\r\n250 mx\r\n"), Deferred(step)),
        once("the last reply twice", ".", Say("250 ok\r\n250 ok\r\n"), Delivered),
        after_refusal("354 to RSET", Say("354 go\r\n")),
        after_refusal("550 to RSET", Say("550 no\r\n")),
    ]);
}

#[test] // Tests RFC 5321 §4.2.1.
fn f18_peers_that_refuse() {
    let us = "451 4.3.2 the next hop said";
    check(vec![
        once("us at the banner", "CONNECT", Close("554 5.7.1 go away\r\n"), Deferred(us)),
        once("EHLO, not HELO", "EHLO", Say("502 5.5.1 what\r\n"), Delivered),
        once("EHLO for now", "EHLO", Say("451 4.3.0 later\r\n"), Deferred("451 4.3.0 later")),
        tls("STARTTLS for now", Say("454 4.7.0 later\r\n"), Delivered),
        tls("STARTTLS for ever", Say("501 5.5.4 no\r\n"), Delivered),
        once("the sender for now", "MAIL", Say("450 4.1.8 later\r\n"), Deferred("450 4.1.8 later")),
        once("the sender", "MAIL", Say("550 5.1.8 no\r\n"), Bounced),
        once("the recipient for now", "RCPT", Say("450 4.2.1 later\r\n"), Deferred("450 4.2.1")),
        once("the recipient", "RCPT", Say("550 5.1.1 nobody\r\n"), Bounced),
        once("the recipient, bare", "RCPT", Say("550\r\n"), Bounced),
        // RFC 5321 §4.5.3.1.10: too many recipients, in the words of old servers.
        once(
            "the sender, not the recipient",
            "MAIL",
            Say("450 no\r\n250 ok\r\n"),
            Deferred("450 no"),
        ),
        once("one more recipient", "RCPT", Say("552 too many\r\n"), Deferred("552 too many")),
        once("the data for now", "DATA", Say("451 4.3.0 later\r\n"), Deferred("451 4.3.0 later")),
        once("the data", "DATA", Say("554 5.6.0 no\r\n"), Bounced),
        once("the letter for now", ".", Say("452 4.3.1 full\r\n"), Deferred("452 4.3.1 full")),
        once("the letter", ".", Say("554 5.7.1 spam\r\n"), Bounced),
        once("the letter, and close", ".", Close("554 5.7.1 spam\r\n"), Bounced),
        once("nothing, in bare words", ".", Say("250\r\n"), Delivered),
        once(
            "nothing, on many lines",
            ".",
            Say("250-2.0.0 a\r\n250-b\r\n250 2.0.0 c\r\n"),
            Delivered,
        ),
    ]);
}

#[test] // Tests RFC 3207 §4.1 and §6.
fn f18_peers_that_cheat_at_starttls() {
    let injected = "sent something in clear behind its answer to STARTTLS";
    let injection = Say("220 go\r\n250 AUTH PLAIN\r\n");
    let shake = "451 4.7.5 the TLS handshake";
    check(vec![
        tls("injection", injection, Deferred(injected)),
        tls("half an injection", Say("220 go\r\n2"), Deferred(injected)),
        tls_required("required: injection", injection, injected),
        tls_required("required: refused", Say("454 4.7.0 later\r\n"), "454 4.7.0 later"),
        tls_required("required: 250", Say("250 ok\r\n"), "is out of step"),
        tls_required("required: no TLS", Then("220 go\r\n", &Say("not TLS\r\n")), shake),
        tls_required("required: frozen", Then("220 go\r\n", &Hang("")), shake).by(MINUTE),
        tls_required("required: closed", Then("220 go\r\n", &Close("")), shake),
        Row {
            way: Way::TlsRequired,
            ends: Unsaid("451 4.7.4 the next hop offers no STARTTLS"),
            ..once("required: stripped", "EHLO", Say("250-mx\r\n250 SIZE\r\n"), Delivered)
        },
        Row {
            way: Way::TlsRequired,
            ends: Unsaid("451 4.7.4 the next hop offers no STARTTLS"),
            ..once("required: HELO only", "EHLO", Say("500 what\r\n"), Delivered)
        },
    ]);
}

#[test] // Tests RFC 2033 §4.2.
fn f18_delivery_agents_that_cannot_count() {
    let (one, two) = ("250 2.0.0 b\r\n", "250 2.0.0 b\r\n250 2.0.0 d\r\n");
    let three = "250 2.0.0 b\r\n250 2.0.0 d\r\n250 2.0.0 who\r\n";
    check(vec![
        lmtp(
            "too few, and close",
            ".",
            Close(one),
            Repeated("closed the connection after the message"),
        ),
        lmtp("too few, and silence", ".", Hang(one), Repeated("after the message")).by(10 * MINUTE),
        lmtp("as many as there are", ".", Say(two), Delivered),
        lmtp("too many", ".", Say(three), Delivered),
        lmtp(
            "one of two for now",
            ".",
            Say("250 b\r\n452 4.2.2 full\r\n"),
            Repeated("452 4.2.2 full"),
        ),
        lmtp("one of two for ever", ".", Say("250 b\r\n550 5.2.1 no\r\n"), Bounced),
        lmtp("HELO only", "LHLO", Say("500 what\r\n"), Deferred("said 500 what after EHLO")),
        lmtp("silent", "LHLO", Hang(""), Deferred("in time after EHLO")).by(5 * MINUTE),
    ]);
}
