//! The conversions of a field: from the values of a file to the value of the row.

use std::borrow::Cow;
use std::collections::HashMap;

use phonenumber::Mode;
use phonenumber::country::Id;
use phonenumber::metadata::DATABASE;

/// What is done with the value of a field, in the order of the members.
#[derive(Default)]
pub(super) struct Conversion {
    pub(super) constant: Option<String>,
    /// Whether white space at the edges of the values is kept.
    pub(super) keeps_spaces: bool,
    pub(super) invisible: Invisible,
    pub(super) join: Option<String>,
    pub(super) part: Option<Part>,
    /// The keys are in lower case.
    pub(super) values: Option<HashMap<String, String>>,
    pub(super) otherwise: Option<String>,
    pub(super) dates: Option<Vec<DateFormat>>,
    /// The first year that a year of two digits can mean.
    pub(super) first_year: Option<u32>,
    pub(super) country: Option<Id>,
    pub(super) case: Option<Case>,
    pub(super) default: Option<String>,
}

/// What is done with invisible characters inside a value.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Invisible {
    #[default]
    Refuse,
    Remove,
}

/// A part of a value.
#[derive(Clone, Copy)]
pub(super) enum Part {
    BeforeComma,
    AfterComma,
    FirstWord,
    OtherWords,
    LastWord,
    AllButLastWord,
}

#[derive(Clone, Copy)]
pub(super) enum Case {
    Lower,
    Upper,
    /// The first letter of each word.
    Title,
}

/// Why a value cannot be converted. It does not contain the value.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::rows) struct ConversionError {
    pub(super) message: Cow<'static, str>,
    pub(super) hint: Option<&'static str>,
}

fn refuse(message: impl Into<Cow<'static, str>>, hint: &'static str) -> ConversionError {
    ConversionError { message: message.into(), hint: Some(hint) }
}

impl Conversion {
    /// Converts the values of the source columns. Returns an empty text if there is no value.
    pub(super) fn convert<'a>(
        &self,
        values: impl Iterator<Item = &'a str>,
    ) -> Result<String, ConversionError> {
        let mut text = self.constant.clone().unwrap_or_default();
        for value in values {
            let value = self.clean(value)?;
            if !text.is_empty() && !value.is_empty() {
                text.push_str(self.join.as_deref().unwrap_or(" "));
            }
            text.push_str(&value);
        }
        if let Some(part) = self.part {
            text = String::from(part.of(&text)?);
        }
        if let Some(values) = &self.values
            && !text.is_empty()
        {
            text = match values.get(&text.to_lowercase()).or(self.otherwise.as_ref()) {
                Some(value) => value.clone(),
                None => {
                    return Err(refuse(
                        "has a value that `values` does not list",
                        "add it to `values`, or set `otherwise`",
                    ));
                }
            };
        }
        if let Some(formats) = &self.dates
            && !text.is_empty()
        {
            text = self.date(&text, formats)?;
        }
        if let Some(country) = self.country
            && !text.is_empty()
        {
            text = phone(&text, country)?;
        }
        match self.case {
            Some(Case::Lower) => text = text.to_lowercase(),
            Some(Case::Upper) => text = text.to_uppercase(),
            Some(Case::Title) => text = title_case(&text),
            None => {}
        }
        if text.is_empty() { Ok(self.default.clone().unwrap_or_default()) } else { Ok(text) }
    }

    /// Removes white space and invisible characters from the edges, and handles those inside.
    pub(super) fn clean<'a>(&self, value: &'a str) -> Result<Cow<'a, str>, ConversionError> {
        let value = if self.keeps_spaces { value } else { trim(value) };
        let Some(invisible) = invisible_character(value) else { return Ok(value.into()) };
        match self.invisible {
            Invisible::Remove => Ok(value.chars().filter(|letter| !is_invisible(*letter)).collect()),
            Invisible::Refuse => {
                let message = format!("contains the invisible character U+{:04X}", u32::from(invisible));
                Err(refuse(message, "remove it, or set `invisible = \"remove\"` for the field"))
            }
        }
    }

    fn date(&self, text: &str, formats: &[DateFormat]) -> Result<String, ConversionError> {
        if let Some(date) = formats.iter().find_map(|format| format.read(text, self.first_year)) {
            return Ok(date);
        }
        let bytes = text.as_bytes();
        let is_year = |bytes: &[u8]| bytes.len() == 4 && bytes.iter().all(u8::is_ascii_digit);
        if is_year(bytes) || (bytes.len() == 7 && is_year(&bytes[..4]) && bytes[4] == b'-') {
            return Err(refuse("has no day", "write the complete date"));
        }
        Err(refuse(
            "is not a date in the format of the mapping",
            "correct the date, or add its format to `dates`",
        ))
    }
}

