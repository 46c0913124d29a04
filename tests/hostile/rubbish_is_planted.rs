//! Files that a repository has no business with: memory, journals, settings, vaults inside of the vault,
//! links, pipes, sockets and devices. None is believed, followed, waited for or removed.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;

use crate::lab::Lab;
use crate::scene::{accept, deployable, files_below, pins, plant, read, refused};
use crate::support::tool::tool;

fn lab() -> Lab {
    let lab = Lab::new()
        .people(&["ben"])
        .secret("prod/web/TOKEN", "first");
    lab.clws("secret set prod/keys/web.key --type file")
        .stdin(b"the-key")
        .succeeds();
    lab.clws("access grant ben prod --read --write --yes")
        .succeeds();
    deployable(&lab);
    accept(&lab, &["ben"]);
    lab.clws("secret get prod/keys/web.key")
        .by("ben")
        .succeeds();
    lab
}

#[test]
fn memory_and_journals() {
    let lab = lab();
    let old = read(&lab, "secrets/prod/web.toml");
    let memory = pins(&lab, "ben");
    let lab = lab.secret("prod/web/TOKEN", "second");
    lab.clws("secret get prod/web/TOKEN").by("ben").succeeds();
    // What ben's machine remembered then, wherever a vault might look for it.
    let vaults = lab.home("ben").join(".local/state/clws");
    for file in memory.keys() {
        let inside = file.strip_prefix(&vaults).unwrap();
        let bytes = std::fs::read(file).unwrap_or_default();
        let short: std::path::PathBuf = inside.iter().skip(2).collect();
        for folder in [
            "",
            ".clws",
            ".local/state/clws",
            "recipients/trust",
            "state",
        ] {
            for path in [inside, &short] {
                let path = Path::new(folder).join(path);
                // The vault's own rules stay its own.
                if !lab.vault().join(&path).exists() {
                    plant(&lab, path.to_str().unwrap(), &bytes);
                }
            }
        }
    }
    let journal = "[journal]\nformat = 1\n\n[step.1]\npath = \"clws.toml\"\nstaged = \".clws-0123456789abcdef.tmp\"\n\n[end]\n";
    for path in [
        "journal",
        "journal.unfinished",
        ".clws/journal",
        "secrets/journal",
        "secrets/prod/journal",
        ".clws-0123456789abcdef.tmp",
        "secrets/prod/.clws-0123456789abcdef.tmp",
        "recipients/.clws-0123456789abcdef.tmp",
    ] {
        plant(&lab, path, journal);
    }
    for by in ["ada", "ben"] {
        refused(&lab, by, "secret get prod/web/TOKEN", 0);
    }
    plant(&lab, "secrets/prod/web.toml", old);
    for by in ["ada", "ben"] {
        refused(&lab, by, "secret get prod/web/TOKEN", 14);
    }
    // Writers go by their own journal, and leave what is not theirs.
    lab.clws("secret set prod/web/NEW")
        .by("ben")
        .stdin(b"new")
        .succeeds();
    assert_eq!(read(&lab, "journal"), journal);
    assert_eq!(read(&lab, "journal.unfinished"), journal);
    let found = lab.clws("check").exits(1).text();
    assert!(found.contains("stray: secrets/prod/journal"), "{found}");
}

#[test]
fn settings_and_programs() {
    let lab = lab();
    let ran = lab.root().join("ran");
    let program = lab.root().join("evil");
    plant_program(&program, &ran);
    plant_program(&lab.vault().join("age-plugin-evil"), &ran);
    plant_program(&lab.vault().join("bin/git"), &ran);
    let settings = format!(
        "identity = \"/dev/null\"\neditor = [\"{0}\"]\n[age]\nplugins = [\"evil\"]\n",
        program.display()
    );
    for path in [
        "config.toml",
        ".clws",
        ".clws.toml",
        ".clwsrc",
        ".config/clws/config.toml",
        "clws/config.toml",
        "secrets/config.toml",
    ] {
        plant(&lab, path, &settings);
    }
    let variables = format!(
        "CLWS_IDENTITY=/dev/null\nCLWS_TRUST={}@1\nEDITOR={}\nCLWS_STATE_DIR=.\n",
        "0".repeat(64),
        program.display()
    );
    for path in [".env", ".envrc", ".clws.env"] {
        plant(&lab, path, &variables);
    }
    for by in ["ada", "ben"] {
        refused(&lab, by, "secret get prod/web/TOKEN", 0);
        refused(&lab, by, "secret list", 0);
        refused(&lab, by, "trust show", 0);
        refused(&lab, by, "identity list", 0);
    }
    // Ada's own editor is started, and nothing of the vault in its place.
    let edit = lab.clws("secret edit prod/web/TOKEN").env("EDITOR", "true");
    edit.succeeds();
    // A first use asks the person, whatever lies there.
    refused_to_a_stranger(&lab);
    assert!(!ran.exists(), "{}", read_outside(&ran));
}

