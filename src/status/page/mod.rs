//! A status as one page that needs nothing else: no script, no font, no picture, no other address.
//!
//! It can be opened on a phone, printed, and sent on. The policy in its head lets nothing in it be fetched or
//! run, whatever the fleet's names contain, and names are escaped besides ([`html::Html`]).

mod changes;
mod ends;
mod findings;
mod fleet;
mod html;
mod readers;

use self::html::Html;
use super::Status;
use crate::crypto::{encode_base64, sha256};
use crate::error::Error;
use crate::text::count;
use crate::vault::Vault;

const STYLE: &str = include_str!("style.css");

/// Who will see a page.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Audience {
    /// The team.
    Team,
    /// Others too: no address, no path on a host, no error's words.
    Public,
}

/// A page about a status and the vault that it is of. It has no value and no key.
///
/// # Errors
/// What keeps the vault from being looked at.
pub fn page(status: &Status, vault: &Vault, audience: Audience) -> Result<String, Error> {
    let accepted = &vault.trust().accepted;
    let name = &accepted.settings().name;
    let changes = changes::newest(vault)?;
    let mut html = Html::default();
    html.ours("<!doctype html>\n");
    html.element("html", &[("lang", "en")], |html| {
        html.element("head", &[], |html| head(html, name));
        html.element("body", &[], |html| {
            html.element("header", &[], |html| {
                html.line("h1", &[], name);
                let (wrong, notes) = findings::numbers(&status.findings);
                let state = if wrong == 0 { "well" } else { "wrong" };
                let hosts = count(status.hosts.len(), "host");
                let told = format!(
                    "{hosts}, {}, {}",
                    count(wrong, "finding"),
                    count(notes, "note")
                );
                html.line("p", &[("class", state)], &told);
                let now = vault.world().now();
                let rules = format!("as of {now}, rules of version {}", accepted.number());
                html.line("p", &[], &rules);
            });
            html.element("main", &[], |html| {
                findings::write(html, &status.findings, audience);
                fleet::write(html, &status.hosts, audience);
                ends::write(html, &ends::all(status, audience), vault.world().now());
                readers::write(html, accepted.access());
                changes::write(html, &changes);
            });
        });
    });
    html.ours("\n");
    Ok(html.into_string())
}

fn head(html: &mut Html, name: &str) {
    html.begin("meta", &[("charset", "utf-8")]);
    let style = encode_base64(&sha256(STYLE.as_bytes()));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'"
    );
    html.begin(
        "meta",
        &[
            ("http-equiv", "Content-Security-Policy"),
            ("content", &policy),
        ],
    );
    html.begin(
        "meta",
        &[
            ("name", "viewport"),
            ("content", "width=device-width, initial-scale=1"),
        ],
    );
    html.begin("meta", &[("name", "referrer"), ("content", "no-referrer")]);
    html.line("title", &[], &format!("{name}: status"));
    html.element("style", &[], |html| html.ours(STYLE));
}

/// A section with a heading.
fn section(html: &mut Html, title: &str, inside: impl FnOnce(&mut Html)) {
    html.element("section", &[], |html| {
        html.line("h2", &[], title);
        inside(html);
    });
}

/// What is wide scrolls by itself, also by keys.
fn scrolling(html: &mut Html, name: &str, inside: impl FnOnce(&mut Html)) {
    let attributes = [
        ("class", "wide"),
        ("role", "region"),
        ("aria-label", name),
        ("tabindex", "0"),
    ];
    html.element("div", &attributes, inside);
}

/// A table that scrolls by itself where it is too wide.
fn table(html: &mut Html, name: &str, head: &[&str], rows: impl FnOnce(&mut Html)) {
    scrolling(html, name, |html| {
        html.element("table", &[], |html| {
            html.element("thead", &[], |html| {
                html.element("tr", &[], |html| {
                    for title in head {
                        html.line("th", &[("scope", "col")], title);
                    }
                });
            });
            html.element("tbody", &[], rows);
        });
    });
}

/// So many of a list, and how many more there are.
fn more(html: &mut Html, all: usize, shown: usize) {
    if all > shown {
        html.line("p", &[], &format!("and {} more", all - shown));
    }
}
