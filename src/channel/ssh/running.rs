//! A command that runs on a host, from its first sign of life to its end.
//!
//! The start-up line prints a mark with the number of its process. What comes before it is a login
//! shell's own talk (`.bashrc`, a forced command, `nologin`) and no output of ours, and nothing goes
//! out on standard input before it came: a secret is given to our script and to nobody else. The
//! number is for ending the command. A server has a request for that (RFC 4254, 6.9), but OpenSSH
//! refuses it to root (9.2: "session signalling requires privilege separation"), and closing the
//! channel ends nothing that neither reads nor writes.

use std::ops::ControlFlow;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Bytes;
use russh::client::{Handle, Msg};
use russh::{ChannelMsg, ChannelReadHalf, ChannelWriteHalf, Disconnect, Sig};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use super::error::short;
use super::watcher::Watcher;
use crate::channel::conversation::Ask;
use crate::channel::quoting::{self, As};
use crate::channel::way::{AfterInput, GRACE, LINGER, Sink, piece};
use crate::channel::{Command, Ended, Source};
use crate::secret::Plain;
use crate::text;

/// The stream number of standard error (RFC 4254, 5.2).
const STDERR: u32 = 1;

/// How much a login shell may say before the mark.
const TALK_CAP: usize = 64 << 10;

/// How often a command that is kept waiting gets a sign of life.
const BEAT: Duration = Duration::from_secs(10);

/// Asks a process group to end, and ends it after two seconds. Not every `kill` knows `--`, and not
/// every `sleep` parts of a second.
const END: &str = r#"kill -TERM "-$1" || kill -TERM "$1"
n=0
while kill -0 "-$1" && [ $n -lt 20 ]; do sleep 0.1 || sleep 1; n=$((n + 1)); done
kill -KILL "-$1""#;

/// How long a host may take for [`END`]: a busy one needs more than its two seconds for the sleeps alone.
const ENDING: Duration = Duration::from_secs(10);

/// Why a command's channel was of no more use.
#[derive(Debug)]
pub(super) enum Stopped {
    /// The connection ended.
    Lost,
    /// The channel was closed without a word on the command's end.
    NoStatus,
    /// Something else than our command ran, or nothing; with what it said.
    NotRun(Option<String>),
}

/// How far a command has come, and with it what is left to do when nobody follows it any more.
#[derive(Debug)]
pub(super) enum Stage {
    /// Asked for; what was said instead of the mark, and how it ended, if that came first: sshd says
    /// so as soon as a command is gone, and only then reads the rest of what it printed.
    Asked(Vec<u8>, Option<Ended>),
    /// To be ended: the number of its process.
    Running(u32),
    /// To be closed.
    Ended(Ended),
    /// Nothing.
    Closed(Option<Ended>),
}

/// What a message of the host means to whoever follows a command.
pub(super) enum Heard {
    /// What the command printed; nothing as long as it is a login shell's talk.
    Output(Source, Bytes),
    /// The channel is closed.
    Closed,
    /// Nothing to be handed on.
    Nothing,
}

pub(super) struct Running {
    /// Taken by what ends the command.
    pub(super) halves: Option<(ChannelReadHalf, ChannelWriteHalf<Msg>)>,
    pub(super) stage: Stage,
    /// For the channel over which the command is ended.
    pub(super) handle: Arc<Handle<Watcher>>,
    /// As whom it runs, and is ended.
    who: As,
    /// Whether it does nothing before it gets its input, see [`Command::before`].
    waits: bool,
}

impl Running {
    pub(super) fn new(channel: russh::Channel<Msg>, handle: Arc<Handle<Watcher>>, who: As) -> Self {
        Self {
            halves: Some(channel.split()),
            stage: Stage::Asked(Vec::new(), None),
            handle,
            who,
            waits: false,
        }
    }

    /// Has a host's login shell run a command.
    pub(super) async fn start(&mut self, command: &Command) -> Result<(), Stopped> {
        self.waits = !command.before.is_empty();
        self.exec(quoting::line(command, self.who)).await
    }

    /// Gives the line to the user's login shell.
    pub(super) async fn exec(&mut self, line: String) -> Result<(), Stopped> {
        let (_, write) = self.halves.as_ref().ok_or(Stopped::Lost)?;
        write.exec(true, line).await.map_err(|_| Stopped::Lost)
    }

    /// How the command ended, if the host said so.
    pub(super) fn ended(&self) -> Option<Ended> {
        match &self.stage {
            Stage::Ended(ended) => Some(ended.clone()),
            Stage::Closed(ended) => ended.clone(),
            Stage::Asked(..) | Stage::Running(_) => None,
        }
    }

