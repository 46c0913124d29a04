//! The two sides of a live command, joined.
//!
//! Output that nobody takes here is not fetched from the host, so nothing piles up in memory;
//! meanwhile a new size of the terminal, a signal, or the wish to leave still gets through.

use std::pin::pin;

use russh::ChannelWriteHalf;
use russh::client::Msg;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use zeroize::Zeroizing;

use super::ends::{Change, Ends};
use super::running::{Heard, Running, Stage, Stopped, run_beside};
use crate::channel::Command;
use crate::channel::quoting::As;
use crate::channel::way::{GRACE, LINGER};

/// Passes a signal to a process group. Not every `kill` knows `--`.
const SIGNAL: &str = r#"kill -"$2" "-$1" || kill -"$2" "$1""#;

/// How much may still come when the host has said how the command ended: more than was on its way.
const AFTER_END: usize = 8 << 20;

/// Why nobody sits in front of a command any more.
pub(super) enum Over {
    /// The channel was closed, or the command ended.
    Closed,
    /// Nobody takes its output.
    Unread,
    /// Somebody asked to leave.
    Left,
    /// It was not started in time.
    Slow,
}

impl Running {
    /// Takes the terminal away, which ends what does not want to go on without one.
    pub(super) async fn hang_up(&mut self) {
        let ended = self.ended();
        if let Some((_, write)) = self.halves.take() {
            drop(timeout(GRACE, write.close()).await);
        }
        self.stage = Stage::Closed(ended);
    }

    /// Passes input, output and changes on until one side ends it. It must begin by `until`.
    pub(super) async fn attend(
        &mut self,
        ends: &mut Ends,
        until: Instant,
    ) -> Result<Over, Stopped> {
        let (read, write) = self.halves.as_mut().ok_or(Stopped::Lost)?;
        let (stage, handle) = (&mut self.stage, &self.handle);
        let write = &*write;
        let mut feeding = pin!(feed(write, &mut ends.input));
        let mut fed = false;
        let mut untaken = None;
        let mut after_end = 0;
        loop {
            let is_running = matches!(stage, Stage::Running(_));
            let free = untaken.is_none();
            let message = tokio::select! {
                Some(change) = ends.changes.recv() => {
                    match (change, &*stage) {
                        (Change::Leave, _) | (Change::Signal(_), Stage::Asked(..)) => return Ok(Over::Left),
                        (Change::Resize(size), _) => {
                            drop(write.window_change(size.columns, size.rows, 0, 0).await);
                        }
                        (Change::Signal(signal), Stage::Running(process)) => {
                            let kill = Command::new(SIGNAL).argument(process.to_string()).argument(signal);
                            let handle = handle.clone();
                            drop(tokio::spawn(async move {
                                drop(timeout(2 * GRACE, run_beside(&handle, &kill, As::Login)).await);
                            }));
                        }
                        (Change::Signal(_), _) => {}
                    }
                    continue;
                }
                () = &mut feeding, if is_running && !fed => {
                    fed = true;
                    continue;
                }
                place = ends.output.reserve(), if !free => {
                    let (Ok(place), Some(piece)) = (place, untaken.take()) else {
                        return Ok(Over::Unread);
                    };
                    place.send(piece);
                    continue;
                }
                message = read.wait(), if free => message.ok_or(Stopped::Lost)?,
                () = sleep(LINGER), if free && matches!(stage, Stage::Ended(_)) => return Ok(Over::Closed),
                () = sleep(LINGER), if matches!(stage, Stage::Asked(_, Some(_))) => {
                    return stage.close().map(|()| Over::Closed);
                }
                () = sleep_until(until), if matches!(stage, Stage::Asked(_, None)) => return Ok(Over::Slow),
            };
            let (source, piece) = match stage.hear(message)? {
                Heard::Output(source, bytes) => (source, bytes.to_vec()),
                Heard::Closed => return Ok(Over::Closed),
                Heard::Nothing => continue,
            };
            if matches!(stage, Stage::Ended(_)) {
                after_end += piece.len();
                if after_end > AFTER_END {
                    return Ok(Over::Closed);
                }
            }
            untaken = (!piece.is_empty()).then(|| (source, Zeroizing::new(piece)));
        }
    }
}

/// Writes what comes in, and ends the input with it.
async fn feed(write: &ChannelWriteHalf<Msg>, input: &mut mpsc::Receiver<Zeroizing<Vec<u8>>>) {
    while let Some(piece) = input.recv().await {
        if write.data_bytes(piece.to_vec()).await.is_err() {
            return;
        }
    }
    drop(write.eof().await);
}
