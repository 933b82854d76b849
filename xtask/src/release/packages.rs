//! The crates as packages: what is in them is enough to build them.
//!
//! The crates go to a registry of the organization's, which this workspace does not know, so they say
//! `publish = false` and cargo's own check, which looks for the crates in the registry that it takes them to, cannot
//! be had. So the packages are made without it, unpacked beside each other, and built from what is in them.

use std::fs;
use std::path::{Path, PathBuf};

use super::crates::{Crate, Crates};
use crate::process::Command;

/// Makes the packages, and builds what is in them.
pub(super) fn check(root: &Path, crates: &Crates) -> Result<(), String> {
    let released: Vec<_> = crates.released().collect();
    let mut make = vec!["package", "--quiet", "--locked", "--no-verify", "--exclude-lockfile"];
    for package in &released {
        make.extend(["--package", &package.name]);
    }
    Command::new("cargo", &make).within(root).output()?;
    let folder = crates.target.join("package/unpacked");
    unpack(root, crates, &released, &folder).map_err(|error| format!("{}: {error}", folder.display()))??;
    // Beside the workspace's own, so that what others wrote is built once.
    let target = crates.target.display().to_string();
    let build = ["check", "--quiet", "--workspace", "--target-dir", &target];
    Command::new("cargo", &build)
        .within(&folder)
        .output()
        .map(drop)
        .map_err(|error| format!("a package does not build from what is in it: {error}"))
}

/// The file of a package.
pub(super) fn file(crates: &Crates, package: &Crate) -> PathBuf {
    crates.target.join(format!("package/{}.crate", folder_of(package)))
}

fn folder_of(package: &Crate) -> String {
    format!("{}-{}", package.name, package.version)
}

fn unpack(
    root: &Path,
    crates: &Crates,
    released: &[&Crate],
    folder: &Path,
) -> std::io::Result<Result<(), String>> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder)?;
    fs::write(folder.join("Cargo.toml"), manifest(released))?;
    fs::copy(root.join("Cargo.lock"), folder.join("Cargo.lock"))?;
    for package in released {
        let file = file(crates, package).display().to_string();
        if let Err(error) = Command::new("tar", &["-xzf", &file]).within(folder).output() {
            return Ok(Err(error));
        }
    }
    Ok(Ok(()))
}

/// A workspace of the packages, each taking the others from beside it.
fn manifest(released: &[&Crate]) -> String {
    let members: Vec<_> = released.iter().map(|package| format!("{:?}", folder_of(package))).collect();
    let mut text =
        format!("[workspace]\nresolver = \"3\"\nmembers = [{}]\n\n[patch.crates-io]\n", members.join(", "));
    for package in released {
        text.push_str(&format!("{} = {{ path = {:?} }}\n", package.name, folder_of(package)));
    }
    text
}
