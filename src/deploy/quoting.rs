//! One line that means the same to every login shell.
//!
//! An SSH server hands a command to the user's login shell, and that need not be a POSIX one: csh
//! ends a quoted string at a line end and replaces `!` even in quotes, fish reads `\\` and `\'` in
//! them. So the line is a small start-up without any of these, and what it starts is written with
//! `\0ooo` for every byte that some shell might take for its own; `printf %b` turns it back.
//! Tried with dash, bash, busybox ash, fish 3.6 and tcsh 6.24.

use memchr::memmem;
use zeroize::Zeroizing;

use super::Command;
use crate::secret::Plain;

/// The name that the script has as `$0` and in its shell's messages.
pub(super) const NAME: &str = "clws";

/// What is printed before the script runs, followed by the number of its process.
const MARK: &str = "clws-runs-as ";

/// As whom a command runs.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum As {
    /// The account that logged in.
    #[default]
    Login,
    /// Root, by sudo. Of a session of its own, so that it has a process group to be ended by.
    Root,
}

impl As {
    /// What the line begins with.
    fn prefix(self) -> &'static str {
        match self {
            Self::Login => "exec",
            Self::Root => "exec sudo -n setsid",
        }
    }
}

/// Runs the script that it is given.
const START: &str = r#"sh -c 'eval "$(printf %b "$1")"'"#;

/// The line for a login shell that has a `sh` of the name [`NAME`] run the script with its arguments.
pub(super) fn line(command: &Command, who: As) -> String {
    let script = format!(
        "{}\n{}\necho \"{MARK}$$\"\n{}",
        arguments(command),
        command.before,
        command.script
    );
    let script = for_printf(&script);
    format!("{} {START} {NAME} '{script}'", who.prefix())
}

/// The script with its arguments, and secret ones behind them, as one word of a POSIX shell and one line,
/// for `eval`; `$nl` there is a line end.
pub(super) fn word(command: &Command, secret: &[Plain]) -> Zeroizing<Vec<u8>> {
    let sizes = secret.iter().map(|word| word.with(Vec::len)).sum::<usize>();
    // Twice quoted; what is too small for many quotes grows, and is wiped where it was.
    let mut script = Zeroizing::new(Vec::with_capacity(2 * sizes + command.script.len() + 256));
    script.extend_from_slice(arguments(command).as_bytes());
    for word in secret {
        push(&mut script, b' ');
        word.with(|word| push_quoted_bytes(&mut script, word, b"\n"));
    }
    for byte in format!("\n{}\n{}", command.before, command.script).bytes() {
        push(&mut script, byte);
    }
    let mut word = Zeroizing::new(Vec::with_capacity(2 * script.len() + 256));
    push_quoted_bytes(&mut word, &script, br#"'"$nl"'"#);
    word
}

/// Bytes in single quotes, with something else for each line end.
fn push_quoted_bytes(into: &mut Zeroizing<Vec<u8>>, bytes: &[u8], line_end: &[u8]) {
    push(into, b'\'');
    for &byte in bytes {
        match byte {
            b'\'' => br"'\''".iter().for_each(|byte| push(into, *byte)),
            b'\n' => line_end.iter().for_each(|byte| push(into, *byte)),
            other => push(into, other),
        }
    }
    push(into, b'\'');
}

/// A byte more, without a copy left behind where there was no room.
fn push(into: &mut Zeroizing<Vec<u8>>, byte: u8) {
    if into.len() == into.capacity() {
        let mut larger = Zeroizing::new(Vec::with_capacity(2 * into.len() + 64));
        larger.extend_from_slice(into);
        std::mem::swap(into, &mut larger);
    }
    into.push(byte);
}

/// The line that gives a script its arguments.
fn arguments(command: &Command) -> String {
    let mut posix = String::from("set --");
    for word in &command.arguments {
        posix.push(' ');
        push_quoted(&mut posix, word);
    }
    posix
}

/// The process number of the mark in the output of a [`line`], and the output that follows it.
pub(super) fn find_mark(output: &[u8]) -> Option<(u32, &[u8])> {
    let at = memmem::find(output, MARK.as_bytes())?;
    let after = output.get(at + MARK.len()..)?;
    let (number, rest) = after.split_at_checked(memchr::memchr(b'\n', after)?)?;
    // A terminal ends its lines with CR LF.
    let number = std::str::from_utf8(number).ok()?.trim_end_matches('\r');
    let number = number.parse().ok()?;
    Some((number, rest.get(1..)?))
}

/// A word in single quotes, in which POSIX shells take everything but the quote as it is.
fn push_quoted(line: &mut String, word: &str) {
    line.push('\'');
    line.push_str(&word.replace('\'', r"'\''"));
    line.push('\'');
}

/// The text for `printf %b`, in nothing but characters that are themselves in single quotes of any
/// shell.
fn for_printf(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    for byte in text.bytes() {
        match byte {
            b' '..=b'~' if !matches!(byte, b'\'' | b'\\' | b'!') => out.push(char::from(byte)),
            // Four digits: with three, a digit that follows would count as one more.
            _ => {
                out.push_str("\\0");
                out.extend([6, 3, 0].map(|shift| char::from(b'0' + (byte >> shift & 7))));
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_is_found_in_a_login_shells_talk_and_only_when_it_is_whole() {
        let output = b"welcome!\nclws-runs-as 4711\nfirst\nclws-runs-as 1\n";
        let (process, rest) = find_mark(output).unwrap();
        assert_eq!((process, rest), (4711, &b"first\nclws-runs-as 1\n"[..]));
        let on_a_terminal = find_mark(b"clws-runs-as 4711\r\n$ ").unwrap();
        assert_eq!(on_a_terminal, (4711, &b"$ "[..]));
        assert_eq!(find_mark(b"clws-runs-as 47"), None);
        assert_eq!(find_mark(b"clws-runs-as -1\n"), None);
        let line = line(&Command::new("script").before("before"), As::Login);
        assert!(
            line.contains(r#"before\0012echo "clws-runs-as $$"\0012script"#),
            "{line}"
        );
    }

    #[test]
    fn nothing_that_a_shell_might_take_for_its_own_is_in_the_line() {
        let command = Command::new("printf '%s\\n' \"$1\"!\n").argument("it's\\ö");
        let line = line(&command, As::Login);
        let encoded = line.strip_prefix("exec ").unwrap();
        let encoded = encoded.strip_prefix(START).unwrap();
        let encoded = encoded.strip_prefix(" clws ").unwrap();
        assert!(
            !encoded.contains(['!', '\n']) && encoded.is_ascii(),
            "{encoded}"
        );
        assert_eq!(encoded.matches('\'').count(), 2);
        assert!(encoded.contains(r"\0134\0303\0266"), "{encoded}");
        assert!(!encoded.contains(r"\\"), "{encoded}");
    }
}
