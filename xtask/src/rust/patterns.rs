//! Patterns: `pattern` of a schema as a list of parts, instead of a regular expression.
//!
//! `typify` compiles a pattern with `regress` when it is first used, so that each program which depends on `carium-api`
//! would build a regex engine. The patterns of the specs are sequences of character classes. They become constants that
//! `carium_api::pattern` checks. The linter reports a pattern that cannot be translated.

use proc_macro2::Literal;
use quote::{ToTokens as _, quote};
use syn::visit::{self, Visit};
use syn::visit_mut::{self, VisitMut};
use syn::{Block, Expr, File, Item, LitStr, Stmt};

/// What a pattern may consist of. The fix of a pattern that has something else.
pub(crate) const SUPPORTED: &str = "write a sequence of characters, `\\d`, `\\w` and classes such as `[A-Z0-9]`, between `^` and `$`, \
     each with an optional `?`, `*`, `+` or `{1,3}`; state the rest in the description, and check it by hand in `crates/carium`";

/// A part of a pattern: between `min` and `max` characters of these ranges.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Part {
    ranges: Vec<(char, char)>,
    min: usize,
    max: Option<usize>,
}

impl Part {
    fn overlaps(&self, other: &Self) -> bool {
        let overlap = |one: &(char, char), two: &(char, char)| one.0 <= two.1 && two.0 <= one.1;
        self.ranges.iter().any(|one| other.ranges.iter().any(|two| overlap(one, two)))
    }
}

/// Parses a pattern.
///
/// # Errors
/// What is not supported, as the end of a sentence about the pattern.
pub(crate) fn parse(pattern: &str) -> Result<Vec<Part>, String> {
    if !pattern.is_ascii() {
        return Err("has a character that is not ASCII".to_owned());
    }
    let mut parser = Parser { rest: pattern.chars().collect::<Vec<_>>().into_iter().peekable() };
    if parser.rest.next() != Some('^') {
        return Err("does not start with `^`".to_owned());
    }
    let mut parts = Vec::new();
    loop {
        match parser.rest.next() {
            Some('$') if parser.rest.peek().is_none() => break,
            Some(character) => {
                let ranges = parser.class(character)?;
                let (min, max) = parser.repetition()?;
                parts.push(Part { ranges, min, max });
            }
            None => return Err("does not end with `$`".to_owned()),
        }
    }
    // A part takes as many characters as it can. That is right only if none of them can belong to a later part.
    for (index, part) in parts.iter().enumerate().filter(|(_, part)| Some(part.min) != part.max) {
        for next in &parts[index + 1..] {
            if part.overlaps(next) {
                return Err("has a repetition that is followed by the same characters".to_owned());
            }
            if next.min > 0 {
                break;
            }
        }
    }
    Ok(parts)
}

struct Parser {
    rest: std::iter::Peekable<std::vec::IntoIter<char>>,
}

impl Parser {
    /// Parses a character, an escape or a class that starts with this character.
    fn class(&mut self, first: char) -> Result<Vec<(char, char)>, String> {
        match first {
            '\\' => self.escape(),
            '[' => self.members(),
            '^' | '$' | '(' | ')' | '|' | '.' | '*' | '+' | '?' | '{' | '}' | ']' => Err(unsupported(first)),
            literal => Ok(vec![(literal, literal)]),
        }
    }

    fn escape(&mut self) -> Result<Vec<(char, char)>, String> {
        match self.rest.next() {
            Some('d') => Ok(vec![('0', '9')]),
            Some('w') => Ok(vec![('A', 'Z'), ('a', 'z'), ('0', '9'), ('_', '_')]),
            Some(literal) if literal.is_ascii_punctuation() => Ok(vec![(literal, literal)]),
            other => Err(format!("has the escape `\\{}`", other.map(String::from).unwrap_or_default())),
        }
    }

    /// Parses the members of a class, up to its `]`.
    fn members(&mut self) -> Result<Vec<(char, char)>, String> {
        if self.rest.peek() == Some(&'^') {
            return Err("has a class of all other characters, `[^…]`".to_owned());
        }
        let mut ranges: Vec<(char, char)> = Vec::new();
        loop {
            match self.rest.next() {
                Some(']') if !ranges.is_empty() => return Ok(ranges),
                Some(']') | None => return Err("has a class that is empty or not closed".to_owned()),
                Some(first) => {
                    let member = if first == '\\' { self.escape()? } else { vec![(first, first)] };
                    let is_range = self.rest.next_if_eq(&'-').is_some();
                    match is_range {
                        false => ranges.extend(member),
                        // A hyphen before the end of the class is a member.
                        true if self.rest.peek() == Some(&']') => {
                            ranges.extend(member);
                            ranges.push(('-', '-'));
                        }
                        true if first == '\\' => {
                            return Err("has a range that starts with an escape".to_owned());
                        }
                        true => {
                            let last = self.rest.next().unwrap_or(']');
                            if !last.is_ascii_alphanumeric() || last < first {
                                return Err(
                                    "has a range that does not end with a later letter or digit".to_owned()
                                );
                            }
                            ranges.push((first, last));
                        }
                    }
                }
            }
        }
    }

