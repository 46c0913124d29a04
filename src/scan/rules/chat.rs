//! Messengers and mail.

use std::ops::Range;

use super::super::form::holds;
use super::super::text::Text;
use super::{Grounds, Rule, at, form};

pub(super) const RULES: &[Rule] = &[
    form(
        "slack-token",
        "a token of Slack",
        &[
            "xoxb-{d9-14}-{d9-14}-{a16-40}",
            "xoxb-{d9-14}-{a16-40}",
            "xoxp-{d9-14}-{d9-14}-{d9-14}-{a28-40}",
            "xoxp-{d9-14}-{d9-14}-{a28-40}",
            "xoxa-{w20-100}",
            "xoxr-{w20-100}",
            "xoxs-{w20-100}",
            "xoxc-{w20-120}",
            "xoxe-{d1}-{a100-200}",
            "xoxe.xoxp-{d1}-{a100-200}",
            "xoxe.xoxb-{d1}-{a100-200}",
            "xapp-{d1}-{u9-14}-{d9-14}-{a40-80}",
        ],
        "https://docs.slack.dev/authentication/tokens/",
    ),
    form(
        "slack-webhook",
        "an incoming webhook of Slack",
        &[
            "hooks.slack.com/services/T{u8-12}/B{u8-12}/{a24}",
            "hooks.slack.com/workflows/T{u8-12}/A{u8-12}/{d15-19}/{a24}",
            "hooks.slack.com/triggers/T{u8-12}/{d10-14}/{h32}",
        ],
        "https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks/",
    ),
    at(
        "telegram-token",
        "a bot's token of Telegram",
        Grounds::Form,
        &[b":aa"],
        telegram,
        "https://core.telegram.org/bots/api#authorizing-your-bot",
    ),
    form(
        "discord-webhook",
        "a webhook of Discord",
        &[
            "discord.com/api/webhooks/{d17-20}/{w60-72}",
            "discordapp.com/api/webhooks/{d17-20}/{w60-72}",
        ],
        "https://discord.com/developers/docs/resources/webhook",
    ),
    at(
        "discord-token",
        "a bot's token of Discord",
        Grounds::Form,
        &[b"discord"],
        discord,
        "https://discord.com/developers/docs/reference#authentication",
    ),
    form(
        "teams-webhook",
        "an incoming webhook of Teams",
        &[
            "webhook.office.com/webhookb2/{H8}-{H4}-{H4}-{H4}-{H12}@{H8}-{H4}-{H4}-{H4}-{H12}/IncomingWebhook/{h32}/",
        ],
        "https://learn.microsoft.com/en-us/microsoftteams/platform/webhooks-and-connectors/how-to/add-incoming-webhook",
    ),
    form(
        "sendgrid-key",
        "an API key of SendGrid",
        &["SG.{w22}.{w43}"],
        "https://www.twilio.com/docs/sendgrid/ui/account-and-settings/api-keys",
    ),
    form(
        "mailgun-key",
        "an API key of Mailgun",
        &["key-{h32}"],
        "https://documentation.mailgun.com/docs/mailgun/api-reference/mg-auth",
    ),
    at(
        "mailchimp-key",
        "an API key of Mailchimp",
        Grounds::Form,
        &[
            b"-us1", b"-us2", b"-us3", b"-us4", b"-us5", b"-us6", b"-us7", b"-us8", b"-us9",
        ],
        mailchimp,
        "https://mailchimp.com/developer/marketing/guides/quick-start/",
    ),
    form(
        "brevo-key",
        "an API key of Brevo",
        &["xkeysib-{h64}-{a16}", "xsmtpsib-{h64}-{a16}"],
        "https://developers.brevo.com/docs/getting-started",
    ),
    form(
        "twilio-key",
        "an API key of Twilio",
        &["SK{h32}"],
        "https://www.twilio.com/docs/glossary/what-is-a-sid",
    ),
    form(
        "resend-key",
        "an API key of Resend",
        &["re_{a8}_{a24}"],
        "https://resend.com/docs/dashboard/api-keys/introduction",
    ),
];

/// The bot's number, `:`, and 35 characters that begin with `AA`.
fn telegram(text: &Text<'_>, at: usize) -> Option<Range<usize>> {
    let number = text.run_before(at, 11, |byte| holds(b'd', byte));
    let behind = text.run(at + 1, 40, |byte| holds(b'w', byte));
    let start = at - number;
    // In a URL of its API the number follows `bot`.
    let begins = text.begins_word(start) || text.get(start.saturating_sub(3)..start) == b"bot";
    (text.has(at, b":AA") && (8..=10).contains(&number) && behind == 35 && begins)
        .then(|| start..at + 36)
}

/// The bot's number in base64, six characters of time, and 27 to 38 more, in a line about Discord or the
/// two behind it.
fn discord(text: &Text<'_>, at: usize) -> Option<Range<usize>> {
    let end = at + 300;
    let mut from = at;
    while let Some(dot) = memchr::memchr(b'.', text.get(from..end)) {
        let dot = from + dot;
        let first = text.run_before(dot, 30, |byte| holds(b'w', byte));
        let time = text.run(dot + 1, 8, |byte| holds(b'w', byte));
        let last = text.run(dot + 8, 40, |byte| holds(b'w', byte));
        let start = dot - first;
        let is_number = matches!(text.byte(start), Some(b'M' | b'N' | b'O'));
        if is_number
            && (23..=28).contains(&first)
            && time == 6
            && text.has(dot + 7, b".")
            && (27..=38).contains(&last)
        {
            return Some(start..dot + 8 + last);
        }
        from = dot + 1;
    }
    None
}

fn mailchimp(text: &Text<'_>, at: usize) -> Option<Range<usize>> {
    let before = text.run_before(at, 33, |byte| holds(b'h', byte));
    let start = at - before.min(32);
    let centre = text.run(at + 3, 3, |byte| holds(b'd', byte));
    (before == 32 && text.begins_word(start) && text.ends_word(at + 3 + centre) && centre <= 2)
        .then(|| start..at + 3 + centre)
}
