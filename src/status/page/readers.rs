//! Who can read what: drawn where it is small enough to be seen, and as a table always.

use std::collections::BTreeSet;

use super::html::Html;
use super::{scrolling, section, table};
use crate::name::PartyName;
use crate::recipients::{Access, Rights};

/// More lines than this are a knot.
const LINES: usize = 120;

/// Between two names, in the drawing's own units.
const STEP: i64 = 24;

pub(super) fn write(html: &mut Html, access: &Access) {
    let rules: Vec<Rights> = access
        .rules
        .keys()
        .filter_map(|prefix| Rights::on(access, prefix))
        .collect();
    section(html, "Who can read what", |html| {
        if rules.is_empty() {
            html.line("p", &[], "there is no rule");
            return;
        }
        let lines: usize = rules.iter().map(|rule| rule.readers.len()).sum();
        if lines <= LINES {
            draw(html, &rules);
        }
        let head = ["below", "read", "write", "deploy"];
        table(html, "rules", &head, |html| {
            for rule in &rules {
                html.element("tr", &[], |html| {
                    let prefix = [("scope", "row"), ("class", "path")];
                    html.line("th", &prefix, &rule.prefix);
                    for who in [&rule.readers, &rule.writers, &rule.deployers] {
                        html.line("td", &[], &names(who));
                    }
                });
            }
        });
    });
}

fn names(who: &BTreeSet<PartyName>) -> String {
    let names: Vec<&str> = who.iter().map(PartyName::as_str).collect();
    names.join(", ")
}

/// Parties on the left, rules on the right, a line where one reads below the other.
fn draw(html: &mut Html, rules: &[Rights]) {
    let parties: BTreeSet<&PartyName> = rules.iter().flat_map(|rule| &rule.readers).collect();
    let rows = i64::try_from(parties.len().max(rules.len())).unwrap_or(0);
    let view = format!("0 0 640 {}", rows * STEP + STEP);
    let place = |index: usize| i64::try_from(index).unwrap_or(0) * STEP + STEP;
    scrolling(html, "readers, drawn", |html| {
        let whole = [
            ("class", "graph"),
            ("viewBox", view.as_str()),
            ("role", "img"),
            (
                "aria-label",
                "who reads below which path; the table has the same",
            ),
        ];
        html.element("svg", &whole, |html| {
            for (right, rule) in rules.iter().enumerate() {
                for (left, party) in parties.iter().enumerate() {
                    if rule.readers.contains(*party) {
                        let (from, to) = (place(left) - 4, place(right) - 4);
                        let line = format!("M200 {from}C300 {from} 340 {to} 440 {to}");
                        html.element("path", &[("d", &line)], |_| {});
                    }
                }
            }
            for (left, party) in parties.iter().enumerate() {
                let y = place(left).to_string();
                let at = [("x", "192"), ("y", y.as_str()), ("class", "left")];
                html.line("text", &at, party.as_str());
            }
            for (right, rule) in rules.iter().enumerate() {
                let y = place(right).to_string();
                html.line("text", &[("x", "448"), ("y", &y)], &rule.prefix);
            }
        });
    });
}
