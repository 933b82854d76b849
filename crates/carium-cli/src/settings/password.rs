//! The password of the account. There is no flag for it, because other users of the machine can read command lines.

use std::fs::File;
use std::io::{ErrorKind, IsTerminal as _, Read as _};

use carium::Secret;

use super::Settings;
use crate::error::{CliError, Exit};
use crate::keyring;

/// At most this many bytes are read from a file descriptor.
const MAX_PASSWORD_BYTES: u64 = 4096;

/// Returns the password of the account: from the file descriptor of `--password-fd`, else from `CARIUM_PASSWORD`,
/// else from the operating system's keyring, else from a prompt.
pub(crate) fn password(settings: &Settings, base_url: &str, account: &str) -> Result<Secret, CliError> {
    if let Some(descriptor) = settings.password_fd {
        return read_descriptor(descriptor);
    }
    if let Some(text) = std::env::var_os("CARIUM_PASSWORD").filter(|text| !text.is_empty()) {
        let text = text
            .into_string()
            .map_err(|_| CliError::new(Exit::InvalidInput, "CARIUM_PASSWORD is not valid UTF-8"))?;
        return Ok(Secret::from(text));
    }
    if let Some(password) = keyring::read(base_url, account) {
        return Ok(password);
    }
    if !std::io::stdin().is_terminal() {
        let message = "the password is not set, and there is no terminal to prompt for it";
        return Err(CliError::new(Exit::SignIn, message)
            .with_hint("set CARIUM_PASSWORD, or pass a file descriptor: `carium --password-fd 3 … 3<FILE`"));
    }
    prompt(&format!("Password of {account}: "))
}

/// Prompts for a secret on the terminal, without echo.
pub(crate) fn prompt(question: &str) -> Result<Secret, CliError> {
    rpassword::prompt_password(question).map(Secret::from).map_err(|error| match error.kind() {
        ErrorKind::Interrupted => CliError::new(Exit::Interrupted, "interrupted"),
        _ => CliError::new(Exit::SignIn, "could not read from the terminal").with_source(error),
    })
}

/// Reads the first line from a file descriptor.
fn read_descriptor(descriptor: u32) -> Result<Secret, CliError> {
    let invalid = |problem: &str| {
        CliError::new(Exit::SignIn, format!("file descriptor {descriptor} {problem}"))
            .with_hint("redirect a file to it: `carium --password-fd 3 … 3<FILE`")
    };
    let mut text = String::new();
    File::open(format!("/dev/fd/{descriptor}"))
        .and_then(|file| file.take(MAX_PASSWORD_BYTES).read_to_string(&mut text))
        .map_err(|error| invalid("cannot be read").with_source(error))?;
    let text = Secret::from(text);
    match text.expose().lines().next() {
        Some(line) if !line.is_empty() => Ok(Secret::from(line)),
        _ => Err(invalid("contains no password")),
    }
}
