//! A conversation with a target: the shell that holds its lock also runs our small scripts.
//!
//! Each command over SSH costs a channel, a login shell and a round trip or two, and a host does most
//! of the work of a deploy: so what clws itself has to say there goes to one shell, a line each. A line
//! is the script with its arguments, so that no other account sees them; what is secret follows it and
//! reaches the script's standard input alone. Commands of hooks have channels of their own, with their
//! own output, clock and end.
//!
//! The shell ends when its input does. A script that is slow, or a shell that goes away, ends the
//! conversation, and with it the lock: a deploy then connects again.

use std::ops::ControlFlow;
use std::time::Duration;

use memchr::memmem;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::error::Elapsed;

use super::{ChannelError, Command, Ended, Outcome, Source, quoting};
use crate::secret::Plain;

/// The most that goes to a script's standard input in a conversation, in bytes: what `dd` on the target
/// takes as one block.
pub(crate) const MAX_INPUT: usize = 1 << 20;

/// The most that is waited for of an exit code, in bytes: a shell has three digits for one.
const LONGEST_CODE: usize = 16;

/// Runs what is asked for until standard input ends. `9` is the lock, which no script keeps open, and `sign`
/// leaves a sign of life in its file. `$mask` is the umask of the login.
///
/// A line is `SIZE WORD SCRIPT`: how many bytes follow it as the script's input, what says on both
/// outputs that the script has ended, and the script as a word. An empty line is a sign of life. With `-`
/// for the size the rest is the call of a function that leaves this shell as it was, but for its umask: a
/// shell for each of these would cost a fork, a third of a millisecond.
pub(crate) const SERVE: &str = r#"
set +u
umask "$mask"
nl='
'
while read -r size word script; do
    sign
    case $size in
        '') continue;;
        -) { eval "$script"; } </dev/null 9>&-;;
        0) (eval "eval $script") </dev/null 9>&-;;
        # All of the input is read, whatever becomes of the script.
        *) dd bs="$size" count=1 iflag=fullblock 2>/dev/null 9>&- | (eval "eval $script") 9>&-;;
    esac
    set -- "$?"
    umask "$mask"
    echo "$word $1"
    echo "$word $1" >&2
done
exit 0
"#;

/// A script that waits on the target for its standard input to end.
///
/// Dropping it ends that input, and with it what the script holds. It also ends when the connection
/// does, or this process.
#[derive(Debug)]
pub struct Held {
    target: String,
    asks: mpsc::Sender<Ask>,
    watcher: JoinHandle<()>,
}

impl Held {
    /// `watch` is given what is asked, and lets go of the script when nobody can ask any more.
    pub(crate) fn new<W>(target: &str, watch: impl FnOnce(mpsc::Receiver<Ask>) -> W) -> Self
    where
        W: Future<Output = ()> + Send + 'static,
    {
        let (asks, asked) = mpsc::channel(1);
        Self {
            target: target.to_owned(),
            asks,
            watcher: tokio::spawn(watch(asked)),
        }
    }

    /// Whether the script still runs, as far as is known here.
    #[must_use]
    pub fn is_held(&self) -> bool {
        !self.watcher.is_finished()
    }

    /// Ends the script's input and waits, for some seconds at most, until it has ended.
    pub async fn close(self) {
        drop(self.asks);
        drop(self.watcher.await);
    }

    /// Has a script that ends in [`SERVE`] run a command, after those that were asked for before. It is
    /// run to its end, also if nobody waits for that any more. `word` is nothing that a script prints.
    ///
    /// # Errors
    /// [`ChannelError::Slow`] and [`ChannelError::Lost`]; both are the end of the conversation.
    pub(crate) async fn ask(&self, word: &str, command: &Command) -> Result<Outcome, ChannelError> {
        self.say(word, command, message(word, command)).await
    }

