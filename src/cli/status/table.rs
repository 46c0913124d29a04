//! A status for people: a line for each component on each host, then what is to be done.

use crate::cli::ui::Ui;
use crate::error::Error;
use crate::status::{
    AnswersStatus, ComponentStatus, Finding, HostStatus, SpaceStatus, State, Status,
};
use crate::text::count;

/// More notes than this are counted and not shown to people.
const MANY: usize = 20;

/// What ends within so many days is named.
const SOON: i64 = 90;

/// Prints a status.
pub(super) fn print(ui: &Ui, status: &Status) -> Result<(), Error> {
    let mut rows: Vec<Vec<String>> = status.hosts.iter().flat_map(rows_of).collect();
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
        ui.table(head.get(..columns).unwrap_or(&head), &rows)?;
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
    for finding in &wrong {
        print_finding(ui, finding, finding.kind.as_str())?;
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

fn rows_of(host: &HostStatus) -> Vec<Vec<String>> {
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
        return vec![row([dash(), state, dash(), dash(), dash(), dash()])];
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
            row
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
