//! A script of the vault, `hooks/NAME/rotate.sh`: for whatever accepts a value outside of it.
//!
//! It gets the old value on descriptor 3 and the new one on descriptor 4, and one word: `both`, `new` or
//! `old`, for what is to be accepted from then on. It says done by exiting with 0. All three files lie on
//! memory alone, and are gone before the script runs.
//!
//! `hooks/NAME/issue.sh` has certificates issued: the request comes on standard input, and the certificate
//! with those that lead to its CA is what it prints.
//!
//! Either has five minutes, and is ended then with all that it started in its process group. It ends when clws does.

use std::io::Write as _;
use std::process::Stdio;
use std::time::Duration;

use super::child::{Ran, bound, end};
use super::{Accepted, Both, Outside, Rotator};
use crate::error::Error;
use crate::fs::RamDir;
use crate::rotate::RotateError;
use crate::secret::{Plain, Redactor};
use crate::world::World;

/// Opens the three files, takes them away, and becomes the script, unless clws has ended before it could be bound.
const DRIVER: &str = r#"[ "$PPID" = "$2" ] && exec 3<"$1/old" 4<"$1/new" 5<"$1/script" && rm -- "$1/old" "$1/new" "$1/script" &&
shift 2 && exec /bin/sh /proc/self/fd/5 "$@""#;

/// What it sees of our environment.
const VARIABLES: [&str; 6] = ["PATH", "HOME", "USER", "LANG", "TZ", "SSH_AUTH_SOCK"];

/// A provider may take minutes to make a key; what takes longer hangs.
const WITHIN: Duration = Duration::from_secs(300);

/// The rotator.
pub(super) struct Script {
    name: String,
    script: Plain,
}

impl Script {
    pub(super) fn new(name: &str, script: Plain) -> Self {
        let name = name.to_owned();
        Self { name, script }
    }
}

impl Rotator for Script {
    fn is_outside(&self) -> bool {
        true
    }

    fn accept(&self, world: &World, which: Accepted, both: &Both<'_>) -> Result<Outside, Error> {
        let word = match which {
            Accepted::Both | Accepted::BothAgain => "both",
            Accepted::New => "new",
            Accepted::Old => "old",
        };
        let failed = |why: String| RotateError::Script {
            path: both.path.to_owned(),
            rotator: self.name.clone(),
            word,
            why,
        };
        let folder = RamDir::new(world)?;
        for (name, value) in [
            ("old", both.old),
            ("new", both.new),
            ("script", &self.script),
        ] {
            folder.put(name, value, 0o600)?;
        }
        let ran = run(world, &folder, DRIVER, &[word, both.path], b"");
        let ran = ran.map_err(|error| failed(error.to_string()))?;
        if ran.status.is_some_and(|status| status.success()) {
            return Ok(Outside::AsAsked);
        }
        let said = Redactor::of([both.old, both.new]).text(&ran.err, ran.err_ends());
        Err(failed(ended(&ran, &said)).into())
    }
}

/// As [`DRIVER`], with the script alone.
const ISSUING: &str = r#"[ "$PPID" = "$2" ] && exec 5<"$1/script" && rm -- "$1/script" &&
shift 2 && exec /bin/sh /proc/self/fd/5 "$@""#;

/// Has a certificate issued by a script: what it prints.
pub(super) fn issue(
    world: &World,
    name: &str,
    script: &Plain,
    path: &str,
    request: &str,
) -> Result<Plain, Error> {
    let failed = |why: String| RotateError::Script {
        path: path.to_owned(),
        rotator: name.to_owned(),
        word: "a certificate",
        why,
    };
    let folder = RamDir::new(world)?;
    folder.put("script", script, 0o600)?;
    let ran = run(world, &folder, ISSUING, &[path], request.as_bytes());
    let ran = ran.map_err(|error| failed(error.to_string()))?;
    match ran.status.is_some_and(|status| status.success()) {
        true => Ok(Plain::new(ran.out)),
        false => Err(failed(ended(&ran, &ran.err)).into()),
    }
}

/// Runs what lies in a folder by `driver`.
fn run(
    world: &World,
    folder: &RamDir,
    driver: &str,
    words: &[&str],
    input: &[u8],
) -> std::io::Result<Ran> {
    let shown = VARIABLES
        .iter()
        .filter_map(|name| Some((name, world.variable(name)?)));
    let mut child = bound("/bin/sh")
        .args(["-c", driver, "clws"])
        .arg(folder.path())
        .arg(std::process::id().to_string())
        .args(words)
        .env_clear()
        .envs(shown)
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // A script that does not read it closes the pipe; that is its right. A request fits into the pipe.
        drop(stdin.write_all(input));
    }
    end(child, WITHIN)
}

/// How it ended, and what it said.
fn ended(ran: &Ran, said: &[u8]) -> String {
    let said = crate::text::clean(String::from_utf8_lossy(said).trim());
    let ended = match ran.status {
        Some(status) => status.to_string(),
        None => format!("no end within {} minutes", WITHIN.as_secs() / 60),
    };
    match said.as_str() {
        "" => ended,
        said => format!("{ended}: {said}"),
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// Who was started by a clws that has ended since has got another parent.
    #[test]
    fn a_script_is_begun_for_its_own_parent_alone() {
        for (driver, files) in [
            (DRIVER, &["old", "new", "script"][..]),
            (ISSUING, &["script"]),
        ] {
            let folder = tempfile::tempdir().unwrap();
            for file in files {
                std::fs::write(folder.path().join(file), "echo it ran").unwrap();
            }
            let begun = |parent: u32| {
                let shell = Command::new("/bin/sh")
                    .args(["-c", driver, "clws"])
                    .arg(folder.path())
                    .args([&parent.to_string(), "both", "dev/web/TOKEN"])
                    .output();
                String::from_utf8(shell.unwrap().stdout).unwrap()
            };
            let left = || std::fs::read_dir(folder.path()).unwrap().count();
            assert_eq!(begun(std::os::unix::process::parent_id()), "");
            assert_eq!(left(), files.len());
            assert_eq!(begun(std::process::id()), "it ran\n");
            assert_eq!(left(), 0);
        }
    }
}
