//! A name that there is nothing of: the one that may be meant is named.

use crate::lab::Lab;
use crate::terminal::Terminal;

#[test]
fn each_command_names_the_nearest() {
    let lab = Lab::new()
        .secret("prod/web/TOKEN", "hunter2")
        .secret("prod/web/PORT", "80")
        .secret("dev/web/PORT", "81")
        .secret("prod/db/PASSWORD", "s3cret");
    lab.clws("secret set prod/tls/web.pem --type file")
        .stdin(b"a key")
        .succeeds();
    lab.commit("all");
    for (typed, meant) in [
        ("prod/web/TOKN", "prod/web/TOKEN"),
        ("prod/wbe/TOKEN", "prod/web/TOKEN"),
        ("prd/db/PASWORD", "prod/db/PASSWORD"),
        ("prod/tls/wbe.pem", "prod/tls/web.pem"),
        // The scope was left out.
        ("db/PASSWORD", "prod/db/PASSWORD"),
        ("tls/web.pem", "prod/tls/web.pem"),
        // Two scopes have it, and one of them is production.
        ("web/PORT", ""),
        ("prod/nothing/LIKE_IT", ""),
    ] {
        let hint = match meant {
            "" => "`clws secret list` shows what there is".to_owned(),
            meant => format!("is `{meant}` meant?"),
        };
        for command in [
            "secret get NAME",
            "secret list NAME",
            "secret policy NAME",
            "secret restore NAME --from HEAD",
            "rekey NAME",
            "rotate NAME --yes",
            "export NAME --format json --out -",
        ] {
            let ran = lab.clws(&command.replace("NAME", typed)).exits(18);
            assert!(ran.err.contains(&hint), "{command} {typed}: {}", ran.err);
        }
    }
    for (command, meant) in [
        ("secret list prd", "prod"),
        ("rekey prdo", "prod"),
        ("secret list prod/tsl", "prod/tls"),
    ] {
        let ran = lab.clws(command).exits(18);
        let hint = format!("is `{meant}` meant?");
        assert!(ran.err.contains(&hint), "{command}: {}", ran.err);
    }
    std::fs::create_dir_all(lab.vault().join("hooks")).unwrap();
    std::fs::write(lab.vault().join("hooks/web.toml"), "").unwrap();
    lab.clws("host add box --address local --scope prod --machine-type server --yes")
        .succeeds();
    for command in [
        "hook diff wbe",
        "hook sign wbe --yes",
        "deploy wbe --on prod --dry-run",
    ] {
        let ran = lab.clws(command).exits(18);
        assert!(
            ran.err.contains("is `web` meant?"),
            "{command}: {}",
            ran.err
        );
    }
    let granted = |path: &str| {
        let ran = lab.clws(&format!("access grant ada {path} --read --dry-run"));
        ran.succeeds().err
    };
    let said = granted("prd");
    assert!(
        said.contains("nothing lies at `prd` yet: is `prod` meant?"),
        "{said}"
    );
    assert!(!granted("prod").contains("yet") && !granted("stage").contains("meant?"));
    for command in ["secret get prod", "secret remove prod/tls --yes"] {
        let ran = lab.clws(command).stdin(b"x").run();
        let hint = command.split(' ').nth(2).unwrap();
        let hint = format!("`clws secret list {hint}` shows");
        assert!(
            ran.code != 0 && ran.err.contains(&hint),
            "{command}: {}",
            ran.err
        );
    }
    // One that is there now and was not then is not mistyped.
    lab.clws("secret set prod/web/TOKENS")
        .stdin(b"x")
        .succeeds();
    let ran = lab
        .clws("secret restore prod/web/TOKENS --from HEAD")
        .exits(18);
    assert!(!ran.err.contains("meant?"), "{}", ran.err);
    // Where nobody may write, and a document that is not there.
    for command in [
        "secret remove prd/web/PORT --yes",
        "secret edit prd/web",
        "exec --file KEY=prd/web/PORT -- true",
    ] {
        let ran = lab.clws(command).run();
        let hint = "hint: is `prod/web` meant?\n";
        assert!(
            ran.code != 0 && ran.err.contains(hint),
            "{command}: {}",
            ran.err
        );
    }
}

