//! What only shows when all sources are seen together, and what a look into one shows.
//!
//! Values are compared by a fingerprint under a key that lives as long as the run: nothing of them
//! is kept, and nothing that could be tried against guesses is written down.

use std::collections::{BTreeSet, HashMap};

use ring::hmac;

use crate::error::Error;
use crate::plaintext::certificate::Certificate;
use crate::plaintext::private_key::{PrivateKey, Protection};
use crate::plaintext::{Block, Finding, Kind, Matter, Node, Read, blocks, looks_random, suspect};
use crate::text::{clean_line, list};
use crate::time::Moment;
use crate::world::World;

use super::plan::{Action, Item};

/// Soon enough to be told at an import: the time that a team needs to get a certificate.
const SOON_DAYS: i64 = 30;

/// Larger files are nobody's password.
const LONGEST_VALUE: usize = 4096;

type Fingerprint = [u8; 32];

/// What was seen in one source.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Fingerprints, with the name of the value; none for all of the file.
    values: Vec<(Fingerprint, Option<String>)>,
    certificates: Vec<Certificate>,
    /// The public halves of private keys, where they can be told.
    keys: Vec<Vec<u8>>,
    /// What is found only about values that have a name by then.
    told: Vec<(Matter, String)>,
}

/// All that was seen, source by source.
pub(super) struct Survey {
    key: hmac::Key,
    now: Moment,
    seen: Vec<Seen>,
}

