//! `carium login`.

use clap::Args;
use serde_json::Value;

use crate::connection::connect;
use crate::exit::Failure;
use crate::output::{self, record};
use crate::settings::Settings;

/// Check the credentials
///
/// Signs in and shows what is known of the session. The token is neither shown nor kept: each command signs in by
/// itself.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  carium --sandbox login
  CARIUM_USERNAME=you@example.com carium login
  carium login --password-fd 3 3<password.txt
  carium login --ask-code")]
pub(crate) struct Login {}

impl Login {
    pub(crate) async fn run(self, settings: &Settings) -> Result<(), Failure> {
        let connection = connect(settings).await?;
        connection.client.sign_in().await?;
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
