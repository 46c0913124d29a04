//! `clws deploy --stop`: takes away what was deployed.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;

use serde_json::json;

use super::table::MANY;
use super::{Asked, Beside, DeployArgs, with_run};
use crate::cli::context::Context;
use crate::deploy::{Brings, Stopped, is_interruption};
use crate::error::{Code, Error};
use crate::fleet::Host;
use crate::hook::{HookError, components};
use crate::name::Component;
use crate::text::{by_number, count, list, ranges};
use crate::vault::Vault;

/// What became of a component on a host, or of all that was to be stopped there.
struct Ended {
    host: String,
    component: Option<Component>,
    /// None where nothing was there to stop, or it was stopped.
    error: Option<serde_json::Value>,
    result: String,
}

pub(super) fn run(
    args: &DeployArgs,
    cx: &Context,
    vault: &Vault,
    hosts: &[Host],
) -> Result<ExitCode, Error> {
    let what = match args.components.as_slice() {
        [] => "all that was deployed".to_owned(),
        some => list(some),
    };
    if args.dry_run {
        if hosts.len() > MANY && !cx.ui.is_verbose() {
            let names: Vec<&str> = hosts.iter().map(|host| host.name.as_str()).collect();
            let (many, names) = (count(hosts.len(), "host"), ranges(&names));
            cx.ui.say(&format!("stops {what} on {many}, {names}"));
            return Ok(ExitCode::SUCCESS);
        }
        for host in hosts {
            cx.ui.say(&format!("stops {what} on {}", host.name));
        }
        return Ok(ExitCode::SUCCESS);
    }
    let where_to = match hosts.len() {
        0..=MANY => args.on.clone(),
        many => format!("{}, {}", args.on, count(many, "host")),
    };
    cx.ui.confirm(&format!("stop {what} on {where_to}?"))?;
    let asked = Asked {
        brings: Brings::There,
        parallel: args.parallel,
        hosts: hosts.len(),
        record: None,
        beside: &Beside::new(cx),
    };
    let rows: RefCell<Vec<Ended>> = RefCell::default();
    let failed = with_run(cx, vault, &asked, async |run, live| {
        run.stop(hosts, &args.components, |host, ended| {
            let mut row = Ended {
                host: host.name.to_string(),
                component: None,
                error: None,
                result: "stopped".to_owned(),
            };
            let line = match ended {
                Ok(Stopped::One(component)) => {
                    row.component = Some(component.clone());
                    format!("stopped {component} on {}", host.name)
                }
                Ok(Stopped::Nothing) => {
                    "absent".clone_into(&mut row.result);
                    format!("nothing of it runs on {}", host.name)
                }
                Err(error) => {
                    live.error(error);
                    row.error = Some(error.to_json());
                    row.result = format!("failed ({})", error.code().name());
                    String::new()
                }
            };
            if row.error.is_none() && live.tells_each() {
                live.say(&line);
            }
            rows.borrow_mut().push(row);
        })
        .await
    })?;
    let mut rows = rows.into_inner();
    rows.sort_by(|a, b| by_number(&a.host, &b.host).then_with(|| a.component.cmp(&b.component)));
    // What could not be stopped counts for more than what could not be printed.
    match print(cx, &rows) {
        Err(error) if failed.is_empty() => return Err(error),
        Err(error) => cx.ui.warn_of(&error),
        Ok(()) => {}
    }
    // What has no hook any more can be stopped all the same.
    let all = components(vault.tree())?;
    let stopped: BTreeSet<_> = rows
        .iter()
        .filter_map(|row| row.component.as_ref())
        .collect();
    let is_nothing = |name: &&Component| !all.contains(name) && !stopped.contains(*name);
    for component in args.components.iter().filter(is_nothing) {
        cx.ui.warn_of(&HookError::missing(component, &all).into());
    }
    let signal = failed.iter().find(|error| is_interruption(error));
    Ok(match (signal, failed.first()) {
        (Some(error), _) => error.code().into(),
        (None, None) => ExitCode::SUCCESS,
        (None, Some(error)) if failed.len() == hosts.len() => error.code().into(),
        (None, Some(_)) => Code::Partial.into(),
    })
}

/// The rows as JSON; for people, of many hosts, how many came out alike.
fn print(cx: &Context, rows: &[Ended]) -> Result<(), Error> {
    if cx.ui.is_json() {
        let row = |row: &Ended| {
            let component = row.component.as_ref().map_or("-", Component::as_str);
            json!({ "host": row.host, "component": component, "result": row.result,
                    "error": row.error })
        };
        let rows: Vec<_> = rows.iter().map(row).collect();
        return cx.ui.json(&json!({ "rows": rows }));
    }
    let hosts: BTreeSet<&str> = rows.iter().map(|row| &*row.host).collect();
    if hosts.len() <= MANY {
        return Ok(());
    }
    let mut alike: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for row in rows {
        let what = match &row.component {
            Some(component) => format!("{} {component}", row.result),
            None => row.result.clone(),
        };
        alike.entry(what).or_default().insert(&row.host);
    }
    for (what, hosts) in alike {
        let hosts: Vec<&str> = hosts.into_iter().collect();
        let (many, names) = (count(hosts.len(), "host"), ranges(&hosts));
        cx.ui.say(&format!("{what} on {many}: {names}"));
    }
    Ok(())
}
