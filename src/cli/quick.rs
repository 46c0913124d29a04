//! The arguments of the command that was called, without building those of all others.
//!
//! The whole tree of clap takes 240 pages of memory, a quarter of all page faults of a command and a millisecond
//! of three (perf, `secret get`). Of what is left after that, the verbs of the noun that were not called took a
//! quarter, as each is given a copy of all global flags, and wiping and freeing the tree a half (callgrind).

use std::ffi::OsString;

use clap::{Args as _, FromArgMatches as _, Subcommand as _};

use super::{
    Cli, Global, access, ansible, audit, check, complete, completions, deploy, doctor, exec,
    export, fmt, git, hook, host, identity, import, init, man, merge, recipient, rekey, rotate,
    scan, secret, server, ssh, status, trust,
};

/// Adds what a command takes.
pub(super) type Build = fn(clap::Command) -> clap::Command;

const COMMANDS: &[(&str, Build)] = &[
    ("init", init::InitArgs::augment_args),
    ("import", import::ImportArgs::augment_args),
    ("export", export::ExportArgs::augment_args),
    ("secret", secret::Command::augment_subcommands),
    ("exec", exec::ExecArgs::augment_args),
    ("identity", identity::Command::augment_subcommands),
    ("recipient", recipient::Command::augment_subcommands),
    ("access", access::Command::augment_subcommands),
    ("trust", trust::Command::augment_subcommands),
    ("host", host::Command::augment_subcommands),
    ("hook", hook::Command::augment_subcommands),
    ("rotate", rotate::RotateArgs::augment_args),
    ("rekey", rekey::RekeyArgs::augment_args),
    ("deploy", deploy::DeployArgs::augment_args),
    ("ssh", ssh::SshArgs::augment_args),
    ("status", status::StatusArgs::augment_args),
    ("check", check::CheckArgs::augment_args),
    ("scan", scan::ScanArgs::augment_args),
    ("doctor", doctor::DoctorArgs::augment_args),
    ("fmt", fmt::FmtArgs::augment_args),
    ("merge", merge::MergeArgs::augment_args),
    ("git", git::Command::augment_subcommands),
    ("ansible", ansible::Command::augment_subcommands),
    ("server", server::Command::augment_subcommands),
    ("audit", audit::Command::augment_subcommands),
    ("completions", completions::CompletionsArgs::augment_args),
    ("man", man::ManArgs::augment_args),
    ("complete", complete::CompleteArgs::augment_args),
];

/// Nouns whose verbs are built alone, not found among all of them: those that are called most.
const VERBS: &[(&str, &[(&str, Build)])] = &[("secret", secret::VERBS)];

/// What was asked for, where the command stands first and all of it reads. Whatever does not, help among it, is for
/// the whole tree, which knows what to say.
pub(super) fn parse() -> Option<Cli> {
    let mut words = std::env::args_os().skip(1);
    let word = words.next()?;
    let (name, build) = COMMANDS.iter().find(|(name, _)| word == *name)?;
    let root = Global::augment_args(clap::Command::new("clws")).subcommand_required(true);
    let command = called_alone(name, *build, words.next());
    // It lives as long as the process, and names no secret that would have to be wiped.
    let root = Box::leak(Box::new(root.subcommand(command)));
    let words = std::env::args_os();
    let mut matches = root.try_get_matches_from_mut(words).ok()?;
    Cli::from_arg_matches_mut(&mut matches).ok()
}

/// A noun with the verb that follows it alone; a command without verbs as it is.
fn called_alone(name: &'static str, build: Build, verb: Option<OsString>) -> clap::Command {
    let alone = clap::Command::new(name).subcommand_required(true);
    let of_noun = VERBS.iter().filter(|(noun, _)| *noun == name);
    let known = of_noun
        .flat_map(|(_, verbs)| verbs.iter())
        .find(|(known, _)| verb.as_ref().is_some_and(|verb| verb == known));
    if let Some((verb, build)) = known {
        return alone.subcommand(build(clap::Command::new(*verb)));
    }
    let command = build(clap::Command::new(name));
    let verb = verb.and_then(|verb| command.find_subcommand(verb));
    let Some(verb) = verb.cloned() else {
        return command;
    };
    std::mem::forget(command);
    alone.subcommand(verb)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    /// Names of all arguments and subcommands, at any depth.
    fn names(command: &clap::Command, all: &mut Vec<String>) {
        all.push(command.get_name().to_owned());
        let id = |arg: &clap::Arg| arg.get_id().to_string();
        all.extend(command.get_arguments().map(id));
        command.get_subcommands().for_each(|sub| names(sub, all));
    }

    #[test]
    fn a_verb_takes_what_it_takes_among_the_others() {
        let whole = Cli::command();
        for (name, build) in COMMANDS {
            for verb in whole.find_subcommand(name).unwrap().get_subcommands() {
                let built = build(clap::Command::new(*name));
                // Flags of a noun would be lost.
                assert_eq!(built.get_arguments().count(), 0, "{name}");
                let alone = called_alone(name, *build, Some(verb.get_name().into()));
                let verbs: Vec<_> = alone.get_subcommands().collect();
                let (mut here, mut there) = (Vec::new(), Vec::new());
                names(verbs[0], &mut here);
                names(verb, &mut there);
                assert_eq!((verbs.len(), here), (1, there));
            }
        }
    }

    #[test]
    fn each_verb_of_such_a_noun_is_in_its_table() {
        let whole = Cli::command();
        for (noun, verbs) in VERBS {
            let noun = whole.find_subcommand(noun).unwrap();
            let all: Vec<&str> = noun.get_subcommands().map(|sub| sub.get_name()).collect();
            let here: Vec<&str> = verbs.iter().map(|(name, _)| *name).collect();
            assert_eq!(here, all);
        }
    }

    #[test]
    fn each_command_takes_what_it_takes_in_the_whole_tree() {
        let whole = Cli::command();
        let all: Vec<&str> = whole.get_subcommands().map(|sub| sub.get_name()).collect();
        let here: Vec<&str> = COMMANDS.iter().map(|(name, _)| *name).collect();
        assert_eq!(here, all);
        for (name, build) in COMMANDS {
            let (mut alone, mut within) = (Vec::new(), Vec::new());
            names(&build(clap::Command::new(*name)), &mut alone);
            names(whole.find_subcommand(name).unwrap(), &mut within);
            assert_eq!(alone, within);
        }
    }
}
