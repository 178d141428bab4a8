//! The part of jq that queries may use, and what a run of it may cost.
//!
//! Invariant: a run ends, in time and memory that a record's size bounds, without a panic. Nothing recurs but over what
//! is there: definitions, folds, recursion and updates are refused in queries, and nothing reads a clock, the
//! environment or inputs. What a query does over and over is metered: a program is rewritten before it is compiled, so
//! that each value that a generator makes, and the size of each value that is copied, compared or walked, is paid for; a
//! run that has spent all is stopped by an exception that queries cannot catch.
mod meter;
mod value;

pub(super) use value::value;

use jaq_core::{
    Compiler, Ctx, Vars,
    load::{
        Arena, File, Loader,
        lex::StrPart,
        parse::{BinaryOp, Def, Pattern, Term},
    },
    ops::Math,
    path::{Part, Path},
};
use jaq_json::Val;
use meter::{Meter, Metered};
use std::{cell::Cell, fmt::Write};

/// What a run may cost: a byte or a value walked is one, a value made is [`meter::MADE`].
const WORK: u64 = 1 << 26;
/// Bytes of an error's text at most: it may name a whole record.
const ERROR_BYTES: usize = 256;
/// What stands in the program under this name is the query.
const QUERY: &str = "query";
/// Definitions of jq's that queries may use, and what these use.
const DEFINITIONS: &[&str] = &[
    "@base64",
    "@base64d",
    "@json",
    "@text",
    "@uri",
    "abs",
    "add",
    "all",
    "any",
    "arrays",
    "booleans",
    "capture",
    "capture_of_match",
    "empty",
    "error",
    "false",
    "first",
    "from_entries",
    "fromdate",
    "gsub",
    "in",
    "index",
    "inside",
    "isarray",
    "isboolean",
    "isempty",
    "isnumber",
    "isobject",
    "isstring",
    "iterables",
    "keys",
    "last",
    "map",
    "match",
    "max",
    "max_by",
    "min",
    "min_by",
    "not",
    "null",
    "nulls",
    "numbers",
    "objects",
    "rindex",
    "scalars",
    "scan",
    "scan_",
    "select",
    "split",
    "splits",
    "strings",
    "sub",
    "test",
    "to_entries",
    "toboolean",
    "todate",
    "tonumber",
    "tostring",
    "totype",
    "true",
    "type",
    "unique",
    "unique_by",
    "values",
    "with_entries",
];
/// As jq's, but without an update.
const JOIN: &str = r#"def join($s): reduce .[] as $x (null;
    if . == null then "" else . + $s end + ($x | if . == null then "" else tostring end)) | . // "";"#;

/// A query, compiled.
pub(super) struct Program(jaq_core::Filter<Metered>);

type Jq<'s> = Term<&'s str>;

impl Program {
    /// The program that `query` is, or why it is refused.
    pub(super) fn new(query: Jq<'_>) -> Result<Self, String> {
        let ours = jaq_core::load::parse(JOIN, |parser| parser.defs()).unwrap_or_default();
        let theirs = jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs());
        let theirs = theirs.filter(|def| DEFINITIONS.contains(&def.name));
        let mut definitions = Vec::new();
        for def in theirs.chain(ours) {
            definitions.push(definition(def)?);
        }
        definitions.push(Def { name: QUERY, args: Vec::new(), body: metered(query, Whose::Caller)? });
        let arena = Arena::default();
        let modules = Loader::new(definitions)
            .load(&arena, File { code: QUERY, path: () })
            .map_err(|_| "it is no jq.".to_owned())?;
        let compiler: Compiler<_, Metered> = Compiler::default().with_funs(meter::functions());
        compiler.compile(modules).map(Self).map_err(|errors| {
            let mut undefined = errors.iter().flat_map(|(_, errors)| errors);
            let named = undefined.next().map(|(name, kind)| format!("{} {name} is not supported.", kind.as_str()));
            named.unwrap_or_default()
        })
    }

    /// What the program first makes of `input`, or why it does not.
    pub(super) fn run(&self, input: Val) -> Result<Val, String> {
        let left = Cell::new(WORK);
        let context = Ctx::<Metered>::new(Meter { lut: &self.0.lut, left: &left }, Vars::new([]));
        let first = self.0.id.run((context, input)).next();
        first.ok_or("The query returned nothing")?.map_err(|exception| match exception.get_err() {
            Ok(error) => {
                let mut text = Short(String::new());
                // It ends where the text is long enough.
                let _ = write!(text, "{error}");
                text.0
            }
            Err(_) => "The query takes too much work".to_owned(),
        })
    }
}

