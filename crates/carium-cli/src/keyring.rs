//! The keyring of the operating system: the Keychain of macOS, the Credential Manager of Windows, and on Linux the keys that
//! the kernel keeps for a user, which are on no disk and last until the machine is started anew.

#[cfg(target_os = "macos")]
use apple_native_keyring_store::keychain::Store;
use carium::Secret;
use keyring_core::Entry;
use keyring_core::api::CredentialStoreApi as _;
#[cfg(target_os = "linux")]
use linux_keyutils_keyring_store::Store;
#[cfg(windows)]
use windows_native_keyring_store::Store;

use crate::exit::{CliError, Exit};

/// What the entries are of.
const SERVICE: &str = "carium";

/// The password of an account of a server, where it is kept. Where there is no keyring, none is.
pub(crate) fn password(base_url: &str, account: &str) -> Option<Secret> {
    entry(base_url, account).and_then(|entry| entry.get_password()).ok().map(Secret::from)
}

/// Keeps a password, in place of the one before.
pub(crate) fn keep(base_url: &str, account: &str, password: &Secret) -> Result<(), CliError> {
    entry(base_url, account)
        .and_then(|entry| entry.set_password(password.expose()))
        .map_err(|error| no_keyring(&error))
}

/// Forgets a password, and says whether there was one.
pub(crate) fn forget(base_url: &str, account: &str) -> Result<bool, CliError> {
    match entry(base_url, account).and_then(|entry| entry.delete_credential()) {
        Ok(()) => Ok(true),
        Err(keyring_core::Error::NoEntry) => Ok(false),
        Err(error) => Err(no_keyring(&error)),
    }
}

#[cfg(any(target_os = "linux", target_os = "macos", windows))]
fn entry(base_url: &str, account: &str) -> keyring_core::Result<Entry> {
    Store::new()?.build(SERVICE, &format!("{account} at {base_url}"), None)
}

#[cfg(not(any(target_os = "linux", target_os = "macos", windows)))]
fn entry(_: &str, _: &str) -> keyring_core::Result<Entry> {
    Err(keyring_core::Error::NotSupportedByStore("there is none on this system".to_owned()))
}

fn no_keyring(error: &keyring_core::Error) -> CliError {
    // The error may hold what was read, so only its kind is told.
    let kind = match error {
        keyring_core::Error::NoStorageAccess(_) => "it is locked, or is not yours",
        keyring_core::Error::PlatformFailure(_) => "the system does not allow it",
        _ => "it cannot be used",
    };
    CliError::new(Exit::Other, format!("the keyring of the operating system: {kind}"))
        .next("set CARIUM_PASSWORD, or give a file descriptor: `--password-fd 3 3<FILE`")
}
