//! The hand-written code that generated code refers to, read as text, so that it does not have to compile.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::workspace;

/// The directory of the domain crate.
const CARIUM: &str = "crates/carium/src";
/// The file with the rules of the fake.
const RULES: &str = "crates/carium-mock/src/service/operations.rs";
/// The line before its first rule.
const FIRST_RULE: &str = "match request.operation.id {";

/// The page of the guide with the table of retry classes.
const RETRY_CLASSES: &str = "docs/src/errors.md";
/// The heading of that table.
const RETRY_CLASSES_HEADING: &str = "| class | operations |";

/// The source files of the domain crate, the rules of the fake, and the page of the retry classes.
pub(crate) struct CodeSources {
    /// The path of each file relative to the workspace, and its text, sorted by path.
    files: Vec<(String, String)>,
    /// The names in upper case in these files, such as those of operations.
    constants: HashSet<String>,
    rules: String,
    retry_classes: String,
}

impl CodeSources {
    /// Reads the files.
    ///
    /// # Errors
    /// A file cannot be read.
    pub(crate) fn read(root: &Path) -> Result<Self, String> {
        let mut paths = Vec::new();
        collect(&root.join(CARIUM), &mut paths)?;
        paths.sort();
        let files = paths.into_iter().map(|path| {
            let text = workspace::read(&path)?;
            let relative = path.strip_prefix(root).unwrap_or(&path);
            Ok((relative.to_string_lossy().replace('\\', "/"), text))
        });
        let files = files.collect::<Result<Vec<_>, String>>()?;
        Ok(Self {
            constants: files.iter().flat_map(|(_, text)| constants(text)).map(str::to_owned).collect(),
            files,
            rules: workspace::read(&root.join(RULES))?,
            retry_classes: workspace::read(&root.join(RETRY_CLASSES))?,
        })
    }

    /// Returns the files of the domain crate, each with its path in the source directory.
    pub(super) fn domain_files(&self) -> impl Iterator<Item = (&str, &str)> {
        let in_source = |path: &str| path.len() - path.strip_prefix(CARIUM).map_or(0, |rest| rest.len() - 1);
        self.files.iter().map(move |(path, text)| (&path[in_source(path)..], text.as_str()))
    }

    /// Returns whether the domain crate calls an operation: login is called by its session.
    pub(super) fn calls_operation(&self, id: &str) -> bool {
        self.constants.contains(&id.to_uppercase())
    }

    /// Returns whether the fake has a rule for an operation.
    pub(super) fn has_rule(&self, id: &str) -> bool {
        self.rules.contains(&format!("\"{id}\" =>"))
    }

    /// Returns the file and line of the row of a retry class in the guide, if the row does not name an operation.
    pub(super) fn place_of_missing_retry_class(&self, id: &str, class: &str) -> Option<String> {
        let lines = self.retry_classes.lines().enumerate();
        let mut table = lines.skip_while(|(_, line)| *line != RETRY_CLASSES_HEADING);
        let (number, row) = table.find(|(_, line)| line.starts_with(&format!("| `{class}` |")))?;
        let is_named = row.contains(&format!("`{id}`"));
        let is_list = id.starts_with("list_") && row.contains("all lists");
        (!is_named && !is_list).then(|| format!("{RETRY_CLASSES}:{}", number + 1))
    }

    /// Returns the file and line of the rules of the fake.
    pub(super) fn place_of_rules(&self) -> String {
        let line = self.rules.lines().position(|line| line.contains(FIRST_RULE)).unwrap_or_default();
        format!("{RULES}:{}", line + 1)
    }

    /// Returns whether an `impl` block of a type has a public method with this name.
    pub(super) fn has_method(&self, type_name: &str, method: &str) -> bool {
        self.impls(type_name).any(|(_, _, block)| block.contains(&format!("    pub fn {method}(")))
    }

    /// Returns the file and line of the first `impl` block of a type.
    pub(super) fn place_of_impl(&self, type_name: &str) -> String {
        let place = self.impls(type_name).next().map(|(file, line, _)| format!("{file}:{line}"));
        place.unwrap_or_else(|| CARIUM.to_owned())
    }

    /// Returns the `impl` blocks of a type: file, line and text.
    fn impls<'a>(&'a self, type_name: &'a str) -> impl Iterator<Item = (&'a str, usize, &'a str)> {
        let head = format!("\nimpl {type_name} {{");
        self.files.iter().filter_map(move |(file, text)| {
            let start = text.find(&head)?;
            let block = &text[start + 1..];
            let end = block.find("\n}").unwrap_or(block.len());
            Some((file.as_str(), text[..start].lines().count() + 1, &block[..end]))
        })
    }
}

/// Returns the names in upper case.
fn constants(text: &str) -> impl Iterator<Item = &str> {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let words = text.as_bytes().split(move |byte| !is_part(byte));
    let is_constant = |word: &&[u8]| !word.is_empty() && !word.iter().any(u8::is_ascii_lowercase);
    words.filter(is_constant).filter_map(|word| str::from_utf8(word).ok())
}

fn collect(directory: &Path, paths: &mut Vec<PathBuf>) -> Result<(), String> {
    let error = |error| format!("could not read {}: {error}", directory.display());
    for entry in fs::read_dir(directory).map_err(error)? {
        let path = entry.map_err(error)?.path();
        // The generated files are outputs, not sources.
        if path.is_dir() && path.file_name().is_some_and(|name| name != "generated") {
            collect(&path, paths)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            paths.push(path);
        }
    }
    Ok(())
}
