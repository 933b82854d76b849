//! A file that the vendor publishes: read, and asked for our operations.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::api::Api;
use crate::spec::members;

/// A vendor's file, with the paths that it documents.
#[derive(Debug, Clone)]
pub(super) struct Vendor {
    pub(super) api: Api,
    paths: Vec<Documented>,
}

/// A path, as it is behind one of the servers.
#[derive(Debug, Clone)]
struct Documented {
    /// The whole of it, from the root of the host.
    path: String,
    /// The name of the path item in the file.
    key: String,
}

/// An operation that was found in a vendor's file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found<'a> {
    /// The whole path.
    pub(super) path: &'a str,
    /// The path item, whose parameters the operation shares.
    pub(super) item: &'a Value,
}

impl Vendor {
    /// Reads a file.
    ///
    /// # Errors
    /// One sentence: it cannot be read, is not JSON, or not a description that this understands.
    pub(super) fn read(path: &Path) -> Result<Self, String> {
        let file = path.display().to_string();
        let text = fs::read_to_string(path).map_err(|error| format!("{file} cannot be read: {error}"))?;
        Self::parse(&file, &text)
    }

    pub(super) fn parse(file: &str, text: &str) -> Result<Self, String> {
        // Files that were saved on Windows begin with a mark.
        let root: Value = serde_json::from_str(text.trim_start_matches('\u{feff}'))
            .map_err(|error| format!("{file} is not JSON ({error}); ask for the file in that form"))?;
        let version = ["openapi", "swagger"].into_iter().find_map(|word| root.get(word)?.as_str());
        match version {
            Some(version) if version == "3" || version.starts_with("3.") => {}
            Some(version) => {
                return Err(format!("{file} is of version {version}; OpenAPI 3 is understood, and no other"));
            }
            None => {
                return Err(format!(
                    "{file} is no description of an API: it has neither `openapi` nor `swagger` at its top"
                ));
            }
        }
        if !root.get("paths").is_some_and(Value::is_object) {
            return Err(format!("{file} documents no paths: it has no map `paths`"));
        }
        let paths = documented(&root);
        Ok(Self { api: Api { file: file.to_owned(), root }, paths })
    }

    /// How the file names itself.
    pub(super) fn title(&self) -> String {
        let info = |member: &str| self.api.root.pointer("/info").and_then(|info| info.get(member)?.as_str());
        match (info("title"), info("version")) {
            (Some(title), Some(version)) => format!("{} ({title} {version})", self.api.file),
            (Some(name), None) | (None, Some(name)) => format!("{} ({name})", self.api.file),
            (None, None) => self.api.file.clone(),
        }
    }

    /// Whether anything of a service is documented.
    pub(super) fn has_service(&self, service: &str) -> bool {
        self.paths.iter().any(|it| segments(&it.path).first() == Some(&service))
    }

    /// The path items at a path of ours, whatever their parameters are called. One that ends as ours does, with or
    /// without a slash, comes first.
    ///
    /// # Errors
    /// A reference leads nowhere, out of the file, or in a circle.
    pub(super) fn at(&self, ours: &str) -> Result<Vec<Found<'_>>, String> {
        let mut same: Vec<_> = self.paths.iter().filter(|it| is_same(&it.path, ours)).collect();
        same.sort_by_key(|it| it.path.ends_with('/') != ours.ends_with('/'));
        let items = self.api.root.get("paths");
        let found = same.into_iter().filter_map(|it| Some((it, items?.get(&it.key)?)));
        found.map(|(it, item)| Ok(Found { path: &it.path, item: self.api.follow(item)? })).collect()
    }

    /// The paths of a service.
    pub(super) fn paths_of(&self, service: &str) -> impl Iterator<Item = &str> {
        let of_service = move |it: &&Documented| segments(&it.path).first() == Some(&service);
        self.paths.iter().filter(of_service).map(|it| it.path.as_str())
    }
}

fn documented(root: &Value) -> Vec<Documented> {
    let mut paths: Vec<Documented> = Vec::new();
    for (key, item) in members(root.get("paths")).filter(|(key, _)| key.starts_with('/')) {
        // A part of the path may stand with the servers: of the document, of the path, or of an operation.
        let mut servers = vec![root.get("servers"), item.get("servers")];
        servers.extend(members(Some(item)).map(|(_, operation)| operation.get("servers")));
        let servers = servers.into_iter().flatten().filter_map(Value::as_array).flatten();
        let bases = servers.map(base_path).chain([String::new()]);
        for base in bases {
            let path = format!("{base}{key}");
            if !paths.iter().any(|it| it.path == path && it.key == *key) {
                paths.push(Documented { path, key: key.to_owned() });
            }
        }
    }
    paths
}

/// The path of a server, without a slash at its end. Variables have their defaults.
fn base_path(server: &Value) -> String {
    let mut url = server.get("url").and_then(Value::as_str).unwrap_or_default().to_owned();
    for (name, variable) in members(server.get("variables")) {
        if let Some(default) = variable.get("default").and_then(Value::as_str) {
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

/// The parts of a path. A slash at its end or in the middle too many is none.
pub(super) fn segments(path: &str) -> Vec<&str> {
    path.split('/').filter(|segment| !segment.is_empty()).collect()
}

pub(super) fn is_parameter(segment: &str) -> bool {
    segment.starts_with('{') && segment.ends_with('}')
}

/// Whether two paths are the same but for the names of parameters and the slash at the end.
fn is_same(one: &str, other: &str) -> bool {
    let (one, other) = (segments(one), segments(other));
    one.len() == other.len()
        && one
            .iter()
            .zip(&other)
            .all(|(one, other)| one == other || (is_parameter(one) && is_parameter(other)))
}
