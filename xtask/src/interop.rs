//! The spec through other people's tools: validators, client generators, a mock server.
//!
//! A spec that only our own generator reads is a configuration file. Teams that work in other languages
//! generate from it too, so what they use must take it, and say nothing against it. The tools are installed
//! into `target/interop` at the versions in `xtask/interop/`; where they cannot be had, the check is skipped,
//! by name.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::generate::SPEC;
use crate::process::Command;
use crate::workspace::say;

/// Puts the spec through every tool that can be had, and says what each of them said.
pub(crate) fn run(root: &Path) -> Result<(), String> {
    let bench = Bench::new(root)?;
    match bench.install_python() {
        Ok(()) => {
            bench.check("openapi-spec-validator", Bench::spec_validator)?;
            bench.check("openapi-python-client", Bench::python_client)?;
            bench.check("schemathesis", Bench::property_tests)?;
        }
        Err(why) => skip(&["openapi-spec-validator", "openapi-python-client", "schemathesis"], &why),
    }
    match bench.install_node() {
        Ok(()) => {
            bench.check("redocly", Bench::redocly)?;
            bench.check("openapi-typescript", Bench::typescript_types)?;
            bench.check("openapi-ts", Bench::typescript_client)?;
            bench.check("prism", Bench::mock_server)?;
        }
        Err(why) => skip(&["redocly", "openapi-typescript", "openapi-ts", "prism"], &why),
    }
    Ok(())
}

fn skip(tools: &[&str], why: &str) {
    for tool in tools {
        say(&format!("SKIPPED {tool}: {why}"));
    }
}

/// Where the tools are, and where they work.
struct Bench {
    spec: PathBuf,
    recipes: PathBuf,
    requests: PathBuf,
    folder: PathBuf,
}

impl Bench {
    fn new(root: &Path) -> Result<Self, String> {
        let folder = root.join("target/interop");
        fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        Ok(Self {
            spec: root.join(SPEC),
            recipes: root.join("xtask/interop"),
            requests: root.join("crates/carium-api/tests/wire/requests.json"),
            folder,
        })
    }

    fn check(&self, name: &str, run: fn(&Self) -> Result<(), String>) -> Result<(), String> {
        run(self).map_err(|error| format!("{name} does not take the spec: {error}"))?;
        say(&format!("ok      {name}"));
        Ok(())
    }

    fn install_python(&self) -> Result<(), String> {
        let venv = self.folder.join("venv");
        if !venv.join("bin/pip").exists() {
            self.command("python3", &["-m", "venv", "venv"]).output()?;
        }
        let recipe = self.recipes.join("requirements.txt").display().to_string();
        self.command(
            "venv/bin/pip",
            &["install", "--quiet", "--disable-pip-version-check", "--requirement", &recipe],
        )
        .output()
        .map(drop)
    }

    fn install_node(&self) -> Result<(), String> {
        let recipe = self.folder.join("package.json");
        fs::copy(self.recipes.join("package.json"), recipe).map_err(|error| error.to_string())?;
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
        // The generator gives up on a type in silence.
        self.expect_in("python/carium_client/models/new_patient.py", "mobile_phone")
    }

    fn redocly(&self) -> Result<(), String> {
        let config = self.recipes.join("redocly.yaml").display().to_string();
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
        let log = self.folder.join("prism.log");
        let mut server = self
            .command(
                "node_modules/.bin/prism",
                &["mock", "--host", "127.0.0.1", "--port", &port, &self.spec()],
            )
            .start(&log)?;
        let ask = self.recipes.join("ask.mjs").display().to_string();
        let asked = self.command("node", &[&ask, &port, &self.requests.display().to_string()]).output();
        // It has no other way to be told; that it has ended by itself already is seen in what was asked.
        let _ = server.kill();
        let _ = server.wait();
        asked?;
        let said = fs::read_to_string(&log).map_err(|error| error.to_string())?;
        // The question whether it listens is for a path that the spec does not have.
        let said: Vec<_> = said
            .lines()
            .filter(|line| !line.contains("NO_PATH_MATCHED") && !line.contains("Route not resolved"))
            .collect();
        complains(&said.join("\n"), &["violat", "warning"])
    }