#[test]
fn parties_hosts_components_and_rotators_are_recognised_too() {
    let lab = Lab::new()
        .people(&["ben"])
        .secret("prod/web/TOKEN", "hunter2");
    lab.clws("secret set prod/tls/web.pem --type file")
        .stdin(b"a key")
        .succeeds();
    lab.clws("host add vm-clws-prod-server-0 --address 10.0.0.4 --yes")
        .succeeds();
    std::fs::create_dir_all(lab.vault().join("hooks")).unwrap();
    std::fs::write(lab.vault().join("hooks/web.toml"), "").unwrap();
    std::fs::write(lab.root().join("more.env"), "A=hunter3\n").unwrap();
    for (command, code, meant) in [
        ("trust sign --admin bne", 18, "ben"),
        ("trust sign --admin ben/mian", 18, "ben/main"),
        ("trust sign --without-admin aad", 2, "ada"),
        ("import ../more.env --scope prdo", 13, "prod"),
        (
            "ansible inventory --host vm-clws-prod-serevr-0",
            18,
            "vm-clws-prod-server-0",
        ),
        ("hook diff wbe", 18, "web"),
        ("hook sign wbe", 18, "web"),
        ("deploy wbe --on prod --dry-run", 18, "web"),
        ("secret policy prod/web/TOKEN --rotator wbe", 18, "web"),
        ("secret policy prod/web/TOKEN --owner bne", 0, "ben"),
        ("secret policy prod/web/TOKEN --rotator msql", 18, "mysql"),
        ("secret adopt prod/web/TOKNE --yes", 18, "prod/web/TOKEN"),
        ("fmt secrets/prod/web.toml", 18, "prod/web"),
        (
            "secret list secrets/prod/tls/web.pem.age.toml",
            18,
            "prod/tls/web.pem",
        ),
        ("access why ben prdo", 0, "prod"),
        ("access revoke ben prdo --read --yes", 18, "prod"),
        (
            "host add gate --address 10.0.0.5 --jump vm-clws-prod-serevr-0 --yes",
            18,
            "vm-clws-prod-server-0",
        ),
        ("man secret gte", 2, "get"),
    ] {
        let ran = lab.clws(command).exits(code);
        let hint = format!("is `{meant}` meant?\n");
        assert!(ran.err.contains(&hint), "{command}: {}", ran.err);
    }
    for (command, said) in [
        ("hook diff nothing-like-it", "`clws hook list`"),
        ("trust sign --without-admin zoe", "`clws trust show`"),
        ("ansible inventory --host gate", "`clws host list`"),
        ("ssh prod", "`clws host list`"),
        (
            "host scan prod --add --fingerprint nosuch",
            "`ssh-keygen -lf`",
        ),
        ("recipient remove ada --yes", "`clws access grant WHO "),
        ("rekey prod/web/TOKEN", "hint: clws rekey prod/web\n"),
        (
            "secret adopt prod/web/TOKEN --drop",
            "nothing was handed in for `prod/web/TOKEN`",
        ),
        (
            "export prod/tls/web.pem --format json --out -",
            "`clws secret get prod/tls/web.pem` prints it",
        ),
        (
            "recipient add zoe -",
            "error: standard input is no party file",
        ),
        ("scan --baseline hooks", "hooks is not an ordinary file"),
        ("exec prod/web --map A -- true", "CHILD=VALUE is wanted"),
        (
            "secret move prod/web prod/site",
            "`clws secret move prod/web/NAME prod/site/NAME`",
        ),
    ] {
        let ran = lab.clws(command).run();
        assert!(ran.err.contains(said), "{command}: {}", ran.err);
    }
}

#[test]
fn a_rotator_that_is_not_there_is_refused_and_one_that_is_is_not() {
    let lab = Lab::new().secret("prod/web/TOKEN", "hunter2");
    let policy =
        |rotator: &str| lab.clws(&format!("secret policy prod/web/TOKEN --rotator {rotator}"));
    let told = "error: there is no rotator `app-db`, and no script hooks/app-db/rotate.sh\n";
    let document = || std::fs::read_to_string(lab.vault().join("secrets/prod/web.toml")).unwrap();
    let before = document();
    let refused = policy("app-db").exits(18).err;
    assert!(
        refused.contains(told) && refused.contains("by-hand"),
        "{refused}"
    );
    let refused = policy("tls:ca").exits(2).err;
    assert!(
        refused.contains("who issues is the rotator of its certificate"),
        "{refused}"
    );
    assert_eq!(document(), before);
    let hooks = lab.vault().join("hooks");
    for (folder, script) in [("app-db", "rotate.sh"), ("ca", "issue.sh")] {
        std::fs::create_dir_all(hooks.join(folder)).unwrap();
        std::fs::write(hooks.join(folder).join(script), "true\n").unwrap();
    }
    for rotator in ["ca", "random", "by-hand", "mysql", "tls", "app-db"] {
        policy(rotator).succeeds();
    }
    // It was there when it was named.
    std::fs::remove_file(hooks.join("app-db/rotate.sh")).unwrap();
    let refused = lab.clws("rotate prod/web/TOKEN --yes").exits(18);
    assert!(refused.err.contains(told), "{}", refused.err);
}

