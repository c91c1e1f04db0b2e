//! Canonical text: reading what was printed gives the tree that was printed.

use proptest::prelude::*;

use crate::check::{Kind, On, Signature, Tag, TakesBlock, TakesTests};
use crate::extensions;
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

/// A script as it may be written for a command: what each of its arguments may be.
fn argument_of(kind: Kind) -> impl Strategy<Value = Argument> {
    let text = prop_oneof![
        octets(),
        // What many of them want.
        prop_oneof![
            "a@b[.]example",
            "[\\\\]Seen",
            "x",
            "eq",
            "mailto:a@b[.]example",
            "[+]0100",
            "date",
            "1"
        ]
        .prop_map(String::into_bytes),
    ];
    let value = match kind {
        Kind::Number => number().prop_map(Value::Number).boxed(),
        Kind::Text => text.prop_map(Value::Text).boxed(),
        Kind::Texts => {
            let literal =
                text.clone().prop_map(|octets| Literal { place: Place::default(), octets });
            prop_oneof![
                text.prop_map(Value::Text),
                prop::collection::vec(literal, 1..3).prop_map(Value::Texts),
            ]
            .boxed()
        }
    };
    value.prop_map(|value| Argument { place: Place::default(), value })
}

/// The tags that a command or test takes, those of other extensions among them.
fn tags_of(name: &str, signature: &Signature) -> Vec<&'static Tag> {
    let mut tags: Vec<&'static Tag> = signature.tags.iter().copied().flatten().collect();
    for added in extensions::all().flat_map(|extension| extension.tags) {
        let is_here = match added.on {
            On::Named(names) => names.contains(&name),
            On::Group(group) => {
                signature.tags.iter().copied().flatten().any(|own| own.group == group)
            }
        };
        if is_here {
            tags.extend(added.tags);
        }
    }
    tags
}

/// Tags and positional arguments as a signature has them.
fn arguments_of(name: &str, signature: &'static Signature) -> BoxedStrategy<Vec<Argument>> {
    let tags: Vec<_> = tags_of(name, signature).iter().map(|tag| (tag.name, tag.value)).collect();
    let count = tags.len();
    let chosen = prop::sample::subsequence(tags, 0..=count.min(4)).prop_flat_map(|tags| {
        let given = tags.into_iter().map(|(name, value)| {
            let name = Argument { place: Place::default(), value: Value::Tag(name.to_owned()) };
            match value {
                None => Just(vec![name]).boxed(),
                Some(kind) => {
                    argument_of(kind).prop_map(move |value| vec![name.clone(), value]).boxed()
                }
            }
        });
        given.collect::<Vec<_>>()
    });
    let positional = prop::sample::select(signature.positional)
        .prop_flat_map(|shape| shape.iter().map(|kind| argument_of(*kind)).collect::<Vec<_>>());
    (chosen, positional).prop_map(|(tags, positional)| [tags.concat(), positional].concat()).boxed()
}

/// Every command and test of every extension, with its tags.
fn scripts_of_all_commands() -> impl Strategy<Value = Commands> {
    let command =
        |name: &str, arguments: Vec<Argument>, tests: Tests, block: Option<Commands>| Command {
            place: Place::default(),
            gap: Gap::LineEnd,
            comments: Vec::new(),
            name: name.to_owned(),
            arguments,
            tests,
            block,
            remarks: Vec::new(),
        };
    let block = || Commands { commands: Vec::new(), comments: Vec::new() };
    let commands =
        extensions::commands().map(|(_, kind)| kind).filter(|kind| kind.name != "require");
    let actions = commands.map(move |kind| {
        let block = (kind.block == TakesBlock::Yes).then(block);
        arguments_of(kind.name, &kind.signature)
            .prop_map(move |arguments| command(kind.name, arguments, Tests::None, block.clone()))
            .boxed()
    });
    let leaves = extensions::tests().map(|(_, kind)| kind);
    let ifs = leaves.filter(|kind| kind.signature.tests == TakesTests::None).map(move |kind| {
        arguments_of(kind.name, &kind.signature)
            .prop_map(move |arguments| {
                let (place, name) = (Place::default(), kind.name.to_owned());
                let test = Test { place, name, arguments, tests: Tests::None };
                command("if", Vec::new(), Tests::One(Box::new(test)), Some(block()))
            })
            .boxed()
    });
    let any = prop::strategy::Union::new(actions.chain(ifs).collect::<Vec<_>>());
    let capabilities = crate::capabilities().into_iter().filter(|name| *name != "ihave");
    let required =
        capabilities.map(|name| Literal { place: Place::default(), octets: name.into() });
    let require = Argument { place: Place::default(), value: Value::Texts(required.collect()) };
    let require = command("require", vec![require], Tests::None, None);
    prop::collection::vec(any, 1..4).prop_map(move |commands| Commands {
        commands: std::iter::once(require.clone()).chain(commands).collect(),
        comments: Vec::new(),
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    /// Printed, a script is the same tree, as good or as bad as it was, and does the same.
    #[test]
    fn scripts_of_all_extensions_are_what_they_were(tree in scripts_of_all_commands()) {
        let text = print(&tree);
        prop_assert_eq!(parse(&text).map(normal), Ok(normal(tree)), "{}", String::from_utf8_lossy(&text));
        let again = print(&parse(&text).unwrap());
        prop_assert_eq!(String::from_utf8_lossy(&again), String::from_utf8_lossy(&text));
        if let Ok(script) = crate::compile("test", &text) {
            let message = crate::Message::new(super::MESSAGE_A.as_bytes());
            let _ = script.run(&message, &super::facts());
        }
    }
}

/// The seeds of the fuzz target have each command, test and tag of each extension once.
#[test]
fn seeds_have_all_there_is() {
    let folder =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/seeds/sieve");
    let mut seeds = String::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let seed = std::fs::read(entry.unwrap().path()).unwrap();
        let seed = String::from_utf8_lossy(&seed).into_owned();
        let (script, _) = seed.split_once("\n=====\n").unwrap_or((&seed, ""));
        seeds.push_str(&script.to_ascii_lowercase());
    }
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let words: std::collections::BTreeSet<&str> = seeds.split(|c| !is_word(c)).collect();
    let commands = extensions::commands().map(|(_, kind)| (kind.name, &kind.signature));
    let tests = extensions::tests().map(|(_, kind)| (kind.name, &kind.signature));
    let mut missing = Vec::new();
    for (name, signature) in commands.chain(tests) {
        if !words.contains(name) {
            missing.push(name.to_owned());
        }
        let tags = tags_of(name, signature).into_iter().map(|tag| format!(":{}", tag.name));
        missing.extend(tags.filter(|tag| !words.contains(tag.as_str())));
    }
    let capabilities = crate::capabilities().into_iter();
    missing.extend(
        capabilities.filter(|name| !seeds.contains(&format!("\"{name}\""))).map(str::to_owned),
    );
    assert!(missing.is_empty(), "no seed has {missing:?}");
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
