//! What was imported comes back: the tree with its names and modes, or in the formats of other tools,
//! with other programs as judges.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::fixture::{self, Certs};
use crate::lab::{Lab, contains, forms};
use crate::tool::tool;

/// A folder in memory, gone when dropped.
pub(crate) struct Memory(tempfile::TempDir);

impl Memory {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir_in("/dev/shm").unwrap())
    }

    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

/// Every file below a folder: mode and content, by path.
pub(crate) fn tree(folder: &Path) -> BTreeMap<String, (u32, Vec<u8>)> {
    let mut all = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).unwrap().flatten() {
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() {
                let path = entry.path();
                let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
                let name = path.strip_prefix(folder).unwrap();
                let content = fs::read(&path).unwrap();
                all.insert(name.to_str().unwrap().to_owned(), (mode, content));
            }
        }
    }
    all
}

fn imported(certs: &Certs) -> Lab {
    let lab = Lab::new();
    let password = certs.path().parent().unwrap().join("vault-password");
    fs::write(&password, "Xt24P6AUtVicstcC\n").unwrap();
    let run = lab.clws("import --yes --vault-password-file");
    let run = run.word(password.to_str().unwrap());
    run.word(certs.path().to_str().unwrap()).succeeds();
    lab
}

fn export<'a>(lab: &'a Lab, words: &str, out: &Path) -> crate::lab::Run<'a> {
    let run = lab.clws(&format!("export {words} --out"));
    run.word(out.to_str().unwrap())
}

