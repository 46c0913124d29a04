//! A program that is told: the message as JSON on its standard input.
//!
//! It is started as it stands in the words that the person wrote, without a shell, with little of our
//! environment: tokens and identities are not for it. It has a minute.

use std::os::unix::process::ExitStatusExt as _;
use std::pin::pin;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{ChildStderr, Command};
use tokio::time::timeout;

use super::{AlarmError, Message};
use crate::edit::words_of;
use crate::text::{clean_json, clean_line};
use crate::world::World;

/// What it is given of our environment: how it finds its own things, and how it reaches a desktop.
const PASSED: [&str; 14] = [
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "TZ",
    "TMPDIR",
    "XDG_RUNTIME_DIR",
    "DBUS_SESSION_BUS_ADDRESS",
    "DISPLAY",
    "WAYLAND_DISPLAY",
];

/// What it wrote to stderr that is kept for an error.
const KEPT: usize = 4096;

/// What it left running may hold its stderr open for so long.
const LINGER: Duration = Duration::from_millis(500);

/// A program and its words.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Program(Vec<String>);

impl Program {
    /// Reads `PROGRAM WORD…`, with quotes as in a shell and nothing expanded.
    ///
    /// # Errors
    /// [`AlarmError::NoProgram`].
    pub fn parse(line: &str) -> Result<Self, AlarmError> {
        let words = words_of(line).filter(|words| {
            let is_word = |word: &String| !word.contains('\0');
            words.first().is_some_and(|first| !first.is_empty()) && words.iter().all(is_word)
        });
        words.map(Self).ok_or(AlarmError::NoProgram)
    }

    fn name(&self) -> &str {
        self.0.first().map_or("", String::as_str)
    }
}

/// Gives a program a message. It has taken it once it ended with exit code 0.
///
/// # Errors
/// [`AlarmError::NotStarted`], [`AlarmError::Failed`].
pub async fn tell_program(
    world: &World,
    program: &Program,
    message: &Message,
    within: Duration,
) -> Result<(), AlarmError> {
    let name = || program.name().to_owned();
    let not_started = |error: std::io::Error| AlarmError::NotStarted {
        name: name(),
        why: error.to_string(),
    };
    // Not what lies in a repository, where a PATH has the folder at hand.
    let path = world.program(program.name());
    let path = path.ok_or_else(|| AlarmError::NotStarted {
        name: name(),
        why: match program.name().contains('/') {
            true => "no program lies there".to_owned(),
            false => "it is in no folder of PATH".to_owned(),
        },
    })?;
    let mut command = Command::new(path);
    command
        .args(program.0.iter().skip(1))
        .env_clear()
        .envs(
            PASSED
                .iter()
                .filter_map(|key| Some((key, world.variable(key)?))),
        )
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    let mut child = command.spawn().map_err(not_started)?;
    let group = child.id().and_then(|id| i32::try_from(id).ok());
    let group = group.and_then(rustix::process::Pid::from_raw);
    let json = serde_json::to_string(&message.json).unwrap_or_default();
    let json = format!("{}\n", clean_json(&json));
    let (stdin, stderr) = (child.stdin.take(), child.stderr.take());
    let feeding = async {
        if let Some(mut stdin) = stdin {
            // Who does not read it all says by the exit code whether that is an error.
            stdin.write_all(json.as_bytes()).await.unwrap_or_default();
        }
    };
    let mut said = Vec::new();
    let working = async {
        let (mut reading, mut feeding) = (pin!(last(stderr, &mut said)), pin!(feeding));
        let (mut is_read, mut is_fed) = (false, false);
        let ended = loop {
            tokio::select! {
                ended = child.wait() => break ended,
                () = &mut feeding, if !is_fed => is_fed = true,
                () = &mut reading, if !is_read => is_read = true,
            }
        };
        if !is_read {
            drop(timeout(LINGER, reading).await);
        }
        ended
    };
    let ended = timeout(within, working).await;
    let how = match ended {
        Ok(Ok(status)) if status.success() => return Ok(()),
        Ok(Ok(status)) => match status.code() {
            Some(code) => format!("ended with exit code {code}"),
            None => format!(
                "was ended by signal {}",
                status.signal().unwrap_or_default()
            ),
        },
        Ok(Err(error)) => return Err(not_started(error)),
        Err(_) => {
            // Its group, as it may wait for what it started.
            if let Some(group) = group {
                let killed = rustix::process::Signal::KILL;
                rustix::process::kill_process_group(group, killed).unwrap_or_default();
            }
            drop(child.wait().await);
            format!("did not end within {} s", within.as_secs())
        }
    };
    let said = String::from_utf8_lossy(&said).into_owned();
    let mut lines: Vec<String> = said.lines().rev().take(3).map(clean_line).collect();
    lines.reverse();
    Err(AlarmError::Failed {
        name: name(),
        how,
        said: lines,
    })
}

/// Reads to the end, and keeps the last of it.
async fn last(stderr: Option<ChildStderr>, kept: &mut Vec<u8>) {
    let Some(mut stderr) = stderr else { return };
    let mut room = [0; KEPT];
    while let Ok(count @ 1..) = stderr.read(&mut room).await {
        kept.extend_from_slice(room.get(..count).unwrap_or_default());
        let too_many = kept.len().saturating_sub(KEPT);
        kept.drain(..too_many);
    }
}
