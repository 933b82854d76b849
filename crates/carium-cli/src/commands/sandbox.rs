//! `carium sandbox`.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use carium::ListOptions;
use carium_mock::{FaultPlan, Sandbox};
use clap::Args;
use futures_util::stream::TryStreamExt as _;

use crate::exit::{CliError, Exit};
use crate::interrupt::interrupted;
use crate::{output, say};

/// Run a sandbox for other programs
///
/// A Carium in memory behind HTTP, with what the vendor's Examples page knows. The first line of stdout is
/// `listening on http://HOST:PORT`. Credentials and ids go to stderr, and so does each call that differs from the
/// contract. It runs until it is interrupted, and forgets everything then.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  carium sandbox
  carium sandbox --listen 127.0.0.1:8080 --faults faults.toml

A plan of faults, TOML:
  [[fault]]
  on = \"create_patient\"     # an operation, or upload, or download
  calls = \"2-4\"             # 2, 2-4, 2-, or every; left out, the first
  do = \"answer\"             # or reset, silence, lose-answer, truncate, corrupt,
                            # revoke-token, expire
  status = 503

  [random]                  # what meets none of these
  seed = 7
  one-in = 10")]
pub(crate) struct Serve {
    /// Where to listen; port 0 is one that is free
    #[arg(long, value_name = "ADDR", default_value_t = SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))]
    listen: SocketAddr,
    /// What is to go wrong
    #[arg(long, value_name = "FILE")]
    faults: Option<PathBuf>,
}

impl Serve {
    pub(crate) async fn run(self) -> Result<(), CliError> {
        let plan = match &self.faults {
            Some(path) => Some(read_plan(path)?),
            None => None,
        };
        let sandbox = Sandbox::builder()
            .listen(self.listen)
            .on_violation(|deviation| say::line(&format!("differs from the spec: {deviation}")))
            .start()
            .await
            .map_err(|error| {
                CliError::new(Exit::Other, format!("nothing can listen on {}", self.listen))
                    .because(error)
                    .next("choose another address or port with `--listen`")
            })?;
        // Before anything can go wrong.
        let known = known(&sandbox).await?;
        if let Some(plan) = plan {
            sandbox.fake().set_faults(plan);
        }
        output::text(format!("listening on {}\n", sandbox.url()).as_bytes())?;
        say::line(&known);
        interrupted().await;
        // To be interrupted is how it ends.
        Ok(())
    }
}

fn read_plan(path: &std::path::Path) -> Result<FaultPlan, CliError> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        CliError::new(Exit::InvalidInput, "the plan of faults cannot be read").because(error)
    })?;
    text.parse::<FaultPlan>().map_err(|error| {
        CliError::new(Exit::InvalidInput, error.to_string()).next("`carium sandbox --help` shows a plan")
    })
}

/// What a person needs to use it.
async fn known(sandbox: &Sandbox) -> Result<String, CliError> {
    let (fake, client) = (sandbox.fake(), sandbox.client());
    let (plain, coded) = (fake.account(), fake.account_with_totp());
    let mut lines = vec![
        "accounts:".to_owned(),
        format!("  {} with {}", plain.username, plain.password),
        format!(
            "  {} with {}, and one-time codes from {}",
            coded.username,
            coded.password,
            coded.totp_secret.unwrap_or_default()
        ),
        format!("organization: {}", fake.organization()),
    ];
    let mut list = |what: &str, id: String, name: Option<String>| {
        lines.push(format!("{what}: {id} ({})", name.unwrap_or_default()));
    };
    let all = ListOptions::default;
    for item in client.appointments().practitioners(all()).try_collect::<Vec<_>>().await? {
        list("practitioner", item.id.to_string(), item.name);
    }
    for item in client.appointments().types(all()).try_collect::<Vec<_>>().await? {
        list("appointment type", item.id.to_string(), item.name);
    }
    for item in client.appointments().statuses(all()).try_collect::<Vec<_>>().await? {
        list("appointment status", item.id.to_string(), item.name);
    }
    for item in client.documents().classes(all()).try_collect::<Vec<_>>().await? {
        list("document class", item.id.to_string(), item.name);
    }
    lines.push("for another terminal:".to_owned());
    for (name, value) in [
        ("BASE_URL", sandbox.url()),
        ("USERNAME", plain.username),
        ("PASSWORD", plain.password),
        ("ORGANIZATION_ID", &fake.organization().to_string()),
    ] {
        lines.push(format!("  export CARIUM_{name}={value}"));
    }
    Ok(lines.join("\n"))
}
