//! `clws rotate`: new values for old ones.

mod accounts;
mod begin;
mod due;
mod hosts;
mod party;
mod take;

use std::process::ExitCode;

use clap::Args;

use self::accounts::Hooked;
use self::begin::Begin;
use self::hosts::OverSsh;
use self::take::Deploys;
use crate::cli::chance::AlphabetWord;
use crate::cli::context::{Context, as_openers};
use crate::cli::runtime::user_here;
use crate::cli::session::BesideArgs;
use crate::cli::ui::{Source, Ui};
use crate::cli::ways::Ways;
use crate::error::{Code, Error, Problem};
use crate::fs::Sync;
use crate::hook::{components, signed_script};
use crate::name::{Component, SecretPath};
use crate::rotate::{
    ISSUER, Means, Person, ROTATORS, Records, RotateError, Rotation, Run, SCRIPT, Scripts, Steps,
    has_pending, script_of,
};
use crate::secret::Plain;
use crate::text::{list, nearest};
use crate::vault::{Change, MAX_VALUE, Reader, Vault};

/// Give values new ones, and take those into use
///
/// The new value is sealed beside the old one, becomes the one that is given out, and every component whose
/// hook uses it is deployed again; when all of them answer, the old one is dropped. What is cut off is gone
/// on with by `--resume` or led back by `--undo`: the old value is then issued again as the newest. A value's
/// policy says how: `clws secret policy PATH --rotator random`, where only the components compare it; `mysql`
/// or `codalab-user`, where a hook says which account has it; `ssh-key` for a key that logs in to hosts; `tls`
/// for a server's key, together with its certificate; `by-hand`, where a person makes it elsewhere and gives it
/// here; or the NAME of a signed script `hooks/NAME/rotate.sh` that has it accepted elsewhere
/// (docs/rotation.md). Other names that have the same value get the same new one, if that tells it to nobody.
///
/// `--due --dry-run` is the work list: what others may know since somebody left or it was imported, what
/// is older than its policy lets it be, and what ends within 30 days. That needs no private key. `--due` alone
/// rotates what of it needs no person, and lists the rest.
#[derive(Args, Clone, Debug)]
pub(crate) struct RotateArgs {
    /// Values and sealed files; with `--due` also what they lie in, with `--resume` and `--undo` those of one rotation
    #[arg(required_unless_present_any = ["due", "resume", "undo"])]
    paths: Vec<SecretPath>,
    /// What waits for a new value: all of it that needs nobody, one rotation after the other
    #[arg(long, conflicts_with_all = ["length", "alphabet"])]
    due: bool,
    /// How many characters, or words, of a value that is made at random; as the old one without
    #[arg(long, value_name = "N")]
    length: Option<usize>,
    /// What such a value is made of
    #[arg(long, value_enum)]
    alphabet: Option<AlphabetWord>,
    /// Leave values alone that others have too: each that is named gets one of its own
    #[arg(long)]
    apart: bool,
    /// Show what is to be done, and touch nothing
    #[arg(long)]
    dry_run: bool,
    /// Go on with what was cut off
    #[arg(long, conflicts_with_all = ["due", "dry_run", "length", "alphabet", "apart"])]
    resume: bool,
    /// Lead what was cut off back to the old value
    #[arg(long, conflicts_with_all = ["due", "dry_run", "resume", "length", "alphabet", "apart"])]
    undo: bool,
    #[command(flatten)]
    beside: BesideArgs,
}

pub(crate) fn run(args: &RotateArgs, cx: &Context) -> Result<ExitCode, Error> {
    cx.meant_server(&args.beside);
    let mut result = once(args, cx);
    // A party's key: the rules follow, and the rotation goes on, until nothing is left to be followed.
    let mut followed = Vec::new();
    while let Err(error) = &result
        && let Some(todo) = party::Todo::of(error)
        && !followed.contains(&todo)
    {
        if let Err(why) = todo.follow(cx) {
            cx.ui.warn(&why.message());
            break;
        }
        result = once(&args.going_on(&todo), cx);
        if args.due && result.is_ok() {
            result = once(args, cx);
        }
        followed.push(todo);
    }
    result
}