fn refused_to_a_stranger(lab: &Lab) {
    lab.clws("identity new new --keep file")
        .by("new")
        .succeeds();
    let said = lab.clws("secret get prod/web/TOKEN").by("new").exits(13);
    assert!(
        said.out.is_empty() && said.err.contains("--expect"),
        "{}",
        said.err
    );
}

fn read_outside(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

fn plant_program(path: &Path, ran: &Path) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, format!("#!/bin/sh\necho $0 >> {}\n", ran.display())).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_vault_inside_of_the_vault() {
    let lab = lab();
    // Mallory's own vault in a folder of this one: whoever works there is asked as for any unknown one.
    let inside = lab.vault().join("secrets/prod");
    lab.clws("init --name mallory")
        .by("mallory")
        .folder(&inside)
        .run();
    if !inside.join("clws.toml").exists() {
        let own = lab.root().join("mallorys");
        std::fs::create_dir(&own).unwrap();
        lab.clws("init --name mallory")
            .by("mallory")
            .folder(&own)
            .succeeds();
        let mut copy = Command::new("cp");
        copy.arg("-a").arg(own.join(".")).arg(&inside);
        assert!(copy.status().unwrap().success());
    }
    let before = (files_below(&lab.vault()), pins(&lab, "ben"));
    for words in [
        "secret set prod/web/TOKEN",
        "secret set dev/web/TOKEN",
        "secret get prod/web/TOKEN",
        "rekey --yes",
    ] {
        let ran = lab.clws(words).by("ben").folder(&inside).stdin(b"mine");
        ran.exits(13);
    }
    assert_eq!((files_below(&lab.vault()), pins(&lab, "ben")), before);
    refused(&lab, "ben", "secret get prod/web/TOKEN", 0);
}

/// The files that decide something, with what is refused when one of them is no file.
const PLACES: &[(&str, &[&str])] = &[
    ("clws.toml", &[]),
    ("recipients/access.toml", &[]),
    ("recipients/ben.toml", &[]),
    ("recipients/trust/1.toml", &[]),
    ("recipients/trust/2.toml", &[]),
    (
        "secrets/prod/web.toml",
        &[
            "secret get prod/web/TOKEN",
            "secret set prod/web/TOKEN",
            "exec prod/web -- true",
        ],
    ),
    (
        "secrets/prod/keys/web.key.age.toml",
        &[
            "secret get prod/keys/web.key",
            "secret policy prod/keys/web.key --owner ben",
        ],
    ),
    (
        "secrets/prod/keys/web.key.age",
        &["secret get prod/keys/web.key"],
    ),
    ("hooks/web.toml", &["deploy --on prod --dry-run"]),
    ("hooks/web.sig.toml", &["deploy --on prod --dry-run"]),
];

/// Puts something else in the place of each file, and tries what needs it and what does not. Of a link
/// the code is 13, of what is no file 30; of the rules the accepted copy counts, so that reading goes on.
fn in_each_place(lab: &Lab, closed: i32, make: impl Fn(&Path)) {
    for (path, uses) in PLACES {
        let file = lab.vault().join(path);
        let aside = lab.root().join("aside");
        std::fs::rename(&file, &aside).unwrap();
        make(&file);
        for words in *uses {
            for by in ["ada", "ben"] {
                let code = match words.split(' ').next() {
                    Some("exec") => 125,
                    Some("deploy") if *path == "hooks/web.toml" => 13,
                    _ => closed,
                };
                refused(lab, by, words, code);
            }
        }
        for words in [
            "secret get prod/web/TOKEN",
            "rekey prod --yes",
            "check",
            "secret list",
        ] {
            let code = lab.clws(words).run().code;
            assert!(
                matches!(code, 0 | 1 | 13 | 18 | 30),
                "{path}: {words}: {code}"
            );
            // What went through can only be what does not need it.
            if code > 1 {
                refused(lab, "ada", words, code);
            }
        }
        std::fs::remove_file(&file).unwrap();
        std::fs::rename(&aside, &file).unwrap();
        lab.clws("secret get prod/web/TOKEN").by("ben").succeeds();
    }
}

