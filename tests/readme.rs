//! The transcripts of the README and of the guide run as they stand there.
//!
//! `…` in a line of output stands for anything; a line that is nothing else, for any lines.

#![expect(
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "a helper of a test fails that test, and programs are looked up as a shell does"
)]

mod support;

use std::process::{Command, Stdio};

use support::azure::{Azure, CLIENT, PASSWORD, TENANT};
use support::bao::Bao;
use support::dotenvx::KeyPair;
use support::fixture::{Certs, leaks};
use support::keyring::Keyring;
use support::lab::{Lab, find_below};
use support::machine::Machine;

#[test]
fn the_transcripts_of_the_readme_are_true() {
    let readme = std::fs::read_to_string("README.md").expect("the README");
    for transcript in transcripts(&readme) {
        run(&Lab::empty(), transcript);
    }
}

/// Somebody new needs no more than the page that the README begins with, and ten minutes.
#[test]
fn the_first_ten_minutes_are_true() {
    let readme = std::fs::read_to_string("README.md").expect("the README");
    let (before, _) = readme.split_once("```console").expect("a transcript");
    assert!(
        before.contains("docs/start.md"),
        "it is named late or never"
    );
    let (lab, machine) = (Lab::empty(), Machine::start());
    run_page_in(&lab, "docs/start.md", Some(&machine));
    lab.nowhere(&["hunter2-and-more".to_owned()]);
    let found = find_below(&lab.vault(), &["-----BEGIN OPENSSH PRIVATE KEY".to_owned()]);
    assert!(found.is_empty(), "{found:?}");
    // Whoever reads slowly and types each command.
    let page = std::fs::read_to_string("docs/start.md").expect("the page");
    let words = page.split_whitespace().count();
    let commands = page.lines().filter(|line| line.starts_with("$ ")).count();
    let seconds = words * 60 / 150 + commands * 12;
    assert!(
        commands > 15 && seconds < 600,
        "{words} words, {commands} commands: {seconds} s"
    );
}

/// One story on one vault, which begins as a repository with `certs/` in it.
#[test]
fn the_guide_is_true() {
    let lab = Lab::empty();
    let certs = Certs::lay_out();
    let copied = Command::new("cp")
        .arg("-a")
        .args([certs.path(), lab.vault().join("certs")])
        .status();
    assert!(copied.expect("cp runs").success());
    lab.git(&["init", "-q", "-b", "main"]);
    lab.git(&["config", "user.name", "ada"]);
    lab.git(&["config", "user.email", "ada@example.invalid"]);
    lab.commit("as it was");
    let guide = std::fs::read_to_string("docs/guide.md").expect("the guide");
    for transcript in transcripts(&guide) {
        run(&lab, transcript);
    }
    // What is left below certs/ is public; git's history has what it had.
    for folder in ["secrets", "recipients", "certs"] {
        let found = find_below(&lab.vault().join(folder), &leaks());
        assert!(found.is_empty(), "{found:?}");
    }
}

/// Somebody joins, and leaves again.
#[test]
fn the_page_about_people_is_true() {
    let lab = Lab::empty();
    lab.git(&["init", "-q", "-b", "main"]);
    lab.git(&["config", "user.name", "ada"]);
    lab.git(&["config", "user.email", "ada@example.invalid"]);
    run_page(&lab, "docs/people.md");
    // What was committed is the rules as they are: whoever clones it reads them.
    assert_eq!(lab.git(&["status", "--porcelain", "--", "recipients"]), "");
}

/// A first deploy, on a machine of its own.
#[test]
fn the_page_about_a_first_deploy_is_true() {
    let (lab, machine) = (Lab::empty(), Machine::start());
    run_page_in(&lab, "docs/deploy.md", Some(&machine));
}

/// From Ansible's files to the vault, and back, on one vault.
#[test]
fn the_page_about_ansible_is_true() {
    let lab = Lab::empty();
    lab.git(&["init", "-q", "-b", "main"]);
    support::tool::tool("ansible-vault");
    let page = std::fs::read_to_string("docs/ansible.md").expect("the page");
    for transcript in transcripts(&page) {
        run(&lab, transcript);
    }
    lab.nowhere(&["of-the-team".to_owned()]);
}

