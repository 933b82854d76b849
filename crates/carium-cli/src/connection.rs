//! Creates the client of a command from the settings.

use std::sync::Arc;

use carium::{Carium, CariumBuilder, Credentials, Interceptor, OneTimeCode, Secret};
use carium_bulk::Target;
use carium_mock::{Sandbox, SandboxBuilder};

use crate::error::{CliError, Exit};
use crate::settings::Settings;
use crate::{credentials, stderr};

const DEFAULT_BASE_URL: &str = "https://api.carium.com";
const USER_AGENT: &str = concat!("carium-cli/", env!("CARGO_PKG_VERSION"));

/// A client with its server and account, and the sandbox that it talks to if the command runs with `--sandbox`.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) client: Carium,
    pub(crate) base_url: String,
    pub(crate) account: String,
    /// Whether the account signs in with one-time codes.
    pub(crate) has_codes: bool,
    /// Stops when the connection is dropped.
    sandbox: Option<Sandbox>,
}

impl Connection {
    /// Returns the target that queues for this service are bound to.
    pub(crate) fn target(&self) -> Target {
        match &self.sandbox {
            Some(_) => Target::sandbox(self.client.organization()),
            None => Target::for_client(&self.client),
        }
    }

    /// Returns whether the service is a sandbox that ends with the command.
    pub(crate) fn is_sandbox(&self) -> bool {
        self.sandbox.is_some()
    }
}

/// Creates a client for the service that the settings name. It signs in with its first call.
pub(crate) async fn connect(settings: &Settings) -> Result<Connection, CliError> {
    connect_with_interceptor(settings, None).await
}

/// Creates a client with an interceptor for the service that the settings name. It signs in with its first call.
pub(crate) async fn connect_with_interceptor(
    settings: &Settings,
    interceptor: Option<Arc<dyn Interceptor>>,
) -> Result<Connection, CliError> {
    if settings.is_sandbox {
        return connect_to_sandbox(interceptor).await;
    }
    let (base_url, account) = (base_url(settings), account(settings)?);
    let password = credentials::password(settings, &base_url, &account)?;
    connect_with_password(settings, password, interceptor).await
}

/// Creates a client that signs in with this password. `--sandbox` is ignored.
pub(crate) async fn connect_with_password(
    settings: &Settings,
    password: Secret,
    interceptor: Option<Arc<dyn Interceptor>>,
) -> Result<Connection, CliError> {
    let (base_url, account) = (base_url(settings), account(settings)?);
    let mut credentials = Credentials::new(&account, password)?;
    let totp_secret = settings.totp_secret.as_ref().filter(|_| !settings.prompts_for_code);
    if settings.prompts_for_code {
        let code = credentials::prompt("One-time code: ")?;
        let digits: String = code.expose().split_whitespace().collect();
        credentials = credentials.one_time_code(OneTimeCode::single_use(Secret::from(digits)));
    } else if let Some(secret) = totp_secret {
        credentials = credentials.one_time_code(OneTimeCode::from_totp_secret(secret)?);
    }
    let client = client_builder(settings, &base_url, interceptor).credentials(credentials).build()?;
    // This may wait for up to 30 seconds, so it comes after everything that can fail immediately.
    if totp_secret.is_some() {
        credentials::wait_for_unused_code(&base_url, &account).await?;
    }
    let has_codes = settings.prompts_for_code || totp_secret.is_some();
    Ok(Connection { client, base_url, account, has_codes, sandbox: None })
}

/// Creates a client for operations that need no access token. It never signs in.
pub(crate) async fn connect_without_sign_in(settings: &Settings) -> Result<Connection, CliError> {
    if settings.is_sandbox {
        return connect_to_sandbox(None).await;
    }
    let base_url = base_url(settings);
    // The builder requires credentials, but they are not sent with such operations.
    let client =
        client_builder(settings, &base_url, None).credentials(Credentials::new("none", "none")?).build()?;
    Ok(Connection { client, base_url, account: String::new(), has_codes: false, sandbox: None })
}

fn client_builder(
    settings: &Settings,
    base_url: &str,
    interceptor: Option<Arc<dyn Interceptor>>,
) -> CariumBuilder {
    let mut builder = Carium::builder().base_url(base_url).user_agent(USER_AGENT);
    if settings.allows_plain_http {
        builder = builder.dangerously_allow_plain_http();
    }
    if let Some(path) = &settings.ca_file {
        builder = builder.ca_file(path);
    }
    if let Some(path) = &settings.client_certificate_file {
        builder = builder.client_certificate_file(path);
    }
    if let Some(interceptor) = interceptor {
        builder = builder.interceptor(interceptor);
    }
    if let Some(organization) = settings.organization {
        builder = builder.organization(organization);
    }
    builder
}

/// Returns the base URL of the settings, or the vendor's.
pub(crate) fn base_url(settings: &Settings) -> String {
    settings.base_url.clone().unwrap_or_else(|| DEFAULT_BASE_URL.to_owned())
}

/// Returns the account to sign in with.
pub(crate) fn account(settings: &Settings) -> Result<String, CliError> {
    settings.account.clone().ok_or_else(|| {
        CliError::new(Exit::SignIn, "the account to sign in with is not set").with_hint(
            "set CARIUM_USERNAME, pass `--account`, or add `username` to a profile; `--sandbox` needs no account",
        )
    })
}

/// Creates the builder of a sandbox that reports violations of the spec on stderr.
pub(crate) fn sandbox_builder() -> SandboxBuilder {
    Sandbox::builder().on_violation(|violation| stderr::print(&format!("spec violation: {violation}")))
}

async fn connect_to_sandbox(interceptor: Option<Arc<dyn Interceptor>>) -> Result<Connection, CliError> {
    let sandbox = sandbox_builder()
        .start()
        .await
        .map_err(|error| CliError::new(Exit::Other, "could not start the sandbox").with_source(error))?;
    let mut builder = sandbox.client_builder().user_agent(USER_AGENT);
    if let Some(interceptor) = interceptor {
        builder = builder.interceptor(interceptor);
    }
    let client = builder.build()?;
    let account = sandbox.fake().account().username.to_owned();
    let base_url = sandbox.url().to_owned();
    Ok(Connection { client, base_url, account, has_codes: false, sandbox: Some(sandbox) })
}
