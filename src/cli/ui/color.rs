//! Colours: of the words `error:`, `warning:` and `hint:` at the beginning of a line on stderr, and of nothing else, so
//! that nothing depends on them. What comes from outside begins no line.

use std::borrow::Cow;
use std::ffi::OsString;
use std::io::{IsTerminal as _, stderr};
use std::sync::OnceLock;

use clap::{ColorChoice, ValueEnum};

use crate::world::World;

/// When there are colours.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal whose `TERM` is not `dumb`, unless `NO_COLOR` is set
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// The labels, and how each is shown: bold, in red, yellow and cyan.
const LABELS: [(&str, &str); 3] = [
    ("error:", "\x1b[1;31m"),
    ("warning:", "\x1b[1;33m"),
    ("hint:", "\x1b[1;36m"),
];

const PLAIN: &str = "\x1b[0m";

/// What holds for this process, which has one stderr.
static CHOSEN: OnceLock<Color> = OnceLock::new();

impl Color {
    /// What the words of a command line say that does not read otherwise.
    pub(crate) fn of_words(words: impl Iterator<Item = OsString>) -> Self {
        let mut words = words.take_while(|word| word != "--");
        while let Some(word) = words.next() {
            let said = match word.to_str() {
                Some("--color") => words.next(),
                Some(word) => word.strip_prefix("--color=").map(OsString::from),
                None => None,
            };
            if let Some(said) = said {
                return Self::from_str(&said.to_string_lossy(), false).unwrap_or_default();
            }
        }
        Self::Auto
    }

    /// Makes it hold from here on.
    pub(crate) fn choose(self, world: &World) {
        let variable = |name| world.variable(name).filter(|value| !value.is_empty());
        // no-color.org: whatever it is set to.
        let is_wanted = variable("NO_COLOR").is_none()
            && variable("TERM").is_some_and(|terminal| terminal != "dumb");
        let chosen = match self {
            Self::Auto if !is_wanted => Self::Never,
            other => other,
        };
        CHOSEN.get_or_init(|| chosen);
    }

    fn is_on(self) -> bool {
        match self {
            Self::Auto => stderr().is_terminal(),
            Self::Always => true,
            Self::Never => false,
        }
    }
}

impl From<Color> for ColorChoice {
    fn from(color: Color) -> Self {
        match color {
            Color::Auto => Self::Auto,
            Color::Always => Self::Always,
            Color::Never => Self::Never,
        }
    }
}

/// A text that is safe to print, as it is shown on stderr.
pub(super) fn shown(text: &str) -> Cow<'_, str> {
    match CHOSEN.get().copied().unwrap_or_default().is_on() {
        true => painted(text).into(),
        false => text.into(),
    }
}

fn painted(text: &str) -> String {
    let lines = text.split_inclusive('\n').map(|line| {
        let label = LABELS
            .iter()
            .find_map(|(label, color)| Some((label, color, line.strip_prefix(label)?)));
        match label {
            Some((label, color, rest)) => format!("{color}{label}{PLAIN}{rest}"),
            None => line.to_owned(),
        }
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_alone_have_colours() {
        let text = "error: no\n  hint: of somebody else\nhint: do it\n";
        assert_eq!(
            painted(text),
            "\x1b[1;31merror:\x1b[0m no\n  hint: of somebody else\n\x1b[1;36mhint:\x1b[0m do it\n"
        );
    }

    #[test]
    fn the_words_of_a_wrong_use_say_it_too() {
        let said = |line: &str| Color::of_words(line.split(' ').map(OsString::from));
        assert_eq!(said("clws --color never lst"), Color::Never);
        assert_eq!(said("clws lst --color=always"), Color::Always);
        for line in ["clws lst", "clws --color", "clws exec -- --color=always"] {
            assert_eq!(said(line), Color::Auto, "{line}");
        }
    }
}