    /// Has the shell itself call a function, the script of the command, with secret arguments behind the
    /// others; it has no input. The function neither exits nor changes the shell, but for its umask.
    /// Arguments are text of one line of the conversation, and in no argument list: the shell hands them to
    /// nothing but what it runs itself.
    ///
    /// # Errors
    /// As [`Self::ask`].
    pub(crate) async fn call(
        &self,
        word: &str,
        command: &Command,
        secret: &[Plain],
    ) -> Result<Outcome, ChannelError> {
        let call = quoting::call(command, secret);
        self.say(word, command, line(&format!("- {word} "), &call, b""))
            .await
    }

    async fn say(
        &self,
        word: &str,
        command: &Command,
        input: Plain,
    ) -> Result<Outcome, ChannelError> {
        command.check(&self.target)?;
        let (reply, replied) = oneshot::channel();
        let ask = Ask {
            input,
            within: command.within,
            answer: Answer::new(word, command.output_cap),
            reply,
        };
        let reply = match self.asks.send(ask).await {
            Ok(()) => replied.await,
            Err(_) => Ok(Err(Unanswered::Gone)),
        };
        let target = self.target.clone();
        reply
            .unwrap_or(Err(Unanswered::Gone))
            .map_err(|why| match why {
                Unanswered::Slow => ChannelError::Slow {
                    target,
                    within: command.within,
                },
                Unanswered::Gone => ChannelError::Lost {
                    target,
                    reason: None,
                },
            })
    }
}

/// A command as it goes to [`SERVE`].
fn message(word: &str, command: &Command) -> Plain {
    let script = quoting::word(command);
    command.input.with(|input| {
        let begin = format!("{} {word} ", input.len());
        line(&begin, script.as_bytes(), input)
    })
}

/// A line, and what follows it.
fn line(begin: &str, script: &[u8], input: &[u8]) -> Plain {
    let mut bytes = Vec::with_capacity(begin.len() + script.len() + 1 + input.len());
    bytes.extend_from_slice(begin.as_bytes());
    bytes.extend_from_slice(script);
    bytes.push(b'\n');
    bytes.extend_from_slice(input);
    Plain::new(bytes)
}

/// What is asked of a script that is held.
#[derive(Debug)]
pub(crate) struct Ask {
    /// What goes to its standard input.
    pub(crate) input: Plain,
    /// How long the answer may take.
    pub(crate) within: Duration,
    /// What came of the answer.
    pub(crate) answer: Answer,
    reply: oneshot::Sender<Result<Outcome, Unanswered>>,
}

/// Why there is no answer, nor will there be one to what is asked later.
#[derive(Debug)]
enum Unanswered {
    Slow,
    Gone,
}

impl Ask {
    /// Hands the answer on; breaks off if there is no whole one.
    pub(crate) fn finish<T>(self, followed: &Result<T, Elapsed>) -> ControlFlow<()> {
        let (reply, flow) = match (self.answer.whole(), followed) {
            (Some(outcome), _) => (Ok(outcome), ControlFlow::Continue(())),
            (None, Err(_)) => (Err(Unanswered::Slow), ControlFlow::Break(())),
            (None, Ok(_)) => (Err(Unanswered::Gone), ControlFlow::Break(())),
        };
        // Whoever asked may not wait for it any more.
        drop(self.reply.send(reply));
        flow
    }
}

/// An answer as it comes: both outputs, each up to the word.
#[derive(Debug)]
pub(crate) struct Answer {
    out: Part,
    err: Part,
}

impl Answer {
    fn new(word: &str, cap: usize) -> Self {
        let part = || Part {
            mark: format!("{word} ").into_bytes(),
            cap,
            kept: Vec::new(),
            rest: Vec::new(),
            truncated: false,
            ended: None,
        };
        Self {
            out: part(),
            err: part(),
        }
    }

    /// Takes output; asks to stop when all of it is there.
    pub(crate) fn push(&mut self, source: Source, bytes: &[u8]) -> ControlFlow<()> {
        match source {
            Source::Out => self.out.push(bytes),
            Source::Err => self.err.push(bytes),
        }
        match (self.out.ended, self.err.ended) {
            (Some(_), Some(_)) => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        }
    }

