//! `clws server push`, `pull`, `diff` and `sync` against the real OpenBao.

use serde_json::{Value, json};

use crate::support::bao::VERSIONS;
use crate::support::lab::{contains, forms};
use crate::team::Team;

const VALUE: &str = "value-of-the-test-0123456789";

#[test]
fn a_document_goes_there_and_what_changes_goes_to_where_it_is_older() {
    for program in VERSIONS {
        let team = Team::of(program);
        team.set("prod/web/TOKEN", VALUE);
        let port = team.lab.clws("secret set prod/web/PORT --type integer");
        port.stdin(b"8080").succeeds();
        assert_eq!(team.standing("prod/web"), "ahead");
        // The plan alone.
        let plan = team.clws("server push prod --dry-run").succeeds();
        let told = plan.text();
        assert!(
            told.contains("write   prod/web  secret/prod/web  + PORT, + TOKEN"),
            "{told}"
        );
        assert_eq!(team.standing("prod/web"), "ahead");
        let push = team.clws("server push prod --yes").succeeds();
        assert!(push.err.contains("wrote 1"), "{}", push.err);
        let there = team.there("prod/web");
        assert_eq!(
            there["data"]["data"],
            json!({ "TOKEN": VALUE, "PORT": 8080 })
        );
        assert_eq!(there["data"]["metadata"]["version"], 1);
        // Nobody reads a value from what is noted: no hash of one either.
        let noted = there["data"]["metadata"]["custom_metadata"].to_string();
        let sum = clws::crypto::hex(&clws::crypto::sha256(VALUE.as_bytes()));
        assert!(!noted.contains(VALUE) && !noted.contains(&sum), "{noted}");
        let same = team.clws("server diff prod").succeeds();
        assert!(same.text().contains("same"), "{}", same.text());
        let idle = team.clws("server push prod --yes").succeeds();
        assert!(idle.err.contains("nothing to do"), "{}", idle.err);
        // The server's is newer: a push would overwrite it.
        team.put(
            "prod/web",
            r#"{"TOKEN":"theirs","PORT":8080,"NEW":[1,"a"]}"#,
        );
        assert_eq!(team.standing("prod/web"), "behind");
        let conflict = team.clws("server push prod --yes").exits(16);
        assert!(
            conflict.err.contains("clws server pull prod/web"),
            "{}",
            conflict.err
        );
        let pull = team.clws("server pull prod/web --yes").succeeds();
        assert!(
            pull.text().contains("~ TOKEN") && pull.text().contains("+ NEW"),
            "{}",
            pull.text()
        );
        assert!(!pull.text().contains("PORT"), "{}", pull.text());
        assert_eq!(team.get("prod/web/TOKEN"), "theirs");
        assert_eq!(team.get("prod/web/NEW"), "[1, \"a\"]");
        assert_eq!(team.standing("prod/web"), "same");
        team.lab.clws("check").succeeds();
        // Removed here: the field goes, older versions there stay.
        team.lab.clws("secret remove prod/web/NEW --yes").succeeds();
        team.clws("server sync prod/web --yes").succeeds();
        assert_eq!(team.there("prod/web")["data"]["data"]["NEW"], Value::Null);
        let old = [
            "kv",
            "get",
            "-version=2",
            "-field=NEW",
            "-mount=secret",
            "prod/web",
        ];
        team.bao.bao(&old, b"");
        team.lab.nowhere(&[VALUE.to_owned()]);
    }
}

