//! A command that there is not: which of ours is meant by a word of git, pass, gopass, SOPS, Kamal or Vault.
//!
//! clap goes by letters alone, and offers `remove` for `rename`, and `generate` for `delete`.

use std::ffi::OsString;

use clap::Command;
use clap::error::{ContextKind, ContextValue, Error};

use crate::text::nearest;

/// What others call it, and what it is called here: a verb, or a command.
const SAID: &[(&[&str], &[&str])] = &[
    (&["ls", "dir", "find", "search", "grep"], &["list"]),
    (
        &["rm", "del", "delete", "destroy", "unset"],
        &["remove", "revoke"],
    ),
    (&["mv", "rename"], &["move"]),
    (&["cp", "duplicate"], &["copy"]),
    (
        &["show", "cat", "view", "read", "print", "reveal"],
        &["get", "show"],
    ),
    (
        &["insert", "put", "add", "create", "write", "store"],
        &["set", "add", "new", "grant"],
    ),
    (&["gen", "pwgen", "keygen"], &["generate", "new"]),
    (&["log", "versions"], &["history", "show"]),
    (&["undo", "rollback", "recover"], &["restore"]),
    (&["run", "env"], &["exec"]),
    (&["decrypt"], &["get", "export"]),
    (&["backup"], &["export"]),
    (&["encrypt", "encrypt_string", "seal"], &["set", "import"]),
    (&["secrets"], &["secret"]),
    (&["reencrypt", "updatekeys"], &["rekey"]),
    (
        &["user", "users", "member", "recipients", "reader"],
        &["recipient"],
    ),
    (&["key", "keys", "keypair", "identities"], &["identity"]),
    (&["group", "groups", "rule", "rules", "acl"], &["access"]),
    (&["share", "allow", "invite"], &["grant", "add"]),
    (&["unshare", "deny"], &["revoke"]),
    (&["approve"], &["sign"]),
    (&["setup", "bootstrap"], &["init", "prepare"]),
    (&["precommit", "pre-commit"], &["install"]),
    (&["verify", "validate", "lint", "fsck"], &["check"]),
    (
        &[
            "apply", "up", "redeploy", "start", "restart", "stop", "down",
        ],
        &["deploy"],
    ),
    (&["ps", "details"], &["status"]),
    (&["shell", "connect"], &["exec", "ssh"]),
    (&["format"], &["fmt"]),
];

/// More would be a list of commands, which `--help` has.
const MOST: usize = 4;

/// The same error, with the commands that may be meant where clap knows none by their sense.
pub(super) fn explain(mut error: Error, whole: &Command, words: &[OsString]) -> Error {
    let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidSubcommand) else {
        return error;
    };
    let mut meant = meant(whole, words, word);
    // Letters that changed places in a short word are too much for clap.
    if meant.is_empty() && error.get(ContextKind::SuggestedSubcommand).is_none() {
        let there = noun(whole, words, word).unwrap_or(whole).get_subcommands();
        let there = there.filter(|command| !command.is_hide_set());
        meant.extend(nearest(word, there.map(Command::get_name)).map(str::to_owned));
    }
    if !meant.is_empty() {
        error.insert(
            ContextKind::SuggestedSubcommand,
            ContextValue::Strings(meant),
        );
    }
    error
}

