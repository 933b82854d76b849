//! `cargo xtask interop`: checks that third-party tools accept the spec: validators, client generators, a mock server.
//!
//! Teams that work in other languages generate their clients from the spec, so common tools must read it without errors
//! and warnings. The tools are installed into `target/interop` at the versions in `xtask/interop/`. The checks of a tool
//! that cannot be installed are skipped, and the output names it.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::generate::SPEC;
use crate::process::Command;
use crate::workspace::print;

/// Runs every tool that can be installed.
pub(crate) fn run(root: &Path) -> Result<(), String> {
    let tools = Tools::new(root)?;
    match tools.install_python() {
        Ok(()) => {
            tools.check("openapi-spec-validator", Tools::spec_validator)?;
            tools.check("openapi-python-client", Tools::python_client)?;
            tools.check("schemathesis", Tools::property_tests)?;
        }
        Err(reason) => skip(&["openapi-spec-validator", "openapi-python-client", "schemathesis"], &reason),
    }
    match tools.install_node() {
        Ok(()) => {
            tools.check("redocly", Tools::redocly)?;
            tools.check("openapi-typescript", Tools::typescript_types)?;
            tools.check("openapi-ts", Tools::typescript_client)?;
            tools.check("prism", Tools::mock_server)?;
        }
        Err(reason) => skip(&["redocly", "openapi-typescript", "openapi-ts", "prism"], &reason),
    }
    Ok(())
}

fn skip(tools: &[&str], reason: &str) {
    for tool in tools {
        print(&format!("SKIPPED {tool}: {reason}"));
    }
}

/// The directories of the tools, and their input files.
struct Tools {
    spec: PathBuf,
    /// The lists of tools with their versions, and their configuration.
    config: PathBuf,
    requests: PathBuf,
    /// Where the tools are installed and run.
    directory: PathBuf,
}

impl Tools {
    fn new(root: &Path) -> Result<Self, String> {
        let directory = root.join("target/interop");
        fs::create_dir_all(&directory).map_err(|error| format!("{}: {error}", directory.display()))?;
        Ok(Self {
            spec: root.join(SPEC),
            config: root.join("xtask/interop"),
            requests: root.join("crates/carium-api/tests/wire/requests.json"),
            directory,
        })
    }

    fn check(&self, name: &str, run: fn(&Self) -> Result<(), String>) -> Result<(), String> {
        run(self).map_err(|error| format!("{name} does not accept the spec: {error}"))?;
        print(&format!("ok      {name}"));
        Ok(())
    }

    fn install_python(&self) -> Result<(), String> {
        let venv = self.directory.join("venv");
        if !venv.join("bin/pip").exists() {
            self.command("python3", &["-m", "venv", "venv"]).output()?;
        }
        let requirements = self.config.join("requirements.txt").display().to_string();
        self.command(
            "venv/bin/pip",
            &["install", "--quiet", "--disable-pip-version-check", "--requirement", &requirements],
        )
        .output()
        .map(drop)
    }

    fn install_node(&self) -> Result<(), String> {
        let manifest = self.directory.join("package.json");
        fs::copy(self.config.join("package.json"), manifest).map_err(|error| error.to_string())?;
        self.command("npm", &["install", "--silent", "--no-audit", "--no-fund", "--no-package-lock"])
            .output()
            .map(drop)
    }

    fn spec_validator(&self) -> Result<(), String> {
        self.quiet("venv/bin/openapi-spec-validator", &[&self.spec()], &["warning"])
    }

    fn python_client(&self) -> Result<(), String> {
        let spec = self.spec();
        let generate =
            ["generate", "--path", &spec, "--output-path", "python", "--overwrite", "--fail-on-warning"];
        self.quiet("venv/bin/openapi-python-client", &generate, &["warning", "skipping"])?;
        self.command("venv/bin/python", &["-W", "error", "-m", "compileall", "-q", "-f", "python"])
            .output()?;
        // The generator omits a type that it does not support without a warning.
        self.expect_in("python/carium_client/models/new_patient.py", "mobile_phone")
    }

    fn redocly(&self) -> Result<(), String> {
        let config = self.config.join("redocly.yaml").display().to_string();
        self.quiet("node_modules/.bin/redocly", &["lint", &self.spec(), "--config", &config], &["warning"])
    }

    fn typescript_types(&self) -> Result<(), String> {
        self.quiet("node_modules/.bin/openapi-typescript", &[&self.spec(), "-o", "types.d.ts"], &["warn"])?;
        self.command("node_modules/.bin/tsc", &["--noEmit", "--strict", "types.d.ts"]).output()?;
        self.expect_in("types.d.ts", "\"mobile-phone\"")
    }

    fn typescript_client(&self) -> Result<(), String> {
        self.quiet(
            "node_modules/.bin/openapi-ts",
            &["-i", &self.spec(), "-o", "client", "--no-log-file"],
            &["warn"],
        )?;
        let flags = ["--noEmit", "--strict", "--target", "es2022", "--module", "nodenext", "client/index.ts"];
        self.command("node_modules/.bin/tsc", &flags).output()?;
        self.expect_in("client/sdk.gen.ts", "createPatient")
    }