/// A text that takes so much and no more.
struct Short(String);

impl Write for Short {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        let room = ERROR_BYTES.saturating_sub(self.0.len());
        if text.len() <= room {
            self.0.push_str(text);
            return Ok(());
        }
        self.0.push_str(text.get(..text.floor_char_boundary(room)).unwrap_or_default());
        Err(std::fmt::Error)
    }
}

/// Who wrote a term.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Whose {
    Caller,
    Library,
}

fn definition(def: Def<&str>) -> Result<Def<&str>, String> {
    Ok(Def { body: metered(def.body, Whose::Library)?, ..def })
}

fn piped<'s>(from: Jq<'s>, into: Jq<'s>) -> Jq<'s> {
    Term::BinOp(Box::new(from), BinaryOp::Pipe(None), Box::new(into))
}

/// `term`, of which every value is paid for.
fn made(term: Jq<'_>) -> Jq<'_> {
    piped(term, Term::Call(meter::TICK, Vec::new()))
}

/// `term`, of which the size of every value is paid for.
fn weighed(term: Jq<'_>) -> Jq<'_> {
    match term {
        Term::Num(_) => term,
        term => piped(term, Term::Call(meter::WEIGH, Vec::new())),
    }
}

/// `term` with its costs in it, or why it is refused.
fn metered(term: Jq<'_>, whose: Whose) -> Result<Jq<'_>, String> {
    let all = |terms: Vec<_>| terms.into_iter().map(|term| metered(term, whose)).collect::<Result<Vec<_>, _>>();
    let boxed = |term: Box<_>| metered(*term, whose).map(Box::new);
    let optional = |term: Option<Box<_>>| term.map(boxed).transpose();
    Ok(match term {
        Term::Id | Term::Num(_) | Term::Var(_) => term,
        Term::Str(format, parts) => {
            Term::Str(format, parts.into_iter().map(|part| metered_part(part, whose)).collect::<Result<_, _>>()?)
        }
        Term::Arr(inner) => Term::Arr(optional(inner)?),
        Term::Obj(entries) => {
            let entry = |(key, value): (_, Option<_>)| {
                Ok::<_, String>((metered(key, whose)?, value.map(|value| metered(value, whose)).transpose()?))
            };
            Term::Obj(entries.into_iter().map(entry).collect::<Result<_, _>>()?)
        }
        Term::Neg(inner) => Term::Neg(boxed(inner)?),
        Term::BinOp(left, op, right) => return operation(metered(*left, whose)?, op, metered(*right, whose)?, whose),
        Term::TryCatch(body, catch) => Term::TryCatch(boxed(body)?, optional(catch)?),
        Term::IfThenElse(branches, other) => {
            let branch = |(if_, then)| Ok::<_, String>((metered(if_, whose)?, metered(then, whose)?));
            Term::IfThenElse(branches.into_iter().map(branch).collect::<Result<_, _>>()?, optional(other)?)
        }
        Term::Call(name, arguments) => call(name, all(arguments)?),
        Term::Path(head, path) => metered_path(metered(*head, whose)?, path, whose)?,
        Term::Fold(name, over, pattern, arguments) if whose == Whose::Library => {
            Term::Fold(name, boxed(over)?, metered_pattern(pattern, whose)?, all(arguments)?)
        }
        Term::Def(definitions, body) if whose == Whose::Library => {
            Term::Def(definitions.into_iter().map(definition).collect::<Result<_, _>>()?, boxed(body)?)
        }
        Term::Fold(name, ..) => return Err(format!("{name} is not supported.")),
        Term::Def(..) => return Err("def is not supported.".to_owned()),
        Term::Recurse => return Err(".. is not supported.".to_owned()),
        Term::Label(..) | Term::Break(_) => return Err("label is not supported.".to_owned()),
    })
}

fn operation<'s>(left: Jq<'s>, op: BinaryOp<&'s str>, right: Jq<'s>, whose: Whose) -> Result<Jq<'s>, String> {
    let of = |left, op, right| Term::BinOp(Box::new(left), op, Box::new(right));
    Ok(match op {
        BinaryOp::Pipe(pattern) => {
            let pattern = pattern.map(|pattern| metered_pattern(pattern, whose)).transpose()?;
            of(left, BinaryOp::Pipe(pattern), right)
        }
        BinaryOp::Comma => made(of(left, op, right)),
        BinaryOp::Alt | BinaryOp::Or | BinaryOp::And => of(left, op, right),
        BinaryOp::Math(Math::Mul) => Term::Call(meter::TIMES, vec![weighed(left), weighed(right)]),
        BinaryOp::Math(_) | BinaryOp::Cmp(_) => of(weighed(left), op, weighed(right)),
        BinaryOp::Assign | BinaryOp::Update | BinaryOp::UpdateMath(_) | BinaryOp::UpdateAlt => {
            return Err("assignment is not supported.".to_owned());
        }
    })
}

/// A call; what is built in pays for its input, and for what its cost grows with beside it.
fn call<'s>(name: &'s str, arguments: Vec<Jq<'s>>) -> Jq<'s> {
    let extra = meter::extra(name);
    let extra = extra.map(|extra| {
        Term::Call(extra, if extra == meter::TIMELY { Vec::new() } else { arguments.iter().take(1).cloned().collect() })
    });
    let is_built_in = meter::BUILT_IN.contains(&name);
    let call = Term::Call(name, arguments);
    let call = extra.into_iter().fold(call, |call, extra| piped(extra, call));
    if is_built_in { piped(Term::Call(meter::WEIGH, Vec::new()), call) } else { call }
}

fn metered_part<'s>(part: StrPart<&'s str, Jq<'s>>, whose: Whose) -> Result<StrPart<&'s str, Jq<'s>>, String> {
    Ok(match part {
        StrPart::Term(term) => StrPart::Term(weighed(metered(term, whose)?)),
        part => part,
    })
}

