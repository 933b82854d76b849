//! What a conflict (status 409) means for an uploaded file.
//!
//! The service documents no error codes for conflicts, so the words in the codes and the details of its problems
//! decide. If the words are ambiguous, the conflict stays an error, after which the upload can be resumed.

use crate::error::{Error, ErrorKind};
use crate::problem::Problem;

/// Checks whether the service reports that an upload has already been processed.
///
/// A conflict after an earlier attempt that may have been applied also counts, unless its words contradict that.
pub(super) fn is_already_processed(error: &Error) -> bool {
    let has_completion_word = has_any_word(error, &["processed", "completed", "done", "finished"]);
    error.kind() == ErrorKind::Conflict
        && !contradicts_processing(error)
        && (has_completion_word || error.may_have_been_applied())
}

/// Checks whether the words of a conflict say that an upload is not processed.
pub(super) fn contradicts_processing(error: &Error) -> bool {
    has_any_word(
        error,
        &[
            "not", "no", "cannot", "never", "without", "being", "progress", "failed", "fail", "failure",
            "error", "pending", "must", "before", "until", "unless", "another",
            // The end of "isn't", "can't" and similar words.
            "t",
        ],
    )
}

fn has_any_word(error: &Error, words: &[&str]) -> bool {
    error.problems().iter().any(|problem| problem.words().contain_any(words))
}

/// Checks whether the service reports that a document reference does not exist or has no file.
///
/// Any other conflict may mean that the upload has already been processed. In that case, a new upload would file
/// the document twice.
pub(super) fn reports_missing_file(error: &Error) -> bool {
    let mentions_missing_file = |problem: &Problem| {
        let text = problem.words();
        text.contain_any(&["no", "not", "missing", "without"])
            && text.contain_any(&["file", "uploaded", "upload", "object"])
    };
    match error.kind() {
        ErrorKind::NotFound => true,
        ErrorKind::Conflict => {
            !error.may_have_been_applied() && error.problems().iter().any(mentions_missing_file)
        }
        _ => false,
    }
}
