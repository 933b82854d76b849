//! One-time codes across runs of the program. A code can be used once, so each run reserves its own time step.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::error::{CliError, Exit};
use crate::{directories, stderr};

/// Length of a time step in seconds, as RFC 6238, section 5.2, recommends and as `carium` uses it.
const STEP_SECONDS: u64 = 30;
/// If more steps than this are reserved, a script is probably calling the program in a loop.
const MAX_RESERVED_STEPS: u64 = 10;

/// Reserves a time step that no other run of the program uses, and waits until it begins.
pub(crate) async fn wait_for_unused_code(base_url: &str, account: &str) -> Result<(), CliError> {
    let name = directories::hashed_name([base_url.as_bytes(), account.as_bytes()]);
    let reserved = tokio::task::spawn_blocking(move || reserve_step(&name, now())).await;
    // Without a state file, runs cannot be coordinated. The program then signs in with the current code.
    let Ok(Ok(step)) = reserved else { return Ok(()) };
    let wait = (step * STEP_SECONDS).saturating_sub(now());
    if wait > STEP_SECONDS * MAX_RESERVED_STEPS {
        let message = "too many commands are waiting for a one-time code of this account";
        return Err(
            CliError::new(Exit::Unavailable, message).with_hint("run the command again in a few minutes")
        );
    }
    if wait > 0 {
        stderr::print(&format!(
            "waiting {wait} s for the next one-time code: the current one was already used"
        ));
        // The extra time accounts for the fraction of a second that `now` drops.
        tokio::time::sleep(Duration::from_secs(wait) + Duration::from_millis(100)).await;
    }
    Ok(())
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map(|time| time.as_secs()).unwrap_or_default()
}

/// Reserves the first free time step, beginning with the current one, in a state file that is locked meanwhile.
fn reserve_step(name: &str, now: u64) -> io::Result<u64> {
    let path = directories::private_state_dir("one-time-codes")?.join(name);
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    let file = options.open(path)?;
    file.lock()?;
    reserve_step_in(file, now)
}

fn reserve_step_in(mut file: File, now: u64) -> io::Result<u64> {
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    let current = now / STEP_SECONDS;
    // A step in the far future was written while the clock was wrong, and is ignored.
    let last = text.trim().parse::<u64>().ok().filter(|last| *last < current + 10 * MAX_RESERVED_STEPS);
    let step = last.map_or(current, |last| current.max(last + 1));
    if step <= current + MAX_RESERVED_STEPS + 1 {
        file.rewind()?;
        file.set_len(0)?;
        write!(file, "{step}")?;
    }
    Ok(step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserves_each_time_step_once() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let reserve = |now| reserve_step_in(file.reopen().unwrap(), now).unwrap();
        assert_eq!([reserve(3000), reserve(3001), reserve(3029), reserve(3030)], [100, 101, 102, 103]);
        assert_eq!(reserve(3600), 120, "a later step is free immediately");
        std::fs::write(file.path(), "999999999").unwrap();
        assert_eq!(reserve(3600), 120, "a step in the far future is ignored");
        std::fs::write(file.path(), "nothing").unwrap();
        assert_eq!(reserve(3600), 120, "an invalid file is ignored");
    }
}