fn metered_path<'s>(head: Jq<'s>, path: Path<Jq<'s>>, whose: Whose) -> Result<Jq<'s>, String> {
    let is_generator = path.0.iter().any(|(part, _)| matches!(part, Part::Range(None, None)));
    let bound = |bound: Option<_>| bound.map(|bound| metered(bound, whose)).transpose();
    let part = |(part, optional)| {
        let part = match part {
            Part::Index(index) => Part::Index(metered(index, whose)?),
            Part::Range(from, upto) => Part::Range(bound(from)?, bound(upto)?),
        };
        Ok::<_, String>((part, optional))
    };
    let parts = path.0.into_iter().map(part).collect::<Result<_, _>>()?;
    let term = Term::Path(Box::new(head), Path(parts));
    Ok(if is_generator { made(term) } else { term })
}

fn metered_pattern(pattern: Pattern<&str>, whose: Whose) -> Result<Pattern<&str>, String> {
    Ok(match pattern {
        Pattern::Var(name) => Pattern::Var(name),
        Pattern::Arr(items) => {
            Pattern::Arr(items.into_iter().map(|item| metered_pattern(item, whose)).collect::<Result<_, _>>()?)
        }
        Pattern::Obj(entries) => {
            let entry = |(key, item)| Ok::<_, String>((metered(key, whose)?, metered_pattern(item, whose)?));
            Pattern::Obj(entries.into_iter().map(entry).collect::<Result<_, _>>()?)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_go_where_records_go() {
        fn can_go<T: Send + Sync>() {}
        can_go::<Program>();
    }

    #[test]
    fn a_long_error_is_cut() {
        let mut text = Short(String::new());
        assert!(write!(text, "{}", "é".repeat(200)).is_err());
        assert_eq!(text.0, "é".repeat(128));
    }
}
