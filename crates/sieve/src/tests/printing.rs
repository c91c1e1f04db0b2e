//! Canonical text: reading what was printed gives the tree that was printed.

use proptest::prelude::*;

use crate::parser::parse;
use crate::printer::print;
use crate::problem::Place;
use crate::syntax::{
    Argument, Command, Commands, Comment, CommentForm, Gap, Literal, Number, Quantifier, Test,
    Tests, Value,
};

fn word() -> impl Strategy<Value = String> {
    // "text:" is a string, but "text" alone is a word like any other.
    prop_oneof!["[a-z_][a-z0-9_]{0,6}", Just("text".to_owned())]
}

/// Octets without NUL; line ends are whole.
fn octets() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        8 => "[ -~é€\t]{1,6}".prop_map(String::into_bytes),
        2 => Just(b"\r\n".to_vec()),
        1 => Just(b"\r\n.".to_vec()),
        1 => Just(b".".to_vec()),
        1 => Just(b"\\\"".to_vec()),
        1 => Just(vec![0xff, 0x01]),
    ];
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

fn literal() -> impl Strategy<Value = Literal> {
    octets().prop_map(|octets| Literal { place: Place::default(), octets })
}

fn number() -> impl Strategy<Value = Number> {
    let quantifier = prop_oneof![
        Just(None),
        Just(Some(Quantifier::Kibi)),
        Just(Some(Quantifier::Mebi)),
        Just(Some(Quantifier::Gibi)),
    ];
    (0..1_000_000_u64, quantifier).prop_map(|(digits, quantifier)| Number {
        value: digits * quantifier.map_or(1, Quantifier::factor),
        quantifier,
    })
}

fn argument() -> impl Strategy<Value = Argument> {
    let value = prop_oneof![
        word().prop_map(Value::Tag),
        number().prop_map(Value::Number),
        octets().prop_map(Value::Text),
        prop::collection::vec(literal(), 1..4).prop_map(Value::Texts),
    ];
    value.prop_map(|value| Argument { place: Place::default(), value })
}

fn test() -> impl Strategy<Value = Test> {
    let leaf = (word(), prop::collection::vec(argument(), 0..4));
    let leaf = leaf.prop_map(|(name, arguments)| Test {
        place: Place::default(),
        name,
        arguments,
        tests: Tests::None,
    });
    leaf.prop_recursive(4, 16, 3, |inner| {
        let tests = prop_oneof![
            inner.clone().prop_map(|test| Tests::One(Box::new(test))),
            prop::collection::vec(inner, 1..4).prop_map(Tests::List),
        ];
        (word(), prop::collection::vec(argument(), 0..2), tests).prop_map(
            |(name, arguments, tests)| Test { place: Place::default(), name, arguments, tests },
        )
    })
}

fn tests() -> impl Strategy<Value = Tests> {
    prop_oneof![
        Just(Tests::None),
        test().prop_map(|test| Tests::One(Box::new(test))),
        prop::collection::vec(test(), 1..3).prop_map(Tests::List),
    ]
}

fn gap() -> impl Strategy<Value = Gap> {
    prop_oneof![Just(Gap::LineEnd), Just(Gap::Empty)]
}

fn comment(gap: impl Strategy<Value = Gap>) -> impl Strategy<Value = Comment> {
    let text = prop_oneof![
        "( [a-z#\";{}]{0,8}[a-z])?".prop_map(|text| (CommentForm::Hash, text)),
        "[a-z \n#/]{0,8}".prop_map(|text| (CommentForm::Bracket, text)),
    ];
    (gap, text).prop_map(|(gap, (form, text))| Comment { gap, form, octets: text.into_bytes() })
}

fn comments() -> impl Strategy<Value = Vec<Comment>> {
    prop_oneof![3 => Just(Vec::new()), 1 => prop::collection::vec(comment(gap()), 1..3)]
}

fn remarks() -> impl Strategy<Value = Vec<Comment>> {
    prop_oneof![3 => Just(Vec::new()), 1 => prop::collection::vec(comment(Just(Gap::None)), 1)]
}

fn commands() -> impl Strategy<Value = Commands> {
    let leaf = comments().prop_map(|comments| Commands { commands: Vec::new(), comments });
    leaf.prop_recursive(4, 24, 4, |inner| {
        let arguments = prop::collection::vec(argument(), 0..4);
        let block = prop_oneof![Just(None), inner.prop_map(Some)];
        let command = (gap(), comments(), word(), arguments, tests(), block, remarks()).prop_map(
            |(gap, comments, name, arguments, tests, block, remarks)| Command {
                place: Place::default(),
                gap,
                comments,
                name,
                arguments,
                tests,
                block,
                remarks,
            },
        );
        (prop::collection::vec(command, 0..4), comments())
            .prop_map(|(commands, comments)| Commands { commands, comments })
    })
}

/// Without places; and gaps as they are printed: none above what stands first.
fn normal(mut tree: Commands) -> Commands {
    let mut is_first = true;
    let mut gap = |gap: &mut Gap| {
        if std::mem::take(&mut is_first) || *gap == Gap::None {
            *gap = Gap::LineEnd;
        }
    };
    for command in &mut tree.commands {
        command.comments.iter_mut().for_each(|comment| gap(&mut comment.gap));
        gap(&mut command.gap);
        command.place = Place::default();
        command.arguments.iter_mut().for_each(normal_argument);
        normal_tests(&mut command.tests);
        command.block = command.block.take().map(normal);
    }
    tree.comments.iter_mut().for_each(|comment| gap(&mut comment.gap));
    tree
}

fn normal_argument(argument: &mut Argument) {
    argument.place = Place::default();
    if let Value::Texts(texts) = &mut argument.value {
        texts.iter_mut().for_each(|text| text.place = Place::default());
    }
}

fn normal_tests(tests: &mut Tests) {
    let normal_test = |test: &mut Test| {
        test.place = Place::default();
        test.arguments.iter_mut().for_each(normal_argument);
        normal_tests(&mut test.tests);
    };
    match tests {
        Tests::None => {}
        Tests::One(test) => normal_test(test),
        Tests::List(tests) => tests.iter_mut().for_each(normal_test),
    }
}

proptest! {
    #[test]
    fn parse_after_print_is_identity(tree in commands()) {
        let tree = normal(tree);
        let text = print(&tree);
        let again = parse(&text).map(normal);
        prop_assert_eq!(again.as_ref(), Ok(&tree), "{}", String::from_utf8_lossy(&text));
        let text_again = print(&parse(&text).unwrap());
        prop_assert_eq!(String::from_utf8_lossy(&text_again), String::from_utf8_lossy(&text));
    }

    #[test]
    fn no_script_panics(text in "[a-z:;{}()\\[\\],\"#/* \n\r\t.0-9KMG\\\\]{0,80}") {
        let _ = crate::compile("test", text.as_bytes());
        if let Ok(tree) = parse(text.as_bytes()) {
            let printed = print(&tree);
            prop_assert_eq!(parse(&printed).map(normal), Ok(normal(tree)));
        }
    }
}

/// Deep and wide: printing takes no time without end.
#[test]
fn nests_are_printed_once_a_level() {
    let script = format!(
        "if {}{}{} {{ stop; }}",
        "allof (".repeat(38),
        "true, ".repeat(2_000) + "true",
        ")".repeat(38)
    );
    let tree = parse(script.as_bytes()).unwrap();
    let text = print(&tree);
    assert_eq!(parse(&text).map(normal), Ok(normal(tree)));
}