impl Part {
    fn of(self, text: &str) -> Result<&str, ConversionError> {
        let words =
            || text.split_once(char::is_whitespace).map_or((text, ""), |(first, rest)| (first, rest.trim()));
        let last =
            || text.rsplit_once(char::is_whitespace).map_or(("", text), |(rest, last)| (rest.trim(), last));
        let comma = || {
            let parts = text.split_once(',').filter(|(_, rest)| !rest.contains(','));
            match parts {
                Some((before, after)) => Ok((before.trim(), after.trim())),
                None if text.is_empty() => Ok(("", "")),
                None => Err(refuse("does not have exactly one comma", "write it as `Last, First`")),
            }
        };
        Ok(match self {
            Self::BeforeComma => comma()?.0,
            Self::AfterComma => comma()?.1,
            Self::FirstWord => words().0,
            Self::OtherWords => words().1,
            Self::LastWord => last().1,
            Self::AllButLastWord => last().0,
        })
    }
}

/// Removes white space and invisible characters from the edges.
pub(in crate::rows) fn trim(text: &str) -> &str {
    text.trim_matches(|letter: char| letter.is_whitespace() || is_invisible(letter))
}

/// Checks whether a character is invisible, and not a line break or a tab, which longer texts have. Names with one of
/// these are refused later.
fn is_invisible(letter: char) -> bool {
    carium::patients::is_invisible(letter) && !matches!(letter, '\n' | '\r' | '\t')
}

/// Returns the first invisible character of a text, if it has one.
pub(super) fn invisible_character(text: &str) -> Option<char> {
    // Most values are printable ASCII, which is checked without decoding.
    if text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        return None;
    }
    text.chars().find(|letter| is_invisible(*letter))
}

/// Returns the first character of a text that no screen shows, and that is not a control character of ASCII: a format
/// character, or a space other than the usual one at an edge of the text.
pub(super) fn unwanted_character(text: &str) -> Option<char> {
    if text.is_ascii() {
        return None;
    }
    let is_odd_space = |letter: &char| !letter.is_ascii() && letter.is_whitespace();
    let edges = [text.chars().next(), text.chars().next_back()];
    let invisible = text.chars().find(|letter| !letter.is_control() && is_invisible(*letter));
    invisible.or_else(|| edges.into_iter().flatten().find(is_odd_space))
}

fn title_case(text: &str) -> String {
    let mut is_start = true;
    text.chars()
        .flat_map(|letter| {
            let changed: Vec<char> =
                if is_start { letter.to_uppercase().collect() } else { letter.to_lowercase().collect() };
            is_start = !letter.is_alphabetic();
            changed
        })
        .collect()
}

/// Returns the country with an ISO 3166 code of two letters.
pub(super) fn country(code: &str) -> Option<Id> {
    code.to_ascii_uppercase().parse().ok()
}

/// Converts a phone number to E.164. It must be possible, which means that its length is used in the country. It need
/// not be assigned. A text without any digit is not a number, so it counts as empty.
fn phone(text: &str, country: Id) -> Result<String, ConversionError> {
    if !text.contains(|letter: char| letter.is_numeric()) {
        return Ok(String::new());
    }
    let not_possible = || {
        refuse(
            "is not a possible phone number",
            "correct the number, or the `country` of the field in the mapping",
        )
    };
    if text.len() > 60 {
        return Err(not_possible());
    }
    if let Some(number) = north_american(text, country) {
        return Ok(number);
    }
    let number = phonenumber::parse(Some(country), text).map_err(|_| not_possible())?;
    if number.extension().is_some() {
        return Err(refuse("is a phone number with an extension", "remove the extension"));
    }
    let converted = number.format().mode(Mode::E164).to_string();
    let code = number.country().code();
    let length = converted.len().saturating_sub(1 + code.to_string().len());
    let is_possible = DATABASE.region(&code).into_iter().flatten().any(|region| {
        DATABASE.by_id(region).is_some_and(|metadata| {
            let kinds = metadata.descriptors();
            [Some(kinds.general()), kinds.fixed_line(), kinds.mobile()]
                .into_iter()
                .flatten()
                .any(|kind| kind.possible_length().iter().any(|possible| usize::from(*possible) == length))
        })
    });
    if is_possible { Ok(converted) } else { Err(not_possible()) }
}

