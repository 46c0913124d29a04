//! What a target remembers of a deploy: names, revs and modes; never a value or a hash of one.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::text::is_plain_path;
use crate::time::Moment;

/// A receipt, `<component>.json`, mode 0600 on the target.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// 1.
    pub format: u32,
    /// The vault's id, 64 hexadecimal digits.
    pub vault: String,
    /// The environment.
    pub scope: String,
    /// The host.
    pub host: String,
    /// The component.
    pub component: String,
    /// The deploy that wrote it: `20261124T100000Z-ada`.
    pub deploy: String,
    /// The number of the hook's signature.
    pub hook_seq: u64,
    /// The hash of the hook's files, 64 hexadecimal digits.
    pub hook: String,
    /// The hook's settings there.
    pub settings: BTreeMap<String, String>,
    /// The image's id.
    pub image: Option<String>,
    /// The container's name.
    pub container: Option<String>,
    /// The process.
    pub process: Option<Process>,
    /// The folder of its files.
    pub place: String,
    /// Secrets by full name; what a server beside the vault stores by the name that the hook gives it.
    pub secrets: BTreeMap<String, Given>,
    /// Credentials that a server made for it, by what makes them; absent if there are none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub leases: BTreeMap<String, Lent>,
    /// Files by path, with their modes.
    pub files: BTreeMap<String, String>,
    /// Why older values were brought than had been seen, if that was allowed; absent else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback: Option<Rollback>,
    /// Whether it runs, and its `afterwards` steps are still to be done; absent if not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unfinished: bool,
    /// The version of clws.
    pub clws: String,
    /// Who deployed.
    pub by: String,
}

/// Older values that were brought all the same, once, in an emergency.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Rollback {
    /// Why, in the person's words.
    pub reason: String,
    /// The secrets that were older, by full name, and documents from before a rekey.
    pub older: Vec<String>,
}

/// A secret as it was given.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Given {
    /// Its number.
    pub rev: u64,
    /// When it was given, and by whom; for a server's version, when it was made there. Absent in receipts of
    /// earlier builds, for secrets of the vault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made: Option<String>,
}

impl Given {
    /// Whether both are the same value, as far as both say which it is: one number may stand for two, one from
    /// each of two clones or servers.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        let both = self.made.as_ref().zip(other.made.as_ref());
        self.rev == other.rev && both.is_none_or(|(one, other)| one == other)
    }
}

/// Credentials that end. What would prolong or end them, the lease's own name, is not here but with their
/// values, in memory.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Lent {
    /// The first 16 hexadecimal digits of the lease's name's SHA-256.
    pub fingerprint: String,
    /// When they were made, in seconds since 1970.
    pub since: i64,
    /// When they end.
    pub ends: i64,
}

impl Lent {
    /// Whether most of their time is still to come. After two thirds of it they are made anew.
    #[must_use]
    pub fn is_fresh(&self, now: Moment) -> bool {
        let whole = self.ends.saturating_sub(self.since);
        let gone = now.seconds().saturating_sub(self.since);
        gone >= 0 && i128::from(gone) * 3 < i128::from(whole) * 2
    }
}

/// A process, known beyond doubt: numbers of processes are used again, start times and boots are not.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// When it began, in clock ticks since the boot (proc(5), field 22).
    pub start: u64,
    /// The boot's id.
    pub boot: String,
}

/// Why a receipt is not read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Unread {
    /// It is none.
    Broken,
    /// It says that this clws wrote it, a newer one.
    Newer(String),
}

impl Unread {
    fn of(bytes: &[u8]) -> Self {
        #[derive(Deserialize)]
        struct Head {
            format: u32,
            clws: String,
        }
        let is_newer = |head: &Head| {
            let (theirs, ours) = (numbers(&head.clws), numbers(env!("CARGO_PKG_VERSION")));
            !theirs.is_empty() && (head.format > 1 || theirs > ours)
        };
        let head = serde_json::from_slice::<Head>(bytes).ok();
        match head.filter(is_newer) {
            Some(head) => Self::Newer(head.clws),
            None => Self::Broken,
        }
    }
}

