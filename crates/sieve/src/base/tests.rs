//! The tests of RFC 5228 §5, but for `envelope`.

use crate::address::{self, AddressPart};
use crate::check::{Args, Checker, Kind, Signature, Tag, TakesTests, TestKind};
use crate::extensions::mime::{Aspect, Scope};
use crate::fields::Fields;
use crate::limits;
use crate::matching::{self, Matcher, Value};
use crate::problem::Fault;
use crate::run::{Failure, Run};
use crate::script::{Check, Condition};
use crate::text::Text;

pub(super) const TRUE: TestKind = TestKind {
    name: "true",
    signature: Signature::NONE,
    check: |_, _| Ok(Box::new(Constant(true))),
};

pub(super) const FALSE: TestKind = TestKind {
    name: "false",
    signature: Signature::NONE,
    check: |_, _| Ok(Box::new(Constant(false))),
};

struct Constant(bool);

impl Condition for Constant {
    fn holds(&self, _: &mut Run<'_>) -> Result<bool, Failure> {
        Ok(self.0)
    }
}

pub(super) const NOT: TestKind = TestKind {
    name: "not",
    signature: Signature { tests: TakesTests::One, ..Signature::NONE },
    check: |args, checker| Ok(Box::new(Not(checks(args, checker)?))),
};

struct Not(Vec<Check>);

impl Condition for Not {
    fn holds(&self, run: &mut Run<'_>) -> Result<bool, Failure> {
        self.0.iter().try_fold(true, |holds, check| Ok(!run.holds(check)? && holds))
    }
}

const LIST: Signature = Signature { tests: TakesTests::List, ..Signature::NONE };

pub(super) const ALLOF: TestKind = TestKind {
    name: "allof",
    signature: LIST,
    check: |args, checker| Ok(Box::new(AllOf(checks(args, checker)?))),
};

pub(super) const ANYOF: TestKind = TestKind {
    name: "anyof",
    signature: LIST,
    check: |args, checker| Ok(Box::new(AnyOf(checks(args, checker)?))),
};

fn checks(args: &Args<'_>, checker: &mut Checker<'_>) -> Result<Vec<Check>, Fault> {
    args.tests.iter().map(|test| checker.test(test)).collect()
}

/// RFC 5228 §5.2; short-circuit, as RFC 5229 §3.2 demands.
struct AllOf(Vec<Check>);

impl Condition for AllOf {
    fn holds(&self, run: &mut Run<'_>) -> Result<bool, Failure> {
        for check in &self.0 {
            if !run.holds(check)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// RFC 5228 §5.3.
struct AnyOf(Vec<Check>);

impl Condition for AnyOf {
    fn holds(&self, run: &mut Run<'_>) -> Result<bool, Failure> {
        for check in &self.0 {
            if run.holds(check)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

pub(super) const SIZE: TestKind = TestKind {
    name: "size",
    signature: Signature {
        tags: &[&[Tag::one_of("size", "over"), Tag::one_of("size", "under")]],
        positional: &[&[Kind::Number]],
        tests: TakesTests::None,
    },
    check: |args, _| {
        let side = match args.of_group("size") {
            Some("over") => Side::Over,
            Some(_) => Side::Under,
            // RFC 5228 §5.9.
            None => return Err(Fault::new(args.place, "\"size\" takes \":over\" or \":under\"")),
        };
        Ok(Box::new(Size { side, limit: args.number(0)? }))
    },
};

struct Size {
    side: Side,
    limit: u64,
}

enum Side {
    Over,
    Under,
}

impl Condition for Size {
    fn holds(&self, run: &mut Run<'_>) -> Result<bool, Failure> {
        let (size, counted) = run.letter()?.size();
        run.spend_steps(counted / limits::DECODED_PER_STEP)?;
        run.note(|| format!("the message has {size} octets"));
        Ok(match self.side {
            Side::Over => size > self.limit,
            Side::Under => size < self.limit,
        })
    }
}

pub(super) const EXISTS: TestKind = TestKind {
    name: "exists",
    signature: Signature { positional: &[&[Kind::Texts]], ..Signature::NONE },
    check: |args, checker| {
        Ok(Box::new(Exists { names: args.texts(0, checker)?, scope: Scope::of(args)? }))
    },
};

struct Exists {
    names: Vec<Text>,
    scope: Scope,
}

impl Condition for Exists {
    fn holds(&self, run: &mut Run<'_>) -> Result<bool, Failure> {
        let mut names = Vec::with_capacity(self.names.len());
        for name in &self.names {
            names.push(name.value(run)?.into_owned());
        }
        self.scope.has_all(run, &names)
    }
}

pub(super) const HEADER: TestKind = TestKind {
    name: "header",
    signature: Signature {
        tags: &[matching::TAGS],
        positional: &[&[Kind::Texts, Kind::Texts]],
        tests: TakesTests::None,
    },
    check: |args, checker| {
        let fields = Fields::of(args, 0, checker)?;
        let aspect = Aspect::of(args, checker)?;
        Ok(Box::new(Header { fields, aspect, matcher: Matcher::of(args, 1, checker)? }))
    },
};

struct Header {
    fields: Fields,
    aspect: Aspect,
    matcher: Matcher,
}

impl Condition for Header {
    fn holds(&self, run: &mut Run<'_>) -> Result<bool, Failure> {
        let mut values = Vec::new();
        for (name, raw) in self.fields.raw(run)? {
            let found = self.aspect.within(run, (&name, raw), &self.matcher)?;
            values.extend(found.into_iter().map(|value| (name.clone(), value)));
        }
        self.matcher.any(run, &values)
    }
}

pub(super) const ADDRESS: TestKind = TestKind {
    name: "address",
    signature: Signature {
        tags: &[matching::TAGS, address::TAGS],
        positional: &[&[Kind::Texts, Kind::Texts]],
        tests: TakesTests::None,
    },
    check: |args, checker| {
        let fields = Fields::of(args, 0, checker)?;
        let part = AddressPart::of(args);
        Ok(Box::new(AddressTest { fields, part, matcher: Matcher::of(args, 1, checker)? }))
    },
};

/// RFC 5228 §5.1: works on at least some fields, and only on those that hold addresses.
struct AddressTest {
    fields: Fields,
    part: AddressPart,
    matcher: Matcher,
}

impl Condition for AddressTest {
    fn holds(&self, run: &mut Run<'_>) -> Result<bool, Failure> {
        let separator = run.facts.detail_separator;
        let mut values: Vec<Value<'_>> = Vec::new();
        for (name, raw) in self.fields.raw(run)? {
            if !address::may_hold_addresses(&name) {
                continue;
            }
            run.spend_steps(raw.len())?;
            let found = address::addresses(&raw);
            let parts = found.iter().filter_map(|address| self.part.within(address, separator));
            values.extend(parts.map(|part| (name.clone(), part.as_bytes().to_vec().into())));
        }
        self.matcher.any(run, &values)
    }
}
