//! The metrics of a run, written to a file as OpenMetrics text.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use carium::api::Operation;
use carium::{AttemptInfo, Interceptor};
use carium_bulk::{RowCounts, RowState};
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use tokio::task::spawn_blocking;

use super::report::{folder_of, not_written};
use crate::error::CliError;

/// The interval at which the file is written.
pub(super) const WRITE_INTERVAL: Duration = Duration::from_secs(5);

/// The metrics of a run and their file, which is replaced as a whole each time that they are written.
pub(super) struct Metrics {
    path: PathBuf,
    registry: Registry,
    calls: Arc<CallMetrics>,
    rows: Family<[(&'static str, &'static str); 1], Gauge>,
    outage: Gauge,
}

impl Metrics {
    /// Creates the metrics, and writes their file once, so that a path that cannot be written is reported before the run.
    pub(super) fn create(path: &Path) -> Result<Self, CliError> {
        let mut registry = Registry::with_prefix("carium");
        let calls = Arc::new(CallMetrics::default());
        let (rows, outage) = (Family::default(), Gauge::default());
        registry.register("rows", "Rows of the queue by state", rows.clone());
        registry.register(
            "calls",
            "Attempts of API calls by operation and HTTP status, or the cause if there was no response",
            calls.attempts.clone(),
        );
        registry.register(
            "retries",
            "Attempts of API calls that were followed by another attempt",
            calls.retries.clone(),
        );
        registry.register("sign_ins", "Sign-ins and renewals of the access token", calls.sign_ins.clone());
        registry.register("outage", "1 while an outage pauses the queue, otherwise 0", outage.clone());
        let metrics = Self { path: path.to_owned(), registry, calls, rows, outage };
        write(&metrics.text()?, path)?;
        Ok(metrics)
    }

    /// Returns the interceptor that counts the calls of a client.
    pub(super) fn interceptor(&self) -> Arc<dyn Interceptor> {
        self.calls.clone()
    }

    pub(super) fn set_rows(&self, counts: &RowCounts) {
        for (state, rows) in [
            (RowState::Pending.as_str(), counts.pending),
            ("running", counts.running),
            (RowState::Completed.as_str(), counts.completed),
            (RowState::Failed.as_str(), counts.failed),
            (RowState::Unknown.as_str(), counts.unknown),
        ] {
            self.rows.get_or_create(&[("state", state)]).set(rows.try_into().unwrap_or(i64::MAX));
        }
    }

    pub(super) fn set_outage(&self, is_outage: bool) {
        self.outage.set(is_outage.into());
    }

    /// Replaces the file.
    pub(super) async fn write(&self) -> Result<(), CliError> {
        let (text, path) = (self.text()?, self.path.clone());
        let result = spawn_blocking(move || write(&text, &path)).await;
        result.unwrap_or_else(|error| Err(not_written(error.into())))
    }

    fn text(&self) -> Result<String, CliError> {
        let mut text = String::new();
        encode(&mut text, &self.registry).map_err(|error| not_written(std::io::Error::other(error)))?;
        Ok(text)
    }
}

/// Replaces a file. Unlike files with patient data, it can be read by other users, such as the one of a collector.
fn write(text: &str, path: &Path) -> Result<(), CliError> {
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644));
    let mut file = builder.tempfile_in(folder_of(path)).map_err(not_written)?;
    file.write_all(text.as_bytes()).map_err(not_written)?;
    file.persist(path).map(drop).map_err(|error| not_written(error.error))
}

/// Counts the attempts of API calls.
#[derive(Default)]
struct CallMetrics {
    attempts: Family<[(&'static str, String); 2], Counter>,
    retries: Family<[(&'static str, &'static str); 1], Counter>,
    sign_ins: Counter,
}

impl Interceptor for CallMetrics {
    fn after_attempt(&self, attempt: &AttemptInfo<'_>) {
        let Operation { id, needs_token, .. } = attempt.operation;
        let status = match attempt.status {
            Some(status) => status.to_string(),
            None => attempt.error_type.unwrap_or("none").to_owned(),
        };
        if !needs_token && attempt.status.is_some_and(|status| (200..300).contains(&status)) {
            self.sign_ins.inc();
        }
        if attempt.will_retry {
            self.retries.get_or_create(&[("operation", *id)]).inc();
        }
        self.attempts.get_or_create(&[("operation", (*id).to_owned()), ("status", status)]).inc();
    }
}
