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

use crate::process::Command;
use crate::spec::SPEC;
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
        if !self.directory.join("venv/bin/pip").exists() {
            self.command("python3 -m venv venv").output()?;
        }
        let install = "venv/bin/pip install --quiet --disable-pip-version-check -r {config}/requirements.txt";
        self.command(install).output().map(drop)
    }

    fn install_node(&self) -> Result<(), String> {
        let manifest = self.directory.join("package.json");
        fs::copy(self.config.join("package.json"), manifest).map_err(|error| error.to_string())?;
        self.command("npm install --silent --no-audit --no-fund --no-package-lock").output().map(drop)
    }

    fn spec_validator(&self) -> Result<(), String> {
        self.quiet("venv/bin/openapi-spec-validator {spec}", &["warning"])
    }

    fn python_client(&self) -> Result<(), String> {
        let generate = "venv/bin/openapi-python-client generate --path {spec} --output-path python --overwrite \
                        --fail-on-warning";
        self.quiet(generate, &["warning", "skipping"])?;
        self.command("venv/bin/python -W error -m compileall -q -f python").output()?;
        // The generator omits a type that it does not support without a warning.
        self.expect_in("python/carium_client/models/new_patient.py", "mobile_phone")
    }

    fn redocly(&self) -> Result<(), String> {
        self.quiet("node_modules/.bin/redocly lint {spec} --config {config}/redocly.yaml", &["warning"])
    }

    fn typescript_types(&self) -> Result<(), String> {
        self.quiet("node_modules/.bin/openapi-typescript {spec} -o types.d.ts", &["warn"])?;
        self.command("node_modules/.bin/tsc --noEmit --strict types.d.ts").output()?;
        self.expect_in("types.d.ts", "\"mobile-phone\"")
    }

    fn typescript_client(&self) -> Result<(), String> {
        self.quiet("node_modules/.bin/openapi-ts -i {spec} -o client --no-log-file", &["warn"])?;
        let check =
            "node_modules/.bin/tsc --noEmit --strict --target es2022 --module nodenext client/index.ts";
        self.command(check).output()?;
        self.expect_in("client/sdk.gen.ts", "createPatient")
    }

    fn mock_server(&self) -> Result<(), String> {
        let port = free_port().map_err(|error| error.to_string())?;
        let log = self.directory.join("prism.log");
        let serve = format!("node_modules/.bin/prism mock --host 127.0.0.1 --port {port} {{spec}}");
        let mut server = self.command(&serve).start(&log)?;
        let send = format!("node {{config}}/send_requests.mjs {port} {{requests}}");
        let requests = self.command(&send).output();
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
        // The service has rules that a schema cannot express (the organization exists, the end is after the start), so it
        // may reject valid data. The requests are the same in every run, so that a failure can be reproduced.
        let run = format!(
            "venv/bin/schemathesis run {{spec}} --url {} --checks all \
             --exclude-checks positive_data_acceptance \
             --max-examples 30 --generation-deterministic --no-color",
            sandbox.url
        );
        self.command(&run)
            .env("SCHEMATHESIS_HOOKS", "sign_in")
            .env("PYTHONPATH", &self.config.display().to_string())
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("CARIUM_URL", &sandbox.url)
            .output()
            .map(drop)
    }

    /// Runs a tool that must succeed without any of some words in its output.
    fn quiet(&self, line: &str, words: &[&str]) -> Result<(), String> {
        check_output(&self.command(line).output()?, words)
    }

    /// Returns the command of a line, whose placeholders are replaced by paths.
    fn command(&self, line: &str) -> Command {
        let replace = |word: &str| {
            let paths = [("{spec}", &self.spec), ("{config}", &self.config), ("{requests}", &self.requests)];
            let replace = |word: String, (name, path): (&str, &PathBuf)| {
                word.replace(name, &path.display().to_string())
            };
            paths.into_iter().fold(word.to_owned(), replace)
        };
        let words: Vec<_> = line.split_whitespace().map(replace).collect();
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        let (program, arguments) = words.split_first().unwrap_or((&"", &[]));
        let local = self.directory.join(program);
        let program = if local.exists() { local.display().to_string() } else { (*program).to_owned() };
        // Some tools call others from the same virtual environment.
        let path = std::env::var("PATH").unwrap_or_default();
        let path = format!("{}:{path}", self.directory.join("venv/bin").display());
        Command::new(&program, arguments).current_dir(&self.directory).env("PATH", &path)
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
