//! Where the program keeps what: the platform's own places.

use std::path::{Path, PathBuf};

use etcetera::app_strategy::{AppStrategy, AppStrategyArgs, choose_native_strategy};
use sha2::{Digest as _, Sha256};

/// The places of this program. `None` where the person has no home.
fn strategy() -> Option<impl AppStrategy> {
    let program = AppStrategyArgs {
        top_level_domain: "com".to_owned(),
        author: "Carium".to_owned(),
        app_name: "carium".to_owned(),
    };
    choose_native_strategy(program).ok()
}

/// The file of profiles.
pub(crate) fn config_file() -> Option<PathBuf> {
    strategy().map(|places| places.in_config_dir("config.toml"))
}

/// Where the program keeps what it has begun.
pub(crate) fn state_folder() -> Option<PathBuf> {
    strategy().map(|places| places.state_dir().unwrap_or_else(|| places.data_dir()))
}

/// A folder in there, made for its owner alone.
pub(crate) fn own_folder(name: &str) -> std::io::Result<PathBuf> {
    let state = state_folder().ok_or_else(|| std::io::Error::other("there is no home folder"))?;
    let folder = state.join(name);
    make_private(&folder)?;
    Ok(folder)
}

fn make_private(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// A name for a file that says nothing of what it is made from: half of a SHA-256 over the parts, in hexadecimal.
pub(crate) fn blind_name<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut digest = Sha256::new();
    for part in parts {
        // With its length, so that no two lists of parts run into the same bytes.
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    digest.finalize().iter().take(16).fold(String::new(), |name, byte| name + &format!("{byte:02x}"))
}
