//! The two state machines: what is said to a plugin, and how its questions are answered.
//!
//! First we speak alone, until `done`. Then the plugin speaks, each command gets one answer, until
//! it says `done`. What it asks of the person goes to [`Ask`]; a command that is not known is
//! answered `unsupported`, as the specification wants it.

use std::collections::HashSet;

use age_core::format::{FileKey, Stanza};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use zeroize::{Zeroize as _, Zeroizing};

use super::process::Process;
use super::{PluginFault, Program};
use crate::crypto::stanza::{self, More};
use crate::identity::ask::Ask;
use crate::text::clean;

/// The most commands of one run. A stanza for each of some hundred recipients fits.
const COMMANDS: usize = 1000;

/// The most bytes of one body: a message, a PIN or a file key.
const BODY: usize = 64 * 1024;

/// The most characters of a message that are shown.
const SHOWN: usize = 1000;

/// A started plugin, with what it has said by now.
pub(super) struct Dialogue<'a> {
    process: Process<'a>,
    program: &'a Program,
    ask: &'a dyn Ask,
    errors: Vec<String>,
}

impl<'a> Dialogue<'a> {
    /// Starts the plugin in a state machine, `recipient-v1` or `identity-v1`.
    pub(super) fn start(
        program: &'a Program,
        machine: &str,
        ask: &'a dyn Ask,
    ) -> Result<Self, PluginFault> {
        Ok(Self {
            process: Process::start(program, machine, ask)?,
            program,
            ask,
            errors: Vec::new(),
        })
    }

    /// Has the plugin unwrap the file key of one file; `None` if none of the stanzas is its.
    pub(super) fn unwrap(
        mut self,
        identity: &str,
        stanzas: &[Stanza],
    ) -> Result<Option<FileKey>, PluginFault> {
        let mut out = Vec::new();
        stanza::write(&mut out, "add-identity", &[identity], b"");
        for stanza in stanzas {
            let mut arguments = vec!["0", stanza.tag.as_str()];
            arguments.extend(stanza.args.iter().map(String::as_str));
            stanza::write(&mut out, "recipient-stanza", &arguments, &stanza.body);
        }
        stanza::write(&mut out, "done", &[], b"");
        self.process.send(&out)?;

        let mut found = None;
        self.listen(|dialogue, command| {
            if command.tag != "file-key" {
                return Ok(false);
            }
            // One file was sent, so one key comes back, and it is for file 0.
            if command.args != ["0"] || found.is_some() {
                return Err(dialogue.process.odd("a file key that nobody asked for"));
            }
            let key = FileKey::try_init_with_mut(|key| {
                let fits = command.body.len() == key.len();
                fits.then(|| key.copy_from_slice(&command.body)).ok_or(())
            });
            let wrong = |()| dialogue.process.odd("a file key of the wrong length");
            found = Some(key.map_err(wrong)?);
            Ok(true)
        })?;
        match found {
            None if !self.errors.is_empty() => Err(self.failed()),
            other => Ok(other),
        }
    }

