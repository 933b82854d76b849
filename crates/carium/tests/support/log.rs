//! Captures all tracing output, to check that it contains no health information and no secrets.

#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "tests panic to fail, and each test file uses only some of the helpers"
)]

use std::error::Error as StdError;
use std::io;
use std::sync::{Arc, Mutex};

use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::util::SubscriberInitExt;

/// The captured output.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Starts to capture the output of all crates and threads, at level TRACE. Can be called once per process.
    pub(crate) fn capture_all() -> Self {
        let log = Self::default();
        log.subscriber().init();
        log
    }

    /// Starts to capture the output of this thread, at level TRACE, until the guard is dropped.
    pub(crate) fn capture_thread() -> (Self, impl Drop) {
        let log = Self::default();
        let guard = log.subscriber().set_default();
        (log, guard)
    }

    fn subscriber(&self) -> impl SubscriberInitExt {
        let writer = self.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_writer(move || writer.clone());
        // A timestamp could contain the digits of a canary.
        subscriber.without_time().with_ansi(false).with_span_events(FmtSpan::FULL)
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Returns the `Display` and `Debug` output of an error, its problems and its sources.
pub(crate) fn all_output(error: &(dyn StdError + 'static)) -> String {
    let mut text = format!("{error} {error:?} {error:#?}");
    if let Some(error) = error.downcast_ref::<carium::Error>() {
        text.push_str(&format!(" {:?}", error.problems()));
    }
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(&format!(" {cause} {cause:?}"));
        source = cause.source();
    }
    text
}

/// Asserts that no text contains a canary.
pub(crate) fn assert_contains_none(canaries: &[&str], texts: &[&str]) {
    for text in texts {
        for canary in canaries {
            let context = text.find(canary).map(|at| {
                let (before, after) = (text[..at].chars().rev().take(300), text[at..].chars().take(100));
                before.collect::<Vec<_>>().into_iter().rev().chain(after).collect::<String>()
            });
            assert!(context.is_none(), "the output contains {canary}: {}", context.unwrap_or_default());
        }
    }
}
