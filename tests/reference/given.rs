//! What each component of the reference is given in `test`, by the table of CodaLab's facts, and what it
//! has, seen from outside.

use std::collections::{BTreeMap, BTreeSet};

use crate::host::Host;
use crate::support::lab::contains;
use crate::town::{SERVER, Town, WORKER};

/// The components in the order of their start, where each runs, and what it is given.
pub(crate) const GIVEN: [(&str, &str, &[&str]); 8] = [
    (
        "mysql",
        SERVER,
        &["mysql/CODALAB_MYSQL_PASSWORD", "mysql/ROOT_PASSWORD"],
    ),
    ("ws-server", SERVER, &[]),
    (
        "rest-server",
        SERVER,
        &[
            "azure/BLOB_CONNECTION_STRING",
            "codalab/PASSWORD",
            "email/PASSWORD",
            "gcp/bundles.json",
            "mysql/CODALAB_MYSQL_PASSWORD",
            "rest-server/RECAPTCHA_SECRET_KEY",
            "rest-server/SECRET_KEY",
            "rest-server/SENTRY_INGEST_URL",
        ],
    ),
    (
        "bundle-manager",
        SERVER,
        &[
            "azure/BLOB_CONNECTION_STRING",
            "gcp/bundles.json",
            "mysql/CODALAB_MYSQL_PASSWORD",
        ],
    ),
    ("frontend", SERVER, &[]),
    ("nginx", SERVER, &["tls/codalab.crt", "tls/codalab.key"]),
    (
        "monitor",
        SERVER,
        &[
            "codalab/PASSWORD",
            "email/PASSWORD",
            "mysql/CODALAB_MYSQL_PASSWORD",
        ],
    ),
    ("worker", WORKER, &["codalab/PASSWORD"]),
];

/// Every value of `test` by its name.
pub(crate) fn values(town: &Town) -> BTreeMap<&'static str, String> {
    let names: BTreeSet<&str> = GIVEN
        .iter()
        .flat_map(|(_, _, given)| *given)
        .copied()
        .collect();
    names
        .into_iter()
        .map(|name| (name, town.value(name)))
        .collect()
}

/// What a component may have.
pub(crate) fn given(component: &str) -> BTreeSet<&'static str> {
    let row = GIVEN.iter().find(|(name, _, _)| *name == component);
    row.map(|(_, _, given)| given.iter().copied().collect())
        .unwrap_or_default()
}

/// The values that a running container has: in the environment of its first process, or in what is mounted
/// into it out of a deploy's folder.
pub(crate) fn has<'v>(
    host: &Host,
    container: &str,
    values: &BTreeMap<&'v str, String>,
) -> BTreeSet<&'v str> {
    let engine = host.engine();
    let pid = engine.of(container, "{{.State.Pid}}");
    let mounted = engine.of(container, "{{range .Mounts}}{{.Source}} {{end}}");
    let folders = mounted.split(' ').filter(|source| source.contains("/clws"));
    let folders: Vec<&str> = folders.collect();
    let script = format!(
        "cat /proc/{pid}/environ; [ -z '{0}' ] || find {0} -type f -exec cat {{}} +",
        folders.join(" ")
    );
    let all = host.sh(&script);
    let has = values
        .iter()
        .filter(|(_, value)| contains(all.as_bytes(), value.trim().as_bytes()));
    has.map(|(name, _)| *name).collect()
}

/// The values that a stand-in's process proves to have, without saying one: the sum of a nonce and each.
pub(crate) fn proves<'v>(
    host: &Host,
    container: &str,
    values: &BTreeMap<&'v str, String>,
) -> BTreeSet<&'v str> {
    let address = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
    let address = host.engine().of(container, address);
    let nonce = clws::crypto::hex(&clws::crypto::sha256(
        format!("{:?}", std::time::Instant::now()).as_bytes(),
    ));
    let said = host.sh(&format!(
        "busybox wget -q -O - http://{address}:2999/{nonce}"
    ));
    let sums: BTreeSet<String> = serde_json::from_str(&said).unwrap();
    let proof = |value: &str| {
        clws::crypto::hex(&clws::crypto::sha256(format!("{nonce}{value}").as_bytes()))
    };
    let proven = values
        .iter()
        .filter(|(_, value)| sums.contains(&proof(value)));
    proven.map(|(name, _)| *name).collect()
}
