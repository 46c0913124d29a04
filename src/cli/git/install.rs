//! `clws git install`: text conversion, merge driver and pre-commit hook, in this clone alone.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::cli::context::Context;
use crate::error::{Code, Error, Problem};
use crate::fs::{FsError, write_beside};
use crate::git::Git;
use crate::text::{self, clean_line};

/// Have git call clws in this clone: readable diffs, merges by table, a scan before each commit
///
/// Writes to `.git` alone: `config`, `info/attributes`, and `hooks/pre-commit` if there is none. Nothing of
/// it is in the repository, so nobody else's git changes, and no repository can bring it along.
#[derive(Args, Debug)]
pub(crate) struct InstallArgs {
    /// Take it out again
    #[arg(long)]
    undo: bool,
}

/// What marks the lines and the hook that are ours.
const MARK: &str = "# by `clws git install`";

pub(crate) fn run(args: &InstallArgs, cx: &Context) -> Result<(), Error> {
    let vault = cx.vault_path()?;
    let git = Git::at(&cx.world, &vault);
    let prefix = git.ask_line(&["rev-parse", "--show-prefix"])?;
    let common = git.ask_line(&["rev-parse", "--git-common-dir"])?;
    let common = vault.join(common);
    let program = program()?;
    let attributes = common.join("info/attributes");
    let hook = common.join("hooks/pre-commit");
    if args.undo {
        for section in ["diff.clws", "merge.clws"] {
            if git.has_settings(section) {
                git.configure(&["--remove-section", section])?;
            }
        }
        write(&attributes, &others(&attributes)?, 0o600)?;
        if read(&hook)?.contains(MARK) {
            std::fs::remove_file(&hook).map_err(FsError::io("remove", &hook))?;
        }
        cx.ui.say("git does not call clws any more");
        return Ok(());
    }
    // Before anything is written, so that it is done or not done.
    demand_one_line(&prefix)?;
    let driver = format!("{program} merge --driver %O %A %B --marker-size %L --path %P");
    for (key, value) in [
        (
            "diff.clws.textconv",
            format!("{program} secret diff --textconv"),
        ),
        (
            "merge.clws.name",
            "documents of clws, table by table".to_owned(),
        ),
        ("merge.clws.driver", driver),
    ] {
        git.configure(&[key, &value])?;
    }
    // Of a sealed file and its sidecar either side is whole; text of both would be neither.
    let mut text = others(&attributes)?;
    for (files, what) in [
        ("secrets/**/*.toml", "diff=clws"),
        ("secrets/*/*.toml", "merge=clws"),
        ("secrets/**/*.age.toml", "-merge"),
    ] {
        // The mark is a line of its own: behind an attribute there can be no comment.
        text.push_str(&format!("{MARK}\n{} {what}\n", pattern(&prefix, files)));
    }
    write(&attributes, &text, 0o600)?;
    cx.ui
        .say("git shows secrets by name in diffs, and merges documents table by table");
    install_hook(cx, &git, &hook, &prefix, &program)
}

/// The pattern of files below a folder, as git reads it in `info/attributes`. The folder stands for itself,
/// whatever its name is (gitattributes(5)): `\` takes the meaning from a character, quotes keep blanks.
fn pattern(prefix: &str, files: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '-');
    if prefix.chars().all(is_plain) {
        return format!("{prefix}{files}");
    }
    let mut folder = String::new();
    for character in prefix.chars() {
        if matches!(character, '*' | '?' | '[' | ']' | '\\' | '!' | '#') {
            folder.push('\\');
        }
        folder.push(character);
    }
    let folder = folder.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{folder}{files}\"")
}

/// The lines of a file that are not ours.
fn others(path: &Path) -> Result<String, Error> {
    let text = read(path)?;
    let (mut out, mut skip) = (String::new(), false);
    for line in text.lines() {
        if line == MARK {
            skip = true;
        } else if !std::mem::take(&mut skip) {
            out.push_str(line);
            out.push('\n');
        }
    }
    Ok(out)
}

fn install_hook(
    cx: &Context,
    git: &Git,
    hook: &Path,
    prefix: &str,
    program: &str,
) -> Result<(), Error> {
    let vault = match prefix {
        "" => String::new(),
        prefix => format!(" --vault {}", quoted(prefix.trim_end_matches('/'))?),
    };
    let line = format!("{program}{vault} scan --staged --quiet");
    let elsewhere = ["--local", "--global", "--system"].iter().any(|place| {
        git.ask(&["config", place, "--get", "core.hooksPath"])
            .is_ok()
    });
    let there = read(hook)?;
    if elsewhere || !(there.is_empty() || there.contains(MARK)) {
        let whose = match elsewhere {
            true => "core.hooksPath names another folder for hooks".to_owned(),
            false => format!("{} is there already", hook.display()),
        };
        cx.ui
            .warn(&format!("{whose}; have its pre-commit run: {line}"));
        return Ok(());
    }
    write(hook, &format!("#!/bin/sh\n{MARK}\nexec {line}\n"), 0o755)?;
    cx.ui
        .say("before each commit what is staged is scanned for values and private keys");
    Ok(())
}

/// This program, as a shell finds it: git runs these lines by one.
fn program() -> Result<String, Error> {
    let path: PathBuf = std::env::current_exe()
        .map_err(|error| Problem::new(Code::IoErr, format!("where clws lies: {error}")))?;
    let text = path.to_str().filter(|path| !path.contains('%'));
    let text = text.ok_or_else(|| {
        Problem::new(
            Code::Config,
            format!("git cannot be told of {}", path.display()),
        )
        .hint("put clws in a folder with a plain name")
    })?;
    quoted(text)
}

/// Refuses what would be a line of its own in a file of git's.
fn demand_one_line(path: &str) -> Result<(), Error> {
    if path.chars().any(char::is_control) {
        let shown = clean_line(path);
        let message = format!("git cannot be told of `{shown}`: it has a control character");
        return Err(Problem::new(Code::Config, message)
            .hint("give the folder a plain name")
            .into());
    }
    Ok(())
}

fn quoted(text: &str) -> Result<String, Error> {
    demand_one_line(text)?;
    Ok(text::quoted(text))
}

fn read(path: &Path) -> Result<String, Error> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(FsError::io("read", path)(error).into()),
    }
}

fn write(path: &Path, text: &str, mode: u32) -> Result<(), Error> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(FsError::io("make", folder))?;
    }
    Ok(write_beside(path, text.as_bytes(), mode)?)
}
