//! The platform's directories for the configuration and the state of the program.

use std::path::{Path, PathBuf};

use etcetera::app_strategy::{AppStrategy, AppStrategyArgs, choose_native_strategy};
use sha2::{Digest as _, Sha256};

/// Returns the platform's conventions for this program, or `None` if the user has no home directory.
fn app_strategy() -> Option<impl AppStrategy> {
    let args = AppStrategyArgs {
        top_level_domain: "com".to_owned(),
        author: "Carium".to_owned(),
        app_name: "carium".to_owned(),
    };
    choose_native_strategy(args).ok()
}

/// Returns the default path of the configuration file.
pub(crate) fn config_file() -> Option<PathBuf> {
    app_strategy().map(|strategy| strategy.in_config_dir("config.toml"))
}

fn state_dir() -> Option<PathBuf> {
    app_strategy().map(|strategy| strategy.state_dir().unwrap_or_else(|| strategy.data_dir()))
}

/// Returns a directory within the state directory. It is created if necessary, accessible to its owner only.
pub(crate) fn private_state_dir(name: &str) -> std::io::Result<PathBuf> {
    let state = state_dir().ok_or_else(|| std::io::Error::other("the user has no home directory"))?;
    let directory = state.join(name);
    create_private(&directory)?;
    Ok(directory)
}

fn create_private(directory: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory)
}

/// Returns a file name that does not reveal the parts that it is derived from: the first half of their SHA-256, in
/// hexadecimal.
pub(crate) fn hashed_name<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut digest = Sha256::new();
    for part in parts {
        // The length prefix keeps different lists of parts from producing the same bytes.
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    digest.finalize().iter().take(16).fold(String::new(), |name, byte| name + &format!("{byte:02x}"))
}
