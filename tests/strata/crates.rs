//! What `docs/dependencies.md` says of crates is so.
#![expect(clippy::indexing_slicing, reason = "what is not there fails the test")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

fn read(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

/// The versions of each crate in the lock file.
fn locked() -> BTreeMap<String, Vec<String>> {
    let lock: toml::Table = read("Cargo.lock").parse().unwrap();
    let mut locked: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for package in lock["package"].as_array().unwrap() {
        let text = |key: &str| package[key].as_str().unwrap().to_owned();
        locked
            .entry(text("name"))
            .or_default()
            .push(text("version"));
    }
    locked
}

/// Crates with the least version that the page asks for: `name, name | 1.2, 0.3 | …`.
fn asked(page: &str) -> Vec<(String, String)> {
    let mut asked = Vec::new();
    let table = page.split("## Why these versions").next().unwrap();
    for line in table.lines().filter(|line| line.starts_with("| ")) {
        let mut cells = line.trim_matches('|').split(" | ").map(str::trim);
        let (names, versions) = (cells.next().unwrap(), cells.next().unwrap_or_default());
        let is_version = |word: &&str| word.starts_with(|c: char| c.is_ascii_digit());
        let versions = versions
            .split([' ', ','])
            .filter(|word| !word.is_empty())
            .filter(is_version);
        let names = names.split(", ").map(str::to_owned);
        asked.extend(names.zip(versions.map(str::to_owned)));
    }
    asked
}

/// Numbers of a version, and what stands behind a hyphen, which comes before none; what stands behind a plus says
/// nothing of the order.
fn order(version: &str) -> (Vec<u64>, bool, &str) {
    let version = version.split('+').next().unwrap();
    let (numbers, pre) = version.split_once('-').unwrap_or((version, ""));
    let numbers = numbers.split('.').map(|number| number.parse().unwrap());
    let mut numbers: Vec<u64> = numbers.collect();
    numbers.resize(3, 0);
    (numbers, pre.is_empty(), pre)
}

#[test]
fn every_crate_is_locked_at_least_at_what_the_page_asks() {
    let locked = locked();
    let asked = asked(&read("docs/dependencies.md"));
    assert!(asked.len() > 35, "the table was not read: {asked:?}");
    for (name, least) in asked {
        let versions = locked
            .get(&name)
            .unwrap_or_else(|| panic!("docs/dependencies.md names {name}, which is not locked"));
        let enough = versions.iter().any(|found| order(found) >= order(&least));
        assert!(enough, "{name} is {versions:?}, and {least} is asked for");
    }
}

#[test]
fn every_crate_that_is_asked_for_has_its_reason() {
    let manifest: toml::Table = read("Cargo.toml").parse().unwrap();
    let page = read("docs/dependencies.md");
    for table in ["dependencies", "dev-dependencies"] {
        for name in manifest[table].as_table().unwrap().keys() {
            let named = page.split(|c: char| !(c.is_alphanumeric() || c == '-' || c == '_'));
            assert!(
                named.into_iter().any(|word| word == name),
                "docs/dependencies.md does not name {name}"
            );
        }
    }
}

#[test]
fn a_version_before_the_one_that_is_asked_for_is_seen() {
    let page = "| crate | at least |\n|---|---|\n| a, b | 1.2, exactly 0.3.0-rc.11 | x |\n";
    let two = [("a", "1.2"), ("b", "0.3.0-rc.11")].map(|(a, b)| (a.to_owned(), b.to_owned()));
    assert_eq!(asked(page), two);
    assert!(order("0.63.0") < order("0.63.1"));
    assert!(order("0.7.0-rc.11") < order("0.7.0"));
    assert!(order("1.10") > order("1.9.9"));
    assert_eq!(order("1.2.0+spec-1.1.0"), order("1.2"));
}
