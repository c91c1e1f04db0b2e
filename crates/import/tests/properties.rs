//! Whatever a file says, what is made of it is a script.

use postroad_import::fuzz::import;
use proptest::prelude::*;

/// Pieces that rules are made of, in any order.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(":0"),
        Just(" fhw"),
        Just(" c"),
        Just(" Wh"),
        Just(" E"),
        Just(" A"),
        Just(" a"),
        Just(" e"),
        Just(":"),
        Just("\n"),
        Just("\n* "),
        Just("!"),
        Just("$"),
        Just("^Subject:"),
        Just("^TO_"),
        Just("^FROM_DAEMON"),
        Just(".*"),
        Just("("),
        Just(")"),
        Just("|"),
        Just("["),
        Just("]"),
        Just("\\/"),
        Just("^^"),
        Just("\\<"),
        Just("x"),
        Just("a@b.example"),
        Just(" "),
        Just("{"),
        Just("}"),
        Just("\"",),
        Just("'"),
        Just("`"),
        Just("lists/"),
        Just("MAILDIR="),
        Just("X="),
        Just("$X"),
        Just("${X:-y}"),
        Just("$MATCH"),
        Just("X ?? "),
        Just("INCLUDERC=a"),
        Just("| formail -I \"A: b\""),
        Just("| formail -D 1 c"),
        Just("| lpr"),
        Just("1^1 "),
        Just("> 1000"),
        Just("? test x"),
        Just("date +%y"),
        Just("if ("),
        Just("/^From:(.*)/"),
        Just(":b"),
        Just(" && "),
        Just("to "),
        Just("cc "),
        Just("else "),
        Just("=~ "),
        Just("xfilter \"y\""),
        Just("exit"),
        Just("${"),
        Just("\\"),
        Just("#"),
        Just(","),
        Just("\u{fc}"),
        Just("\0"),
        Just("*"),
        Just("?"),
    ];
    let text = prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat());
    (0_u8..3, text).prop_map(|(agent, text)| [&[agent], text.as_bytes()].concat())
}

proptest! {
    #[test]
    fn any_octets_become_a_script(octets in prop::collection::vec(any::<u8>(), 0..300)) {
        import(&octets);
    }

    #[test]
    fn any_pieces_become_a_script(octets in pieces()) {
        import(&octets);
    }
}