fn once(args: &RotateArgs, cx: &Context) -> Result<ExitCode, Error> {
    if args.due && args.dry_run {
        return due::print(args, &[], cx).map(|()| ExitCode::SUCCESS);
    }
    let vault = cx.trusted_vault()?;
    vault.trust().demand_clean(vault.tree())?;
    vault.demand_pin_to_write()?;
    let records = Records::take(vault.trust().pins.dir())?;
    let take = Deploys { cx, vault: &vault };
    let bundles = cx.bundles_for(&vault)?;
    let change = |make: &mut dyn FnMut(&mut Change<'_>) -> Result<(), Error>| {
        cx.change_with(&bundles, &vault, "rotate", |change| make(change))
    };
    let say = |line: &str| cx.ui.say(line);
    let mine = cx.openers(&vault, &bundles);
    let reader = Reader::new(&vault, as_openers(&mine), "rotate", Sync::Disk)?;
    let user = user_here(cx);
    let over_ssh = OverSsh {
        cx,
        vault: &vault,
        ways: Ways::new(cx, &vault, &reader, &bundles, &user),
    };
    let accounts = Hooked {
        cx,
        vault: &vault,
        bundles: &bundles,
    };
    let means = Means {
        scripts: &Signed { vault: &vault },
        hosts: &over_ssh,
        accounts: &accounts,
        person: &cx.ui,
    };
    let run = Run {
        vault: &vault,
        records: &records,
        change: &change,
        take: &take,
        means,
        say: &say,
    };
    if args.resume || args.undo {
        return go_on(args, cx, &vault, &run).map(|()| ExitCode::SUCCESS);
    }
    let begin = Begin {
        args,
        cx,
        vault: &vault,
        bundles: &bundles,
        take: &take,
        accounts: &accounts,
        run: &run,
    };
    match args.due {
        true => begin.due(),
        false => begin.named(),
    }
}

/// The scripts of rotators: `hooks/NAME/rotate.sh`, signed as any hook.
struct Signed<'a> {
    vault: &'a Vault,
}

impl Scripts for Signed<'_> {
    fn script(&self, rotator: &str, secret: &str) -> Result<Plain, Error> {
        let component = rotator.parse::<Component>()?;
        if let Some(error) = no_rotator(self.vault, &component, &[SCRIPT])? {
            let named = format!("the policy of `{secret}` names it");
            return Err(Problem::of(&error).note(named).into());
        }
        let secret = self.vault.find_secret(&secret.parse::<SecretPath>()?)?;
        signed_script(self.vault, &component, SCRIPT, &secret)
    }

    fn issuer(&self, name: &str, secret: &str) -> Result<Plain, Error> {
        let component = name.parse::<Component>()?;
        let secret = self.vault.find_secret(&secret.parse::<SecretPath>()?)?;
        signed_script(self.vault, &component, ISSUER, &secret)
    }
}

/// That a rotator is none of clws, and none of these scripts lies there for it.
///
/// # Errors
/// [`crate::fs::FsError`].
pub(crate) fn no_rotator(
    vault: &Vault,
    rotator: &Component,
    scripts: &[&str],
) -> Result<Option<Error>, Error> {
    let Some(script) = script_of(rotator.as_str()) else {
        return Ok(None);
    };
    for name in scripts {
        if vault.tree().exists(&format!("hooks/{rotator}/{name}"))? {
            return Ok(None);
        }
    }
    let hooks = components(vault.tree())?;
    let known = ROTATORS.iter().copied();
    let known = known.chain(hooks.iter().map(Component::as_str));
    let hint = match nearest(rotator.as_str(), known) {
        Some(near) if near != rotator.as_str() => format!("is `{near}` meant?"),
        _ => format!(
            "clws has {}; any other is a script, to be written first",
            list(ROTATORS)
        ),
    };
    let why = format!("there is no rotator `{rotator}`, and no script {script}");
    Ok(Some(Problem::new(Code::NotFound, why).hint(hint).into()))
}

