//! Commands, flags, formats, and the names of secrets, parties, groups, hosts and components are
//! completed in bash, zsh and fish, with nothing opened and nothing started.

use crate::shell::{SHELLS, Typing, asked, fish};
use crate::support::lab::Lab;
use crate::support::tool::tool;

const HOST_KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0Y1mvB1dP4s8Zy5pOe1cXp3t2zYvTBK0l1bq6k8m2P";

fn lab() -> Lab {
    let lab = Lab::new()
        .people(&["ben"])
        .secret("prod/web/DB_PASSWORD", "hunter2")
        .secret("prod/web/TOKEN", "hunter3")
        .secret("prod/web/OLD", "hunter4")
        .secret("prod/mysql/ROOT", "hunter5");
    lab.clws("secret set prod/tls/site.key --type file")
        .stdin(b"key")
        .succeeds();
    lab.clws("secret remove prod/web/OLD --yes").succeeds();
    lab.clws("host add vm-clws-prod-server-0 --address 127.0.0.1 --yes --host-key")
        .word(HOST_KEY)
        .succeeds();
    let access = lab.vault().join("recipients/access.toml");
    let text = std::fs::read_to_string(&access).unwrap();
    std::fs::write(
        &access,
        format!("[group.oncall]\nmembers = [\"ada\", \"ben\"]\n\n{text}"),
    )
    .unwrap();
    std::fs::create_dir_all(lab.vault().join("hooks")).unwrap();
    std::fs::write(lab.vault().join("hooks/greeter.toml"), "").unwrap();
    lab
}

#[test]
fn a_person_presses_tab_in_bash_and_zsh() {
    let lab = lab();
    for shell in ["bash", "zsh"] {
        let mut typing = Typing::start(&lab, shell);
        typing
            .completes("clws sec", "clws secret ")
            .completes("clws secret gen", "clws secret generate ")
            .completes("clws --no-in", "clws --no-input ")
            .completes("clws secret get pr", "clws secret get prod/")
            .completes("clws secret get prod/my", "clws secret get prod/mysql")
            .completes(
                "clws secret get prod/web/D",
                "clws secret get prod/web/DB_PASSWORD ",
            )
            .completes(
                "clws secret get 'prod/web/D",
                "clws secret get 'prod/web/DB_PASSWORD' ",
            )
            .completes("clws exec --file=K=prod/tl", "clws exec --file=K=prod/tls/")
            .completes(
                "clws exec --file K=prod/tls/s",
                "clws exec --file K=prod/tls/site.key ",
            )
            .completes(
                "clws exec --map=A=prod/web/T",
                "clws exec --map=A=prod/web/TOKEN ",
            )
            .completes("clws access grant on", "clws access grant oncall ")
            .completes("clws recipient show be", "clws recipient show ben ")
            .completes(
                "clws recipient update ben --drop ma",
                "clws recipient update ben --drop main ",
            )
            .completes(
                "clws secret policy prod/web --owner on",
                "clws secret policy prod/web --owner oncall ",
            )
            .completes("clws trust sign --admin be", "clws trust sign --admin ben ")
            .completes(
                "clws trust sign --without-admin a",
                "clws trust sign --without-admin ada ",
            )
            .completes("clws ssh vm", "clws ssh vm-clws-prod-server-0 ")
            .completes("clws deploy --on prod_", "clws deploy --on prod_server ")
            .completes(
                "clws deploy --on ada,prod_",
                "clws deploy --on ada,prod_server ",
            )
            .completes("clws deploy gr", "clws deploy greeter ")
            .completes("clws export --format js", "clws export --format json ")
            .completes("clws export --format=js", "clws export --format=json ")
            .completes(
                "clws secret policy prod/web --rotator by",
                "clws secret policy prod/web --rotator by-hand ",
            )
            .completes("clws identity show a", "clws identity show ada ")
            .completes("clws man secret ge", "clws man secret ge")
            .completes("clws man secret pol", "clws man secret policy ")
            .completes(
                "clws secret set prod/web/X --from-file hoo",
                "clws secret set prod/web/X --from-file hooks/",
            )
            .completes(
                "clws secret set prod/web/X --from-file=hoo",
                "clws secret set prod/web/X --from-file=hooks/",
            )
            .completes(
                "clws exec prod/web -- sha256s",
                "clws exec prod/web -- sha256sum ",
            )
            .lists("clws secret get prod/w", &["prod/web"])
            .lists(
                "clws secret get prod/web/",
                &["prod/web/DB_PASSWORD", "prod/web/TOKEN"],
            );
        let seen = typing.leaves();
        assert!(!seen.contains("OLD"), "{seen}");
    }
}

