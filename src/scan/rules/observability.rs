//! Logs, metrics, alarms.

use super::super::checksum::ends_in_hex;
use super::{Rule, checked, form};

pub(super) const RULES: &[Rule] = &[
    checked(
        "grafana-token",
        "a service account token of Grafana",
        &["glsa_{a32}_{h8}"],
        ends_in_hex,
        "https://github.com/grafana/grafana/blob/main/pkg/components/satokengen/tokengen.go",
    ),
    form(
        "grafana-cloud-token",
        "an access policy token of Grafana Cloud",
        &[
            "glc_eyJ{b40-400}",
            "glc_eyJ{b40-400}=",
            "glc_eyJ{b40-400}==",
        ],
        "https://grafana.com/docs/grafana-cloud/account-management/authentication-and-permissions/access-policies/",
    ),
    form(
        "newrelic-key",
        "a key of New Relic",
        &["NRAK-{u27}", "NRII-{w32}", "NRRA-{h42}"],
        "https://docs.newrelic.com/docs/apis/intro-apis/new-relic-api-keys/",
    ),
    form(
        "dynatrace-token",
        "a token of Dynatrace",
        &["dt0c01.{u24}.{u64}", "dt0s16.{u8}.{u64}"],
        "https://docs.dynatrace.com/docs/manage/identity-access-management/access-tokens-and-oauth-clients/access-tokens",
    ),
    form(
        "sentry-token",
        "a token of Sentry",
        &["sntryu_{h64}", "sntrys_eyJ{e80-}"],
        "https://docs.sentry.io/account/auth-tokens/",
    ),
    form(
        "honeycomb-key",
        "an ingest key of Honeycomb",
        &["hcaik_{l58}", "hcxik_{l58}", "hcalk_{l58}"],
        "https://docs.honeycomb.io/get-started/configure/environments/manage-api-keys/",
    ),
    form(
        "posthog-key",
        "a personal API key of PostHog",
        &["phx_{a43-47}"],
        "https://posthog.com/docs/api",
    ),
];
