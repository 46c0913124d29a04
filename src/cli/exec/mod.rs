//! `clws exec`: a program with secrets.

mod redaction;
mod runner;

use std::ffi::OsString;
use std::os::fd::AsFd as _;
use std::process::ExitCode;

use clap::{Args, ValueEnum};

pub(crate) use redaction::Redaction;

use crate::cli::context::{Context, as_openers};
use crate::error::{Code, Error};
use crate::exec::{
    self, FileRequest, Given, Output, Plan, Rename, Request, VariableName, for_github,
};
use crate::fs::Sync;
use crate::name::{SecretPath, ValueName};
use crate::text::list;
use crate::vault::Reader;

/// Run a program with secrets in its environment or in files
///
/// Each value of a document comes under its own name. The program takes the place of clws, unless
/// files or `--redact` need a parent that cleans up: then signals are passed on and the exit code is
/// the program's, 128 + n where signal n ended it. 125 means that clws failed, 126 that the program
/// cannot be run, 127 that there is none.
#[derive(Args, Debug)]
pub(crate) struct ExecArgs {
    /// Documents, or single values of them
    paths: Vec<SecretPath>,
    /// Give only these values of the documents
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    only: Vec<ValueName>,
    /// Give a value under another name; VALUE may be a whole path
    #[arg(long, value_name = "CHILD=VALUE")]
    map: Vec<Rename>,
    /// Put a value or a sealed file into a file in memory, and its path into NAME
    ///
    /// A whole document becomes a file of variables for Ansible, in YAML:
    /// `clws exec --file VARS=prod/web -- sh -c 'ansible-playbook -e "@$VARS" site.yml'`.
    #[arg(long, value_name = "NAME=PATH")]
    file: Vec<FileRequest>,
    /// Pass a name that can make programs run other code, like LD_PRELOAD or PATH; in a document for Ansible, one that
    /// begins with `ansible_`
    #[arg(long, value_name = "NAME")]
    allow: Vec<VariableName>,
    #[command(flatten)]
    redaction: Redaction,
    /// Have a CI job's log show none of the values
    ///
    /// `github` tells the runner each line of them, on the step's own output before the program starts,
    /// and is refused where none reads it. GitLab's runner takes no such word from a job, so `gitlab`
    /// takes them out of the program's output, as `--redact` does.
    #[arg(long, value_enum, value_name = "CI")]
    mask: Option<Ci>,
    /// The program and its arguments
    #[arg(last = true, required = true, value_name = "CMD")]
    command: Vec<OsString>,
}

/// Whose log is masked.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Ci {
    Github,
    Gitlab,
}

/// The exit code is the program's, so errors of clws itself have codes of their own.
pub(crate) fn run(args: &ExecArgs, cx: &Context) -> ExitCode {
    match attempt(args, cx) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            cx.ui.error(&error);
            match error.code() {
                code @ (Code::NoCommand
                | Code::CannotRun
                | Code::Hangup
                | Code::Interrupt
                | Code::Terminated) => code.into(),
                _ => Code::ExecFailed.into(),
            }
        }
    }
}

fn attempt(args: &ExecArgs, cx: &Context) -> Result<u8, Error> {
    args.redaction.demand(cx)?;
    let vault = cx.trusted_vault()?;
    let request = Request {
        paths: args.paths.clone(),
        only: args.only.clone(),
        renames: args.map.clone(),
        files: args.file.clone(),
        allowed: args.allow.clone(),
    };
    let plan = Plan::of(&vault, &request)?;
    if args.mask == Some(Ci::Github) {
        runner::demand(&cx.world)?;
    }
    let bundles = cx.bundles_for(&vault)?;
    let mine = cx.openers(&vault, &bundles);
    let reader = Reader::new(&vault, as_openers(&mine), "exec", Sync::Lazy)?.for_programs();
    let given = Given::open(&plan, &reader)?;
    // The program may run for days; the login was for what it is given.
    cx.beside.end();
    for notice in reader.take_notices() {
        cx.ui.warn(&notice);
    }
    if args.mask == Some(Ci::Github) {
        runner::tell(&for_github(&given))?;
    }
    let (out, err) = (std::io::stdout(), std::io::stderr());
    let redacts = args.redaction.is_wanted(cx, given.no_print);
    let output = if redacts || args.mask == Some(Ci::Gitlab) {
        let large = given.large_files();
        if !large.is_empty() {
            cx.ui.warn(&format!(
                "output is not searched for what is in {}: larger than 64 KiB",
                list(&large)
            ));
        }
        Output::Redacted {
            out: out.as_fd(),
            err: err.as_fd(),
        }
    } else {
        Output::Direct
    };
    exec::run(&cx.world, &args.command, given, output, &cx.inherited)
}

/// Whether a command line that does not read was one of `exec`, whose wrong uses exit with 125: 2 may
/// be the program's own.
pub(crate) fn is_meant(words: impl Iterator<Item = OsString>) -> bool {
    let mut words = words.take_while(|word| word != "--");
    while let Some(word) = words.next() {
        match word.to_str() {
            Some("--vault" | "--identity" | "--expect" | "--config-dir" | "--state-dir") => {
                drop(words.next())
            }
            Some(flag) if flag.starts_with('-') => {}
            first => return first == Some("exec"),
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_use_of_exec_is_known_by_the_first_word() {
        let meant = |line: &str| is_meant(line.split(' ').map(OsString::from));
        assert!(meant("exec prod/web"));
        assert!(meant("--vault exec -q exec --bad"));
        assert!(!meant("secret get exec"));
        assert!(!meant("--vault exec secret"));
        assert!(!meant("-- exec"));
    }
}
