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
            return Err(CliError::new(
                Exit::Usage,
                "`--keep` cannot be used with `--sandbox`: the sandbox ends with the command",
            ));
        }
        let connection = if self.keep {
            let (base_url, account) = (base_url(settings), account(settings)?);
            let password = credentials::password(settings, &base_url, &account)?;
            let connection = connect_with_password(settings, password.clone()).await?;
            connection.client.sign_in().await?;
            credentials::store_password(&base_url, &account, &password)?;
            connection
        } else {
            let connection = connect(settings).await?;
            connection.client.sign_in().await?;
            connection
        };
        let info = &connection.info;
        let session = json!({
            "account": info.account,
            "base-url": info.base_url,
            "organization-id": connection.client.organization(),
            "api-version": carium::api::operations::API_VERSION,
            "signed-in": true,
            "one-time-code": info.has_codes,
        });
        output::write_record(settings.format, &session)
    }
}
