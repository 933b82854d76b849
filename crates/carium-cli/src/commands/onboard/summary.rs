//! The summary of a queue after a run: the number of rows by state, and the reasons and next steps for parked rows.

use std::collections::BTreeMap;
use std::time::Duration;

use carium::onboarding::{
    OnboardingOutcome, Resolution, Step, StepFailure, StepOutcome, UnknownOutcome, UnknownReason,
};
use carium_bulk::{RowCounts, RowFailure, RowRecord, RowState, StepCounts, Submission};
use futures_util::stream::StreamExt as _;
use serde_json::{Map, Value, json};

use super::queue::{NamedQueue, queue_error};
use crate::error::{CliError, Exit};
use crate::output::{self, Format, ListWriter};
use crate::stderr::{self, counted, listed};

/// Maximum number of different reasons that are listed.
const MAX_REASONS: usize = 20;
/// Maximum number of rows that are listed for each reason.
const MAX_ROWS_PER_REASON: usize = 5;

/// The state of a queue after a run of `carium onboard`, or for `carium onboard status`.
pub(super) struct Summary<'a> {
    pub(super) queue: &'a NamedQueue,
    /// Whether the queue is deleted when the command ends.
    pub(super) is_temporary: bool,
    pub(super) counts: RowCounts,
    /// The steps that were completed for the rows of the queue.
    pub(super) steps: StepCounts,
    /// Number of rows that this command completed.
    pub(super) newly_completed: u64,
    pub(super) submission: Option<&'a Submission>,
    /// Duration of the run. `None` for `status`.
    pub(super) elapsed: Option<Duration>,
}