/// From files of SOPS to the vault, and back to files that SOPS opens.
#[test]
fn the_page_about_sops_is_true() {
    let lab = Lab::empty();
    for program in ["sops", "age-keygen"] {
        support::tool::tool(program);
    }
    run_page(&lab, "docs/sops.md");
    let values = ["live-4f9d2c81", "Xk2-ahn9-Qu4e"].map(str::to_owned);
    lab.nowhere(&values);
}

/// From stores of age files and of pass to the vault, and back.
#[test]
fn the_page_about_pass_is_true() {
    let lab = Lab::empty();
    for program in ["age", "pass", "gpg"] {
        support::tool::tool(program);
    }
    run_page(&lab, "docs/pass.md");
    let values = ["Xk2-ahn9-Qu4e", "hunter2-of-ada"].map(str::to_owned);
    lab.nowhere(&values);
}

/// From files of dotenvx to the vault, and back to the same files.
#[test]
fn the_page_about_dotenvx_is_true() {
    let lab = Lab::empty();
    let app = lab.root().join("app/web");
    let key = KeyPair::new();
    let values = ["live-4f9d2c81", "Xk2-ahn9-Qu4e"];
    let [token, password] = values.map(|value| key.seal(value));
    std::fs::create_dir_all(&app).expect("a folder");
    let sealed = format!(
        "#/----[DOTENV_PUBLIC_KEY]----/\n#/ public-key encryption for .env files /\nDOTENV_PUBLIC_KEY_PROD=\"{}\"\n\n# .env.prod\nAPI_TOKEN=\"{token}\"\nDB_PASSWORD=\"{password}\"\nLOG_LEVEL=info\n",
        key.public
    );
    let keys = format!("# .env.prod\nDOTENV_PRIVATE_KEY_PROD={}\n", key.private);
    std::fs::write(app.join(".env.prod"), sealed).expect("a file");
    std::fs::write(app.join(".env.keys"), &keys).expect("a file");
    // It is what dotenvx takes for its own.
    let read = support::dotenvx::read(&app.join(".env.prod"));
    assert_eq!([&read["API_TOKEN"], &read["DB_PASSWORD"]], values);
    run_page(&lab, "docs/dotenvx.md");
    assert_eq!(
        std::fs::read_to_string(app.join(".env.keys")).expect("a file"),
        keys
    );
    lab.nowhere(&values.map(str::to_owned));
}

/// What shells and readers of manuals make of it.
#[test]
fn the_page_about_shells_is_true() {
    for program in ["fish", "man", "mandoc"] {
        support::tool::tool(program);
    }
    run_page(&Lab::empty(), "docs/shells.md");
}

/// What whoever is on call sees, on a machine of its own.
#[test]
fn the_page_about_being_on_call_is_true() {
    let (lab, machine) = (Lab::empty(), Machine::start());
    run_page_in(&lab, "docs/oncall.md", Some(&machine));
}

/// What a page shows of a terminal; each has a command in it.
fn transcripts(page: &str) -> Vec<&str> {
    let blocks = page.split("```console\n").skip(1);
    let blocks = blocks.map(|block| block.split("```").next().unwrap_or_default());
    let blocks: Vec<&str> = blocks.collect();
    assert!(!blocks.is_empty(), "the page has no transcript");
    for block in &blocks {
        assert!(block.contains("$ "), "nothing is done in:\n{block}");
    }
    blocks
}

fn run_page(lab: &Lab, page: &str) {
    run_page_in(lab, page, None);
}

fn run_page_in(lab: &Lab, page: &str, machine: Option<&Machine>) {
    let page = std::fs::read_to_string(page).expect("the page");
    for transcript in transcripts(&page) {
        run_in(lab, transcript, None, &[], machine);
    }
}

