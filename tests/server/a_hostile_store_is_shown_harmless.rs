//! A server that answers as a store, with names and values that no vault has: the program shows them as what
//! they are, takes nothing over, and ends.

use std::io::Write as _;

use serde_json::{Value, json};

use crate::hostile::{Asked, Hostile, whole};
use crate::support::lab::{Lab, Ran};

const ESCAPE: &str = "\u{1b}[2J\u{1b}]0;x\u{7}\u{202e}\u{9b}31m";
const TOKEN: &str = "s.tokenOfTheTest0123456789";

/// Answers as a store in which `prod/web` has these fields.
fn store(fields: Value, mount: Value) -> Hostile {
    Hostile::start(move |asked: &Asked, _, stream| {
        let path = asked.line.split(' ').nth(1).unwrap().to_owned();
        let noted = json!({
            "clws-kind": "document", "clws-version": "1", "clws-content": ESCAPE,
            "clws-key": ESCAPE, "clws-vault": ESCAPE, "clws-revs-00": format!("{ESCAPE}=1"),
        });
        let version = json!({ "created_time": "", "deletion_time": "", "destroyed": false });
        let data = if path.contains("lookup-self") {
            json!({ "display_name": ESCAPE, "policies": [ESCAPE], "ttl": 60, "renewable": true })
        } else if path.contains("ui/mounts") {
            mount.clone()
        } else if asked.line.starts_with("LIST") {
            json!({ "keys": ["web", ESCAPE, "../../../etc/passwd", "..", ".", "a/b", "", "/"] })
        } else if path.contains("/metadata/") {
            json!({
                "cas_required": false, "created_time": "", "current_version": 1,
                "delete_version_after": "", "max_versions": 0, "oldest_version": 0,
                "updated_time": "", "custom_metadata": noted, "versions": { "1": version },
            })
        } else {
            json!({ "data": fields, "metadata": {
                "created_time": "", "deletion_time": "", "destroyed": false, "version": 1,
                "custom_metadata": noted,
            } })
        };
        let text = json!({ "data": data, "warnings": [ESCAPE] }).to_string();
        stream.write_all(whole("200 OK", "", &text).as_bytes())
    })
}

fn kv() -> Value {
    json!({ "path": "secret/", "type": "kv", "options": { "version": "2" } })
}

fn harmless(ran: &Ran) {
    let text = format!("{}{}", ran.text(), ran.err);
    let dangerous = |c: char| c != '\n' && (c.is_control() || c == '\u{202e}');
    assert!(!text.contains(dangerous), "{}: {text:?}", ran.words);
    assert!(!text.contains(TOKEN), "{text}");
}

#[test]
fn names_and_values_of_a_server_draw_nothing_and_lead_nowhere() {
    for fields in [
        json!({ ESCAPE: "a" }),
        json!({ "../../x": "a" }),
        json!({ "A": null }),
        json!({ "A": [[[null]]] }),
        json!([ESCAPE]),
        json!("text"),
    ] {
        let hostile = store(fields, kv());
        let lab = Lab::new();
        let clws = |words: &str| {
            let run = lab.clws(words).env("VAULT_ADDR", &hostile.address);
            run.env("VAULT_TOKEN", TOKEN).run()
        };
        let diff = clws("server diff prod");
        assert_eq!(diff.code, 1, "{}", diff.err);
        assert!(
            diff.text().contains("theirs    prod/web"),
            "{}",
            diff.text()
        );
        // A name that no vault allows is a row of its own, and of one line.
        assert_eq!(diff.text().lines().count(), 3, "{}", diff.text());
        let pull = clws("server pull prod --yes");
        assert_eq!(pull.code, 10, "{}", pull.err);
        for ran in [
            diff,
            pull,
            clws("server status"),
            clws("server diff prod --json"),
        ] {
            harmless(&ran);
        }
        assert!(!lab.vault().join("secrets").exists());
        // Below `/v1` and below what was asked for, whatever the names are.
        let asked = hostile.asked();
        assert!(!asked.is_empty());
        for asked in asked {
            assert!(!asked.line.contains(".."), "{}", asked.line);
        }
    }
}

#[test]
fn a_mount_that_was_not_asked_for_is_none() {
    for (mount, code) in [
        (
            json!({ "path": "sys/", "type": "kv", "options": { "version": "2" } }),
            10,
        ),
        (json!({ "path": "secret/", "type": ESCAPE }), 17),
        (
            json!({ "path": "secret/", "type": "kv", "options": null }),
            17,
        ),
        (json!({ "path": 7 }), 10),
    ] {
        let hostile = store(json!({}), mount);
        let lab = Lab::new().secret("prod/web/A", "one");
        let push = lab
            .clws("server push prod --yes")
            .env("VAULT_ADDR", &hostile.address);
        let push = push.env("VAULT_TOKEN", TOKEN).exits(code);
        harmless(&push);
        let writes = hostile.asked();
        let mut writes = writes.iter().filter(|asked| asked.line.starts_with("POST"));
        assert!(writes.all(|asked| !asked.all.contains("one")));
    }
}

/// One that has changed its mind between the plan and the write.
#[test]
fn a_write_that_is_refused_is_a_conflict_and_not_tried_over_it() {
    let hostile = Hostile::start(|asked: &Asked, _, stream| {
        let (status, text) = if asked.line.contains("lookup-self") {
            ("200 OK", json!({ "data": { "ttl": 0 } }))
        } else if asked.line.contains("ui/mounts") {
            ("200 OK", json!({ "data": kv() }))
        } else if asked.line.starts_with("POST") {
            let said = "check-and-set parameter did not match the current version";
            ("400 Bad Request", json!({ "errors": [said] }))
        } else {
            ("404 Not Found", json!({ "errors": [] }))
        };
        stream.write_all(whole(status, "", &text.to_string()).as_bytes())
    });
    let lab = Lab::new().secret("prod/web/A", "one");
    let push = lab
        .clws("server push prod --yes")
        .env("VAULT_ADDR", &hostile.address);
    let push = push.env("VAULT_TOKEN", TOKEN).exits(16);
    assert!(
        push.err.contains("changed on the server meanwhile"),
        "{}",
        push.err
    );
    let asked = hostile.asked();
    let writes = asked
        .iter()
        .filter(|asked| asked.line.starts_with("POST /v1/secret/data"));
    assert_eq!(writes.count(), 1);
}
