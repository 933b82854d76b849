//! The columns of the table, each with the words for a hole in it.

/// A column.
pub(super) struct Column {
    pub(super) name: &'static str,
    /// What is said of an operation that is not in it.
    pub(super) missing: &'static str,
    pub(super) mend: &'static str,
}

pub(super) const COLUMNS: [Column; 7] = [
    Column { name: "generated", missing: "has no generated method", mend: "run `cargo xtask generate`" },
    Column {
        name: "trait",
        missing: "is called by no trait of `carium`",
        mend: "give the trait of its subject a method, and the implementation over the API a call",
    },
    Column {
        name: "fake",
        missing: "is not answered by the fake",
        mend: "answer it in `carry_out` of crates/carium-mock/src/service.rs",
    },
    Column {
        name: "sandbox",
        missing: "is not served by the sandbox",
        mend: "let the fake answer it, and run `cargo xtask generate`",
    },
    Column {
        name: "suite",
        missing: "is reached by no check of the contract suite",
        mend: "write a check in crates/carium-mock/src/contract_tests, with its row in table.rs",
    },
    Column {
        name: "api",
        missing: "is not in the table of `carium api`",
        mend: "run `cargo xtask generate`",
    },
    Column {
        name: "command",
        missing: "is reached by no command of `carium` but `api`",
        mend: "write a command in crates/carium-cli/src/commands",
    },
];
