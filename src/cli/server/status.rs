//! `clws server status`: how the server is, and who one is there.

use clap::Args;
use serde_json::{Value, json};

use super::ServerArgs;
use super::login::lasting;
use crate::cli::context::Context;
use crate::cli::runtime::runtime;
use crate::error::Error;
use crate::server::{Client, Health, Limits, Origin, ServerError, Session, token_of, way_of};
use crate::text::{clean_line, list};

/// Show how the server is, and whether you are logged in
///
/// Each node is asked without a token. Of your token it shows whose it is, what it may and how long it
/// lasts, never the token.
#[derive(Args, Debug)]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    server: ServerArgs,
}

pub(super) fn run(args: &StatusArgs, cx: &Context) -> Result<(), Error> {
    let settings = args.server.settings(cx)?;
    let asking = Client::new(&settings, Limits::default(), None)?;
    let by_environment = token_of(&cx.world)?.map(|token| (token, Origin::Environment));
    let logs_in = by_environment.is_none() && way_of(&cx.world)?.is_some();
    let token = match by_environment {
        None if !logs_in => {
            let kept = ServerArgs::kept(cx, &settings).read()?;
            kept.map(|token| (token, Origin::Keyring))
        }
        found => found,
    };
    let (nodes, login) = runtime()?.block_on(async {
        let mut nodes = Vec::new();
        for node in settings.cluster.nodes() {
            nodes.push((node.to_string(), asking.health(node).await));
        }
        let login = match token {
            None => None,
            Some((token, origin)) => Some(
                Session::with_token(&settings, token, origin)
                    .await
                    .map(|(session, about)| (session.origin(), about)),
            ),
        };
        (nodes, login)
    });
    if cx.ui.is_json() {
        let nodes: Vec<Value> = nodes.iter().map(node_json).collect();
        let login = match &login {
            Some(Ok((origin, about))) => json!({
                "name": about.display_name, "policies": about.policies, "seconds": about.ttl,
                "renewable": about.renewable, "token": word(*origin),
            }),
            _ => Value::Null,
        };
        cx.ui.json(&json!({ "nodes": nodes, "login": login }))?;
    } else {
        let rows: Vec<Vec<String>> = nodes.iter().map(row).collect();
        cx.ui
            .table(&["NODE", "STATE", "VERSION", "CLUSTER"], rows)?;
    }
    match login {
        Some(Ok((origin, about))) => cx.ui.say(&format!(
            "you are {} by the token of the {}, {}{}; policies: {}",
            clean_line(&about.display_name),
            word(origin),
            lasting(about.ttl),
            if about.renewable { ", renewable" } else { "" },
            clean_line(&list(&about.policies))
        )),
        Some(Err(error)) => return Err(error.into()),
        None if logs_in => cx
            .ui
            .say("each run logs in by the environment, and out again"),
        None => cx.ui.say("you are not logged in"),
    }
    match nodes.into_iter().find_map(|(_, health)| health.err()) {
        Some(error) => Err(error.into()),
        None => Ok(()),
    }
}

fn word(origin: Origin) -> &'static str {
    match origin {
        Origin::Environment => "environment",
        Origin::Keyring => "keyring",
        Origin::Run => "run",
    }
}

fn state(health: &Health) -> &'static str {
    match (health.initialized, health.sealed, health.standby) {
        (false, _, _) => "not initialized",
        (_, true, _) => "sealed",
        (_, _, true) => "standby",
        _ => "active",
    }
}

fn row((address, health): &(String, Result<Health, ServerError>)) -> Vec<String> {
    let cells = match health {
        Ok(health) => [state(health), &health.version, &health.cluster_name],
        Err(_) => ["not reached", "", ""],
    };
    std::iter::once(address.clone())
        .chain(cells.map(clean_line))
        .collect()
}

fn node_json((address, health): &(String, Result<Health, ServerError>)) -> Value {
    match health {
        Ok(health) => json!({
            "address": address, "state": state(health), "version": health.version,
            "cluster": health.cluster_name,
        }),
        Err(error) => {
            json!({ "address": address, "state": "not reached", "error": error.to_string() })
        }
    }
}
