//! Whoever can push to the repository can change any file in it. On a machine that has accepted the
//! vault, none of that adds a reader, forges a value or brings an old one back unseen.

use crate::lab::Lab;

fn write(lab: &Lab, path: &str, change: impl FnOnce(String) -> String) {
    let path = lab.vault().join(path);
    let text = std::fs::read_to_string(&path).unwrap();
    let changed = change(text.clone());
    assert_ne!(changed, text);
    std::fs::write(path, changed).unwrap();
}

#[test]
fn an_older_value_is_refused_and_in_dev_only_said() {
    let lab = Lab::new()
        .secret("prod/web/TOKEN", "first")
        .secret("dev/web/TOKEN", "first");
    lab.commit("first");
    let lab = lab
        .secret("prod/web/TOKEN", "second")
        .secret("dev/web/TOKEN", "second");
    lab.commit("second");
    lab.git(&["checkout", "-q", "HEAD~1"]);
    let refused = lab.clws("secret get prod/web/TOKEN").exits(14);
    assert!(refused.err.contains("git merge REV"), "{}", refused.err);
    let warned = lab.clws("secret get dev/web/TOKEN").succeeds();
    assert_eq!(warned.text(), "first");
    assert!(warned.err.contains("older"), "{}", warned.err);
    assert!(
        lab.clws("secret list prod")
            .succeeds()
            .text()
            .contains("older than seen")
    );
    // A new value from here is newer than both.
    let lab = lab.secret("prod/web/TOKEN", "third");
    assert_eq!(
        lab.clws("secret get prod/web/TOKEN").succeeds().text(),
        "third"
    );
    lab.git(&["checkout", "-qf", "main"]);
    lab.clws("secret get prod/web/TOKEN").exits(14);
}

#[test]
fn a_reader_whom_nobody_signed_is_sealed_nothing() {
    let lab = Lab::new()
        .people(&["eve"])
        .secret("prod/web/TOKEN", "hunter2");
    write(&lab, "recipients/access.toml", |text| {
        text.replace(
            "[rule.prod]\ndeployers = [\"ada\"]\nreaders = [\"ada\"]",
            "[rule.prod]\ndeployers = [\"ada\"]\nreaders = [\"ada\", \"eve\"]",
        )
    });
    let diff = lab.clws("trust diff").exits(1);
    assert!(
        diff.text()
            .contains("eve may read `prod`; no administrator signed it"),
        "{}",
        diff.text()
    );
    let lab = lab.secret("prod/new/TOKEN", "hunter3");
    let document = std::fs::read_to_string(lab.vault().join("secrets/prod/new.toml")).unwrap();
    assert!(!document.contains("eve"), "{document}");
    // What everybody must agree on is refused until the tree is what was signed.
    lab.clws("access grant eve dev --read --yes").exits(13);
    // An administrator can take the change over, seeing it.
    let signed = lab.clws("trust sign --yes").succeeds();
    assert!(signed.err.contains("eve may read `prod`"), "{}", signed.err);
    assert_eq!(
        lab.clws("secret get prod/web/TOKEN")
            .by("eve")
            .env("CLWS_TRUST", lab.head())
            .succeeds()
            .text(),
        "hunter2"
    );
}

#[test]
fn a_wrap_for_a_stranger_keeps_new_values_out_of_the_document() {
    let lab = Lab::new()
        .people(&["eve"])
        .secret("prod/web/TOKEN", "hunter2");
    write(&lab, "secrets/prod/web.toml", |text| {
        let start = text.find("[reader.\"ada/main\"]").unwrap();
        let end = text.find("[secret.").unwrap();
        let wrap = text[start..end].replace("ada/main", "eve/main");
        format!("{}{wrap}{}", &text[..end], &text[end..])
    });
    let refused = lab.clws("secret set prod/web/OTHER").stdin(b"x").exits(13);
    assert!(refused.err.contains("eve/main"), "{}", refused.err);
    assert_eq!(
        lab.clws("secret get prod/web/TOKEN").succeeds().text(),
        "hunter2"
    );
}

