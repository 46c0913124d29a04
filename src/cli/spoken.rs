//! A value among the words of a command line: it is refused, and not repeated for whoever reads the log of it.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, Error, ErrorKind};

/// The commands that people give a value to, and how it is given.
const GIVEN: &[([&str; 2], &str)] = &[
    (["secret", "set"], "clws secret set PATH"),
    (["secret", "edit"], "clws secret set PATH"),
    (["secret", "generate"], "clws secret set PATH"),
    (["server", "login"], "clws server login --method METHOD"),
];

/// The same error, or how a value is given where one stands among the words.
pub(super) fn explain(error: Error, words: &[OsString]) -> Error {
    let said = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.as_str(),
        _ => "",
    };
    let plain = words.iter().filter_map(|word| word.to_str());
    let plain: Vec<&str> = plain.filter(|word| !word.starts_with('-')).collect();
    let is_called = |command: &[&str; 2]| plain.windows(2).any(|pair| pair == command);
    let given = GIVEN.iter().find(|(command, _)| is_called(command));
    let how = given.map_or("clws secret set PATH", |(_, how)| how);
    let is_value = match error.kind() {
        // Behind `--` a value may begin with a dash.
        ErrorKind::UnknownArgument => {
            let word = said(ContextKind::InvalidArg);
            let behind = words.iter().skip_while(|word| *word != "--");
            given.is_some() && (!word.starts_with('-') || behind.skip(1).any(|other| other == word))
        }
        // No path has a `=`, and no value stands behind a `:`.
        ErrorKind::ValueValidation => {
            let path = said(ContextKind::InvalidValue);
            let is_path = said(ContextKind::InvalidArg).contains("PATH");
            is_path && (path.contains('=') || given.is_some() && path.contains(':'))
        }
        _ => false,
    };
    match is_value {
        true => Error::raw(
            error.kind(),
            format!(
                "a value is never an argument, which others on this machine see and a shell keeps\n\n  tip: `{how}` asks for it, or takes it from a pipe\n"
            ),
        ),
        false => error,
    }
}
