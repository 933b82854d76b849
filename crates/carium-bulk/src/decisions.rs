//! Decisions of a person about many steps with an unknown outcome.

use std::collections::BTreeSet;
use std::fmt;

use carium::api::uuid::Uuid;
use carium::onboarding::{OnboardingOutcome, Resolution, RowKey, Step};
use carium::{Error, ErrorKind};

use crate::queue::OnboardingQueue;
use crate::row_store::{RowId, RowState};

/// What a person found out about a step with an unknown outcome.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Decision {
    /// The line of the file that the decision was read from.
    pub line: Option<u64>,
    /// The ID of the row.
    pub row: i64,
    /// The step. `None` stands for the only step of the row whose outcome is unknown.
    pub step: Option<Step>,
    /// The decision.
    pub resolution: Resolution,
}

/// Why a decision cannot be applied.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DecisionProblem {
    /// The line of the file that the decision was read from.
    pub line: Option<u64>,
    /// The ID of the row, if it could be read.
    pub row: Option<i64>,
    /// What is wrong, in a few words. It contains no value of the file except a number of a row.
    pub message: String,
}

/// Why decisions were not applied, or not all of them.
#[derive(Debug)]
#[non_exhaustive]
pub enum DecisionsError {
    /// At least one decision is invalid. None was applied.
    Invalid(Vec<DecisionProblem>),
    /// The queue failed, or a row changed in the meantime. The first `applied` decisions were applied.
    Failed {
        /// The number of decisions that were applied.
        applied: usize,
        /// The error of the decision after them.
        error: Error,
    },
}

/// The columns of a file of decisions.
const COLUMNS: [&str; 4] = ["row", "step", "decision", "id"];
/// Maximum number of problems that are collected.
const MAX_PROBLEMS: usize = 1000;

impl Decision {
    /// Creates a decision about the only step of a row whose outcome is unknown.
    pub fn new(row: i64, resolution: Resolution) -> Self {
        Self { line: None, row, step: None, resolution }
    }

    /// Sets the step.
    #[must_use]
    pub fn with_step(mut self, step: Step) -> Self {
        self.step = Some(step);
        self
    }

    /// Reads decisions from a CSV file with a header line. Columns, in any order:
    ///
    /// | column | value |
    /// | --- | --- |
    /// | `row` | the ID of the row |
    /// | `decision` | `created`, `sent`, `not-created` or `not-sent` |
    /// | `id` | the ID of the object that was created, only for `created` |
    /// | `step` | the step, such as `patient` or `invite[email]`; can be empty if only one step of the row is unknown |
    ///
    /// # Errors
    /// [`DecisionsError::Invalid`]: all problems of the file, at most 1,000.
    pub fn read_csv(text: &[u8]) -> Result<Vec<Self>, DecisionsError> {
        let text = text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text);
        let mut reader = csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(text);
        let problem = |line, row, message: &str| DecisionProblem { line, row, message: message.to_owned() };
        let invalid = |message: &str| DecisionsError::Invalid(vec![problem(Some(1), None, message)]);
        let header = reader.headers().map_err(|_| invalid("the header line is not UTF-8"))?.clone();
        let column = |name: &str| header.iter().position(|each| each == name);
        if header.iter().any(|name| !COLUMNS.contains(&name)) {
            return Err(invalid("a column is none of `row`, `step`, `decision` and `id`"));
        }
        if header.iter().collect::<BTreeSet<_>>().len() < header.len() {
            return Err(invalid("a column occurs twice"));
        }
        let (Some(row), Some(decision)) = (column("row"), column("decision")) else {
            return Err(invalid("the columns `row` and `decision` are required"));
        };
        let (step, id) = (column("step"), column("id"));
        let (mut decisions, mut problems) = (Vec::new(), Vec::new());
        let mut record = csv::StringRecord::new();
        let mut lines = LineCounter { rest: text, bytes: 0, line: 1 };
        while problems.len() < MAX_PROBLEMS {
            match reader.read_record(&mut record) {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    let line = error.position().map(|position| lines.line_of(position));
                    problems.push(problem(line, None, "the line is not UTF-8"));
                    continue;
                }
            }
            let field = |index: Option<usize>| index.and_then(|index| record.get(index)).unwrap_or_default();
            let line = record.position().map(|position| lines.line_of(position));
            let number = field(Some(row)).parse::<i64>().ok();
            let step = match field(step) {
                "" => Ok(None),
                text => text.parse().map(Some).map_err(|_| "`step` is not a step as shown by `parked`"),
            };
            let resolution = resolution(field(Some(decision)), field(id));
            match (number, step, resolution) {
                _ if record.len() > header.len() => {
                    problems.push(problem(line, number, "has more fields than the header line"));
                }
                (None, ..) => problems.push(problem(line, None, "`row` is not the number of a row")),
                (_, Err(message), _) | (_, _, Err(message)) => problems.push(problem(line, number, message)),
                (Some(row), Ok(step), Ok(resolution)) => {
                    decisions.push(Self { line, row, step, resolution });
                }
            }
        }
        if problems.is_empty() { Ok(decisions) } else { Err(DecisionsError::Invalid(problems)) }
    }
}