#[test]
fn a_diff_below_a_value_is_that_of_the_value() {
    let lab = Lab::new()
        .secret("dev/web/TOKEN", "hunter2")
        .secret("dev/web/PORT", "80");
    lab.commit("all");
    let diff = |name: &str| lab.clws(&format!("secret diff --below dev/web/{name}"));
    diff("TOKEN").succeeds();
    lab.clws("secret set dev/web/TOKEN").stdin(b"x").succeeds();
    lab.clws("secret set dev/web/NEW").stdin(b"x").succeeds();
    assert_eq!(
        diff("TOKEN").exits(1).text(),
        "~ dev/web/TOKEN rev 1 → 2 by ada\n"
    );
    assert_eq!(diff("NEW").exits(1).text(), "+ dev/web/NEW rev 1 by ada\n");
    diff("PORT").succeeds();
    lab.clws("secret remove dev/web/PORT --yes").succeeds();
    assert_eq!(
        diff("PORT").exits(1).text(),
        "- dev/web/PORT removed by ada\n"
    );
    diff("PORTS").exits(18);
}

#[test]
fn nothing_that_is_not_there_is_called_a_document_a_file_or_a_folder() {
    let lab = Lab::new().secret("dev/web/TOKEN", "hunter2");
    lab.commit("all");
    for (command, hint) in [
        ("secret get dev/wbe", "is `dev/web` meant?"),
        ("secret get dev/n --at HEAD", "`clws secret list` shows"),
        ("secret edit nosuch", "`clws secret list` shows"),
        ("secret history nosuch", "`clws secret list` shows"),
        ("secret remove dev/wbe --yes", "is `dev/web` meant?"),
        ("secret move dev/n dev/m/X", "`clws secret list` shows"),
        ("secret diff --below dev/wbe", "is `dev/web` meant?"),
        (
            "secret diff --below dev/web/TOKN",
            "is `dev/web/TOKEN` meant?",
        ),
    ] {
        let ran = lab.clws(command).exits(18);
        assert!(
            ran.err.contains("there is no secret `") && ran.err.contains(hint),
            "{command}: {}",
            ran.err
        );
    }
    let ran = lab.clws("exec --map X=dev/a.b -- true").exits(125);
    assert!(
        ran.err.contains("there is no secret `dev/a.b`"),
        "{}",
        ran.err
    );
    // A new one is told what it needs, with the names that were typed.
    for (command, next) in [
        ("secret set dev/web3", "clws secret set dev/web3/NAME"),
        (
            "secret generate dev/web3",
            "clws secret generate dev/web3/NAME",
        ),
        ("secret set nosuch", "clws secret set nosuch/DOCUMENT/NAME"),
        (
            "secret move dev/web/TOKEN dev/web3",
            "clws secret move dev/web/TOKEN dev/web3/NAME",
        ),
    ] {
        let ran = lab.clws(command).stdin(b"x").exits(2);
        assert!(
            ran.err.ends_with(&format!("hint: {next}\n")),
            "{command}: {}",
            ran.err
        );
        assert!(!ran.err.contains("is a document"), "{command}: {}", ran.err);
    }
    let there = lab.clws("secret get dev/web").exits(2);
    assert!(
        there.err.contains("`dev/web` is a document"),
        "{}",
        there.err
    );
}

#[test]
fn a_mistyped_host_environment_or_group_is_recognised() {
    let lab = Lab::new();
    for (number, machine) in ["server", "worker"].iter().enumerate() {
        let words =
            format!("host add vm-clws-prod-{machine}-{number} --address 10.0.0.{number} --yes");
        lab.clws(&words).succeeds();
    }
    for (typed, meant) in [
        ("prdo", "is `prod` meant?"),
        ("prod_sever", "is `prod_server` meant?"),
        ("vm-clws-prod-wroker-1", "is `vm-clws-prod-worker-1` meant?"),
        ("elsewhere", "`clws host list` shows what there is"),
    ] {
        for command in ["deploy --on NAME", "status NAME", "ssh NAME -- true"] {
            let ran = lab.clws(&command.replace("NAME", typed)).exits(18);
            assert!(ran.err.contains(meant), "{command} {typed}: {}", ran.err);
        }
    }
    // What runs there is no place where anything runs.
    std::fs::create_dir_all(lab.vault().join("hooks")).unwrap();
    std::fs::write(lab.vault().join("hooks/web.toml"), "").unwrap();
    for command in ["deploy --on web", "status WEB", "host list web"] {
        let ran = lab.clws(command).exits(18);
        assert!(
            ran.err
                .contains("hint: `web` is a component; where it runs"),
            "{command}: {}",
            ran.err
        );
    }
}

