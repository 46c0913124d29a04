//! `clws completions`: the script by which a shell asks `clws complete`.

use clap::Args;

use super::complete::Shell;
use super::context::Context;
use crate::error::Error;

/// Print the script with which a shell completes commands, flags and names
///
/// Names of secrets, parties, groups, hosts, components and identities are those of the vault that the
/// command would take; nothing is opened for it. `source <(clws completions bash)` in `~/.bashrc`,
/// `source <(clws completions zsh)` in `~/.zshrc` behind `compinit`, `clws completions fish | source` in
/// `~/.config/fish/config.fish`.
#[derive(Args, Debug)]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

pub(crate) fn run(args: &CompletionsArgs, cx: &Context) -> Result<(), Error> {
    let script = match args.shell {
        Shell::Bash => include_str!("clws.bash"),
        Shell::Zsh => include_str!("clws.zsh"),
        Shell::Fish => include_str!("clws.fish"),
    };
    cx.ui.data(script.as_bytes())
}
