//! A hint that is followed leads on: no flag that is not there, and no state that never was.

use crate::lab::Lab;

#[test]
fn nobody_is_sent_to_a_flag_that_is_not_there() {
    let lab = Lab::new().secret("dev/web/TOKEN", "hunter2");
    let refused = lab.clws("secret remove dev/web/TOKEN").exits(15);
    assert!(
        refused.err.contains("hint: `--yes` answers for you\n"),
        "{}",
        refused.err
    );
}

#[test]
fn who_may_not_sign_is_told_whether_anything_was_written() {
    let lab = Lab::new().people(&["ben"]);
    lab.accepted_by(&["ben"]);
    lab.commit("all");
    let refused = lab
        .clws("access grant ben dev --write --yes")
        .by("ben")
        .exits(13);
    for said in ["nothing was written", "hint: ask ada to run this command\n"] {
        assert!(refused.err.contains(said), "{}", refused.err);
    }
    assert_eq!(lab.git(&["status", "--porcelain"]), "");

    let file = lab.vault().join("recipients/access.toml");
    let rules = std::fs::read_to_string(&file).unwrap();
    let wider = rules.replacen("[\"ada\"]", "[\"ada\", \"ben\"]", 1);
    assert_ne!(wider, rules);
    std::fs::write(&file, wider).unwrap();
    let refused = lab.clws("trust sign --yes").by("ben").exits(13);
    let next = "hint: commit the change and ask ada to run `clws trust sign`\n";
    assert!(refused.err.contains(next), "{}", refused.err);
}

#[test]
fn what_is_no_name_is_told_what_one_is() {
    let lab = Lab::new();
    for words in [
        "identity new Ada",
        "identity import Ada",
        "init ../x --name Ada",
    ] {
        let refused = lab.clws(words).exits(2);
        let form = "a letter or digit first";
        assert!(refused.err.contains(form), "{words}: {}", refused.err);
    }
}

#[test]
fn what_a_format_has_no_place_for_is_called_what_it_is() {
    let lab = Lab::new();
    for (name, kind, value) in [
        ("dev/a/DAY", "datetime", &b"2026-11-24"[..]),
        ("dev/b/RAW", "bytes", b"\xff\x00"),
    ] {
        lab.clws(&format!("secret set {name} --type {kind}"))
            .stdin(value)
            .succeeds();
    }
    let day = lab.clws("export dev/a --format dotenv --out -").run();
    assert!(
        day.err.contains("`DAY` of `dev/a` is a date"),
        "{}",
        day.err
    );
    let next = "hint: `clws export dev/a --format json --out -`";
    assert!(day.err.contains(next), "{}", day.err);
    lab.clws("export dev/a --format json --out -").succeeds();
    let raw = lab.clws("export dev/b --format json --out -").run();
    let next = "hint: `clws export dev/b --format age --out DIR`";
    assert!(raw.code != 0 && raw.err.contains(next), "{}", raw.err);
    let out = lab.root().join("out");
    lab.clws("export dev/b --format age --out")
        .word(out.to_str().unwrap())
        .succeeds();
}

#[test]
fn two_things_of_one_name_are_not_told_to_map_a_document() {
    let lab = Lab::new().secret("dev/q/X", "hunter2");
    let refused = lab.clws("exec --file X=dev/q dev/q -- true").exits(125);
    assert!(!refused.err.contains("=dev/q`"), "{}", refused.err);
    lab.clws("exec --file OTHER=dev/q dev/q -- true").succeeds();
}

#[test]
fn a_vault_that_is_there_leaves_no_new_identity_behind() {
    let lab = Lab::new();
    let refused = lab.clws("init --name bob").by("bob").exits(16);
    assert!(
        !refused.err.contains("made the identity"),
        "{}",
        refused.err
    );
    let listed = lab.clws("identity list").by("bob").run();
    assert!(!listed.text().contains("bob"), "{}", listed.text());
}

