//! Findings in SARIF 2.1.0 (OASIS), as hosts of code and editors read them.

use serde_json::{Value, json};

use super::finding::Finding;
use super::rules::all;
use crate::secret::in_url;
use crate::text::clean;

/// The report of a run.
#[must_use]
pub fn sarif(findings: &[Finding]) -> Value {
    let mut rules = vec![json!({
        "id": "vault-value",
        "shortDescription": { "text": "a value of the vault" },
    })];
    rules.extend(all().map(|rule| {
        json!({ "id": rule.id, "shortDescription": { "text": rule.what }, "helpUri": rule.source })
    }));
    let results: Vec<Value> = findings.iter().map(result).collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "clws", "version": env!("CARGO_PKG_VERSION"), "rules": rules,
            }},
            "columnKind": "utf16CodeUnits",
            "results": results,
        }],
    })
}

fn result(finding: &Finding) -> Value {
    let commit = finding.commit.as_ref();
    let commit = commit
        .map(|commit| format!(", in {commit}"))
        .unwrap_or_default();
    json!({
        "ruleId": finding.rule(),
        "level": "error",
        "message": { "text": clean(&format!("{}{commit}; {}", finding.why(), finding.next())) },
        "locations": [{ "physicalLocation": {
            "artifactLocation": { "uri": in_url(finding.path.as_bytes(), b"/") },
            "region": { "startLine": finding.line.max(1) },
        }}],
    })
}