    fn whole(self) -> Option<Outcome> {
        let code = self.out.ended.filter(|_| self.err.ended.is_some())?;
        Some(Outcome {
            ended: Ended::Exit(code),
            truncated: self.out.truncated || self.err.truncated,
            out: self.out.kept,
            err: self.err.kept,
        })
    }
}

/// One output of a script.
#[derive(Debug)]
struct Part {
    mark: Vec<u8>,
    cap: usize,
    kept: Vec<u8>,
    /// What may be the beginning of the mark.
    rest: Vec<u8>,
    truncated: bool,
    /// The exit code that stood behind the mark.
    ended: Option<i32>,
}

impl Part {
    fn push(&mut self, bytes: &[u8]) {
        if self.ended.is_some() {
            return;
        }
        self.rest.extend_from_slice(bytes);
        let Some(at) = memmem::find(&self.rest, &self.mark) else {
            let sure = self.rest.len().saturating_sub(self.mark.len());
            self.keep(sure);
            return;
        };
        self.keep(at);
        let code = self.rest.get(self.mark.len()..).unwrap_or_default();
        let end = memchr::memchr(b'\n', code);
        if end.is_some() || code.len() > LONGEST_CODE {
            let code = code.get(..end.unwrap_or_default());
            let code = code.and_then(|code| str::from_utf8(code).ok());
            self.ended = Some(code.and_then(|code| code.parse().ok()).unwrap_or(-1));
        }
    }

