//! A PostgreSQL server in a temporary folder, from the Debian package.

#![allow(dead_code, reason = "each test uses only some of the functions")]

use std::fs;
use std::io::{self, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// A running server. It stops when it is dropped.
pub(crate) struct PostgresServer {
    folder: TempDir,
    programs: PathBuf,
    port: u16,
}

/// The account under which the server runs if the tests run as root, because PostgreSQL refuses to run as root.
const ACCOUNT: &str = "postgres";

impl PostgresServer {
    /// Starts a server. Prints a message and returns `None` if that fails.
    pub(crate) fn start() -> Option<Self> {
        match Self::try_start() {
            Ok(server) => Some(server),
            Err(reason) => {
                // The test harness does not capture direct writes to stderr, so the message is visible.
                let _ = writeln!(io::stderr(), "SKIPPED PostgreSQL: {reason}");
                None
            }
        }
    }

    fn try_start() -> Result<Self, String> {
        let programs = if let Some(programs) = find_programs() {
            programs
        } else {
            install()?;
            find_programs().ok_or("the postgresql package does not contain initdb")?
        };
        let folder = TempDir::new().map_err(|error| error.to_string())?;
        let port = TcpListener::bind(("127.0.0.1", 0)).and_then(|socket| socket.local_addr());
        let port = port.map_err(|error| error.to_string())?.port();
        if is_root() {
            let path = folder.path().to_str().ok_or("the temporary folder is not valid UTF-8")?;
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

    /// Stops the server immediately, as in a crash, and starts it again.
    pub(crate) fn restart(&mut self) {
        self.stop();
        self.launch().unwrap();
    }

    fn stop(&self) {
        let _ = run(self.program("pg_ctl").args(["stop", "-m", "immediate", "-D"]).arg(self.data()));
    }

    pub(crate) fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// Returns the folder of the server's data and of its log.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
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

impl Drop for PostgresServer {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Returns the folder of the newest installed server version, where Debian installs it.
fn find_programs() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?.filter_map(Result::ok);
    let mut folders: Vec<PathBuf> = versions
        .map(|version| version.path().join("bin"))
        .filter(|path| path.join("initdb").exists())
        .collect();
    folders.sort();
    folders.pop()
}

/// Installs the package if the tests run as root.
fn install() -> Result<(), String> {
    if !is_root() {
        return Err("the package postgresql is not installed, and only root can install it".to_owned());
    }
    let install = ["install", "--yes", "--no-install-recommends", "postgresql"];
    run(Command::new("apt-get").args(install).env("DEBIAN_FRONTEND", "noninteractive"))
}

fn is_root() -> bool {
    let metadata = fs::metadata("/proc/self");
    metadata.is_ok_and(|metadata| std::os::unix::fs::MetadataExt::uid(&metadata) == 0)
}

fn run(command: &mut Command) -> Result<(), String> {
    let name = Path::new(command.get_program()).display().to_string();
    // No pipes: the server that `pg_ctl` starts would inherit them and keep them open.
    let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let status = command.status().map_err(|error| format!("{name}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{name} failed: {status}")) }
}