#[test]
fn what_is_signed_by_nobody_who_may_write_counts_for_nothing() {
    let lab = Lab::new()
        .people(&["ben"])
        .secret("prod/web/TOKEN", "hunter2");
    lab.clws("access grant ben prod --read --yes").succeeds();
    // ben reads, so ben can seal; but ben cannot sign as a writer: his copy of the rules says he can.
    let fork = lab.root().join("fork");
    std::process::Command::new("cp")
        .arg("-r")
        .arg(lab.vault())
        .arg(&fork)
        .status()
        .unwrap();
    for (from, to) in [
        ("author = \"ada\"", "author = \"ben\""),
        ("sig = \"ada/", "sig = \"ben/"),
        ("rev = 1\n", "rev = 2\n"),
        ("type = \"string\"", "type = \"bytes\""),
        ("[secret.TOKEN]", "[secret.OTHER]"),
    ] {
        write(&lab, "secrets/prod/web.toml", |text| {
            let at = text.find("[secret.").unwrap();
            format!("{}{}", &text[..at], text[at..].replacen(from, to, 1))
        });
        let name = if to.contains("OTHER") {
            "OTHER"
        } else {
            "TOKEN"
        };
        let refused = lab.clws(&format!("secret get prod/web/{name}")).run();
        assert!(
            matches!(refused.code, 12 | 13),
            "{from} → {to}: {} {}",
            refused.code,
            refused.err
        );
        lab.git(&["init", "-q"]);
        std::fs::copy(
            fork.join("secrets/prod/web.toml"),
            lab.vault().join("secrets/prod/web.toml"),
        )
        .unwrap();
    }
    // Stripped of its signature it does not even read.
    write(&lab, "secrets/prod/web.toml", |text| {
        text.lines()
            .filter(|line| !line.starts_with("sig"))
            .collect::<Vec<_>>()
            .join("\n")
            + "\n"
    });
    lab.clws("secret get prod/web/TOKEN").exits(10);
}

#[test]
fn a_trust_version_that_does_not_follow_is_refused() {
    let lab = Lab::new()
        .people(&["ben"])
        .secret("prod/web/TOKEN", "hunter2");
    let newest = std::fs::read_to_string(lab.vault().join("recipients/trust/2.toml")).unwrap();
    let forged = newest.replace("version = 2", "version = 3");
    std::fs::write(lab.vault().join("recipients/trust/3.toml"), forged).unwrap();
    let refused = lab.clws("secret get prod/web/TOKEN").exits(13);
    assert!(refused.err.contains("does not follow"), "{}", refused.err);
    std::fs::remove_file(lab.vault().join("recipients/trust/3.toml")).unwrap();
    lab.clws("secret get prod/web/TOKEN").succeeds();
    // Another root is another vault, of which this machine knows nothing.
    write(&lab, "recipients/trust/1.toml", |text| {
        let at = text.find("prev = \"").unwrap() + 8;
        format!("{}{}{}", &text[..at], "0".repeat(64), &text[at + 64..])
    });
    lab.clws("secret get prod/web/TOKEN").exits(13);
}

#[test]
fn an_administrator_behind_the_signatures_is_nobody() {
    let lab = Lab::new()
        .people(&["mal"])
        .secret("prod/web/TOKEN", "hunter2");
    // The body, its hash and its signature stay as they are.
    let key = lab.clws("identity show").by("mal").succeeds().text();
    let key = key
        .lines()
        .find(|line| line.starts_with("key = "))
        .unwrap()
        .to_owned();
    write(&lab, "recipients/trust/2.toml", |text| {
        text.replace("[end]", &format!("[admin.mal]\n{key}\n\n[end]"))
    });
    lab.clws("trust sign --yes")
        .by("mal")
        .env("CLWS_TRUST", "0".repeat(64) + "@2")
        .exits(13);
    let refused = lab.clws("trust show").exits(13);
    assert!(
        refused.err.contains("behind its signatures"),
        "{}",
        refused.err
    );
    lab.clws("access grant mal prod --read --yes").exits(13);
}

#[test]
fn a_forged_tombstone_does_not_take_a_value_away_unseen() {
    let lab = Lab::new()
        .secret("prod/web/TOKEN", "hunter2")
        .secret("prod/web/OTHER", "other");
    write(&lab, "secrets/prod/web.toml", |text| {
        let at = text.find("[secret.TOKEN]").unwrap();
        let tail: Vec<&str> = text[at..]
            .lines()
            .filter(|line| !line.starts_with("type"))
            .map(|line| {
                if line.starts_with("value") {
                    "state = \"removed\""
                } else {
                    line
                }
            })
            .collect();
        format!("{}{}\n", &text[..at], tail.join("\n"))
    });
    let refused = lab.clws("exec prod/web -- true").exits(125);
    assert!(refused.err.contains("does not verify"), "{}", refused.err);
    assert!(
        lab.clws("secret list prod")
            .succeeds()
            .text()
            .contains("BAD")
    );
}

#[test]
fn what_is_known_about_a_value_is_signed_only_if_a_writer_had_signed_it() {
    let lab = Lab::new().secret("prod/web/TOKEN", "hunter2");
    write(&lab, "secrets/prod/web.toml", |text| {
        text.replace(
            "author = \"ada\"\n",
            "author = \"ada\"\nnote = \"planted\"\n",
        )
    });
    let lab = lab.secret("prod/web/TOKEN", "new");
    let document = std::fs::read_to_string(lab.vault().join("secrets/prod/web.toml")).unwrap();
    assert!(!document.contains("planted"), "{document}");
}