/// Counts the lines of a text up to the start of each record. The line numbers of `csv` are wrong after blank lines.
struct LineCounter<'a> {
    rest: &'a [u8],
    /// The number of bytes before `rest`.
    bytes: u64,
    line: u64,
}

impl LineCounter<'_> {
    /// Returns the line of a record, counted from 1. Positions must be in ascending order.
    fn line_of(&mut self, position: &csv::Position) -> u64 {
        let start = usize::try_from(position.byte().saturating_sub(self.bytes)).unwrap_or(usize::MAX);
        let start = start.min(self.rest.len());
        // The position is before the line breaks that precede a record.
        let breaks = self.rest[start..].iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        let (before, rest) = self.rest.split_at(start + breaks);
        self.line += before.split(|byte| *byte == b'\n').count() as u64 - 1;
        self.bytes += before.len() as u64;
        self.rest = rest;
        self.line
    }
}

fn resolution(decision: &str, id: &str) -> Result<Resolution, &'static str> {
    match (decision, id) {
        ("created", id) => match id.parse::<Uuid>() {
            Ok(id) if !id.is_nil() => Ok(Resolution::Created(id)),
            _ => Err("`id` is not the UUID of the created object"),
        },
        ("sent" | "not-created" | "not-sent", id) if !id.is_empty() => {
            Err("`id` is only for the decision `created`")
        }
        ("sent", _) => Ok(Resolution::Sent),
        ("not-created" | "not-sent", _) => Ok(Resolution::NotApplied),
        _ => Err("`decision` is none of `created`, `sent`, `not-created` and `not-sent`"),
    }
}

impl OnboardingQueue {
    /// Records decisions about several steps with an unknown outcome, and puts their rows back on the queue.
    ///
    /// All decisions are checked first. If one of them is invalid, none is applied.
    ///
    /// # Errors
    /// - [`DecisionsError::Invalid`]: a row does not exist or has no such step with an unknown outcome, a decision does
    ///   not fit its step, or two decisions are about the same step.
    /// - [`DecisionsError::Failed`]: the database cannot be used, or a row changed after the check.
    pub async fn resolve_all(&self, decisions: &[Decision]) -> Result<(), DecisionsError> {
        let failed = |applied, error| DecisionsError::Failed { applied, error };
        let (mut checked, mut problems) = (Vec::new(), Vec::new());
        let mut steps = BTreeSet::new();
        for decision in decisions {
            let result = self.check_decision(decision).await.map_err(|error| failed(0, error))?;
            let result = result.and_then(|(key, step)| {
                let is_new = steps.insert((decision.row, step.clone()));
                if is_new { Ok((key, step)) } else { Err(format!("has two decisions about {step}")) }
            });
            match result {
                Ok((key, step)) => checked.push((key, step, decision)),
                Err(message) if problems.len() < MAX_PROBLEMS => {
                    problems.push(DecisionProblem { line: decision.line, row: Some(decision.row), message });
                }
                Err(_) => {}
            }
        }
        if !problems.is_empty() {
            return Err(DecisionsError::Invalid(problems));
        }
        let ledger = self.ledger();
        let mut rows: Vec<RowId> = Vec::new();
        let mut result = Ok(());
        for (applied, (key, step, decision)) in checked.iter().enumerate() {
            if let Err(error) = carium::onboarding::resolve(&*ledger, key, step, decision.resolution).await {
                result = Err(failed(applied, error));
                break;
            }
            rows.push(decision.row);
        }
        // The rows of decisions that were applied continue even if a later one failed.
        let requeued = self.requeue(&rows).await;
        result.and(requeued.map(drop).map_err(|error| failed(rows.len(), error)))
    }