impl Summary<'_> {
    /// Writes the numbers to stdout: a table of states, or one JSON object.
    pub(super) fn write(&self, format: Format) -> Result<(), CliError> {
        if format != Format::Table {
            return output::write_record(format, &self.to_record());
        }
        let mut table = ListWriter::new(format, &["state", "rows", "meaning"]);
        for (state, rows, meaning) in self.rows_by_state() {
            table.push(json!({"state": state, "rows": rows, "meaning": meaning}))?;
        }
        table.finish()
    }

    /// Returns each state with its number of rows and its meaning.
    fn rows_by_state(&self) -> [(&'static str, u64, &'static str); 5] {
        let RowCounts { pending, running, completed, failed, unknown, .. } = self.counts;
        [
            (RowState::Completed.as_str(), completed, "everything that the row asks for is done in Carium"),
            (RowState::Pending.as_str(), pending, "waiting for a worker or for the next attempt"),
            ("running", running, "being processed by a worker"),
            (RowState::Failed.as_str(), failed, "needs a correction, then `carium onboard retry`"),
            (RowState::Unknown.as_str(), unknown, "check in Carium, then run `carium onboard resolve`"),
        ]
    }

    fn to_record(&self) -> Value {
        let mut record = Map::new();
        let mut add = |name: &str, value: Value| record.insert(name.to_owned(), value);
        add("rows", self.counts.rows().into());
        for (state, rows, _) in self.rows_by_state() {
            add(state, rows.into());
        }
        add("newly_completed", self.newly_completed.into());
        if let Some(submission) = self.submission {
            add("newly_submitted", submission.new.into());
            add("known", submission.known.into());
            add("corrected", submission.corrected.into());
            add("changed", submission.changed.into());
            add("duplicates", submission.duplicates.into());
            add("invalid", submission.invalid.into());
        }
        if let Some(elapsed) = self.elapsed {
            add("seconds", ((elapsed.as_secs_f64() * 1000.0).round() / 1000.0).into());
        }
        add("patients", self.steps.patients.into());
        add("invitations", self.steps.invitations.into());
        add("documents", self.steps.documents.into());
        add("appointments", self.steps.appointments.into());
        add("orphaned_documents", self.steps.orphans.into());
        add("queue", self.queue.name.as_str().into());
        Value::Object(record)
    }

    /// Prints the duration, the name of the queue, and the reasons and next steps for parked rows.
    pub(super) async fn explain(&self) -> Result<(), CliError> {
        if let Some(elapsed) = self.elapsed {
            self.print_duration(elapsed);
        }
        self.print_steps();
        if !self.is_temporary {
            stderr::print(&format!("queue: {}", self.queue.name));
        }
        if self.counts.parked() == 0 {
            return Ok(());
        }
        self.print_reasons().await?;
        if self.is_temporary {
            stderr::print("the queue was deleted with the sandbox; use `--queue FILE.db` to keep it");
            return Ok(());
        }
        let option = self.queue.option();
        stderr::print(&format!("to list these rows:      carium onboard parked {option}"));
        if self.counts.failed > 0 {
            stderr::print(&format!("to retry failed rows:    carium onboard retry {option}"));
        }
        if self.counts.unknown > 0 {
            stderr::print(&format!(
                "to resolve unknown rows: carium onboard resolve ROW --created ID|--sent|--not-created {option}"
            ));
        }
        Ok(())
    }

    fn print_duration(&self, elapsed: Duration) {
        let seconds = elapsed.as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "the rate is only displayed")]
        let rate = self.newly_completed as f64 / seconds.max(0.001);
        let is_complete = self.counts.completed == self.counts.rows();
        stderr::print(&match self.newly_completed {
            0 if is_complete => format!("all rows were already completed; finished in {seconds:.1} s"),
            0 => format!("no rows completed in {seconds:.1} s"),
            count => format!("{} completed in {seconds:.1} s, {rate:.0} per second", counted(count, "row")),
        });
    }

    /// Prints the number of completed steps of each kind, and of document references without a file.
    fn print_steps(&self) {
        let steps = &self.steps;
        let mut parts = Vec::new();
        for (count, noun, verb) in [
            (steps.patients, "patient", "created"),
            (steps.invitations, "invitation", "sent"),
            (steps.documents, "document", "filed"),
            (steps.appointments, "appointment", "booked"),
        ] {
            if count > 0 {
                parts.push(format!("{} {verb}", counted(count, noun)));
            }
        }
        if !parts.is_empty() {
            stderr::print(&format!("in total: {}", parts.join(", ")));
        }
        if steps.orphans > 0 && !self.is_temporary {
            let orphans = counted(steps.orphans, "document reference");
            stderr::print(&format!(
                "{orphans} without a file; to list: carium onboard orphans {}",
                self.queue.option()
            ));
        }
    }

    async fn print_reasons(&self) -> Result<(), CliError> {
        // The number of rows and the first row numbers, by state and description.
        let mut rows_by_reason: BTreeMap<(&'static str, String), (u64, Vec<i64>)> = BTreeMap::new();
        let mut is_truncated = false;
        let mut parked = std::pin::pin!(self.queue.handle.parked());
        while let Some(row) = parked.next().await {
            let row = row.map_err(queue_error)?;
            for reason in parked_reasons(&row) {
                let key = (reason.state.as_str(), reason.description());
                if rows_by_reason.len() == MAX_REASONS && !rows_by_reason.contains_key(&key) {
                    is_truncated = true;
                    continue;
                }
                let (count, row_numbers) = rows_by_reason.entry(key).or_default();
                *count += 1;
                if row_numbers.len() < MAX_ROWS_PER_REASON {
                    row_numbers.push(row.row);
                }
            }
        }
        for ((state, description), (count, row_numbers)) in &rows_by_reason {
            stderr::print(&format!("{state}, {}: {description}", listed("row", row_numbers, *count)));
        }
        if is_truncated {
            stderr::print("further reasons are omitted");
        }
        Ok(())
    }

    /// Returns an error unless all rows of the queue and of the file are completed.
    pub(super) fn check_completed(&self) -> Result<(), CliError> {
        let Submission { changed, duplicates, invalid, .. } = self.submission.cloned().unwrap_or_default();
        let parked = self.counts.parked();
        let mut parts = Vec::new();
        for (count, label) in [
            (parked, "parked"),
            (changed, "changed after submission"),
            (duplicates, "with a duplicate key"),
            (invalid, "invalid"),
        ] {
            if count > 0 {
                parts.push(format!("{count} {label}"));
            }
        }
        if parts.is_empty() {
            return Ok(());
        }
        let error =
            CliError::new(Exit::RowsParked, format!("not all rows are completed: {}", parts.join(", ")));
        Err(if parked == 0 {
            error.with_hint(
                "check these patients in Carium, and make the change there or with a separate file",
            )
        } else {
            error
        })
    }
}

