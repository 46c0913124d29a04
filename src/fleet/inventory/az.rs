//! What `az vm list -d -o json` prints: a list of machines, with addresses as texts.

use serde::Deserialize;

use super::Listed;
use crate::plaintext::Fault;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Machine {
    name: String,
    #[serde(default)]
    public_ips: Option<String>,
    #[serde(default)]
    private_ips: Option<String>,
    #[serde(default)]
    os_profile: Option<OsProfile>,
    #[serde(default)]
    storage_profile: Option<StorageProfile>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OsProfile {
    #[serde(default)]
    admin_username: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StorageProfile {
    #[serde(default)]
    os_disk: Option<OsDisk>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OsDisk {
    #[serde(default)]
    os_type: Option<String>,
}

pub(super) fn read(text: &str) -> Result<Vec<Listed>, Fault> {
    let machines: Vec<Machine> = serde_json::from_str(text)
        .map_err(|error| Fault::at(error.line(), "a machine without a name, or no list"))?;
    Ok(machines.into_iter().map(listed).collect())
}

fn listed(machine: Machine) -> Listed {
    // A machine with several addresses has them in one text.
    let first = |ips: Option<String>| {
        let ips = ips?;
        let ip = ips.split(',').map(str::trim).find(|ip| !ip.is_empty())?;
        Some(ip.to_owned())
    };
    let private = first(machine.private_ips);
    let mut odd = Vec::new();
    let public = first(machine.public_ips);
    if public.is_none() && private.is_none() {
        odd.push("an address (`az vm list` without `-d` shows none)".to_owned());
    }
    let system = machine
        .storage_profile
        .and_then(|profile| profile.os_disk?.os_type);
    Listed {
        name: machine.name,
        address: public.or_else(|| private.clone()),
        private_address: private,
        user: machine
            .os_profile
            .and_then(|profile| profile.admin_username),
        odd,
        unfit: system
            .filter(|system| system.eq_ignore_ascii_case("windows"))
            .map(|_| "it runs Windows".to_owned()),
        ..Listed::default()
    }
}
