//! How a text is written between the quotes of another language, or in a URL: the filters of templates do so, and what was
//! written so is hidden like the value itself.

/// Inside single quotes of a POSIX shell.
#[must_use]
pub fn in_shell(text: &str) -> String {
    escaped(text, |c| (c == '\'').then_some(r"'\''"))
}

/// How many bytes a line of an option file of MySQL's may have: its programs take what stands behind those for the next
/// line, an option of its own.
pub const MAX_OPTION_LINE: usize = 4094;

/// Inside double quotes of an INI or my.cnf file.
#[must_use]
pub fn in_ini(text: &str) -> String {
    escaped(text, |c| match c {
        '\\' => Some(r"\\"),
        '"' => Some(r#"\""#),
        _ => None,
    })
}

/// Inside single quotes of MySQL or MariaDB (`mysql_real_escape_string`). Line ends too: a client may read
/// them as its own and drop half of one.
#[must_use]
pub fn in_sql(text: &str) -> String {
    escaped(text, |c| match c {
        '\\' => Some(r"\\"),
        '\'' => Some("''"),
        '\n' => Some(r"\n"),
        '\r' => Some(r"\r"),
        '\0' => Some(r"\0"),
        '\x1a' => Some(r"\Z"),
        _ => None,
    })
}

/// In a URL: everything but unreserved characters (RFC 3986, 2.3) and those that are `safe` as `%40`.
#[must_use]
pub fn in_url(bytes: &[u8], safe: &[u8]) -> String {
    let is_plain =
        |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || safe.contains(&byte);
    // Three of each at most, so that nothing of a value is left behind where a string was too small.
    let mut out = String::with_capacity(3 * bytes.len());
    for byte in bytes {
        match is_plain(*byte) {
            true => out.push(char::from(*byte)),
            false => {
                out.push('%');
                out.extend(digits(*byte, b'A').map(char::from));
            }
        }
    }
    out
}

/// In a line for the runner of a CI job: what it undoes itself (actions/runner, `ActionCommand.cs`).
#[must_use]
pub fn in_runner(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(3 * bytes.len());
    for byte in bytes {
        match byte {
            b'%' => out.extend_from_slice(b"%25"),
            b'\r' => out.extend_from_slice(b"%0D"),
            b'\n' => out.extend_from_slice(b"%0A"),
            other => out.push(*other),
        }
    }
    out
}

/// Inside of Python's `b'…'`: printable ASCII, and `\x..` for the rest.
#[must_use]
pub(super) fn in_bytes(bytes: &[u8]) -> Vec<u8> {
    let is_quoted = bytes.contains(&b'\'') && bytes.contains(&b'"');
    let mut out = Vec::with_capacity(4 * bytes.len());
    for byte in bytes {
        match byte {
            b'\\' => out.extend_from_slice(br"\\"),
            b'\'' if is_quoted => out.extend_from_slice(br"\'"),
            b'\t' => out.extend_from_slice(br"\t"),
            b'\n' => out.extend_from_slice(br"\n"),
            b'\r' => out.extend_from_slice(br"\r"),
            b' '..=b'~' => out.push(*byte),
            other => {
                out.extend_from_slice(br"\x");
                out.extend(digits(*other, b'a'));
            }
        }
    }
    out
}

/// The two hexadecimal digits of a byte; `ten` is the one for ten.
pub(super) fn digits(byte: u8, ten: u8) -> [u8; 2] {
    [byte >> 4, byte & 15].map(|half| if half < 10 { b'0' } else { ten - 10 } + half)
}

fn escaped(text: &str, special: impl Fn(char) -> Option<&'static str>) -> String {
    let size = |c: char| special(c).map_or(c.len_utf8(), str::len);
    // At once, so that nothing of a value is left behind where a string was too small.
    let mut out = String::with_capacity(text.chars().map(size).sum());
    for c in text.chars() {
        match special(c) {
            Some(escape) => out.push_str(escape),
            None => out.push(c),
        }
    }
    out
}
