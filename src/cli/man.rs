//! `clws man`: the manual, a page for each command.

use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use clap::{Args, Command, CommandFactory as _, ValueHint};
use rustix::fs::OFlags;

use super::context::Context;
use super::{Cli, usage};
use crate::error::Error;
use crate::fs::FsError;
use crate::text::nearest;

/// Print the manual page of a command, or write those of all commands
///
/// `clws man secret get | man -l -` shows one. `clws man --out ~/.local/share/man/man1` writes them where
/// `man clws-secret-get` finds them.
#[derive(Args, Debug)]
pub(crate) struct ManArgs {
    /// The command; clws itself without one
    #[arg(conflicts_with = "out")]
    command: Vec<String>,
    /// Write all pages into this folder
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    out: Option<PathBuf>,
}

pub(crate) fn run(args: &ManArgs, cx: &Context) -> Result<(), Error> {
    // The pages say what `help` says.
    let mut root = Cli::command().disable_help_subcommand(true);
    root.build();
    if let Some(dir) = &args.out {
        let dir = cx.world.folder().join(dir);
        make_folder(&dir).map_err(FsError::io("make", &dir))?;
        let count = write_all(&root, "clws", &dir)?;
        cx.ui.say(&format!("wrote {count} pages"));
        return Ok(());
    }
    let mut command = &root;
    for word in &args.command {
        let below = command
            .find_subcommand(word)
            .filter(|below| is_shown(below));
        command = below.ok_or_else(|| {
            let known = command.get_subcommands().filter(|below| is_shown(below));
            let known: Vec<&str> = known.map(Command::get_name).collect();
            let problem = usage(format!("there is no command `{word}`"));
            problem.hint(match nearest(word, known.iter().copied()) {
                Some(near) => format!("is `{near}` meant?"),
                None => format!("`clws man` knows {}", known.join(", ")),
            })
        })?;
    }
    let name = ["clws"]
        .into_iter()
        .chain(args.command.iter().map(String::as_str));
    let name: Vec<&str> = name.collect();
    cx.ui.data(&page(command, &name.join("-"))?)
}

fn is_shown(command: &Command) -> bool {
    !command.is_hide_set()
}

/// Makes a folder, and what is missing above it, for everybody to read: the umask of clws is one for secrets.
fn make_folder(dir: &Path) -> io::Result<()> {
    let missing = dir.ancestors().take_while(|folder| !folder.exists());
    // What ends in `..` is another folder.
    let missing: Vec<&Path> = missing
        .filter(|folder| folder.file_name().is_some())
        .collect();
    fs::create_dir_all(dir)?;
    let mut each = missing.into_iter();
    each.try_for_each(|folder| fs::set_permissions(folder, Permissions::from_mode(0o755)))
}

fn write_page(path: &Path, page: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    // A folder of somebody else's could have a link there.
    options.custom_flags(i32::try_from(OFlags::NOFOLLOW.bits()).unwrap_or(0));
    let mut file = options.open(path)?;
    file.set_permissions(Permissions::from_mode(0o644))?;
    file.write_all(page)
}

fn write_all(command: &Command, name: &str, dir: &Path) -> Result<usize, Error> {
    let path = dir.join(format!("{name}.1"));
    write_page(&path, &page(command, name)?).map_err(FsError::io("write", &path))?;
    let mut count = 1;
    for below in command.get_subcommands().filter(|below| is_shown(below)) {
        count += write_all(below, &format!("{name}-{}", below.get_name()), dir)?;
    }
    Ok(count)
}

/// A page as clap_mangen makes it, with a title and a synopsis of its own and without what readers of pages
/// warn of. Its synopsis would be without `--` and with what there is everywhere.
fn page(command: &Command, name: &str) -> Result<Vec<u8>, Error> {
    let mut made = Vec::new();
    let man = clap_mangen::Man::new(command.clone());
    man.render(&mut made).map_err(super::streams::written)?;
    let made = String::from_utf8_lossy(&made);
    let lines: Vec<&str> = made.lines().map(str::trim_end).collect();
    let version = env!("CARGO_PKG_VERSION");
    let mut page = String::new();
    for (at, line) in lines.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|at| lines.get(at));
        let beside_gap = [before, lines.get(at + 1)].contains(&Some(&""));
        if line.starts_with(".TH ") {
            let name = name.to_uppercase();
            // Without a date: the same source gives the same page.
            page.push_str(&format!(".TH {name} 1 \"\" \"clws {version}\" \"clws\"\n"));
        } else if before == Some(&".SH SYNOPSIS") {
            let usage = command.clone().render_usage().to_string();
            let usage = usage.trim_start_matches("Usage:").trim();
            page.push_str(&usage.replace('\\', r"\e").replace('-', r"\-"));
            page.push('\n');
        } else if !(*line == ".br" && beside_gap) {
            page.push_str(line);
            page.push('\n');
        }
    }
    Ok(page.into_bytes())
}
