//! A document opens as plain TOML, and only what was edited is sealed anew.

use std::collections::BTreeMap;

use crate::desk::Desk;
use crate::lab::Lab;

fn desk() -> Desk {
    let desk = Desk::new(
        Lab::new()
            .secret("dev/web/TOKEN", "hunter2-token")
            .secret(
                "dev/web/CERT",
                "-----BEGIN-----\nhunter2-cert\n-----END-----\n",
            )
            .secret("dev/web/tls.name", "it's \"quoted\"\t\\"),
    );
    for (name, kind, value) in [
        ("PORT", "integer", "0x1F"),
        ("RATE", "float", "1e5"),
        ("HOSTS", "array", "[ 'a',\"b\" ]"),
        ("RAW", "bytes", "\u{1}\u{2}"),
    ] {
        desk.lab
            .clws(&format!("secret set dev/web/{name} --type {kind}"))
            .stdin(value.as_bytes())
            .succeeds();
    }
    desk.lab.commit("before");
    desk
}

/// The tables of the document that are not what they were in the commit.
fn changed_tables(desk: &Desk) -> Vec<String> {
    let tables = |text: &str| {
        let tables = text.split("\n\n").map(|table| {
            let (header, fields) = table.split_once('\n').unwrap();
            (header.to_owned(), fields.to_owned())
        });
        tables.collect::<BTreeMap<_, _>>()
    };
    let before = tables(&desk.lab.git(&["show", "HEAD:secrets/dev/web.toml"]));
    let after = tables(&String::from_utf8(desk.sealed("secrets/dev/web.toml")).unwrap());
    assert!(before.keys().all(|header| after.contains_key(header)));
    let changed = after
        .into_iter()
        .filter(|(header, table)| before.get(header) != Some(table));
    changed.map(|(header, _)| header).collect()
}

#[test]
fn a_document_is_shown_with_its_types_and_the_head_says_what_it_is() {
    let desk = desk();
    let ran = desk.edit(
        "dev/web",
        "cp \"$FILE\" \"$HERE/seen\"; basename \"$FILE\" >\"$HERE/name\"",
    );
    let ran = ran.succeeds();
    assert_eq!(ran.err, "nothing changed, and nothing was written\n");
    assert_eq!(desk.text("name"), "web.toml\n");
    let seen = desk.text("seen");
    let (head, values) = seen.split_once("\n\n").unwrap();
    assert!(head.lines().all(|line| line.starts_with("#: ")), "{head}");
    assert!(
        head.contains("dev/web, a document. Its readers: ada."),
        "{head}"
    );
    assert!(head.contains("Notes are clear text in git"), "{head}");
    assert_eq!(
        values,
        "CERT = '''\n-----BEGIN-----\nhunter2-cert\n-----END-----\n'''\n\
         HOSTS = [ 'a',\"b\" ]\n\
         PORT = 0x1F\n\
         RATE = 1e5\n\
         RAW = { base64 = \"AQI=\" }\n\
         TOKEN = \"hunter2-token\"\n\
         \"tls.name\" = \"it's \\\"quoted\\\"\\t\\\\\"\n"
    );
    desk.is_clean(&["hunter2-token", "hunter2-cert"]);
}

#[test]
fn an_edit_that_changes_nothing_leaves_the_document_byte_for_byte() {
    let desk = desk();
    let before = desk.sealed("secrets/dev/web.toml");
    for script in [
        ":",
        "touch \"$FILE\"",
        // Other spellings of the same values, in another order, with CR LF.
        "printf '\\357\\273\\277' >\"$HERE/bom\"; sort -r \"$FILE\" >/dev/null; \
         sed -e 's/^TOKEN = .*/TOKEN=\\x27hunter2-token\\x27/' -e 's/$/\\r/' \"$FILE\" >\"$HERE/new\"; \
         cat \"$HERE/bom\" \"$HERE/new\" >\"$FILE\"",
        // The head taken out.
        "sed -i '/^#:/d' \"$FILE\"",
    ] {
        let ran = desk.edit("dev/web", script).succeeds();
        assert_eq!(
            ran.err, "nothing changed, and nothing was written\n",
            "{script}"
        );
        assert!(desk.sealed("secrets/dev/web.toml") == before, "{script}");
    }
}

