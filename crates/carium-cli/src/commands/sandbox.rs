//! `carium sandbox`.

use std::io::{self, BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use carium::ListOptions;
use carium_mock::{FaultPlan, Quirk, Sandbox, SandboxBuilder};
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
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
  carium sandbox --quirk links-paging --quirk iso-date-times
  eval \"$(carium sandbox --export)\"
  carium practitioners list; kill \"$CARIUM_SANDBOX_PID\"

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
    /// Alternative behavior where the vendor's documentation is silent. Can be given several times
    #[arg(long = "quirk", value_name = "NAME", value_parser = quirk_parser())]
    quirks: Vec<Quirk>,
    /// Run in the background, and print only `export` lines for a shell to stdout
    ///
    /// The variables are the settings of `carium` and CARIUM_SANDBOX_PID, the process to kill at the end. Calls that
    /// violate the API contract are not printed.
    #[arg(long)]
    export: bool,
    /// With `--export`: run in the foreground, with an empty line after the `export` lines
    #[arg(long, requires = "export")]
    foreground: bool,
}

fn quirk_parser() -> impl TypedValueParser<Value = Quirk> {
    PossibleValuesParser::new(Quirk::ALL.map(Quirk::name)).try_map(|name| name.parse::<Quirk>())
}

impl ServeSandbox {
    pub(crate) async fn run(self) -> Result<(), CliError> {
        if self.export && !self.foreground {
            return tokio::task::spawn_blocking(start_in_background).await.map_err(|error| {
                CliError::new(Exit::Other, "could not start the sandbox").with_source(error)
            })?;
        }
        let plan = match &self.faults {
            Some(path) => Some(read_fault_plan(path)?),
            None => None,
        };
        let builder = self.quirks.iter().copied().fold(sandbox_builder(), SandboxBuilder::quirk);
        let sandbox = builder.listen(self.listen).start().await.map_err(|error| {
            CliError::new(Exit::Other, format!("could not listen on {}", self.listen))
                .with_source(error)
                .with_hint("choose another address or port with `--listen`")
        })?;
        // The description is read through the sandbox's own client, so it comes before the faults are set.
        let description = describe(&sandbox).await?;
        if let Some(plan) = plan {
            sandbox.fake().set_faults(plan);
        }
        if self.export {
            output::write_bytes(format!("{}\n\n", exports(&sandbox, "").join("\n")).as_bytes())?;
        } else {
            output::write_bytes(format!("listening on {}\n", sandbox.url()).as_bytes())?;
            stderr::print(&description);
        }
        interrupted().await;
        Ok(())
    }
}

/// Starts this command again as a process of its own, and prints its `export` lines.
///
/// The process keeps no stream of this one open, so that `$(…)` of a shell ends.
fn start_in_background() -> Result<(), CliError> {
    let failed =
        |error: io::Error| CliError::new(Exit::Other, "could not start the sandbox").with_source(error);
    let program = std::env::current_exe().map_err(failed)?;
    let mut process = Command::new(program)
        .args(std::env::args_os().skip(1))
        .arg("--foreground")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(failed)?;
    let lines = process.stdout.take().map(BufReader::new).into_iter().flat_map(BufRead::lines);
    let lines: Vec<_> = lines
        .take_while(|line| !line.as_ref().is_ok_and(String::is_empty))
        .collect::<Result<_, _>>()
        .map_err(failed)?;
    if lines.is_empty() {
        let hint = "run the same command without `--export` to see the reason";
        return Err(CliError::new(Exit::Other, "could not start the sandbox").with_hint(hint));
    }
    let text = format!("{}\nexport CARIUM_SANDBOX_PID={}\n", lines.join("\n"), process.id());
    output::write_bytes(text.as_bytes()).inspect_err(|_| drop(process.kill()))
}

/// Returns the settings of `carium` for the sandbox, as commands of a shell.
fn exports(sandbox: &Sandbox, indent: &str) -> Vec<String> {
    let account = sandbox.fake().account();
    let organization = sandbox.fake().organization().to_string();
    let settings = [
        ("BASE_URL", sandbox.url()),
        ("USERNAME", account.username),
        ("PASSWORD", account.password),
        ("ORGANIZATION_ID", &organization),
    ];
    settings.map(|(name, value)| format!("{indent}export CARIUM_{name}={value}")).to_vec()
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
    lines.extend(exports(sandbox, "  "));
    Ok(lines.join("\n"))
}