/// From a server to the vault, and back, with a token that lies in a keyring.
#[test]
fn the_page_about_servers_is_true() {
    use std::os::unix::fs::PermissionsExt;
    let lab = Lab::empty();
    lab.git(&["init", "-q", "-b", "main"]);
    let (bao, keyring) = (Bao::start(), Keyring::start());
    // The one for `bao` itself, which is the server's administrator.
    let programs = lab.root().join("programs");
    std::fs::create_dir(&programs).expect("a folder");
    let program = programs.join("bao");
    let real = support::tool::tool("bao");
    let text = format!(
        "#!/bin/sh\nBAO_ADDR={} BAO_TOKEN={} exec {} \"$@\"\n",
        bao.address,
        support::bao::TOKEN,
        real.display()
    );
    std::fs::write(&program, text).expect("a program");
    std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).expect("a mode");
    let policy = br#"path "secret/*" { capabilities = ["create", "read", "update", "list"] }
        path "transit/keys/clws" { capabilities = ["read"] }
        path "transit/encrypt/clws" { capabilities = ["update"] }"#;
    bao.bao(&["policy", "write", "clws", "-"], policy);
    let token = ["token", "create", "-field=token", "-policy=clws", "-ttl=1h"];
    let token = bao.bao(&token, b"").trim().to_owned();
    std::fs::write(lab.root().join("token"), &token).expect("a file");
    let config = lab.home("ada").join(".config/clws");
    std::fs::create_dir_all(&config).expect("a folder");
    let settings = format!("[server]\naddress = \"{}\"\n", bao.address);
    std::fs::write(config.join("config.toml"), settings).expect("a file");
    let page = std::fs::read_to_string("docs/server.md").expect("the page");
    let environment = [
        ("DBUS_SESSION_BUS_ADDRESS", keyring.bus()),
        ("ADDRESS", bao.address.clone()),
    ];
    for transcript in transcripts(&page) {
        run_in(&lab, transcript, Some(&programs), &environment, None);
    }
    lab.nowhere(&["from-the-old-days".to_owned(), token]);
}

/// A service principal logs in out of the vault, and leaves nothing; keys of an account are turned.
#[test]
fn the_page_about_azure_is_true() {
    let lab = Lab::empty();
    let azure = Azure::new(lab.root(), "codalabfiles");
    let [key, _] = azure.keys();
    for (name, text) in [
        ("appId", CLIENT),
        ("tenant", TENANT),
        ("password", PASSWORD),
        ("key1", &key),
    ] {
        std::fs::write(lab.root().join(name), text).expect("a file");
    }
    let page = std::fs::read_to_string("docs/azure.md").expect("the page");
    for transcript in transcripts(&page) {
        run_with(&lab, transcript, Some(azure.folder()));
    }
    let log = azure.log();
    // For two commands, and for the steps of a rotation.
    assert_eq!(log.matches("login --service-principal").count(), 5, "{log}");
    assert!(
        log.contains("AZURE_CLIENT_ID=") && !log.contains(PASSWORD),
        "{log}"
    );
    // What it wrote down itself went with the folder.
    let folders = log
        .lines()
        .filter_map(|line| line.strip_prefix("AZURE_CONFIG_DIR="));
    let folders: Vec<&str> = folders.collect();
    assert!(folders.len() >= 5, "{log}");
    for folder in folders {
        assert!(
            folder.contains("clws-ram-") && !std::path::Path::new(folder).exists(),
            "{folder}"
        );
    }
    assert_eq!(azure.renewed(), ["key2", "key1"]);
    azure.forgets();
    lab.nowhere(&[PASSWORD.to_owned(), key]);
}

/// Of who decides and who may read, a person alone is shown one line.
#[test]
fn a_person_alone_meets_one_line_of_it() {
    let lab = Lab::empty();
    lab.git(&["init", "-q", "-b", "main"]);
    lab.git(&["config", "user.name", "ada"]);
    lab.git(&["config", "user.email", "ada@example.invalid"]);
    let page = std::fs::read_to_string("docs/alone.md").expect("the page");
    let transcript = transcripts(&page)[0];
    run(&lab, transcript);
    let shown: Vec<&str> = transcript
        .lines()
        .filter(|line| !line.starts_with("$ "))
        .collect();
    // Nothing that is printed hides behind a line of `…`.
    assert!(shown.len() > 10 && !shown.contains(&"…"), "{shown:?}");
    let of_trust = [
        "trust",
        "fingerprint",
        "sign",
        "recipient",
        "access",
        "admin",
        "accept",
        "party",
        "rules",
    ];
    let met = shown
        .iter()
        .filter(|line| of_trust.iter().any(|word| line.contains(word)));
    assert_eq!(met.count(), 1, "{shown:?}");
}

