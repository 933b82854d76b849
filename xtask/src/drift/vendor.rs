//! API descriptions: our spec, and the files of the vendor.

use std::path::Path;

use serde_json::Value;

use crate::json::{items, members, text};
use crate::spec::{METHODS, Spec};
use crate::workspace;

/// A description of an API, with the name of its file for error messages.
#[derive(Debug, Clone)]
pub(super) struct Api {
    pub(super) file: String,
    pub(super) root: Value,
}

impl Api {
    pub(super) fn new(spec: &Spec) -> Self {
        Self { file: spec.document.file.clone(), root: spec.root().clone() }
    }

    /// Returns the value at the end of a chain of references, or the value itself.
    ///
    /// # Errors
    /// A target does not exist, is in another file, or refers back to a reference of the chain.
    pub(super) fn follow<'a>(&'a self, value: &'a Value) -> Result<&'a Value, String> {
        let mut seen: Vec<&str> = Vec::new();
        let mut at = value;
        while let Some(reference) = reference(at) {
            if seen.contains(&reference) {
                return Err(self.cycle_error(reference));
            }
            seen.push(reference);
            at = self.target(reference)?;
        }
        Ok(at)
    }

    /// Returns the target of a reference.
    ///
    /// # Errors
    /// The target does not exist or is in another file.
    pub(super) fn target(&self, reference: &str) -> Result<&Value, String> {
        let Some(pointer) = reference.strip_prefix('#') else {
            return Err(format!(
                "{}: the reference `{reference}` leads to another file; combine the files into one first",
                self.file
            ));
        };
        // References are URLs, so some tools encode braces and slashes.
        let decoded = percent_encoding::percent_decode_str(pointer).decode_utf8_lossy();
        let target = self.root.pointer(pointer).or_else(|| self.root.pointer(&decoded));
        target
            .ok_or_else(|| format!("{}: the target of the reference `{reference}` does not exist", self.file))
    }

    pub(super) fn cycle_error(&self, reference: &str) -> String {
        format!("{}: the reference `{reference}` leads back to itself", self.file)
    }
}

/// Returns the target of a value that is a reference.
pub(super) fn reference(value: &Value) -> Option<&str> {
    text(value, "$ref")
}

/// A file of the vendor.
#[derive(Debug, Clone)]
pub(super) struct Vendor {
    pub(super) api: Api,
    paths: Vec<ServedPath>,
}

/// A path as one of the servers serves it.
#[derive(Debug, Clone)]
struct ServedPath {
    /// The full path, including that of the server.
    path: String,
    /// The key of the path item in the file.
    key: String,
}

/// A path item of the vendor for a path of ours.
#[derive(Debug, Clone, Copy)]
pub(super) struct DocumentedPath<'a> {
    /// The full path.
    pub(super) path: &'a str,
    /// The path item, whose parameters its operations share.
    pub(super) item: &'a Value,
}

impl Vendor {
    /// Reads a file.
    ///
    /// # Errors
    /// The file cannot be read, is not JSON, or is not an OpenAPI 3 document.
    pub(super) fn read(path: &Path) -> Result<Self, String> {
        let file = path.display().to_string();
        Self::parse(&file, &workspace::read(path)?)
    }

    pub(super) fn parse(file: &str, text: &str) -> Result<Self, String> {
        // Files that were saved on Windows may begin with a byte order mark.
        let root: Value = serde_json::from_str(text.trim_start_matches('\u{feff}'))
            .map_err(|error| format!("{file} is not JSON ({error}); convert it to JSON first"))?;
        let version = ["openapi", "swagger"].into_iter().find_map(|member| root.get(member)?.as_str());
        match version {
            Some(version) if version == "3" || version.starts_with("3.") => {}
            Some(version) => {
                return Err(format!("{file} has version {version}; only OpenAPI 3 is supported"));
            }
            None => {
                return Err(format!("{file} is not an OpenAPI document: it has no `openapi` member"));
            }
        }
        if !root.get("paths").is_some_and(Value::is_object) {
            return Err(format!("{file} documents no paths: it has no `paths` object"));
        }
        let paths = served_paths(&root);
        Ok(Self { api: Api { file: file.to_owned(), root }, paths })
    }