#[test]
fn a_history_is_looked_for_in_a_repository_alone() {
    let lab = Lab::new();
    let folder = lab.root().join("elsewhere");
    std::fs::create_dir(&folder).unwrap();
    let refused = lab.clws("scan --history").folder(&folder).exits(18);
    assert!(
        refused
            .err
            .contains("hint: run it inside of the git repository; `git init` makes one"),
        "{}",
        refused.err
    );
}

#[test]
fn a_host_that_others_are_reached_through_does_not_go_in_silence() {
    let lab = Lab::new();
    for words in [
        "gate --address gate.example.org",
        "box --address 10.0.0.4 --jump gate",
    ] {
        lab.clws(&format!("host add {words} --yes")).succeeds();
    }
    let ran = lab.clws("recipient remove gate --dry-run").succeeds();
    let said = "warning: box is reached through gate: nothing can be deployed to it until \
                recipients/box.toml has another `jump`, or none";
    assert!(ran.err.contains(said), "{}", ran.err);
    let ran = lab.clws("recipient remove box --dry-run").succeeds();
    assert!(!ran.err.contains("reached through"), "{}", ran.err);
}

#[test]
fn an_address_that_no_resolver_takes_is_refused_at_once() {
    let lab = Lab::new();
    for address in ["a b", "root@10.0.0.4", "-v", "10.0.0.4/8", ""] {
        let add = lab.clws("host add box --yes").word("--address");
        let refused = add.word(address).run();
        assert_eq!(refused.code, 2, "{address}: {}", refused.err);
    }
    for (number, address) in ["local", "fe80::1%eth0", "::1", "bücher.example", "10.0.0.4"]
        .iter()
        .enumerate()
    {
        let add = lab.clws(&format!("host add box-{number} --yes"));
        add.word("--address").word(*address).succeeds();
    }
}

#[test]
fn a_program_is_told_of_a_wrong_use_as_of_any_other_error() {
    let lab = Lab::new();
    for (words, code, said) in [
        ("secret gte x --json", 2, "unrecognized subcommand 'gte'"),
        ("--json host add box", 2, "--address <ADDRESS>"),
        (
            "exec --json --nope -- true",
            125,
            "unexpected argument '--nope'",
        ),
    ] {
        let ran = lab.clws(words).exits(code);
        let error = &ran.json()["error"];
        assert_eq!(error["code"], code);
        assert!(error["message"].as_str().unwrap().contains(said), "{error}");
        assert!(ran.err.starts_with("error: "), "{}", ran.err);
    }
    // What stands behind `--` is for the program.
    let ran = lab.clws("exec --nope -- true --json").exits(125);
    assert_eq!(ran.text(), "");
}

