//! Clouds beside the three large ones, and networks.

use super::{Rule, form};

pub(super) const RULES: &[Rule] = &[
    form(
        "digitalocean-token",
        "a token of DigitalOcean",
        &["dop_v1_{h64}", "doo_v1_{h64}", "dor_v1_{h64}"],
        "https://docs.digitalocean.com/reference/api/create-personal-access-token/",
    ),
    form(
        "alibaba-key-id",
        "an access key id of Alibaba Cloud",
        &["LTAI{a20}"],
        "https://www.alibabacloud.com/help/en/ram/user-guide/create-an-accesskey-pair",
    ),
    form(
        "fly-token",
        "a token of Fly.io",
        &["FlyV1 fm2_{e80-}", "fo1_{w43}"],
        "https://fly.io/docs/security/tokens/",
    ),
    form(
        "heroku-token",
        "a token of Heroku",
        &["HRKU-AA{w58}", "HRKU-{h8}-{h4}-{h4}-{h4}-{h12}"],
        "https://devcenter.heroku.com/articles/authentication",
    ),
    form(
        "netlify-token",
        "a token of Netlify",
        &["nfp_{a36}", "nfc_{a36}", "nfo_{a36}"],
        "https://docs.netlify.com/api/get-started/",
    ),
    form(
        "vercel-token",
        "a token of Vercel",
        &["vcp_{a56}", "vck_{a56}", "vca_{a56}"],
        "https://vercel.com/docs/sign-in-with-vercel/tokens",
    ),
    form(
        "scaleway-key-id",
        "an access key id of Scaleway",
        &["SCW{u17}"],
        "https://www.scaleway.com/en/docs/iam/concepts/",
    ),
    form(
        "tailscale-key",
        "a key of Tailscale",
        &[
            "tskey-auth-{a10-24}-{a20-48}",
            "tskey-api-{a10-24}-{a20-48}",
            "tskey-client-{a10-24}-{a20-48}",
        ],
        "https://tailscale.com/kb/1085/auth-keys",
    ),
    form(
        "supabase-token",
        "a token of Supabase",
        &["sbp_{h40}", "sb_secret_{w31}"],
        "https://supabase.com/docs/guides/api/api-keys",
    ),
    form(
        "planetscale-token",
        "a credential of PlanetScale",
        &[
            "pscale_tkn_{c32-64}",
            "pscale_pw_{c32-64}",
            "pscale_oauth_{c32-64}",
        ],
        "https://planetscale.com/docs/api/reference/service-tokens",
    ),
    form(
        "cloudflare-origin-key",
        "an origin CA key of Cloudflare",
        &["v1.0-{h24}-{h146}"],
        "https://developers.cloudflare.com/fundamentals/api/get-started/ca-keys/",
    ),
    form(
        "databricks-token",
        "a token of Databricks",
        &["dapi{h32}", "dapi{h32}-{d1}", "dose{h32}"],
        "https://docs.databricks.com/en/dev-tools/auth/pat.html",
    ),
];