#[test]
fn a_mistyped_party_is_recognised() {
    let lab = Lab::new()
        .people(&["ben"])
        .secret("dev/web/TOKEN", "hunter2");
    lab.clws("host add vm-clws-dev-server-0 --address 10.0.0.1 --yes")
        .succeeds();
    lab.commit("all");
    for (command, hint) in [
        ("recipient show bne", "is `ben` meant?"),
        ("recipient show nosuch", "`clws recipient list` shows"),
        ("recipient remove bne --dry-run", "is `ben` meant?"),
        ("access why bne dev/web/TOKEN", "is `ben` meant?"),
        (
            "host show vm-clws-dev-sever-0",
            "is `vm-clws-dev-server-0` meant?",
        ),
        ("secret history dev/web/TOKN", "is `dev/web/TOKEN` meant?"),
    ] {
        let ran = lab.clws(command).exits(18);
        assert!(ran.err.contains(hint), "{command}: {}", ran.err);
    }
}

#[test]
fn a_host_has_no_name_that_means_several() {
    let lab = Lab::new();
    lab.clws("host add vm-clws-test-server-0 --address 10.0.0.1 --yes")
        .succeeds();
    for name in ["test", "dev"] {
        let words = format!("host add {name} --address 10.0.0.2 --yes");
        let ran = lab.clws(&words).exits(16);
        assert!(ran.err.contains("is an environment"), "{}", ran.err);
    }
    let own = "host add stage --address 10.0.0.2 --scope stage --yes";
    lab.clws(own).exits(16);
}

#[test]
fn a_command_of_another_tool_leads_to_ours() {
    let lab = Lab::new();
    for (typed, meant) in [
        ("secret rename prod/web/A prod/web/B", "'move'"),
        ("get prod/web/A", "'secret get'"),
        ("secret rotate prod/web/A", "'clws rotate'"),
    ] {
        let ran = lab.clws(typed).exits(2);
        assert!(ran.err.contains(meant), "{typed}: {}", ran.err);
    }
}

#[test]
fn an_editor_is_not_opened_on_a_slip_without_a_word() {
    let lab = Lab::new()
        .secret("prod/web/TOKEN", "hunter2")
        .secret("prod/db/PASSWORD", "s3cret");
    lab.clws("secret set prod/tls/web.pem --type file")
        .stdin(b"a key")
        .succeeds();
    let edit = |path: &str| {
        let run = lab.clws(&format!("secret edit {path}"));
        run.env("EDITOR", "cat").succeeds()
    };
    for (typed, meant) in [
        ("prod/web/TOKNE", "prod/web/TOKEN"),
        ("prod/wbe", "prod/web"),
        ("prod/tls/wbe.pem", "prod/tls/web.pem"),
    ] {
        let ran = edit(typed);
        let said = format!("warning: `{typed}` is not there yet; is `{meant}` meant?\n");
        assert!(ran.err.contains(&said), "{}", ran.err);
    }
    let shown = edit("prod/wbe").text();
    assert!(
        shown.contains("prod/wbe, a new document (is prod/web meant?). "),
        "{shown}"
    );
    let empty = lab.clws("secret edit test").exits(2);
    assert!(
        empty.err.contains("`test` has nothing in it yet")
            && empty.err.contains("`clws secret edit test/NAME` makes"),
        "{}",
        empty.err
    );
    let several = lab.clws("rotate prod/web --yes").exits(2);
    assert!(
        several.err.contains("`clws rotate --due prod/web` gives"),
        "{}",
        several.err
    );
    for path in ["prod/web", "prod/web/TOKEN", "prod/queue"] {
        assert!(!edit(path).err.contains("meant?"), "{path}");
    }
}

#[test]
fn nobody_types_a_value_that_could_not_be_sealed() {
    let lab = Lab::new()
        .people(&["bob"])
        .secret("prod/web/TOKEN", "hunter2");
    let first_use = format!("trust show --expect {}", lab.head());
    lab.clws(&first_use).by("bob").succeeds();
    for (who, path, said) in [
        ("ada", "prd/web/TOKEN", "`prd/web` is covered by no rule"),
        ("bob", "prod/web/TOKEN", "bob may not write `prod/web`"),
    ] {
        let run = lab.clws(&format!("secret set {path}")).by(who);
        let (code, shown) = Terminal::start(run.command()).ends();
        assert_eq!(code, 13, "{shown}");
        assert!(
            shown.contains(said) && !shown.contains("value for"),
            "{shown}"
        );
    }
}

#[test]
fn a_file_in_the_place_of_a_folder_is_said_to_be_one() {
    let lab = Lab::new();
    std::fs::write(lab.vault().join("a-file"), "x").unwrap();
    for command in ["init a-file", "man --out a-file"] {
        let ran = lab.clws(command).exits(30);
        let said = "a file lies there, and a folder is wanted";
        assert!(ran.err.contains(said), "{command}: {}", ran.err);
    }
}
