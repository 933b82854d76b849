//! Rust files, parsed.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use proc_macro2::{TokenStream, TokenTree};

/// One file of a crate.
pub(super) struct Source {
    /// The crate, as other crates name it.
    pub(super) of_crate: &'static str,
    /// From the crate's `src`, with `/`.
    pub(super) path: String,
    pub(super) file: syn::File,
}

impl Source {
    /// The name of the module: `upload` of `documents/upload.rs`.
    pub(super) fn module(&self) -> &str {
        let name = self.path.rsplit('/').next().unwrap_or_default();
        name.strip_suffix(".rs").unwrap_or(name)
    }
}

/// A file of the workspace.
pub(super) fn parse(root: &Path, path: &str) -> Result<syn::File, String> {
    let text = text(root, path)?;
    syn::parse_file(&text).map_err(|error| format!("{path} is not Rust: {error}"))
}

/// The text of a file of the workspace.
pub(super) fn text(root: &Path, path: &str) -> Result<String, String> {
    fs::read_to_string(root.join(path)).map_err(|error| format!("{path} cannot be read: {error}"))
}

/// The files below a crate's `src`, or below a folder in it, less those that are generated; in a stable order.
pub(super) fn of_crate(
    root: &Path,
    of_crate: &'static str,
    folder: &str,
    below: &str,
) -> Result<Vec<Source>, String> {
    let mut paths = Vec::new();
    let base = root.join(folder);
    walk(&base.join(below), &mut paths).map_err(|error| format!("{folder} cannot be read: {error}"))?;
    paths.sort();
    let mut sources = Vec::new();
    for path in paths {
        let Ok(relative) = path.strip_prefix(&base) else { continue };
        let relative =
            relative.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>();
        let relative = relative.join("/");
        if relative.split('/').any(|part| part == "generated") {
            continue;
        }
        let file = parse(root, &format!("{folder}/{relative}"))?;
        sources.push(Source { of_crate, path: relative, file });
    }
    Ok(sources)
}

fn walk(folder: &Path, found: &mut Vec<std::path::PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            walk(&path, found)?;
        } else if path.extension().is_some_and(|it| it == "rs") {
            found.push(path);
        }
    }
    Ok(())
}

/// The words in a piece of code, in macros too.
pub(super) fn identifiers(tokens: TokenStream) -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    for token in tokens {
        match token {
            TokenTree::Ident(word) => {
                words.insert(word.to_string());
            }
            TokenTree::Group(group) => words.append(&mut identifiers(group.stream())),
            TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
    }
    words
}
