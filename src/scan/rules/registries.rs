//! Registries of packages and images.

use super::super::checksum::ends_in_base62;
use super::{Rule, checked, form};

pub(super) const RULES: &[Rule] = &[
    checked(
        "npm-token",
        "a token of npm",
        &["npm_{a36}"],
        ends_in_base62,
        "https://github.blog/changelog/2021-09-23-npm-has-a-new-access-token-format/",
    ),
    form(
        "pypi-token",
        "a token of PyPI",
        // The macaroon's version and its place, `pypi.org` or `test.pypi.org`, in base64.
        &[
            "pypi-AgEIcHlwaS5vcmc{w50-}",
            "pypi-AgENdGVzdC5weXBpLm9yZw{w50-}",
        ],
        "https://docs.pypi.org/api/secrets/",
    ),
    form(
        "crates-token",
        "a token of crates.io",
        &["cio{a32}"],
        "https://github.com/rust-lang/crates.io/blob/main/crates/crates_io_database/src/utils/token.rs",
    ),
    form(
        "rubygems-key",
        "an API key of RubyGems",
        &["rubygems_{h48}"],
        "https://guides.rubygems.org/api-key-scopes/",
    ),
    form(
        "nuget-key",
        "an API key of NuGet",
        &["oy2{l43}"],
        "https://learn.microsoft.com/en-us/nuget/nuget-org/scoped-api-keys",
    ),
    form(
        "docker-token",
        "a token of Docker Hub",
        &["dckr_pat_{w27}", "dckr_oat_{w32}"],
        "https://docs.docker.com/security/access-tokens/",
    ),
    form(
        "clojars-token",
        "a token of Clojars",
        &["CLOJARS_{h60}"],
        "https://github.com/clojars/clojars-web/wiki/Deploy-Tokens",
    ),
    form(
        "artifactory-key",
        "an API key of Artifactory",
        &["AKCp{a69}", "cmVmdGtuOjAxO{a51}"],
        "https://jfrog.com/help/r/jfrog-platform-administration-documentation/api-key",
    ),
];
