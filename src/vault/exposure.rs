//! Why others may know a value, in its policy `exposed`: `import 2026-11-24; ben left 2026-12-01`.
//!
//! It stands in the clear and is signed, an entry for each reason, until the value gets a new plaintext.

use crate::time::Moment;

use super::policy::{Policy, PolicyKey};

/// Those who could read a value and have left since, of what its policy says.
pub fn who_left(policy: &Policy) -> impl Iterator<Item = &str> {
    let entries = policy.value(PolicyKey::Exposed).unwrap_or_default();
    let left = |entry: &'_ str| entry.split_once(" left ").map(|(who, _)| who.len());
    entries
        .split("; ")
        .filter_map(move |entry| entry.get(..left(entry)?))
}

/// Adds those of `left` who are not said to have left, as of today.
pub(super) fn expose(policy: &mut Policy, left: &[String], now: Moment) {
    let mut names: Vec<&String> = left.iter().collect();
    names.sort();
    names.dedup();
    names.retain(|name| who_left(policy).all(|who| who != name.as_str()));
    let said = policy.value(PolicyKey::Exposed).map(str::to_owned);
    let day = now.date();
    let news = names.iter().map(|name| format!("{name} left {day}"));
    let entries: Vec<String> = said.into_iter().chain(news).collect();
    if !entries.is_empty() {
        policy.set(PolicyKey::Exposed, Some(entries.join("; ")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_is_kept_and_nobody_is_named_twice() {
        let day: Moment = "2026-12-01T10:00:00Z".parse().unwrap();
        let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        let mut policy = Policy::default();
        expose(&mut policy, &[], day);
        assert_eq!(policy.value(PolicyKey::Exposed), None);
        policy.set(PolicyKey::Exposed, Some("import 2026-11-24".to_owned()));
        expose(&mut policy, &names(&["cleo", "ben", "ben"]), day);
        expose(&mut policy, &names(&["ben", "dora"]), day);
        assert_eq!(
            policy.value(PolicyKey::Exposed),
            Some(
                "import 2026-11-24; ben left 2026-12-01; cleo left 2026-12-01; dora left 2026-12-01"
            )
        );
        assert!(who_left(&policy).eq(["ben", "cleo", "dora"]));
    }
}
