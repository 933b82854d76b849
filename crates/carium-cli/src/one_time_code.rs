//! One-time codes of a program that is run again and again: each code is good once, so each run takes its own.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::exit::{CliError, Exit};
use crate::{places, say};

/// How long a code lasts, in seconds: what RFC 6238 recommends, and what `carium` makes codes with.
const STEP: u64 = 30;
/// More runs than this ahead in the queue, and something runs in a loop.
const LONGEST_QUEUE: u64 = 10;

/// Waits until there is a code that no other run of the program has used or will use, and says so.
pub(crate) async fn wait_for_turn(base_url: &str, account: &str) -> Result<(), CliError> {
    let name = places::blind_name([base_url.as_bytes(), account.as_bytes()]);
    let taken = tokio::task::spawn_blocking(move || take(&name, now())).await;
    // Without a place to remember, there is no more to be done than for a program that is run once.
    let Ok(Ok(step)) = taken else { return Ok(()) };
    let wait = (step * STEP).saturating_sub(now());
    if wait > STEP * LONGEST_QUEUE {
        let what = "too many commands wait for a one-time code of this account";
        return Err(CliError::new(Exit::Unavailable, what).next("run it again in some minutes"));
    }
    if wait > 0 {
        say::line(&format!("waiting {wait} s for the next one-time code: the last one is used up"));
        // Codes are counted from the start of their second.
        tokio::time::sleep(Duration::from_secs(wait) + Duration::from_millis(100)).await;
    }
    Ok(())
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map(|time| time.as_secs()).unwrap_or_default()
}

/// Takes the first step that is not taken, from the present one on.
fn take(name: &str, now: u64) -> io::Result<u64> {
    let path = places::own_folder("one-time-codes")?.join(name);
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    let file = options.open(path)?;
    file.lock()?;
    take_from(file, now)
}

fn take_from(mut file: File, now: u64) -> io::Result<u64> {
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    let present = now / STEP;
    // One far ahead was written while the clock was wrong.
    let last = text.trim().parse::<u64>().ok().filter(|last| *last < present + 10 * LONGEST_QUEUE);
    let step = last.map_or(present, |last| present.max(last + 1));
    if step <= present + LONGEST_QUEUE + 1 {
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
    fn no_two_runs_take_the_same_code() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let take = |now| take_from(file.reopen().unwrap(), now).unwrap();
        assert_eq!([take(3000), take(3001), take(3029), take(3030)], [100, 101, 102, 103]);
        assert_eq!(take(3600), 120, "after a while there is one at once");
        std::fs::write(file.path(), "999999999").unwrap();
        assert_eq!(take(3600), 120, "the clock was wrong");
        std::fs::write(file.path(), "nothing").unwrap();
        assert_eq!(take(3600), 120);
    }
}