impl Person for Ui {
    fn gives(&self, path: &str, (first, steps): Steps<'_>) -> Result<Plain, Error> {
        self.told(path, (first, steps));
        let last = first + steps.len();
        self.tell(&format!("  {last}. give the new value here"));
        let given = self.value(path, MAX_VALUE)?;
        // What ended without a value is no reason to drop the one that works.
        if given.with(|given| given.is_empty()) {
            let path = path.to_owned();
            let why = "nothing was given";
            return Err(RotateError::NotMade { path, why }.into());
        }
        Ok(given)
    }

    fn told(&self, path: &str, (first, steps): Steps<'_>) {
        self.tell(&format!("by hand, for {path}:"));
        for (number, step) in (first..).zip(steps) {
            self.tell(&format!("  {number}. {step}"));
        }
    }

    fn shows(&self, path: &str, what: &str) -> Result<Plain, Error> {
        self.line_of(path, what)
    }

    fn certifies(&self, path: &str, request: &str) -> Result<Option<Plain>, Error> {
        self.tell(&format!("by hand, for {path}:"));
        self.tell("  1. have this request signed by your CA; a new pair with a key of its own will do too");
        self.data(request.as_bytes())?;
        self.tell("  2. give the certificate here, behind it those that lead to the CA, as PEM; end with ^D");
        self.tell("     (nothing, if it comes later)");
        let given = self.text(path, MAX_VALUE)?;
        // A certificate is for everybody, a pair is not.
        if given.with(|given| memchr::memmem::find(given, b"PRIVATE KEY").is_some()) {
            self.demand_typed(path, Source::Input)?;
        }
        let is_empty = given.with(|given| given.trim_ascii().is_empty());
        Ok((!is_empty).then_some(given))
    }

    fn withdraws(
        &self,
        which: &str,
        path: &str,
        (number, step): (usize, &str),
    ) -> Result<(), Error> {
        self.told(path, (number, &[step]));
        self.confirm(&format!("is the {which} value withdrawn?"))
    }
}

/// Goes on with every rotation of this machine that one of the paths is in; with all without one.
fn go_on(args: &RotateArgs, cx: &Context, vault: &Vault, run: &Run<'_>) -> Result<(), Error> {
    let mut all = run.records.all()?;
    let is_meant = |rotation: &Rotation| {
        let paths = rotation.paths();
        let named = |path: &SecretPath| paths.iter().any(|known| known == path.as_str());
        args.paths.is_empty() || args.paths.iter().any(named)
    };
    all.retain(is_meant);
    if all.is_empty() {
        return match args.paths.as_slice() {
            paths @ [_, ..] if args.undo => drop_alone(cx, vault, run, paths),
            paths => Err(not_begun(vault, paths)?.into()),
        };
    }
    for rotation in all {
        let paths = list(&rotation.paths());
        if args.undo {
            cx.ui
                .confirm(&format!("lead {paths} back to the old value?"))?;
            run.undo(rotation)?;
            cx.ui.say(&format!("undone: {paths}"));
        } else {
            let is_back = rotation.step.is_back();
            run.resume(rotation)?;
            let word = if is_back { "undone" } else { "done" };
            cx.ui.say(&format!("{word}: {paths}"));
        }
    }
    Ok(())
}

/// Why there is nothing to go on with.
fn not_begun(vault: &Vault, paths: &[SecretPath]) -> Result<RotateError, Error> {
    for path in paths {
        if has_pending(vault, &vault.find_secret(path)?)? {
            let path = path.to_string();
            return Ok(RotateError::BegunElsewhere { path });
        }
    }
    Ok(RotateError::NotBegun)
}

/// Ends a rotation that another machine began: what is given out stays.
fn drop_alone(
    cx: &Context,
    vault: &Vault,
    run: &Run<'_>,
    paths: &[SecretPath],
) -> Result<(), Error> {
    let mut values = Vec::new();
    for path in paths {
        let secret = vault.find_secret(path)?;
        if !has_pending(vault, &secret)? {
            return Err(RotateError::NotBegun.into());
        }
        values.push(secret);
    }
    cx.ui
        .warn("it was begun on another machine: the value that is given out stays, the other goes");
    cx.ui.confirm("drop the value beside it?")?;
    (run.change)(&mut |change| {
        let mut each = values.iter();
        each.try_for_each(|secret| change.drop_pending(secret))
    })?;
    cx.ui.say("dropped");
    Ok(())
}
