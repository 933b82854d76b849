//! Installs Python packages for tests that run Python programs.
//!
//! Packages are installed from the Python Package Index into cargo's target directory, at versions and hashes that
//! are pinned in the repository. Tests are skipped if the installation fails.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// The time limit for an installation, which normally takes a few seconds.
const INSTALL_TIMEOUT: Duration = Duration::from_secs(180);

/// Installs requirements into a virtual environment in the target directory, unless they are already installed.
/// Returns the path of its Python interpreter, or a message that says why the installation failed.
pub(crate) fn install(name: &str, requirements: &str) -> Result<PathBuf, String> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let folder = target.join(name);
    fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    // Concurrent test runs must not install at the same time.
    let lock = File::create(folder.join("lock")).map_err(|error| error.to_string())?;
    lock.lock().map_err(|error| error.to_string())?;
    let deadline = Instant::now() + INSTALL_TIMEOUT;
    let venv = folder.join("venv");
    let (python, stamp) = (venv.join("bin/python"), folder.join("installed.txt"));
    // The environment of another Python version cannot be used.
    let version = run(&folder, Path::new("python3"), &["--version"], deadline)?;
    let expected = format!("{version}{requirements}");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == expected) {
        return Ok(python);
    }
    fs::write(folder.join("requirements.txt"), requirements).map_err(|error| error.to_string())?;
    run(&folder, Path::new("python3"), &["-m", "venv", "--clear", "venv"], deadline)?;
    let mut pip = vec!["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"];
    // Installs only wheels and only pinned packages, and fails quickly without a network.
    pip.extend(["--only-binary", ":all:", "--no-deps", "--require-hashes", "--retries", "1"]);
    pip.extend(["--requirement", "requirements.txt"]);
    run(&folder, &python, &pip, deadline)?;
    fs::write(stamp, expected).map_err(|error| error.to_string())?;
    Ok(python)
}

/// Runs a program and returns its output. The error is the last line of its output.
fn run(folder: &Path, program: &Path, arguments: &[&str], deadline: Instant) -> Result<String, String> {
    let name = program.file_name().unwrap_or_default().display();
    let io_error = |error: std::io::Error| format!("{name} {}: {error}", arguments[0]);
    // The output goes to a file, because a full pipe would block the program.
    let log = folder.join("log");
    let output = File::create(&log).map_err(io_error)?;
    let mut process = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(output.try_clone().map_err(io_error)?)
        .stderr(output)
        .spawn()
        .map_err(io_error)?;
    let Some(is_success) = ended(&mut process, deadline.saturating_duration_since(Instant::now())) else {
        let _ = process.kill();
        let _ = process.wait();
        return Err(format!("the installation took longer than {INSTALL_TIMEOUT:?}"));
    };
    let output = fs::read_to_string(&log).map_err(io_error)?;
    if is_success {
        return Ok(output);
    }
    let last = output.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("failed without output");
    Err(last.trim().to_owned())
}

/// Waits for a process to exit. Returns whether it succeeded, or `None` if it is still running after `within`.
pub(crate) fn ended(process: &mut Child, within: Duration) -> Option<bool> {
    let deadline = Instant::now() + within;
    loop {
        match process.try_wait() {
            Ok(Some(status)) => return Some(status.success()),
            Ok(None) if Instant::now() < deadline => sleep(Duration::from_millis(10)),
            _ => return None,
        }
    }
}
