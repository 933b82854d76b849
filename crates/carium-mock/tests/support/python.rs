//! Programs in Python that tests run: what they need is installed from the Python package index into cargo's target
//! folder, at versions and hashes that are in the repository. Where it cannot be had, a test is skipped by name.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Much longer than an installation takes, and short enough for someone who waits for the tests.
const INSTALLED_WITHIN: Duration = Duration::from_mins(3);

/// Installs what these requirements say into a folder of this name beside what cargo builds, unless it is there, and
/// gives its Python. An error says why it cannot be had.
pub(crate) fn install(name: &str, requirements: &str) -> Result<PathBuf, String> {
    let built = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let folder = built.join(name);
    fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    // Another run of this test may be about to do the same.
    let lock = File::create(folder.join("lock")).map_err(|error| error.to_string())?;
    lock.lock().map_err(|error| error.to_string())?;
    let end = Instant::now() + INSTALLED_WITHIN;
    let venv = folder.join("venv");
    let (python, stamp) = (venv.join("bin/python"), folder.join("installed.txt"));
    // What was installed for another Python is not found by this one.
    let version = run(&folder, Path::new("python3"), &["--version"], end)?;
    let wanted = format!("{version}{requirements}");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    let recipe = folder.join("requirements.txt");
    fs::write(&recipe, requirements).map_err(|error| error.to_string())?;
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
pub(crate) fn ended(process: &mut Child, within: Duration) -> Option<bool> {
    let end = Instant::now() + within;
    loop {
        match process.try_wait() {
            Ok(Some(status)) => return Some(status.success()),
            Ok(None) if Instant::now() < end => sleep(Duration::from_millis(10)),
            _ => return None,
        }
    }
}
