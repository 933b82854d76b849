//! What others do for the same: the commands that a row of the table stands for.

use std::env;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::client::{AT_ONCE, FIELDS};

/// How one row is run.
#[derive(Clone, Copy)]
pub(crate) enum Row {
    /// This program, as the client of this name.
    Client(&'static str),
    Curl,
    /// `curl`, and then a command that does to the file what ours has done by the same time.
    CurlThenHash,
    CurlThenSync,
    Python,
}

/// What all commands have to know.
pub(crate) struct Place<'a> {
    pub(crate) origin: &'a str,
    /// The file that is uploaded, is downloaded to, or the folder of documents.
    pub(crate) path: &'a Path,
    pub(crate) upload: bool,
    /// How many documents, or MiB to download; 0 for one upload.
    pub(crate) count: usize,
}

/// Which of the others are here.
pub(crate) struct Peers {
    curl: bool,
    /// What hashes a file: the quicker one, where it is here.
    hash: &'static str,
    /// The interpreter itself, without what may stand before it to choose one.
    python: Option<PathBuf>,
}

impl Peers {
    pub(crate) fn find() -> Self {
        let is_here = |program: &str, argument: &str| {
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
            curl: is_here("curl", "--version"),
            hash: if is_here("openssl", "version") { "openssl dgst -sha256" } else { "sha256sum" },
            python: python.map(|output| String::from_utf8_lossy(&output.stdout).trim().into()),
        }
    }

    /// The command of a row, or `None` where the program is not here.
    pub(crate) fn command(&self, row: Row, place: &Place<'_>) -> io::Result<Option<Command>> {
        Ok(match row {
            Row::Client(name) => {
                let mut command = Command::new(env::current_exe()?);
                command.args(["client", name, place.origin]).arg(place.path).arg(place.count.to_string());
                Some(command)
            }
            Row::Curl if self.curl => {
                let mut command = Command::new("curl");
                command.args(curl(place));
                Some(command)
            }
            Row::CurlThenHash | Row::CurlThenSync if self.curl => {
                let then = if matches!(row, Row::CurlThenHash) { self.hash } else { "sync" };
                let mut command = Command::new("sh");
                let script = format!("path=$1; shift; curl \"$@\" && {then} \"$path\" >/dev/null");
                command.args(["-c", &script, "sh"]).arg(place.path).args(curl(place));
                Some(command)
            }
            Row::Curl | Row::CurlThenHash | Row::CurlThenSync => None,
            Row::Python => self.python.as_ref().map(|python| {
                let script = match (place.count, place.upload) {
                    (0, true) => PYTHON_UPLOAD,
                    (_, false) => PYTHON_DOWNLOAD,
                    _ => PYTHON_MANY,
                };
                let mut command = Command::new(python);
                command.args(["-c", script, place.origin]).arg(place.path);
                command.args([place.count.to_string(), AT_ONCE.to_string()]);
                command
            }),
        })
    }
}

fn curl(place: &Place<'_>) -> Vec<String> {
    let mut arguments = vec!["-sS".to_owned(), "--fail".to_owned()];
    let path = place.path.display();
    if place.upload {
        for (name, value) in FIELDS {
            arguments.extend(["-F".to_owned(), format!("{name}={value}")]);
        }
        arguments.extend(["-F".to_owned(), format!("file=@{path};type=application/pdf")]);
        arguments.push(format!("{}/upload", place.origin));
    } else {
        arguments.extend(["-o".to_owned(), path.to_string(), format!("{}/download", place.origin)]);
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
answer = requests.get(origin + "/download")
answer.raise_for_status()
with open(path, "wb") as file:
    file.write(answer.content)
"#;

const PYTHON_MANY: &str = r#"
import requests, sys
from concurrent.futures import ThreadPoolExecutor
origin, folder, count, at_once = sys.argv[1:5]
references = origin + "/caredb/v1/org-document-references/"
headers = {"Authorization": "Bearer example-access-token"}
def one(index):
    body = {"data": {"attributes": {
        "attachment-content-type": "application/pdf", "attachment-filename": "example.pdf",
        "class-id": "aa6243fb-e4c1-44a0-ae3c-f4c4ab115002", "name": "Example Document",
        "description": "This is an example document",
        "individual-id": "aa6243fb-e4c1-44a0-ae3c-f4c4ab115002",
        "organization-id": "8d25a2a6-8219-40d1-a34f-c24ec69f4f72"}, "type": "org-document-references"}}
    answer = requests.post(references, json=body, headers=headers)
    answer.raise_for_status()
    data = answer.json()["data"]
    info = data["attributes"]["upload-info"]
    with open(f"{folder}/{index}.pdf", "rb") as file:
        files = {"file": ("example.pdf", file.read(), "application/pdf")}
    requests.post(info["upload-url"], data=info["upload-data"], files=files).raise_for_status()
    requests.post(references + data["id"] + "/process-upload/", headers=headers).raise_for_status()
with ThreadPoolExecutor(int(at_once)) as pool:
    list(pool.map(one, range(int(count))))
"#;
