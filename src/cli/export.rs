//! `clws export`: gives secrets back as ordinary files.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use super::context::{Context, as_openers};
use super::usage;
use crate::error::{Code, Error, Problem};
use crate::export::{self, As, Disk, Folder};
use crate::fs::Sync;
use crate::identity::Config;
use crate::name::SecretPath;
use crate::recipients::PublicRecipient;
use crate::text::{clean_line, count};
use crate::vault::Reader;

/// Write secrets out as ordinary files
///
/// `dir` gives a tree back as it was imported: names, modes, comments, byte for byte where nothing
/// changed since, and with new values in the old places where something did. `dotenv`, `json` and
/// `ansible` write a file for each document, and sealed files as they are. `age` writes an age file for
/// each value and file, which every reader opens with `age -d`; `sops` a file for each document and
/// file, which every reader opens with `sops -d`. A reader whose key a server keeps opens neither.
///
/// `age --recovery` writes a backup: the same, sealed to offline keys alone (`clws recipient update NAME --age
/// age1… --offline`), with a list in `backup.json`. Whoever has such a key opens each with `age -d`, without clws
/// and without the vault; `clws doctor --restore DIR` practises it.
///
/// `vault-references` prints where a document's values lie on a Vault or OpenBao server once they were pushed there,
/// as vals and helmfile read it (`ref+vault://…`); nothing is opened for it.
///
/// All but `age`, `sops` and these is plaintext: it goes to a folder of mode 0700 that is not there yet or is empty, in
/// memory such as /dev/shm; a disk is refused without `--allow-disk`. If anything fails or stops it,
/// nothing stays.
#[derive(Args, Debug)]
pub(crate) struct ExportArgs {
    /// A scope, a document, a folder or a file; everything without one
    #[arg(value_name = "TARGET")]
    targets: Vec<SecretPath>,
    /// age, dotenv, json, ansible, sops, dir or vault-references
    #[arg(long, value_parser = formats())]
    format: As,
    /// With `--format age`: a backup, sealed to those keys of each secret's readers that are kept offline, and to no other
    #[arg(long)]
    recovery: bool,
    /// The folder to write to; `-` prints one document
    #[arg(long, value_name = "DIR|-")]
    out: PathBuf,
    /// Write plaintext to a disk, where it can be found after it was deleted
    #[arg(long)]
    allow_disk: bool,
    /// Print with `--out -` even when stdout is a terminal
    #[arg(long)]
    show: bool,
    /// Where documents lie on the server, with `--format vault-references`; else `kv` in [server] of your config.toml,
    /// else `secret`
    #[arg(long, value_name = "MOUNT[/PREFIX]")]
    kv: Option<String>,
}

fn formats() -> impl TypedValueParser<Value = As> {
    PossibleValuesParser::new(As::ALL.map(|(name, _)| name)).try_map(|text| {
        let found = As::ALL.iter().find(|(name, _)| *name == text);
        found.map(|(_, format)| *format).ok_or("no such format")
    })
}

pub(crate) fn run(args: &ExportArgs, cx: &Context) -> Result<(), Error> {
    if args.recovery && args.format != As::Age {
        return Err(usage("a backup is of age files: `--format age --recovery`").into());
    }
    let vault = cx.trusted_vault()?;
    let chosen = export::choose(&vault, &args.targets)?;
    let to_stdout = args.out == Path::new("-");
    if args.format == As::References {
        if !to_stdout {
            return Err(usage("references are printed: `--out -`").into());
        }
        let kv = match &args.kv {
            Some(kv) => kv.clone(),
            None => Config::read(&cx.world)?
                .server
                .kv
                .unwrap_or_else(|| "secret".to_owned()),
        };
        return cx.ui.json(&export::references(&vault, &chosen, &kv)?);
    }
    let bundles = cx.bundles_for(&vault)?;
    let mine = cx.openers(&vault, &bundles);
    if to_stdout && matches!(args.format, As::Age | As::Dir) {
        return Err(
            usage("`--out -` prints one document, as dotenv, json, ansible or sops").into(),
        );
    }
    if to_stdout && !args.format.is_sealed() {
        let instead = "`--out DIR` writes files; `clws exec --file` gives one to a program";
        cx.ui.demand_eyes(args.show.into(), instead)?;
    }
    let reader = Reader::new(&vault, as_openers(&mine), "export", Sync::Lazy)?.for_programs();
    if to_stdout {
        let to_recipient = |recipient: &PublicRecipient| cx.to_recipient(&vault, recipient);
        let wanted = (chosen.as_slice(), args.format);
        let text = export::one(&vault, &reader, &to_recipient, wanted)?;
        warn(cx, &reader);
        return cx.ui.data(text.as_bytes());
    }
    let disk = match args.format {
        format if format.is_sealed() => Disk::Allow,
        _ if args.allow_disk => Disk::Allow,
        _ => Disk::Refuse,
    };
    let out = cx.world.folder().join(&args.out);
    let folder = Folder::make(&out, vault.tree().path(), disk)?;
    let to_recipient = |recipient: &PublicRecipient| cx.to_recipient(&vault, recipient);
    let mut progress = cx.ui.progress("writing", chosen.len());
    let stopped = stopped_by_signal()?;
    let mut step = || {
        progress.step();
        match i32::try_from(stopped.load(Ordering::Relaxed)).unwrap_or(0) {
            0 => Ok(()),
            signal => Err(Problem::new(code_of(signal), "stopped before all was written").into()),
        }
    };
    let written = folder.fill(|folder| match args.recovery {
        true => {
            let wanted = (args.targets.as_slice(), chosen.as_slice());
            export::backup(&vault, &reader, &to_recipient, wanted, folder, &mut step)
        }
        false => {
            let wanted = (chosen.as_slice(), args.format);
            export::write(&vault, &reader, &to_recipient, wanted, folder, &mut step)
        }
    })?;
    drop(progress);
    warn(cx, &reader);
    for note in &written.notes {
        cx.ui.say(note);
    }
    let shown = clean_line(&args.out.to_string_lossy());
    cx.ui.say(&format!(
        "wrote {} to {shown}",
        count(written.files, "file")
    ));
    if cx.ui.is_json() {
        cx.ui
            .json(&serde_json::json!({ "files": written.files, "notes": written.notes }))?;
    }
    Ok(())
}

/// The signal that came, if one did: a folder of plaintext is removed before we go.
fn stopped_by_signal() -> Result<Arc<AtomicUsize>, Error> {
    let stopped = Arc::new(AtomicUsize::new(0));
    for signal in [SIGHUP, SIGINT, SIGTERM] {
        let number = usize::try_from(signal).unwrap_or(0);
        signal_hook::flag::register_usize(signal, Arc::clone(&stopped), number).map_err(
            |error| Problem::new(Code::IoErr, format!("cannot watch for signals: {error}")),
        )?;
    }
    Ok(stopped)
}

fn code_of(signal: i32) -> Code {
    match signal {
        SIGHUP => Code::Hangup,
        SIGTERM => Code::Terminated,
        _ => Code::Interrupt,
    }
}

fn warn(cx: &Context, reader: &Reader<'_>) {
    for notice in reader.take_notices() {
        cx.ui.warn(&notice);
    }
}
