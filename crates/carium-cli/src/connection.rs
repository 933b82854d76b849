//! From settings to a client.

use carium::{Carium, CariumBuilder, Credentials, OneTimeCode, Secret};
use carium_bulk::Target;
use carium_mock::Sandbox;

use crate::exit::{CliError, Exit};
use crate::settings::{self, Settings};
use crate::{one_time_code, say};

/// Where the service is, unless told otherwise.
const BASE_URL: &str = "https://api.carium.com";
/// What the program calls itself.
const USER_AGENT: &str = concat!("carium-cli/", env!("CARGO_PKG_VERSION"));

/// A client, and what has to be there as long as it is.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) client: Carium,
    pub(crate) about: About,
    /// Ends with the command that it was started for.
    sandbox: Option<Sandbox>,
}

/// What is known of a connection.
#[derive(Debug)]
pub(crate) struct About {
    pub(crate) base_url: String,
    pub(crate) account: String,
    pub(crate) has_codes: bool,
}

impl Connection {
    /// What a queue of this service's is made for.
    pub(crate) fn target(&self) -> Target {
        match &self.sandbox {
            Some(_) => Target::sandbox(self.client.organization()),
            None => Target::for_client(&self.client),
        }
    }

    /// Whether the service is one that ends with the command.
    pub(crate) fn is_sandbox(&self) -> bool {
        self.sandbox.is_some()
    }
}

/// A client of whatever the settings say. Signs in with its first call.
pub(crate) async fn connect(settings: &Settings) -> Result<Connection, CliError> {
    if settings.is_sandbox {
        return of_sandbox().await;
    }
    let (base_url, account) = (base_url(settings), account(settings)?);
    let password = settings::password(settings, &base_url, &account)?;
    connect_with(settings, password).await
}

/// The same with this password.
pub(crate) async fn connect_with(settings: &Settings, password: Secret) -> Result<Connection, CliError> {
    let (base_url, account) = (base_url(settings), account(settings)?);
    let mut credentials = Credentials::new(&account, password)?;
    let mut builder = begin(settings, &base_url);
    let has_codes = settings.asks_for_code || settings.totp_secret.is_some();
    if settings.asks_for_code {
        let code = settings::ask("One-time code: ")?;
        let digits: String = code.expose().split_whitespace().collect();
        credentials = credentials.one_time_code(OneTimeCode::single_use(Secret::from(digits)));
    } else if let Some(secret) = &settings.totp_secret {
        credentials = credentials.one_time_code(OneTimeCode::from_totp_secret(secret)?);
    }
    builder = builder.credentials(credentials);
    let client = builder.build()?;
    // Only now, so that nobody waits for a code to be told that something else is wrong.
    if settings.totp_secret.is_some() && !settings.asks_for_code {
        one_time_code::wait_for_turn(&base_url, &account).await?;
    }
    Ok(Connection { client, about: About { base_url, account, has_codes }, sandbox: None })
}

/// A client for operations that need no token: nobody is asked who they are.
pub(crate) async fn connect_unsigned(settings: &Settings) -> Result<Connection, CliError> {
    if settings.is_sandbox {
        return of_sandbox().await;
    }
    let base_url = base_url(settings);
    // The client wants some, and does not send them with such an operation.
    let client = begin(settings, &base_url).credentials(Credentials::new("none", "none")?).build()?;
    let about = About { base_url, account: String::new(), has_codes: false };
    Ok(Connection { client, about, sandbox: None })
}

fn begin(settings: &Settings, base_url: &str) -> CariumBuilder {
    let mut builder = Carium::builder().base_url(base_url).user_agent(USER_AGENT);
    if settings.allows_plain_http {
        builder = builder.dangerously_allow_plain_http();
    }
    if let Some(organization) = settings.organization {
        builder = builder.organization(organization);
    }
    builder
}

/// Where the service is.
pub(crate) fn base_url(settings: &Settings) -> String {
    settings.base_url.clone().unwrap_or_else(|| BASE_URL.to_owned())
}

/// The account to sign in with.
pub(crate) fn account(settings: &Settings) -> Result<String, CliError> {
    settings.account.clone().ok_or_else(|| {
        CliError::new(Exit::SignIn, "nothing says which account to sign in with")
            .next("set CARIUM_USERNAME, give `--account`, or write `username` into a profile; or try it with `--sandbox`")
    })
}

async fn of_sandbox() -> Result<Connection, CliError> {
    let sandbox = Sandbox::builder()
        .on_violation(|deviation| say::line(&format!("differs from the spec: {deviation}")))
        .start()
        .await
        .map_err(|error| CliError::new(Exit::Other, "the sandbox cannot be started here").because(error))?;
    let client = sandbox.client_builder().user_agent(USER_AGENT).build()?;
    let account = sandbox.fake().account().username.to_owned();
    let about = About { base_url: sandbox.url().to_owned(), account, has_codes: false };
    Ok(Connection { client, about, sandbox: Some(sandbox) })
}
