//! The command line, typed.

use std::path::PathBuf;

xflags::xflags! {
    /// What a maintainer of this workspace does.
    cmd xtask {
        /// Write everything that follows from the files in `specs/`.
        cmd generate {
            /// Write nothing; fail, with a diff, where something is stale or was edited by hand.
            optional --check
            /// The folder of the workspace, where it is not this one.
            optional --root root: PathBuf
        }
        /// Check the files in `specs/` against the rules of this workspace.
        cmd lint {
            /// The folder of the workspace, where it is not this one.
            optional --root root: PathBuf
        }
        /// Say what has changed in the spec, whom it breaks, and which version follows. Ends with 1 where the version
        /// of the crates does not say so yet.
        cmd diff {
            /// The older version: an OpenAPI file.
            optional file: PathBuf
            /// The older version: a git revision. Without it and a file, the last release tag, else the commit that
            /// brought the spec.
            optional --base revision: String
            /// For programs.
            optional --json
            /// The folder of the workspace, where it is not this one.
            optional --root root: PathBuf
        }
        /// Make ten edits of the spec on a copy of the tree, and show what follows by itself and what by hand.
        cmd drill {
            /// Run the tests too, which takes long.
            optional --full
            /// Only the edits with these words in their name, and nothing before them.
            optional --only words: String
        }
        /// Show how far each operation has come: traits, stand-ins, their contract, the command line.
        cmd coverage {
            /// The folder of the workspace, where it is not this one.
            optional --root root: PathBuf
        }
        /// Hold the spec against what the vendor publishes.
        cmd drift {
            /// A file of the vendor's, OpenAPI 3 as JSON; there is one for each service.
            required vendor: PathBuf
            /// Those of other services.
            repeated more: PathBuf
            /// Also write the report to this file, as Markdown.
            optional --markdown markdown: PathBuf
            /// The folder of the workspace, where it is not this one.
            optional --root root: PathBuf
        }
        /// What CI runs: format, lint, freshness, tests, docs.
        cmd ci {
            /// Also what takes longer: single features, licences, the spec through other people's tools.
            optional --full
        }
        /// Whether the workspace can be released: versions, changelog, packages, public API, docs.
        cmd release {
            /// Look, and release nothing. The rest is a person's.
            optional --dry-run
            /// The folder of the workspace, where it is not this one.
            optional --root root: PathBuf
        }
        /// Put the spec through other people's tools: validators, client generators, a mock server.
        cmd interop {
        }
    }
}
