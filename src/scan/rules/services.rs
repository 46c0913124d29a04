//! Services of other kinds.

use super::{Rule, form};

pub(super) const RULES: &[Rule] = &[
    form(
        "linear-key",
        "an API key of Linear",
        &["lin_api_{a40}", "lin_oauth_{h64}"],
        "https://linear.app/developers/graphql",
    ),
    form(
        "notion-token",
        "a token of Notion",
        &["ntn_{d11}{a35}", "secret_{a43}"],
        "https://developers.notion.com/docs/authorization",
    ),
    form(
        "figma-token",
        "a token of Figma",
        &["figd_{w40}"],
        "https://www.figma.com/developers/api#access-tokens",
    ),
    form(
        "postman-key",
        "an API key of Postman",
        &["PMAK-{h24}-{h34}"],
        "https://learning.postman.com/docs/developer/postman-api/authentication/",
    ),
    form(
        "airtable-token",
        "a token of Airtable",
        &["pat{a14}.{h64}"],
        "https://airtable.com/developers/web/guides/personal-access-tokens",
    ),
    form(
        "contentful-token",
        "a token of Contentful",
        &["CFPAT-{w43}"],
        "https://www.contentful.com/developers/docs/references/authentication/",
    ),
    form(
        "readme-key",
        "a key of ReadMe",
        &["rdme_{l70}"],
        "https://docs.readme.com/main/reference/intro/authentication",
    ),
    form(
        "typeform-token",
        "a token of Typeform",
        &["tfp_{w40-60}"],
        "https://www.typeform.com/developers/get-started/personal-access-token/",
    ),
    form(
        "asana-token",
        "a token of Asana",
        &["2/{d15-17}/{d15-17}:{h32}", "1/{d15-17}:{h32}"],
        "https://developers.asana.com/docs/personal-access-token",
    ),
    form(
        "hubspot-token",
        "a token of a private HubSpot app",
        &[
            "pat-na1-{h8}-{h4}-{h4}-{h4}-{h12}",
            "pat-na2-{h8}-{h4}-{h4}-{h4}-{h12}",
            "pat-eu1-{h8}-{h4}-{h4}-{h4}-{h12}",
        ],
        "https://developers.hubspot.com/docs/guides/apps/private-apps/overview",
    ),
    form(
        "mapbox-token",
        "a secret token of Mapbox",
        &["sk.eyJ{w60-300}.{w20-40}"],
        "https://docs.mapbox.com/help/glossary/access-token/",
    ),
    form(
        "shippo-token",
        "a live token of Shippo",
        &["shippo_live_{h40}"],
        "https://docs.goshippo.com/docs/guides_general/authentication/",
    ),
    form(
        "duffel-token",
        "a live token of Duffel",
        &["duffel_live_{w43}"],
        "https://duffel.com/docs/api/overview/making-requests",
    ),
    form(
        "clickhouse-cloud-key",
        "a secret of ClickHouse Cloud",
        &["4b1d{a38}"],
        "https://clickhouse.com/docs/cloud/manage/openapi",
    ),
];
