//! Fault plans in TOML.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use carium_api::{Operation, RetryClass, operations};
use http::{HeaderName, HeaderValue, Method, StatusCode};
use serde::Deserialize;
use toml::Spanned;

use super::fault::{CallRange, Fault, FaultKind, FaultResponse, FaultTarget, FaultTiming};
use super::plan::FaultPlan;

/// Parses a plan from TOML.
///
/// ```
/// # use carium_mock::FaultPlan;
/// let plan: FaultPlan = r#"
///     [[fault]]
///     on = "create_patient"          # an operation of the spec, "upload", "download", or a method and a path
///     calls = "2-4"                  # "2", "2-4", "2-" or "every"; defaults to the first call
///     do = "respond"                 # or reset, hang, lose-response, truncate, corrupt, revoke-token, expire
///     after-applying = true          # for respond, reset and hang; by default, the operation is not applied
///     status = 503                   # for respond, as are headers and body
///     headers = { retry-after = "1" }
///     body = "Service unavailable"
///
///     [[fault]]
///     on = "upload"
///     do = "reset"
///     bytes = 1000                   # for reset of a transfer: closes the connection after this number of bytes
///
///     [[fault]]
///     on = "GET /caredb/v1/org-care-teams/{id}/"
///     do = "hang"
///
///     [random]                       # for calls that match no fault above
///     seed = 7
///     one-in = 10
/// "#.parse()?;
/// # Ok::<(), carium_mock::InvalidFaultPlan>(())
/// ```
///
/// # Errors
/// - The text is not valid TOML or has an unknown key or a value of the wrong type. The error reports the first
///   problem.
/// - A fault is invalid, such as an unknown operation or `expire` for an API call. The error reports all problems.
///
/// Each problem has its line number.
///
/// Faults that only tests in Rust need cannot be written in TOML: `respond_early`, `hang_after`, `ignore_range` and
/// `replace_file`.
impl FromStr for FaultPlan {
    type Err = InvalidFaultPlan;

    fn from_str(text: &str) -> Result<Self, InvalidFaultPlan> {
        let file: PlanFile = toml::from_str(text).map_err(|error| {
            let line = error.span().map(|span| line_of(text, span.start));
            InvalidFaultPlan(vec![PlanError { line, message: error.message().to_owned() }])
        })?;
        let mut plan =
            file.random.map_or_else(Self::default, |random| Self::random(random.seed).one_in(random.one_in));
        let mut errors = Vec::new();
        for entry in file.fault {
            let line = Some(line_of(text, entry.span().start));
            match entry.into_inner().into_fault() {
                Ok(fault) => plan = plan.fault(fault),
                Err(messages) => {
                    errors.extend(messages.into_iter().map(|message| PlanError { line, message }));
                }
            }
        }
        if errors.is_empty() { Ok(plan) } else { Err(InvalidFaultPlan(errors)) }
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

/// The error for a fault plan that cannot be parsed. `Display` prints one line for each problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidFaultPlan(Vec<PlanError>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct PlanError {
    line: Option<usize>,
    message: String,
}

impl fmt::Display for InvalidFaultPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the fault plan is invalid:")?;
        for PlanError { line, message } in &self.0 {
            match line {
                Some(line) => write!(f, "\n  line {line}: {message}")?,
                None => write!(f, "\n  {message}")?,
            }
        }
        Ok(())
    }
}

