//! The books as text: a line a row, as CSV or as NDJSON.

use carium::Error;
use carium::onboarding::{OnboardingOutcome, Step, StepOutcome, StepReport};

use crate::books::{RowFailure, RowRecord};
use crate::writer::json;

/// The form of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReportFormat {
    /// A table: RFC 4180, with [names of columns](ReportFormat::header) in its first line.
    Csv,
    /// A JSON object a line: all that is known of each step.
    Ndjson,
}

impl ReportFormat {
    /// The line before all others, where the form has one.
    pub fn header_line(self) -> Option<&'static str> {
        (self == Self::Csv).then_some(
            "row,file,line,state,tries,patient,invitation,documents,orphaned-documents,appointment,unknown,failed\n",
        )
    }

    /// The line of a row, with its end.
    ///
    /// Of a step that is done, CSV has its id, or `done` where it has none; of several documents, their ids with `;`
    /// between them. `unknown` and `failed` name the steps that are, and `failed` says why.
    ///
    /// # Errors
    /// None in practice: everything that is in the books can be written as JSON.
    pub fn line(self, row: &RowRecord) -> Result<String, Error> {
        match self {
            Self::Csv => Ok(csv(row)),
            Self::Ndjson => json(row).map(|line| line + "\n"),
        }
    }
}

fn csv(row: &RowRecord) -> String {
    let steps = row.outcome.as_ref().map(OnboardingOutcome::steps).unwrap_or_default();
    let done = |of: fn(&Step) -> bool| {
        let of = steps.iter().filter(|report| of(&report.step));
        let ids = of.filter_map(|report| match &report.result {
            StepOutcome::Completed(done) => {
                Some(done.id.map_or_else(|| "done".to_owned(), |id| id.to_string()))
            }
            _ => None,
        });
        ids.collect::<Vec<_>>().join(";")
    };
    let orphans = steps.iter().flat_map(|report| &report.orphans).map(ToString::to_string);
    let unknown = steps.iter().filter(|report| matches!(report.result, StepOutcome::Unknown(_)));
    let mut failed: Vec<String> = steps.iter().filter_map(failure).collect();
    match &row.failure {
        Some(RowFailure::Unreadable) => {
            failed.push("the row cannot be read from its file: submit it again".to_owned());
        }
        Some(RowFailure::NotStarted(failure)) => failed.push(with_fields(&failure.message, &failure.fields)),
        None => {}
    }
    let fields = [
        row.row.to_string(),
        row.file.as_ref().map(|file| file.display().to_string()).unwrap_or_default(),
        row.line.to_string(),
        format!("{:?}", row.state).to_lowercase(),
        row.attempts.to_string(),
        done(|step| *step == Step::Patient),
        done(|step| matches!(step, Step::Invitation(_))),
        done(|step| matches!(step, Step::Document(_))),
        orphans.collect::<Vec<_>>().join(";"),
        done(|step| *step == Step::Appointment),
        unknown.map(|report| report.step.to_string()).collect::<Vec<_>>().join(";"),
        failed.join(";"),
    ];
    fields.map(quoted).join(",") + "\n"
}

/// Of a step that failed, which and why.
fn failure(report: &StepReport) -> Option<String> {
    match &report.result {
        StepOutcome::Failed(failure) => {
            Some(format!("{}: {}", report.step, with_fields(&failure.message, &failure.fields)))
        }
        _ => None,
    }
}

fn with_fields(what: &str, fields: &[String]) -> String {
    if fields.is_empty() { what.to_owned() } else { format!("{what} ({})", fields.join(" ")) }
}

/// A field as RFC 4180 has it. One that a spreadsheet would take for a formula begins with a quote.
fn quoted(field: String) -> String {
    let field = if field.starts_with(['=', '+', '-', '@']) { format!("'{field}") } else { field };
    if field.contains(['"', ',', '\n', '\r']) { format!("\"{}\"", field.replace('"', "\"\"")) } else { field }
}