    /// Returns the file's name with its title and version.
    pub(super) fn title(&self) -> String {
        let info = |member: &str| self.api.root.pointer("/info").and_then(|info| info.get(member)?.as_str());
        match (info("title"), info("version")) {
            (Some(title), Some(version)) => format!("{} ({title} {version})", self.api.file),
            (Some(name), None) | (None, Some(name)) => format!("{} ({name})", self.api.file),
            (None, None) => self.api.file.clone(),
        }
    }

    /// Whether the file documents any path of a service.
    pub(super) fn has_service(&self, service: &str) -> bool {
        self.paths_of(service).next().is_some()
    }

    /// Returns the path items for a path of ours; the names of parameters do not matter. An item whose trailing slash
    /// agrees comes first.
    ///
    /// # Errors
    /// A reference cannot be resolved.
    pub(super) fn at(&self, path: &str) -> Result<Vec<DocumentedPath<'_>>, String> {
        let mut same: Vec<_> = self.paths.iter().filter(|it| is_same(&it.path, path)).collect();
        same.sort_by_key(|it| it.path.ends_with('/') != path.ends_with('/'));
        let items = self.api.root.get("paths");
        let items = same.into_iter().filter_map(|it| Some((it, items?.get(&it.key)?)));
        items.map(|(it, item)| Ok(DocumentedPath { path: &it.path, item: self.api.follow(item)? })).collect()
    }

    /// Returns the paths of a service.
    pub(super) fn paths_of(&self, service: &str) -> impl Iterator<Item = &str> {
        let of_service = move |it: &&ServedPath| segments(&it.path).first() == Some(&service);
        self.paths.iter().filter(of_service).map(|it| it.path.as_str())
    }
}

fn served_paths(root: &Value) -> Vec<ServedPath> {
    let mut paths: Vec<ServedPath> = Vec::new();
    for (key, item) in members(root.get("paths")).filter(|(key, _)| key.starts_with('/')) {
        // The document, a path item and an operation can each have servers, whose URLs can contain part of the path.
        let mut servers = vec![root.get("servers"), item.get("servers")];
        servers.extend(members(Some(item)).map(|(_, operation)| operation.get("servers")));
        let servers = servers.into_iter().flat_map(items);
        for base in servers.map(base_path).chain([String::new()]) {
            let path = format!("{base}{key}");
            if !paths.iter().any(|it| it.path == path && it.key == *key) {
                paths.push(ServedPath { path, key: key.to_owned() });
            }
        }
    }
    paths
}

/// Returns the path of a server without a trailing slash. Variables are replaced by their defaults.
fn base_path(server: &Value) -> String {
    let mut url = text(server, "url").unwrap_or_default().to_owned();
    for (name, variable) in members(server.get("variables")) {
        if let Some(default) = text(variable, "default") {
            url = url.replace(&format!("{{{name}}}"), default);
        }
    }
    let without_host = match url.split_once("//") {
        Some((_, rest)) => rest.find('/').map_or("", |at| &rest[at..]),
        None => &url,
    };
    let path = without_host.split(['?', '#']).next().unwrap_or_default();
    let path = path.trim_matches('/');
    if path.is_empty() { String::new() } else { format!("/{path}") }
}

/// Returns the methods of a path item.
pub(super) fn methods(item: &Value) -> impl Iterator<Item = &str> {
    members(Some(item)).map(|(method, _)| method).filter(|method| METHODS.contains(method))
}

/// Returns the segments of a path. Empty ones, such as after a trailing slash, are ignored.
pub(super) fn segments(path: &str) -> Vec<&str> {
    path.split('/').filter(|segment| !segment.is_empty()).collect()
}

pub(super) fn is_path_parameter(segment: &str) -> bool {
    segment.starts_with('{') && segment.ends_with('}')
}

/// Whether two paths are equal except for the names of parameters and a trailing slash.
fn is_same(one: &str, other: &str) -> bool {
    let (one, other) = (segments(one), segments(other));
    let is_same =
        |(one, other): (&&str, &&str)| one == other || (is_path_parameter(one) && is_path_parameter(other));
    one.len() == other.len() && one.iter().zip(&other).all(is_same)
}
