//! The credentials of the account: its password, and its one-time codes across runs of the program.
//!
//! There is no flag for the password, because other users of the machine can read command lines. It can be stored in
//! the operating system's keyring: the Keychain of macOS, the Credential Manager of Windows, or the kernel keyring of
//! the user on Linux. The kernel keyring is not stored on disk and is lost at the next reboot.
//!
//! A one-time code can be used once, so each run reserves its own time step.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, IsTerminal as _, Read as _, Seek as _, Write as _};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

#[cfg(target_os = "macos")]
use apple_native_keyring_store::keychain::Store;
use carium::Secret;
use keyring_core::Entry;
use keyring_core::api::CredentialStoreApi as _;
#[cfg(target_os = "linux")]
use linux_keyutils_keyring_store::Store;
#[cfg(windows)]
use windows_native_keyring_store::Store;

use crate::error::{CliError, Exit};
use crate::settings::Settings;
use crate::{directories, stderr};

/// At most this many bytes are read from a file descriptor.
const MAX_PASSWORD_BYTES: u64 = 4096;
/// The service name of the entries in the keyring.
const KEYRING_SERVICE: &str = "carium";
/// Length of a time step in seconds, as RFC 6238, section 5.2, recommends and as `carium` uses it.
const STEP_SECONDS: u64 = 30;
/// If more steps than this are reserved, a script is probably calling the program in a loop.
const MAX_RESERVED_STEPS: u64 = 10;

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
        // A secret that comes from a file often ends with a line break.
        return Ok(Secret::from(text.trim_end_matches(['\r', '\n'])));
    }
    if let Some(password) = read_keyring(base_url, account) {
        return Ok(password);
    }
    if !io::stdin().is_terminal() {
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

/// Returns the stored password of an account on a server. A keyring that cannot be used counts as empty.
fn read_keyring(base_url: &str, account: &str) -> Option<Secret> {
    keyring_entry(base_url, account).and_then(|entry| entry.get_password()).ok().map(Secret::from)
}

/// Stores a password in the keyring, and replaces an earlier one.
pub(crate) fn store_password(base_url: &str, account: &str, password: &Secret) -> Result<(), CliError> {
    keyring_entry(base_url, account)
        .and_then(|entry| entry.set_password(password.expose()))
        .map_err(|error| keyring_error(&error))
}

/// Deletes a password from the keyring. Returns whether one was stored.
pub(crate) fn delete_password(base_url: &str, account: &str) -> Result<bool, CliError> {
    match keyring_entry(base_url, account).and_then(|entry| entry.delete_credential()) {
        Ok(()) => Ok(true),
        Err(keyring_core::Error::NoEntry) => Ok(false),
        Err(error) => Err(keyring_error(&error)),
    }
}

#[cfg(any(target_os = "linux", target_os = "macos", windows))]
fn keyring_entry(base_url: &str, account: &str) -> keyring_core::Result<Entry> {
    Store::new()?.build(KEYRING_SERVICE, &format!("{account} at {base_url}"), None)
}

#[cfg(not(any(target_os = "linux", target_os = "macos", windows)))]
fn keyring_entry(_: &str, _: &str) -> keyring_core::Result<Entry> {
    Err(keyring_core::Error::NotSupportedByStore("this system has no supported keyring".to_owned()))
}

fn keyring_error(error: &keyring_core::Error) -> CliError {
    // The error may contain data from the keyring, so only its kind is printed.
    let reason = match error {
        keyring_core::Error::NoStorageAccess(_) => "it is locked or belongs to another user",
        keyring_core::Error::PlatformFailure(_) => "the system denied access",
        _ => "it is not available",
    };
    CliError::new(Exit::Other, format!("could not use the operating system's keyring: {reason}"))
        .with_hint("set CARIUM_PASSWORD, or pass a file descriptor: `--password-fd 3 3<FILE`")
}

/// Reserves a time step that no other run of the program uses, and waits until it begins.
pub(crate) async fn wait_for_unused_code(base_url: &str, account: &str) -> Result<(), CliError> {
    let name = directories::hashed_name([base_url.as_bytes(), account.as_bytes()]);
    let reserved = tokio::task::spawn_blocking(move || reserve_step(&name, now())).await;
    // Without a state file, runs cannot be coordinated. The program then signs in with the current code.
    let Ok(Ok(step)) = reserved else { return Ok(()) };
    let wait = (step * STEP_SECONDS).saturating_sub(now());
    if wait > STEP_SECONDS * MAX_RESERVED_STEPS {
        let message = "too many commands are waiting for a one-time code of this account";
        return Err(
            CliError::new(Exit::Unavailable, message).with_hint("run the command again in a few minutes")
        );
    }
    if wait > 0 {
        stderr::print(&format!(
            "waiting {wait} s for the next one-time code: the current one was already used"
        ));
        // The extra time accounts for the fraction of a second that `now` drops.
        tokio::time::sleep(Duration::from_secs(wait) + Duration::from_millis(100)).await;
    }
    Ok(())
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map(|time| time.as_secs()).unwrap_or_default()
}

/// Reserves the first free time step, beginning with the current one, in a state file that is locked meanwhile.
fn reserve_step(name: &str, now: u64) -> io::Result<u64> {
    let path = directories::private_state_dir("one-time-codes")?.join(name);
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    let file = options.open(path)?;
    file.lock()?;
    reserve_step_in(file, now)
}

fn reserve_step_in(mut file: File, now: u64) -> io::Result<u64> {
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    let current = now / STEP_SECONDS;
    // A step in the far future was written while the clock was wrong, and is ignored.
    let last = text.trim().parse::<u64>().ok().filter(|last| *last < current + 10 * MAX_RESERVED_STEPS);
    let step = last.map_or(current, |last| current.max(last + 1));
    if step <= current + MAX_RESERVED_STEPS + 1 {
        file.rewind()?;
        file.set_len(0)?;
        write!(file, "{step}")?;
    }
    Ok(step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserves_each_time_step_once() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let reserve = |now| reserve_step_in(file.reopen().unwrap(), now).unwrap();
        assert_eq!([reserve(3000), reserve(3001), reserve(3029), reserve(3030)], [100, 101, 102, 103]);
        assert_eq!(reserve(3600), 120, "a later step is free immediately");
        std::fs::write(file.path(), "999999999").unwrap();
        assert_eq!(reserve(3600), 120, "a step in the far future is ignored");
        std::fs::write(file.path(), "nothing").unwrap();
        assert_eq!(reserve(3600), 120, "an invalid file is ignored");
    }
}