#[test]
fn rules_are_not_signed_from_an_older_version() {
    let lab = Lab::new();
    lab.commit("first");
    let lab = lab.people(&["ben"]);
    lab.commit("second");
    lab.git(&["checkout", "-q", "HEAD~1"]);
    write(&lab, "clws.toml", |text| {
        text.replace("rollback = \"warn\"", "rollback = \"refuse\"")
    });
    lab.clws("trust sign --yes").exits(14);
}

#[test]
fn a_link_in_the_vault_is_not_followed() {
    let lab = Lab::new().secret("prod/web/TOKEN", "hunter2");
    let (inside, outside) = (lab.vault().join("secrets/prod"), lab.root().join("outside"));
    std::fs::rename(&inside, &outside).unwrap();
    std::os::unix::fs::symlink(&outside, &inside).unwrap();
    let refused = lab.clws("secret get prod/web/TOKEN").exits(13);
    assert!(refused.err.contains("link"), "{}", refused.err);
    lab.clws("secret set prod/web/TOKEN").stdin(b"x").exits(13);
}

#[test]
fn a_damaged_pin_stops_everything_with_the_way_back() {
    let lab = Lab::new().secret("prod/web/TOKEN", "hunter2");
    let vaults = lab.home("ada").join(".local/state/clws/vaults");
    let vault = std::fs::read_dir(vaults)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let head = lab.head();
    let files = ["secrets/prod/web.toml", "recipients/access.toml"];
    let read = || files.map(|file| std::fs::read(lab.vault().join(file)).unwrap());
    let before = read();
    std::fs::write(vault.join("trust"), "nonsense\n").unwrap();
    let way_back = format!("remove {}", vault.join("trust").display());
    for (words, code) in [
        ("secret get prod/web/TOKEN", 13),
        ("exec prod/web -- env", 125),
        ("export prod/web --format json --out -", 13),
        ("secret set prod/web/TOKEN", 13),
        ("secret remove prod/web/TOKEN --yes", 13),
        ("rekey prod/web", 13),
        ("rotate prod/web/TOKEN", 13),
        ("access grant ada prod --submit --yes", 13),
        ("trust sign --yes", 13),
        ("trust accept", 13),
        ("merge", 13),
        ("scan", 13),
        ("status", 13),
    ] {
        let refused = lab.clws(words).stdin(b"hunter3").exits(code);
        assert_eq!(refused.text(), "", "{words}");
        for said in [way_back.as_str(), "with `--expect FINGERPRINT@N`"] {
            assert!(refused.err.contains(said), "{words}: {}", refused.err);
        }
    }
    // What only looks says so too, and compares with nothing.
    for (words, code) in [("secret list", 0), ("check", 1), ("trust show", 0)] {
        let looked = lab.clws(words).exits(code);
        assert!(looked.err.contains(&way_back), "{words}: {}", looked.err);
    }
    assert_eq!(read(), before);
    // The way back, which nobody is led by the vault itself.
    std::fs::remove_file(vault.join("trust")).unwrap();
    lab.clws("secret get prod/web/TOKEN").exits(13);
    lab.clws("trust accept --expect").word(head).succeeds();
    let opened = lab.clws("secret get prod/web/TOKEN").succeeds();
    assert_eq!(opened.text(), "hunter2");
}

#[test]
fn documents_that_change_places_are_refused() {
    let lab = Lab::new()
        .secret("dev/web/TOKEN", "for-dev")
        .secret("prod/web/TOKEN", "for-prod");
    let at = |scope: &str| lab.vault().join(format!("secrets/{scope}/web.toml"));
    let (dev, prod) = (std::fs::read(at("dev")), std::fs::read(at("prod")));
    std::fs::write(at("dev"), prod.unwrap()).unwrap();
    std::fs::write(at("prod"), dev.unwrap()).unwrap();
    for scope in ["dev", "prod"] {
        let refused = lab.clws(&format!("secret get {scope}/web/TOKEN")).exits(12);
        assert!(refused.out.is_empty());
        assert!(refused.err.contains("signed for"), "{}", refused.err);
    }
}