    /// Parses the repetition after a class. Without one, there is one character.
    fn repetition(&mut self) -> Result<(usize, Option<usize>), String> {
        let limits = match self.rest.next_if(|next| matches!(next, '?' | '*' | '+' | '{')) {
            None => return Ok((1, Some(1))),
            Some('?') => (0, Some(1)),
            Some('*') => (0, None),
            Some('+') => (1, None),
            Some(_) => self.limits().ok_or("has a repetition that is not like `{2}`, `{2,}` or `{1,3}`")?,
        };
        match self.rest.peek() {
            Some('?') => Err(unsupported('?')),
            _ => Ok(limits),
        }
    }

    /// Parses the numbers of a repetition, up to its `}`.
    fn limits(&mut self) -> Option<(usize, Option<usize>)> {
        let mut text = String::new();
        loop {
            match self.rest.next()? {
                '}' => break,
                character => text.push(character),
            }
        }
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = |text: &str| text.parse().ok().filter(|_| is_number(text));
        let (min, max) = match text.split_once(',') {
            None => (number(&text)?, Some(number(&text)?)),
            Some((min, "")) => (number(min)?, None),
            Some((min, max)) => (number(min)?, Some(number(max)?)),
        };
        (max.is_none_or(|max| min <= max)).then_some((min, max))
    }
}

fn unsupported(character: char) -> String {
    format!("has `{character}` where it is not supported")
}

/// Replaces the regular expressions of generated types.
///
/// # Errors
/// A pattern cannot be translated. The linter reports it first, with its location.
pub(crate) fn translate(file: &mut File) -> Result<(), String> {
    let mut pass = Translate { error: None };
    pass.visit_file_mut(file);
    pass.error.map_or(Ok(()), Err)
}

struct Translate {
    error: Option<String>,
}

impl VisitMut for Translate {
    fn visit_block_mut(&mut self, block: &mut Block) {
        visit_mut::visit_block_mut(self, block);
        for statement in &mut block.stmts {
            match statement {
                Stmt::Item(Item::Static(item)) if item.ident == "PATTERN" => {
                    let mut literal = StringLiteral(String::new());
                    literal.visit_expr(&item.expr);
                    match parse(&literal.0) {
                        Ok(parts) => *statement = constant(&parts),
                        Err(problem) => self.error = Some(format!("the pattern `{}` {problem}", literal.0)),
                    }
                }
                Stmt::Expr(Expr::If(check), _) if is_pattern_check(&check.cond) => {
                    *check.cond = syn::parse_quote!(!crate::pattern::matches(value, PATTERN));
                }
                _ => {}
            }
        }
    }
}

/// The string literal of an expression that has one.
struct StringLiteral(String);

impl Visit<'_> for StringLiteral {
    fn visit_lit_str(&mut self, literal: &LitStr) {
        self.0 = literal.value();
        visit::visit_lit_str(self, literal);
    }
}

fn is_pattern_check(condition: &Expr) -> bool {
    *condition == syn::parse_quote!(PATTERN.find(value).is_none())
}

