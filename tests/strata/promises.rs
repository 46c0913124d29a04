//! Each promise of `docs/security.md` names the tests that hold it, and they are there.

use std::fs;
use std::path::{Path, PathBuf};

const PAGE: &str = "docs/security.md";

/// What the page names between backticks, line by line.
fn quoted(text: &str) -> impl Iterator<Item = (usize, &str)> {
    (1..).zip(text.lines()).flat_map(|(number, line)| {
        let words = line.split('`').skip(1).step_by(2);
        words.map(move |word| (number, word))
    })
}

/// Three words of a sentence or more: the name of a test, or of a file that holds several.
fn is_name_of_a_test(word: &str) -> bool {
    let parts: Vec<&str> = word.split('_').collect();
    let is_word = |part: &&str| !part.is_empty() && part.bytes().all(is_lower);
    parts.len() > 2 && parts.iter().all(is_word)
}

fn is_lower(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit()
}

/// The file that is named by itself, or all below the folder.
fn sources(place: &Path) -> Vec<PathBuf> {
    if place.is_file() {
        return vec![place.to_owned()];
    }
    let entries = fs::read_dir(place).unwrap().map(|entry| entry.unwrap());
    entries.flat_map(|entry| sources(&entry.path())).collect()
}

/// Whether a file has the test, or is one whose tests the name stands for.
fn holds(file: &Path, name: &str) -> bool {
    if file.extension().is_none_or(|extension| extension != "rs") {
        return false;
    }
    let text = fs::read_to_string(file).unwrap();
    // One that a macro makes into several.
    let listed = format!("    {name};\n");
    let Some((before, _)) = text.split_once(&format!("fn {name}(")) else {
        return file.file_stem().is_some_and(|stem| stem == name) && text.contains("test]");
    };
    // Between the attribute and the name are at most other attributes.
    let attribute = ["#[test]", "#[tokio::test"].map(|attribute| before.rfind(attribute));
    let attribute = attribute.into_iter().max().flatten();
    let is_test = attribute.is_some_and(|at| !before[at..].contains("fn "));
    is_test || text.contains(&listed)
}

/// What is named and not there, and how many tests of each promise are.
fn read(page: &str) -> (Vec<String>, Vec<(String, usize)>) {
    let (mut faults, mut promises) = (Vec::new(), Vec::new());
    let (_, rest) = page.split_once("\n## Promises\n").unwrap();
    let (rest, _) = rest.split_once("\n## ").unwrap();
    for promise in rest.split("\n### ").skip(1) {
        let title = promise.lines().next().unwrap();
        let mut place: Option<PathBuf> = None;
        let mut found = 0;
        for (line, word) in quoted(promise) {
            let mut fault =
                |what: &str| faults.push(format!("{title}, line {line}: {what} `{word}`"));
            let is_file = Path::new(word).extension().is_some_and(|it| it == "rs");
            if word.starts_with("tests/") || word.starts_with("src/") {
                place = Some(word.into());
            } else if is_file {
                // Beside the one before.
                place = place.map(|before| match before.is_dir() {
                    true => before.join(word),
                    false => before.with_file_name(word),
                });
            } else if is_name_of_a_test(word) {
                let files = place.as_deref().map(sources).unwrap_or_default();
                match files.iter().any(|file| holds(file, word)) {
                    true => found += 1,
                    false => fault("no test"),
                }
                continue;
            } else {
                continue;
            }
            if !place.as_deref().is_some_and(Path::exists) {
                fault("no file");
                place = None;
            }
        }
        promises.push((title.to_owned(), found));
    }
    (faults, promises)
}

#[test]
fn each_promise_names_tests_that_are_there() {
    let (faults, promises) = read(&fs::read_to_string(PAGE).unwrap());
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
    assert!(promises.len() > 10, "{promises:?}");
    for (title, tests) in promises {
        assert!(tests > 0, "no test holds {title}");
    }
}

#[test]
fn a_test_that_is_not_there_is_noticed() {
    let page = "\n## Promises\n\n### 1. One\n\n- `tests/strata/source.rs`: `nothing_points_back_up`, \
        `main.rs`: `nothing_points_back_up`, `tests/strata`: `every_module_has_its_place_in_the_order`, \
        `a_test_nobody_wrote`, `all_of_it.rs`, `tests/strata/main.rs`: `is_name_of_a_test`\n\n### 2. Two\n\nNone.\n\n## More\n";
    let (faults, promises) = read(page);
    let named: Vec<&str> = faults
        .iter()
        .filter_map(|fault| fault.split('`').nth(1))
        .collect();
    assert_eq!(
        named,
        [
            "nothing_points_back_up",
            "a_test_nobody_wrote",
            "all_of_it.rs",
            "is_name_of_a_test"
        ]
    );
    assert_eq!(promises, [("1. One".into(), 2), ("2. Two".into(), 0)]);
    // What is no test does not count as one.
    let file = Path::new("tests/strata/promises.rs");
    assert!(
        !holds(file, "is_name_of_a_test") && holds(file, "a_test_that_is_not_there_is_noticed")
    );
}
