//! Where the program keeps what: the platform's own places.

use std::path::{Path, PathBuf};

use etcetera::app_strategy::{AppStrategy, AppStrategyArgs, choose_native_strategy};

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
