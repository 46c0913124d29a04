//! A status for people: a line for each component on each host, then what is to be done.

use std::collections::{BTreeMap, BTreeSet};

use crate::cli::ui::Ui;
use crate::error::Error;
use crate::status::{
    AnswersStatus, ComponentStatus, Finding, HostStatus, SpaceStatus, State, Status,
};
use crate::text::{count, ranges};

/// Of more than this of a kind, notes, findings or components that are as they should be, people are told how
/// many there are.
const MANY: usize = 20;

/// What ends within so many days is named.
const SOON: i64 = 90;

/// Prints a status.
pub(super) fn print(ui: &Ui, status: &Status) -> Result<(), Error> {
    let said = status.findings.iter().map(|finding| &*finding.path);
    let (mut rows, well, down) = rows(&status.hosts, &said.collect(), ui.is_verbose());
    if !rows.is_empty() {
        let head = [
            "HOST",
            "COMPONENT",
            "STATE",
            "SINCE",
            "IMAGE",
            "HOOK",
            "SECRETS",
            "MEMORY",
            "DISK",
            "PROBES",
        ];
        // The last column is there when somebody was asked.
        let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
        rows.iter_mut().for_each(|row| row.resize(columns, dash()));
        ui.table(head.get(..columns).unwrap_or(&head), rows)?;
    }
    if down > 0 {
        let down = count(down, "host");
        ui.line(&format!(
            "and {down} are not reached: `clws status --verbose` shows each"
        ))?;
    }
    if well > 0 {
        let components = count(well, "component");
        ui.line(&format!(
            "and {components} with nothing to say of: `clws status --verbose` shows them"
        ))?;
    }
    print_served(ui, status)?;
    let soon = status.ends.iter().filter(|end| end.days_left <= SOON);
    for end in soon {
        let left = left(end.days_left);
        ui.line(&format!("{left}: {} ({})", end.path, end.day))?;
    }
    let (notes, wrong): (Vec<&Finding>, Vec<&Finding>) = status
        .findings
        .iter()
        .partition(|finding| finding.kind.is_note());
    let hosts: BTreeSet<&str> = status.hosts.iter().map(|host| host.name.as_str()).collect();
    let mut more: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for finding in &wrong {
        let kind = finding.kind.as_str();
        let nth = counts.entry(kind).or_default();
        *nth += 1;
        if *nth <= MANY || ui.is_verbose() {
            print_finding(ui, finding, kind)?;
        } else {
            more.entry(kind).or_default().insert(place(&hosts, finding));
        }
    }
    for (kind, places) in more {
        let many = counts.get(kind).map_or(0, |all| all - MANY);
        let places: Vec<&str> = places.into_iter().collect();
        ui.line(&format!(
            "{kind}: {many} more, which `clws status --verbose` shows: {}",
            ranges(&places)
        ))?;
    }
    if notes.len() <= MANY || ui.is_verbose() {
        for finding in &notes {
            print_finding(ui, finding, &format!("note: {}", finding.kind.as_str()))?;
        }
    } else {
        ui.line(&format!(
            "note: {} more to know: `clws status --verbose` shows them",
            notes.len()
        ))?;
    }
    ui.say(&format!(
        "{}: {}, {}",
        count(status.hosts.len(), "host"),
        count(wrong.len(), "finding"),
        count(notes.len(), "note")
    ));
    Ok(())
}

/// The rows of a table that can be read, how many components it leaves out, and how many hosts. Of a large
/// fleet those components are left out of which nothing is to be said, and hosts that are not reached, which
/// are named by their finding.
fn rows(
    hosts: &[HostStatus],
    said: &BTreeSet<&str>,
    is_whole: bool,
) -> (Vec<Vec<String>>, usize, usize) {
    let is_long = |many: usize| many > MANY && !is_whole;
    let down = hosts.iter().filter(|host| !host.reachable).count();
    let hides_down = is_long(down);
    let seen = hosts.iter().filter(|host| host.reachable || !hides_down);
    let all = seen.flat_map(|host| rows_of(host).into_iter().map(move |row| (host, row)));
    let all: Vec<(&HostStatus, (String, Vec<String>))> = all.collect();
    let is_well = |host: &HostStatus, path: &str| {
        host.reachable && !said.contains(path) && path.contains('/')
    };
    let well = all.iter().filter(|(host, (path, _))| is_well(host, path));
    let well = well.count();
    let hides_well = is_long(well);
    let rows = all
        .into_iter()
        .filter(|(host, (path, _))| !hides_well || !is_well(host, path))
        .map(|(_, (_, row))| row)
        .collect();
    let of = |hides: bool, many: usize| if hides { many } else { 0 };
    (rows, of(hides_well, well), of(hides_down, down))
}

/// The host that a finding is about, or what else.
fn place<'f>(hosts: &BTreeSet<&str>, finding: &'f Finding) -> &'f str {
    let first = finding.path.split('/').next().unwrap_or_default();
    match hosts.contains(first) {
        true => first,
        false => &finding.path,
    }
}

/// The certificates that are shown and end within the time in which the vault's own are named.
fn print_served(ui: &Ui, status: &Status) -> Result<(), Error> {
    for host in &status.hosts {
        for component in &host.components {
            let served = component.answers.iter().flat_map(|answers| &answers.served);
            for served in served.filter(|served| served.days_left <= SOON) {
                let (host, component) = (&host.name, &component.component);
                let (left, name, day) = (left(served.days_left), &served.name, &served.day);
                ui.line(&format!(
                    "{left}: what {host}/{component} shows for {name} ({day})"
                ))?;
            }
        }
    }
    Ok(())
}

