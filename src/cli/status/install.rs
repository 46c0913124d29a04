//! `--install`: what makes a machine look by itself.

use clap::ValueEnum;

use super::StatusArgs;
use crate::cli::context::Context;
use crate::cli::usage;
use crate::env;
use crate::error::{Code, Error, Problem};
use crate::status::{Install, Job, install, unit_name};

/// As what it is printed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Form {
    /// A service and its timer
    Systemd,
    /// The service alone
    Service,
    /// The timer alone
    Timer,
    /// A line of a crontab
    Cron,
}

/// Variables that say where things lie. None of them is a token, which would lie in a unit for all to read.
const KEPT: [&str; 12] = [
    env::CONFIG_DIR,
    env::STATE_DIR,
    env::VAULT,
    env::IDENTITY,
    "XDG_CONFIG_HOME",
    "XDG_STATE_HOME",
    "BAO_ADDR",
    "VAULT_ADDR",
    "BAO_NAMESPACE",
    "VAULT_NAMESPACE",
    "BAO_CACERT",
    "VAULT_CACERT",
];

pub(super) fn print(form: Form, args: &StatusArgs, cx: &Context) -> Result<(), Error> {
    args.notify.channel()?;
    let vault = cx.trusted_vault()?;
    let name = vault.trust().accepted.settings().name.clone();
    let on = args.on.as_deref().unwrap_or_default();
    let no_text = || usage("a path or a word here is no UTF-8");
    let program = std::env::current_exe().map_err(|error| {
        Problem::new(
            Code::IoErr,
            format!("cannot tell where clws itself lies: {error}"),
        )
    })?;
    let program = program.to_str().ok_or_else(no_text)?.to_owned();
    let given = std::env::args_os().skip(1);
    let given: Option<Vec<String>> = given.map(|word| word.into_string().ok()).collect();
    let mut words = vec![program];
    words.extend(without_install(given.ok_or_else(no_text)?));
    // Nobody is there to be asked, and what is done as it should be is no news.
    words.extend(["--no-input".to_owned(), "--quiet".to_owned()]);
    let mut variables = Vec::new();
    for name in KEPT {
        if let Some(value) = cx.world.variable(name) {
            let value = value.to_str().ok_or_else(no_text)?.to_owned();
            variables.push((name.to_owned(), value));
        }
    }
    let is_root = rustix::process::geteuid().is_root();
    // The machine's systemd gives its own units no home.
    if let Some(home) = cx.world.variable("HOME").filter(|_| is_root) {
        let home = home.to_str().ok_or_else(no_text)?.to_owned();
        variables.push(("HOME".to_owned(), home));
    }
    let job = Job {
        words,
        folder: cx.world.folder().to_str().ok_or_else(no_text)?.to_owned(),
        variables,
        is_weekly: args.notify.report,
        is_root,
        name: unit_name(&format!("{name} {on}")),
    };
    let form = match form {
        Form::Systemd => Install::Systemd,
        Form::Service => Install::Service,
        Form::Timer => Install::Timer,
        Form::Cron => Install::Cron,
    };
    let text = install(&job, form).map_err(|error| usage(error.to_string()))?;
    cx.ui.data(text.as_bytes())
}

/// The present command without what prints it, and without what it says of itself already.
fn without_install(given: Vec<String>) -> Vec<String> {
    let mut words = Vec::new();
    let mut given = given.into_iter().peekable();
    while let Some(word) = given.next() {
        match word.as_str() {
            "--install" => {
                let is_form = |next: &String| Form::from_str(next, true).is_ok();
                given.next_if(is_form);
            }
            "--no-input" | "--quiet" | "-q" | "--verbose" | "-v" | "--yes" | "-y" => {}
            // What it is told is a word of its own, whatever it looks like.
            "--notify" | "--vault" | "--identity" => {
                words.push(word);
                words.extend(given.next());
            }
            other if other.starts_with("--install=") => {}
            _ => words.push(word),
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_stays_as_it_was_given() {
        let of = |line: &str| {
            let given = line.split(' ').map(str::to_owned).collect();
            without_install(given).join(" ")
        };
        for line in [
            "status prod --notify smtp --install",
            "status prod --install cron --notify smtp",
            "status --install=timer prod -q --notify smtp --yes",
        ] {
            assert_eq!(of(line), "status prod --notify smtp", "{line}");
        }
        assert_eq!(
            of("status --notify --install --install"),
            "status --notify --install"
        );
    }
}
