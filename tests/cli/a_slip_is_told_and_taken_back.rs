//! What people do by a slip: it is said at once what is the case, before anything else that would be wrong, and
//! what was done goes back as it came.

use crate::lab::Lab;

#[test]
fn keys_of_somebody_under_another_name_are_told() {
    let lab = Lab::new().people(&["grace", "ben"]);
    let party = lab.clws("identity show").by("grace").succeeds().out;
    for (command, said) in [
        (
            "recipient add graec - --yes",
            "warning: these are the keys of grace by the file, and graec's from now on\n",
        ),
        (
            "recipient update ben - --dry-run",
            "warning: these are the keys of grace by the file, and ben's from now on\n",
        ),
        (
            "recipient add zoe - --dry-run",
            "`clws recipient remove grace` takes one out\n",
        ),
    ] {
        let ran = lab.clws(command).stdin(&party).succeeds();
        assert!(ran.err.contains(said), "{command}: {}", ran.err);
    }
    // And what nobody sends.
    let identity = lab.home("grace").join(".config/clws/identities/grace");
    for half in ["age.txt", "signing_key"] {
        let half = identity.join(half);
        let add = lab.clws("recipient add zoe").word(half.to_str().unwrap());
        let refused = add.exits(10).err;
        assert!(
            refused.contains("holds a private key") && refused.contains("makes another one"),
            "{refused}"
        );
    }
    lab.clws("recipient remove graec --yes").succeeds();
    let own = lab.clws("recipient update grace - --dry-run").stdin(&party);
    assert!(!own.succeeds().err.contains("warning"));
}

#[test]
fn a_right_on_a_path_that_nothing_is_at_is_taken_back_with_its_rule() {
    let lab = Lab::new()
        .people(&["grace"])
        .secret("prod/web/TOKEN", "hunter2");
    let access = || std::fs::read_to_string(lab.vault().join("recipients/access.toml")).unwrap();
    let before = access();
    lab.clws("access grant grace prdo --read --write --yes")
        .succeeds();
    lab.clws("access revoke grace prdo --write --yes")
        .succeeds();
    assert!(access().contains("[rule.prdo]"));
    let ran = lab.clws("access revoke grace prdo --read --yes").succeeds();
    assert!(
        ran.err.contains("`prdo` has no rule of its own any more\n"),
        "{}",
        ran.err
    );
    assert_eq!(access(), before);
    // Below a wider rule it stays: without it those of the wider one would read what comes there.
    lab.clws("access grant grace prod --read --yes").succeeds();
    lab.clws("access grant ada prod/admin --read --write --deploy --yes")
        .succeeds();
    lab.clws("access revoke grace prod/admin --read --yes")
        .succeeds();
    let held = lab
        .clws("access revoke ada prod/admin --read --write --deploy --yes")
        .exits(13);
    assert!(held.err.contains("leaves nobody to read"), "{}", held.err);
    lab.clws("access revoke grace prod --read --yes").succeeds();
    // Where something lies, somebody has to be left.
    let held = lab
        .clws("access revoke ada prod --read --write --deploy --yes")
        .run();
    assert!(
        held.err
            .contains("the rule for `prod` leaves nobody to read"),
        "{}",
        held.err
    );
}

#[test]
fn who_does_not_decide_learns_that_first() {
    let lab = Lab::new()
        .people(&["grace"])
        .secret("prod/web/TOKEN", "hunter2");
    lab.clws("access grant grace prod/web --read --yes")
        .succeeds();
    lab.accepted_by(&["grace"]);
    for command in [
        "recipient remove ada --yes",
        "recipient remove grace --yes",
        "access grant grace prod --read --yes",
        "access revoke ada dev --read --write --deploy --yes",
        "host add box --address local --scope prod --machine-type web --yes",
    ] {
        let refused = lab.clws(command).by("grace").exits(13).err;
        assert_eq!(
            refused,
            "error: none of your keys is an administrator's\n  administrators are ada\n  nothing was written\n\
             hint: ask ada to run this command\n",
            "{command}"
        );
    }
    let planned = lab
        .clws("recipient remove grace --dry-run")
        .by("grace")
        .succeeds();
    assert!(
        planned.err.contains("grace is taken out"),
        "{}",
        planned.err
    );
    // Who may not write is sent to nothing that only a writer does.
    let refused = lab
        .clws("rotate prod/web/TOKEN --yes")
        .by("grace")
        .exits(13)
        .err;
    assert!(
        refused.contains("grace may not write `prod/web`") && !refused.contains("secret policy"),
        "{refused}"
    );
    // And who cannot read, to somebody who can let them in.
    lab.clws("access revoke grace prod/web --read --yes")
        .succeeds();
    let closed = lab
        .clws("secret get prod/web/TOKEN")
        .by("grace")
        .exits(11)
        .err;
    let hint = "hint: an administrator can run `clws access grant grace prod/web --read`\n";
    assert!(closed.ends_with(hint), "{closed}");
}

