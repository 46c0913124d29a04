//! The certificates that are really shown where a component is asked over TLS, beside those that were
//! placed for it.
//!
//! What was placed is read on the host, certificates alone, so no key of the vault is needed for it. A
//! server that could not read a new pair goes on with the old one and says so in its own log alone.

use std::collections::BTreeMap;

use tokio_rustls::rustls::client::verify_server_name;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::server::ParsedCertificate;

use super::answers::ServedSeen;
use super::asked::Asker;
use super::drift::Drift;
use crate::channel::Command;
use crate::deploy::bring::asking::Asking;
use crate::deploy::bring::place::fill;
use crate::deploy::plan::ComponentPlan;
use crate::deploy::receipt::Receipt;
use crate::hook::Probe;
use crate::plaintext::certificate::{Certificate, certificates};
use crate::text::clean_line;

/// Prints a line for each file that the arguments name, then the certificates in it: of a key nothing
/// leaves the host.
const PLACED: &str = r#"
for file; do
    echo :
    [ ! -f "$file" ] || head -c 65536 -- "$file" |
        sed -n '/^-----BEGIN CERTIFICATE-----/,/^-----/p'
done
"#;

/// Chains of a few files.
const MAX_PLACED: usize = 1 << 20;

/// The port of HTTPS in a container.
const HTTPS: &str = "443";

/// A certificate in a file of a component.
struct Placed {
    /// The secret, as the hook writes it.
    secret: String,
    /// The server's own.
    leaf: Vec<u8>,
}

impl Asker<'_> {
    /// Looks at each place where a probe speaks TLS; without any, where a container that has a certificate
    /// publishes HTTPS.
    pub(super) async fn served(
        &self,
        around: Asking<'_>,
        receipt: &Receipt,
        drift: &Drift,
    ) -> Vec<ServedSeen> {
        let probes = around.plan.hook.hook.probe.iter();
        let asked: Vec<(&Probe, String, String)> = probes
            .filter_map(|probe| {
                let (name, address) = around.secure_place(probe).ok()??;
                Some((probe, name, address))
            })
            .collect();
        let placed = placed(around, receipt).await;
        let mut all: BTreeMap<(String, String), ServedSeen> = BTreeMap::new();
        for (probe, name, address) in asked {
            let pinned = probe.certificate.as_ref().and_then(|c| c.secret.clone());
            let Some(mut seen) = look(around, &placed, &name, &address, pinned.as_deref()).await
            else {
                continue;
            };
            seen.is_probed = pinned.is_some() && !probe.on_call;
            // Placed by another component, it is what this vault has.
            if let (Some(secret), None) = (&pinned, seen.is_placed) {
                self.compare_with_vault(around, secret, &mut seen).await;
            }
            all.entry((name, address))
                .and_modify(|one| {
                    if one.is_placed.is_none() {
                        one.is_placed = seen.is_placed;
                        one.secret.clone_from(&seen.secret);
                    }
                    one.is_probed |= seen.is_probed;
                })
                .or_insert(seen);
        }
        if all.is_empty() {
            for (name, address) in published(around, &placed) {
                if let Some(seen) = look(around, &placed, &name, &address, None).await {
                    all.insert((name, address), seen);
                }
            }
        }
        let mut all: Vec<ServedSeen> = all.into_values().collect();
        for seen in &mut all {
            let secret = seen.secret.as_ref();
            seen.has_newer = drift.other_names().any(|other| Some(other) == secret);
        }
        all
    }

    /// Compares with the vault's own, as far as it can be opened here.
    async fn compare_with_vault(&self, around: Asking<'_>, secret: &str, seen: &mut ServedSeen) {
        let Ok(opened) = self.open(around.plan, |name| name == secret).await else {
            return;
        };
        let with = Asking {
            opened: &opened,
            ..around
        };
        if let (Ok(wanted), Ok(served)) = (
            with.leaf_of(secret),
            around.served(&seen.name, &seen.address).await,
        ) {
            seen.is_placed = Some(wanted == served);
            seen.secret = full(around.plan, secret);
        }
    }
}

/// Looks at one place; nothing where no certificate is shown, which its probe says.
async fn look(
    around: Asking<'_>,
    placed: &[Placed],
    name: &str,
    address: &str,
    pinned: Option<&str>,
) -> Option<ServedSeen> {
    let served = around.served(name, address).await.ok()?;
    let read = Certificate::parse(&served)?;
    let meant: Vec<&Placed> = placed
        .iter()
        .filter(|placed| match pinned {
            Some(secret) => placed.secret == secret,
            None => is_for(&placed.leaf, name),
        })
        .collect();
    let same = meant.iter().find(|placed| placed.leaf == served);
    let secret = same.or(meant.first());
    Some(ServedSeen {
        name: clean_line(name),
        address: clean_line(address),
        subject: clean_line(&read.subject),
        until: read.not_after,
        secret: secret.and_then(|placed| full(around.plan, &placed.secret)),
        is_placed: (!meant.is_empty()).then_some(same.is_some()),
        has_newer: false,
        is_probed: false,
    })
}

