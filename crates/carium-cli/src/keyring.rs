//! Passwords in the operating system's keyring: the Keychain of macOS, the Credential Manager of Windows, or the
//! kernel keyring of the user on Linux. The kernel keyring is not stored on disk and is lost at the next reboot.

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

/// The service name of the entries.
const SERVICE: &str = "carium";

/// Returns the stored password of an account on a server. A keyring that cannot be used counts as empty.
pub(crate) fn read(base_url: &str, account: &str) -> Option<Secret> {
    entry(base_url, account).and_then(|entry| entry.get_password()).ok().map(Secret::from)
}

/// Stores a password, and replaces an earlier one.
pub(crate) fn store(base_url: &str, account: &str, password: &Secret) -> Result<(), CliError> {
    entry(base_url, account)
        .and_then(|entry| entry.set_password(password.expose()))
        .map_err(|error| keyring_error(&error))
}

/// Deletes a password. Returns whether one was stored.
pub(crate) fn delete(base_url: &str, account: &str) -> Result<bool, CliError> {
    match entry(base_url, account).and_then(|entry| entry.delete_credential()) {
        Ok(()) => Ok(true),
        Err(keyring_core::Error::NoEntry) => Ok(false),
        Err(error) => Err(keyring_error(&error)),
    }
}

#[cfg(any(target_os = "linux", target_os = "macos", windows))]
fn entry(base_url: &str, account: &str) -> keyring_core::Result<Entry> {
    Store::new()?.build(SERVICE, &format!("{account} at {base_url}"), None)
}

#[cfg(not(any(target_os = "linux", target_os = "macos", windows)))]
fn entry(_: &str, _: &str) -> keyring_core::Result<Entry> {
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
