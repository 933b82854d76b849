//! A sandbox for programs in other languages: says where it listens, and runs until it is ended.
//!
//! ```text
//! cargo run -p carium-mock --example sandbox --features sandbox
//! ```
//!
//! The first line of its output is `listening on http://…`; each further one is a call that differed from the spec.

use std::io::{self, Write as _};

use carium_mock::Sandbox;

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let say = |line: &str| writeln!(io::stdout().lock(), "{line}");
    let sandbox = Sandbox::builder()
        .on_violation(move |deviation| {
            // Who reads no longer is none that could be told.
            let _ = say(&deviation.to_string());
        })
        .start()
        .await?;
    say(&format!("listening on {}", sandbox.url()))?;
    std::future::pending().await
}