#[test]
fn what_both_changed_is_a_conflict_and_nothing_is_done() {
    let team = Team::new();
    team.set("prod/web/A", "one");
    team.set("prod/other/B", "one");
    team.clws("server push prod --yes").succeeds();
    team.set("prod/web/A", "ours");
    team.set("prod/other/B", "two");
    team.put("prod/web", r#"{"A":"theirs"}"#);
    for command in ["push", "pull", "sync"] {
        let refused = team.clws(&format!("server {command} prod --yes")).exits(16);
        assert!(refused.err.contains("prod/web"), "{}", refused.err);
    }
    assert_eq!(team.get("prod/web/A"), "ours");
    assert_eq!(
        team.there("prod/web")["data"]["data"],
        json!({ "A": "theirs" })
    );
    // Not even what had none.
    assert_eq!(
        team.there("prod/other")["data"]["data"],
        json!({ "B": "one" })
    );
    // What the server never had is not removed by it.
    team.set("prod/new/A", "ours");
    team.clws("server pull --theirs prod/web prod/new --yes")
        .succeeds();
    assert_eq!(team.get("prod/web/A"), "theirs");
    assert_eq!(team.get("prod/new/A"), "ours");
    assert_eq!(team.standing("prod/web"), "same");
    // The same change on both sides is none.
    team.set("prod/web/A", "agreed");
    team.put("prod/web", r#"{"A":"agreed"}"#);
    assert_eq!(team.standing("prod/web"), "apart");
    team.clws("server push prod --yes").succeeds();
    assert_eq!(team.standing("prod/web"), "same");
    assert_eq!(team.there("prod/web")["data"]["metadata"]["version"], 3);
}

#[test]
fn what_was_there_before_is_taken_over_and_nothing_of_others_is_lost() {
    let team = Team::new();
    team.put("prod/web", r#"{"A":"theirs","ON":true,"N":1.5}"#);
    let custom = [
        "kv",
        "metadata",
        "put",
        "-mount=secret",
        "-custom-metadata=owner=ops",
        "prod/web",
    ];
    team.bao.bao(&custom, b"");
    team.set("prod/web/A", "ours");
    assert_eq!(team.standing("prod/web"), "apart");
    team.clws("server push prod/web --yes").exits(16);
    team.clws("server sync prod/web --yes").exits(16);
    team.clws("server pull prod/web --yes").succeeds();
    assert_eq!(team.get("prod/web/A"), "theirs");
    assert_eq!(team.get("prod/web/ON"), "true");
    let noted = &team.there("prod/web")["data"]["metadata"]["custom_metadata"];
    assert_eq!(noted["owner"], "ops");
    // On the server alone.
    team.put("prod/new", r#"{"A":"b"}"#);
    assert_eq!(team.standing("prod/new"), "theirs");
    let idle = team.clws("server push prod --yes").succeeds();
    assert!(idle.err.contains("nothing to do"), "{}", idle.err);
    team.clws("server pull prod --yes").succeeds();
    assert_eq!(team.get("prod/new/A"), "b");
    // What the vault has no name for is no silence.
    team.put("prod/UPPER", r#"{"A":"b"}"#);
    let diff = team.clws("server diff prod").exits(1);
    assert!(
        diff.text().contains("left out  prod/UPPER"),
        "{}",
        diff.text()
    );
    let count = "1 secret of the server left out";
    assert!(diff.err.contains(count), "{}", diff.err);
    let diff = team.clws("server diff prod --json").exits(1).json();
    let why = diff["left_out"]["prod/UPPER"].as_str().unwrap();
    assert!(why.contains("is no name of a document"), "{why}");
    let pull = team.clws("server pull prod --yes").succeeds();
    assert!(pull.err.contains(count), "{}", pull.err);
    // Nor can it hold this.
    team.put("prod/deep/er", r#"{"A":"b"}"#);
    let stopped = team.clws("server pull prod --yes").exits(10);
    assert!(stopped.err.contains("name the others"), "{}", stopped.err);
}

#[test]
fn what_was_removed_on_one_side_is_removed_on_the_other() {
    let team = Team::new();
    team.set("prod/web/A", "one");
    team.set("prod/web/B", "two");
    team.set("prod/old/A", "one");
    team.clws("server push prod --yes").succeeds();
    team.lab.clws("secret remove prod/old/A --yes").succeeds();
    assert_eq!(team.standing("prod/old"), "removed");
    let push = team.clws("server push prod --yes").succeeds();
    assert!(push.text().contains("delete"), "{}", push.text());
    // It can be had back there.
    team.bao.bao(
        &["kv", "undelete", "-mount=secret", "-versions=1", "prod/old"],
        b"",
    );
    assert_eq!(
        team.there("prod/old")["data"]["data"],
        json!({ "A": "one" })
    );
    team.bao
        .bao(&["kv", "delete", "-mount=secret", "prod/web"], b"");
    assert_eq!(team.standing("prod/web"), "behind");
    team.clws("server push prod/web --yes").exits(16);
    let pull = team.clws("server pull prod/web --yes").succeeds();
    assert!(pull.text().contains("- A, - B"), "{}", pull.text());
    team.lab.clws("secret get prod/web/A").exits(18);
}

#[test]
fn what_was_only_taken_out_of_the_repository_stays_on_the_server() {
    let team = Team::new();
    for (path, value) in [("web/A", "one"), ("web/B", "two"), ("old/A", "one")] {
        team.set(&format!("prod/{path}"), value);
    }
    team.clws("server push prod --yes").succeeds();
    let old = team.lab.vault().join("secrets/prod/old.toml");
    let whole = std::fs::read_to_string(&old).unwrap();
    // Nobody signed that any of it is gone.
    let removed = whole.replace("type = \"string\"", "state = \"removed\"");
    let value = removed.lines().find(|line| line.starts_with("value = "));
    let forged = removed.replace(&format!("{}\n", value.unwrap()), "");
    for (here, code) in [(None, 18), (Some(forged), 12)] {
        match here {
            Some(text) => std::fs::write(&old, text).unwrap(),
            None => std::fs::remove_file(&old).unwrap(),
        }
        assert_eq!(team.standing("prod/old"), "removed");
        for way in ["push", "sync"] {
            let refused = team.clws(&format!("server {way} prod --yes")).exits(code);
            assert!(refused.err.contains("prod/old/A"), "{}", refused.err);
        }
        assert_eq!(
            team.there("prod/old")["data"]["data"],
            json!({ "A": "one" })
        );
    }
    std::fs::write(&old, whole).unwrap();
    // Nor is one value of several.
    let web = team.lab.vault().join("secrets/prod/web.toml");
    let text = std::fs::read_to_string(&web).unwrap();
    let (at, end) = (
        text.find("[secret.A]").unwrap(),
        text.find("[secret.B]").unwrap(),
    );
    std::fs::write(&web, format!("{}{}", &text[..at], &text[end..])).unwrap();
    team.clws("server push prod --yes").exits(18);
    assert_eq!(team.there("prod/web")["data"]["data"]["A"], "one");
}

#[test]
fn a_sealed_file_is_one_field_and_keeps_its_mode() {
    let team = Team::new();
    let key = [b"\x00\xff-----BEGIN".as_slice(), VALUE.as_bytes()].concat();
    let set = team.lab.clws("secret set prod/tls/server.key --type file");
    set.stdin(&key).succeeds();
    team.clws("server push prod --yes").succeeds();
    let there = team.there("prod/tls/server.key");
    let text = there["data"]["data"]["content"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(clws::crypto::decode_base64(&text).unwrap(), key);
    assert_eq!(
        there["data"]["metadata"]["custom_metadata"]["clws-mode"],
        "0600"
    );
    assert_eq!(team.standing("prod/tls/server.key"), "same");
    let other = clws::crypto::encode_base64(b"new");
    team.put(
        "prod/tls/server.key",
        &format!(r#"{{"content":"{other}"}}"#),
    );
    team.clws("server sync prod --yes").succeeds();
    assert_eq!(team.get("prod/tls/server.key"), "new");
    // A rekey seals everything anew and changes nothing.
    team.lab.clws("rekey prod --yes").succeeds();
    assert_eq!(team.standing("prod/tls/server.key"), "same");
    // What no server takes.
    let big = team.lab.clws("secret set prod/tls/big --type file");
    big.stdin(&vec![7; 900 * 1024]).succeeds();
    let refused = team.clws("server push prod/tls/big --yes").exits(10);
    assert!(
        refused.err.contains("no place for large files"),
        "{}",
        refused.err
    );
}

#[test]
fn only_a_store_with_versions_is_written_to() {
    let team = Team::new();
    team.set("prod/web/A", "one");
    team.bao
        .bao(&["secrets", "enable", "-version=1", "-path=old", "kv"], b"");
    let refused = team.clws("server push prod/web --kv old --yes").exits(17);
    assert!(
        refused.err.contains("bao kv enable-versioning old"),
        "{}",
        refused.err
    );
    let refused = team
        .clws("server push prod/web --kv cubbyhole --yes")
        .exits(17);
    assert!(refused.err.contains("`cubbyhole`"), "{}", refused.err);
    let refused = team
        .clws("server push prod/web --kv nothing/there --yes")
        .exits(17);
    assert!(refused.err.contains("--kv MOUNT/PREFIX"), "{}", refused.err);
    team.clws("server push prod/web --kv secret/team/clws --yes")
        .succeeds();
    assert_eq!(
        team.there("team/clws/prod/web")["data"]["data"],
        json!({ "A": "one" })
    );
    team.clws("server push prod/web/A --yes").exits(2);
    team.clws("server push prod/nothing --yes").exits(18);
}

#[test]
fn no_value_is_read_to_compare_and_each_use_is_logged() {
    let team = Team::new();
    team.set("prod/web/A", VALUE);
    team.clws("server push prod --yes").succeeds();
    let log = team.lab.clws("audit show prod/web").succeeds().text();
    assert!(log.contains("server push"), "{log}");
    // A token that may see what is noted, and no value.
    let policy = br#"path "secret/metadata/*" { capabilities = ["read", "list"] }"#;
    team.bao.bao(&["policy", "write", "looks", "-"], policy);
    let token = ["token", "create", "-field=token", "-policy=looks"];
    let token = team.bao.bao(&token, b"").trim().to_owned();
    let diff = team.clws("server diff prod").env("VAULT_TOKEN", &token);
    let told = diff.succeeds();
    assert!(told.text().contains("same"), "{}", told.text());
    team.clws("server pull prod/web --yes")
        .env("VAULT_TOKEN", &token)
        .succeeds();
    for form in forms(VALUE) {
        assert!(!contains(&told.out, &form));
    }
    let after = team.lab.clws("audit show prod/web").succeeds().text();
    assert_eq!(
        after.matches("server").count(),
        log.matches("server").count(),
        "{after}"
    );
}

#[test]
fn a_run_that_logs_in_by_itself_leaves_no_token() {
    let team = Team::new();
    team.set("prod/web/A", "one");
    team.bao.bao(&["auth", "enable", "approle"], b"");
    let policy = br#"path "secret/*" { capabilities = ["create", "read", "update", "list"] }"#;
    team.bao.bao(&["policy", "write", "ci", "-"], policy);
    let role = "auth/approle/role/ci";
    team.bao.bao(&["write", role, "token_policies=ci"], b"");
    let id = ["read", "-field=role_id", &format!("{role}/role-id")];
    let id = team.bao.bao(&id, b"").trim().to_owned();
    let secret = || {
        let words = [
            "write",
            "-f",
            "-field=secret_id",
            &format!("{role}/secret-id"),
        ];
        team.bao.bao(&words, b"").trim().to_owned()
    };
    let accessors = || {
        team.bao
            .bao(&["list", "auth/token/accessors"], b"")
            .lines()
            .count()
    };
    let before = accessors();
    let run = |words: &str| {
        let run = team.lab.clws(words).env("BAO_ADDR", &team.bao.address);
        run.env("VAULT_ROLE_ID", &id)
            .env("VAULT_SECRET_ID", secret())
    };
    run("server push prod --yes").succeeds();
    run("server push prod/nothing --yes").exits(18);
    assert_eq!(accessors(), before);
}

#[test]
fn references_say_where_values_lie_and_open_nothing() {
    let team = Team::new();
    team.set("prod/web/A", VALUE);
    team.set("prod/web/GONE", "x");
    team.lab
        .clws("secret remove prod/web/GONE --yes")
        .succeeds();
    let file = team.lab.clws("secret set prod/tls/key --type file");
    file.stdin(b"key").succeeds();
    team.clws("server push prod --kv secret/team --yes")
        .succeeds();
    let words = "export prod/web --format vault-references --kv secret/team --out -";
    let references = team.lab.clws(words).succeeds().json();
    assert_eq!(
        references,
        json!({ "A": "ref+vault://secret/team/prod/web#/A" })
    );
    let (path, field) = ("team/prod/web", "-field=A");
    let there = team
        .bao
        .bao(&["kv", "get", field, "-mount=secret", path], b"");
    assert_eq!(there.trim(), VALUE);
    let words = "export prod/tls/key --format vault-references --out -";
    let references = team.lab.clws(words).succeeds().json();
    assert_eq!(
        references,
        json!({ "content": "ref+vault://secret/prod/tls/key#/content" })
    );
    team.lab
        .clws("export prod --format vault-references --out -")
        .exits(2);
    team.lab
        .clws("export prod/web --format vault-references --out x")
        .exits(2);
}

#[test]
fn a_document_is_read_as_often_whether_two_or_twenty_values_were_removed() {
    let mut seen = Vec::new();
    for number in [2, 20] {
        let team = Team::new();
        let file = team.lab.root().join("big.env");
        let line = |number: usize| format!("NAME_{number}=value\n");
        std::fs::write(&file, (0..=number).map(line).collect::<String>()).unwrap();
        let import = team.lab.clws("import --yes --scope prod");
        import.word(file.to_str().unwrap()).succeeds();
        team.clws("server push prod/big --yes").succeeds();
        let names = (0..number).map(|number| format!("prod/big/NAME_{number}"));
        let names: Vec<String> = names.collect();
        let remove = format!("secret remove {} --yes", names.join(" "));
        team.lab.clws(&remove).succeeds();
        for way in ["sync --dry-run", "push"] {
            let push = team.clws(&format!("server {way} prod/big --yes"));
            let (ran, calls) = push.traced("openat,openat2");
            assert!(ran.status.success(), "{way}");
            let told = String::from_utf8_lossy(&ran.stdout);
            assert_eq!(told.matches("- NAME_").count(), number, "{told}");
            let is_read = |line: &&String| line.contains("big.toml\"");
            seen.push(calls.iter().filter(is_read).count());
        }
    }
    assert!(seen[0] > 0 && seen[..2] == seen[2..], "{seen:?}");
}
