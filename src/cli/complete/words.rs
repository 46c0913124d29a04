//! The words of a line, as a shell hands them over.

/// The words up to the cursor.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Words {
    /// Those that are done.
    pub(super) before: Vec<String>,
    /// The one that is being typed.
    pub(super) typed: String,
    /// How much of it the shell leaves where it is: it replaces what is behind.
    pub(super) kept: usize,
}

impl Words {
    /// Words of a shell that splits at blanks alone.
    pub(super) fn of(given: impl Iterator<Item = String>) -> Self {
        let mut before: Vec<String> = given.map(unquoted).collect();
        let typed = before.pop().unwrap_or_default();
        Self {
            before,
            typed,
            kept: 0,
        }
    }

    /// Words of bash, which splits at `=` and `:` too, makes a word of each, and replaces what is behind
    /// the last of them.
    pub(super) fn of_bash(given: impl Iterator<Item = String>) -> Self {
        let is_break =
            |word: &str| !word.is_empty() && word.chars().all(|c| matches!(c, '=' | ':'));
        let (mut joined, mut behind_break) = (Vec::<String>::new(), false);
        let mut kept = 0;
        for word in given.map(unquoted) {
            let breaks = is_break(&word);
            match joined.last_mut().filter(|_| breaks || behind_break) {
                Some(last) => {
                    kept = last.len() + if breaks { word.len() } else { 0 };
                    last.push_str(&word);
                }
                None => {
                    kept = 0;
                    joined.push(word);
                }
            }
            behind_break = breaks;
        }
        let typed = joined.pop().unwrap_or_default();
        Self {
            before: joined,
            kept: kept.min(typed.len()),
            typed,
        }
    }
}

/// A name needs no quotes, and is found behind one that somebody typed.
fn unquoted(word: String) -> String {
    match word.strip_prefix(['\'', '"']) {
        Some(rest) => rest.trim_end_matches(['\'', '"']).to_owned(),
        None => word,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bash(line: &str) -> (Vec<String>, String, usize) {
        let words = Words::of_bash(line.split('|').map(str::to_owned));
        (words.before, words.typed, words.kept)
    }

    #[test]
    fn what_bash_split_at_a_sign_of_equality_is_one_word() {
        let before = vec!["exec".to_owned()];
        let of = |typed: &str, kept| (before.clone(), typed.to_owned(), kept);
        assert_eq!(bash("exec|--file"), of("--file", 0));
        assert_eq!(bash("exec|--file|="), of("--file=", 7));
        assert_eq!(bash("exec|--file|=|KEY"), of("--file=KEY", 7));
        assert_eq!(bash("exec|--file|=|KEY|="), of("--file=KEY=", 11));
        assert_eq!(bash("exec|--file|=|KEY|=|prod"), of("--file=KEY=prod", 11));
        assert_eq!(bash(""), (vec![], String::new(), 0));
        let (before, typed, kept) = bash("exec|--map|A|=|B|");
        assert_eq!(before, ["exec", "--map", "A=B"]);
        assert_eq!((typed.as_str(), kept), ("", 0));
    }
}
