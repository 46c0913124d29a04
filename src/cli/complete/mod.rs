//! `clws complete`: what may stand at the end of a command line. The scripts of `clws completions` ask.
//!
//! Every word of the answer that comes from a repository is one of [`crate::name`]: ASCII without any
//! character that a shell or a terminal gives a meaning to. What is no such name is left out. Nothing is
//! opened, verified or started, no git either. Files and programs the shell completes by itself, since
//! it knows how to quote them.

mod line;
mod names;
mod words;

use std::ffi::OsString;

use clap::builder::StyledStr;
use clap::{Arg, Args, Command, CommandFactory as _, ValueEnum, ValueHint};

use super::Cli;
use super::context::Context;
use crate::error::Error;

use line::{Line, Place};
use names::Names;
use words::Words;

/// The shells that clws speaks to.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(super) enum Shell {
    Bash,
    Zsh,
    Fish,
}

/// Say what may stand at the end of a command line; the scripts of `clws completions` ask
///
/// The first line of the answer is `words`, `files`, `folders` or `programs`. After `words` comes a word
/// on each line, behind a tab what it is for.
#[derive(Args, Debug)]
pub(super) struct CompleteArgs {
    /// Whose line it is
    #[arg(value_enum)]
    shell: Shell,
    /// The words behind `clws`, up to the one that is being typed
    #[arg(last = true, value_name = "WORD")]
    words: Vec<OsString>,
}

/// What a shell offers.
enum Answer {
    /// A word each, and what it is for.
    Words(Vec<(String, String)>),
    Files,
    Folders,
    Programs,
}

pub(super) fn run(args: &CompleteArgs, cx: &Context) -> Result<(), Error> {
    let mut root = Cli::command();
    root.build();
    let given = args.words.iter().map(|word| word.to_string_lossy().into());
    let words = match args.shell {
        Shell::Bash => Words::of_bash(given),
        Shell::Zsh | Shell::Fish => Words::of(given),
    };
    let line = Line::read(&root, &words);
    let answer = answer(&line, cx);
    let mut text = String::from(match &answer {
        Answer::Words(_) => "words\n",
        Answer::Files => "files\n",
        Answer::Folders => "folders\n",
        Answer::Programs => "programs\n",
    });
    if let Answer::Words(offered) = answer {
        for (word, help) in offered {
            let word = format!("{}{word}", line.prefix);
            if word.starts_with(&words.typed) {
                let word = word.get(words.kept..).unwrap_or_default();
                text.push_str(&format!("{word}\t{help}\n"));
            }
        }
    }
    cx.ui.data(text.as_bytes())
}

fn answer(line: &Line<'_>, cx: &Context) -> Answer {
    match &line.place {
        Place::Command(command) => Answer::Words(commands(command)),
        Place::Flag(command) => Answer::Words(flags(command)),
        Place::Value(command, arg) => values(command, arg, line, cx),
        Place::Program => Answer::Programs,
        Place::File => Answer::Files,
        Place::Nothing => Answer::Words(Vec::new()),
    }
}

fn commands(command: &Command) -> Vec<(String, String)> {
    let all = command.get_subcommands().filter(|one| !one.is_hide_set());
    all.map(|one| (one.get_name().to_owned(), first_line(one.get_about())))
        .collect()
}

fn flags(command: &Command) -> Vec<(String, String)> {
    let all = command.get_arguments().filter(|arg| !arg.is_hide_set());
    all.filter_map(|arg| Some((format!("--{}", arg.get_long()?), first_line(arg.get_help()))))
        .collect()
}

fn values(command: &Command, arg: &Arg, line: &Line<'_>, cx: &Context) -> Answer {
    let listed = arg.get_possible_values();
    if !listed.is_empty() && arg.get_action().takes_values() {
        let shown = listed.iter().filter(|value| !value.is_hide_set());
        let word = |value: &clap::builder::PossibleValue| {
            (value.get_name().to_owned(), first_line(value.get_help()))
        };
        return Answer::Words(shown.map(word).collect());
    }
    match arg.get_value_hint() {
        ValueHint::DirPath => return Answer::Folders,
        ValueHint::AnyPath | ValueHint::FilePath => return Answer::Files,
        _ => {}
    }
    let Some(wanted) = names::wanted(command, arg) else {
        return Answer::Words(Vec::new());
    };
    let names = Names::of(cx, line.vault.as_deref());
    let found = names.of_kind(wanted, line);
    Answer::Words(
        found
            .into_iter()
            .map(|word| (word, String::new()))
            .collect(),
    )
}

fn first_line(help: Option<&StyledStr>) -> String {
    let text = help.map(ToString::to_string).unwrap_or_default();
    text.lines().next().unwrap_or_default().to_owned()
}