/// The numbers of a version; none of what is none.
fn numbers(version: &str) -> Vec<u64> {
    let is_one = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+');
    if version.len() > 40 || !version.chars().all(is_one) {
        return Vec::new();
    }
    let plain = version.split(['-', '+']).next().unwrap_or_default();
    let numbers = plain.split('.').map(|number| number.parse().ok());
    numbers.collect::<Option<_>>().unwrap_or_default()
}

/// No receipt is larger.
pub(super) const MAX_RECEIPT: usize = 1024 * 1024;

impl Receipt {
    /// Reads what a target gave; foreign text that may be anything.
    ///
    /// # Errors
    /// [`Unread`].
    pub fn parse(bytes: &[u8]) -> Result<Self, Unread> {
        if bytes.len() > MAX_RECEIPT {
            return Err(Unread::Broken);
        }
        match serde_json::from_slice::<Self>(bytes) {
            // Hooks have the folder filled into lines of shell.
            Ok(receipt) if receipt.format == 1 && is_plain_path(&receipt.place) => Ok(receipt),
            _ => Err(Unread::of(bytes)),
        }
    }

    /// The JSON that lies on the target, in one line: a shell that reads it asks the kernel for each byte.
    #[must_use]
    pub fn print(&self) -> String {
        // A map of texts and numbers always prints.
        serde_json::to_string(self).unwrap_or_default() + "\n"
    }

    /// Whether everything but the run itself is the same: nothing new is to be brought there.
    #[must_use]
    pub fn same_content(&self, other: &Self) -> bool {
        (
            &self.vault,
            &self.scope,
            self.hook_seq,
            &self.hook,
            &self.settings,
            &self.image,
            &self.files,
        ) == (
            &other.vault,
            &other.scope,
            other.hook_seq,
            &other.hook,
            &other.settings,
            &other.image,
            &other.files,
        ) && self.secrets.keys().eq(other.secrets.keys())
            && self
                .secrets
                .values()
                .zip(other.secrets.values())
                .all(|(one, other)| one.is_same(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(rev: u64, made: Option<&str>) -> Given {
        let made = made.map(str::to_owned);
        Given { rev, made }
    }

    #[test]
    fn what_a_newer_clws_wrote_is_told_from_what_is_broken() {
        let of = |text: &str| Receipt::parse(text.as_bytes()).unwrap_err();
        let newer = Unread::Newer("99.0.1".into());
        assert_eq!(of(r#"{"format":2,"clws":"99.0.1","x":1}"#), newer);
        assert_eq!(of(r#"{"format":1,"clws":"99.0.1","x":1}"#), newer);
        let rest = Unread::Newer("99.0.1-rc.1".into());
        assert_eq!(of(r#"{"format":1,"clws":"99.0.1-rc.1"}"#), rest);
        for broken in [
            "",
            "{}",
            r#"{"format":1,"clws":"0.0.1","x":1}"#,
            r#"{"format":1,"clws":"soon"}"#,
            r#"{"format":2,"clws":"99 \u001b[2J"}"#,
            r#"{"format":2}"#,
        ] {
            assert_eq!(of(broken), Unread::Broken, "{broken}");
        }
    }

    #[test]
    fn one_number_may_be_two_values() {
        let ada = given(12, Some("2026-11-24T10:00:00Z ada"));
        assert!(ada.is_same(&ada));
        assert!(!ada.is_same(&given(12, Some("2026-11-24T10:00:00Z grace"))));
        assert!(!ada.is_same(&given(12, Some("2026-11-24T10:00:01Z ada"))));
        // Of an earlier build.
        assert!(ada.is_same(&given(12, None)) && given(12, None).is_same(&ada));
        assert!(!ada.is_same(&given(11, None)));
    }
}