impl Survey {
    pub(super) fn new(world: &World) -> Result<Self, Error> {
        let key: [u8; 32] = world.random()?;
        Ok(Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, &key),
            now: world.now(),
            seen: Vec::new(),
        })
    }

    pub(super) fn add(&mut self, seen: Seen) {
        self.seen.push(seen);
    }

    fn fingerprint(&self, value: &[u8]) -> Fingerprint {
        let mut out = [0; 32];
        out.copy_from_slice(hmac::sign(&self.key, value).as_ref());
        out
    }

    /// Looks into a file that is no file of values, or not only that.
    pub(super) fn look(
        &self,
        kind: Kind,
        whole: &[u8],
        mode: u32,
        findings: &mut Vec<Finding>,
    ) -> Seen {
        let mut seen = Seen::default();
        let bare = whole.trim_ascii_end();
        if kind.format().is_none() && !kind.is_public() && (6..LONGEST_VALUE).contains(&bare.len())
        {
            seen.values.push((self.fingerprint(bare), None));
        }
        let text = std::str::from_utf8(whole).unwrap_or_default();
        match kind {
            Kind::PrivateKey
            | Kind::SshKey
            | Kind::PemBundle
            | Kind::Certificate
            | Kind::PublicKey => {
                let blocks = blocks(text);
                for block in &blocks {
                    self.block(block, &mut seen, findings);
                }
                if blocks.is_empty() && kind == Kind::Certificate {
                    seen.certificates.extend(Certificate::parse(whole));
                }
                for certificate in &seen.certificates {
                    self.dates(certificate, findings);
                }
            }
            Kind::Pkcs12 => findings.push(Finding::new(
                Matter::Passphrase,
                "is under a passphrase; seal that too, as a value of its own",
            )),
            Kind::Script | Kind::Text => {
                let lines = suspect::embedded(text);
                if !lines.is_empty() {
                    let text = match kind {
                        Kind::Script => {
                            "a credential inside a script; give it to the script by `clws exec` instead"
                        }
                        _ => "a credential inside free text; make it a value of its own",
                    };
                    findings.push(Finding::new(Matter::Embedded, text).at(lines));
                }
            }
            Kind::File if is_text(whole) => findings.push(Finding::new(
                Matter::NotUtf8,
                "is text and not UTF-8; sealed as it is, and better rewritten as UTF-8",
            )),
            Kind::Netrc | Kind::Pgpass => findings.push(Finding::new(
                Matter::Embedded,
                "holds passwords for programs that read it; give it to them by `clws exec --file`",
            )),
            _ => {}
        }
        let private = matches!(
            kind,
            Kind::PrivateKey
                | Kind::SshKey
                | Kind::PemBundle
                | Kind::Pkcs12
                | Kind::Netrc
                | Kind::Pgpass
        );
        if private && mode & 0o077 != 0 {
            let text = format!(
                "had mode {mode:04o}, so others on the machine could read it; give it a new value, and 0600"
            );
            findings.push(Finding::new(Matter::OpenMode, text));
        }
        seen
    }

    fn block(&self, block: &Block, seen: &mut Seen, findings: &mut Vec<Finding>) {
        let damaged = || {
            let text = "a PEM block that is cut off or damaged; sealed as it is";
            Finding::new(Matter::Damaged, text).at([block.line])
        };
        if block.is_private() {
            let Some(key) = PrivateKey::of(block) else {
                findings.push(damaged());
                return;
            };
            let found = match key.protection {
                Protection::None => None,
                Protection::Passphrase => Some((
                    Matter::Passphrase,
                    "is under a passphrase; seal that too, as a value of its own",
                )),
                Protection::Weak => Some((
                    Matter::WeakEncryption,
                    "its passphrase is stretched by MD5 alone; write it again with `openssl pkcs8 -topk8`, or without one now that it is sealed",
                )),
            };
            findings
                .extend(found.map(|(matter, text)| Finding::new(matter, text).at([block.line])));
            seen.keys.extend(key.public_key);
        } else if block.label.ends_with("CERTIFICATE") {
            match block
                .content
                .as_deref()
                .and_then(|der| Certificate::parse(der))
            {
                Some(certificate) => seen.certificates.push(certificate),
                None => findings.push(damaged()),
            }
        } else if block.content.is_none() {
            findings.push(damaged());
        }
    }

    fn dates(&self, certificate: &Certificate, findings: &mut Vec<Finding>) {
        let (whose, until) = (clean_line(&certificate.subject), certificate.not_after);
        let days = until.days_since(self.now);
        if until < self.now {
            let text = format!(
                "the certificate of {whose} expired on {}; get a new one",
                until.date()
            );
            findings.push(Finding::new(Matter::Expired, text));
        } else if days < SOON_DAYS {
            // No count of days: what is kept about the sources is the same tomorrow.
            let text = format!(
                "the certificate of {whose} expires soon, on {}; get a new one",
                until.date()
            );
            findings.push(Finding::new(Matter::ExpiresSoon, text));
        }
    }

    /// Adds to each item what the others say about it.
    pub(super) fn tell(&self, items: &mut [Item]) {
        for (seen, item) in self.seen.iter().zip(&mut *items) {
            for (matter, text) in &seen.told {
                item.find(*matter, text.clone());
            }
        }
        self.tell_shared(items);
        self.tell_keys(items);
    }

    fn tell_shared(&self, items: &mut [Item]) {
        let mut places: HashMap<Fingerprint, Vec<(usize, String)>> = HashMap::new();
        for (at, (seen, item)) in self.seen.iter().zip(&*items).enumerate() {
            let Some(secret) = item.action.secret() else {
                continue;
            };
            for (fingerprint, name) in &seen.values {
                let place = match name {
                    Some(name) => format!("{secret}/{name}"),
                    None => secret.to_owned(),
                };
                places.entry(*fingerprint).or_default().push((at, place));
            }
        }
        const SHOWN: usize = 5;
        for group in places.into_values().filter(|group| group.len() > 1) {
            // A value may stand several times in one list: it is one place.
            let group: BTreeSet<(usize, String)> = group.into_iter().collect();
            if group.len() == 1 {
                continue;
            }
            for (at, place) in &group {
                let others: Vec<&String> = group
                    .iter()
                    .filter(|(_, other)| other != place)
                    .take(SHOWN)
                    .map(|(_, other)| other)
                    .collect();
                let quoted: Vec<String> = others.iter().map(|other| format!("`{other}`")).collect();
                let more = match group.len() - 1 - others.len() {
                    0 => String::new(),
                    more => format!(" and {more} more"),
                };
                let text = format!(
                    "`{place}` is the same value as {}{more}; they are rotated together, or better made different",
                    list(&quoted)
                );
                // Without what a name says about a place inside a table.
                let path =
                    |place: &&String| place.split(" (").next().unwrap_or_default().to_owned();
                let named = others.iter().map(path).collect();
                if let Some(item) = items.get_mut(*at) {
                    let found = Finding::new(Matter::SharedValue, text).naming(named);
                    item.findings.push(found);
                }
            }
        }
    }

    fn tell_keys(&self, items: &mut [Item]) {
        let certificates: Vec<(usize, &Certificate)> = self
            .seen
            .iter()
            .enumerate()
            .flat_map(|(at, seen)| seen.certificates.iter().map(move |c| (at, c)))
            .collect();
        if certificates.is_empty() {
            return;
        }
        let names: Vec<String> = items.iter().map(|item| clean_line(&item.source)).collect();
        for (at, seen) in self.seen.iter().enumerate() {
            let Some(item) = items.get_mut(at) else {
                continue;
            };
            for key in &seen.keys {
                // One certificate often lies there alone, and once more before its chain.
                let mut known = BTreeSet::new();
                let fitting: Vec<&(usize, &Certificate)> = certificates
                    .iter()
                    .filter(|(_, certificate)| certificate.public_key == *key)
                    .filter(|(_, certificate)| known.insert(certificate.sha256))
                    .collect();
                match fitting.as_slice() {
                    [] => item.find(
                        Matter::NoCertificate,
                        "the key fits no certificate of this tree; see whether it is still used",
                    ),
                    [(_, certificate)] => {
                        if let Action::File(file) = &mut item.action {
                            file.expires = Some(certificate.not_after.date());
                        }
                    }
                    several => {
                        let of: Vec<&String> = several
                            .iter()
                            .filter_map(|(at, _)| names.get(*at))
                            .collect();
                        let text = format!(
                            "the key fits {} certificates ({}); a new certificate should have a new key",
                            several.len(),
                            list(&of)
                        );
                        item.find(Matter::SeveralCertificates, text);
                    }
                }
            }
        }
    }
}