    /// Writes the input while it hands on the output, until the host closed the channel, or until
    /// the sink asks to stop.
    pub(super) async fn follow(
        &mut self,
        input: &Plain,
        after: AfterInput,
        sink: Sink<'_>,
    ) -> Result<(), Stopped> {
        let (read, write) = self.halves.as_mut().ok_or(Stopped::Lost)?;
        let stage = &mut self.stage;
        let mut feeding = pin!(feed(write, input, after));
        let mut fed = false;
        loop {
            let message = tokio::select! {
                () = &mut feeding, if !fed && matches!(stage, Stage::Running(_)) => {
                    fed = true;
                    continue;
                }
                message = read.wait() => message.ok_or(Stopped::Lost)?,
                () = sleep(LINGER), if matches!(stage, Stage::Ended(_)) => return Ok(()),
                () = sleep(LINGER), if matches!(stage, Stage::Asked(_, Some(_))) => {
                    return stage.close();
                }
            };
            match stage.hear(message)? {
                Heard::Output(source, bytes) => {
                    if let ControlFlow::Break(()) = sink(source, &bytes) {
                        return Ok(());
                    }
                }
                Heard::Closed => return Ok(()),
                Heard::Nothing => {}
            }
        }
    }

    /// Passes on what is asked until nobody can ask any more, then ends the input, and sees to it that
    /// the command ends.
    pub(super) async fn watch(mut self, mut asks: mpsc::Receiver<Ask>) {
        let mut nowhere = |_, _: &[u8]| ControlFlow::Continue(());
        let nothing = Plain::new(Vec::new());
        loop {
            let asked = tokio::select! {
                asked = asks.recv() => asked,
                _ = self.follow(&nothing, AfterInput::KeepOpen, &mut nowhere) => return,
            };
            let Some(mut ask) = asked else { break };
            let mut sink = |source, bytes: &[u8]| ask.answer.push(source, bytes);
            let following = self.follow(&ask.input, AfterInput::KeepOpen, &mut sink);
            let followed = timeout(ask.within, following).await;
            if ask.finish(&followed).is_break() {
                return self.end().await;
            }
        }
        let rest = self.follow(&nothing, AfterInput::End, &mut nowhere);
        drop(timeout(GRACE, rest).await);
        if self.ended().is_none() {
            self.end().await;
        }
    }

    /// Asks the command to end, ends it, and waits until that is done.
    pub(super) async fn end(&mut self) {
        if let Some(ending) = self.ending() {
            ending.await;
        }
    }

    /// What is left to do.
    fn ending(&mut self) -> Option<impl Future<Output = ()> + use<>> {
        let (read, write) = self.halves.take()?;
        let stage = std::mem::replace(&mut self.stage, Stage::Closed(None));
        let waits = self.waits && matches!(stage, Stage::Asked(..));
        let (handle, who) = (self.handle.clone(), self.who);
        Some(async move {
            match waits {
                true => let_go(read, write, &handle).await,
                false => end(read, write, stage, handle, who).await,
            }
        })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Without a runtime the session has ended already.
        if let Ok(runtime) = tokio::runtime::Handle::try_current()
            && let Some(ending) = self.ending()
        {
            drop(runtime.spawn(ending));
        }
    }
}

impl Stage {
    /// Takes what the host says of the command.
    pub(super) fn hear(&mut self, message: ChannelMsg) -> Result<Heard, Stopped> {
        match message {
            ChannelMsg::Data { data } => {
                let ours = self.after_mark(&data)?;
                return Ok(Heard::Output(Source::Out, ours.map_or(data, Bytes::from)));
            }
            ChannelMsg::ExtendedData { data, ext: STDERR } => {
                return Ok(Heard::Output(Source::Err, data));
            }
            ChannelMsg::Failure => return Err(Stopped::NotRun(None)),
            ChannelMsg::ExitStatus { exit_status } => {
                self.end(Ended::Exit(i32::try_from(exit_status).unwrap_or(i32::MAX)));
            }
            ChannelMsg::ExitSignal { signal_name, .. } => {
                self.end(Ended::Signal(name(&signal_name)));
            }
            // russh answers it by itself.
            ChannelMsg::Close => return self.close().map(|()| Heard::Closed),
            _ => {}
        }
        Ok(Heard::Nothing)
    }

    fn end(&mut self, how: Ended) {
        match self {
            Self::Asked(_, ended @ None) => *ended = Some(how),
            Self::Running(_) => *self = Self::Ended(how),
            // A second word on it counts for nothing.
            Self::Asked(_, Some(_)) | Self::Ended(_) | Self::Closed(_) => {}
        }
    }

    pub(super) fn close(&mut self) -> Result<(), Stopped> {
        let ended = match self {
            Self::Asked(talk, _) => return Err(not_run(talk)),
            Self::Running(_) => None,
            Self::Ended(ended) => Some(ended.clone()),
            Self::Closed(ended) => ended.take(),
        };
        *self = Self::Closed(ended);
        Ok(())
    }

    /// Takes standard output until the mark came, and gives what follows it. `None` if the mark was
    /// there before and all of the bytes are the command's.
    fn after_mark(&mut self, bytes: &[u8]) -> Result<Option<Vec<u8>>, Stopped> {
        let Self::Asked(talk, ended) = self else {
            return Ok(None);
        };
        talk.extend_from_slice(bytes);
        if let Some((process, rest)) = quoting::find_mark(talk) {
            let rest = rest.to_vec();
            *self = match ended.take() {
                Some(ended) => Self::Ended(ended),
                None => Self::Running(process),
            };
            return Ok(Some(rest));
        }
        if talk.len() > TALK_CAP {
            return Err(not_run(talk));
        }
        Ok(Some(Vec::new()))
    }
}

