//! Lists and counts as people write them.

use std::fmt::Display;

/// `a`, `a and b`, `a, b and c`; `nobody` for none.
#[must_use]
pub fn list<T: AsRef<str>>(items: &[T]) -> String {
    joined(items, "and")
}

/// `a`, `a or b`, `a, b or c`.
#[must_use]
pub fn any_of<T: AsRef<str>>(items: &[T]) -> String {
    joined(items, "or")
}

fn joined<T: AsRef<str>>(items: &[T], word: &str) -> String {
    match items {
        [] => "nobody".to_owned(),
        [one] => one.as_ref().to_owned(),
        [front @ .., last] => {
            let front: Vec<&str> = front.iter().map(AsRef::as_ref).collect();
            format!("{} {word} {}", front.join(", "), last.as_ref())
        }
    }
}

/// All of them by commas, or the first `most` and how many there are besides: `a, b and 12 more`.
#[must_use]
pub fn few<T: AsRef<str>>(items: &[T], most: usize) -> String {
    let shown = items.iter().take(most).map(AsRef::as_ref);
    let shown = shown.collect::<Vec<_>>().join(", ");
    match items.len().saturating_sub(most) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// `1 value`, `3 values`.
#[must_use]
pub fn count<N: Display + PartialEq + From<u8>>(number: N, noun: &str) -> String {
    match noun.strip_suffix("tity") {
        _ if number == N::from(1) => format!("{number} {noun}"),
        Some(stem) => format!("{number} {stem}tities"),
        None => format!("{number} {noun}s"),
    }
}

/// The known word nearest to a mistyped one, if one is near enough to be meant.
#[must_use]
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|candidate| (distance(word, candidate), candidate))
        .min()
        .filter(|(far, candidate)| *far <= 1 + candidate.len().min(word.len()) / 4)
        .map(|(_, candidate)| candidate)
}

/// Levenshtein's distance, in bytes, in which two neighbours that changed places count once.
fn distance(a: &str, b: &str) -> usize {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let at = |row: &[usize], at: usize| row.get(at).copied().unwrap_or(usize::MAX - 1);
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut next = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let left = at(&next, j);
            let mut best = (at(&row, j) + usize::from(x != y))
                .min(left + 1)
                .min(at(&row, j + 1) + 1);
            let is_swapped = i > 0 && j > 0 && a.get(i - 1) == Some(y) && b.get(j - 1) == Some(x);
            if is_swapped {
                best = best.min(at(&before, j - 1) + 1);
            }
            next.push(best);
        }
        before = std::mem::replace(&mut row, next);
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_read_well() {
        assert_eq!(list(&["ada", "ben", "grace"]), "ada, ben and grace");
        assert_eq!(any_of(&["x", "y"]), "x or y");
        assert_eq!(few(&["ada", "ben"], 2), "ada, ben");
        assert_eq!(
            few(&["ada", "ben", "eve", "grace"], 2),
            "ada, ben and 2 more"
        );
        assert_eq!(few::<&str>(&[], 2), "");
        assert_eq!(count(1, "value"), "1 value");
        assert_eq!(count(2, "identity"), "2 identities");
    }

    #[test]
    fn the_nearest_word_is_found_and_a_far_one_is_not() {
        assert_eq!(nearest("reders", ["readers", "writers"]), Some("readers"));
        assert_eq!(nearest("zzz", ["readers", "writers"]), None);
        assert_eq!(nearest("wbe", ["db", "web"]), Some("web"));
        assert_eq!(nearest("team-b", ["team-a", "team-b"]), Some("team-b"));
        for (one, other, far) in [
            ("", "", 0),
            ("", "ab", 2),
            ("ab", "ba", 1),
            ("kitten", "sitting", 3),
            ("ca", "abc", 3),
        ] {
            assert_eq!(
                (distance(one, other), distance(other, one)),
                (far, far),
                "{one} {other}"
            );
        }
    }
}
