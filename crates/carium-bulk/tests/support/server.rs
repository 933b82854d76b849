//! A server of PostgreSQL in a temporary folder, of Debian's package.

use std::fs;
use std::io::{self, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// A server. Stops when it is dropped.
pub(crate) struct Server {
    folder: TempDir,
    programs: PathBuf,
    port: u16,
}

/// The account that the server runs as where the tests run as root, as which it refuses to.
const ACCOUNT: &str = "postgres";

impl Server {
    /// Starts one. `None`, and said so, where there is none to be had.
    pub(crate) fn start() -> Option<Self> {
        match Self::try_start() {
            Ok(server) => Some(server),
            Err(why) => {
                // Past the harness, which keeps what a test that passes prints.
                let _ = writeln!(io::stderr(), "SKIPPED PostgreSQL: {why}");
                None
            }
        }
    }

    fn try_start() -> Result<Self, String> {
        let programs = if let Some(programs) = programs() {
            programs
        } else {
            install()?;
            programs().ok_or("the package has no initdb")?
        };
        let folder = TempDir::new().map_err(|error| error.to_string())?;
        let port = TcpListener::bind(("127.0.0.1", 0)).and_then(|socket| socket.local_addr());
        let port = port.map_err(|error| error.to_string())?.port();
        if is_root() {
            let path = folder.path().to_str().ok_or("a path that is no text")?;
            run(Command::new("chown").args([ACCOUNT, path]))?;
        }
        let server = Self { folder, programs, port };
        let data = server.data();
        run(server
            .program("initdb")
            .args(["--auth=trust", "--username=postgres", "--no-sync", "-D"])
            .arg(&data))?;
        server.launch()?;
        Ok(server)
    }

    fn launch(&self) -> Result<(), String> {
        let options =
            format!("-p {} -k {} -c listen_addresses=127.0.0.1", self.port, self.folder.path().display());
        let log = self.folder.path().join("log");
        run(self
            .program("pg_ctl")
            .args(["start", "-w", "-o", &options, "-D"])
            .arg(self.data())
            .arg("-l")
            .arg(log))
    }

    /// Stops it in the middle of whatever it is at, and starts it again.
    pub(crate) fn restart(&mut self) {
        self.halt();
        self.launch().unwrap();
    }

    fn halt(&self) {
        let _ = run(self.program("pg_ctl").args(["stop", "-m", "immediate", "-D"]).arg(self.data()));
    }

    /// Its URL.
    pub(crate) fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn program(&self, name: &str) -> Command {
        let program = self.programs.join(name);
        if is_root() {
            let mut command = Command::new("setpriv");
            command.args(["--reuid", ACCOUNT, "--regid", ACCOUNT, "--clear-groups"]).arg(program);
            command.current_dir(self.folder.path());
            return command;
        }
        Command::new(program)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.halt();
    }
}

/// Where Debian has the programs of the newest server.
fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?.filter_map(Result::ok);
    let mut found: Vec<PathBuf> = versions
        .map(|version| version.path().join("bin"))
        .filter(|path| path.join("initdb").exists())
        .collect();
    found.sort();
    found.pop()
}

/// Installs the package, where that is allowed.
fn install() -> Result<(), String> {
    if !is_root() {
        return Err("the package postgresql is not installed, and only root may install it".to_owned());
    }
    let install = ["install", "--yes", "--no-install-recommends", "postgresql"];
    run(Command::new("apt-get").args(install).env("DEBIAN_FRONTEND", "noninteractive"))
}

fn is_root() -> bool {
    let own = fs::metadata("/proc/self");
    own.is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0)
}

fn run(command: &mut Command) -> Result<(), String> {
    let name = Path::new(command.get_program()).display().to_string();
    // Not to a pipe: what it starts would hold it open.
    let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let status = command.status().map_err(|error| format!("{name}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{name} ended with {status}")) }
}
