//! A value among the words of a command line: it is refused, and not repeated for whoever reads the log of it.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, Error, ErrorKind};

/// The commands that take one, as they are typed without it.
const TAKE: &[([&str; 2], &str)] = &[
    (["secret", "set"], "clws secret set PATH"),
    (["server", "login"], "clws server login --method METHOD"),
];

/// The same error, or how a value is given where one stands among the words.
pub(super) fn explain(error: Error, words: &[OsString]) -> Error {
    let given = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.as_str(),
        _ => "",
    };
    let is_value = match error.kind() {
        ErrorKind::UnknownArgument => !given(ContextKind::InvalidArg).starts_with('-'),
        ErrorKind::ValueValidation => {
            given(ContextKind::InvalidArg) == "<PATH>"
                && given(ContextKind::InvalidValue).contains('=')
        }
        _ => false,
    };
    let is_meant = |command: &[&str; 2]| words.windows(2).any(|pair| pair == command);
    match TAKE.iter().find(|(command, _)| is_meant(command)) {
        Some((_, command)) if is_value => Error::raw(
            error.kind(),
            format!(
                "a value is never an argument, which others on this machine see and a shell keeps\n\n  tip: `{command}` asks for it, or takes it from a pipe\n"
            ),
        ),
        _ => error,
    }
}