#[test]
fn fish_is_offered_the_same() {
    let lab = lab();
    assert_eq!(fish(&lab, "clws secr"), ["secret"]);
    assert_eq!(fish(&lab, "clws secret get p"), ["prod/"]);
    assert_eq!(
        fish(&lab, "clws secret get prod/w"),
        ["prod/web", "prod/web/DB_PASSWORD", "prod/web/TOKEN"]
    );
    assert_eq!(
        fish(&lab, "clws exec --file=K=prod/tls/"),
        ["--file=K=prod/tls/site.key"]
    );
    assert_eq!(fish(&lab, "clws access grant o"), ["oncall"]);
    assert_eq!(fish(&lab, "clws trust sign --admin "), ["ada", "ben"]);
    assert_eq!(fish(&lab, "clws trust sign --without-admin "), ["ada"]);
    assert_eq!(fish(&lab, "clws ssh "), ["vm-clws-prod-server-0"]);
    assert_eq!(fish(&lab, "clws deploy --on prod"), ["prod", "prod_server"]);
    assert_eq!(fish(&lab, "clws deploy g"), ["greeter"]);
    assert_eq!(
        fish(&lab, "clws export --format=d"),
        ["--format=dir", "--format=dotenv"]
    );
    assert_eq!(
        fish(&lab, "clws secret set prod/web/X --from-file=hook"),
        ["--from-file=hooks/"]
    );
    assert_eq!(fish(&lab, "clws --vault hook"), ["hooks/"]);
    assert!(fish(&lab, "clws exec prod/web -- sha256s").contains(&"sha256sum".to_owned()));
}

#[test]
fn every_command_and_flag_that_help_knows_is_offered() {
    let lab = Lab::empty();
    for shell in SHELLS {
        let offered = asked(&lab, shell, &[""]);
        assert_eq!(offered[0], "words");
        let help = lab.clws("--help").succeeds().text();
        let (_, commands) = help.split_once("Commands:\n").unwrap();
        let (commands, _) = commands.split_once("\n\n").unwrap();
        let commands: Vec<&str> = commands
            .lines()
            .filter_map(|line| line.strip_prefix("  ")?.split(' ').next())
            .filter(|word| !word.is_empty())
            .collect();
        assert!(commands.len() > 20 && !commands.contains(&"complete"));
        assert_eq!(offered[1..], commands);
        let flags = asked(&lab, shell, &["exec", "--"]);
        for flag in ["--file", "--mask", "--redact", "--vault", "--help"] {
            assert!(flags.contains(&flag.to_owned()), "{flags:?}");
        }
    }
}

#[test]
fn names_of_another_vault_are_those_of_the_one_that_is_named() {
    let lab = lab();
    let vault = lab.vault().display().to_string();
    let words = ["--vault", vault.as_str(), "secret", "get", "prod/m"];
    let run = |before: &[&str]| {
        let mut run = lab.clws("complete zsh --").folder(lab.root());
        for word in before {
            run = run.word(*word);
        }
        run.succeeds().text()
    };
    assert_eq!(run(&words), "words\nprod/mysql/ROOT\t\nprod/mysql\t\n");
    assert_eq!(run(&["secret", "get", "prod/m"]), "words\n");
    let equals = format!("--vault={vault}");
    assert!(run(&[equals.as_str(), "recipient", "show", "be"]).contains("ben"));
}

/// Not even git, which could run what the repository's configuration names; and no identity is read.
#[test]
fn nothing_is_started_and_no_identity_is_looked_at() {
    let lab = lab();
    lab.git(&["config", "core.fsmonitor", "touch ran"]);
    let traced = lab.root().join("traced");
    for words in [
        "secret get prod/web/",
        "exec --file=A=prod/",
        "access grant ",
        "ssh ",
        "deploy ",
        "secret get prod/web/TOKEN --at ",
    ] {
        let mut run = lab.clws("complete bash --");
        for word in words.split(' ') {
            run = run.word(word);
        }
        let mut strace = std::process::Command::new(tool("strace"));
        strace
            .args([
                "-f",
                "-qq",
                "-e",
                "trace=execve,execveat,openat,openat2,clone,clone3,fork",
            ])
            .arg("-o")
            .arg(&traced);
        assert!(run.under(strace).output().unwrap().status.success());
        let calls = std::fs::read_to_string(&traced).unwrap();
        assert_eq!(calls.matches("execve").count(), 1, "{words}: {calls}");
        for absent in [
            " clone(",
            " clone3(",
            "fork(",
            "age.txt",
            "signing_key",
            "/vaults/",
            "audit",
        ] {
            assert!(!calls.contains(absent), "{words}: {absent}: {calls}");
        }
        // The watcher sees what is looked at.
        assert!(
            words.ends_with("--at ") || calls.contains("openat2"),
            "{calls}"
        );
    }
    assert!(!lab.vault().join("ran").exists());
}