    /// Returns the key of the row and the step that a decision is about, or why the decision is invalid.
    async fn check_decision(&self, decision: &Decision) -> Result<Result<(RowKey, Step), String>, Error> {
        let Some(row) = self.0.database.row(decision.row).await? else {
            return Ok(Err("does not exist".to_owned()));
        };
        let (key, state) = (RowKey::new(row.key.clone()), row.state);
        let record = row.into_record(None)?;
        let unknown = record.outcome.iter().flat_map(OnboardingOutcome::unknown_steps);
        let unknown: Vec<Step> = unknown.map(|report| report.step.clone()).collect();
        if state != RowState::Unknown {
            return Ok(Err("has no step with an unknown outcome".to_owned()));
        }
        let step = match (&decision.step, unknown.as_slice()) {
            (Some(step), unknown) if unknown.contains(step) => step.clone(),
            (Some(step), _) => return Ok(Err(format!("the outcome of {step} is not unknown"))),
            (None, [step]) => step.clone(),
            (None, unknown) => {
                let names: Vec<_> = unknown.iter().map(ToString::to_string).collect();
                return Ok(Err(format!("has several unknown steps, name one: {}", names.join(" or "))));
            }
        };
        let is_invitation = matches!(step, Step::Invitation(_));
        Ok(match decision.resolution {
            Resolution::Created(_) if is_invitation => Err(format!("{step} has no ID: decide `sent`")),
            Resolution::Sent if !is_invitation => {
                Err(format!("{step} is not an invitation: decide `created`"))
            }
            _ => Ok((key, step)),
        })
    }
}

impl fmt::Display for DecisionProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        if let Some(row) = self.row {
            write!(f, "row {row}: ")?;
        }
        f.write_str(&self.message)
    }
}

impl fmt::Display for DecisionsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(problems) => {
                write!(f, "{} decisions are invalid; none was applied", problems.len())
            }
            Self::Failed { applied, error } => write!(f, "{error}; {applied} decisions were applied"),
        }
    }
}

impl std::error::Error for DecisionsError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Invalid(_) => None,
            Self::Failed { error, .. } => Some(error),
        }
    }
}

impl From<DecisionsError> for Error {
    fn from(error: DecisionsError) -> Self {
        match error {
            DecisionsError::Invalid(_) => {
                Self::new(ErrorKind::InvalidInput, "at least one decision is invalid; none was applied")
            }
            DecisionsError::Failed { error, .. } => error,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "aa6243fb-e4c1-44a0-ae3c-f4c4ab115002";

    #[test]
    fn reads_decisions_from_csv() {
        let text = format!(
            "\u{feff}decision,row,id,step\r\ncreated,17,{ID},\r\n\r\nsent,18,,\"invite[email,sms]\"\nnot-created,19\n"
        );
        let decisions = Decision::read_csv(text.as_bytes()).unwrap();
        let lines: Vec<_> = decisions.iter().map(|decision| (decision.line.unwrap(), decision.row)).collect();
        assert_eq!(lines, [(2, 17), (4, 18), (5, 19)]);
        assert_eq!(decisions[0].resolution, Resolution::Created(ID.parse().unwrap()));
        assert_eq!(decisions[1].step.as_ref().unwrap().to_string(), "invite[email,sms]");
        assert_eq!(decisions[2], Decision { line: Some(5), ..Decision::new(19, Resolution::NotApplied) });
    }

    #[test]
    fn reports_all_problems_without_values() {
        let text = format!(
            "row,step,decision,id\ncanary,,sent,\n2,canary,sent,\n3,,canary,\n4,,created,canary\n5,,sent,{ID}\n6,,sent,,canary\n"
        );
        let DecisionsError::Invalid(problems) = Decision::read_csv(text.as_bytes()).unwrap_err() else {
            panic!("another error")
        };
        let lines: Vec<_> = problems.iter().map(|problem| problem.line.unwrap()).collect();
        assert_eq!(lines, [2, 3, 4, 5, 6, 7]);
        assert!(!format!("{problems:?}").contains("canary"), "{problems:?}");
        for header in ["row,id", "row,decision,name", "row,row,decision", ""] {
            assert!(Decision::read_csv(header.as_bytes()).is_err(), "{header}");
        }
    }
}
