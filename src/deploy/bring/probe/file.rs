//! How old a file is that something makes anew again and again: what runs well may have stopped to make it.

use std::time::Duration;

use crate::deploy::bring::asking::Asking;
use crate::deploy::bring::place::fill;
use crate::error::Error;
use crate::hook::times::{PROBE, parse_duration};
use crate::hook::{FileProbe, Where};
use crate::secret::End;

/// Prints what the clock there says; then when the newest of the files that `$1` names was written, and how
/// many bytes it has.
const NEWEST: &str = r#"
LC_ALL=C IFS=
export LC_ALL
date +%s
for file in $1; do [ ! -f "$file" ] || printf '%s\0' "$file"; done |
    xargs -0 -r stat -L -c '%Y %s' -- | sort -n | tail -n 1
"#;

/// Three numbers and some rubbish.
const MAX_ANSWER: usize = 4 << 10;

/// Looks once.
pub(super) async fn ask(
    around: &Asking<'_>,
    wanted: &FileProbe,
) -> Result<Result<(), String>, Error> {
    let path = fill(around.plan, around.names, &wanted.path)?;
    let younger = parse_duration(Some(&wanted.younger), PROBE).map_err(|why| around.wrong(why))?;
    let words = ["sh", "-c", NEWEST, "sh", &path].map(str::to_owned);
    let command = around.command(Where::Host, &words, &[], None)?;
    let outcome = around
        .channel
        .run(&command.output_cap(MAX_ANSWER).within(super::QUESTION))
        .await?;
    if !outcome.ended.is_success() {
        return Ok(Err(around.told(&outcome.err, End::of(outcome.truncated))));
    }
    Ok(judge(&outcome.out, &path, younger, wanted.larger))
}

/// Whether the newest file is young and large enough.
fn judge(answer: &[u8], path: &str, younger: Duration, larger: u64) -> Result<(), String> {
    let text = String::from_utf8_lossy(answer);
    let mut numbers = text.split_ascii_whitespace().map(str::parse::<u64>);
    let mut number = || numbers.next().and_then(Result::ok);
    let now = number().ok_or("what the host says of its files does not read")?;
    let (Some(written), Some(size)) = (number(), number()) else {
        return Err(format!("there is no file `{path}`"));
    };
    // A clock that was set back makes a file of the future, which is young.
    let age = Duration::from_secs(now.saturating_sub(written));
    if age > younger {
        let (age, younger) = (shown(age), shown(younger));
        return Err(format!(
            "the newest of `{path}` is {age} old, and at most {younger} are wanted"
        ));
    }
    if size < larger {
        return Err(format!(
            "the newest of `{path}` has {size} bytes, and {larger} are wanted"
        ));
    }
    Ok(())
}

/// A time in the greatest unit of which it has two.
fn shown(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7_200 => format!("{} min", seconds / 60),
        seconds => format!("{} h", seconds / 3_600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_file_is_young_and_large_enough() {
        let day = Duration::from_secs(26 * 3600);
        let judged = |answer: &str| judge(answer.as_bytes(), "/b/*.gz", day, 1000);
        assert_eq!(judged("1000000\n990000 1000\n"), Ok(()));
        assert_eq!(judged("1000000\n1000100 1000\n"), Ok(()));
        let old = judged("1000000\n900000 1000\n").unwrap_err();
        assert!(old.contains("is 27 h old, and at most 26 h"), "{old}");
        let small = judged("1000000\n990000 20\n").unwrap_err();
        assert!(small.contains("20 bytes, and 1000 are wanted"), "{small}");
        assert!(judged("1000000\n").unwrap_err().contains("no file"));
        for rubbish in ["", "-1\n", "x 1 2", "99999999999999999999999 1 1"] {
            assert!(judged(rubbish).unwrap_err().contains("does not read"));
        }
    }
}
