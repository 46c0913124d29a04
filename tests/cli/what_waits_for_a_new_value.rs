//! The work list of a rotation: who left, what ends, and nothing else.

use crate::lab::Lab;

/// Ada decides; ben and cleo read and write dev.
fn lab() -> Lab {
    let lab = Lab::new()
        .people(&["ben", "cleo"])
        .secret("dev/web/TOKEN", "hunter2")
        .secret("dev/web/SALT", "pepper")
        .secret("prod/web/TOKEN", "for-ada-alone");
    lab.clws("secret set dev/keys/web.key --type file")
        .stdin(b"the-key")
        .succeeds();
    for name in ["ben", "cleo"] {
        lab.clws(&format!("access grant {name} dev --read --write --yes"))
            .succeeds();
    }
    lab.commit("before");
    lab
}

/// Path and kind of each finding.
fn waiting(lab: &Lab, words: &str) -> Vec<(String, String)> {
    let listed = lab
        .clws(&format!("rotate --due --dry-run --json {words}"))
        .succeeds()
        .json();
    let findings = listed["findings"].as_array().unwrap().clone();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    findings
        .iter()
        .map(|found| (text(&found["path"]), text(&found["kind"])))
        .collect()
}

fn found(path: &str, kind: &str) -> (String, String) {
    (path.to_owned(), kind.to_owned())
}

#[test]
fn what_who_left_could_read_is_on_the_list_until_it_has_a_new_value() {
    let lab = lab();
    assert_eq!(waiting(&lab, ""), []);
    lab.clws("recipient remove ben --yes").succeeds();
    let all = ["dev/keys/web.key", "dev/web/SALT", "dev/web/TOKEN"];
    assert_eq!(waiting(&lab, ""), all.map(|path| found(path, "exposed")));
    assert_eq!(
        waiting(&lab, "dev/web"),
        ["dev/web/SALT", "dev/web/TOKEN"].map(|path| found(path, "exposed"))
    );
    let shown = lab
        .clws("rotate --due --dry-run dev/keys")
        .succeeds()
        .text();
    assert!(shown.contains("ben left 2"), "{shown}");
    // Each entry's own next command takes it off the list.
    for path in all {
        let listed = lab.clws("rotate --due --dry-run --json").word(path);
        let next = listed.succeeds().json()["findings"][0]["next"].clone();
        let next = next
            .as_str()
            .unwrap()
            .strip_prefix("clws ")
            .unwrap()
            .to_owned();
        assert!(next.ends_with(path), "{next}");
        lab.clws(&next).stdin(b"a new one").succeeds();
    }
    assert_eq!(waiting(&lab, ""), []);
    let unknown = lab.clws("rotate --due --dry-run dev/wep").exits(18);
    assert!(unknown.err.contains("dev/wep"), "{}", unknown.err);
}

#[test]
fn ends_owners_and_components_are_named_without_a_private_key() {
    let lab = lab();
    lab.clws("secret policy dev/web --expires 2001-01-01 --owner cleo")
        .succeeds();
    lab.clws("secret policy dev/web/SALT --expires 2900-01-01 --rotator random")
        .succeeds();
    std::fs::create_dir_all(lab.vault().join("hooks")).unwrap();
    let hook = "[runs_on]\nmachine_type = \"server\"\n[runs_on.prod]\nmachine_type = \"mysql\"\n\
                [process]\ncommand = [\"x\"]\n[env]\nTOKEN = { secret = \"web/TOKEN\" }\n";
    std::fs::write(lab.vault().join("hooks/front.toml"), hook).unwrap();
    std::fs::write(lab.vault().join("hooks/torn.toml"), "[process").unwrap();
    // Nobody's identity is needed.
    let listed = lab
        .clws("rotate --due --dry-run --json --identity nowhere")
        .succeeds();
    assert!(listed.err.contains("hooks/torn.toml"), "{}", listed.err);
    let listed = listed.json();
    let findings = listed["findings"].as_array().unwrap();
    assert_eq!(findings.len(), 1, "{listed}");
    let one = &findings[0];
    assert_eq!(one["path"], "dev/web/TOKEN");
    assert_eq!(one["kind"], "expired");
    assert_eq!(one["since"], "2001-01-01");
    assert_eq!(one["owner"], "cleo");
    assert_eq!(one["components"], serde_json::json!(["front"]));
    // What nobody signed says nothing.
    let file = lab.vault().join("secrets/dev/web.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let forged = text.replace("expires = \"2900-01-01\"", "expires = \"1999-01-01\"");
    assert_ne!(text, forged);
    std::fs::write(&file, forged).unwrap();
    let listed = lab.clws("rotate --due --dry-run").succeeds();
    assert!(listed.err.contains("dev/web/SALT"), "{}", listed.err);
    assert!(!listed.text().contains("SALT"), "{}", listed.text());
}