    fn mock_server(&self) -> Result<(), String> {
        let port = free_port().map_err(|error| error.to_string())?.to_string();
        let log = self.directory.join("prism.log");
        let mut server = self
            .command(
                "node_modules/.bin/prism",
                &["mock", "--host", "127.0.0.1", "--port", &port, &self.spec()],
            )
            .start(&log)?;
        let script = self.config.join("send_requests.mjs").display().to_string();
        let requests = self.command("node", &[&script, &port, &self.requests.display().to_string()]).output();
        // This is the only way to stop the server. If it has already stopped, the requests have failed.
        let _ = server.kill();
        let _ = server.wait();
        requests?;
        let log = fs::read_to_string(&log).map_err(|error| error.to_string())?;
        // The script waits for the server with requests of a path that the spec does not have.
        let lines: Vec<_> = log
            .lines()
            .filter(|line| !line.contains("NO_PATH_MATCHED") && !line.contains("Route not resolved"))
            .collect();
        check_output(&lines.join("\n"), &["violat", "warning"])
    }

    /// Generates valid and invalid requests from the spec and checks the sandbox's responses against it.
    fn property_tests(&self) -> Result<(), String> {
        let sandbox = Sandbox::start(&self.directory)?;
        let arguments = [
            "run",
            &self.spec(),
            "--url",
            &sandbox.url,
            "--checks",
            "all",
            // The service has rules that a schema cannot express (the organization exists, the end is after the start),
            // and accepts some requests that the spec does not, such as a resource without its type. The sandbox records
            // those as violations.
            "--exclude-checks",
            "positive_data_acceptance,negative_data_rejection",
            "--max-examples",
            "30",
            // The same requests in every run, so that a failure can be reproduced.
            "--generation-deterministic",
            "--no-color",
        ];
        let hooks = self.config.display().to_string();
        self.command("venv/bin/schemathesis", &arguments)
            .env("SCHEMATHESIS_HOOKS", "sign_in")
            .env("PYTHONPATH", &hooks)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("CARIUM_URL", &sandbox.url)
            .output()
            .map(drop)
    }

    /// Runs a tool that must succeed without any of some words in its output.
    fn quiet(&self, program: &str, arguments: &[&str], words: &[&str]) -> Result<(), String> {
        check_output(&self.command(program, arguments).output()?, words)
    }

    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let local = self.directory.join(program);
        let program = if local.exists() { local.display().to_string() } else { program.to_owned() };
        // Some tools call others from the same virtual environment.
        let path = std::env::var("PATH").unwrap_or_default();
        let path = format!("{}:{path}", self.directory.join("venv/bin").display());
        Command::new(&program, arguments).current_dir(&self.directory).env("PATH", &path)
    }

    fn spec(&self) -> String {
        self.spec.display().to_string()
    }

    fn expect_in(&self, path: &str, text: &str) -> Result<(), String> {
        let output =
            fs::read_to_string(self.directory.join(path)).map_err(|error| format!("{path}: {error}"))?;
        if output.contains(text) {
            Ok(())
        } else {
            Err(format!("{path} does not contain {text}: the generator omitted the type"))
        }
    }
}

/// A process that runs the sandbox of `carium-mock`.
struct Sandbox {
    process: Child,
    url: String,
}

impl Sandbox {
    fn start(directory: &Path) -> Result<Self, String> {
        let build = ["build", "--quiet", "--package", "carium-mock", "--no-default-features"];
        let example = ["--features", "sandbox", "--example", "sandbox"];
        Command::new("cargo", &[&build[..], &example].concat()).current_dir(directory).output()?;
        // Cargo builds into the directory of this program.
        let xtask = std::env::current_exe().map_err(|error| error.to_string())?;
        let program = xtask.with_file_name("examples").join("sandbox").display().to_string();
        let log = directory.join("sandbox.log");
        let process = Command::new(&program, &[]).start(&log)?;
        let mut sandbox = Self { process, url: String::new() };
        let end = Instant::now() + Duration::from_secs(10);
        while Instant::now() < end {
            let output = fs::read_to_string(&log).unwrap_or_default();
            if let Some((first, _)) = output.split_once('\n') {
                let url = first.strip_prefix("listening on ");
                url.ok_or("the sandbox did not print its address")?.clone_into(&mut sandbox.url);
                return Ok(sandbox);
            }
            sleep(Duration::from_millis(10));
        }
        Err("the sandbox did not start in time".to_owned())
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        // Errors mean that the process has already ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Checks that the output of a tool contains none of some words.
fn check_output(output: &str, words: &[&str]) -> Result<(), String> {
    // Some tools report that there are no warnings.
    let clean = output.to_lowercase().replace("0 warnings", "").replace("no warnings", "");
    if words.iter().any(|word| clean.contains(word)) { Err(output.to_owned()) } else { Ok(()) }
}

/// Returns a port that is not in use.
fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}