impl std::error::Error for InvalidFaultPlan {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PlanFile {
    #[serde(default)]
    fault: Vec<Spanned<FaultEntry>>,
    random: Option<RandomEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RandomEntry {
    seed: u64,
    #[serde(default = "default_one_in")]
    one_in: u64,
}

fn default_one_in() -> u64 {
    10
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct FaultEntry {
    on: String,
    calls: Option<String>,
    r#do: FaultAction,
    #[serde(default)]
    after_applying: bool,
    status: Option<u16>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    body: Option<String>,
    bytes: Option<u64>,
}

/// The values of `do`.
#[derive(Clone, Copy, Deserialize, PartialEq)]
#[serde(rename_all = "kebab-case")]
enum FaultAction {
    Respond,
    Reset,
    Hang,
    LoseResponse,
    Truncate,
    Corrupt,
    RevokeToken,
    Expire,
}

impl FaultEntry {
    /// Converts the entry, or returns all of its problems.
    fn into_fault(self) -> Result<Fault, Vec<String>> {
        let mut errors = Vec::new();
        let target = self.target().unwrap_or_else(|error| {
            errors.push(error);
            FaultTarget::Upload
        });
        let calls = self.calls.as_deref().map_or(Ok(CallRange::one(1)), parse_calls);
        let calls = calls.unwrap_or_else(|error| {
            errors.push(error);
            CallRange::ALL
        });
        // Whether the keys fit the target can be checked only if the target is known.
        if errors.is_empty() {
            errors.extend(self.check_keys(&target));
        }
        errors.extend(self.check_response());
        if !errors.is_empty() {
            return Err(errors);
        }
        let is_after = matches!(self.r#do, FaultAction::LoseResponse)
            || self.after_applying
            || matches!(
                (self.r#do, &target),
                (FaultAction::Truncate | FaultAction::Corrupt, FaultTarget::Api(_))
            );
        let timing = if is_after { FaultTiming::After } else { FaultTiming::Before };
        let kind = match self.r#do {
            FaultAction::Respond => {
                let mut response = FaultResponse::status(self.status.unwrap_or_default())
                    .body(self.body.unwrap_or_default());
                for (name, value) in &self.headers {
                    response = response.header(name, value);
                }
                FaultKind::Respond(response)
            }
            FaultAction::Reset | FaultAction::LoseResponse => FaultKind::Reset { after: self.bytes },
            FaultAction::Hang => FaultKind::Hang { after: None },
            FaultAction::Truncate => FaultKind::Truncate,
            FaultAction::Corrupt => FaultKind::Corrupt,
            FaultAction::RevokeToken => FaultKind::RevokeToken,
            FaultAction::Expire => FaultKind::Expire,
        };
        Ok(Fault { target, calls, timing, kind })
    }

    fn target(&self) -> Result<FaultTarget, String> {
        match self.on.as_str() {
            "upload" => Ok(FaultTarget::Upload),
            "download" => Ok(FaultTarget::Download),
            id => {
                let operation = operations::ALL.iter().find(|operation| operation.id == id);
                let target = operation.map(|operation| FaultTarget::of(operation));
                target.or_else(|| resource_target(id)).ok_or_else(|| {
                    let ids: Vec<_> = operations::ALL.iter().map(|operation| operation.id).collect();
                    format!(
                        "`on` must be one of {}, upload, download, or a method and a path, such as \"GET /a/v1/b/\"",
                        ids.join(", ")
                    )
                })
            }
        }
    }

    /// Checks that the action and the keys fit the target and each other.
    fn check_keys(&self, target: &FaultTarget) -> Vec<String> {
        let mut errors = Vec::new();
        let mut reject_if = |is_wrong: bool, message: &str| {
            if is_wrong {
                errors.push(message.to_owned());
            }
        };
        let is_api = matches!(target, FaultTarget::Api(_));
        let has_timing = matches!(self.r#do, FaultAction::Respond | FaultAction::Reset | FaultAction::Hang);
        reject_if(
            self.r#do == FaultAction::RevokeToken && !is_api,
            "`revoke-token` is only for operations; transfers do not send a token",
        );
        reject_if(self.r#do == FaultAction::Expire && is_api, "`expire` is only for `upload` and `download`");
        reject_if(
            matches!(self.r#do, FaultAction::Truncate | FaultAction::Corrupt)
                && *target == FaultTarget::Upload,
            "`truncate` and `corrupt` are not for `upload`, whose response has no body",
        );
        reject_if(
            self.after_applying && !has_timing,
            "`after-applying` is only for `respond`, `reset` and `hang`",
        );
        reject_if(
            self.bytes.is_some() && (is_api || self.r#do != FaultAction::Reset),
            "`bytes` is only for `reset` of `upload` and `download`",
        );
        reject_if(
            self.bytes.is_some() && self.after_applying,
            "`bytes` and `after-applying` cannot be combined; a transfer that is cut short is not applied",
        );
        errors
    }

    fn check_response(&self) -> Vec<String> {
        let mut errors = Vec::new();
        if self.r#do == FaultAction::Respond {
            match self.status {
                None => errors.push("`respond` needs a `status`".to_owned()),
                Some(status) if StatusCode::from_u16(status).is_err() || status < 200 => {
                    errors.push(format!("`status` must be between 200 and 999, but is {status}"));
                }
                Some(_) => {}
            }
            for (name, value) in &self.headers {
                if HeaderName::try_from(name).is_err() || HeaderValue::try_from(value).is_err() {
                    errors.push(format!("`headers`: {name:?} has an invalid name or value"));
                }
            }
        } else if self.status.is_some() || !self.headers.is_empty() || self.body.is_some() {
            errors.push("`status`, `headers` and `body` are only for `do = \"respond\"`".to_owned());
        }
        errors
    }
}

/// Parses a method and a path, such as `GET /caredb/v1/org-care-teams/{id}/`.
fn resource_target(text: &str) -> Option<FaultTarget> {
    let (method, path) = text.split_once(' ')?;
    let methods = [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
    let method = methods.into_iter().find(|known| known.as_str() == method)?;
    let is_path = path.starts_with('/') && path.ends_with('/') && !path.contains(char::is_whitespace);
    is_path.then(|| FaultTarget::of(&Operation::at_run_time(method, path.to_owned(), RetryClass::Create)))
}

/// Parses `2`, `2-4`, `2-` or `every`.
fn parse_calls(text: &str) -> Result<CallRange, String> {
    let number = |text: &str| text.trim().parse::<u64>().ok().filter(|number| *number > 0);
    let calls = match text.split_once('-') {
        None if text == "every" => Some(CallRange::ALL),
        None => number(text).map(CallRange::one),
        Some((first, "")) => number(first).map(|first| CallRange { first, last: u64::MAX }),
        Some((first, last)) => number(first).zip(number(last)).map(|(first, last)| CallRange { first, last }),
    };
    calls.filter(|calls| calls.first <= calls.last).ok_or_else(|| {
        "`calls` must have the form \"2\", \"2-4\", \"2-\" or \"every\"; calls are counted from 1".to_owned()
    })
}
