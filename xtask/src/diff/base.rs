//! The version of the spec that another is compared with.

use std::fs;
use std::path::Path;

use semver::Version;

use crate::document::Document;
use crate::finding::Finding;
use crate::generate::{ONBOARDING, SPEC};
use crate::process::Command;
use crate::spec::Spec;

const MANIFEST: &str = "Cargo.toml";

/// What is said where a folder has no history to look into.
const NO_BASE: &str = "there is neither a release tag (vX.Y.Z) nor a commit that has specs/carium.yaml here; \
                       name a revision with `--base`, or a file";

/// A version of the spec, with that of the crates that it belongs to.
#[derive(Debug, Clone)]
pub(crate) struct Base {
    /// What it is called: a tag, a revision, a file.
    pub(crate) name: String,
    pub(crate) api: Spec,
    /// The schema of an onboarding file, where this version has one.
    pub(crate) onboarding: Option<Document>,
    /// The version of the crates.
    pub(crate) version: Version,
}

impl Base {
    /// The spec as it stands in a folder.
    pub(crate) fn of_tree(root: &Path) -> Result<Self, String> {
        let text = |path: &str| read(&root.join(path), path);
        Ok(Self {
            name: "the tree".to_owned(),
            api: parse_api(SPEC, &text(SPEC)?)?,
            onboarding: Some(parse_document(ONBOARDING, &text(ONBOARDING)?)?),
            version: version_of(&text(MANIFEST)?)?,
        })
    }

    /// The spec as it stood at a revision.
    pub(crate) fn of_revision(root: &Path, revision: &str) -> Result<Self, String> {
        let commit = commit(root, revision)
            .ok_or_else(|| format!("git knows no revision `{revision}` in {}", root.display()))?;
        let at = |path: &str| git(root, &["show", &format!("{commit}:{path}")]);
        let text = at(SPEC).ok_or_else(|| format!("revision `{revision}` has no {SPEC}"))?;
        let manifest = at(MANIFEST).ok_or_else(|| format!("revision `{revision}` has no {MANIFEST}"))?;
        let onboarding = at(ONBOARDING).map(|text| parse_document(ONBOARDING, &text)).transpose()?;
        let short: String = commit.chars().take(10).collect();
        let name = if commit.starts_with(revision) { short } else { format!("{revision} ({short})") };
        Ok(Self { name, api: parse_api(SPEC, &text)?, onboarding, version: version_of(&manifest)? })
    }

    /// The spec at the last release, else where it first stood.
    pub(crate) fn of_last_release(root: &Path) -> Result<Self, String> {
        let revision = last_release(root).or_else(|| first_commit(root)).ok_or(NO_BASE)?;
        Self::of_revision(root, &revision)
    }

    /// The spec in a file. It tells no version of the crates: that of the last release stands for it, else the tree's.
    pub(crate) fn of_file(path: &Path, root: &Path, tree: &Self) -> Result<Self, String> {
        let name = path.display().to_string();
        let api = parse_api(&name, &read(path, &name)?)?;
        if api.root().get("openapi").is_none() {
            return Err(format!("{name} is no OpenAPI document: it has no `openapi` at its top"));
        }
        let released = Self::of_last_release(root).map(|base| base.version);
        Ok(Self { name, api, onboarding: None, version: released.unwrap_or_else(|_| tree.version.clone()) })
    }
}

fn read(path: &Path, name: &str) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{name} cannot be read: {error}"))
}

fn parse_api(name: &str, text: &str) -> Result<Spec, String> {
    Spec::parse(name, text).map_err(in_a_sentence)
}

fn parse_document(name: &str, text: &str) -> Result<Document, String> {
    Document::parse(name, text).map_err(in_a_sentence)
}

fn in_a_sentence(Finding { file, line, what, .. }: Finding) -> String {
    format!("{file}:{line}: {what}")
}

/// The version that the crates of the workspace share.
fn version_of(manifest: &str) -> Result<Version, String> {
    let manifest: toml::Table = toml::from_str(manifest)
        .map_err(|error| format!("{MANIFEST} cannot be read: {}", error.message()))?;
    let version = manifest
        .get("workspace")
        .and_then(|workspace| workspace.get("package")?.get("version")?.as_str())
        .ok_or_else(|| format!("{MANIFEST} has no `version` in `[workspace.package]`"))?;
    version.parse().map_err(|error| format!("the version `{version}` in {MANIFEST} is none: {error}"))
}

/// What git says to a question, where it has an answer.
fn git(root: &Path, arguments: &[&str]) -> Option<String> {
    Command::new("git", arguments).within(root).answer().ok()
}

fn commit(root: &Path, revision: &str) -> Option<String> {
    let revision = format!("{revision}^{{commit}}");
    let said = git(root, &["rev-parse", "--verify", "--quiet", "--end-of-options", &revision])?;
    Some(said.trim().to_owned())
}

/// The greatest tag vX.Y.Z that leads to where the folder stands.
fn last_release(root: &Path) -> Option<String> {
    let tags = git(root, &["tag", "--list", "v*", "--merged", "HEAD"])?;
    let releases = tags.lines().filter_map(|tag| {
        let version: Version = tag.strip_prefix('v')?.parse().ok()?;
        (version.pre.is_empty() && version.build.is_empty()).then(|| (version, tag.to_owned()))
    });
    releases.max().map(|(_, tag)| tag)
}

/// The commit that brought the spec.
fn first_commit(root: &Path) -> Option<String> {
    let said = git(root, &["log", "--diff-filter=A", "--format=%H", "--reverse", "--", SPEC])?;
    said.lines().next().map(str::to_owned)
}
