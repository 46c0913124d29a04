//! Google's keys. The private key of a service account is found as the PEM text that it is.

use super::{Rule, form};

pub(super) const RULES: &[Rule] = &[
    form(
        "google-api-key",
        "an API key of Google",
        &["AIza{w35}"],
        "https://cloud.google.com/docs/authentication/api-keys",
    ),
    form(
        "google-client-secret",
        "an OAuth client secret of Google",
        &["GOCSPX-{w28}"],
        "https://developers.google.com/identity/protocols/oauth2",
    ),
    form(
        "google-access-token",
        "an access token of Google",
        &["ya29.{w60-}"],
        "https://cloud.google.com/docs/authentication/token-types",
    ),
];
