//! The end of a component on a target: nothing of it runs or lies there any more.

use super::boot;
use super::leases::{self, Leases};
use crate::deploy::target::{Target, leftover, process};
use crate::error::Error;
use crate::name::Component;
use crate::vault::Vault;

/// Stops what a receipt speaks of and what a killed run left, and forgets it. A container that only
/// has the name of its own stays, with a warning. Gives whether there was anything.
pub(in crate::deploy) async fn stop(
    vault: &Vault,
    target: &Target,
    component: &Component,
    leases: &Leases<'_>,
    warn: &dyn Fn(&str),
) -> Result<bool, Error> {
    let found = leftover::look(target, component).await?;
    let receipt = found.receipt.as_ref();
    if let Some(receipt) = receipt {
        target.demand_own(vault, component, receipt)?;
    }
    let lent = match receipt {
        Some(receipt) => leases::of_receipt(target, receipt).await?,
        None => Vec::new(),
    };
    let mut names: Vec<&str> = found.containers().map(|(_, name)| name.as_str()).collect();
    if let Some(receipt) = receipt {
        if let Some(process) = &receipt.process {
            process::stop(target, process, &receipt.place).await?;
        }
        names.extend(receipt.container.as_deref());
    }
    names.sort_unstable();
    names.dedup();
    let had_containers = !names.is_empty();
    for name in names {
        let engine = target.engine().await?;
        for other in engine
            .stop_and_remove(name, &target.whose(component))
            .await?
        {
            warn(&format!(
                "the container `{other}` on {} is not one that was deployed as {component}, and stays",
                target.host.name
            ));
        }
    }
    if had_containers
        && let Err(error) = target
            .engine()
            .await?
            .remove_empty_networks(target.vault())
            .await
    {
        let why = Error::from(error).message();
        warn(&format!(
            "networks may be left on {}: {why}",
            target.host.name
        ));
    }
    leftover::clear(target, component, &[], None).await?;
    boot::forget(target, component).await?;
    target.remove_receipt(component).await?;
    leases.end_old(lent).await;
    Ok(found.receipt.is_some() || found.is_more_than(&[]))
}