#[test]
fn what_nobody_vouches_for_leads_to_what_a_writer_can_do_with_it() {
    let lab = Lab::new().people(&["ben"]);
    lab.clws("access grant ben prod --write --yes").succeeds();
    let lab = lab.secret("prod/web/TOKEN", "adas");
    lab.accepted_by(&["ben"]);
    lab.commit("all");
    // Ben has not pulled when his right is taken.
    lab.git(&["checkout", "-qb", "bens"]);
    for path in [
        "prod/web/NEWB",
        "prod/evil/NEWB",
        "prod/keys/web.key --type file",
    ] {
        lab.clws(&format!("secret set {path}"))
            .by("ben")
            .stdin(b"bens")
            .succeeds();
    }
    lab.commit("bens");
    lab.git(&["checkout", "-q", "main"]);
    lab.clws("access revoke ben prod --write --yes").succeeds();
    lab.commit("ben reads");
    lab.git(&["merge", "-q", "-m", "m", "bens"]);
    let hints = |words: &str| {
        let err = lab.clws(words).exits(13).err;
        let hints = err.lines().filter_map(|line| line.strip_prefix("hint: "));
        hints.map(str::to_owned).collect::<Vec<_>>()
    };
    let grant = |path: &str| {
        format!(
            "if ben should write here, an administrator runs `clws access grant ben {path} --write`"
        )
    };
    assert_eq!(
        hints("secret get prod/web/NEWB"),
        [
            "`clws secret get prod/web/NEWB --unvouched` shows it; `clws secret adopt prod/web/NEWB` signs it as \
             yours, `clws secret set prod/web/NEWB` gives it a new value",
            &grant("prod/web"),
        ]
    );
    assert_eq!(
        hints("secret get prod/keys/web.key"),
        [
            "`clws secret set prod/keys/web.key` gives it a new value",
            &grant("prod/keys/web.key"),
        ]
    );
    assert_eq!(
        hints("secret get prod/evil/NEWB"),
        [
            "`git log -- secrets/prod/evil.toml` shows where it comes from; git has the version before",
            &grant("prod/evil"),
        ]
    );
    // A rule for a value would decide nothing.
    let refused = lab
        .clws("access grant ben prod/web/NEWB --write --yes")
        .exits(2);
    let next = "hint: clws access grant ben prod/web --write\n";
    assert!(refused.err.contains(next), "{}", refused.err);
    // Each of them leads out.
    for words in [
        "secret adopt prod/web/NEWB --yes",
        "secret set prod/keys/web.key",
    ] {
        lab.clws(words).stdin(b"adas").succeeds();
    }
    lab.clws("secret get prod/web/NEWB").succeeds();
    lab.clws("secret get prod/keys/web.key").succeeds();
    lab.clws("access grant ben prod/evil --write --yes")
        .succeeds();
    lab.clws("secret get prod/evil/NEWB").succeeds();
}

#[test]
fn who_is_no_party_any_more_is_granted_nothing() {
    let lab = Lab::new().people(&["ben"]);
    lab.clws("access grant ben prod --write --yes").succeeds();
    let lab = lab.secret("prod/web/TOKEN", "adas");
    lab.accepted_by(&["ben"]);
    lab.commit("all");
    lab.git(&["checkout", "-qb", "bens"]);
    lab.clws("secret set prod/keys/web.key --type file")
        .by("ben")
        .stdin(b"bens")
        .succeeds();
    lab.commit("bens");
    lab.git(&["checkout", "-q", "main"]);
    lab.clws("recipient remove ben --yes").succeeds();
    lab.commit("ben left");
    lab.git(&["merge", "-q", "-m", "m", "bens"]);
    let err = lab.clws("secret get prod/keys/web.key").exits(13).err;
    assert!(err.contains("`clws secret set prod/keys/web.key`"), "{err}");
    assert!(!err.contains("access grant"), "{err}");
}

