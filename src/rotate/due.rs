//! What waits for a new value, and why. All of it stands in the clear and is signed, so that everybody
//! with the repository can see the work that is left, whoever may open what.

use super::pairing::tls_key_of;
use crate::error::Error;
use crate::lines::MAX_FILE;
use crate::name::{DocumentPath, FilePath, SecretPath};
use crate::plaintext::in_hooks;
use crate::text::{clean_line, list};
use crate::time::Moment;
use crate::trust::FILE_RECORD;
use crate::vault::{Document, Ending, Listed, Policy, PolicyKey, Record, Sidecar, State, Vault};

/// Why a value waits. The names are part of `--json` and stay.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Reason {
    /// Others may know it: who left, or who had the plaintext that it was imported from.
    Exposed,
    /// Its last day has come.
    Expired,
    /// Its last day comes within 30 days.
    Expiring,
    /// It is older than `rotate_every` says.
    Overdue,
}

impl Reason {
    /// As `--json` has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Exposed => "exposed",
            Self::Expired => "expired",
            Self::Expiring => "expiring",
            Self::Overdue => "overdue",
        }
    }
}

/// A value or sealed file that waits for a new value, for one reason.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Due {
    /// Its full path.
    pub path: String,
    /// Why.
    pub reason: Reason,
    /// The day since which it waits: `2026-11-24`.
    pub since: String,
    /// The reason in words.
    pub why: String,
    /// Who looks after it.
    pub owner: Option<String>,
    /// What makes and takes into use a new value.
    pub rotator: Option<String>,
    /// The key of the pair that it is the certificate of, where that has the rotator `tls`.
    pub key: Option<String>,
    /// The component in whose hook's files it lies in clear: a certificate, and no secret.
    pub in_hook: Option<String>,
}

impl Due {
    /// The command that gives it a new value. A new end is for a person to say.
    #[must_use]
    pub fn next(&self) -> String {
        let path = &self.path;
        if let Some(component) = &self.in_hook {
            return format!("put a new one there, then clws hook sign {component}");
        }
        if let Some(key) = &self.key {
            return format!("clws rotate {key}");
        }
        let new = match self.rotator.as_deref() {
            Some(_) => format!("clws rotate {path}"),
            _ => format!("clws secret set {path}"),
        };
        match self.reason {
            // A certificate says itself until when it holds.
            Reason::Expired | Reason::Expiring if self.rotator.as_deref() != Some("tls") => {
                format!(
                    "{new}; then clws secret policy {path} --expires DATE, unless it says so itself"
                )
            }
            Reason::Expired | Reason::Expiring => new,
            Reason::Exposed | Reason::Overdue => new,
        }
    }
}

/// The last day of a value, a sealed file or a certificate in clear, near or far.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct End {
    /// The day: `2026-12-24`.
    pub day: String,
    /// Whose it is: a full path.
    pub path: String,
}

/// All that waits, and what could not be looked at.
#[derive(Debug, Default)]
pub struct WorkList {
    /// By path, then reason.
    pub due: Vec<Due>,
    /// Everything that has a last day, the first to end first.
    pub ends: Vec<End>,
    /// What does not count or read, and so says nothing.
    pub faults: Vec<Error>,
}

/// Lists what waits for a new value at or below `paths`; in all of the vault without one. Needs no
/// private key, and opens nothing.
///
/// # Errors
/// [`VaultError::NotFound`] for a path that names nothing; [`crate::fs::FsError`].
pub fn work_list(vault: &Vault, paths: &[SecretPath]) -> Result<WorkList, Error> {
    let mut look = Look {
        vault,
        today: vault.world().now(),
        found: WorkList::default(),
        met: vec![false; paths.len()],
        paths,
    };
    for item in vault.list(None)? {
        let looked = match &item {
            Listed::Document(path) => look.document(path),
            Listed::File(path) => look.file(path),
        };
        look.found.faults.extend(looked.err());
    }
    if paths.is_empty() {
        look.in_clear();
    }
    let unmet = paths.iter().zip(&look.met).find(|(_, met)| !**met);
    if let Some((path, _)) = unmet {
        return Err(vault.missing(path).into());
    }
    look.found.due.sort();
    look.found.ends.sort();
    Ok(look.found)
}

struct Look<'a> {
    vault: &'a Vault,
    today: Moment,
    found: WorkList,
    /// Which of the paths led to something.
    met: Vec<bool>,
    paths: &'a [SecretPath],
}

