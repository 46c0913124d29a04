//! Many names in few words: those that differ in the number at their end alone.

use std::collections::HashMap;

/// More words than this are counted and not shown.
const MANY: usize = 8;

/// Names of one front, with numbers of one form behind it.
struct Group<'n> {
    front: &'n str,
    /// How many digits each number has, where they begin with zeros; 0 for numbers as they are.
    width: usize,
    /// None for a name without a number.
    numbers: Vec<u64>,
}

/// `web-[0-2,7]` for `web-0`, `web-1`, `web-2` and `web-7`; others as they are. In the order of their
/// first; `and 12 more` where there would be too many.
#[must_use]
pub fn ranges<T: AsRef<str>>(names: &[T]) -> String {
    let mut words = Vec::new();
    let mut left = 0;
    for mut group in groups(names.iter().map(AsRef::as_ref)) {
        if words.len() == MANY {
            left += group.numbers.len().max(1);
            continue;
        }
        group.numbers.sort_unstable();
        let runs = runs(&group.numbers);
        let shown = runs.get(..MANY).unwrap_or(&runs);
        let rest = runs.get(shown.len()..).unwrap_or_default();
        left += rest.iter().map(|run| many(*run)).sum::<usize>();
        let front = group.front;
        words.push(match shown {
            [] => front.to_owned(),
            [(first, last)] if first == last => format!("{front}{}", group.digits(*first)),
            shown => {
                let shown: Vec<String> = shown.iter().map(|run| group.word(*run)).collect();
                format!("{front}[{}]", shown.join(","))
            }
        });
    }
    let words = words.join(", ");
    match left {
        0 => words,
        left => format!("{words} and {left} more"),
    }
}

fn groups<'n>(names: impl Iterator<Item = &'n str>) -> Vec<Group<'n>> {
    let mut groups: Vec<Group<'n>> = Vec::new();
    // Where those of a front are.
    let mut fronts: HashMap<&str, Vec<usize>> = HashMap::new();
    for name in names {
        let front = name.trim_end_matches(|c: char| c.is_ascii_digit());
        let digits = name.get(front.len()..).unwrap_or_default();
        let Ok(number) = digits.parse::<u64>() else {
            groups.push(Group {
                front: name,
                width: 0,
                numbers: Vec::new(),
            });
            continue;
        };
        let is_padded = number.to_string() != digits;
        let of_front = fronts.entry(front).or_default();
        let fits = |at: &&usize| {
            let width = groups.get(**at).map(|group| group.width);
            width == Some(digits.len()) || (width == Some(0) && !is_padded)
        };
        match of_front
            .iter()
            .find(fits)
            .and_then(|at| groups.get_mut(*at))
        {
            Some(group) => group.numbers.push(number),
            None => {
                of_front.push(groups.len());
                groups.push(Group {
                    front,
                    width: if is_padded { digits.len() } else { 0 },
                    numbers: vec![number],
                });
            }
        }
    }
    groups
}

impl Group<'_> {
    fn digits(&self, number: u64) -> String {
        let width = self.width;
        format!("{number:0width$}")
    }

    fn word(&self, (first, last): (u64, u64)) -> String {
        match (last - first, self.digits(first), self.digits(last)) {
            (0, first, _) => first,
            (1, first, last) => format!("{first},{last}"),
            (_, first, last) => format!("{first}-{last}"),
        }
    }
}

/// Sorted numbers as runs of neighbours.
fn runs(numbers: &[u64]) -> Vec<(u64, u64)> {
    let mut runs: Vec<(u64, u64)> = Vec::new();
    for number in numbers {
        match runs.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(*number) => *last = *number,
            _ => runs.push((*number, *number)),
        }
    }
    runs
}

/// How many numbers a run has.
fn many((first, last): (u64, u64)) -> usize {
    let between = usize::try_from(last - first).unwrap_or(usize::MAX);
    between.saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_a_range_and_the_rest_stays_as_it_is() {
        for (names, shown) in [
            (vec!["box"], "box"),
            (vec!["web-1"], "web-1"),
            (vec!["web-2", "web-0", "web-1", "web-7"], "web-[0-2,7]"),
            (
                vec!["web-0", "db", "web-1", "10.0.0.4"],
                "web-[0,1], db, 10.0.0.4",
            ),
            (
                vec!["web-08", "web-09", "web-10", "web-1"],
                "web-[08-10], web-1",
            ),
            (vec!["web", "web1"], "web, web1"),
            (vec!["7"], "7"),
        ] {
            assert_eq!(ranges(&names), shown, "{names:?}");
        }
        let thousand: Vec<String> = (0..1000).map(|n| format!("web-{n}")).collect();
        assert_eq!(ranges(&thousand), "web-[0-999]");
    }

    #[test]
    fn what_does_not_fit_is_counted() {
        let odd: Vec<String> = (0..100).map(|n| format!("web-{}", 2 * n)).collect();
        let shown = ranges(&odd);
        assert_eq!(shown, "web-[0,2,4,6,8,10,12,14] and 92 more");
        let letters: Vec<String> = ('a'..='z').map(String::from).collect();
        assert_eq!(ranges(&letters), "a, b, c, d, e, f, g, h and 18 more");
    }
}