    /// Keeps the first bytes of the rest, as far as there is room.
    fn keep(&mut self, sure: usize) {
        let sure: Vec<u8> = self.rest.drain(..sure).collect();
        let fits = sure.get(..self.cap - self.kept.len()).unwrap_or(&sure);
        self.kept.extend_from_slice(fits);
        self.truncated |= fits.len() < sure.len();
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;
    use crate::channel::{Channel, Holding, Local};
    use crate::world::{Clock, World};

    /// Has a shell of this machine hold a lock of its own, and talks to it.
    fn talk<W: Future<Output = ()>>(with: impl FnOnce(Held, std::path::PathBuf) -> W) {
        let folder = tempfile::tempdir().unwrap();
        let lock = folder.path().join("lock");
        let world = World::new(
            Clock::System,
            [("PATH".into(), "/usr/bin:/bin".into())],
            folder.path().into(),
        );
        let channel = Channel::Local(Local::new(&world));
        let take = r#"mask=022; sign() { :; }; exec 9>>"$1"; flock -n 9 && echo held || exit"#;
        let command = Command::new(format!("{take}\n{SERVE}")).argument(lock.display().to_string());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let Holding::Held(line, held) = channel.hold(&command).await.unwrap() else {
                panic!("not held");
            };
            assert_eq!(line, "held");
            with(held, lock).await;
        });
    }

    fn is_free(lock: &std::path::Path) -> bool {
        let mut flock = std::process::Command::new("flock");
        flock
            .arg("-n")
            .arg(lock)
            .arg("true")
            .status()
            .unwrap()
            .success()
    }

    #[test]
    fn each_script_has_its_own_arguments_input_and_end() {
        talk(async |held, lock| {
            let odd = "it's\n`x` $HOME \\ \"q\" ö ";
            let print = Command::new("printf '%s|' \"$@\"\nexit 3")
                .argument(odd)
                .argument("");
            let answer = held.ask("0f", &print).await.unwrap();
            assert_eq!(answer.out, format!("{odd}||").into_bytes());
            assert_eq!(answer.ended, Ended::Exit(3));
            let secret = [Plain::from(odd), Plain::from(""), Plain::from("''\n\n")];
            let print = Command::new("printf '%s|'").argument("first's");
            let answer = held.call("0f", &print, &secret).await.unwrap();
            assert_eq!(answer.out, format!("first's|{odd}||''\n\n|").into_bytes());
            // A function of this shell changes its umask for itself, and has neither input nor the lock.
            let inside =
                Command::new("{ umask 077; ! read -r x && sleep 5 >/dev/null 2>&1 & }; false");
            let answer = held.call("0f", &inside, &[]).await.unwrap();
            assert_eq!(answer.ended, Ended::Exit(1));
            // What it does not read is not taken for the next line.
            let mut input = vec![b'x'; MAX_INPUT - 9];
            input.extend_from_slice(b"\n0 0f echo");
            for script in ["exit 0", "head -c 1 >/dev/null", "cat | wc -c"] {
                let command = Command::new(script).input(Plain::new(input.clone()));
                assert!(held.ask("0f", &command).await.unwrap().ended.is_success());
            }
            // It changes nothing for the next one, and what it leaves running does not keep the lock.
            let leaves = Command::new("cd /; set -u; umask 0; sleep 5 >/dev/null 2>&1 &");
            assert!(held.ask("0f", &leaves).await.unwrap().ended.is_success());
            let there = held
                .ask("0f", &Command::new("umask; pwd; read -r x || echo end"))
                .await;
            let there = String::from_utf8(there.unwrap().out).unwrap();
            assert!(
                there.starts_with("0022\n/") && there.ends_with("\nend\n"),
                "{there}"
            );
            assert!(!is_free(&lock));
            held.close().await;
            assert!(is_free(&lock));
        });
    }

    #[test]
    fn what_nobody_waits_for_is_run_to_its_end_and_what_is_slow_ends_all() {
        talk(async |held, lock| {
            let slow = Command::new("sleep 0.3; echo late; echo >\"$1\"");
            let done = lock.with_extension("done");
            let slow = slow.argument(done.display().to_string());
            let asking = timeout(Duration::from_millis(50), held.ask("0f", &slow));
            assert!(asking.await.is_err());
            let next = held.ask("0f", &Command::new("echo next")).await.unwrap();
            assert_eq!((next.out, done.exists()), (b"next\n".to_vec(), true));
            let hangs = Command::new("sleep 100").within(Duration::from_millis(50));
            let error = held.ask("0f", &hangs).await.unwrap_err();
            assert!(matches!(error, ChannelError::Slow { .. }), "{error}");
            let error = held.ask("0f", &Command::new(":")).await.unwrap_err();
            assert!(matches!(error, ChannelError::Lost { .. }), "{error}");
            held.close().await;
            assert!(is_free(&lock));
        });
    }

    #[test]
    fn an_answer_ends_with_the_word_on_both_outputs_however_it_is_cut() {
        let out = b"a word in it\nand no line end0f 7\n";
        for size in 1..out.len() {
            let mut answer = Answer::new("0f", 100);
            for piece in out.chunks(size) {
                assert!(answer.push(Source::Out, piece).is_continue());
            }
            assert!(answer.push(Source::Err, b"why0f").is_continue());
            assert!(answer.push(Source::Err, b" 7\n").is_break());
            let whole = answer.whole().unwrap();
            assert_eq!(whole.ended, Ended::Exit(7));
            assert_eq!(whole.out, b"a word in it\nand no line end");
            assert_eq!(
                (whole.err.as_slice(), whole.truncated),
                (&b"why"[..], false)
            );
        }
    }

    #[test]
    fn an_answer_beyond_the_cap_is_dropped_and_its_end_still_found() {
        let mut answer = Answer::new("0f", 5);
        for _ in 0..1000 {
            assert!(answer.push(Source::Out, b"more and more").is_continue());
        }
        assert!(answer.out.rest.len() < 20);
        assert!(answer.push(Source::Err, b"0f 0\n").is_continue());
        assert!(answer.push(Source::Out, b"0f 0\n").is_break());
        let whole = answer.whole().unwrap();
        assert_eq!(
            (whole.out.as_slice(), whole.truncated),
            (&b"more "[..], true)
        );
        assert!(Answer::new("0f", 5).whole().is_none());
    }

    #[test]
    fn a_code_without_an_end_is_none() {
        let mut answer = Answer::new("0f", 5);
        for _ in 0..1000 {
            let _flow = answer.push(Source::Out, b"0f 0");
        }
        assert!(answer.out.rest.len() < 30);
        assert!(answer.push(Source::Err, b"0f 0\n").is_break());
        assert_eq!(answer.whole().unwrap().ended, Ended::Exit(-1));
    }
}