#[test]
fn two_wraps_lead_to_one_key_or_none() {
    let lab = Lab::new()
        .people(&["ben"])
        .secret("dev/web/TOKEN", "hunter2")
        .secret("dev/other/TOKEN", "hunter3");
    for document in ["dev/web", "dev/other"] {
        lab.clws(&format!("access grant ben {document} --read --yes"))
            .succeeds();
    }
    // Ben is given the wrap of another document: a key of which the document says nothing.
    let wrap_of = |document: &str| {
        let text = std::fs::read_to_string(lab.vault().join(document)).unwrap();
        let from = text.find("[reader.\"ben/").unwrap();
        let key = text[from..].lines().find(|line| line.starts_with("key = "));
        key.unwrap().to_owned()
    };
    let (here, there) = (
        wrap_of("secrets/dev/web.toml"),
        wrap_of("secrets/dev/other.toml"),
    );
    write(&lab, "secrets/dev/web.toml", |text| {
        text.replace(&here, &there)
    });
    let refused = lab
        .clws("secret get dev/web/TOKEN")
        .by("ben")
        .env("CLWS_TRUST", lab.head())
        .exits(12);
    assert!(
        refused.out.is_empty() && refused.err.contains("ben/"),
        "{}",
        refused.err
    );
    // The key of another document under the name of this one's.
    let kid = |line: &str| line.split('"').nth(1).unwrap()[..8].to_owned();
    write(&lab, "secrets/dev/web.toml", |text| {
        text.replace(&there, &there.replace(&kid(&there), &kid(&here)))
    });
    lab.clws("secret get dev/web/TOKEN")
        .by("ben")
        .env("CLWS_TRUST", lab.head())
        .exits(12);
    lab.clws("secret get dev/web/TOKEN").succeeds();
}

#[test]
fn a_forged_number_is_not_counted_on_from() {
    let lab = Lab::new().secret("dev/web/TOKEN", "hunter2");
    write(&lab, "secrets/dev/web.toml", |text| {
        text.replace(
            "rev = 1\nseq = 1",
            "rev = 9223372036854775807\nseq = 9223372036854775807",
        )
    });
    lab.clws("secret get dev/web/TOKEN").exits(12);
    let lab = lab.secret("dev/web/TOKEN", "hunter3");
    let listed = lab.clws("secret list dev/web --json").succeeds().json();
    assert_eq!(listed["secrets"][0]["rev"], 2, "{listed}");
}

/// A sidecar as that of a removed file, under the signature of the one that lives.
fn as_removed(text: String) -> String {
    let kept = |line: &&str| {
        let key = line.split(' ').next().unwrap_or_default();
        !["mode", "size", "sha256", "readers"].contains(&key)
    };
    let text: String = text
        .lines()
        .filter(kept)
        .map(|line| format!("{line}\n"))
        .collect();
    text.replace("\nrev = ", "\nstate = \"removed\"\nreaders = []\nrev = ")
}

#[test]
fn nothing_is_put_in_the_place_of_what_a_tombstone_hides_that_does_not_count() {
    let lab = Lab::new().secret("prod/web/TOKEN", "hunter2");
    for words in ["prod/nginx/users", "prod/keys/a"] {
        lab.clws(&format!("secret set {words} --type file"))
            .stdin(b"bob:$2y$05$abcdefghijklmnopqrstuu5gX0z1n2PGlnm3TyDZmM/QdXg9kqlG\n")
            .succeeds();
    }
    let before = std::fs::read_to_string(lab.vault().join("secrets/prod/nginx/users.age.toml"));
    write(&lab, "secrets/prod/nginx/users.age.toml", as_removed);
    let tries = [
        // Else the hash of bob was gone.
        "secret generate prod/web/ADMIN --htpasswd prod/nginx/users --user admin --yes",
        "secret generate prod/nginx/users --yes",
        "secret copy prod/keys/a prod/nginx/users",
        "secret move prod/keys/a prod/nginx/users",
    ];
    for words in tries {
        let refused = lab.clws(words).exits(12);
        assert!(refused.err.contains("does not verify"), "{}", refused.err);
    }
    write(&lab, "secrets/prod/nginx/users.age.toml", |_| {
        before.unwrap()
    });
    // An old one of a value that was given again since.
    lab.clws("secret remove prod/web/TOKEN --yes").succeeds();
    let removed = std::fs::read_to_string(lab.vault().join("secrets/prod/web.toml")).unwrap();
    let lab = lab
        .secret("prod/web/TOKEN", "again")
        .secret("prod/web/OTHER", "other");
    write(&lab, "secrets/prod/web.toml", |text| {
        let table = |text: &str| {
            let from = text.find("[secret.TOKEN]").unwrap();
            let length = text[from..].find("\n\n").unwrap();
            text[from..from + length].to_owned()
        };
        text.replace(&table(&text), &table(&removed))
    });
    for words in [
        "secret generate prod/web/TOKEN --yes",
        "secret copy prod/web/OTHER prod/web/TOKEN",
    ] {
        let refused = lab.clws(words).exits(14);
        assert!(refused.err.contains("older than"), "{}", refused.err);
    }
}
