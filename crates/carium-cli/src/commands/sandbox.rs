//! `carium sandbox`.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use carium::ListOptions;
use carium_mock::{FaultPlan, Sandbox};
use clap::Args;
use futures_util::stream::TryStreamExt as _;

use super::lookups::Lookup;
use crate::connection::sandbox_builder;
use crate::error::{CliError, Exit};
use crate::interrupt::interrupted;
use crate::{output, stderr};

/// Run a sandbox for other programs
///
/// The sandbox is an in-memory Carium behind HTTP, with the data of the vendor's Examples page. The first line of
/// stdout is `listening on http://HOST:PORT`. Credentials, IDs and calls that violate the API contract are printed to
/// stderr. The sandbox runs until it is interrupted. Its data is lost then.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  carium sandbox
  carium sandbox --listen 127.0.0.1:8080 --faults faults.toml

A fault plan, in TOML:
  [[fault]]
  on = \"create_patient\"     # an operation, `upload` or `download`
  calls = \"2-4\"             # 2, 2-4, 2- or every. Defaults to the first call
  do = \"respond\"             # or reset, hang, lose-response, truncate, corrupt,
                            # revoke-token, expire
  status = 503

  [random]                  # for calls that match no [[fault]]
  seed = 7
  one-in = 10")]
pub(crate) struct ServeSandbox {
    /// Address to listen on. Port 0 selects a free port
    #[arg(long, value_name = "ADDR", default_value_t = SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))]
    listen: SocketAddr,
    /// Fault plan: injects the faults that this file describes
    #[arg(long, value_name = "FILE")]
    faults: Option<PathBuf>,
}

impl ServeSandbox {
    pub(crate) async fn run(self) -> Result<(), CliError> {
        let plan = match &self.faults {
            Some(path) => Some(read_fault_plan(path)?),
            None => None,
        };
        let sandbox = sandbox_builder().listen(self.listen).start().await.map_err(|error| {
            CliError::new(Exit::Other, format!("could not listen on {}", self.listen))
                .with_source(error)
                .with_hint("choose another address or port with `--listen`")
        })?;
        // The description is read through the sandbox's own client, so it comes before the faults are set.
        let description = describe(&sandbox).await?;
        if let Some(plan) = plan {
            sandbox.fake().set_faults(plan);
        }
        output::write_bytes(format!("listening on {}\n", sandbox.url()).as_bytes())?;
        stderr::print(&description);
        interrupted().await;
        Ok(())
    }
}

fn read_fault_plan(path: &Path) -> Result<FaultPlan, CliError> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        CliError::new(Exit::InvalidInput, "could not read the fault plan")
            .with_source(error)
            .with_hint("check the path of `--faults`")
    })?;
    text.parse::<FaultPlan>().map_err(|error| {
        CliError::new(Exit::InvalidInput, error.to_string())
            .with_hint("`carium sandbox --help` shows an example of a fault plan")
    })
}

/// Lists the accounts and IDs that a user of the sandbox needs.
async fn describe(sandbox: &Sandbox) -> Result<String, CliError> {
    let (fake, client) = (sandbox.fake(), sandbox.client());
    let (account, account_with_totp) = (fake.account(), fake.account_with_totp());
    let mut lines = vec![
        "accounts:".to_owned(),
        format!("  {}, password {}", account.username, account.password),
        format!(
            "  {}, password {}, TOTP secret {}",
            account_with_totp.username,
            account_with_totp.password,
            account_with_totp.totp_secret.unwrap_or_default()
        ),
        format!("organization: {}", fake.organization()),
    ];
    for (label, lookup) in [
        ("group", Lookup::Groups),
        ("practitioner", Lookup::Practitioners),
        ("appointment type", Lookup::AppointmentTypes),
        ("appointment status", Lookup::AppointmentStatuses),
        ("document class", Lookup::DocumentClasses),
    ] {
        let mut items = lookup.items(client, ListOptions::default());
        while let Some((id, name)) = items.try_next().await? {
            lines.push(format!("{label}: {id} ({})", name.unwrap_or_default()));
        }
    }
    lines.push("to use it from another terminal:".to_owned());
    for (name, value) in [
        ("BASE_URL", sandbox.url()),
        ("USERNAME", account.username),
        ("PASSWORD", account.password),
        ("ORGANIZATION_ID", &fake.organization().to_string()),
    ] {
        lines.push(format!("  export CARIUM_{name}={value}"));
    }
    Ok(lines.join("\n"))
}