impl Look<'_> {
    fn document(&mut self, path: &DocumentPath) -> Result<(), Error> {
        if !self.is_wanted_within(path.as_str()) {
            return Ok(());
        }
        let bytes = self.vault.tree().read(&path.to_file(), MAX_FILE)?;
        let bytes = bytes.unwrap_or_default();
        let document = Document::parse(&bytes, path, self.vault.id())?;
        let pins = &self.vault.trust().pins;
        let pin = pins
            .document(&document.head.id, path.as_str())?
            .unwrap_or_default();
        let rights = self.vault.rights(path.as_str())?;
        self.vault.judge_head(&document, &rights, Some(&pin.hash))?;
        for record in document.records()? {
            let name = format!("{path}/{}", record.name);
            if record.state == State::Removed || !self.is_wanted(&name) {
                continue;
            }
            let known = pin.values.get(record.name.as_str());
            match self.vault.judge_record(&document, &record, &rights, known) {
                Ok(_) => {
                    let policy = record.policy.with(&document.head.policy);
                    self.add(&name, &policy, record.changed);
                    self.under_an_old_key(&document, &record, (&name, &policy));
                }
                Err(error) => self.found.faults.push(error.into()),
            }
        }
        Ok(())
    }

    /// A value that a branch brought in under a key from before: who left with that key could read it.
    fn under_an_old_key(
        &mut self,
        document: &Document<'_>,
        record: &Record,
        (name, policy): (&str, &Policy),
    ) {
        let Some(left) = document.left_with(record) else {
            return;
        };
        if policy.value(PolicyKey::Exposed).is_none() && !left.is_empty() {
            let why = format!("{} left, and could read it", list(&left));
            let since = record.changed.date();
            self.push(name, policy, Reason::Exposed, since, why);
        }
    }

    fn file(&mut self, path: &FilePath) -> Result<(), Error> {
        if !self.is_wanted(path.as_str()) {
            return Ok(());
        }
        let bytes = self.vault.tree().read(&path.to_sidecar(), MAX_FILE)?;
        let sidecar = Sidecar::parse(&bytes.unwrap_or_default(), path)?;
        if sidecar.content.is_none() {
            return Ok(());
        }
        let pins = &self.vault.trust().pins;
        let pin = pins.file(&sidecar.id, path.as_str())?.unwrap_or_default();
        let rights = self.vault.rights(path.as_str())?;
        let known = pin.values.get(FILE_RECORD);
        self.vault.judge_sidecar(&sidecar, &rights, known)?;
        self.add(path.as_str(), &sidecar.policy, sidecar.changed);
        Ok(())
    }

    /// The certificates among the files of hooks.
    fn in_clear(&mut self) {
        match in_hooks(self.vault) {
            Err(error) => self.found.faults.push(error),
            Ok(all) => {
                for found in all {
                    self.found.ends.push(End {
                        day: found.end.date(),
                        path: clean_line(&found.file),
                    });
                    let Some(ending) = Ending::of(&found.end.date(), self.today) else {
                        continue;
                    };
                    let what = format!("its certificate for {}", clean_line(&found.subject));
                    let (reason, since, why) = end(&ending, &what);
                    self.found.due.push(Due {
                        path: clean_line(&found.file),
                        reason,
                        since,
                        why,
                        owner: None,
                        rotator: None,
                        key: None,
                        in_hook: Some(clean_line(&found.component)),
                    });
                }
            }
        }
    }

    /// Everything that its policy says of one value.
    fn add(&mut self, path: &str, policy: &Policy, changed: Moment) {
        if let Some(day) = policy.value(PolicyKey::Expires) {
            self.found.ends.push(End {
                day: clean_line(day),
                path: path.to_owned(),
            });
        }
        for (reason, since, why) in reasons(policy, changed, self.today) {
            self.push(path, policy, reason, since, why);
        }
    }

    fn push(&mut self, path: &str, policy: &Policy, reason: Reason, since: String, why: String) {
        let said = |key| policy.value(key).map(clean_line);
        self.found.due.push(Due {
            path: path.to_owned(),
            reason,
            since,
            why,
            owner: said(PolicyKey::Owner),
            rotator: said(PolicyKey::Rotator),
            key: tls_key_of(self.vault, path),
            in_hook: None,
        });
    }

    /// Whether a secret is at or below one of the paths; marks those paths.
    fn is_wanted(&mut self, name: &str) -> bool {
        let mut wanted = self.paths.is_empty();
        for (path, met) in self.paths.iter().zip(&mut self.met) {
            if is_at_or_below(name, path.as_str()) {
                (wanted, *met) = (true, true);
            }
        }
        wanted
    }

    /// Whether something of a document may be wanted.
    fn is_wanted_within(&self, document: &str) -> bool {
        let fits = |path: &SecretPath| {
            is_at_or_below(document, path.as_str()) || is_at_or_below(path.as_str(), document)
        };
        self.paths.is_empty() || self.paths.iter().any(fits)
    }
}

