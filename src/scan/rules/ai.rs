//! Models behind an API.

use std::ops::Range;

use super::super::form::holds;
use super::super::text::Text;
use super::{Grounds, Rule, at, form};

pub(super) const RULES: &[Rule] = &[
    at(
        "openai-key",
        "an API key of OpenAI",
        Grounds::Form,
        &[b"t3blbkfj"],
        openai,
        "https://platform.openai.com/docs/api-reference/authentication",
    ),
    form(
        "anthropic-key",
        "an API key of Anthropic",
        &[
            "sk-ant-api03-{w93}AA",
            "sk-ant-admin01-{w93}AA",
            "sk-ant-{a3-8}-{w80-120}",
        ],
        "https://docs.anthropic.com/en/api/overview",
    ),
    form(
        "huggingface-token",
        "a token of Hugging Face",
        &["hf_{z34}", "api_org_{z34}"],
        "https://huggingface.co/docs/hub/security-tokens",
    ),
    form(
        "groq-key",
        "an API key of Groq",
        &["gsk_{a52}"],
        "https://console.groq.com/docs/quickstart",
    ),
    form(
        "replicate-token",
        "a token of Replicate",
        &["r8_{a37}"],
        "https://replicate.com/docs/topics/security/api-tokens",
    ),
    form(
        "perplexity-key",
        "an API key of Perplexity",
        &["pplx-{a48}"],
        "https://docs.perplexity.ai/guides/getting-started",
    ),
    form(
        "xai-key",
        "an API key of xAI",
        &["xai-{a80}"],
        "https://docs.x.ai/docs/overview",
    ),
    form(
        "openrouter-key",
        "an API key of OpenRouter",
        &["sk-or-v1-{h64}"],
        "https://openrouter.ai/docs/api-reference/authentication",
    ),
    form(
        "langsmith-key",
        "an API key of LangSmith",
        &["lsv2_pt_{h32}_{h10}", "lsv2_sk_{h32}_{h10}"],
        "https://docs.smith.langchain.com/administration/how_to_guides/organization_management/create_account_api_key",
    ),
];

/// `T3BlbkFJ`, the word OpenAI in base64, stands in the middle of each key.
fn openai(text: &Text<'_>, at: usize) -> Option<Range<usize>> {
    if !text.has(at, b"T3BlbkFJ") {
        return None;
    }
    let before = text.run_before(at, 120, |byte| holds(b'w', byte));
    let behind = text.run(at + 8, 120, |byte| holds(b'w', byte));
    let start = at - before;
    (text.has(start, b"sk-") && before >= 20 && behind >= 20).then(|| start..at + 8 + behind)
}
