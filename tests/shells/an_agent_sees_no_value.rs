//! With `CLWS_AGENT=1` or `--agent` values go to programs and files alone, and come from a person's
//! terminal alone, whatever the repository holds.

use crate::support::lab::{Lab, Ran};
use crate::support::terminal::Terminal;

const CANARY: &str = "hunter2-canary-of-an-agent";

fn lab() -> Lab {
    let lab = Lab::new().secret("dev/web/TOKEN", CANARY);
    lab.clws("secret set dev/keys/site.key --type file")
        .stdin(format!("{CANARY}-file").as_bytes())
        .succeeds();
    let settings = lab.vault().join("clws.toml");
    let text = std::fs::read_to_string(&settings).unwrap();
    let end = text.replace(
        "[end]",
        "[ansible.default]\nsecret = \"dev/web/TOKEN\"\n\n[end]",
    );
    std::fs::write(&settings, end).unwrap();
    lab.clws("trust sign --yes").succeeds();
    lab.commit("first");
    lab
}

/// What would print a value.
const PRINTING: &[&str] = &[
    "secret get dev/web/TOKEN",
    "secret get dev/web/TOKEN --show",
    "secret get dev/keys/site.key",
    "secret get dev/web/TOKEN --at HEAD",
    "secret get dev/web/TOKEN --unvouched",
    "secret diff HEAD --values",
    "secret edit dev/web/TOKEN",
    "secret edit dev/web",
    "export dev/web --format json --out -",
    "export dev/web --format dotenv --out - --show",
    "ansible vault-password",
    "ansible inventory --list --with dev/web",
];

fn shows_nothing(ran: &Ran) {
    let seen = format!("{}{}", ran.text(), ran.err);
    assert!(!seen.contains(CANARY), "{}: {seen}", ran.words);
}

#[test]
fn nothing_prints_a_value_and_each_says_the_way_out() {
    let lab = lab();
    for words in PRINTING {
        // An editor that prints what it is given to edit.
        let ran = lab
            .clws(words)
            .env("CLWS_AGENT", "1")
            .env("EDITOR", "cat")
            .exits(15);
        shows_nothing(&ran);
        assert!(
            ran.err.starts_with("error: an agent is shown no value\n"),
            "{}",
            ran.err
        );
        assert!(ran.err.contains("\nhint: "), "{}", ran.err);
        let ran = lab.clws(&format!("--agent --json {words}")).exits(15);
        shows_nothing(&ran);
        assert_eq!(ran.json()["error"]["name"], "DENIED");
        let command = lab.clws(words).env("CLWS_AGENT", "1").command();
        let (code, seen) = Terminal::controlling(&command).ends();
        assert_eq!(code, 15, "{words}: {seen}");
        assert!(!seen.contains(CANARY), "{words}: {seen}");
    }
    // The flag wins; without either, or with 0, it is as ever.
    let get = || lab.clws("secret get dev/web/TOKEN");
    lab.clws("secret get dev/web/TOKEN --agent")
        .env("CLWS_AGENT", "0")
        .exits(15);
    for off in ["", "0"] {
        assert_eq!(get().env("CLWS_AGENT", off).succeeds().text(), CANARY);
    }
}

#[test]
fn names_numbers_and_files_are_there_for_an_agent() {
    let lab = lab();
    for words in [
        "secret list",
        "secret history dev/web/TOKEN",
        "check",
        "secret generate dev/web/OTHER",
        "secret diff --json",
    ] {
        let ran = lab.clws(words).env("CLWS_AGENT", "1").run();
        assert!(ran.code < 2, "{words}: {}", ran.err);
        shows_nothing(&ran);
    }
    let out = tempfile::tempdir_in("/dev/shm").unwrap();
    let to = out.path().join("out");
    let ran = lab
        .clws("export dev/web --format json --out")
        .word(to.display().to_string())
        .env("CLWS_AGENT", "1")
        .succeeds();
    shows_nothing(&ran);
    // A program has it, and a file that the program writes.
    lab.clws("exec dev/web -- sh -c")
        .word("printf %s \"$TOKEN\" >\"$0\"")
        .word(out.path().join("given").display().to_string())
        .env("CLWS_AGENT", "1")
        .succeeds();
    let given = std::fs::read_to_string(out.path().join("given")).unwrap();
    assert_eq!(given, CANARY);
}

