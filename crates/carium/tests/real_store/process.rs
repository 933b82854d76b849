//! The store as a process: installed where it is missing, started, asked to sign, stopped.

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
        if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
            return Err("there is a package of it for Linux on x86_64 only".to_owned());
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
        if python::ended(&mut self.process, ENDED_WITHIN).is_none() {
            let _ = self.process.kill();
            let _ = self.process.wait();
        }
    }
}
