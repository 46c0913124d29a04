//! `clws status --report`: what is due, by owner.

use serde_json::json;

use super::StatusArgs;
use super::notify::{Desk, owner_of};
use crate::cli::context::{Context, as_openers};
use crate::cli::usage;
use crate::error::Error;
use crate::fs::Sync;
use crate::identity::Config;
use crate::name::Scope;
use crate::status::alarm::{Message, Told};
use crate::status::{OwnerStatus, Report};
use crate::text::count;
use crate::vault::Reader;

/// What was told about is the work list, and not a look at hosts.
const LOOK: &str = "report ";

pub(super) fn run(args: &StatusArgs, cx: &Context) -> Result<(), Error> {
    let channel = args.notify.channel()?;
    let vault = cx.trusted_vault()?;
    vault.demand_pin()?;
    let mail = Config::read(&cx.world)?.mail;
    let known = mail.map(|mail| mail.owners).unwrap_or_default();
    let report = Report::of(&vault, &scopes(args)?, &known)?;
    for fault in &report.faults {
        cx.ui.warn(&fault.message());
    }
    // Who is told by mail is told, whatever becomes of the output here.
    let printed = if cx.ui.is_json() {
        cx.ui
            .json(&serde_json::to_value(&report).unwrap_or_default())
    } else {
        print(cx, &report)
    };
    let Some(channel) = channel else {
        return printed;
    };
    let bundles = cx.bundles_for(&vault)?;
    let mine = cx.openers(&vault, &bundles);
    let reader = Reader::new(&vault, as_openers(&mine), "status", Sync::Disk)?;
    let desk = Desk::new(cx, &vault, &reader, &channel)?;
    let mut told = desk.told(&format!("{LOOK}{}", args.on.as_deref().unwrap_or_default()))?;
    let mut failed = printed.err();
    for owner in &report.owners {
        // One whose mail is refused keeps nobody else from theirs.
        if let Err(error) = tell(&desk, args, &mut told, owner)
            && let Some(before) = failed.replace(error)
        {
            cx.ui.warn_of(&before);
        }
    }
    for notice in reader.take_notices() {
        cx.ui.warn(&notice);
    }
    failed.map_or(Ok(()), Err)
}

fn print(cx: &Context, report: &Report) -> Result<(), Error> {
    let mut values = 0;
    for owner in &report.owners {
        let who = owner_of(owner.owner.as_deref());
        let to = match owner.mail.is_empty() {
            true => String::new(),
            false => format!(", {}", owner.mail.join(", ")),
        };
        cx.ui.line(&format!("{who}{to}:"))?;
        for due in owner.lines() {
            due.lines().try_for_each(|line| cx.ui.line(line))?;
        }
        values += owner.due.len();
    }
    let owners = count(report.owners.len(), "owner");
    cx.ui
        .say(&format!("{owners}: {} due", count(values, "value")));
    Ok(())
}

/// Tells one owner, unless that was done this week.
fn tell(
    desk: &Desk<'_>,
    args: &StatusArgs,
    told: &mut Told,
    owner: &OwnerStatus,
) -> Result<(), Error> {
    let (about, name) = (desk.about(args), owner.owner.as_deref());
    let who = owner_of(name);
    if !told.is_report_due(name.unwrap_or_default(), about.at)? {
        desk.cx.ui.say(&format!("{who} was told within a week"));
        return Ok(());
    }
    let facts = json!({ "owner": name, "mail": owner.mail, "due": owner.due });
    let message = Message::of_report(&about, name, &owner.lines(), facts);
    let others = desk.mail.as_ref().map_or(&[][..], |mail| &mail.to);
    let to = match owner.to() {
        [] => others,
        own => own,
    };
    desk.tell(&message, to)?;
    told.note_report(name.unwrap_or_default(), about.at)
}

/// The environments that are asked about; none for all. What is due lies in them and not on hosts.
fn scopes(args: &StatusArgs) -> Result<Vec<Scope>, Error> {
    let Some(on) = &args.on else {
        return Ok(Vec::new());
    };
    let each = on.split(',').map(|name| name.trim().parse());
    let scopes: Result<_, _> = each.collect();
    scopes.map_err(|_| usage("`--report` is about environments, such as `prod`").into())
}