fn not_run(talk: &[u8]) -> Stopped {
    let said = short(&String::from_utf8_lossy(talk));
    Stopped::NotRun((!said.is_empty()).then_some(said))
}

/// Writes the input. A command that stops reading says by its end whether that is an error. One that
/// is kept waiting gets an empty line now and then, so that it can tell when nobody is there any more.
async fn feed(write: &ChannelWriteHalf<Msg>, input: &Plain, after: AfterInput) {
    let mut written = 0;
    while let Some(piece) = piece(input, written) {
        if write.data_bytes(piece.to_vec()).await.is_err() {
            return;
        }
        written += piece.len();
    }
    match after {
        AfterInput::End => drop(write.eof().await),
        AfterInput::KeepOpen => loop {
            sleep(BEAT).await;
            if write.data_bytes(b"\n".to_vec()).await.is_err() {
                return;
            }
        },
    }
}

/// Leaves a command that waits for its input, of which nothing was sent: it ends when it learns that none
/// will come.
async fn let_go(mut read: ChannelReadHalf, write: ChannelWriteHalf<Msg>, handle: &Handle<Watcher>) {
    let leaving = async {
        drop(write.eof().await);
        while !matches!(read.wait().await, Some(ChannelMsg::Close) | None) {}
    };
    if timeout(GRACE, leaving).await.is_err() {
        give_up(handle).await;
    }
}

/// Ends the command, if it has not ended, and closes its channel.
async fn end(
    mut read: ChannelReadHalf,
    write: ChannelWriteHalf<Msg>,
    mut stage: Stage,
    handle: Arc<Handle<Watcher>>,
    who: As,
) {
    if matches!(stage, Stage::Asked(..)) {
        // It may have begun with its mark still on the way.
        if timeout(GRACE, until_mark(&mut read, &mut stage))
            .await
            .is_err()
        {
            return give_up(&handle).await;
        }
    }
    if let Stage::Running(process) = stage {
        let kill = Command::new(END).argument(process.to_string());
        let killing = run_beside(&handle, &kill, who);
        // What nobody reads would stop the whole session, and the killing with it.
        let reading = async {
            while read.wait().await.is_some() {}
            std::future::pending::<()>().await;
        };
        tokio::select! {
            killed = timeout(ENDING, killing) => if killed.is_err() {
                return give_up(&handle).await;
            },
            () = reading => {}
        }
    }
    if !matches!(stage, Stage::Closed(_)) {
        drop(timeout(GRACE, write.close()).await);
    }
}

/// Ends the connection to a host that does nothing for us any more. The next command would wait for its
/// whole time, and so would the one after it; over a new connection there may be an answer.
async fn give_up(handle: &Handle<Watcher>) {
    drop(handle.disconnect(Disconnect::ByApplication, "", "").await);
}

/// Runs a command over a channel of its own, whatever it says.
pub(super) async fn run_beside(
    handle: &Handle<Watcher>,
    command: &Command,
    who: As,
) -> Result<(), russh::Error> {
    let mut channel = handle.channel_open_session().await?;
    channel.exec(false, quoting::line(command, who)).await?;
    while !matches!(channel.wait().await, Some(ChannelMsg::Close) | None) {}
    Ok(())
}

async fn until_mark(read: &mut ChannelReadHalf, stage: &mut Stage) {
    while matches!(stage, Stage::Asked(..)) {
        let went_on = match read.wait().await {
            Some(ChannelMsg::Data { data }) => stage.after_mark(&data).is_ok(),
            Some(ChannelMsg::Close) => stage.close().is_ok(),
            Some(_) => true,
            None => false,
        };
        if !went_on {
            return;
        }
    }
}

/// The name of a signal, which the host makes up as it likes.
fn name(signal: &Sig) -> String {
    match signal {
        Sig::Custom(name) => text::clean_line(name),
        known => format!("{known:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_that_is_told_before_the_output_is_the_end_of_our_command() {
        let mut stage = Stage::Asked(Vec::new(), None);
        stage.end(Ended::Exit(3));
        stage.end(Ended::Exit(0));
        let rest = stage.after_mark(b"clws-runs-as 17\nsaid").unwrap();
        assert_eq!(rest.as_deref(), Some(&b"said"[..]));
        assert!(matches!(stage, Stage::Ended(Ended::Exit(3))), "{stage:?}");
    }

    #[test]
    fn an_end_without_our_command_is_none_of_it() {
        let mut stage = Stage::Asked(Vec::new(), None);
        assert!(stage.after_mark(b"no logins here\n").unwrap().is_some());
        stage.end(Ended::Exit(0));
        assert!(matches!(stage.close(), Err(Stopped::NotRun(Some(_)))));
    }
}
