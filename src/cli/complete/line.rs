//! Where on a command line the cursor is.

use clap::{Arg, Command};

use super::words::Words;

/// What is being typed.
pub(super) enum Place<'c> {
    /// The name of a command below this one.
    Command(&'c Command),
    /// A flag of this command.
    Flag(&'c Command),
    /// A value of this command's argument.
    Value(&'c Command, &'c Arg),
    /// The program that is to be run.
    Program,
    /// A word of that program's.
    File,
    /// What has no place.
    Nothing,
}

/// A line that was read up to the cursor.
pub(super) struct Line<'c> {
    pub(super) place: Place<'c>,
    /// What stands before the value in the same word: `--format=`.
    pub(super) prefix: String,
    /// The value, as far as it is typed.
    pub(super) typed: String,
    /// The folder that `--vault` named before.
    pub(super) vault: Option<String>,
    /// The first word before the cursor that is neither a command nor a flag nor a flag's value.
    pub(super) named: Option<String>,
}

/// How far the words before the cursor lead.
struct Walk<'c> {
    command: &'c Command,
    /// Words that are neither commands nor flags nor values of flags.
    positional: usize,
    /// A flag that wants so many more values.
    pending: Option<(&'c Arg, usize)>,
    /// Behind `--`: as many words.
    behind: Option<usize>,
    /// `man` is told the way to a command as if it were one.
    page: Option<&'c Command>,
    vault: Option<String>,
    named: Option<String>,
}

impl<'c> Line<'c> {
    /// Reads the words before the cursor along the tree of commands.
    pub(super) fn read(root: &'c Command, words: &Words) -> Self {
        let mut walk = Walk {
            command: root,
            positional: 0,
            pending: None,
            behind: None,
            page: None,
            vault: None,
            named: None,
        };
        for word in &words.before {
            walk.step(word);
            if walk.page.is_none() && walk.command.get_bin_name() == Some("clws man") {
                walk.page = Some(root);
            }
        }
        let (place, prefix) = walk.place(&words.typed);
        Self {
            place,
            typed: words.typed.get(prefix.len()..).unwrap_or_default().into(),
            prefix,
            vault: walk.vault,
            named: walk.named,
        }
    }
}

impl<'c> Walk<'c> {
    fn step(&mut self, word: &str) {
        if let Some((arg, left)) = self.pending.take() {
            self.takes(arg, word);
            self.pending = (left > 1).then_some((arg, left - 1));
        } else if let Some(count) = &mut self.behind {
            *count += 1;
        } else if word == "--" {
            self.behind = Some(0);
        } else if let Some(flag) = word.strip_prefix("--") {
            let (name, value) = match flag.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (flag, None),
            };
            let arg = self.flag(|arg| arg.get_long() == Some(name));
            match (arg, value) {
                (Some(arg), Some(value)) => self.takes(arg, value),
                (Some(arg), None) => self.pending = wants(arg),
                (None, _) => {}
            }
        } else if let Some(cluster) = word.strip_prefix('-').filter(|rest| !rest.is_empty()) {
            let last = cluster.chars().next_back();
            let arg = self.flag(|arg| arg.get_short() == last);
            self.pending = arg.and_then(wants);
        } else if let Some(below) = self.page.and_then(|page| page.find_subcommand(word)) {
            self.page = Some(below);
        } else if self.positional == 0
            && let Some(command) = self.command.find_subcommand(word)
        {
            self.command = command;
        } else {
            self.named.get_or_insert_with(|| word.to_owned());
            self.positional += 1;
        }
    }

    fn takes(&mut self, arg: &Arg, value: &str) {
        if arg.get_id() == "vault" {
            self.vault = Some(value.to_owned());
        }
    }

    fn flag(&self, is: impl Fn(&Arg) -> bool) -> Option<&'c Arg> {
        self.command.get_arguments().find(|arg| is(arg))
    }

    /// What is typed here, and what of the word is not part of it.
    fn place(&self, typed: &str) -> (Place<'c>, String) {
        let command = self.command;
        let whole = |place| (place, String::new());
        if let Some((arg, _)) = self.pending {
            return whole(Place::Value(command, arg));
        }
        let last = command.get_positionals().find(|arg| arg.is_last_set());
        match self.behind {
            Some(0) if last.is_some() => return whole(Place::Program),
            Some(_) if last.is_some() => return whole(Place::File),
            Some(count) => return whole(self.positional(self.positional + count)),
            None => {}
        }
        if let Some((flag, _)) = typed.strip_prefix("--").and_then(|w| w.split_once('=')) {
            let arg = self.flag(|arg| arg.get_long() == Some(flag));
            return match arg.filter(|arg| wants(arg).is_some()) {
                Some(arg) => (Place::Value(command, arg), format!("--{flag}=")),
                None => whole(Place::Nothing),
            };
        }
        if typed.starts_with('-') {
            return whole(Place::Flag(command));
        }
        if let Some(page) = self.page {
            return whole(Place::Command(page));
        }
        if command.has_subcommands() && self.positional == 0 {
            return whole(Place::Command(command));
        }
        whole(self.positional(self.positional))
    }

    fn positional(&self, at: usize) -> Place<'c> {
        let mut all = self.command.get_positionals();
        let named: Vec<&Arg> = all.by_ref().filter(|arg| !arg.is_last_set()).collect();
        let many = |arg: &&Arg| {
            let most = arg.get_num_args().map_or(1, |range| range.max_values());
            most > 1 || matches!(arg.get_action(), clap::ArgAction::Append)
        };
        let arg = named
            .get(at)
            .or_else(|| named.last().filter(|arg| many(arg)));
        arg.map_or(Place::Nothing, |arg| Place::Value(self.command, arg))
    }
}

/// The flag and how many values it wants, if it wants any.
fn wants(arg: &Arg) -> Option<(&Arg, usize)> {
    let least = arg.get_num_args().map_or(1, |range| range.min_values());
    let takes = arg.get_action().takes_values();
    takes.then_some((arg, least.max(1)))
}
