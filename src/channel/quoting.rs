//! One line that means the same to every login shell.
//!
//! An SSH server hands a command to the user's login shell, and that need not be a POSIX one: csh
//! ends a quoted string at a line end and replaces `!` even in quotes, fish reads `\\` and `\'` in
//! them. So the line is a small start-up, with the lines of what it starts as its arguments, and
//! these three bytes in no quotes of the login shell's. Where there are bytes that some shell might
//! read in its own way all the same, `\0ooo` stands for each, and `printf %b` turns it back.
//! Tried with dash, bash, busybox ash, fish 3.6, tcsh 6.24 and zsh 5.9.

use memchr::memmem;
use zeroize::Zeroizing;

use super::Command;
use crate::secret::Plain;
use crate::text::quoted;

/// The name that the script has as `$0` and in its shell's messages.
pub(crate) const NAME: &str = "clws";

/// What is printed before the script runs, followed by the number of its process.
const MARK: &str = "clws-runs-as ";

/// As whom a command runs.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum As {
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

/// Runs the script of which it is given the lines. At its start a shell's IFS ends in a line end, and
/// joined by that they are a script: a `printf` whose output is taken costs a fork, a third of a
/// millisecond.
const JOIN: &str = r#"sh -c 'IFS=${IFS#??}; set -- "$*"; unset IFS; eval "$1"'"#;

/// Runs the script that it is given for `printf`.
const PRINT: &str = r#"sh -c 'eval "$(printf %b "$1")"'"#;

/// The line for a login shell that has a `sh` of the name [`NAME`] run the script with its arguments.
pub(crate) fn line(command: &Command, who: As) -> String {
    let script = format!(
        "{}\n{}\necho \"{MARK}$$\"\n{}",
        arguments(command),
        command.before,
        command.script
    );
    let (start, words) = match as_words(&script) {
        Some(words) => (JOIN, words),
        None => (PRINT, format!("'{}'", for_printf(&script))),
    };
    format!("{} {start} {NAME} {words}", who.prefix())
}

/// What stands for a line end between the quotes of a [`word`] or [`call`].
const LINE_END: &str = r#"'"$nl"'"#;

/// The script with its arguments as one word of a POSIX shell and one line, for `eval`; `$nl` there is a
/// line end.
pub(crate) fn word(command: &Command) -> String {
    let script = format!(
        "{}\n{}\n{}",
        arguments(command),
        command.before,
        command.script
    );
    quoted(&script).replace('\n', LINE_END)
}

/// The script, which is the name of a function, with its arguments and secret ones behind them: one line, for
/// `eval`; `$nl` there is a line end.
pub(crate) fn call(command: &Command, secret: &[Plain]) -> Zeroizing<Vec<u8>> {
    let sizes = secret.iter().map(|word| word.with(Vec::len)).sum::<usize>();
    // What is too small for many quotes grows, and is wiped where it was.
    let mut call = Zeroizing::new(Vec::with_capacity(2 * sizes + 256));
    for byte in command.script.bytes() {
        push(&mut call, byte);
    }
    for word in &command.arguments {
        push(&mut call, b' ');
        push_quoted_bytes(&mut call, word.as_bytes());
    }
    for word in secret {
        push(&mut call, b' ');
        word.with(|word| push_quoted_bytes(&mut call, word));
    }
    call
}

/// Bytes in single quotes, in one line.
fn push_quoted_bytes(into: &mut Zeroizing<Vec<u8>>, bytes: &[u8]) {
    push(into, b'\'');
    for &byte in bytes {
        match byte {
            b'\'' => br"'\''".iter().for_each(|byte| push(into, *byte)),
            b'\n' => LINE_END.bytes().for_each(|byte| push(into, byte)),
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
        posix.push_str(&quoted(word));
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

/// The lines of a text as one word each of any shell; none if there is more than printable ASCII in it.
fn as_words(text: &str) -> Option<String> {
    let mut words = String::with_capacity(text.len() * 2);
    for line in text.split('\n') {
        words.push_str(if words.is_empty() { "'" } else { " '" });
        for byte in line.bytes() {
            match byte {
                b'\'' | b'\\' | b'!' => {
                    words.push_str("'\\");
                    words.push(char::from(byte));
                    words.push('\'');
                }
                b' '..=b'~' => words.push(char::from(byte)),
                _ => return None,
            }
        }
        words.push('\'');
    }
    Some(words)
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
            line.ends_with(r#" 'set --' 'before' 'echo "clws-runs-as $$"' 'script'"#),
            "{line}"
        );
    }

    #[test]
    fn nothing_that_a_shell_might_take_for_its_own_is_in_the_line() {
        let command = Command::new("printf '%s\\n' \"$1\"!\n").argument("it's\\ö");
        let first = line(&command, As::Login);
        let encoded = first.strip_prefix("exec ").unwrap();
        let encoded = encoded.strip_prefix(PRINT).unwrap();
        let encoded = encoded.strip_prefix(" clws ").unwrap();
        assert!(
            !encoded.contains(['!', '\n']) && encoded.is_ascii(),
            "{encoded}"
        );
        assert_eq!(encoded.matches('\'').count(), 2);
        assert!(encoded.contains(r"\0134\0303\0266"), "{encoded}");
        assert!(!encoded.contains(r"\\"), "{encoded}");
        let line = line(&Command::new("a 'b' \\n!"), As::Login);
        let words = line.strip_prefix("exec ").unwrap();
        let words = words.strip_prefix(JOIN).unwrap();
        assert!(words.ends_with(r" 'a '\''b'\'' '\\'n'\!''"), "{words}");
    }
}
