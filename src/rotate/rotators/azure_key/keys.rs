//! The two keys of an account, and a key within a value.

use serde::Deserialize;

use crate::fleet::AzureService;
use crate::secret::Plain;

/// Which of the two keys.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Slot {
    First,
    Second,
}

impl Slot {
    /// As `az` takes it, of storage and of batch.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::First => "primary",
            Self::Second => "secondary",
        }
    }

    /// As the portal shows it.
    pub(super) fn shown(self, service: AzureService) -> &'static str {
        match (service, self) {
            (AzureService::Storage, Self::First) => "key1",
            (AzureService::Storage, Self::Second) => "key2",
            (AzureService::Batch, Self::First) => "the primary key",
            (AzureService::Batch, Self::Second) => "the secondary key",
        }
    }

    pub(super) fn other(self) -> Self {
        match self {
            Self::First => Self::Second,
            Self::Second => Self::First,
        }
    }
}

/// Both keys as they are now.
pub(super) struct Keys {
    first: Plain,
    second: Plain,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StorageKey {
    key_name: String,
    value: String,
}

#[derive(Deserialize)]
struct BatchKeys {
    primary: String,
    secondary: String,
}

impl Keys {
    /// Reads what `az … account keys list -o json` prints: of storage a list with `keyName` and `value`, of
    /// batch `primary` and `secondary`. None for anything else.
    pub(super) fn read(service: AzureService, json: &[u8]) -> Option<Self> {
        let (first, second) = match service {
            AzureService::Storage => {
                let mut keys: Vec<StorageKey> = serde_json::from_slice(json).ok()?;
                // With Kerberos there are more of them.
                let mut take = |name: &str| {
                    let at = keys.iter().position(|key| key.key_name == name)?;
                    Some(keys.swap_remove(at).value)
                };
                (take("key1")?, take("key2")?)
            }
            AzureService::Batch => {
                let keys: BatchKeys = serde_json::from_slice(json).ok()?;
                (keys.primary, keys.secondary)
            }
        };
        let whole = |key: &String| key.len() >= 16 && key.bytes().all(|b| b.is_ascii_graphic());
        (whole(&first) && whole(&second) && first != second).then(|| Self {
            first: Plain::new(first.into_bytes()),
            second: Plain::new(second.into_bytes()),
        })
    }

    pub(super) fn of(&self, slot: Slot) -> &Plain {
        match slot {
            Slot::First => &self.first,
            Slot::Second => &self.second,
        }
    }

    /// Which one a key is.
    pub(super) fn slot_of(&self, key: &Plain) -> Option<Slot> {
        [Slot::First, Slot::Second]
            .into_iter()
            .find(|slot| self.of(*slot).same_as(key))
    }
}

/// Where the key is in a value: all of it but line ends, or what stands behind `AccountKey=` in a connection
/// string.
fn place_of(value: &[u8]) -> std::ops::Range<usize> {
    const BEFORE: &[u8] = b"AccountKey=";
    match memchr::memmem::find(value, BEFORE) {
        Some(at) => {
            let start = at + BEFORE.len();
            let rest = value.get(start..).unwrap_or_default();
            let ends = |b: &u8| *b == b';' || b.is_ascii_whitespace();
            let length = rest.iter().position(ends).unwrap_or(rest.len());
            start..start + length
        }
        None => 0..value.trim_ascii_end().len(),
    }
}

/// The key in a value.
pub(super) fn key_in(value: &Plain) -> Plain {
    value.with(|value| Plain::new(value.get(place_of(value)).unwrap_or_default().to_vec()))
}

/// The value with another key in the place of its own.
pub(super) fn with_key(value: &Plain, key: &Plain) -> Plain {
    value.with(|value| {
        let place = place_of(value);
        let before = value.get(..place.start).unwrap_or_default();
        let behind = value.get(place.end..).unwrap_or_default();
        key.with(|key| Plain::new([before, key, behind].concat()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "AAAAmade-up-by-us-0123456789==";
    const B: &str = "BBBBmade-up-by-us-0123456789==";

    #[test]
    fn what_az_prints_reads_and_nothing_else() {
        let storage = format!(
            r#"[{{"creationTime": "2026-01-01T00:00:00.1+00:00", "keyName": "key1", "permissions": "FULL", "value": "{A}"}},
                {{"creationTime": null, "keyName": "key2", "permissions": "FULL", "value": "{B}"}},
                {{"keyName": "kerb1", "permissions": "FULL", "value": "CCCC"}}]"#
        );
        let batch =
            format!(r#"{{"accountName": "codalab", "primary": "{A}", "secondary": "{B}"}}"#);
        for (service, json) in [
            (AzureService::Storage, &storage),
            (AzureService::Batch, &batch),
        ] {
            let keys = Keys::read(service, json.as_bytes()).unwrap();
            assert_eq!(keys.slot_of(&Plain::from(A)), Some(Slot::First));
            assert_eq!(keys.slot_of(&Plain::from(B)), Some(Slot::Second));
            assert_eq!(keys.slot_of(&Plain::from("CCCC")), None);
        }
        let same = batch.replace(B, A);
        for json in [
            "",
            "[]",
            "{}",
            "null",
            &storage,
            &same,
            &batch.replace(A, ""),
        ] {
            assert!(
                Keys::read(AzureService::Batch, json.as_bytes()).is_none(),
                "{json}"
            );
        }
        let lines = storage.replace(A, "AAAAAAAAAAAAAAAA\\nBBBB");
        assert!(Keys::read(AzureService::Storage, lines.as_bytes()).is_none());
    }

    #[test]
    fn a_key_is_found_and_replaced_in_a_connection_string() {
        let text = |key: &str| {
            format!(
                "DefaultEndpointsProtocol=https;AccountName=x;AccountKey={key};EndpointSuffix=y"
            )
        };
        for (value, wanted) in [
            (text(A), text(B)),
            (A.to_owned(), B.to_owned()),
            (format!("{A}\n"), format!("{B}\n")),
            (format!("AccountKey={A}"), format!("AccountKey={B}")),
        ] {
            let value = Plain::new(value.into_bytes());
            assert!(key_in(&value).same_as(&Plain::from(A)));
            let new = with_key(&value, &Plain::from(B));
            assert!(new.same_as(&Plain::new(wanted.into_bytes())));
        }
    }
}