/// A reason why a row is parked: a step that failed or whose outcome is unknown, or a problem that prevented the row
/// from being started.
#[derive(Clone, Debug)]
pub(super) struct ParkedReason {
    /// Failed or unknown.
    pub(super) state: RowState,
    /// `None` if the row was not started.
    pub(super) step: Option<Step>,
    pub(super) message: String,
    pub(super) request_id: Option<String>,
}

impl ParkedReason {
    /// Returns the step and the message as one text.
    pub(super) fn description(&self) -> String {
        match &self.step {
            Some(step) => format!("{step}: {}", self.message),
            None => self.message.clone(),
        }
    }
}

/// Returns all reasons why a row is parked.
pub(super) fn parked_reasons(row: &RowRecord) -> Vec<ParkedReason> {
    let mut reasons = Vec::new();
    match &row.failure {
        Some(RowFailure::Unreadable) => {
            reasons.push(ParkedReason {
                state: RowState::Failed,
                step: None,
                message: "the file has changed or does not exist: submit it again".to_owned(),
                request_id: None,
            });
        }
        Some(RowFailure::NotStarted(failure)) => reasons.push(failed(None, failure)),
        _ => {}
    }
    for report in row.outcome.iter().flat_map(OnboardingOutcome::steps) {
        match &report.result {
            StepOutcome::Failed(failure) => reasons.push(failed(Some(&report.step), failure)),
            StepOutcome::Unknown(unknown) => reasons.push(ParkedReason {
                state: RowState::Unknown,
                step: Some(report.step.clone()),
                message: unknown_message(unknown),
                request_id: unknown.failure.as_ref().and_then(|failure| failure.request_id.clone()),
            }),
            _ => {}
        }
    }
    reasons
}

fn failed(step: Option<&Step>, failure: &StepFailure) -> ParkedReason {
    let message = match failure.fields.as_slice() {
        [] => failure.message.clone(),
        // The message may name the fields already.
        fields if fields.iter().all(|field| failure.message.contains(field.as_str())) => {
            failure.message.clone()
        }
        fields => format!("{} ({})", failure.message, fields.join(", ")),
    };
    ParkedReason {
        state: RowState::Failed,
        step: step.cloned(),
        message,
        request_id: failure.request_id.clone(),
    }
}

fn unknown_message(unknown: &UnknownOutcome) -> String {
    let message = match unknown.reason {
        UnknownReason::ResponseLost => "the request was sent, but the response was lost",
        UnknownReason::InterruptedRun => {
            "another run was interrupted or is still running; the request may have been sent"
        }
        UnknownReason::UsernameTaken => {
            "the username is taken, by this patient or by another one: the response to the first attempt was lost"
        }
        UnknownReason::AmbiguousMatch => "several documents in the record match",
        UnknownReason::LookupFailed => "the documents in the record could not be listed to find this one",
        UnknownReason::LedgerWriteFailed => "the response was received, but it could not be stored",
        _ => "it is unknown whether the operation was applied",
    };
    match unknown.resolution {
        Some(Resolution::Created(id)) if unknown.reason == UnknownReason::UsernameTaken => {
            format!("{message}; it belongs to {id}")
        }
        Some(Resolution::Created(id)) => format!("{message}: it created {id}"),
        Some(Resolution::Sent) => format!("{message}: the invitation was sent"),
        Some(Resolution::NotApplied) => format!("{message}: the operation was not applied"),
        _ => message.to_owned(),
    }
}