/// The commands that may be meant by a word, as they are typed behind those before it.
fn meant(whole: &Command, words: &[OsString], word: &str) -> Vec<String> {
    let noun = noun(whole, words, word);
    let others = SAID.iter().filter(|(theirs, _)| theirs.contains(&word));
    let others = others.flat_map(|(_, ours)| ours.iter().copied());
    let ours: Vec<&str> = std::iter::once(word)
        .chain(others.filter(|ours| *ours != word))
        .collect();
    let mut meant = Vec::new();
    if let Some(noun) = noun {
        let there = ours
            .iter()
            .filter(|verb| noun.find_subcommand(verb).is_some());
        meant.extend(there.map(|verb| (*verb).to_owned()));
    }
    // A host is a party, too.
    let parties = whole.find_subcommand("recipient");
    if let (true, Some("host"), Some(parties)) =
        (meant.is_empty(), noun.map(Command::get_name), parties)
    {
        let there = ours
            .iter()
            .filter(|verb| parties.find_subcommand(verb).is_some());
        meant.extend(there.map(|verb| format!("clws recipient {verb}")));
    }
    if meant.is_empty() {
        let before = if noun.is_some() { "clws " } else { "" };
        let there = ours
            .iter()
            .filter(|name| whole.find_subcommand(name).is_some());
        meant.extend(there.map(|name| format!("{before}{name}")));
    }
    if noun.is_none() {
        // What is wanted of a noun that was left out is most often a secret.
        let (secret, rest): (Vec<_>, Vec<_>) = whole
            .get_subcommands()
            .partition(|noun| noun.get_name() == "secret");
        for noun in secret.into_iter().chain(rest) {
            let there = ours
                .iter()
                .filter(|verb| noun.find_subcommand(verb).is_some());
            meant.extend(there.map(|verb| format!("{} {verb}", noun.get_name())));
        }
    }
    meant.truncate(MOST);
    meant
}

/// The command that stands before a word.
fn noun<'c>(whole: &'c Command, words: &[OsString], word: &str) -> Option<&'c Command> {
    let mut before = words.iter().take_while(|other| *other != word);
    before.find_map(|name| whole.find_subcommand(name))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::super::Cli;
    use super::*;

    #[test]
    fn a_word_of_another_tool_leads_to_ours() {
        let whole = Cli::command();
        for (typed, meant) in [
            ("clws secret rm prod/web/TOKEN", &["remove"][..]),
            ("clws secret rename a b", &["move"]),
            ("clws --vault elsewhere secret show a", &["get"]),
            ("clws secret rotate a", &["clws rotate"]),
            ("clws recipient delete grace", &["remove"]),
            ("clws host remove box", &["clws recipient remove"]),
            ("clws host rm box", &["clws recipient remove"]),
            (
                "clws add x",
                &[
                    "secret set",
                    "identity new",
                    "recipient add",
                    "access grant",
                ],
            ),
            ("clws get a", &["secret get"]),
            (
                "clws ls",
                &[
                    "secret list",
                    "identity list",
                    "recipient list",
                    "host list",
                ],
            ),
            ("clws run prod/web -- true", &["exec"]),
            ("clws decrypt a", &["export", "secret get"]),
            ("clws grant ada", &["access grant"]),
            ("clws secrets fetch", &["secret"]),
            ("clws stop", &["deploy"]),
            ("clws shell box", &["exec", "ssh"]),
            ("clws host bootstrap box", &["prepare"]),
            (
                "clws invite ben",
                &["recipient add", "access grant", "host add"],
            ),
            ("clws pre-commit", &["git install"]),
            ("clws secret gte a", &["get"]),
            ("clws secret banana", &[]),
        ] {
            let words: Vec<OsString> = typed.split(' ').map(OsString::from).collect();
            let error = whole.clone().try_get_matches_from(&words).unwrap_err();
            let error = explain(error, &whole, &words);
            let told = match error.get(ContextKind::SuggestedSubcommand) {
                Some(ContextValue::Strings(told)) => told.clone(),
                _ => Vec::new(),
            };
            assert_eq!(told, meant, "{typed}");
        }
    }

    #[test]
    fn each_word_here_is_a_command_and_none_of_theirs_is_one_of_ours() {
        let whole = Cli::command();
        let nouns: Vec<&Command> = whole.get_subcommands().collect();
        for (theirs, ours) in SAID {
            for word in *ours {
                let is_verb = |noun: &&Command| noun.find_subcommand(word).is_some();
                assert!(
                    whole.find_subcommand(word).is_some() || nouns.iter().any(is_verb),
                    "{word}"
                );
            }
            for word in *theirs {
                assert!(whole.find_subcommand(word).is_none(), "{word}");
            }
        }
    }
}