fn constant(parts: &[Part]) -> Stmt {
    let parts = parts.iter().map(|Part { ranges, min, max }| {
        let ranges = ranges.iter().map(|(first, last)| quote!((#first, #last)));
        let min = Literal::usize_unsuffixed(*min);
        let max =
            max.map_or_else(|| quote!(usize::MAX), |max| Literal::usize_unsuffixed(max).to_token_stream());
        quote!(crate::pattern::Part { ranges: &[#(#ranges),*], min: #min, max: #max })
    });
    syn::parse_quote!(const PATTERN: &[crate::pattern::Part<'static>] = &[#(#parts),*];)
}

#[cfg(test)]
#[path = "../../../crates/carium-api/src/pattern.rs"]
mod matcher;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matches(text: &str, parts: &[Part]) -> bool {
        let parts: Vec<_> = parts
            .iter()
            .map(|part| matcher::Part {
                ranges: &part.ranges,
                min: part.min,
                max: part.max.unwrap_or(usize::MAX),
            })
            .collect();
        matcher::matches(text, &parts)
    }

    #[test]
    fn parses_what_is_supported() {
        let digit = |min, max| Part { ranges: vec![('0', '9')], min, max };
        let one = |first, last| Part { ranges: vec![(first, last)], min: 1, max: Some(1) };
        assert_eq!(
            parse(r"^\+[1-9][0-9]{1,14}$").unwrap(),
            [one('+', '+'), one('1', '9'), digit(1, Some(14))]
        );
        assert_eq!(parse(r"^\d{3}-\d*$").unwrap(), [digit(3, Some(3)), one('-', '-'), digit(0, None)]);
        assert_eq!(parse("^$").unwrap(), []);
        assert_eq!(parse("^[a-c_-]$").unwrap()[0].ranges, [('a', 'c'), ('_', '_'), ('-', '-')]);
    }

    #[test]
    fn names_what_is_not_supported() {
        for (pattern, problem) in [
            ("a$", "start with"),
            ("^a", "end with"),
            (r"^a\$", "end with"),
            ("^a|b$", "`|`"),
            ("^(ab)?$", "`(`"),
            ("^.$", "`.`"),
            ("^[^a]$", "all other"),
            ("^[]$", "empty"),
            ("^[a$", "not closed"),
            ("^[b-a]$", "later letter"),
            (r"^[\d-a]$", "starts with an escape"),
            (r"^\s$", r"`\s`"),
            ("^ä$", "not ASCII"),
            ("^a+?$", "`?`"),
            ("^a{2,1}$", "repetition that is not like"),
            ("^a{,2}$", "repetition that is not like"),
            ("^a+ab$", "followed by the same"),
            ("^a?b*a$", "followed by the same"),
        ] {
            let error = parse(pattern).unwrap_err();
            assert!(error.contains(problem), "{pattern}: {error}");
        }
    }

    /// Characters of the patterns, and others.
    fn character() -> impl Strategy<Value = char> {
        prop_oneof![
            Just('a'),
            Just('b'),
            Just('c'),
            Just('0'),
            Just('1'),
            Just('-'),
            Just('_'),
            Just('\n'),
            any::<char>()
        ]
    }

    fn pattern() -> impl Strategy<Value = String> {
        let class = prop::sample::select(vec![
            "a", "b", "0", "-", "_", "[ab]", "[a-c]", "[0-9]", "[b0-9-]", r"\d", r"\w", r"\-", r"[\d_]",
            r"[\w-]",
        ]);
        let repetition = prop::sample::select(vec!["", "", "?", "*", "+", "{2}", "{0,2}", "{1,3}", "{1,}"]);
        let part = (class, repetition).prop_map(|(class, repetition)| format!("{class}{repetition}"));
        prop::collection::vec(part, 0..5).prop_map(|parts| format!("^{}$", parts.concat()))
    }

    proptest! {
        #[test]
        fn agrees_with_a_regex_engine(
            pattern in pattern(),
            texts in prop::collection::vec(prop::collection::vec(character(), 0..7), 20),
        ) {
            let Ok(parts) = parse(&pattern) else { return Ok(()) };
            let regex = regress::Regex::new(&pattern).unwrap();
            for text in texts {
                let text: String = text.into_iter().collect();
                prop_assert_eq!(matches(&text, &parts), regex.find(&text).is_some(), "{} {:?}", pattern, text);
            }
        }

        #[test]
        fn agrees_on_phone_numbers(text in r"\+?[0-9]{0,17}") {
            let pattern = r"^\+[1-9][0-9]{1,14}$";
            let regex = regress::Regex::new(pattern).unwrap();
            prop_assert_eq!(matches(&text, &parse(pattern).unwrap()), regex.find(&text).is_some());
        }

        #[test]
        fn fuzz_never_panics(text in ".*") {
            let _ = parse(&text);
            let _ = parse(&format!("^{text}$"));
        }
    }

    #[test]
    fn replaces_the_regular_expression_of_a_type() {
        let mut file: File = syn::parse_quote! {
            impl FromStr for Code {
                fn from_str(value: &str) -> Result<Self, Error> {
                    static PATTERN: ::std::sync::LazyLock<::regress::Regex> =
                        ::std::sync::LazyLock::new(|| { ::regress::Regex::new("^a+$").unwrap() });
                    if PATTERN.find(value).is_none() {
                        return Err("doesn't match pattern \"^a+$\"".into());
                    }
                    Ok(Self(value.to_string()))
                }
            }
        };
        translate(&mut file).unwrap();
        let expected: File = syn::parse_quote! {
            impl FromStr for Code {
                fn from_str(value: &str) -> Result<Self, Error> {
                    const PATTERN: &[crate::pattern::Part<'static>] =
                        &[crate::pattern::Part { ranges: &[('a', 'a')], min: 1, max: usize::MAX }];
                    if !crate::pattern::matches(value, PATTERN) {
                        return Err("doesn't match pattern \"^a+$\"".into());
                    }
                    Ok(Self(value.to_string()))
                }
            }
        };
        assert_eq!(prettyplease::unparse(&file), prettyplease::unparse(&expected));
    }
}