/// Converts a plain number of North America, without the regular expressions of the library: a test compares the two.
/// Returns `None` for any other text.
fn north_american(text: &str, country: Id) -> Option<String> {
    let mut digits = String::with_capacity(12);
    digits.push('+');
    let rest = text.strip_prefix('+');
    for letter in rest.unwrap_or(text).bytes() {
        match letter {
            b'0'..=b'9' => digits.push(char::from(letter)),
            b' ' | b'-' | b'.' | b'(' | b')' => {}
            _ => return None,
        }
    }
    let is_national = rest.is_none() && matches!(country, Id::US | Id::CA);
    let is_area = |at: usize| digits.as_bytes().get(at).is_some_and(|digit| (b'2'..=b'9').contains(digit));
    match digits.len() {
        11 if is_national && is_area(1) => Some(format!("+1{}", &digits[1..])),
        12 if (is_national || rest.is_some()) && digits.starts_with("+1") && is_area(2) => Some(digits),
        _ => None,
    }
}

/// Returns the country calling code of a number that is written with a `+`.
pub(super) fn international_code(text: &str) -> Option<u16> {
    if !trim(text).starts_with('+') {
        return None;
    }
    phonenumber::parse(None, trim(text)).ok().map(|number| number.country().code())
}

/// Checks whether a number is possible in a country, or in the country that it states.
pub(super) fn is_possible_phone(text: &str, country: Id) -> bool {
    phone(text, country).is_ok_and(|number| !number.is_empty())
}

/// A format of dates, such as `dd/mm/yyyy`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DateFormat(Vec<Token>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token {
    /// Four digits.
    Year,
    /// Two digits.
    ShortYear,
    /// One or two digits; two if `true`.
    Month(bool),
    /// The English name of a month, or its first three letters.
    MonthName,
    Day(bool),
    Literal(char),
    /// The rest of the text, such as a time.
    Rest,
}

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

impl DateFormat {
    /// Parses a format. Returns `None` unless it has one day, one month and one year.
    pub(super) fn parse(format: &str) -> Option<Self> {
        let mut tokens = Vec::new();
        let mut rest = format;
        while let Some(letter) = rest.chars().next() {
            let length = rest.chars().take_while(|other| *other == letter).count();
            let token = match (letter, length) {
                ('y', 4) => Token::Year,
                ('y', 2) => Token::ShortYear,
                ('m', 1 | 2) => Token::Month(length == 2),
                ('m', 3) => Token::MonthName,
                ('d', 1 | 2) => Token::Day(length == 2),
                ('y' | 'm' | 'd', _) => return None,
                ('*', 1) if rest.len() == 1 => Token::Rest,
                (letter, _) if letter.is_alphanumeric() || letter == '*' => return None,
                (letter, _) => Token::Literal(letter),
            };
            let used = if matches!(token, Token::Literal(_)) { letter.len_utf8() } else { length };
            tokens.push(token);
            rest = &rest[used..];
        }
        let count = |kind: fn(&Token) -> bool| tokens.iter().filter(|token| kind(token)).count();
        let is_complete = count(|token| matches!(token, Token::Year | Token::ShortYear)) == 1
            && count(|token| matches!(token, Token::Month(_) | Token::MonthName)) == 1
            && count(|token| matches!(token, Token::Day(_))) == 1;
        is_complete.then_some(Self(tokens))
    }

    pub(super) fn has_short_year(&self) -> bool {
        self.0.contains(&Token::ShortYear)
    }

    /// Converts a date in this format to `yyyy-mm-dd`. Returns `None` if the text is not such a date.
    pub(super) fn read(&self, text: &str, first_year: Option<u32>) -> Option<String> {
        let (mut year, mut month, mut day) = (0, 0, 0);
        let mut rest = text;
        for token in &self.0 {
            match token {
                Token::Year => (year, rest) = digits(rest, 4, 4)?,
                Token::ShortYear => {
                    (year, rest) = digits(rest, 2, 2)?;
                    let first = first_year?;
                    year += first / 100 * 100;
                    if year < first {
                        year += 100;
                    }
                }
                Token::Month(is_fixed) => (month, rest) = digits(rest, if *is_fixed { 2 } else { 1 }, 2)?,
                Token::Day(is_fixed) => (day, rest) = digits(rest, if *is_fixed { 2 } else { 1 }, 2)?,
                Token::MonthName => {
                    let end = rest.find(|letter: char| !letter.is_alphabetic()).unwrap_or(rest.len());
                    let name = rest[..end].to_lowercase();
                    let is_month = |month: &&str| name.len() >= 3 && (**month == name || month[..3] == name);
                    month = u32::try_from(MONTHS.iter().position(is_month)?).ok()? + 1;
                    rest = &rest[end..];
                }
                Token::Literal(letter) => rest = rest.strip_prefix(*letter)?,
                Token::Rest => rest = "",
            }
        }
        let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let days = match month {
            2 => 28 + u32::from(is_leap),
            4 | 6 | 9 | 11 => 30,
            1..=12 => 31,
            _ => 0,
        };
        let is_date = rest.is_empty() && (1..=days).contains(&day);
        is_date.then(|| format!("{year:04}-{month:02}-{day:02}"))
    }
}

