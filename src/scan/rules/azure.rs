//! Microsoft's keys. Those made since 2022 carry a signature of four characters at a fixed place, so that
//! they can be told anywhere (Microsoft's security-utilities, SEC101).

use std::ops::Range;

use memchr::memmem;

use super::super::form::holds;
use super::super::strength::mixes;
use super::super::text::Text;
use super::{Grounds, Rule, at};

const IDENTIFIABLE: &str = "https://github.com/microsoft/security-utilities";

pub(super) const RULES: &[Rule] = &[
    at(
        "azure-storage-key",
        "an account key of Azure Storage",
        Grounds::Form,
        &[b"accountkey=", b"+ast", b"+aba", b"acdb"],
        storage,
        "https://learn.microsoft.com/en-us/azure/storage/common/storage-account-keys-manage",
    ),
    at(
        "azure-identifiable-key",
        "a key of an Azure service",
        Grounds::Form,
        &[
            b"+asb", b"+aeh", b"+arm", b"aiot", b"azfu", b"azse", b"+acr", b"azca", b"jqqj",
        ],
        identifiable,
        IDENTIFIABLE,
    ),
    at(
        "azure-shared-access-key",
        "a shared access key of Azure",
        Grounds::Place,
        &[b"sharedaccesskey="],
        shared,
        "https://learn.microsoft.com/en-us/azure/service-bus-messaging/service-bus-sas",
    ),
    at(
        "azure-client-secret",
        "a client secret of Microsoft Entra",
        Grounds::Form,
        &[b"7q~", b"8q~"],
        client_secret,
        "https://learn.microsoft.com/en-us/purview/sit-defn-client-secret-api-key",
    ),
    at(
        "azure-sas",
        "a shared access signature of Azure",
        Grounds::Form,
        &[b"sig="],
        sas,
        "https://learn.microsoft.com/en-us/rest/api/storageservices/create-account-sas",
    ),
    at(
        "azure-devops-token",
        "a personal access token of Azure DevOps",
        Grounds::Form,
        &[b"azdo"],
        devops,
        "https://learn.microsoft.com/en-us/azure/devops/organizations/accounts/use-personal-access-tokens-to-authenticate",
    ),
];

/// The run of base64 around a place, if it stands alone and has this length without its padding.
fn around(text: &Text<'_>, at: usize, before: usize, length: usize) -> Option<Range<usize>> {
    let start = at.checked_sub(before)?;
    let is_whole = text.run(start, length + 1, |byte| holds(b'b', byte)) == length
        && text.run_before(start, 1, |byte| holds(b'b', byte)) == 0;
    is_whole.then(|| start..start + length + text.run(start + length, 2, |byte| byte == b'='))
}

/// 64 bytes in base64: behind `AccountKey=`, or told by a signature 76 characters in.
fn storage(text: &Text<'_>, at: usize) -> Option<Range<usize>> {
    if text.get(at..at + 11).eq_ignore_ascii_case(b"accountkey=") {
        let key = around(text, at + 11, 0, 86);
        // The sign before it is no part of it.
        return key.filter(|range| range.len() == 88 && mixes(text.get(range.clone())));
    }
    let signed = [&b"+ASt"[..], b"+ABa", b"ACDb"];
    let is_signed = signed.iter().any(|sign| text.has(at, sign));
    is_signed.then(|| around(text, at, 76, 86)).flatten()
}

fn identifiable(text: &Text<'_>, at: usize) -> Option<Range<usize>> {
    // The signature, how far in it stands, how long the key is.
    let signatures = [
        (&b"+ASb"[..], 33, 43),
        (b"+AEh", 33, 43),
        (b"+ARm", 33, 43),
        (b"AIoT", 33, 43),
        (b"AzCa", 33, 43),
        (b"AzFu", 44, 54),
        (b"AzSe", 42, 52),
        (b"+ACR", 42, 52),
        (b"JQQJ", 52, 84),
    ];
    signatures.iter().find_map(|(sign, before, length)| {
        let found = text
            .has(at, sign)
            .then(|| around(text, at, *before, *length));
        found.flatten()
    })
}

fn shared(text: &Text<'_>, at: usize) -> Option<Range<usize>> {
    let key = around(text, at + 16, 0, 43)?;
    (key.len() == 44 && mixes(text.get(key.clone()))).then_some(key)
}

/// Three characters, a digit that counts the version, `Q~`, and 31 to 34 more.
fn client_secret(text: &Text<'_>, at: usize) -> Option<Range<usize>> {
    let start = at.checked_sub(3)?;
    let length = text.run(start, 64, |byte| holds(b'c', byte));
    let alone = text.run_before(start, 1, |byte| holds(b'c', byte)) == 0;
    let is_capital = text.byte(at + 1) == Some(b'Q');
    (alone && is_capital && matches!(length, 37..=40)).then(|| start..start + length)
}

/// `sig=` with 32 bytes in base64, escaped for a URL or not, beside a version and an end.
fn sas(text: &Text<'_>, at: usize) -> Option<Range<usize>> {
    let start = at + 4;
    let length = text.run(start, 64, |b| holds(b'b', b) || b == b'%' || b == b'=');
    let around = text.get(at.saturating_sub(400)..start + 400);
    let beside = |word: &[u8]| memmem::find(around, word).is_some();
    let ends = text.get(start..start + length).ends_with(b"=")
        || text
            .get(start..start + length)
            .to_ascii_lowercase()
            .ends_with(b"%3d");
    ((44..=60).contains(&length) && ends && beside(b"sv=20") && beside(b"se=20"))
        .then(|| start..start + length)
}

/// 84 characters with `AZDO` 76 in.
fn devops(text: &Text<'_>, at: usize) -> Option<Range<usize>> {
    text.has(at, b"AZDO")
        .then(|| around(text, at, 76, 84))
        .flatten()
}
