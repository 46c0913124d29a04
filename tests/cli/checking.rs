//! What the scenarios of `clws check` share: a vault with some of everything, and findings as pairs.

use serde_json::Value;

use crate::lab::Lab;

/// A vault with two documents, a tombstone, a policy, a file and two readers, in which nothing is wrong.
pub(crate) fn lab() -> Lab {
    let lab = Lab::new()
        .people(&["ben", "eve"])
        .secret("dev/web/TOKEN", "hunter2")
        .secret("dev/web/URL", "https://example.invalid")
        .secret("dev/db/PASSWORD", "s3cret")
        .secret("dev/db/OLD", "gone");
    lab.clws("secret remove dev/db/OLD --yes").succeeds();
    lab.clws("secret policy dev/web/TOKEN --rotate-every 90d --owner ada")
        .succeeds();
    lab.clws("secret set dev/tls/web.key --type file")
        .stdin(b"a key\n")
        .succeeds();
    lab.clws("access grant ben dev/web --read --yes").succeeds();
    for flag in ["", "--full"] {
        let clean = found(&lab, flag, 0);
        assert_eq!(clean, [], "{clean:?}");
    }
    lab
}

/// Kinds and paths of what a check finds.
pub(crate) fn found(lab: &Lab, flags: &str, code: i32) -> Vec<(String, String)> {
    let ran = lab.clws(&format!("check --json {flags}")).exits(code);
    let json = ran.json();
    let findings = json["findings"].as_array().unwrap();
    let text = |finding: &Value, key: &str| finding[key].as_str().unwrap().to_owned();
    for finding in findings {
        assert!(finding["since"].is_null() || finding["since"].is_string());
        assert!(!text(finding, "why").is_empty());
        text(finding, "next");
    }
    findings
        .iter()
        .map(|finding| (text(finding, "kind"), text(finding, "path")))
        .collect()
}

pub(crate) fn read(lab: &Lab, file: &str) -> String {
    std::fs::read_to_string(lab.vault().join(file)).unwrap()
}

pub(crate) fn write(lab: &Lab, file: &str, bytes: impl AsRef<[u8]>) {
    let path = lab.vault().join(file);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}

pub(crate) fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    let own = |(kind, path): &(&str, &str)| ((*kind).to_owned(), (*path).to_owned());
    expected.iter().map(own).collect()
}
