//! What builds and deploys: servers of secrets, infrastructure as code, CI.

use std::ops::Range;

use super::super::form::holds;
use super::super::text::Text;
use super::{Grounds, Rule, at, form};

pub(super) const RULES: &[Rule] = &[
    form(
        "vault-token",
        "a token of Vault or OpenBao",
        &["hvs.{w24-}", "hvb.{w24-}", "hvr.{w24-}"],
        "https://developer.hashicorp.com/vault/docs/concepts/tokens",
    ),
    at(
        "openbao-token",
        "a token of OpenBao, or of an older Vault",
        Grounds::Place,
        &[
            b"vault_token",
            b"bao_token",
            b"x-vault-token",
            b"vault-token",
            b"client_token",
        ],
        openbao,
        "https://openbao.org/docs/concepts/tokens/",
    ),
    at(
        "terraform-token",
        "a token of HCP Terraform",
        Grounds::Form,
        &[b".atlasv1."],
        terraform,
        "https://developer.hashicorp.com/terraform/cloud-docs/users-teams-organizations/api-tokens",
    ),
    form(
        "pulumi-token",
        "a token of Pulumi",
        &["pul-{h40}"],
        "https://www.pulumi.com/docs/pulumi-cloud/access-management/access-tokens/",
    ),
    form(
        "doppler-token",
        "a token of Doppler",
        &[
            "dp.pt.{a40-44}",
            "dp.ct.{a40-44}",
            "dp.sa.{a40-44}",
            "dp.scim.{a40-44}",
            "dp.audit.{a40-44}",
        ],
        "https://docs.doppler.com/reference/auth-token-formats",
    ),
    form(
        "onepassword-token",
        "a service account token of 1Password",
        &["ops_eyJ{e200-}"],
        "https://developer.1password.com/docs/service-accounts/security/",
    ),
    form(
        "circleci-token",
        "a token of CircleCI",
        &["CCIPAT_{a22}_{h40}", "CCIPRJ_{a22}_{h40}"],
        "https://circleci.com/docs/managing-api-tokens/",
    ),
    form(
        "buildkite-token",
        "a token of Buildkite",
        &["bkua_{h40}"],
        "https://buildkite.com/docs/apis/managing-api-tokens",
    ),
    form(
        "prefect-token",
        "a key of Prefect",
        &["pnu_{a36}", "pnb_{a36}"],
        "https://docs.prefect.io/v3/manage/cloud/manage-users/api-keys",
    ),
    form(
        "harness-token",
        "a token of Harness",
        &["pat.{w22}.{h24}.{a20}", "sat.{w22}.{h24}.{a20}"],
        "https://developer.harness.io/docs/platform/automation/api/add-and-manage-api-keys/",
    ),
    form(
        "octopus-key",
        "an API key of Octopus Deploy",
        &["API-{u26}"],
        "https://octopus.com/docs/octopus-rest-api/how-to-create-an-api-key",
    ),
];

/// `s.`, `b.` or `r.` and 24 letters and digits, behind a name that says whose it is.
fn openbao(text: &Text<'_>, at: usize) -> Option<Range<usize>> {
    let line = text.line(at);
    let mut from = at;
    while let Some(dot) = memchr::memchr(b'.', text.get(from..line.end)) {
        let start = (from + dot).checked_sub(1)?;
        let kind = text.byte(start);
        let length = text.run(start + 2, 25, |byte| holds(b'a', byte));
        if matches!(kind, Some(b's' | b'b' | b'r')) && text.begins_word(start) && length == 24 {
            return Some(start..start + 26);
        }
        from += dot + 1;
    }
    None
}

/// 14 letters and digits, `.atlasv1.`, and 60 to 70 more.
fn terraform(text: &Text<'_>, at: usize) -> Option<Range<usize>> {
    let before = text.run_before(at, 15, |byte| holds(b'a', byte));
    let behind = text.run(at + 9, 72, |byte| holds(b'e', byte));
    (text.has(at, b".atlasv1.") && before == 14 && (60..=70).contains(&behind))
        .then(|| at - 14..at + 9 + behind)
}
