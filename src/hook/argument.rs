//! Hooks that hand a secret over as an argument.
//!
//! A hook cannot write a value into a command. But a line of shell can: `prog --key "$KEY"` becomes an
//! argument when the shell fills it in, and everybody on the host sees it in `ps`, while it runs.

use super::declaration::Hook;
use super::files::hooks_that_read;
use super::value::EnvValue;
use crate::error::Error;
use crate::vault::Vault;

/// A secret variable that a command of a hook is given as an argument.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ShownArgument {
    /// The variable.
    pub variable: String,
    /// The option before it.
    pub option: String,
}

/// What all hooks of a vault hand over so, by their files.
///
/// # Errors
/// If the tree does not read. A hook that does not read is left to whoever runs it.
pub fn shown_arguments(vault: &Vault) -> Result<Vec<(String, ShownArgument)>, Error> {
    let mut all = Vec::new();
    for (component, hook) in hooks_that_read(vault.tree())?.flatten() {
        let shown = hook.shown_arguments().into_iter();
        all.extend(shown.map(|shown| (format!("hooks/{component}.toml"), shown)));
    }
    Ok(all)
}

impl Hook {
    /// Its secret variables that its commands are given as arguments.
    pub(crate) fn shown_arguments(&self) -> Vec<ShownArgument> {
        let secrets = self.env.iter().filter_map(|(name, value)| match value {
            EnvValue::Secret(_) => Some(name),
            EnvValue::Plain(_) => None,
        });
        let mut all = Vec::new();
        for variable in secrets {
            for text in self.texts().chain(self.later_texts()) {
                for form in [format!("${variable}"), format!("${{{variable}}}")] {
                    if let Some(option) = option_before(text, &form) {
                        all.push(ShownArgument {
                            variable: variable.clone(),
                            option,
                        });
                    }
                }
            }
        }
        all.dedup();
        all
    }
}

/// The option, `--key` or `-p`, whose value a variable is somewhere in a line of shell.
fn option_before(text: &str, form: &str) -> Option<String> {
    let letter = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.match_indices(form).find_map(|(at, _)| {
        let behind = text.get(at + form.len()..)?;
        if !form.ends_with('}') && behind.starts_with(letter) {
            return None;
        }
        let before = text.get(..at)?.trim_end_matches('"');
        let before = before.strip_suffix('=').unwrap_or(before.trim_end());
        let command = before.rsplit(['\n', ';', '|', '&', '(']).next()?;
        let word = command.rsplit([' ', '\t']).next()?;
        let name = word.trim_start_matches('-');
        let option = word.starts_with('-') && name.starts_with(|c: char| c.is_ascii_alphabetic());
        (option && !is_of_shell(command)).then(|| word.to_owned())
    })
}

/// Whether the shell does a command itself, so that its arguments are in no list of processes.
fn is_of_shell(command: &str) -> bool {
    let around = [
        "if", "elif", "then", "else", "while", "until", "do", "!", "{",
    ];
    let mut words = command.split_whitespace();
    let first = words.find(|word| !around.contains(word));
    first.is_some_and(|first| ["test", "[", "[[", "echo", "printf"].contains(&first))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_behind_an_option_is_an_argument() {
        let found =
            |text: &str| option_before(text, "$KEY").or_else(|| option_before(text, "${KEY}"));
        for (text, option) in [
            ("exec prog --account-key \"$KEY\"", "--account-key"),
            ("prog --key=$KEY", "--key"),
            ("prog --key=\"${KEY}\" x", "--key"),
            ("a; mysql -p\"$KEY\"", "-p"),
            ("test -f x && prog -n \"$KEY\"", "-n"),
            ("env test -n \"$KEY\"", "-n"),
        ] {
            assert_eq!(found(text).as_deref(), Some(option), "{text}");
        }
        for text in [
            "test \"$KEY\" = x",
            "test -n \"$KEY\"",
            "if ! [ -z \"${KEY}\" ]; then exit 1; fi",
            "a && [[ -n $KEY ]]",
            "prog \"$(echo -n \"$KEY\" | sha256sum)\"",
            "printf %s \"$KEY\" | prog --stdin",
            "prog --key-file \"$KEYS\"",
            "prog --key-file - <<<\"$KEY\"",
        ] {
            assert_eq!(found(text), None, "{text}");
        }
    }
}
