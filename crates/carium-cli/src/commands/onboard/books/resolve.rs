//! `carium onboard resolve`.

use carium::api::uuid::Uuid;
use carium::onboarding::{OnboardingOutcome, Resolution, Step};
use carium_bulk::RowState;
use clap::Args;
use futures_util::stream::{StreamExt as _, TryStreamExt as _};

use super::GO_ON;
use crate::commands::onboard::options::{Queue, of_queue};
use crate::exit::{CliError, Exit};
use crate::output::{self, record};
use crate::say;
use crate::settings::Settings;

/// Say what became of a call whose answer was lost
///
/// A call that creates something, and whose answer was lost, is never sent again by itself: that could create a patient
/// twice. Look on the platform whether it is there, and say so here; the row then goes on.
#[derive(Args, Debug)]
#[command(group(clap::ArgGroup::new("found").required(true)))]
#[command(after_help = "\
Examples:
  carium onboard resolve 17 --not-created --queue clinic.db
  carium onboard resolve 17 --queue clinic.db \\
      --created aa6243fb-e4c1-44a0-ae3c-f4c4ab115002
  carium onboard resolve 17 --step 'invite[email]' --sent --queue clinic.db")]
pub(in super::super) struct Resolve {
    /// The number of the row, as `carium onboard parked` shows it
    row: i64,
    /// Which step it was, where several of the row are unknown: patient, invite[email], documents[0], appointment
    #[arg(long, value_name = "STEP", value_parser = step)]
    step: Option<Step>,
    /// It is there, under this id
    #[arg(long, value_name = "ID", group = "found", value_parser = id)]
    created: Option<Uuid>,
    /// The invitation was sent
    #[arg(long, group = "found")]
    sent: bool,
    /// It is not there: it is to be done
    #[arg(long, alias = "not-sent", group = "found")]
    not_created: bool,
}

fn id(text: &str) -> Result<Uuid, &'static str> {
    let id = text.parse().ok().filter(|id: &Uuid| !id.is_nil());
    id.ok_or("write the UUID that the platform shows")
}

fn step(text: &str) -> Result<Step, &'static str> {
    text.parse().map_err(|_| "write it as `carium onboard parked` shows it, such as patient or documents[0]")
}

impl Resolve {
    pub(in super::super) async fn run(self, queue: &Queue, settings: &Settings) -> Result<(), CliError> {
        let step = match self.step.clone() {
            Some(step) => step,
            None => self.only_step(queue).await?,
        };
        let resolution = match self.created {
            Some(id) => Resolution::Created(id),
            None if self.sent => Resolution::Sent,
            None => Resolution::NotApplied,
        };
        let resolved = queue.bulk.resolve(self.row, &step, resolution).await;
        resolved.map_err(|error| self.refused(queue, &step, error))?;
        let mut shown = record([("step", Some(step.to_string()))]);
        shown.insert("row".to_owned(), self.row.into());
        output::one(settings.format, shown)?;
        say::line(GO_ON);
        Ok(())
    }

    /// The step of the row that is unknown, where it is one.
    async fn only_step(&self, queue: &Queue) -> Result<Step, CliError> {
        let unknown = queue.bulk.parked().try_filter(|row| {
            let is_it = row.row == self.row && row.state == RowState::Unknown;
            async move { is_it }
        });
        let row =
            std::pin::pin!(unknown).next().await.ok_or_else(|| self.no_row(queue))?.map_err(of_queue)?;
        let unknown = row.outcome.iter().flat_map(OnboardingOutcome::unknown_steps);
        let steps: Vec<_> = unknown.map(|report| report.step.clone()).collect();
        match steps.as_slice() {
            [step] => Ok(step.clone()),
            [] => Err(self.no_row(queue)),
            several => {
                let steps: Vec<_> = several.iter().map(|step| format!("--step '{step}'")).collect();
                let what = format!("more than one step of row {} is unknown", self.row);
                Err(CliError::new(Exit::InvalidInput, what)
                    .next(format!("say which: {}", steps.join(", or "))))
            }
        }
    }

    fn refused(&self, queue: &Queue, step: &Step, error: carium::Error) -> CliError {
        match error.kind() {
            carium::ErrorKind::Conflict => {
                CliError::new(Exit::InvalidInput, format!("{step} of row {} is not in doubt", self.row))
                    .next(format!("look what is: carium onboard parked {}", queue.option()))
            }
            carium::ErrorKind::NotFound => self.no_row(queue),
            carium::ErrorKind::InvalidInput => CliError::new(Exit::InvalidInput, error.to_string())
                .next("an invitation is `--sent` or `--not-created`; everything else was `--created` under an id, or not"),
            _ => return of_queue(error),
        }
        .because(error)
    }

    fn no_row(&self, queue: &Queue) -> CliError {
        CliError::new(
            Exit::InvalidInput,
            format!("there is no row {} of which something is unknown", self.row),
        )
        .next(format!("look which there are: carium onboard parked {}", queue.option()))
    }
}