#[test]
fn a_value_made_by_hand_is_taken_at_a_prompt_and_the_steps_are_numbered() {
    let lab = lab();
    lab.clws("secret policy dev/web/TOKEN --rotator by-hand")
        .succeeds();
    let rotate = |value: &'static str| {
        let run = lab.clws("rotate dev/web/TOKEN --yes");
        run.stdin(value.as_bytes())
    };
    let refused = rotate("hunter2").exits(2);
    assert!(refused.err.contains("the old one"), "{}", refused.err);
    let done = rotate("made elsewhere").succeeds();
    let at = |step: &str| {
        done.err
            .find(step)
            .unwrap_or_else(|| panic!("{step}: {}", done.err))
    };
    assert!(at("1. make a new value") < at("2. give") && at("2. give") < at("3. withdraw the old"));
    let token = || lab.clws("secret get dev/web/TOKEN").succeeds().text();
    assert_eq!(token(), "made elsewhere");
    // Without a yes nothing is done.
    lab.clws("rotate dev/web/TOKEN").stdin(b"x").exits(15);
    assert_eq!(token(), "made elsewhere");
    lab.clws("check --full").succeeds();
}

/// A certificate that holds for so many days.
fn certificate(days: &str) -> String {
    let made = std::process::Command::new(crate::tool::tool("openssl"))
        .args(["req", "-x509", "-nodes", "-newkey", "ec", "-pkeyopt"])
        .args(["ec_paramgen_curve:P-256", "-subj", "/CN=web.example"])
        .args(["-keyout", "/dev/null", "-days", days])
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    String::from_utf8(made.stdout).unwrap()
}

#[test]
fn certificates_say_themselves_when_they_end() {
    let lab = lab();
    for (path, days) in [("dev/tls/near.crt", "20"), ("dev/tls/far.crt", "90")] {
        lab.clws(&format!("secret set {path} --type file"))
            .stdin(certificate(days).as_bytes())
            .succeeds();
    }
    lab.clws("secret set dev/web/CHAIN")
        .stdin(format!("{}{}", certificate("90"), certificate("10")).as_bytes())
        .succeeds();
    let hooks = lab.vault().join("hooks/front/tls");
    std::fs::create_dir_all(&hooks).unwrap();
    std::fs::write(hooks.join("ca.pem"), certificate("15")).unwrap();
    std::fs::write(hooks.join("other-ca.pem"), certificate("900")).unwrap();
    let ends = [
        ("dev/tls/near.crt", "clws secret set dev/tls/near.crt"),
        ("dev/web/CHAIN", "clws secret set dev/web/CHAIN"),
        (
            "hooks/front/tls/ca.pem",
            "put a new one there, then clws hook sign front",
        ),
    ];
    assert_eq!(
        waiting(&lab, ""),
        ends.map(|(path, _)| found(path, "expiring"))
    );
    assert_eq!(waiting(&lab, "dev/tls"), [found(ends[0].0, "expiring")]);
    // Its key is rotated, and it comes along.
    lab.clws("secret set dev/tls/near.key --type file")
        .stdin(b"the-key")
        .succeeds();
    lab.clws("secret policy dev/tls/near.key --rotator tls")
        .succeeds();
    let listed = lab.clws("rotate --due --dry-run dev/tls --json");
    let listed = listed.succeeds().json();
    let next = listed["findings"][0]["next"].clone();
    assert_eq!(next, "clws rotate dev/tls/near.key");
    lab.clws("secret policy dev/tls/near.key --rotator by-hand")
        .succeeds();
    let checked = lab.clws("check --json").succeeds().json();
    let noted: Vec<(String, String)> = checked["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|found| found["kind"] == "due")
        .map(|found| {
            let text = |key: &str| found[key].as_str().unwrap().to_owned();
            assert!(text("why").contains("expires on 2"), "{found}");
            (text("path"), text("next"))
        })
        .collect();
    assert_eq!(
        noted,
        ends.map(|(path, next)| (path.to_owned(), next.to_owned()))
    );

    // A new one takes it off the list, by whichever way it comes.
    lab.clws("secret set dev/tls/near.crt")
        .stdin(certificate("365").as_bytes())
        .succeeds();
    lab.clws("secret policy dev/web/CHAIN --rotator by-hand")
        .succeeds();
    lab.clws("rotate dev/web/CHAIN --yes")
        .stdin(certificate("365").as_bytes())
        .succeeds();
    std::fs::write(hooks.join("ca.pem"), certificate("365")).unwrap();
    assert_eq!(waiting(&lab, ""), []);
}