#[test]
fn a_part_of_a_path_that_was_left_out_is_named() {
    let lab = Lab::new().secret("prod/web/TOKEN", "hunter2");
    let set = |path: &str| {
        lab.clws(&format!("secret set {path}"))
            .stdin(b"hunter3")
            .run()
    };
    let refused = set("mail/ada/PASSWORD");
    let hint = "hint: a path begins with a scope, of which there are dev, prod, shared and test\n";
    assert_eq!(refused.code, 13);
    assert!(refused.err.contains(hint), "{}", refused.err);
    let note = "note: that is a file; a value lies in a document: `prod/DOCUMENT/TOKEN`\n";
    assert!(set("prod/TOKEN").err.ends_with(note));
    for path in [
        "prod/TOKEN",
        "prod/site.key",
        "prod/TLS --type file",
        "prod/web/PORT",
    ] {
        assert!(!set(path).err.contains("DOCUMENT"), "{path}");
    }
    let refused = lab.clws("secret remove prod/web --yes").exits(2);
    let hint = "hint: `clws secret remove prod/web/PORT prod/web/TOKEN` removes all of them\n";
    assert!(refused.err.ends_with(hint), "{}", refused.err);
    lab.clws("secret remove prod/web/PORT prod/web/TOKEN --yes")
        .succeeds();
}

#[test]
fn a_group_that_changes_is_told_by_its_members() {
    let lab = Lab::new().people(&["grace", "ben"]);
    let missing = lab.clws("access grant team prod --read --yes").run();
    assert!(
        missing.err.contains("`[group.team]` with `members = "),
        "{}",
        missing.err
    );
    let path = lab.vault().join("recipients/access.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let with = |members: &str| format!("[group.team]\nmembers = [{members}]\n\n{text}");
    for (is, said) in [
        (with("\"ben\", \"grace\""), "the group team is ben, grace\n"),
        (with("\"ben\""), "the group team is ben\n"),
        (with(""), "the group team is empty\n"),
        (text.clone(), "team is no group any more\n"),
    ] {
        std::fs::write(&path, is).unwrap();
        let ran = lab.clws("trust sign --yes").succeeds();
        assert!(ran.err.starts_with(said), "{}", ran.err);
    }
}

#[test]
fn a_vault_without_hooks_or_hosts_says_so() {
    let lab = Lab::new().secret("prod/web/TOKEN", "hunter2");
    for command in ["hook sign --yes", "hook list", "hook diff"] {
        let ran = lab.clws(command).succeeds();
        assert_eq!(
            ran.err, "there is no hook yet: a file hooks/COMPONENT.toml is one\n",
            "{command}"
        );
    }
    let none = lab.clws("deploy --on prod").exits(18).err;
    assert!(
        none.contains("--scope ENV --machine-type TYPE` makes a host"),
        "{none}"
    );
    let add = "host add box --address local --machine-type sever --yes --scope";
    let planned = lab.clws(&format!("{add} prdo --dry-run")).succeeds().err;
    assert!(
        planned.contains("nothing lies at `prdo` yet: is `prod` meant?"),
        "{planned}"
    );
    lab.clws(&format!("{add} prod")).succeeds();
    let none = lab.clws("deploy --on prod").exits(18).err;
    assert!(
        none.contains("its hosts are of the machine type sever\n"),
        "{none}"
    );
    for user in ["a b", "-oProxyCommand", ""] {
        let ran = lab
            .clws("host add other --address 10.0.0.5 --dry-run")
            .word(format!("--user={user}"))
            .exits(2);
        assert!(ran.err.contains("no user has such a name"), "{}", ran.err);
    }
    lab.clws("host add other --address 10.0.0.5 --dry-run --user ada@example.org")
        .succeeds();
}

#[test]
fn a_line_of_shell_in_one_word_is_told_how_it_is_run() {
    let lab = Lab::new().secret("prod/web/TOKEN", "hunter2");
    let exec = |word: &str| lab.clws("exec prod/web --").word(word);
    let told = exec("echo $TOKEN").exits(127).err;
    assert!(
        told.ends_with("hint: a line of shell is `-- sh -c 'echo $TOKEN'`\n"),
        "{told}"
    );
    assert!(!exec("no-such-program").exits(127).err.contains("hint: "));
}

#[test]
fn a_hook_that_no_deploy_takes_is_told_when_it_is_signed() {
    let lab = Lab::new().secret("prod/web/TOKEN", "hunter2");
    lab.clws("host add box --address local --scope prod --machine-type server --yes")
        .succeeds();
    std::fs::create_dir_all(lab.vault().join("hooks")).unwrap();
    let hook = |secret: &str| {
        let runs = "runs_on = { machine_type = \"server\" }";
        let text = format!("{runs}\nenv.TOKEN = {{ secret = \"{secret}\" }}\n");
        std::fs::write(lab.vault().join("hooks/web.toml"), text).unwrap();
        lab.clws("hook sign --yes").succeeds().err
    };
    let told = hook("web/TOKNE");
    let warning = "warning: no deploy takes web in `prod`: there is no secret `prod/web/TOKNE`\n\
                   hint: is `prod/web/TOKEN` meant?\n";
    assert!(told.ends_with(warning), "{told}");
    assert!(hook("web/TOKEN").ends_with("signed the hook of web, number 2\n"));
}

#[test]
fn who_signs_before_a_pull_is_told_that_no_proposal_lies_here() {
    let lab = Lab::new().people(&["grace"]);
    let said = "no proposal lies here; one of somebody else comes with `git pull`\n";
    let signed = lab.clws("trust sign --yes").succeeds().err;
    assert!(signed.ends_with(said), "{signed}");
    lab.clws("trust sign --admin grace --yes").succeeds();
    lab.accepted_by(&["grace"]);
    let signed = lab.clws("trust sign --yes").by("grace").succeeds().err;
    assert!(
        !signed.contains(said) && signed.contains("signed trust version 3"),
        "{signed}"
    );
}