/// Reads a number of `least` to `most` digits.
fn digits(text: &str, least: usize, most: usize) -> Option<(u32, &str)> {
    let length = text.bytes().take(most).take_while(u8::is_ascii_digit).count();
    if length < least {
        return None;
    }
    Some((text[..length].parse().ok()?, &text[length..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_dates_only_in_their_format() {
        for (format, text, expected) in [
            ("dd.mm.yyyy", "29.02.1984", Some("1984-02-29")),
            ("dd.mm.yyyy", "29.02.1985", None),
            ("m/d/yyyy", "7/4/2001", Some("2001-07-04")),
            ("m/d/yyyy", "07/04/2001", Some("2001-07-04")),
            ("mm/dd/yyyy", "7/4/2001", None),
            ("yyyymmdd", "19840229", Some("1984-02-29")),
            ("yyyy-mm-dd*", "1984-02-29T00:00:00", Some("1984-02-29")),
            ("yyyy-mm-dd", "1984-02-29T00:00:00", None),
            ("d-mmm-yyyy", "4-Jul-2001", Some("2001-07-04")),
            ("d mmm yyyy", "4 july 2001", Some("2001-07-04")),
            ("dd.mm.yyyy", "29.02.19844", None),
        ] {
            let date = DateFormat::parse(format).unwrap().read(text, None);
            assert_eq!(date.as_deref(), expected, "{format} {text}");
        }
        let short = DateFormat::parse("dd.mm.yy").unwrap();
        assert_eq!(short.read("29.02.84", Some(1930)).as_deref(), Some("1984-02-29"));
        assert_eq!(short.read("01.01.29", Some(1930)).as_deref(), Some("2029-01-01"));
        for format in ["dd/mm", "yyyy", "dd/dd/yyyy", "ddd/mm/yyyy", "hh:mm", "* dd/mm/yyyy"] {
            assert_eq!(DateFormat::parse(format), None, "{format}");
        }
    }

    #[test]
    fn converts_possible_phone_numbers_to_e164() {
        for (text, code, expected) in [
            ("(555) 010-0001", "US", Some("+15550100001")),
            ("555-010-0001", "US", Some("+15550100001")),
            ("15550100001", "US", Some("+15550100001")),
            ("+15551234567", "DE", Some("+15551234567")),
            ("+1 555 010 0001", "DE", Some("+15550100001")),
            ("06 39 98 00 01", "FR", Some("+33639980001")),
            ("0171 5550001", "DE", Some("+491715550001")),
            ("() ", "US", Some("")),
            ("010-0001", "US", None),
            ("555 010 0001 23", "US", None),
            ("call home 1", "US", None),
        ] {
            let number = phone(text, country(code).unwrap());
            assert_eq!(number.ok().as_deref(), expected, "{text} {code}");
        }
    }

    #[test]
    fn short_path_for_phone_numbers_agrees_with_the_library() {
        let texts = [
            "(555) 010-0001",
            "555.010.0001",
            "5550100001",
            "15550100001",
            "1-555-010-0001",
            "+1 555 010 0001",
            "+15551234567",
            "+1 (212) 555-0100",
            "0550100001",
            "155501000012",
            "+49 171 5550001",
            "555-010-000",
        ];
        for text in texts {
            for code in ["US", "CA", "DE", "FR"] {
                let id = country(code).unwrap();
                let library = phonenumber::parse(Some(id), text).ok();
                let library = library.map(|number| number.format().mode(Mode::E164).to_string());
                if let Some(short) = north_american(text, id) {
                    assert_eq!(Some(short), library, "{text} {code}");
                }
            }
        }
        assert!(texts[..8].iter().all(|text| north_american(text, Id::US).is_some()));
    }

    #[test]
    fn removes_invisible_characters_from_the_edges_and_refuses_them_inside() {
        let conversion = Conversion::default();
        assert_eq!(conversion.convert(["Ada\u{a0}", "\u{202a}Lu\u{202c}"].into_iter()).unwrap(), "Ada Lu");
        let error = conversion.convert(["C\u{200b}hris"].into_iter()).unwrap_err();
        assert_eq!(error.message, "contains the invisible character U+200B");
        let removing = Conversion { invisible: Invisible::Remove, ..Conversion::default() };
        assert_eq!(removing.convert(["C\u{200b}hris"].into_iter()).unwrap(), "Chris");
    }
}
