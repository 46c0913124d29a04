//! Payments and shops.

use super::{Rule, form};

pub(super) const RULES: &[Rule] = &[
    form(
        "stripe-key",
        "a live key of Stripe",
        &["sk_live_{a24-128}", "rk_live_{a24-128}"],
        "https://docs.stripe.com/keys",
    ),
    form(
        "stripe-webhook-secret",
        "a signing secret of a Stripe webhook",
        &["whsec_{b32-64}", "whsec_{b32-64}="],
        "https://docs.stripe.com/webhooks",
    ),
    form(
        "square-token",
        "a token of Square",
        &["sq0atp-{w22}", "sq0csp-{w43}", "EAAA{w60}"],
        "https://developer.squareup.com/docs/build-basics/access-tokens",
    ),
    form(
        "shopify-token",
        "a token of Shopify",
        &["shpat_{H32}", "shpca_{H32}", "shppa_{H32}", "shpss_{H32}"],
        "https://shopify.dev/docs/apps/build/authentication-authorization",
    ),
    form(
        "braintree-token",
        "an access token of Braintree",
        &["access_token$production${l16}${h32}"],
        "https://developer.paypal.com/braintree/docs/guides/authorization/overview",
    ),
    form(
        "adyen-key",
        "an API key of Adyen",
        &["AQE{b80-400}-{b32-80}=-{b16-80}"],
        "https://docs.adyen.com/development-resources/api-credentials/",
    ),
    form(
        "razorpay-key",
        "a live key id of Razorpay",
        &["rzp_live_{a14}"],
        "https://razorpay.com/docs/payments/dashboard/account-settings/api-keys/",
    ),
    form(
        "flutterwave-key",
        "a secret key of Flutterwave",
        &["FLWSECK-{h32}-X"],
        "https://developer.flutterwave.com/docs/authentication",
    ),
    form(
        "easypost-key",
        "a key of EasyPost",
        &["EZAK{a54}"],
        "https://docs.easypost.com/docs/authentication",
    ),
];
