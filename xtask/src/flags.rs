//! The command line.

use std::path::PathBuf;

xflags::xflags! {
    /// Maintenance tasks of this workspace.
    cmd xtask {
        /// Generate all code and files that are derived from `specs/`.
        cmd generate {
            /// Write nothing. Fail with a diff if a generated file is stale or was edited by hand.
            optional --check
            /// Root directory of the workspace. Defaults to this workspace.
            optional --root root: PathBuf
        }
        /// Check the files in `specs/` against the lint rules.
        cmd lint {
            /// Root directory of the workspace. Defaults to this workspace.
            optional --root root: PathBuf
        }
        /// Show how the spec has changed, which changes break callers, and which version bump they require.
        /// Exits with 1 if the version in `Cargo.toml` is too low for the changes, and with 2 if there is nothing
        /// to compare.
        cmd diff {
            /// An OpenAPI file to compare with.
            optional file: PathBuf
            /// A git revision to compare with. Defaults to the last release tag
            /// if there is no release.
            optional --base revision: String
            /// Also generate the code in a copy of the workspace and show which files no longer compile. If everything
            /// compiles and `cargo-semver-checks` is installed, it compares the public API of `carium-api`.
            optional --compile
            /// Print JSON.
            optional --json
            /// Root directory of the workspace. Defaults to this workspace.
            optional --root root: PathBuf
        }
        /// Compare the spec with the vendor's own API description.
        cmd drift {
            /// An OpenAPI 3 file of the vendor, in JSON. The vendor publishes one for each service.
            required vendor: PathBuf
            /// The files of other services.
            repeated more: PathBuf
            /// Root directory of the workspace. Defaults to this workspace.
            optional --root root: PathBuf
        }
        /// Check the language of all tracked text files: report words to avoid, with their replacements.
        cmd words {
            /// Root directory of the workspace. Defaults to this workspace.
            optional --root root: PathBuf
        }
        /// Run everything that CI runs: format, words, specs, generated code, Rust versions, lints, docs, public API,
        /// tests, spec edits.
        cmd ci {
            /// Also run the slow checks: single features, licenses, the guide, queue databases, third-party tools.
            optional --full
        }
        /// Check whether the workspace can be released: versions, changelog, packages, public API, docs.
        cmd release {
            /// Run the checks. Publishing is manual.
            optional --dry-run
            /// Turn the section `Unreleased` of the changelog into the section of this version, with the date of today.
            optional --close-changelog
            /// Root directory of the workspace. Defaults to this workspace.
            optional --root root: PathBuf
        }
        /// Write the listings of the public API in `docs/public-api`, one for each published library.
        cmd api {
            /// Write nothing. Fail if the public API differs from a listing.
            optional --check
            /// Root directory of the workspace. Defaults to this workspace.
            optional --root root: PathBuf
        }
        /// Measure the client against code that is written by hand with `reqwest`, and against `curl`.
        cmd bench {
            /// The number of measurements of each pair. Defaults to 7.
            optional --pairs number: usize
            /// Measure one row, by the name of its work, such as `get`. `cold-build` measures the first build of a program
            /// with `carium`, which takes minutes for each pair.
            optional --only work: String
            /// Measure the queue of rows instead, against that of this git revision.
            optional --base revision: String
            /// Count instructions instead, and fail if there are more than the stored ones.
            optional --check
            /// Count instructions, and store the counts.
            optional --update
        }
        /// Check that third-party tools accept the spec: validators, client generators, a mock server.
        cmd interop {
        }
        /// Onboard files over a connection that fails at random, while processes are killed and the service, the disk
        /// and the database fail, and check that nothing is lost, created twice or unreported.
        cmd chaos {
            /// Number of seeds. Defaults to 20.
            optional --seeds number: u64
            /// Number of rows of each file. Defaults to 20.
            optional --rows number: u64
            /// Run this seed only. The report of a seed that failed names it.
            optional --seed number: u64
            /// Use a PostgreSQL server and two workers instead of an SQLite file.
            optional --postgres
        }
    }
}
