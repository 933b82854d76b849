//! `carium login` and `carium logout`.

use clap::Args;
use serde_json::json;

use crate::connection::{account, base_url, connect, connect_with_password};
use crate::error::{CliError, Exit};
use crate::settings::Settings;
use crate::{credentials, output, stderr};

/// Check the credentials
///
/// Signs in and prints the account and the organization. The access token is neither printed nor stored: each command
/// signs in on its own. With `--keep`, the password is stored in the operating system's keyring, where later commands
/// find it.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  carium --sandbox login
  CARIUM_USERNAME=you@example.com carium login
  carium login --password-fd 3 3<password.txt
  carium login --keep
  carium login --ask-code")]
pub(crate) struct Login {
    /// Store the password in the operating system's keyring. On Linux it is lost at the next reboot
    #[arg(long)]
    keep: bool,
}

/// Delete the password that `carium login --keep` stored
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  carium logout
  carium logout --account you@example.com")]
pub(crate) struct Logout {}

impl Logout {
    pub(crate) fn run(settings: &Settings) -> Result<(), CliError> {
        let was_stored = credentials::delete_password(&base_url(settings), &account(settings)?)?;
        stderr::print(if was_stored { "the password was deleted" } else { "no password was stored" });
        Ok(())
    }
}

impl Login {
    pub(crate) async fn run(self, settings: &Settings) -> Result<(), CliError> {
        if self.keep && settings.is_sandbox {
            let message = "`--keep` cannot be used with `--sandbox`: the sandbox ends with the command";
            return Err(CliError::new(Exit::Usage, message));
        }
        let (connection, password) = if self.keep {
            let password = credentials::password(settings, &base_url(settings), &account(settings)?)?;
            (connect_with_password(settings, password.clone(), None).await?, Some(password))
        } else {
            (connect(settings).await?, None)
        };
        connection.client.sign_in().await?;
        if let Some(password) = password {
            credentials::store_password(&connection.base_url, &connection.account, &password)?;
        }
        let session = json!({
            "account": connection.account,
            "base-url": connection.base_url,
            "organization-id": connection.client.organization(),
            "api-version": carium::api::operations::API_VERSION,
            "signed-in": true,
            "one-time-code": connection.has_codes,
        });
        output::write_record(settings.format, &session)
    }
}
