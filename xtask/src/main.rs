//! Maintenance tasks of this workspace. `cargo xtask help` lists the commands.
//!
//! `main` parses the command line and dispatches; each command is in its own module.

mod api;
mod bench;
mod chaos;
mod ci;
mod crates;
mod diff;
mod document;
mod drift;
#[cfg(test)]
mod edit;
mod flags;
mod generate;
mod interop;
mod json;
mod json_schema;
mod lint;
mod lower;
mod process;
mod release;
mod rust;
mod rust_versions;
mod spec;
mod words;
mod workspace;

use std::process::ExitCode;
use std::time::Instant;

use flags::{Generate, XtaskCmd};
use spec::Sources;

fn main() -> ExitCode {
    // `xflags` supports `--help`, but neither a command `help` nor a call without arguments.
    let mut arguments: Vec<_> = std::env::args_os().skip(1).collect();
    if arguments.first().is_none_or(|first| first == "help") {
        arguments = vec!["--help".into()];
    }
    let flags = match flags::Xtask::from_vec(arguments) {
        Ok(flags) => flags,
        Err(error) if error.is_help() => error.exit(),
        Err(error) => {
            workspace::print_error(&format!("{error}; `cargo xtask help` lists the commands"));
            return ExitCode::from(2);
        }
    };
    let result = match flags.subcommand {
        XtaskCmd::Generate(flags) => run_generate(&flags),
        XtaskCmd::Lint(flags) => lint::command(&workspace::root(flags.root)),
        // `diff` has its own exit codes.
        XtaskCmd::Diff(flags) => return diff::run(&flags),
        XtaskCmd::Drift(flags) => drift::run(&flags),
        XtaskCmd::Words(flags) => words::run(&workspace::root(flags.root)),
        XtaskCmd::Ci(flags) => ci::run(flags.full),
        XtaskCmd::Release(flags) => release::run(&flags),
        XtaskCmd::Api(flags) => api::run(&workspace::root(flags.root), flags.check),
        XtaskCmd::Bench(flags) => bench::run(&flags),
        XtaskCmd::Chaos(flags) => chaos::run(&workspace::root(None), &flags),
        XtaskCmd::Interop(_) => interop::run(&workspace::root(None)),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            workspace::print_error(&message);
            ExitCode::FAILURE
        }
    }
}

fn run_generate(flags: &Generate) -> Result<(), String> {
    let root = workspace::root(flags.root.clone());
    let start = Instant::now();
    let (sources, code) = (Sources::read(&root)?, generate::CodeSources::read(&root)?);
    let outputs = generate::outputs(&sources, &code)?;
    let result = if flags.check {
        generate::check(&root, &outputs)?;
        "up to date".to_owned()
    } else {
        let changed = generate::write(&root, &outputs)?;
        for path in &changed {
            workspace::print(path);
        }
        format!("{} changed", changed.len())
    };
    for note in generate::notes(&sources, &code) {
        workspace::print(&format!("by hand: {note}"));
    }
    let seconds = start.elapsed().as_secs_f64();
    workspace::print(&format!("{} files, {result}, in {seconds:.2} s", outputs.len()));
    Ok(())
}
