//! A sandbox for programs in other languages. It prints its URL and runs until it is stopped.
//!
//! ```text
//! cargo run -p carium-mock --example sandbox --features sandbox
//! ```
//!
//! The first line of its output is `listening on http://…`. Each further line is a violation of the spec.

use std::io::{self, Write as _};

use carium_mock::Sandbox;

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let print = |line: &str| writeln!(io::stdout().lock(), "{line}");
    let sandbox = Sandbox::builder()
        .on_violation(move |violation| {
            // The sandbox keeps running if its output is closed.
            let _ = print(&violation.to_string());
        })
        .start()
        .await?;
    print(&format!("listening on {}", sandbox.url()))?;
    std::future::pending().await
}