/// What Python's reader of a format makes of a text, as JSON.
fn python(program: &str, input: &Path) -> serde_json::Value {
    let output = Command::new(tool("python3"))
        .arg("-c")
        .arg(program)
        .arg(input)
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn the_tree_comes_back_with_names_and_modes_and_nothing_else() {
    let certs = Certs::lay_out();
    let (lab, memory) = (imported(&certs), Memory::new());
    let out = memory.join("tree");
    let done = export(&lab, "--format dir", &out).succeeds();
    let mut wanted = tree(&certs.path());
    // What is public was left where it lay, and nobody was asked to take it.
    wanted.retain(|path, _| !path.ends_with(".crt") && !path.ends_with(".pub"));
    assert_eq!(tree(&out), wanted);
    let mode = fs::metadata(&out).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    for leak in fixture::leaks() {
        for form in forms(&leak) {
            assert!(!contains(done.err.as_bytes(), &form) && !contains(&done.out, &form));
        }
    }
    assert!(
        done.err.contains("2 sources left in the clear"),
        "{}",
        done.err
    );
}

#[test]
fn a_new_value_stands_in_the_old_place_and_other_values_have_a_file_of_their_own() {
    let certs = Certs::lay_out();
    let (lab, memory) = (imported(&certs), Memory::new());
    let set = |path: &str, value: &str| {
        lab.clws(&format!("secret set {path}"))
            .stdin(value.as_bytes())
            .succeeds();
    };
    set("prod/rest-server/CODALAB_PASSWORD", "n'ew $x");
    set("shared/ansible-secrets/smtp_user", "x: y");
    set("test/more/TOKEN", "hunter2");
    lab.clws("secret set dev/ansible-group_vars/extra")
        .stdin(b"x")
        .succeeds();
    let out = memory.join("tree");
    let done = export(&lab, "--format dir", &out).succeeds();
    let read = |path: &str| fs::read_to_string(out.join(path)).unwrap();
    let before = fs::read_to_string(certs.path().join("prod/rest-server.env")).unwrap();
    let changed = before.replace(
        "CODALAB_PASSWORD=EmqCDOmTPAHUySAOMQ0j",
        "CODALAB_PASSWORD=\"n'ew \\$x\"",
    );
    assert_ne!(before, changed);
    assert_eq!(read("prod/rest-server.env"), changed);
    assert_eq!(read("test/more.env"), "TOKEN=hunter2\n");
    // Open, and said so.
    assert!(read("ansible/secrets.yml").contains("smtp_user: \"x: y\"\n"));
    assert!(
        done.err.contains("no longer sealed by Ansible"),
        "{}",
        done.err
    );
    // A value more has no place in the layout.
    assert!(read("ansible/group_vars/dev.yml").contains("extra: x\n"));
    assert!(done.err.contains("dev.yml is written anew"), "{}", done.err);
}

#[test]
fn other_programs_read_what_is_written_for_them() {
    let certs = Certs::lay_out();
    let (lab, memory) = (imported(&certs), Memory::new());
    let expected = fixture::expected();
    let print = |words: &str| {
        lab.clws(&format!("export {words} --out -"))
            .succeeds()
            .text()
    };
    let file = memory.join("input");
    let json = "import json,sys; print(json.dumps(json.load(open(sys.argv[1]))))";
    fs::write(&file, print("shared/azure-principal --format json")).unwrap();
    assert_eq!(python(json, &file), expected["azure/principal.json"]);
    fs::write(&file, print("dev/ansible-group_vars --format json")).unwrap();
    let vars = python(json, &file);
    assert_eq!(vars["workers"], serde_json::json!(["vm-clws-dev-worker-0"]));
    assert_eq!(vars["mysql_password"], "ySC56nmQFXqyWvnHKtfK");
    // A shell takes what is written as dotenv.
    let text = print("prod/monitor --format dotenv");
    fs::write(&file, &text).unwrap();
    let shell = Command::new("sh")
        .args(["-c", ". \"$0\"; printf %s \"$CODALAB_EMAIL_PASSWORD\""])
        .arg(&file)
        .output()
        .unwrap();
    assert_eq!(shell.stdout, b"xxMUumK74 #1 $x");
    assert!(print("test/all --format ansible").contains("CODALAB_MYSQL_PASSWORD: \"00731\"\n"));
    // Tables have no form among variables, and the error names the way out.
    let ran = lab
        .clws("export shared/mysql-my --format dotenv --out -")
        .exits(10);
    assert!(ran.err.contains("--format json"), "{}", ran.err);

    // Each value and file is an age file that age opens.
    let out = memory.join("age");
    export(&lab, "--format age prod shared/misc", &out).succeeds();
    let identity = lab.home("ada").join(".config/clws/identities/ada/age.txt");
    for (path, wanted) in [
        (
            "prod/rest-server/CODALAB_PASSWORD.age",
            b"EmqCDOmTPAHUySAOMQ0j".to_vec(),
        ),
        (
            "shared/misc/token.bin.age",
            fs::read(certs.path().join("misc/token.bin")).unwrap(),
        ),
    ] {
        let age = Command::new(tool("age"))
            .args(["-d", "-i"])
            .args([&identity, &out.join(path)])
            .output()
            .unwrap();
        assert_eq!(
            age.stdout,
            wanted,
            "{path}: {}",
            String::from_utf8_lossy(&age.stderr)
        );
    }
}

#[test]
fn plaintext_goes_to_no_disk_no_vault_and_no_folder_that_is_in_use() {
    let lab = Lab::new().secret("prod/web/TOKEN", "canary-disk");
    let memory = Memory::new();
    let disk = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR").to_owned() + "/target").unwrap();
    let out = disk.path().join("out");
    let ran = export(&lab, "--format dir", &out).exits(15);
    assert!(ran.err.contains("--allow-disk"), "{}", ran.err);
    assert!(!out.exists());
    export(&lab, "--format dir --allow-disk", &out).succeeds();
    assert_eq!(
        fs::read(out.join("prod/web.env")).unwrap(),
        b"TOKEN=canary-disk\n"
    );
    export(&lab, "--format dir --allow-disk", &lab.vault().join("out")).exits(2);
    let used = memory.join("used");
    fs::create_dir(&used).unwrap();
    fs::write(used.join("x"), "x").unwrap();
    export(&lab, "--format dir", &used).exits(16);
    assert_eq!(tree(&used).len(), 1);
    let link = memory.join("link");
    std::os::unix::fs::symlink(&used, &link).unwrap();
    export(&lab, "--format dir", &link).exits(16);
    // Whoever may give a folder away is root, to whom another one's is open.
    let theirs = memory.join("theirs");
    fs::create_dir(&theirs).unwrap();
    if std::os::unix::fs::chown(&theirs, Some(65534), None).is_ok() {
        let ran = export(&lab, "--format dir", &theirs).exits(15);
        assert!(ran.err.contains("somebody else"), "{}", ran.err);
        assert_eq!(tree(&theirs).len(), 0);
        let ran = export(&lab, "--format dir", &theirs.join("below")).exits(15);
        assert!(ran.err.contains("somebody else"), "{}", ran.err);
        assert_eq!(tree(&theirs).len(), 0);
    }
    lab.nowhere(&["canary-disk".to_owned()]);

    // What is not to be printed stops all of it, and leaves nothing.
    lab.clws("secret set prod/web/HIDDEN")
        .stdin(b"canary-hidden")
        .succeeds();
    lab.clws("secret policy prod/web/HIDDEN --no-print")
        .succeeds();
    let out = memory.join("out");
    let ran = export(&lab, "--format dir", &out).exits(15);
    assert!(ran.err.contains("no_print"), "{}", ran.err);
    assert!(!out.exists());
    export(&lab, "--format age", &out).succeeds();
    assert!(!contains(
        &fs::read(out.join("prod/web/HIDDEN.age")).unwrap(),
        b"canary"
    ));
    // And what cannot be written half-way leaves nothing either.
    lab.clws("export prod/none --format json --out -").exits(18);
    lab.clws("export prod/web/TOKEN --format json --out -")
        .exits(2);
    lab.clws("export --format json --out -")
        .env("X", "y")
        .exits(15);
}

#[test]
fn a_sealed_file_is_verified_and_logged_before_it_is_given_out() {
    let lab = Lab::new();
    let memory = Memory::new();
    lab.clws("secret set prod/keys/web.key --type file")
        .stdin(b"canary-key")
        .succeeds();
    let file = lab.vault().join("secrets/prod/keys/web.key.age");
    let good = fs::read(&file).unwrap();
    let mut bad = good.clone();
    *bad.last_mut().unwrap() ^= 1;
    fs::write(&file, bad).unwrap();
    let out = memory.join("out");
    export(&lab, "--format age", &out).exits(12);
    assert!(!out.exists());
    fs::write(&file, &good).unwrap();
    export(&lab, "--format age", &out).succeeds();
    assert_eq!(fs::read(out.join("prod/keys/web.key.age")).unwrap(), good);
    let log = lab.clws("audit show --json").succeeds().text();
    assert!(log.contains("prod/keys/web.key"), "{log}");
}

#[test]
fn what_is_stopped_half_way_leaves_nothing() {
    let lab = Lab::new()
        .secret("prod/a/TOKEN", "x")
        .secret("prod/b/TOKEN", "y")
        .secret("prod/c/TOKEN", "z");
    let memory = Memory::new();
    for (signal, code) in [("HUP", 129), ("INT", 130), ("TERM", 143)] {
        let out = memory.join(signal);
        let run = export(&lab, "--format dir", &out).command();
        let log = memory.join("strace.log");
        let stopped = Command::new(tool("strace"))
            .args(["-qq", "-f", "-e", "trace=fchmod", "-o"])
            .arg(&log)
            .args(["-e", &format!("inject=fchmod:signal={signal}:when=2")])
            .arg(run.get_program())
            .args(run.get_args())
            .current_dir(lab.vault())
            .env_clear()
            .envs(
                run.get_envs()
                    .filter_map(|(name, value)| Some((name, value?))),
            )
            .output()
            .unwrap();
        let error = String::from_utf8_lossy(&stopped.stderr);
        assert_eq!(stopped.status.code(), Some(code), "{error}");
        // It had begun.
        assert_eq!(
            fs::read_to_string(&log).unwrap().matches("fchmod(").count(),
            2
        );
        assert!(error.contains("nothing was left behind"), "{error}");
        assert!(!out.exists());
    }
}

#[test]
fn an_inventory_leads_nowhere_else() {
    let lab = Lab::new().secret("prod/web/TOKEN", "x");
    let memory = Memory::new();
    for source in [
        "../out-of-it",
        "/etc/clws-was-here",
        "a/../../b",
        "a//b",
        "",
    ] {
        let record = serde_json::json!({"format": 1, "sources": [
            {"source": source, "kind": "dotenv", "action": "document", "secret": "prod/web", "mode": "0600"},
        ]});
        lab.clws("secret set prod/import.json --type file")
            .stdin(record.to_string().as_bytes())
            .succeeds();
        let out = memory.join("tree");
        let ran = export(&lab, "--format dir", &out).exits(10);
        assert!(ran.err.contains("leads elsewhere"), "{}", ran.err);
        assert!(!out.exists() && !memory.join("out-of-it").exists());
    }
}

#[test]
fn an_inventory_says_nothing_of_what_its_signer_may_not_write() {
    let lab = Lab::new()
        .people(&["ben"])
        .secret("prod/db/PASSWORD", "the-password-of-prod");
    lab.clws("access grant ben dev --read --write --yes")
        .succeeds();
    lab.accepted_by(&["ben"]);
    // What ben writes in `dev` would lay it open under a name and a mode of his choice.
    lab.clws("secret set dev/import.json --type file")
        .by("ben")
        .stdin(
            br#"{"format":1,"sources":[{"source":"dev/public.env","kind":"dotenv","action":"document",
            "secret":"prod/db","mode":"0666","keys":{"PASSWORD":"NOTE"}}]}"#,
        )
        .succeeds();
    let out = tempfile::tempdir_in("/dev/shm").unwrap();
    let out = out.path().join("out");
    lab.clws("export --format dir --out")
        .word(out.display().to_string())
        .succeeds();
    assert!(!out.join("dev/public.env").exists());
    let file = out.join("prod/db.env");
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.starts_with("PASSWORD="), "{text}");
    let mode = std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(file).unwrap());
    assert_eq!(mode & 0o777, 0o600);
}
