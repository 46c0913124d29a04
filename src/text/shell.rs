//! Text as a word of a POSIX shell.

/// The text as one word, in single quotes, in which a POSIX shell takes everything but the quote as it is.
#[must_use]
pub fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// The text as one word, in quotes only where it needs them: for lines that people read and paste. What is not
/// of this program goes through [`super::clean_line`] before.
#[must_use]
pub fn shell_word(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@%:,=".contains(c);
    match !text.is_empty() && text.chars().all(is_plain) {
        true => text.to_owned(),
        false => quoted(text),
    }
}

/// Whether a path means itself in a line of shell, in quotes or not.
#[must_use]
pub fn is_plain_path(path: &str) -> bool {
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+@".contains(c);
    path.starts_with('/') && path.chars().all(is_plain)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_plain_path_is_nothing_but_a_path_to_a_shell() {
        for path in [
            "/run/clws/0f",
            "/home/jürgen/.local/state",
            "/dev/shm/clws-1000",
            "/a@b+c",
        ] {
            assert!(is_plain_path(path), "{path}");
        }
        for byte in (0..128_u8)
            .map(char::from)
            .filter(|c| !c.is_ascii_alphanumeric())
        {
            assert_eq!(
                is_plain_path(&format!("/a{byte}b")),
                "/._-+@".contains(byte),
                "{byte:?}"
            );
        }
        assert!(!is_plain_path("run") && !is_plain_path(""));
    }

    #[test]
    fn a_word_is_quoted_where_a_shell_would_take_it_apart() {
        for plain in ["/home/ada/age.txt", "a@b:1", "--x=1", "50%"] {
            assert_eq!(shell_word(plain), plain);
        }
        for odd in ["", "a b", "it's", "$(id)", "a;b", "~", "a\\u{a}b", "ä", "#"] {
            let word = shell_word(odd);
            assert_eq!(word, quoted(odd));
            let line = format!("printf %s {word}");
            let printed = Command::new("/bin/sh").args(["-c", &line]).output();
            assert_eq!(printed.unwrap().stdout, odd.as_bytes(), "{word}");
        }
    }
}
