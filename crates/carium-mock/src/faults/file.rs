//! A plan as a file.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use carium_api::operations;
use http::{HeaderName, HeaderValue, StatusCode};
use serde::Deserialize;
use toml::Spanned;

use super::{Calls, Fault, FaultPlan, FaultResponse, Moment, Target, What};

/// Reads a plan from TOML.
///
/// ```
/// # use carium_mock::FaultPlan;
/// let plan: FaultPlan = r#"
///     [[fault]]
///     on = "create_patient"          # an operation of the spec, or "upload", or "download"
///     calls = "2-4"                  # "2", "2-4", "2-", or "every"; left out, the first
///     do = "answer"                  # or reset, silence, lose-answer, truncate, corrupt, revoke-token, expire
///     after-the-work = true          # of answer, reset and silence; otherwise nothing is done
///     status = 503                   # of answer, as are headers and body
///     headers = { retry-after = "1" }
///     body = "Please come again."
///
///     [[fault]]
///     on = "upload"
///     do = "reset"
///     bytes = 1000                   # of reset, for a transfer: so many went over the line
///
///     [random]                       # what meets none of these
///     seed = 7
///     one-in = 10
/// "#.parse()?;
/// # Ok::<(), carium_mock::InvalidFaultPlan>(())
/// ```
///
/// # Errors
/// What is wrong, with its line; of things that are written as they should be and make no sense, all of them.
impl FromStr for FaultPlan {
    type Err = InvalidFaultPlan;

    fn from_str(text: &str) -> Result<Self, InvalidFaultPlan> {
        let file: File = toml::from_str(text).map_err(|error| {
            let line = error.span().map(|span| line_of(text, span.start));
            InvalidFaultPlan(vec![Mistake { line, what: error.message().to_owned() }])
        })?;
        let mut plan = Self::default();
        let mut mistakes = Vec::new();
        for entry in file.fault {
            let line = Some(line_of(text, entry.span().start));
            match entry.into_inner().fault() {
                Ok(fault) => plan.faults.push(fault),
                Err(found) => mistakes.extend(found.into_iter().map(|what| Mistake { line, what })),
            }
        }
        if let Some(drawn) = file.random {
            plan.random = Self::random(drawn.seed).one_in(drawn.one_in.unwrap_or(10)).random;
        }
        if mistakes.is_empty() { Ok(plan) } else { Err(InvalidFaultPlan(mistakes)) }
    }
}

fn line_of(text: &str, byte: usize) -> usize {
    text.bytes().take(byte).filter(|byte| *byte == b'\n').count() + 1
}

/// What is wrong with a plan. `Display` has a line for each mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidFaultPlan(Vec<Mistake>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Mistake {
    line: Option<usize>,
    what: String,
}

impl fmt::Display for InvalidFaultPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the plan of faults cannot be read")?;
        for Mistake { line, what } in &self.0 {
            match line {
                Some(line) => write!(f, "\n  line {line}: {what}")?,
                None => write!(f, "\n  {what}")?,
            }
        }
        Ok(())
    }
}

