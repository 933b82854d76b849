//! Runs other programs.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process;

use crate::workspace;

/// A program with its arguments.
#[derive(Debug, Clone)]
pub(crate) struct Command {
    program: String,
    arguments: Vec<String>,
    directory: Option<PathBuf>,
    variables: Vec<(String, String)>,
}

impl Command {
    pub(crate) fn new(program: &str, arguments: &[&str]) -> Self {
        let arguments = arguments.iter().map(ToString::to_string).collect();
        Self { program: program.to_owned(), arguments, directory: None, variables: Vec::new() }
    }

    /// Sets the working directory.
    pub(crate) fn current_dir(mut self, directory: &Path) -> Self {
        self.directory = Some(directory.to_owned());
        self
    }

    /// Sets an environment variable.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Runs the program with its output going to the terminal. Returns an error if the program fails.
    pub(crate) fn run(&self) -> Result<(), String> {
        let status = self.prepare().status().map_err(|error| self.start_error(&error))?;
        if status.success() { Ok(()) } else { Err(format!("`{self}` failed ({status})")) }
    }

    /// Runs the program with its output going to the terminal. If it fails, the error contains the lines of its standard
    /// output for which `is_listed` returns `true`.
    pub(crate) fn run_and_list(&self, is_listed: impl Fn(&str) -> bool) -> Result<(), String> {
        let mut command = self.prepare();
        let mut child =
            command.stdout(process::Stdio::piped()).spawn().map_err(|error| self.start_error(&error))?;
        let mut listed = String::new();
        for line in child.stdout.take().into_iter().flat_map(|stdout| BufReader::new(stdout).lines()) {
            let line = line.map_err(|error| format!("could not read the output of `{self}`: {error}"))?;
            if is_listed(&line) {
                listed.push_str("\n  ");
                listed.push_str(&line);
            }
            workspace::print(&line);
        }
        let status = child.wait().map_err(|error| format!("could not wait for `{self}`: {error}"))?;
        if status.success() { Ok(()) } else { Err(format!("`{self}` failed ({status}){listed}")) }
    }

    /// Runs the program and returns its standard output, followed by its standard error. If the program fails, both
    /// are in the error.
    pub(crate) fn output(&self) -> Result<String, String> {
        let output = self.prepare().output().map_err(|error| self.start_error(&error))?;
        let text =
            [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
        if output.status.success() {
            Ok(text)
        } else {
            Err(format!("`{self}` failed ({})\n{text}", output.status))
        }
    }

    /// Runs the program and returns whether it succeeded, with its standard output.
    pub(crate) fn status_and_stdout(&self) -> Result<(bool, String), String> {
        let output = self.prepare().output().map_err(|error| self.start_error(&error))?;
        Ok((output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned()))
    }

    /// Starts the program with its output going to a file, and does not wait for it.
    pub(crate) fn start(&self, log: &Path) -> Result<process::Child, String> {
        let file = std::fs::File::create(log).map_err(|error| self.start_error(&error))?;
        let errors = file.try_clone().map_err(|error| self.start_error(&error))?;
        self.prepare().stdout(file).stderr(errors).spawn().map_err(|error| self.start_error(&error))
    }

    fn prepare(&self) -> process::Command {
        let mut command = process::Command::new(&self.program);
        command.args(&self.arguments).stdin(process::Stdio::null());
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        if let Some(directory) = &self.directory {
            command.current_dir(directory);
        }
        command
    }

    fn start_error(&self, error: &std::io::Error) -> String {
        format!("could not start `{self}`: {error}")
    }
}

impl std::fmt::Display for Command {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.program, self.arguments.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::Command;

    #[test]
    fn error_lists_the_chosen_lines_of_the_output() {
        let script = "echo test a ... ok; echo test b ... FAILED; echo test c ... FAILED; exit 3";
        let run = |script| Command::new("sh", &["-c", script]).run_and_list(|line| line.ends_with("FAILED"));
        let error = run(script).unwrap_err();
        assert!(error.ends_with("\n  test b ... FAILED\n  test c ... FAILED"), "{error}");
        assert_eq!(run("echo FAILED"), Ok(()));
    }
}
