//! A session joined to this process, until one of them ends.

use std::pin::pin;
use std::sync::Arc;

use tokio::sync::mpsc;

use super::console::{self, Raw, Signals, Told};
use super::escape::Escape;
use crate::channel::Ended;
use crate::channel::ssh::{Change, Ends, Session};
use crate::cli::context::Context;
use crate::deploy::{Injected, Sitting, attend};
use crate::error::{Code, Error, Problem};
use crate::fleet::Host;
use crate::secret::Plain;

/// Connects the session with this process, until one of them ends; the exit code.
pub(super) async fn sit(
    cx: &Context,
    host: &Host,
    session: &Arc<Session>,
    sitting: &Sitting<'_>,
    given: Injected,
    redact: bool,
    signals: &mut Signals,
) -> Result<u8, Error> {
    let hidden: Option<Vec<Plain>> = redact.then(|| {
        let files = given.files.iter().map(|file| &file.content);
        let values = given.variables.iter().map(|(_, value)| value);
        values.chain(files).map(Plain::duplicate).collect()
    });
    let on_terminal = sitting.terminal.is_some();
    let (leaving, mut leaves) = mpsc::channel(1);
    let (change, changes) = mpsc::channel(8);
    let (output, written) = console::write_output(hidden);
    let raw = on_terminal.then(Raw::begin).transpose()?;
    let escape = on_terminal.then(|| (Escape::default(), leaving.clone()));
    let mut ends = Ends {
        input: console::read_input(escape),
        changes,
        output,
    };
    let warn = |line: &str| cx.ui.warn(line);
    let following = async {
        let ended = attend(host, session, sitting, given, &mut ends, &warn).await;
        drop(ends);
        // Nobody else sends on it; an error would say that the thread is gone.
        written.await.unwrap_or_default();
        ended
    };
    let mut following = pin!(following);
    // Why it was left from here: a signal's number, or 0 for `~.`.
    let mut left = None;
    let mut asked = 0;
    let ended = loop {
        let told = tokio::select! {
            ended = &mut following => break ended,
            Some(()) = leaves.recv() => Told::Signal(0, "TERM"),
            told = signals.next() => told,
        };
        // One that does not fit any more comes too late to matter, or stands behind others like it.
        let send = |what: Change| change.try_send(what).unwrap_or_default();
        match told {
            Told::Resized | Told::GoesOn => {
                if let Some(raw) = &raw {
                    raw.again();
                    send(Change::Resize(console::size()));
                }
            }
            Told::Signal(number, name) => {
                asked += 1;
                if !on_terminal && asked == 1 {
                    send(Change::Signal(name));
                } else if left.is_none() {
                    left = Some(number);
                    send(Change::Leave);
                } else {
                    return Ok(128 + number);
                }
            }
        }
    };
    drop(raw);
    match (left, ended) {
        (Some(0), _) => {
            let left = Problem::new(Code::Interrupt, format!("left {} by `~.`", host.name));
            Err(left.into())
        }
        (Some(number), _) => Ok(128 + number),
        (None, ended) => code(host, &ended?),
    }
}

/// The exit code for how a command ended.
fn code(host: &Host, ended: &Ended) -> Result<u8, Error> {
    const SIGNALS: [(&str, u8); 15] = [
        ("HUP", 1),
        ("INT", 2),
        ("QUIT", 3),
        ("ILL", 4),
        ("TRAP", 5),
        ("ABRT", 6),
        ("BUS", 7),
        ("FPE", 8),
        ("KILL", 9),
        ("USR1", 10),
        ("SEGV", 11),
        ("USR2", 12),
        ("PIPE", 13),
        ("ALRM", 14),
        ("TERM", 15),
    ];
    match ended {
        Ended::Exit(code) => Ok(u8::try_from(*code).unwrap_or(u8::MAX)),
        Ended::Signal(name) => SIGNALS
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, number)| 128 + number)
            .ok_or_else(|| {
                let message = format!("on {} the command was ended by {name}", host.name);
                Problem::new(Code::Remote, message).into()
            }),
    }
}
