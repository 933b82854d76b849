//! The older version of the spec: a git revision or a file.

use std::path::Path;

use semver::Version;

use crate::document::{Document, Finding};
use crate::spec::{ONBOARDING, SPEC, Spec};
use crate::workspace;

const MANIFEST: &str = "Cargo.toml";

const NO_BASE: &str =
    "there is no release tag (vX.Y.Z); pass a revision with `--base`, such as `--base HEAD`, or a file";

/// A version of the spec, with the version of the crates that it belongs to.
#[derive(Debug, Clone)]
pub(crate) struct SpecVersion {
    /// A name for people: a tag, a revision or a file.
    pub(crate) name: String,
    pub(crate) api: Spec,
    /// The schema of an onboarding file. `None` if this version has no such schema.
    pub(crate) onboarding: Option<Document>,
    /// The version of the crates.
    pub(crate) version: Version,
    /// The commit, if the version was read from git.
    pub(crate) commit: Option<String>,
}

impl SpecVersion {
    /// Reads the spec in a working directory.
    pub(crate) fn read_tree(root: &Path) -> Result<Self, String> {
        Self::new("the working tree".to_owned(), None, |path| workspace::read(&root.join(path)))
    }

    /// Reads the spec at a revision.
    pub(crate) fn read_revision(root: &Path, revision: &str) -> Result<Self, String> {
        let commit = workspace::commit(root, revision)
            .ok_or_else(|| format!("git has no revision `{revision}` in {}", root.display()))?;
        let short: String = commit.chars().take(10).collect();
        let name = if commit.starts_with(revision) { short } else { format!("{revision} ({short})") };
        Self::new(name, Some(commit.clone()), |path| {
            workspace::file_at(root, &commit, path)
                .ok_or_else(|| format!("revision `{revision}` has no {path}"))
        })
    }

    fn new(
        name: String,
        commit: Option<String>,
        file: impl Fn(&str) -> Result<String, String>,
    ) -> Result<Self, String> {
        let onboarding = file(ONBOARDING).ok();
        Ok(Self {
            name,
            api: Spec::parse(SPEC, &file(SPEC)?).map_err(one_line)?,
            onboarding: onboarding
                .map(|text| Document::parse(ONBOARDING, &text))
                .transpose()
                .map_err(one_line)?,
            version: crate_version(&file(MANIFEST)?)?,
            commit,
        })
    }

    /// Reads the spec at the last release.
    pub(crate) fn read_last_release(root: &Path) -> Result<Self, String> {
        let revision = workspace::last_release(root).ok_or(NO_BASE)?;
        Self::read_revision(root, &revision)
    }

    /// Reads the spec in a file. A file does not contain the version of the crates, so this uses the version of the last
    /// release, or that of the working tree if there is no release.
    pub(crate) fn read_file(path: &Path, root: &Path, tree: &Self) -> Result<Self, String> {
        let name = path.display().to_string();
        let api = Spec::parse(&name, &workspace::read(path)?).map_err(one_line)?;
        if api.root().get("openapi").is_none() {
            return Err(format!("{name} is not an OpenAPI document: it has no `openapi` member"));
        }
        let released = Self::read_last_release(root).map(|base| base.version);
        let version = released.unwrap_or_else(|_| tree.version.clone());
        Ok(Self { name, api, onboarding: None, version, commit: None })
    }
}

fn one_line(Finding { file, line, message, .. }: Finding) -> String {
    format!("{file}:{line}: {message}")
}

/// Returns the version that the crates of a workspace share.
fn crate_version(manifest: &str) -> Result<Version, String> {
    let manifest: toml::Table = toml::from_str(manifest)
        .map_err(|error| format!("could not parse {MANIFEST}: {}", error.message()))?;
    let version = manifest
        .get("workspace")
        .and_then(|workspace| workspace.get("package")?.get("version")?.as_str())
        .ok_or_else(|| format!("{MANIFEST} has no `version` in `[workspace.package]`"))?;
    version.parse().map_err(|error| format!("invalid version `{version}` in {MANIFEST}: {error}"))
}
