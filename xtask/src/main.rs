//! What a maintainer of this workspace does. `cargo xtask help` lists it.
//!
//! `main` only dispatches; each command has a module of its own.

mod ci;
mod coverage;
mod diff;
mod document;
mod drift;
mod drill;
mod finding;
mod flags;
mod generate;
mod interop;
mod lint;
mod lower;
mod process;
mod release;
mod rust;
mod spec;
mod workspace;

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use flags::{Generate, XtaskCmd};
use generate::Sources;

fn main() -> ExitCode {
    // Whoever does not know the commands yet asks for them in one of these ways.
    let mut arguments: Vec<_> = std::env::args_os().skip(1).collect();
    if arguments.first().is_none_or(|first| first == "help") {
        arguments = vec!["--help".into()];
    }
    let flags = match flags::Xtask::from_vec(arguments) {
        Ok(flags) => flags,
        Err(error) if error.is_help() => error.exit(),
        Err(error) => {
            workspace::complain(&format!("{error}; `cargo xtask help` lists the commands"));
            return ExitCode::from(2);
        }
    };
    let result = match flags.subcommand {
        XtaskCmd::Generate(flags) => run_generate(&flags),
        XtaskCmd::Lint(flags) => run_lint(&workspace::root(flags.root)),
        // It has exit codes of its own.
        XtaskCmd::Diff(flags) => return diff::run(&flags),
        XtaskCmd::Drill(flags) => drill::run(&workspace::root(None), flags.full, flags.only.as_deref()),
        XtaskCmd::Ci(flags) => ci::run(flags.full),
        XtaskCmd::Coverage(flags) => coverage::run(&workspace::root(flags.root)),
        XtaskCmd::Drift(flags) => drift::run(&flags),
        XtaskCmd::Release(flags) => release::run(&flags),
        XtaskCmd::Interop(_) => interop::run(&workspace::root(None)),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            workspace::complain(&message);
            ExitCode::FAILURE
        }
    }
}

fn run_generate(flags: &Generate) -> Result<(), String> {
    let root = workspace::root(flags.root.clone());
    let start = Instant::now();
    let outputs = generate::outputs(&Sources::read(&root)?)?;
    let disk = |error: std::io::Error| format!("the generated files cannot be read or written: {error}");
    let done = if flags.check {
        if let Some(report) = generate::check(&root, &outputs).map_err(disk)? {
            return Err(report);
        }
        "fresh".to_owned()
    } else {
        let changed = generate::write(&root, &outputs).map_err(disk)?;
        for path in &changed {
            workspace::say(path);
        }
        format!("{} changed", changed.len())
    };
    workspace::say(&format!("{} files, {done}, in {:.2} s", outputs.len(), start.elapsed().as_secs_f64()));
    Ok(())
}

fn run_lint(root: &Path) -> Result<(), String> {
    let findings = Sources::read(root)?.lint();
    if !findings.is_empty() {
        return Err(finding::report(&findings));
    }
    workspace::say("no findings");
    Ok(())
}
