//! Where the password comes from: never a flag, which everyone on the machine can read.

use std::fs::File;
use std::io::{ErrorKind, IsTerminal as _, Read as _};

use carium::Secret;

use super::Settings;
use crate::exit::{CliError, Exit};
use crate::keyring;

/// Longer ones are none.
const LONGEST: u64 = 4096;

/// The password of the account: from the file descriptor that a flag names, else from `CARIUM_PASSWORD`, else from
/// the keyring of the operating system, else from the person.
pub(crate) fn password(settings: &Settings, base_url: &str, account: &str) -> Result<Secret, CliError> {
    if let Some(descriptor) = settings.password_fd {
        return of_descriptor(descriptor);
    }
    if let Some(text) = std::env::var_os("CARIUM_PASSWORD").filter(|text| !text.is_empty()) {
        let text = text
            .into_string()
            .map_err(|_| CliError::new(Exit::InvalidInput, "CARIUM_PASSWORD is not text in UTF-8"))?;
        return Ok(Secret::from(text));
    }
    if let Some(kept) = keyring::password(base_url, account) {
        return Ok(kept);
    }
    if !std::io::stdin().is_terminal() {
        let what = "there is no password, and no terminal to ask for it on";
        return Err(CliError::new(Exit::SignIn, what)
            .next("set CARIUM_PASSWORD, or give a file descriptor: `carium --password-fd 3 … 3<FILE`"));
    }
    ask(&format!("Password of {account}: "))
}

/// Asks the person for something that is not shown while they write it.
pub(crate) fn ask(question: &str) -> Result<Secret, CliError> {
    rpassword::prompt_password(question).map(Secret::from).map_err(|error| match error.kind() {
        ErrorKind::Interrupted => CliError::new(Exit::Interrupted, "interrupted"),
        _ => CliError::new(Exit::SignIn, "what was asked for could not be read").because(error),
    })
}

/// The first line that comes from a descriptor.
fn of_descriptor(descriptor: u32) -> Result<Secret, CliError> {
    let wrong = |what: &str| {
        CliError::new(Exit::SignIn, format!("file descriptor {descriptor} {what}"))
            .next("open it for the program: `carium --password-fd 3 … 3<FILE`")
    };
    let mut text = String::new();
    File::open(format!("/dev/fd/{descriptor}"))
        .and_then(|file| file.take(LONGEST).read_to_string(&mut text))
        .map_err(|error| wrong("cannot be read").because(error))?;
    let text = Secret::from(text);
    match text.expose().lines().next() {
        Some(line) if !line.is_empty() => Ok(Secret::from(line)),
        _ => Err(wrong("has no password in it")),
    }
}