    /// Draws requests from the spec, good ones and bad ones, and holds the sandbox's answers against it.
    fn property_tests(&self) -> Result<(), String> {
        let sandbox = Sandbox::start(&self.folder)?;
        let arguments = [
            "run",
            &self.spec(),
            "--url",
            &sandbox.url,
            "--checks",
            "all",
            // The service has rules that no schema can say (an organization that is there, an end after the start),
            // and bears some of what the spec does not, such as a resource without its type. The sandbox notes that.
            "--exclude-checks",
            "positive_data_acceptance,negative_data_rejection",
            "--max-examples",
            "30",
            // The same requests each time: what it finds today and not tomorrow would be nobody's mistake.
            "--generation-deterministic",
            "--no-color",
        ];
        let hooks = self.recipes.display().to_string();
        self.command("venv/bin/schemathesis", &arguments)
            .with("SCHEMATHESIS_HOOKS", "sign_in")
            .with("PYTHONPATH", &hooks)
            .with("PYTHONDONTWRITEBYTECODE", "1")
            .with("CARIUM_URL", &sandbox.url)
            .output()
            .map(drop)
    }

    /// Runs a tool that must succeed and say none of some words.
    fn quiet(&self, program: &str, arguments: &[&str], words: &[&str]) -> Result<(), String> {
        complains(&self.command(program, arguments).output()?, words)
    }

    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let own = self.folder.join(program);
        let program = if own.exists() { own.display().to_string() } else { program.to_owned() };
        // Some of the tools call others that were installed beside them.
        let path = std::env::var("PATH").unwrap_or_default();
        let path = format!("{}:{path}", self.folder.join("venv/bin").display());
        Command::new(&program, arguments).within(&self.folder).with("PATH", &path)
    }

    fn spec(&self) -> String {
        self.spec.display().to_string()
    }

    fn expect_in(&self, path: &str, text: &str) -> Result<(), String> {
        let said = fs::read_to_string(self.folder.join(path)).map_err(|error| format!("{path}: {error}"))?;
        if said.contains(text) {
            Ok(())
        } else {
            Err(format!("{path} has no {text}: the type was given up in silence"))
        }
    }
}

/// The sandbox of `carium-mock`, as a process.
struct Sandbox {
    process: Child,
    url: String,
}

impl Sandbox {
    fn start(folder: &Path) -> Result<Self, String> {
        let build = ["build", "--quiet", "--package", "carium-mock", "--no-default-features"];
        let example = ["--features", "sandbox", "--example", "sandbox"];
        Command::new("cargo", &[&build[..], &example].concat()).within(folder).output()?;
        // Beside this program, wherever cargo puts what it builds.
        let own = std::env::current_exe().map_err(|error| error.to_string())?;
        let program = own.with_file_name("examples").join("sandbox").display().to_string();
        let log = folder.join("sandbox.log");
        let process = Command::new(&program, &[]).start(&log)?;
        let mut sandbox = Self { process, url: String::new() };
        let end = Instant::now() + Duration::from_secs(10);
        while Instant::now() < end {
            let said = fs::read_to_string(&log).unwrap_or_default();
            if let Some((first, _)) = said.split_once('\n') {
                let url = first.strip_prefix("listening on ");
                url.ok_or("the sandbox does not say where it listens")?.clone_into(&mut sandbox.url);
                return Ok(sandbox);
            }
            sleep(Duration::from_millis(10));
        }
        Err("the sandbox does not listen".to_owned())
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        // One that has ended already is as good.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn complains(said: &str, words: &[&str]) -> Result<(), String> {
    // A tool that counts its warnings names the word to say that there are none.
    let clean = said.to_lowercase().replace("0 warnings", "").replace("no warnings", "");
    if words.iter().any(|word| clean.contains(word)) { Err(said.to_owned()) } else { Ok(()) }
}

/// A port that nothing listens on.
fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}
