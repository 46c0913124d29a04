//! What ends within half a year, as a line of days for each.

use super::html::Html;
use super::{Audience, more, section, table};
use crate::status::{EndStatus, Status};
use crate::text::count;
use crate::time::Moment;

/// So far ahead it is looked.
const DAYS: i64 = 180;

/// So many are shown.
const MANY: usize = 200;

/// What ends in the vault, and the certificates that are shown; the first to end first.
pub(super) fn all(status: &Status, audience: Audience) -> Vec<EndStatus> {
    let mut all = status.ends.clone();
    for host in &status.hosts {
        for component in &host.components {
            let served = component.answers.iter().flat_map(|answers| &answers.served);
            all.extend(served.map(|served| {
                let shown = format!("{}/{} shows", host.name, component.component);
                EndStatus {
                    path: match audience {
                        Audience::Team => format!("{shown} {}", served.name),
                        Audience::Public => format!("{shown} a certificate"),
                    },
                    day: served.day.clone(),
                    days_left: served.days_left,
                }
            }));
        }
    }
    all.sort_by(|one, other| one.day.cmp(&other.day));
    all
}

pub(super) fn write(html: &mut Html, ends: &[EndStatus], now: Moment) {
    let soon: Vec<&EndStatus> = ends.iter().filter(|end| end.days_left <= DAYS).collect();
    section(html, "What ends within 180 days", |html| {
        if soon.is_empty() {
            html.line("p", &[], "nothing");
            return;
        }
        let last = Moment::from_seconds(now.seconds() + DAYS * 86_400).date();
        let axis = format!("from {} to {last}", now.date());
        table(html, "what ends", &["day", "left", "what", &axis], |html| {
            soon.iter().take(MANY).for_each(|end| row(html, end));
        });
        more(html, soon.len(), MANY);
    });
}

fn row(html: &mut Html, end: &EndStatus) {
    let class = match end.days_left {
        ..=0 => "bad",
        1..=30 => "going",
        _ => "good",
    };
    let left = match usize::try_from(end.days_left) {
        Ok(0) | Err(_) => "has ended".to_owned(),
        Ok(days) => count(days, "day"),
    };
    html.element("tr", &[], |html| {
        html.line("td", &[], &end.day);
        html.line("td", &[("class", class)], &left);
        html.line("td", &[("class", "path")], &end.path);
        html.element("td", &[], |html| {
            let whole = [
                ("class", "line"),
                ("viewBox", "0 0 180 8"),
                ("preserveAspectRatio", "none"),
                ("aria-hidden", "true"),
            ];
            let days = end.days_left.clamp(1, DAYS).to_string();
            html.element("svg", &whole, |html| {
                let full = [("width", "180"), ("height", "8"), ("class", "all")];
                html.element("rect", &full, |_| {});
                let left = [("width", days.as_str()), ("height", "8"), ("class", class)];
                html.element("rect", &left, |_| {});
            });
        });
    });
}
