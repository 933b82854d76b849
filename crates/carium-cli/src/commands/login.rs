//! `carium login` and `carium logout`.

use clap::Args;
use serde_json::Value;

use crate::connection::{account, base_url, connect, connect_with};
use crate::exit::{CliError, Exit};
use crate::output::{self, record};
use crate::settings::{self, Settings};
use crate::{keyring, say};

/// Check the credentials
///
/// Signs in and shows what is known of the session. The token is neither shown nor kept: each command signs in by
/// itself. With `--keep`, the password is kept in the keyring of the operating system, where later commands find it.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  carium --sandbox login
  CARIUM_USERNAME=you@example.com carium login
  carium login --password-fd 3 3<password.txt
  carium login --keep
  carium login --ask-code")]
pub(crate) struct Login {
    /// Keep the password in the keyring of the operating system, on Linux until the machine is started anew
    #[arg(long)]
    keep: bool,
}

/// Forget the password that `carium login --keep` kept
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  carium logout
  carium logout --account you@example.com")]
pub(crate) struct Logout {}

impl Logout {
    pub(crate) fn run(settings: &Settings) -> Result<(), CliError> {
        let forgotten = keyring::forget(&base_url(settings), &account(settings)?)?;
        say::line(if forgotten { "the password is forgotten" } else { "there was no password to forget" });
        Ok(())
    }
}

impl Login {
    pub(crate) async fn run(self, settings: &Settings) -> Result<(), CliError> {
        if self.keep && settings.is_sandbox {
            return Err(CliError::new(
                Exit::Usage,
                "a sandbox ends with the command, and its password is of no use then",
            ));
        }
        let connection = if self.keep {
            let (base_url, account) = (base_url(settings), account(settings)?);
            let password = settings::password(settings, &base_url, &account)?;
            let connection = connect_with(settings, password.clone()).await?;
            connection.client.sign_in().await?;
            keyring::keep(&base_url, &account, &password)?;
            connection
        } else {
            let connection = connect(settings).await?;
            connection.client.sign_in().await?;
            connection
        };
        let about = &connection.about;
        let organization = connection.client.organization().map(|id| id.to_string());
        let mut session = record([
            ("account", Some(about.account.clone())),
            ("base-url", Some(about.base_url.clone())),
            ("organization-id", organization),
            ("api-version", Some(carium::api::operations::API_VERSION.to_owned())),
        ]);
        session.insert("signed-in".to_owned(), Value::Bool(true));
        session.insert("one-time-code".to_owned(), Value::Bool(about.has_codes));
        output::one(settings.format, session)
    }
}