/// Whether bytes that are no UTF-8 are text all the same: hardly any of them are no letters.
fn is_text(bytes: &[u8]) -> bool {
    let utf16 = bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]);
    if utf16 {
        return true;
    }
    let letter = |byte: &&u8| byte.is_ascii_graphic() || byte.is_ascii_whitespace();
    !bytes.contains(&0) && bytes.iter().filter(letter).count() * 10 > bytes.len() * 8
}

impl Seen {
    /// Takes in the values of a document to be.
    pub(super) fn values(&mut self, survey: &Survey, read: &Read) {
        for value in &read.values {
            let Some(node) = Node::of_value(value.kind, &value.plain) else {
                continue;
            };
            let own = read
                .keys
                .get(value.name.as_str())
                .map_or(value.name.as_str(), String::as_str);
            let is_table = matches!(node, Node::Table(_) | Node::List(_));
            node.each_text(own, &mut |name, text| {
                let shown = name != own && !looks_random(name);
                let place = if is_table && shown {
                    format!("{} ({})", value.name, clean_line(name))
                } else {
                    value.name.to_string()
                };
                if let Some(what) = suspect::known_to_all(name, text) {
                    let text =
                        format!("`{place}` is {what}; give it a new value before anything else");
                    self.told.push((Matter::DefaultPassword, text));
                }
                if suspect::holds_login(text) {
                    let text = format!(
                        "`{place}` is an address with a password in it; programs log addresses"
                    );
                    self.told.push((Matter::Embedded, text));
                }
                if suspect::is_secret(name, text) {
                    self.values
                        .push((survey.fingerprint(text.as_bytes()), Some(place)));
                }
            });
        }
    }
}