fn run(lab: &Lab, transcript: &str) {
    run_with(lab, transcript, None);
}

/// The same with programs that come before all others.
fn run_with(lab: &Lab, transcript: &str, programs: Option<&std::path::Path>) {
    run_in(lab, transcript, programs, &[], None);
}

/// The same with some variables, and on another machine.
fn run_in(
    lab: &Lab,
    transcript: &str,
    programs: Option<&std::path::Path>,
    environment: &[(&str, String)],
    machine: Option<&Machine>,
) {
    let home = lab.home("ada");
    std::fs::create_dir_all(&home).expect("a home");
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_clws"));
    let programs = programs.map(|folder| format!("{}:", folder.display()));
    let path = format!(
        "{}{}:{}",
        programs.unwrap_or_default(),
        program.parent().expect("a folder").display(),
        std::env::var("PATH").unwrap_or_default()
    );
    for step in transcript.split("$ ").skip(1) {
        let (command, expected) = command_of(step);
        // Both streams in one, as a terminal shows them.
        let mut shell = Command::new("sh");
        shell
            .args(["-c", &format!("exec 2>&1; {command}")])
            .current_dir(lab.vault())
            .env_clear()
            .env("HOME", &home)
            .env("PATH", &path)
            .envs(environment.iter().map(|(name, value)| (name, value)));
        let mut shell = match machine {
            Some(machine) => machine.runs(&shell),
            None => shell,
        };
        let child = shell.stdin(Stdio::null()).output().expect("sh runs");
        let said = String::from_utf8_lossy(&child.stdout).into_owned();
        assert!(
            matches(expected.trim_end(), said.trim_end()),
            "`{command}` should say:\n{expected}\nand says:\n{said}"
        );
    }
}

/// The command with the lines that go on with it, as a shell shows them, and what is expected.
fn command_of(step: &str) -> (String, &str) {
    let (first, mut rest) = step.split_once('\n').unwrap_or((step, ""));
    let mut command = first.to_owned();
    while let Some((line, after)) = rest.strip_prefix('>').and_then(|on| on.split_once('\n')) {
        command.push('\n');
        command.push_str(line.strip_prefix(' ').unwrap_or(line));
        rest = after;
    }
    (command, rest)
}

fn matches(expected: &str, said: &str) -> bool {
    fn lines(wanted: &[&str], said: &[&str]) -> bool {
        match (wanted.split_first(), said.split_first()) {
            (None, said) => said.is_none(),
            (Some((&"…", wanted)), _) => (0..=said.len()).any(|at| {
                let rest = said.get(at..);
                rest.is_some_and(|rest| lines(wanted, rest))
            }),
            (Some((first, wanted)), Some((line, said))) => {
                matches_line(first, line) && lines(wanted, said)
            }
            (Some(_), None) => false,
        }
    }
    let expected: Vec<&str> = expected.lines().collect();
    let said: Vec<&str> = said.lines().collect();
    lines(&expected, &said)
}

fn matches_line(wanted: &str, line: &str) -> bool {
    let mut pieces = wanted.split('…');
    let Some(mut rest) = line.strip_prefix(pieces.next().unwrap_or_default()) else {
        return false;
    };
    let mut last = wanted;
    for piece in pieces {
        let Some(at) = rest.find(piece) else {
            return false;
        };
        rest = &rest[at + piece.len()..];
        last = piece;
    }
    rest.is_empty() || (wanted.contains('…') && last.is_empty())
}

#[test]
fn a_wrong_line_of_a_transcript_is_noticed() {
    assert!(matches("a … c\nd", "a b c\nd"));
    assert!(matches("kept in …", "kept in ~/x"));
    assert!(matches("a\n…\nc", "a\nb\nb\nc") && matches("a\n…\nc", "a\nc"));
    assert!(!matches("a\n…\nc", "a\nb"));
    let (command, expected) = command_of("cat <<END\n> one\n>\n>two\n> END\none\n");
    assert_eq!(
        (&*command, expected),
        ("cat <<END\none\n\ntwo\nEND", "one\n")
    );
    for said in ["a b d\nd", "a b c", "a b c\nd\ne"] {
        assert!(!matches("a … c\nd", said), "{said}");
    }
}
