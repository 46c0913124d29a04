//! The order in which people look for names: a number in them counts as a number.

use std::cmp::Ordering;

/// Compares two names, `web-2` before `web-10`; what is the same but for zeros before a number as it is written.
#[must_use]
pub fn by_number(one: &str, other: &str) -> Ordering {
    let (mut a, mut b) = (one.as_bytes(), other.as_bytes());
    loop {
        let (number, count) = (number(a), number(b));
        let order = match (number, count) {
            ([], _) | (_, []) => match (a.split_first(), b.split_first()) {
                (Some((x, rest_of_a)), Some((y, rest_of_b))) => {
                    (a, b) = (rest_of_a, rest_of_b);
                    x.cmp(y)
                }
                _ => return a.len().cmp(&b.len()).then_with(|| one.cmp(other)),
            },
            (x, y) => {
                a = a.get(x.len()..).unwrap_or_default();
                b = b.get(y.len()..).unwrap_or_default();
                let (x, y) = (without_zeros(x), without_zeros(y));
                x.len().cmp(&y.len()).then_with(|| x.cmp(y))
            }
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

/// The digits that a text begins with.
fn number(text: &[u8]) -> &[u8] {
    let end = text.iter().position(|byte| !byte.is_ascii_digit());
    text.get(..end.unwrap_or(text.len())).unwrap_or_default()
}

fn without_zeros(digits: &[u8]) -> &[u8] {
    let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
    digits.get(zeros..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_in_the_order_of_their_numbers() {
        let sorted = [
            "",
            "0",
            "10.0.0.4",
            "box",
            "box-1",
            "box1",
            "db-10-2",
            "db-10-10",
            "vm-a-2-x",
            "vm-a-10-x",
            "web",
            "web-",
            "web-0",
            "web-01",
            "web-1",
            "web-2",
            "web-10",
            "web-100",
            "web-99999999999999999999998",
            "web-99999999999999999999999",
            "web-a",
        ];
        for (at, one) in sorted.iter().enumerate() {
            for (behind, other) in sorted.iter().enumerate() {
                assert_eq!(by_number(one, other), at.cmp(&behind), "{one} {other}");
            }
        }
    }
}