/// Why a value of this policy that was given at `changed` waits for a new one: the reason, since when,
/// and in words.
fn reasons(policy: &Policy, changed: Moment, today: Moment) -> Vec<(Reason, String, String)> {
    let mut all = Vec::new();
    if let Some(exposed) = policy.value(PolicyKey::Exposed) {
        let why = format!("others may know it: {}", clean_line(exposed));
        let since = first_day(exposed).unwrap_or_else(|| changed.date());
        all.push((Reason::Exposed, since, why));
    }
    if let Some(ending) = policy.ending(today) {
        all.push(end(&ending, "it"));
    }
    let today = today.date();
    if let Some(day) = policy.rotation_day(changed).filter(|day| *day <= today) {
        let every = policy.value(PolicyKey::RotateEvery).map(clean_line);
        let why = format!(
            "it is from {}, and a new one is due every {}",
            changed.date(),
            every.unwrap_or_default()
        );
        all.push((Reason::Overdue, day, why));
    }
    all
}

/// The reason of an end, for what is called so.
fn end(ending: &Ending, what: &str) -> (Reason, String, String) {
    let Ending {
        day,
        since,
        has_come,
    } = ending;
    let (reason, word) = match has_come {
        true => (Reason::Expired, "expired"),
        false => (Reason::Expiring, "expires"),
    };
    (reason, since.clone(), format!("{what} {word} on {day}"))
}

fn is_at_or_below(name: &str, path: &str) -> bool {
    let rest = name.strip_prefix(path);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The first day that an `exposed` names: `import 2026-11-24; ben left 2026-12-01`.
fn first_day(exposed: &str) -> Option<String> {
    let days = exposed.split("; ").filter_map(|entry| {
        let day = entry.rsplit(' ').next()?;
        at_midnight(day).map(Moment::date)
    });
    days.min()
}

fn at_midnight(day: &str) -> Option<Moment> {
    format!("{day}T00:00:00Z").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_several_reasons_gives_the_day() {
        let day = |text| first_day(text);
        assert_eq!(
            day("import 2026-11-24; ben left 2026-12-01").as_deref(),
            Some("2026-11-24")
        );
        assert_eq!(day("ben left 2026-12-01").as_deref(), Some("2026-12-01"));
        assert_eq!(day("somehow"), None);
    }

    #[test]
    fn each_reason_is_said_from_its_day_on() {
        let changed: Moment = "2026-10-01T10:00:00Z".parse().unwrap();
        let mut policy = Policy::default();
        policy.set(PolicyKey::RotateEvery, Some("30d".into()));
        policy.set(PolicyKey::Expires, Some("2026-12-15".into()));
        let on = |day: &str| -> Vec<(Reason, String)> {
            let today = format!("{day}T08:00:00Z").parse().unwrap();
            let found = reasons(&policy, changed, today).into_iter();
            found.map(|(reason, since, _)| (reason, since)).collect()
        };
        let overdue = || (Reason::Overdue, "2026-10-31".to_owned());
        assert_eq!(on("2026-10-30"), []);
        assert_eq!(on("2026-10-31"), [overdue()]);
        let near = (Reason::Expiring, "2026-11-15".to_owned());
        assert_eq!(on("2026-11-15"), [near, overdue()]);
        let over = (Reason::Expired, "2026-12-15".to_owned());
        assert_eq!(on("2026-12-15"), [over, overdue()]);
    }

    #[test]
    fn a_path_takes_in_what_is_below_it_and_no_namesake() {
        assert!(is_at_or_below("dev/web/TOKEN", "dev/web"));
        assert!(is_at_or_below("dev/web", "dev/web"));
        assert!(!is_at_or_below("dev/web-2/TOKEN", "dev/web"));
    }
}
