//! Hosts of code: GitHub, GitLab, Bitbucket and what belongs to them.

use super::super::checksum::ends_in_base62;
use super::{Rule, checked, form};

const GITHUB: &str = "https://github.blog/engineering/platform-security/behind-githubs-new-authentication-token-formats/";
const GITLAB: &str = "https://docs.gitlab.com/security/tokens/#token-prefixes";
const ATLASSIAN: &str = "https://support.atlassian.com/bitbucket-cloud/docs/using-api-tokens/";

pub(super) const RULES: &[Rule] = &[
    checked(
        "github-token",
        "a token of GitHub",
        &[
            "ghp_{a36}",
            "gho_{a36}",
            "ghu_{a36}",
            "ghs_{a36}",
            "ghr_{a36}",
        ],
        ends_in_base62,
        GITHUB,
    ),
    form(
        "github-fine-grained-token",
        "a fine-grained token of GitHub",
        &["github_pat_{a22}_{a59}"],
        "https://docs.github.com/en/authentication/keeping-your-account-and-data-secure/about-authentication-to-github",
    ),
    form(
        "gitlab-token",
        "a token of GitLab",
        &[
            "glpat-{w20}",
            "glpat-{w27-300}.{l2}.{l7-9}",
            "gldt-{w20-64}",
            "glptt-{h40}",
            "glrtr-{w20-64}",
            "glft-{w20-64}",
            "glsoat-{w20-64}",
            "gloas-{h64}",
            "glimt-{w20-64}",
            "glagent-{w50-1024}",
            "glcbt-{w1-8}_{w20-64}",
            "GR1348941{w20}",
        ],
        GITLAB,
    ),
    form(
        "gitlab-runner-token",
        "a runner's token of GitLab",
        &["glrt-{w20}", "glrt-t1_{w20}", "glrt-{w27-300}.{l2}.{l7-9}"],
        GITLAB,
    ),
    form(
        "atlassian-token",
        "an API token of Atlassian",
        &["ATATT3{e60-400}", "ATCTT3{e60-400}"],
        ATLASSIAN,
    ),
    form(
        "bitbucket-app-password",
        "an app password of Bitbucket",
        &["ATBB{a32}"],
        ATLASSIAN,
    ),
    form(
        "sourcegraph-token",
        "a token of Sourcegraph",
        &["sgp_{h16}_{h40}", "sgp_local_{h40}", "sgp_{h40}"],
        "https://sourcegraph.com/docs/cli/how-tos/creating_an_access_token",
    ),
];
