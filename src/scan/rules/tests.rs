use super::*;

#[test]
fn names_are_unique_and_have_sources() {
    let mut seen = std::collections::BTreeSet::new();
    for rule in all() {
        assert!(seen.insert(rule.id), "{} is there twice", rule.id);
        assert!(rule.source.starts_with("https://"), "{}", rule.id);
        let is_plain = rule
            .id
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        assert!(is_plain && rule.what.starts_with(['a', 't']), "{}", rule.id);
    }
    assert!(seen.len() >= 100, "{}", seen.len());
}

#[test]
fn the_table_of_the_page_is_that_of_the_code() {
    let page = include_str!("../../../docs/scan.md");
    let head = "| rule | finds | by | source |\n|---|---|---|---|\n";
    let table = page.split(head).nth(1).unwrap_or_default();
    let table = table.split("\n\n").next().unwrap_or_default();
    let rows = all().map(|rule| {
        let Rule {
            id, what, source, ..
        } = rule;
        format!(
            "| `{id}` | {what} | {} | <{source}> |",
            rule.grounds.as_str()
        )
    });
    assert_eq!(table, rows.collect::<Vec<_>>().join("\n"));
}
