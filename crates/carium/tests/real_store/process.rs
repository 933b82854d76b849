//! The store as a process: installed where it is missing, started, asked to sign, stopped.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Mutex;
use std::thread::sleep;
use std::time::{Duration, Instant};

use carium::api::Secret;
use carium::documents::UploadForm;
use serde_json::{Value, json};

const REQUIREMENTS: &str = include_str!("requirements.txt");

/// Much longer than an installation takes, and short enough for someone who waits for the tests.
const INSTALLED_WITHIN: Duration = Duration::from_mins(3);
/// How long it may take to end, once it is told.
const ENDED_WITHIN: Duration = Duration::from_secs(10);

/// What a form or a URL is signed for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    /// For how many seconds.
    pub(crate) expires: u32,
    /// For a file of how many bytes.
    pub(crate) most: usize,
    /// With a secret that the store does not know.
    pub(crate) is_forged: bool,
}

impl Default for Terms {
    fn default() -> Self {
        Self { expires: 300, most: 16 * 1024 * 1024, is_forged: false }
    }
}

/// A store, and someone who signs for it.
pub(crate) struct Store {
    process: Child,
    pipes: Mutex<Option<(ChildStdin, BufReader<ChildStdout>)>>,
    port: u64,
}

impl Store {
    /// Starts one. An error says why there can be none here; one that can be had and does not start is a panic.
    pub(crate) fn start() -> Result<Self, String> {
        let python = install()?;
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/real_store/store.py");
        let mut process = Command::new(python)
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| error.to_string())?;
        let pipes = (process.stdin.take().unwrap(), BufReader::new(process.stdout.take().unwrap()));
        let mut store = Self { process, pipes: Mutex::new(Some(pipes)), port: 0 };
        store.port = store.answer()["port"].as_u64().unwrap();
        Ok(store)
    }

    /// Where it listens.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// A form to upload a file with.
    pub(crate) fn form(&self, key: &str, media_type: &str, terms: Terms) -> UploadForm {
        let Terms { expires, most, is_forged } = terms;
        let form = json!({
            "key": key, "expires": expires, "forged": is_forged, "media_type": media_type, "most": most,
        });
        serde_json::from_value(self.ask(&json!({ "form": form }))).unwrap()
    }

    /// A URL to download a file from, which is then called so.
    pub(crate) fn link(&self, key: &str, file_name: &str, terms: Terms) -> Secret {
        let Terms { expires, is_forged, .. } = terms;
        let url = json!({ "key": key, "expires": expires, "forged": is_forged, "file_name": file_name });
        self.ask(&json!({ "url": url }))["url"].as_str().unwrap().into()
    }

    fn ask(&self, question: &Value) -> Value {
        if let Some((input, _)) = &mut *self.pipes.lock().unwrap() {
            writeln!(input, "{question}").unwrap();
        }
        self.answer()
    }

    fn answer(&self) -> Value {
        let mut line = String::new();
        if let Some((_, output)) = &mut *self.pipes.lock().unwrap() {
            output.read_line(&mut line).unwrap();
        }
        assert!(!line.is_empty(), "the store has ended; what it said is above");
        serde_json::from_str(&line).unwrap()
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // It ends with its input, and cleans up after itself. Killed, it could not.
        self.pipes.get_mut().unwrap().take();
        if ended(&mut self.process, ENDED_WITHIN).is_none() {
            let _ = self.process.kill();
            let _ = self.process.wait();
        }
    }
}

/// Installs the store beside what cargo builds, unless it is there, and gives its Python.
fn install() -> Result<PathBuf, String> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return Err("there is a package of it for Linux on x86_64 only".to_owned());
    }
    let built = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let folder = built.join("real-store");
    fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    // Another run of this test may be about to do the same.
    let lock = File::create(folder.join("lock")).map_err(|error| error.to_string())?;
    lock.lock().map_err(|error| error.to_string())?;
    let end = Instant::now() + INSTALLED_WITHIN;
    let venv = folder.join("venv");
    let (python, stamp) = (venv.join("bin/python"), folder.join("installed.txt"));
    // What was installed for another Python is not found by this one.
    let version = run(&folder, Path::new("python3"), &["--version"], end)?;
    let wanted = format!("{version}{REQUIREMENTS}");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    let recipe = folder.join("requirements.txt");
    fs::write(&recipe, REQUIREMENTS).map_err(|error| error.to_string())?;
    run(&folder, Path::new("python3"), &["-m", "venv", "--clear", "venv"], end)?;
    let mut pip = vec!["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"];
    // Nothing is built, nothing is taken that is not in the list, and nobody waits for a network that is not there.
    pip.extend(["--only-binary", ":all:", "--no-deps", "--require-hashes", "--retries", "1"]);
    pip.extend(["--requirement", "requirements.txt"]);
    run(&folder, &python, &pip, end)?;
    fs::write(stamp, wanted).map_err(|error| error.to_string())?;
    Ok(python)
}

/// Runs a program, and gives what it said. An error is the last line of that.
fn run(folder: &Path, program: &Path, arguments: &[&str], end: Instant) -> Result<String, String> {
    let name = program.file_name().unwrap_or_default().display();
    let failed = |error: std::io::Error| format!("{name} {}: {error}", arguments[0]);
    // A file takes whatever is said; a pipe that nobody reads would not.
    let log = folder.join("log");
    let output = File::create(&log).map_err(failed)?;
    let mut process = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(output.try_clone().map_err(failed)?)
        .stderr(output)
        .spawn()
        .map_err(failed)?;
    let Some(is_success) = ended(&mut process, end.saturating_duration_since(Instant::now())) else {
        let _ = process.kill();
        let _ = process.wait();
        return Err(format!("it is not installed within {INSTALLED_WITHIN:?}"));
    };
    let said = fs::read_to_string(&log).map_err(failed)?;
    if is_success {
        return Ok(said);
    }
    let last = said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("failed without a word");
    Err(last.trim().to_owned())
}

/// Whether a process ended well, if it ended.
fn ended(process: &mut Child, within: Duration) -> Option<bool> {
    let end = Instant::now() + within;
    loop {
        match process.try_wait() {
            Ok(Some(status)) => return Some(status.success()),
            Ok(None) if Instant::now() < end => sleep(Duration::from_millis(10)),
            _ => return None,
        }
    }
}