#[test]
fn values_are_changed_added_removed_renamed_retyped_and_noted() {
    let desk = desk();
    let ran = desk
        .edit(
            "dev/web",
            r#"sed -i -e 's/hunter2-token/hunter2-new/' \
                -e 's/^PORT = .*/PORT = "8080"/' \
                -e '/^RATE/d' \
                -e 's/^RAW = /RAW2 = /' \
                -e 's/^HOSTS/# of the front\n# two of them\nHOSTS/' "$FILE"
            printf '%s\n' 'NEW = """' 'one' 'two"""' 'WHEN = 2026-11-24' >>"$FILE""#,
        )
        .word("--yes")
        .succeeds();
    assert_eq!(
        ran.err,
        "sealed dev/web: changed `PORT` and `TOKEN`, added `RAW2`, `NEW` and `WHEN`, \
         removed `RATE` and `RAW`, new note for `HOSTS`\n"
    );
    assert_eq!(
        changed_tables(&desk),
        [
            "[secret.HOSTS]",
            "[secret.NEW]",
            "[secret.PORT]",
            "[secret.RATE]",
            "[secret.RAW2]",
            "[secret.RAW]",
            "[secret.TOKEN]",
            "[secret.WHEN]",
        ]
    );
    assert_eq!(desk.get("dev/web/TOKEN"), "hunter2-new");
    assert_eq!(desk.get("dev/web/PORT"), "8080");
    assert_eq!(desk.get("dev/web/RAW2"), "\u{1}\u{2}");
    assert_eq!(desk.get("dev/web/NEW"), "one\ntwo");
    assert_eq!(desk.get("dev/web/HOSTS"), "[ 'a',\"b\" ]");
    desk.lab.clws("secret get dev/web/RATE").exits(18);
    let text = String::from_utf8(desk.sealed("secrets/dev/web.toml")).unwrap();
    assert!(
        text.contains("note = \"of the front\\u000atwo of them\"\n"),
        "{text}"
    );
    assert_eq!(text.matches("state = \"removed\"").count(), 2);
    assert_eq!(text.matches("type = \"datetime\"").count(), 1);

    // The note is shown, and goes with its comment; a removed value comes back with its line.
    let ran = desk
        .edit(
            "dev/web",
            "cp \"$FILE\" \"$HERE/seen\"; sed -i '/^# /d' \"$FILE\"; echo 'RATE = 2.5' >>\"$FILE\"",
        )
        .succeeds();
    let told = "added `RATE`, no note any more for `HOSTS`\n";
    assert!(ran.err.ends_with(told), "{}", ran.err);
    let seen = desk.text("seen");
    assert!(
        seen.contains("\n\n# of the front\n# two of them\nHOSTS = [ 'a',\"b\" ]\n"),
        "{seen}"
    );
    let text = String::from_utf8(desk.sealed("secrets/dev/web.toml")).unwrap();
    assert!(!text.contains("note ="));
    assert_eq!(desk.get("dev/web/RATE"), "2.5");
    desk.is_clean(&["hunter2-token", "hunter2-new", "hunter2-cert"]);
}

#[test]
fn a_value_keeps_its_number_when_its_note_changes() {
    let desk = desk();
    let line = |desk: &Desk, key: &str| {
        let text = String::from_utf8(desk.sealed("secrets/dev/web.toml")).unwrap();
        let table = text.split("[secret.TOKEN]\n").nth(1).unwrap().to_owned();
        let line = table.lines().find(|line| line.starts_with(key)).unwrap();
        line.to_owned()
    };
    let (value, seq) = (line(&desk, "value"), line(&desk, "seq"));
    desk.edit(
        "dev/web",
        "sed -i 's/^TOKEN/# of the API\\nTOKEN/' \"$FILE\"",
    )
    .succeeds();
    assert_eq!(line(&desk, "value"), value);
    assert_eq!(line(&desk, "rev"), "rev = 1");
    assert_ne!(line(&desk, "seq"), seq);
    // A new value keeps the note.
    desk.edit("dev/web", "sed -i 's/hunter2-token/hunter3/' \"$FILE\"")
        .succeeds();
    assert_eq!(line(&desk, "note"), "note = \"of the API\"");
    assert_eq!(line(&desk, "rev"), "rev = 2");
}

#[test]
fn a_new_document_starts_from_its_head() {
    let desk = Desk::new(Lab::new().people(&["ben"]));
    desk.lab
        .clws("access grant ben dev/new --read --yes")
        .succeeds();
    let ran = desk
        .edit(
            "dev/new",
            "cp \"$FILE\" \"$HERE/seen\"; echo 'A = \"hunter2-a\"' >>\"$FILE\"",
        )
        .succeeds();
    assert_eq!(ran.err, "sealed dev/new: added `A`\n");
    let seen = desk.text("seen");
    assert!(
        seen.contains("dev/new, a new document. Its readers: ada and ben."),
        "{seen}"
    );
    assert_eq!(desk.get("dev/new/A"), "hunter2-a");
    let unchanged = desk.edit("dev/newer", ":").succeeds();
    assert_eq!(
        unchanged.err,
        "warning: `dev/newer` is not there yet; is `dev/new` meant?\n\
         nothing changed, and nothing was written\n"
    );
    assert!(!desk.lab.vault().join("secrets/dev/newer.toml").exists());
    desk.is_clean(&["hunter2-a"]);
}
