//! The commands of the table's rows: this program and the tools it is compared with.

use std::env;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::client::{CONCURRENCY, FIELDS};

/// The command of a row.
#[derive(Clone, Copy)]
pub(crate) enum Row {
    /// This program, with this client.
    Client(&'static str),
    Curl,
    /// `curl`, and then a command that hashes the file, which this crate does during the transfer.
    CurlThenHash,
    /// `curl`, and then a command that syncs the file, which this crate does during the transfer.
    CurlThenSync,
    Python,
}

/// The parameters of a command.
pub(crate) struct Task<'a> {
    pub(crate) origin: &'a str,
    /// The file to upload, the target of a download, or the folder of documents.
    pub(crate) path: &'a Path,
    pub(crate) upload: bool,
    /// The number of documents, or the size of the download in MiB; 0 for a single upload.
    pub(crate) count: usize,
}

/// The tools that are installed.
pub(crate) struct Peers {
    curl: bool,
    /// The command to hash a file: the faster one, if it is installed.
    hash: &'static str,
    /// The path of the interpreter itself, to bypass a launcher that selects one.
    python: Option<PathBuf>,
}

impl Peers {
    pub(crate) fn find() -> Self {
        let is_installed = |program: &str, argument: &str| {
            let status = Command::new(program).arg(argument).stdout(Stdio::null()).status();
            status.is_ok_and(|status| status.success())
        };
        let python = Command::new("python3")
            .args(["-c", "import sys, requests; print(sys.executable)"])
            .stderr(Stdio::null())
            .output()
            .ok()
            .filter(|output| output.status.success());
        Self {
            curl: is_installed("curl", "--version"),
            hash: if is_installed("openssl", "version") { "openssl dgst -sha256" } else { "sha256sum" },
            python: python.map(|output| String::from_utf8_lossy(&output.stdout).trim().into()),
        }
    }

    /// Returns the command of a row, or `None` if its program is not installed.
    pub(crate) fn command(&self, row: Row, task: &Task<'_>) -> io::Result<Option<Command>> {
        Ok(match row {
            Row::Client(name) => {
                let mut command = Command::new(env::current_exe()?);
                command.args(["client", name, task.origin]).arg(task.path).arg(task.count.to_string());
                Some(command)
            }
            Row::Curl if self.curl => {
                let mut command = Command::new("curl");
                command.args(curl(task));
                Some(command)
            }
            Row::CurlThenHash | Row::CurlThenSync if self.curl => {
                let second_command = if matches!(row, Row::CurlThenHash) { self.hash } else { "sync" };
                let mut command = Command::new("sh");
                let script = format!("path=$1; shift; curl \"$@\" && {second_command} \"$path\" >/dev/null");
                command.args(["-c", &script, "sh"]).arg(task.path).args(curl(task));
                Some(command)
            }
            Row::Curl | Row::CurlThenHash | Row::CurlThenSync => None,
            Row::Python => self.python.as_ref().map(|python| {
                let script = match (task.count, task.upload) {
                    (0, true) => PYTHON_UPLOAD,
                    (_, false) => PYTHON_DOWNLOAD,
                    _ => PYTHON_MANY,
                };
                let mut command = Command::new(python);
                command.args(["-c", script, task.origin]).arg(task.path);
                command.args([task.count.to_string(), CONCURRENCY.to_string()]);
                command
            }),
        })
    }
}

fn curl(task: &Task<'_>) -> Vec<String> {
    let mut arguments = vec!["-sS".to_owned(), "--fail".to_owned()];
    let path = task.path.display();
    if task.upload {
        for (name, value) in FIELDS {
            arguments.extend(["-F".to_owned(), format!("{name}={value}")]);
        }
        arguments.extend(["-F".to_owned(), format!("file=@{path};type=application/pdf")]);
        arguments.push(format!("{}/upload", task.origin));
    } else {
        arguments.extend(["-o".to_owned(), path.to_string(), format!("{}/download", task.origin)]);
    }
    arguments
}

const PYTHON_UPLOAD: &str = r#"
import requests, sys
origin, path = sys.argv[1:3]
fields = {"key": "documents/2097e072", "policy": "example-policy", "x-amz-signature": "example-signature"}
with open(path, "rb") as file:
    content = file.read()
files = {"file": ("example.pdf", content, "application/pdf")}
requests.post(origin + "/upload", data=fields, files=files).raise_for_status()
"#;

const PYTHON_DOWNLOAD: &str = r#"
import requests, sys
origin, path = sys.argv[1:3]
response = requests.get(origin + "/download")
response.raise_for_status()
with open(path, "wb") as file:
    file.write(response.content)
"#;

const PYTHON_MANY: &str = r#"
import requests, sys
from concurrent.futures import ThreadPoolExecutor
origin, folder, count, concurrency = sys.argv[1:5]
references = origin + "/caredb/v1/org-document-references/"
headers = {"Authorization": "Bearer example-access-token"}
def upload(index):
    body = {"data": {"attributes": {
        "attachment-content-type": "application/pdf", "attachment-filename": "example.pdf",
        "class-id": "aa6243fb-e4c1-44a0-ae3c-f4c4ab115002", "name": "Example Document",
        "description": "This is an example document",
        "individual-id": "aa6243fb-e4c1-44a0-ae3c-f4c4ab115002",
        "organization-id": "8d25a2a6-8219-40d1-a34f-c24ec69f4f72"}, "type": "org-document-references"}}
    response = requests.post(references, json=body, headers=headers)
    response.raise_for_status()
    data = response.json()["data"]
    info = data["attributes"]["upload-info"]
    with open(f"{folder}/{index}.pdf", "rb") as file:
        files = {"file": ("example.pdf", file.read(), "application/pdf")}
    requests.post(info["upload-url"], data=info["upload-data"], files=files).raise_for_status()
    requests.post(references + data["id"] + "/process-upload/", headers=headers).raise_for_status()
with ThreadPoolExecutor(int(concurrency)) as pool:
    list(pool.map(upload, range(int(count))))
"#;
