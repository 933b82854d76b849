//! Other programs, run.

use std::path::{Path, PathBuf};
use std::process;

/// What a run that found nothing ends with.
pub(crate) const ALL_IS_WELL: &str = "all is well";

/// A program with its arguments.
#[derive(Debug, Clone)]
pub(crate) struct Command {
    program: String,
    arguments: Vec<String>,
    folder: Option<PathBuf>,
    variables: Vec<(String, String)>,
}

impl Command {
    pub(crate) fn new(program: &str, arguments: &[&str]) -> Self {
        let arguments = arguments.iter().map(ToString::to_string).collect();
        Self { program: program.to_owned(), arguments, folder: None, variables: Vec::new() }
    }

    /// Runs in this folder.
    pub(crate) fn within(mut self, folder: &Path) -> Self {
        self.folder = Some(folder.to_owned());
        self
    }

    /// Runs with this environment variable.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Runs the program and lets it talk; an error where it fails.
    pub(crate) fn run(&self) -> Result<(), String> {
        let status = self.prepared().status().map_err(|error| self.not_started(&error))?;
        if status.success() { Ok(()) } else { Err(format!("`{self}` ended with {status}")) }
    }

    /// Runs the program and returns all that it said; an error, with that, where it fails.
    pub(crate) fn output(&self) -> Result<String, String> {
        let output = self.prepared().output().map_err(|error| self.not_started(&error))?;
        let said =
            [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
        if output.status.success() {
            Ok(said)
        } else {
            Err(format!("`{self}` ended with {}\n{said}", output.status))
        }
    }

    /// Runs the program and returns what it wrote to its standard output, where it succeeds.
    pub(crate) fn answer(&self) -> Result<String, String> {
        match self.outcome()? {
            (true, said) => Ok(said),
            (false, _) => Err(format!("`{self}` failed")),
        }
    }

    /// Runs the program; says whether it succeeded, and what it wrote to its standard output.
    pub(crate) fn outcome(&self) -> Result<(bool, String), String> {
        let output = self.prepared().output().map_err(|error| self.not_started(&error))?;
        Ok((output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned()))
    }

    /// Starts the program with its output going to a file.
    pub(crate) fn start(&self, log: &Path) -> Result<process::Child, String> {
        let file = std::fs::File::create(log).map_err(|error| self.not_started(&error))?;
        let errors = file.try_clone().map_err(|error| self.not_started(&error))?;
        self.prepared().stdout(file).stderr(errors).spawn().map_err(|error| self.not_started(&error))
    }

    fn prepared(&self) -> process::Command {
        let mut command = process::Command::new(&self.program);
        command.args(&self.arguments).stdin(process::Stdio::null());
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        if let Some(folder) = &self.folder {
            command.current_dir(folder);
        }
        command
    }

    fn not_started(&self, error: &std::io::Error) -> String {
        format!("`{self}` could not be started: {error}")
    }
}

impl std::fmt::Display for Command {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.program, self.arguments.join(" "))
    }
}
