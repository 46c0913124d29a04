//! VISUAL and EDITOR, and the programs of alarms, split into words as a shell splits them, without a shell.
//!
//! Quotes and backslashes group and protect (POSIX, Shell Command Language, 2.2); nothing is
//! expanded: no variable, no `~`, no `$(…)`. So it says which program runs and with which
//! arguments, and can say nothing else.

/// Splits a line into words; `None` if a quote is not closed or a backslash protects nothing.
pub(crate) fn split(line: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        match character {
            ' ' | '\t' | '\n' => words.extend(word.take()),
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match characters.next()? {
                        '\'' => break,
                        other => word.push(other),
                    }
                }
            }
            '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match characters.next()? {
                        '"' => break,
                        '\\' => match characters.next()? {
                            '\n' => {}
                            special @ ('"' | '\\' | '$' | '`') => word.push(special),
                            other => word.extend(['\\', other]),
                        },
                        other => word.push(other),
                    }
                }
            }
            '\\' => word.get_or_insert_default().push(characters.next()?),
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    Some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_a_shell_and_nothing_is_expanded() {
        for (line, words) in [
            ("vim", &["vim"] as &[&str]),
            ("  code   --wait ", &["code", "--wait"]),
            (r#""/opt/my editor/run" -n"#, &["/opt/my editor/run", "-n"]),
            (r"/opt/my\ editor/run", &["/opt/my editor/run"]),
            (
                r#"emacs --eval '(message "hi")'"#,
                &["emacs", "--eval", r#"(message "hi")"#],
            ),
            (r#"a "b\"c\$d\e" ''"#, &["a", r#"b"c$d\e"#, ""]),
            (
                "vim # $HOME `id` $(id) ~ * ; x",
                &["vim", "#", "$HOME", "`id`", "$(id)", "~", "*", ";", "x"],
            ),
            ("vim -- /etc/passwd", &["vim", "--", "/etc/passwd"]),
            ("", &[]),
        ] {
            assert_eq!(split(line).unwrap(), words, "{line}");
        }
        for line in ["vim 'x", "vim \"x", "vim \\", "vim \"x\\"] {
            assert!(split(line).is_none(), "{line}");
        }
    }
}
