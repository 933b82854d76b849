//! The packages that are published: each must build from the files that it contains.
//!
//! The crates are published to a registry of the organization that this workspace does not know, so they have
//! `publish = false`, and cargo's own verification, which looks for the crates in that registry, cannot be used. Instead,
//! the packages are created without verification, unpacked into one workspace, and built there.

use std::fs;
use std::path::{Path, PathBuf};

use super::crates::{Crate, Crates};
use crate::process::Command;

/// Creates the packages and builds them.
pub(super) fn check(root: &Path, crates: &Crates) -> Result<(), String> {
    let released: Vec<_> = crates.released().collect();
    let mut package = vec!["package", "--quiet", "--locked", "--no-verify", "--exclude-lockfile"];
    for released in &released {
        package.extend(["--package", &released.name]);
    }
    Command::new("cargo", &package).current_dir(root).output()?;
    let directory = crates.target.join("package/unpacked");
    let io_error = |error: std::io::Error| format!("{}: {error}", directory.display());
    unpack(root, crates, &released, &directory).map_err(io_error)??;
    // The target directory of the workspace already contains the dependencies.
    let target = crates.target.display().to_string();
    let build = ["check", "--quiet", "--workspace", "--target-dir", &target];
    let result = Command::new("cargo", &build).current_dir(&directory).output();
    result.map(drop).map_err(|error| format!("a package does not build from its files: {error}"))
}

/// Returns the path of a package's file.
pub(super) fn file(crates: &Crates, package: &Crate) -> PathBuf {
    crates.target.join(format!("package/{}.crate", directory_of(package)))
}

fn directory_of(package: &Crate) -> String {
    format!("{}-{}", package.name, package.version)
}

fn unpack(
    root: &Path,
    crates: &Crates,
    released: &[&Crate],
    directory: &Path,
) -> std::io::Result<Result<(), String>> {
    if directory.exists() {
        fs::remove_dir_all(directory)?;
    }
    fs::create_dir_all(directory)?;
    fs::write(directory.join("Cargo.toml"), manifest(released))?;
    fs::copy(root.join("Cargo.lock"), directory.join("Cargo.lock"))?;
    for package in released {
        let file = file(crates, package).display().to_string();
        if let Err(error) = Command::new("tar", &["-xzf", &file]).current_dir(directory).output() {
            return Ok(Err(error));
        }
    }
    Ok(Ok(()))
}

/// Returns the manifest of a workspace in which each package uses the others by path.
fn manifest(released: &[&Crate]) -> String {
    let members: Vec<_> = released.iter().map(|package| format!("{:?}", directory_of(package))).collect();
    let mut text =
        format!("[workspace]\nresolver = \"3\"\nmembers = [{}]\n\n[patch.crates-io]\n", members.join(", "));
    for package in released {
        text.push_str(&format!("{} = {{ path = {:?} }}\n", package.name, directory_of(package)));
    }
    text
}
