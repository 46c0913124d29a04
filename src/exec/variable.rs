//! Names of environment variables, and those that change more than what they say.
//!
//! Whoever may write a document chooses the names of its values. A value called `LD_PRELOAD` would
//! run code of its writer's in the child, so such names pass only when the person who runs the
//! command names them.

use std::fmt;
use std::str::FromStr;

use crate::error::{Code, Explain};

/// The name of an environment variable: `[A-Za-z_][A-Za-z0-9_]*`, which every shell can write.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct VariableName(String);

/// A text that no shell takes as the name of a variable.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{}` is no name of a variable: letters, digits and `_`, and no digit first", crate::text::clean_line(.0))]
pub struct NotAVariable(String);

impl Explain for NotAVariable {
    fn code(&self) -> Code {
        Code::Usage
    }
}

impl FromStr for VariableName {
    type Err = NotAVariable;

    fn from_str(text: &str) -> Result<Self, NotAVariable> {
        let good = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        if !text.is_empty()
            && text.bytes().all(good)
            && !text.starts_with(|c: char| c.is_ascii_digit())
        {
            Ok(Self(text.to_owned()))
        } else {
            Err(NotAVariable(text.to_owned()))
        }
    }
}

impl fmt::Display for VariableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a name does beside holding a value.
const LOADS: &str = "makes programs load other code";
const RUNS: &str = "decides which programs are run";
const SHELL: &str = "is run or obeyed by shells when they start";
const HOME: &str = "decides whose configuration programs read";
const GIT: &str = "can make git run other programs";
const SSH: &str = "decides which agent and programs SSH uses";
const OURS: &str = "steers clws itself";

/// Names, or beginnings of names where they end in `*`, and why they are not passed unasked.
///
/// The dynamic linkers' (ld.so(8), dyld(1)), libc's, the shells', those that interpreters take code
/// or options from, git's and SSH's, and what decides whose configuration is read.
const DANGEROUS: &[(&str, &str)] = &[
    ("LD_*", LOADS),
    ("DYLD_*", LOADS),
    ("GCONV_PATH", LOADS),
    ("LOCPATH", LOADS),
    ("GLIBC_TUNABLES", LOADS),
    ("OPENSSL_CONF", LOADS),
    ("OPENSSL_ENGINES", LOADS),
    ("OPENSSL_MODULES", LOADS),
    ("PYTHONPATH", LOADS),
    ("PYTHONHOME", LOADS),
    ("PYTHONSTARTUP", LOADS),
    ("PYTHONUSERBASE", LOADS),
    ("PYTHONBREAKPOINT", LOADS),
    ("PYTHONWARNINGS", LOADS),
    ("PERL5LIB", LOADS),
    ("PERL5OPT", LOADS),
    ("PERL5DB", LOADS),
    ("PERLLIB", LOADS),
    ("RUBYLIB", LOADS),
    ("RUBYOPT", LOADS),
    ("NODE_OPTIONS", LOADS),
    ("NODE_PATH", LOADS),
    ("JAVA_TOOL_OPTIONS", LOADS),
    ("JDK_JAVA_OPTIONS", LOADS),
    ("_JAVA_OPTIONS", LOADS),
    ("CLASSPATH", LOADS),
    ("LUA_INIT", LOADS),
    ("LUA_PATH", LOADS),
    ("LUA_CPATH", LOADS),
    ("PHPRC", LOADS),
    ("PHP_INI_SCAN_DIR", LOADS),
    ("PATH", RUNS),
    ("SHELL", RUNS),
    ("EDITOR", RUNS),
    ("VISUAL", RUNS),
    ("PAGER", RUNS),
    ("BROWSER", RUNS),
    ("IFS", SHELL),
    ("ENV", SHELL),
    ("BASH_ENV", SHELL),
    ("BASH_FUNC_*", SHELL),
    ("BASHOPTS", SHELL),
    ("SHELLOPTS", SHELL),
    ("PS4", SHELL),
    ("PROMPT_COMMAND", SHELL),
    ("ZDOTDIR", SHELL),
    ("HOME", HOME),
    ("XDG_CONFIG_HOME", HOME),
    ("XDG_CONFIG_DIRS", HOME),
    ("GIT_*", GIT),
    ("SSH_*", SSH),
    ("CLWS_*", OURS),
];

impl VariableName {
    /// The name as it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Why the name is passed only when it is allowed by name; `None` for an ordinary one.
    #[must_use]
    pub fn danger(&self) -> Option<&'static str> {
        let matches = |pattern: &str| match pattern.strip_suffix('*') {
            Some(beginning) => self.0.starts_with(beginning),
            None => self.0 == pattern,
        };
        let found = DANGEROUS.iter().find(|(pattern, _)| matches(pattern));
        found.map(|(_, why)| *why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_every_shell_can_write_is_a_name() {
        for name in ["TOKEN", "_x", "a1"] {
            assert!(name.parse::<VariableName>().is_ok(), "{name}");
        }
        for name in ["", "1A", "A-B", "A.B", "A B", "Ä", "A=B", "A\0"] {
            assert!(name.parse::<VariableName>().is_err(), "{name}");
        }
    }

    #[test]
    fn names_that_run_code_are_known_and_ordinary_ones_pass() {
        for name in [
            "LD_PRELOAD",
            "LD_LIBRARY_PATH",
            "PATH",
            "IFS",
            "BASH_ENV",
            "ENV",
            "PYTHONPATH",
            "PYTHONSTARTUP",
            "PERL5OPT",
            "NODE_OPTIONS",
            "RUBYOPT",
            "GIT_SSH_COMMAND",
            "SSH_AUTH_SOCK",
            "DYLD_INSERT_LIBRARIES",
            "GCONV_PATH",
            "CLWS_IDENTITY",
        ] {
            let name: VariableName = name.parse().unwrap();
            assert!(name.danger().is_some(), "{name}");
        }
        for name in [
            "TOKEN",
            "MYSQL_PWD",
            "DB_PATH",
            "PYTHON_TOKEN",
            "GITHUB_TOKEN",
            "ENVIRONMENT",
        ] {
            let name: VariableName = name.parse().unwrap();
            assert!(name.danger().is_none(), "{name}");
        }
    }
}