    /// Has the plugin wrap a file key; gives its stanzas and labels.
    pub(super) fn wrap(
        mut self,
        recipient: &str,
        file_key: &[u8; 16],
    ) -> Result<(Vec<Stanza>, HashSet<String>), PluginFault> {
        let mut out = Zeroizing::new(Vec::with_capacity(1024));
        stanza::write(&mut out, "add-recipient", &[recipient], b"");
        stanza::write(&mut out, "wrap-file-key", &[], file_key);
        stanza::write(&mut out, "extension-labels", &[], b"");
        stanza::write(&mut out, "done", &[], b"");
        self.process.send(&out)?;

        let mut stanzas = Vec::new();
        let mut labels: Option<HashSet<String>> = None;
        self.listen(|dialogue, command| {
            match (command.tag.as_str(), command.args.as_slice()) {
                ("recipient-stanza", [file, tag, arguments @ ..]) if file == "0" => {
                    stanzas.push(Stanza {
                        tag: tag.clone(),
                        args: arguments.to_vec(),
                        body: std::mem::take(&mut command.body),
                    });
                }
                ("recipient-stanza", _) => {
                    return Err(dialogue.process.odd("a stanza that nobody asked for"));
                }
                ("labels", new) => {
                    let set: HashSet<String> = new.iter().cloned().collect();
                    if labels.is_some() || set.len() != new.len() {
                        return Err(dialogue.process.odd("labels twice"));
                    }
                    labels = Some(set);
                }
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        // The specification: errors and stanzas exclude each other, and one of them comes.
        if !self.errors.is_empty() {
            return Err(self.failed());
        }
        if stanzas.is_empty() {
            return Err(self.process.odd("neither a stanza nor an error"));
        }
        Ok((stanzas, labels.unwrap_or_default()))
    }

    /// Answers commands until `done`. `own` says whether a command was its own, which gets `ok`.
    fn listen(
        &mut self,
        mut own: impl FnMut(&Self, &mut Stanza) -> Result<bool, PluginFault>,
    ) -> Result<(), PluginFault> {
        for _ in 0..COMMANDS {
            let mut command = self.receive()?;
            if command.tag == "done" {
                return Ok(());
            }
            if own(self, &mut command)? {
                self.answer("ok", &[], b"")?;
            } else {
                self.common(&command)?;
            }
            command.body.zeroize();
        }
        Err(self.process.odd("more commands than anything needs"))
    }

    /// The commands that both state machines know.
    fn common(&mut self, command: &Stanza) -> Result<(), PluginFault> {
        let text = shown(&command.body);
        match (command.tag.as_str(), command.args.as_slice()) {
            ("msg", _) => {
                self.ask.message(&text);
                self.answer("ok", &[], b"")
            }
            ("error", _) => {
                self.errors.push(text);
                self.answer("ok", &[], b"")
            }
            ("confirm", [yes, no @ ..]) if no.len() <= 1 => {
                let label = |argument: &String| {
                    let label = STANDARD_NO_PAD.decode(argument).ok();
                    label.map(|bytes| shown(&bytes))
                };
                let yes = label(yes).ok_or_else(|| self.process.odd("a button without a name"))?;
                match self
                    .ask
                    .confirm(&text, &yes, no.first().and_then(label).as_deref())
                {
                    Some(true) => self.answer("ok", &["yes"], b""),
                    Some(false) => self.answer("ok", &["no"], b""),
                    None => self.answer("fail", &[], b""),
                }
            }
            ("request-public", _) => match self.ask.answer(&text) {
                Some(answer) => self.answer("ok", &[], answer.as_bytes()),
                None => self.answer("fail", &[], b""),
            },
            ("request-secret", _) => {
                let what = format!("age-plugin-{}: {text}", self.program.name);
                match self.ask.passphrase(&what) {
                    Ok(Some(secret)) => secret.with(|bytes| self.answer("ok", &[], bytes)),
                    // A terminal that cannot be read from is nobody to ask, for the plugin.
                    Ok(None) | Err(_) => self.answer("fail", &[], b""),
                }
            }
            _ => self.answer("unsupported", &[], b""),
        }
    }

    fn receive(&mut self) -> Result<Stanza, PluginFault> {
        let head = self.process.line()?;
        let head = stanza::head(&head);
        let mut stanza = head.ok_or_else(|| self.process.odd("a line that begins no stanza"))?;
        loop {
            let line = self.process.line()?;
            let more = stanza::body_line(&mut stanza.body, &line);
            match more.ok_or_else(|| self.process.odd("a body that is no base64"))? {
                More::Ends => return Ok(stanza),
                More::Follows if stanza.body.len() > BODY => {
                    return Err(self.process.odd("a body without an end"));
                }
                More::Follows => {}
            }
        }
    }

    fn answer(&mut self, tag: &str, arguments: &[&str], body: &[u8]) -> Result<(), PluginFault> {
        let mut out = Zeroizing::new(Vec::with_capacity(64 + 2 * body.len()));
        stanza::write(&mut out, tag, arguments, body);
        self.process.send(&out)
    }

    fn failed(&mut self) -> PluginFault {
        PluginFault::Failed {
            name: self.program.name.clone(),
            messages: std::mem::take(&mut self.errors),
        }
    }
}

/// What a plugin says, cut to a length that fits a terminal and safe to print.
fn shown(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    clean(&text.trim().chars().take(SHOWN).collect::<String>())
}
