//! A script of the vault, `hooks/NAME/rotate.sh`: for whatever accepts a value outside of it.
//!
//! It gets the old value on descriptor 3 and the new one on descriptor 4, and one word: `both`, `new` or
//! `old`, for what is to be accepted from then on. It says done by exiting with 0. All three files lie on
//! memory alone, and are gone before the script runs.

use std::process::{Command, Stdio};

use super::{Accepted, Both, Rotator};
use crate::error::Error;
use crate::fs::RamDir;
use crate::rotate::RotateError;
use crate::secret::{Plain, Redactor};
use crate::world::World;

/// Opens the three files, takes them away, and becomes the script.
const DRIVER: &str = r#"exec 3<"$1/old" 4<"$1/new" 5<"$1/script" && rm -- "$1/old" "$1/new" "$1/script" &&
shift && exec /bin/sh /proc/self/fd/5 "$@""#;

/// What it sees of our environment.
const VARIABLES: [&str; 6] = ["PATH", "HOME", "USER", "LANG", "TZ", "SSH_AUTH_SOCK"];

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

    fn accept(&self, world: &World, which: Accepted, both: &Both<'_>) -> Result<(), Error> {
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
        let shown = VARIABLES
            .iter()
            .filter_map(|name| Some((name, world.variable(name)?)));
        let ran = Command::new("/bin/sh")
            .args(["-c", DRIVER, "clws"])
            .arg(folder.path())
            .args([word, both.path])
            .env_clear()
            .envs(shown)
            .current_dir("/")
            .stdin(Stdio::null())
            .output()
            .map_err(|error| failed(error.to_string()))?;
        if ran.status.success() {
            return Ok(());
        }
        let mut redactor = Redactor::new();
        redactor.learn(both.old);
        redactor.learn(both.new);
        let mut said = redactor.push(&ran.stderr);
        said.extend(redactor.finish());
        let said = crate::text::clean(String::from_utf8_lossy(&said).trim());
        let ended = ran.status.to_string();
        Err(failed(match said.as_str() {
            "" => ended,
            said => format!("{ended}: {said}"),
        })
        .into())
    }
}