fn left(days: i64) -> String {
    match usize::try_from(days) {
        Ok(0) | Err(_) => "has ended".to_owned(),
        Ok(days) => format!("ends in {}", count(days, "day")),
    }
}

fn print_finding(ui: &Ui, finding: &Finding, kind: &str) -> Result<(), Error> {
    ui.line(&format!("{kind}: {}: {}", finding.path, finding.why))?;
    if finding.next.is_empty() {
        return Ok(());
    }
    ui.line(&format!("  next: {}", finding.next))
}

/// A row for each component, with the path under which findings speak of it.
fn rows_of(host: &HostStatus) -> Vec<(String, Vec<String>)> {
    let used = |kind: &str| {
        // The fullest of several disks is the one to know about.
        let of_kind = host.space.iter().filter(|space| space.kind == kind);
        let used = of_kind.map(SpaceStatus::used).max();
        used.map_or(dash(), |used| format!("{used} %"))
    };
    let (memory, disk) = (used("memory"), used("disk"));
    let row = |cells: [String; 6]| {
        let mut row = vec![host.name.clone()];
        row.extend(cells);
        row.extend([memory.clone(), disk.clone()]);
        row
    };
    if host.components.is_empty() {
        let state = if host.reachable { "-" } else { "unreachable" };
        let state = state.to_owned();
        let row = row([dash(), state, dash(), dash(), dash(), dash()]);
        return vec![(host.name.clone(), row)];
    }
    let components = host.components.iter();
    components
        .map(|component| {
            let mut row = row([
                component.component.clone(),
                state(host, component),
                component.since.clone().unwrap_or_else(dash),
                image(component),
                hook(component),
                secrets(component),
            ]);
            row.extend(component.answers.as_ref().map(probes));
            (format!("{}/{}", host.name, component.component), row)
        })
        .collect()
}

fn probes(answers: &AnswersStatus) -> String {
    let all = answers.probes.len();
    match (answers.count("wrong"), answers.count("unasked")) {
        _ if all == 0 => dash(),
        (0, 0) => format!("{all} right"),
        (0, unasked) => format!("{unasked} of {all} unasked"),
        (wrong, _) => format!("{wrong} of {all} wrong"),
    }
}

fn dash() -> String {
    "-".to_owned()
}

fn state(host: &HostStatus, component: &ComponentStatus) -> String {
    let word = match component.state {
        State::Unseen if !host.reachable => "unreachable",
        state => state.as_str(),
    };
    match component.restarts {
        None | Some(0) => word.to_owned(),
        Some(times) => {
            let times = usize::try_from(times).unwrap_or(usize::MAX);
            format!("{word}, {}", count(times, "restart"))
        }
    }
}

/// The first digits of the image's id, as Docker prints them.
fn image(component: &ComponentStatus) -> String {
    let image = component.image.as_deref();
    let digits = image.map(|image| image.strip_prefix("sha256:").unwrap_or(image));
    digits.map_or(dash(), |digits| digits.chars().take(12).collect())
}

fn hook(component: &ComponentStatus) -> String {
    match (component.hook.there, component.hook.here) {
        (Some(there), Some(here)) if there != here => format!("{there}, here {here}"),
        (Some(there), _) => there.to_string(),
        (None, _) => dash(),
    }
}

fn secrets(component: &ComponentStatus) -> String {
    let all = component.secrets.len();
    let unseen = component.unseen;
    match (component.drifts, component.others) {
        _ if all == 0 => dash(),
        (_, 0) if unseen > 0 => format!("{unseen} of {all} ?"),
        (None, _) => all.to_string(),
        (Some(_), 0) => format!("{all} newest"),
        (Some(_), others) if unseen > 0 => format!("{others} of {all} differ, {unseen} ?"),
        (Some(_), others) => format!("{others} of {all} differ"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::status::Numbers;

    fn component(number: usize) -> ComponentStatus {
        ComponentStatus {
            component: format!("c{number}"),
            state: State::Runs,
            since: None,
            restarts: None,
            container: None,
            image: None,
            deploy: None,
            hook: Numbers::default(),
            secrets: BTreeMap::new(),
            others: 0,
            unseen: 0,
            drifts: None,
            answers: None,
        }
    }

    fn fleet(hosts: usize, reachable: impl Fn(usize) -> bool) -> Vec<HostStatus> {
        let host = |number| HostStatus {
            name: format!("h{number}"),
            scope: "prod".into(),
            reachable: reachable(number),
            space: Vec::new(),
            components: (0..3).map(component).collect(),
        };
        (0..hosts).map(host).collect()
    }

    #[test]
    fn of_a_large_fleet_those_are_rows_of_which_something_is_to_be_said() {
        let (large, small) = (fleet(44, |number| number % 2 == 0), fleet(7, |n| n > 0));
        let said = BTreeSet::from(["h2/c1", "h1", "h3"]);
        let (rows_of, well, down) = rows(&large, &said, false);
        // Half of the hosts are down, and of the others one component is not well.
        let names: Vec<_> = rows_of.iter().map(|row| (&*row[0], &*row[1])).collect();
        assert_eq!(names, [("h2", "c1")]);
        assert_eq!((well, down), (65, 22));
        // All of it is to be had, and a small fleet is shown whole.
        assert_eq!(rows(&large, &said, true).0.len(), 132);
        assert_eq!(rows(&small, &said, false).0.len(), 21);
    }
}