impl std::error::Error for InvalidFaultPlan {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    fault: Vec<Spanned<Entry>>,
    random: Option<Drawn>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Drawn {
    seed: u64,
    one_in: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Entry {
    on: String,
    calls: Option<String>,
    r#do: Deed,
    #[serde(default)]
    after_applying: bool,
    status: Option<u16>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    body: Option<String>,
    bytes: Option<u64>,
}

#[derive(Clone, Copy, Deserialize, PartialEq)]
#[serde(rename_all = "kebab-case")]
enum Deed {
    Answer,
    Reset,
    Silence,
    LoseAnswer,
    Truncate,
    Corrupt,
    RevokeToken,
    Expire,
}

impl Entry {
    fn fault(self) -> Result<Fault, Vec<String>> {
        let mut mistakes = Vec::new();
        let target = self.target().unwrap_or_else(|mistake| {
            mistakes.push(mistake);
            Target::Upload
        });
        let calls = self.calls.as_deref().map_or(Ok(Calls::one(1)), calls).unwrap_or_else(|mistake| {
            mistakes.push(mistake);
            Calls::EVERY
        });
        // With a target that is unknown, nothing can be said of what fits it.
        if mistakes.is_empty() {
            mistakes.extend(self.misfits(target));
        }
        mistakes.extend(self.bad_answer());
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        let after = matches!(self.r#do, Deed::LoseAnswer)
            || self.after_applying
            || matches!((self.r#do, target), (Deed::Truncate | Deed::Corrupt, Target::Api(_)));
        let moment = if after { Moment::After } else { Moment::Before };
        let what = match self.r#do {
            Deed::Answer => {
                let mut reply = FaultResponse::status(self.status.unwrap_or_default())
                    .body(self.body.unwrap_or_default());
                for (name, value) in &self.headers {
                    reply = reply.header(name, value);
                }
                What::Answer(reply)
            }
            Deed::Reset | Deed::LoseAnswer => What::Reset { after: self.bytes },
            Deed::Silence => What::Silence,
            Deed::Truncate => What::Truncate,
            Deed::Corrupt => What::Corrupt,
            Deed::RevokeToken => What::RevokeToken,
            Deed::Expire => What::Expire,
        };
        Ok(Fault { target, calls, moment, what })
    }

    fn target(&self) -> Result<Target, String> {
        match self.on.as_str() {
            "upload" => Ok(Target::Upload),
            "download" => Ok(Target::Download),
            other => {
                let named = operations::ALL.iter().find(|operation| operation.id == other);
                named.map(|operation| Target::of(operation)).ok_or_else(|| {
                    let known: Vec<_> = operations::ALL.iter().map(|operation| operation.id).collect();
                    format!(
                        "`on` names no operation; there are {}, and `upload` and `download`",
                        known.join(", ")
                    )
                })
            }
        }
    }

    /// What is said that means nothing here.
    fn misfits(&self, target: Target) -> Vec<String> {
        let mut mistakes = Vec::new();
        let mut misfit = |is_wrong: bool, what: &str| {
            if is_wrong {
                mistakes.push(what.to_owned());
            }
        };
        let is_api = matches!(target, Target::Api(_));
        let is_moved = matches!(self.r#do, Deed::Answer | Deed::Reset | Deed::Silence);
        misfit(
            self.r#do == Deed::RevokeToken && !is_api,
            "`revoke-token` is for operations; transfers carry none",
        );
        misfit(self.r#do == Deed::Expire && is_api, "`expire` is for `upload` and `download`");
        misfit(
            matches!(self.r#do, Deed::Truncate | Deed::Corrupt) && target == Target::Upload,
            "the answer to an upload has no body that could be truncated or corrupted",
        );
        misfit(self.after_applying && !is_moved, "`after-the-work` is for `answer`, `reset` and `silence`");
        misfit(
            self.bytes.is_some() && (is_api || self.r#do != Deed::Reset),
            "`bytes` is for `reset` of `upload` and `download`",
        );
        misfit(
            self.bytes.is_some() && self.after_applying,
            "with `bytes` the work is cut short: it cannot be done first",
        );
        mistakes
    }

    fn bad_answer(&self) -> Vec<String> {
        let mut mistakes = Vec::new();
        if self.r#do == Deed::Answer {
            match self.status {
                None => mistakes.push("`answer` needs a `status`".to_owned()),
                Some(status) if StatusCode::from_u16(status).is_err() || status < 200 => {
                    mistakes.push(format!(
                        "`status` is {status}, which no answer can have; it is from 200 to 999"
                    ));
                }
                Some(_) => {}
            }
            for (name, value) in &self.headers {
                if HeaderName::try_from(name).is_err() || HeaderValue::try_from(value).is_err() {
                    mistakes.push(format!("`headers`: {name:?} cannot be sent as a header"));
                }
            }
        } else if self.status.is_some() || !self.headers.is_empty() || self.body.is_some() {
            mistakes.push("`status`, `headers` and `body` are for `do = \"answer\"`".to_owned());
        }
        mistakes
    }
}

/// `2`, `2-4`, `2-`, `every`.
fn calls(text: &str) -> Result<Calls, String> {
    let number = |text: &str| text.trim().parse::<u64>().ok().filter(|number| *number > 0);
    let calls = match text.split_once('-') {
        None if text == "every" => Some(Calls::EVERY),
        None => number(text).map(Calls::one),
        Some((first, "")) => number(first).map(|first| Calls { first, last: u64::MAX }),
        Some((first, last)) => number(first).zip(number(last)).map(|(first, last)| Calls { first, last }),
    };
    calls.filter(|calls| calls.first <= calls.last).ok_or_else(|| {
        "`calls` is none of \"2\", \"2-4\", \"2-\" and \"every\"; calls are counted from 1".to_owned()
    })
}