/// The full name of a secret of the vault.
fn full(plan: &ComponentPlan, secret: &str) -> Option<String> {
    plan.secrets.get(secret).map(|(full, _)| full.to_string())
}

/// Whether a certificate is for a name (RFC 6125, by the rules of the Web's PKI).
fn is_for(leaf: &[u8], name: &str) -> bool {
    let leaf = CertificateDer::from(leaf);
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    let (Ok(parsed), Ok(name)) = (
        ParsedCertificate::try_from(&leaf),
        ServerName::try_from(bare),
    ) else {
        return false;
    };
    verify_server_name(&parsed, &name).is_ok()
}

/// Reads the certificates of the component's own files on the host.
async fn placed(around: Asking<'_>, receipt: &Receipt) -> Vec<Placed> {
    let files = around.plan.hook.hook.file.iter();
    let secrets: Vec<(&String, String)> = files
        .filter_map(|(path, file)| Some((file.secret.as_ref()?, placed_at(receipt, path)?)))
        .collect();
    if secrets.is_empty() {
        return Vec::new();
    }
    let mut command = Command::new(PLACED).output_cap(MAX_PLACED);
    command.arguments = secrets.iter().map(|(_, path)| path.clone()).collect();
    let Ok(outcome) = around.channel.run(&command).await else {
        return Vec::new();
    };
    let text = String::from_utf8_lossy(&outcome.out);
    let texts = text.split(":\n").skip(1);
    let read = secrets.into_iter().zip(texts);
    read.filter_map(|((secret, _), text)| {
        Some(Placed {
            secret: secret.clone(),
            leaf: certificates(text).into_iter().next()?,
        })
    })
    .collect()
}

/// Where a file of a component lies on the host.
fn placed_at(receipt: &Receipt, path: &str) -> Option<String> {
    let place = &receipt.place;
    let number = receipt.files.keys().position(|file| file == path)?;
    Some(match (&receipt.container, path.starts_with('/')) {
        (Some(_), true) => format!("{place}/files/{number}"),
        (Some(_), false) => format!("{place}/mount/{path}"),
        (None, _) => format!("{place}/{path}"),
    })
}

/// Where a container publishes HTTPS, with the names that its certificates are for.
fn published(around: Asking<'_>, placed: &[Placed]) -> Vec<(String, String)> {
    let container = around.plan.hook.hook.container.iter();
    let ports = container.flat_map(|container| &container.ports);
    let ports = ports.filter_map(|port| fill(around.plan, around.names, port).ok());
    let addresses = ports.filter_map(|port| {
        let (rest, inside) = port.rsplit_once(':')?;
        let (address, outside) = rest.rsplit_once(':')?;
        let address = match address {
            "0.0.0.0" => "127.0.0.1",
            "[::]" => "[::1]",
            address => address,
        };
        (inside == HTTPS).then(|| format!("{address}:{outside}"))
    });
    let names = placed.iter().filter_map(|placed| {
        let subject = Certificate::parse(&placed.leaf)?.subject;
        ServerName::try_from(subject.as_str())
            .is_ok()
            .then_some(subject)
    });
    let names: Vec<String> = names.collect();
    addresses
        .flat_map(|address| {
            names
                .iter()
                .map(move |name| (name.clone(), address.clone()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_what_was_placed_certificates_alone_leave_the_host() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        let dev = include_str!("../../../tests/fixtures/certs/certs/tls/dev/codalab.crt");
        let key = "-----BEGIN PRIVATE KEY-----\nTHEKEY\n-----END PRIVATE KEY-----\n";
        let cut = "-----BEGIN CERTIFICATE-----\nMIIB\n";
        for (name, text) in [
            ("both", format!("{key}{dev}{key}")),
            ("key", key.to_owned()),
            ("cut", format!("{cut}{key}")),
            ("bare", "THEKEY".to_owned()),
        ] {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let names = ["key", "both", "gone", "cut", "bare"].map(path);
        let mut command = std::process::Command::new("sh");
        let output = command.args(["-c", PLACED, "sh"]).args(names).output();
        let text = String::from_utf8(output.unwrap().stdout).unwrap();
        assert!(!text.contains("THEKEY"), "{text}");
        let texts: Vec<&str> = text.split(":\n").skip(1).collect();
        assert_eq!(texts.len(), 5);
        assert_eq!(certificates(texts[1]), certificates(dev));
        assert!(texts[0].is_empty() && certificates(texts[3]).is_empty());
    }

    #[test]
    fn a_certificate_is_for_its_names_alone() {
        let dev = include_str!("../../../tests/fixtures/certs/certs/tls/dev/codalab.crt");
        let leaf = certificates(dev).remove(0);
        let subject = Certificate::parse(&leaf).unwrap().subject;
        assert!(is_for(&leaf, &subject), "{subject}");
        for other in ["other.example", "", "[::1]", "not a name"] {
            assert!(!is_for(&leaf, other), "{other}");
        }
        assert!(!is_for(b"rubbish", &subject));
    }
}
