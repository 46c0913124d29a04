//! How a text is written between the quotes of another language: the filters of templates do so, and what was
//! written so is hidden like the value itself.

/// Inside single quotes of a POSIX shell.
#[must_use]
pub fn in_shell(text: &str) -> String {
    escaped(text, |c| (c == '\'').then_some(r"'\''"))
}

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