#[test]
fn a_document_in_conflict_is_a_warning_and_not_nothing() {
    let lab = Lab::new().secret("dev/web/TOKEN", "hunter2");
    let file = lab.vault().join("secrets/dev/web.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let conflict = format!("<<<<<<< HEAD\n{text}=======\n{text}>>>>>>> theirs\n");
    std::fs::write(&file, conflict).unwrap();
    for path in ["dev/web", "dev"] {
        let listed = lab.clws(&format!("secret list {path}")).succeeds();
        assert!(listed.err.contains("warning: "), "{}", listed.err);
        assert!(!listed.err.contains("there is no secret"), "{}", listed.err);
    }
    lab.clws("secret list dev/other").exits(18);
}

#[test]
fn a_secret_that_has_the_name_already_is_not_advised_to_go() {
    let lab = Lab::new().secret("dev/web/TOKEN", "hunter2");
    for words in [
        "move dev/web/TOKEN dev/web/TOKEN",
        "move dev/web/TOKEN dev/web",
        "copy dev/web/TOKEN dev/web",
    ] {
        let refused = lab.clws(&format!("secret {words}")).exits(16);
        assert_eq!(
            refused.err, "error: `dev/web/TOKEN` has that name already\n",
            "{words}"
        );
    }
}

#[test]
fn what_is_removed_twice_is_said_to_be_removed() {
    let lab = Lab::new().secret("dev/web/TOKEN", "hunter2");
    lab.clws("secret remove dev/web/TOKEN --yes").succeeds();
    let refused = lab.clws("secret remove dev/web/TOKEN --yes").exits(18);
    for said in ["`dev/web/TOKEN` was removed", "removed by ada"] {
        assert!(refused.err.contains(said), "{}", refused.err);
    }
}

#[test]
fn what_no_variable_takes_is_given_to_a_program_as_a_file() {
    let lab = Lab::new().secret("dev/web/TOKEN", "hunter2");
    for words in [
        "secret set dev/web/TABLE --type table",
        "secret set dev/tls/web.key --type file",
        "secret set dev/web/a.b",
    ] {
        lab.clws(words).stdin(b"{ a = 1 }").succeeds();
    }
    for (path, hint) in [
        ("dev/web/TOKEN", "`clws exec dev/web/TOKEN -- CMD`"),
        (
            "dev/web/TABLE",
            "`clws exec --file FILE=dev/web/TABLE -- CMD`",
        ),
        ("dev/web/a.b", "`clws exec --file FILE=dev/web/a.b -- CMD`"),
        (
            "dev/tls/web.key",
            "`clws exec --file FILE=dev/tls/web.key -- CMD`",
        ),
    ] {
        let refused = lab.clws(&format!("secret get {path} --agent")).exits(15);
        assert!(refused.err.contains(hint), "{}", refused.err);
        lab.clws(&format!("secret policy {path} --no-print"))
            .succeeds();
        let refused = lab.clws(&format!("secret get {path}")).exits(15);
        assert!(refused.err.contains(hint), "{}", refused.err);
        let words = hint.trim_matches('`').trim_start_matches("clws ");
        lab.clws(&words.replace("CMD", "true")).succeeds();
    }
}

#[test]
fn a_host_without_a_machine_type_is_told_where_it_goes() {
    let lab = Lab::new();
    let add = "host add box --address local --scope prod --yes";
    lab.clws(add).succeeds();
    let file = "recipients/box.toml, ";
    let again = lab.clws(&format!("{add} --machine-type server")).exits(16);
    assert!(again.err.contains("there is a host `box` already"));
    assert!(again.err.contains(file), "{}", again.err);
    let on = lab.clws("deploy --on prod").exits(17);
    assert!(on.err.contains(file.trim_end_matches(", ")), "{}", on.err);
    let shown = lab.clws("host show bx").exits(18);
    assert!(shown.err.contains("is `box` meant?"), "{}", shown.err);
}

#[test]
fn keys_that_are_none_are_told_what_is_wanted() {
    let lab = Lab::new().people(&["ben"]);
    let refused = lab.clws("recipient update ben").exits(2);
    assert!(refused.err.contains("a party file or a key is wanted"));
    std::fs::write(lab.vault().join("k.pub"), "ssh-ed25519 AAAA x\n").unwrap();
    let refused = lab.clws("recipient add eve k.pub").exits(10);
    for said in ["k.pub is no party file", "`clws identity show` prints one"] {
        assert!(refused.err.contains(said), "{}", refused.err);
    }
    let refused = lab.clws("recipient add eve --ssh k.pub").exits(2);
    assert!(refused.err.contains("$(cat FILE.pub)"), "{}", refused.err);
}

#[test]
fn who_reads_as_a_writer_is_told_so() {
    let lab = Lab::new().people(&["ben"]);
    lab.clws("access grant ben dev --write --yes").succeeds();
    let refused = lab.clws("access revoke ben dev --read --yes").exits(16);
    assert!(refused.err.contains("who writes reads too"));
    lab.clws("access revoke ben dev --write --yes").succeeds();
}

#[test]
fn an_empty_value_is_noted() {
    let lab = Lab::new();
    let set = lab.clws("secret set dev/web/EMPTY").succeeds();
    assert!(set.err.contains("note: the value is empty"), "{}", set.err);
}

#[test]
fn a_checkout_without_the_rules_is_completed_and_not_founded_anew() {
    let lab = Lab::new().secret("dev/web/TOKEN", "hunter2");
    lab.commit("all");
    std::fs::remove_dir_all(lab.vault().join("recipients")).unwrap();
    for (words, code) in [("secret list", 18), ("init --name ada", 16)] {
        let ran = lab.clws(words).exits(code);
        let hint = "`git checkout -- recipients secrets`";
        assert!(ran.err.contains(hint), "{words}: {}", ran.err);
        assert!(
            !ran.err.contains("clws init") && !ran.err.contains("secret list"),
            "{}",
            ran.err
        );
    }
    lab.git(&["checkout", "--", "recipients", "secrets"]);
    lab.clws("secret get dev/web/TOKEN").succeeds();
}

#[test]
fn who_comes_with_new_keys_is_told_how_they_are_let_in() {
    let lab = Lab::new()
        .people(&["grace"])
        .secret("prod/web/TOKEN", "hunter2");
    lab.clws("identity new ada --keep file")
        .by("newada")
        .succeeds();
    let head = lab.head();
    for by in ["newada", "grace"] {
        let accept = lab.clws("trust accept --expect").word(&head);
        accept.by(by).succeeds();
    }
    let ran = lab.clws("secret get prod/web/TOKEN").by("newada").exits(11);
    for said in [
        "your identity does not open",
        "`clws recipient update ada FILE`",
    ] {
        assert!(ran.err.contains(said), "{}", ran.err);
    }
    let ran = lab.clws("secret get prod/web/TOKEN").by("grace").exits(11);
    assert!(
        ran.err.contains("clws access grant grace prod/web"),
        "{}",
        ran.err
    );
    // Who signs with a key that no party has, and who signs with none.
    let ran = lab
        .clws("secret set dev/web/TOKEN")
        .by("newada")
        .stdin(b"x")
        .exits(13);
    assert!(ran.err.contains("clws identity show ada"), "{}", ran.err);
    let alone = lab.home("ada").join(".config/clws/identities/ada/age.txt");
    let alone = alone.to_str().unwrap().to_owned();
    let set = lab.clws("secret set dev/web/TOKEN --identity").word(alone);
    let ran = set.stdin(b"x").exits(13);
    assert!(ran.err.contains("reads alone"), "{}", ran.err);
    // An administrator with another key than the one that decides.
    let party = lab.clws("identity show ada").by("newada").succeeds().out;
    lab.clws("recipient update ada - --yes")
        .stdin(&party)
        .succeeds();
    let head = lab.head();
    let grant = lab.clws("access grant grace dev --read --yes --expect");
    let ran = grant.word(&head).by("newada").exits(13);
    assert!(ran.err.contains("ada decides with the key"), "{}", ran.err);
}

#[test]
fn what_was_taken_out_and_whom_there_is_not_are_said_as_such() {
    let lab = Lab::new()
        .people(&["ben"])
        .secret("prod/web/TOKEN", "hunter2");
    lab.commit("all");
    let ran = lab.clws("access revoke bne prod --read --yes").exits(18);
    assert!(ran.err.contains("is `ben` meant?"), "{}", ran.err);
    lab.clws("secret remove prod/web/TOKEN --yes").succeeds();
    let ran = lab.clws("secret get prod/web/TOKEN").exits(18);
    assert!(
        ran.err
            .contains("clws secret restore prod/web/TOKEN --from REV"),
        "{}",
        ran.err
    );
    lab.clws("secret restore prod/web/TOKEN --from HEAD")
        .succeeds();
    let ran = lab.clws("identity show adda").exits(18);
    assert!(ran.err.contains("is `ada` meant?"), "{}", ran.err);
    let listed = lab.clws("identity list").succeeds().text();
    assert!(listed.contains(".config/clws/identities/ada"), "{listed}");
}

#[test]
fn nobody_is_asked_about_an_identity_that_is_not_there() {
    let lab = Lab::new();
    let ran = lab.clws("identity remove adda").exits(18);
    assert!(ran.err.contains("is `ada` meant?"), "{}", ran.err);
    let ran = lab.clws("identity import ben").exits(2);
    assert!(ran.err.contains("`clws identity new ben`"), "{}", ran.err);
}