#[test]
fn what_a_program_prints_is_redacted_unasked() {
    let lab = lab();
    let print = "echo \"$TOKEN\"; cat \"$FILE\" >&2";
    let words = "exec dev/web --file FILE=dev/keys/site.key";
    let run = |flags: &str| lab.clws(&format!("{words} {flags} -- sh -c")).word(print);
    let ran = run("").env("CLWS_AGENT", "1").succeeds();
    assert_eq!(
        (ran.text().as_str(), ran.err.as_str()),
        ("[redacted]\n", "[redacted]")
    );
    let ran = run("--no-redact").env("CLWS_AGENT", "1").exits(125);
    shows_nothing(&ran);
    assert!(
        ran.err.contains("for an agent the output is redacted"),
        "{}",
        ran.err
    );
    let ran = run("").succeeds();
    assert!(ran.text().contains(CANARY));
}

/// What clws starts is the agent's too.
#[test]
fn a_child_that_is_clws_prints_nothing_either() {
    let lab = lab();
    lab.clws("secret set dev/other/VALUE")
        .stdin(b"other-canary")
        .succeeds();
    let program = env!("CARGO_BIN_EXE_clws");
    for run in [
        lab.clws("exec dev/web -- sh -c").env("CLWS_AGENT", "1"),
        lab.clws("--agent exec dev/web -- sh -c"),
    ] {
        let ran = run
            .word(format!("{program} secret get dev/other/VALUE; echo $?"))
            .succeeds();
        assert_eq!(ran.text(), "15\n", "{}", ran.err);
        assert!(!ran.err.contains("other-canary"));
    }
}

#[test]
fn a_value_comes_from_a_persons_terminal() {
    let lab = lab();
    std::fs::write(lab.vault().join("value"), "chosen by an agent").unwrap();
    let set = |words: &str| lab.clws(words).env("CLWS_AGENT", "1");
    for run in [
        set("secret set dev/web/NEW").stdin(b"chosen by an agent"),
        set("secret set dev/web/NEW --from-file value"),
        set("secret set dev/keys/new.key --type file").stdin(b"chosen by an agent"),
    ] {
        let ran = run.exits(15);
        assert!(ran.err.contains("an agent gives no value"), "{}", ran.err);
        assert!(ran.err.contains("clws secret generate dev/"), "{}", ran.err);
    }
    let from_file = set("secret set dev/web/NEW --from-file value").command();
    assert_eq!(Terminal::controlling(&from_file).ends().0, 15);
    lab.clws("secret get dev/web/NEW").exits(18);

    let mut person = Terminal::controlling(&set("secret set dev/web/NEW").command());
    person
        .shows("value for dev/web/NEW: ")
        .types("typed by ada\n");
    person.shows("once more: ").types("typed by ada\n");
    let (code, seen) = person.ends();
    assert_eq!(code, 0, "{seen}");
    assert!(!seen.contains("typed by ada"), "{seen}");
    assert_eq!(
        lab.clws("secret get dev/web/NEW").succeeds().text(),
        "typed by ada"
    );
}

#[test]
fn a_value_made_by_hand_comes_from_a_terminal_too() {
    let lab = lab();
    lab.clws("secret policy dev/web/TOKEN --rotator by-hand")
        .succeeds();
    let ran = lab
        .clws("rotate dev/web/TOKEN --yes")
        .env("CLWS_AGENT", "1")
        .stdin(b"chosen by an agent")
        .exits(15);
    assert!(ran.err.contains("an agent gives no value"), "{}", ran.err);
    assert_eq!(
        lab.clws("secret get dev/web/TOKEN").succeeds().text(),
        CANARY
    );
}

/// Nothing that a repository can hold says who is at work.
#[test]
fn a_repository_switches_nothing_off() {
    let lab = lab();
    for (name, text) in [
        (".env", "CLWS_AGENT=0\n"),
        (".envrc", "unset CLWS_AGENT\n"),
        (".clws.toml", "agent = false\n"),
        ("config.toml", "agent = false\n"),
    ] {
        std::fs::write(lab.vault().join(name), text).unwrap();
    }
    lab.git(&["config", "clws.agent", "0"]);
    let ran = lab
        .clws("secret get dev/web/TOKEN")
        .env("CLWS_AGENT", "1")
        .exits(15);
    shows_nothing(&ran);
    // A key of clws.toml that is none is refused, not passed over.
    let settings = lab.vault().join("clws.toml");
    let text = std::fs::read_to_string(&settings).unwrap();
    std::fs::write(
        &settings,
        text.replace("[vault]\n", "[vault]\nagent = \"0\"\n"),
    )
    .unwrap();
    let ran = lab
        .clws("secret get dev/web/TOKEN")
        .env("CLWS_AGENT", "1")
        .run();
    assert_ne!(ran.code, 0);
    shows_nothing(&ran);
}