#[test]
fn links() {
    let lab = lab();
    let outside = lab.root().join("outside");
    std::fs::write(&outside, "not of this vault\n").unwrap();
    let aside = lab.root().join("aside");
    // To a file elsewhere, to a secret of the machine, to the real one, to itself, to nothing.
    for target in [
        outside.as_path(),
        Path::new("/etc/passwd"),
        &aside,
        Path::new("web.toml"),
        Path::new("/nowhere/at/all"),
    ] {
        in_each_place(&lab.copy(), 13, |file| symlink(target, file).unwrap());
    }
    assert_eq!(read_outside(&outside), "not of this vault\n");
    for folder in ["secrets", "secrets/prod", "secrets/prod/keys"] {
        let lab = lab.copy();
        let (here, there) = (lab.vault().join(folder), lab.root().join("moved"));
        std::fs::rename(&here, &there).unwrap();
        symlink(&there, &here).unwrap();
        let before = files_below(&there);
        for by in ["ada", "ben"] {
            refused(&lab, by, "secret get prod/keys/web.key", 13);
            refused(&lab, by, "secret set prod/keys/web.key", 13);
            refused(&lab, by, "secret set prod/keys/new.key --type file", 13);
        }
        assert_eq!(files_below(&there), before);
    }
}

#[test]
fn pipes_sockets_and_devices() {
    let lab = lab();
    in_each_place(&lab.copy(), 30, |file| {
        let made = Command::new(tool("mkfifo")).arg(file).status();
        assert!(made.unwrap().success());
    });
    in_each_place(&lab.copy(), 30, |file| {
        drop(std::os::unix::net::UnixListener::bind(file).unwrap());
    });
    // Root alone can make a device; for anybody else a repository can have none.
    if rustix::process::geteuid().is_root() {
        for minor in ["3", "5"] {
            in_each_place(&lab.copy(), 30, |file| {
                let device = [file.to_str().unwrap(), "c", "1", minor];
                let made = Command::new(tool("mknod")).args(device).status();
                assert!(made.unwrap().success());
            });
        }
    }
}

#[test]
fn what_an_editor_reads_where_it_is_started() {
    let lab = Lab::new().secret("prod/web/TOKEN", "the-token-of-ada");
    let (ran, editor) = (lab.root().join("ran"), lab.root().join("editor"));
    let stood = lab.root().join("stood");
    // As vim does with `exrc`, and Helix with `.helix/languages.toml`.
    let text = format!(
        "#!/bin/sh\nfor folder in . \"$PWD\"; do\n\
         if [ -e \"$folder/.exrc\" ]; then : >'{}'; fi\ndone\n\
         pwd >'{}'\nup=$PWD; until [ -e \"$up/.helix\" ] || [ -z \"$up\" ]; do up=${{up%/*}}; done\necho \"$up\" >>'{1}'\n",
        ran.display(),
        stood.display()
    );
    std::fs::write(&editor, text).unwrap();
    std::fs::set_permissions(&editor, std::fs::Permissions::from_mode(0o755)).unwrap();
    plant(&lab, ".exrc", "silent !evil\n");
    let edit = lab.clws("secret edit prod/web/TOKEN");
    edit.env("EDITOR", editor.display().to_string()).succeeds();
    assert!(!ran.exists());
    // Nor is looked further up, where others may write.
    let stood = std::fs::read_to_string(&stood).unwrap();
    let (folder, up) = stood.trim_end().split_once('\n').unwrap();
    assert!(folder.contains("/clws-ram-"), "{folder}");
    assert_eq!(folder, up);
}
