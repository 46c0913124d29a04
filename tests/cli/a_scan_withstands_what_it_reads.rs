//! Whatever a tree holds, a scan ends, keeps to its memory, and says what it could not look at.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::lab::Lab;
use crate::tool::tool;

fn token() -> String {
    format!("do{}_{}", "p_v1", "0a9f8c7e6b5d4321".repeat(4))
}

/// Runs a program and says how many KiB it had at most.
const MEASURE: &str = "import resource, subprocess, sys
code = subprocess.run(sys.argv[1:]).returncode
print('peak', resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
sys.exit(code)";

fn tree(lab: &Lab) -> PathBuf {
    let tree = lab.root().join("tree");
    fs::create_dir_all(&tree).unwrap();
    tree
}

#[test]
fn links_pipes_and_names_do_no_harm() {
    let lab = Lab::new();
    let tree = tree(&lab);
    std::os::unix::fs::symlink("/", tree.join("root")).unwrap();
    std::os::unix::fs::symlink(".", tree.join("round")).unwrap();
    assert!(
        Command::new("mkfifo")
            .arg(tree.join("pipe"))
            .status()
            .unwrap()
            .success()
    );
    fs::write(tree.join("a\x1b[31m\nb.txt"), token()).unwrap();
    let deep: PathBuf = std::iter::repeat_n("d", 300).collect();
    fs::create_dir_all(tree.join(&deep)).unwrap();
    fs::write(tree.join(&deep).join("x"), token()).unwrap();
    let ran = lab.clws("scan").word(tree.to_str().unwrap()).exits(1);
    assert!(
        ran.text()
            .contains("a\\u{1b}[31m\\u{a}b.txt:1: a token of DigitalOcean"),
        "{}",
        ran.text()
    );
    assert!(ran.err.contains("2 findings"), "{}", ran.err);
    assert!(!ran.text().contains('\x1b') && !ran.err.contains('\x1b'));
}

#[test]
fn what_cannot_be_read_is_said_and_is_no_success() {
    let lab = Lab::new();
    let tree = tree(&lab);
    fs::write(tree.join("fine"), "x").unwrap();
    fs::write(
        tree.join(std::ffi::OsStr::from_bytes(b"latin-\xe9")),
        token(),
    )
    .unwrap();
    let ran = lab.clws("scan").word(tree.to_str().unwrap()).exits(30);
    assert!(ran.err.contains("its name is not UTF-8"), "{}", ran.err);
    fs::write(tree.join("closed"), token()).unwrap();
    fs::set_permissions(tree.join("closed"), fs::Permissions::from_mode(0o000)).unwrap();
    let json = lab
        .clws("scan --json")
        .word(tree.to_str().unwrap())
        .run()
        .json();
    // Root reads it all the same.
    let unread = json["unread"].as_array().unwrap().len();
    let found = json["findings"].as_array().unwrap().len();
    assert_eq!(unread + found, 2, "{json}");
}

#[test]
fn one_line_without_end_takes_no_more_memory() {
    let lab = Lab::new();
    let tree = tree(&lab);
    let mut file = File::create(tree.join("line.txt")).unwrap();
    let piece = b"password=\"eyJ-eyJ-AKIA-:AA-----BEGIN ".repeat(1024);
    for _ in 0..40 {
        file.write_all(&piece).unwrap();
    }
    write!(file, " {} ", token()).unwrap();
    drop(file);
    let small = tree.join("small");
    fs::create_dir_all(&small).unwrap();
    let run = |path: &std::path::Path| {
        let mut measure = Command::new(tool("python3"));
        measure.args(["-c", MEASURE]);
        let scan = lab.clws("scan").word(path.to_str().unwrap());
        let ran = scan.under(measure).output().unwrap();
        let err = String::from_utf8_lossy(&ran.stderr).into_owned();
        let peak = err
            .lines()
            .find_map(|line| line.strip_prefix("peak ")?.parse::<u64>().ok());
        (
            String::from_utf8_lossy(&ran.stdout).into_owned(),
            peak.unwrap(),
        )
    };
    let (_, base) = run(&small);
    let (said, most) = run(&tree);
    assert!(
        said.contains("line.txt:1: a token of DigitalOcean"),
        "{said}"
    );
    assert!(most < base + 24 * 1024, "{most} KiB where {base} KiB do");
}

#[test]
fn archives_are_unpacked_on_request_and_bombs_are_not() {
    let lab = Lab::new();
    let tree = tree(&lab);
    let inner = lab.root().join("inner");
    fs::create_dir_all(inner.join("sub")).unwrap();
    fs::write(inner.join("sub/secret.env"), format!("x\nT={}\n", token())).unwrap();
    let make = |program: &str, words: &[&str]| {
        let status = Command::new(tool(program))
            .args(words)
            .current_dir(&inner)
            .status();
        assert!(status.unwrap().success(), "{program}");
    };
    let at = |name: &str| tree.join(name).to_str().unwrap().to_owned();
    make("tar", &["-czf", &at("a.tar.gz"), "sub"]);
    make("tar", &["-cf", &at("a.tar"), "sub"]);
    let zip = "import sys, zipfile\nz = zipfile.ZipFile(sys.argv[1], 'w', zipfile.ZIP_DEFLATED)\nz.write('sub/secret.env')\n";
    make("python3", &["-c", zip, &at("a.zip")]);
    // With the line before it that says what runs it, as Python packs it, and as `cat` puts it together.
    fs::write(inner.join("sub/__main__.py"), "print()\n").unwrap();
    let words = ["-m", "zipapp", "sub", "-c", "-p", "/usr/bin/python3", "-o"];
    make("python3", &[&words[..], &[&at("a.pyz")]].concat());
    let zip = fs::read(tree.join("a.zip")).unwrap();
    fs::write(
        tree.join("b.pyz"),
        [&b"#!/bin/python3\n"[..], &zip].concat(),
    )
    .unwrap();
    // A zip in a tar in a gzip.
    fs::copy(tree.join("a.zip"), inner.join("in.zip")).unwrap();
    make("tar", &["-czf", &at("nested.tgz"), "in.zip"]);

    let closed = lab.clws("scan").word(tree.to_str().unwrap()).run();
    assert!(!closed.text().contains(".tar.gz"), "{}", closed.text());
    let ran = lab
        .clws("scan --archives")
        .word(tree.to_str().unwrap())
        .exits(1);
    for name in [
        "a.tar.gz!a.tar!sub/secret.env:2:",
        "a.tar!sub/secret.env:2:",
        "a.zip!sub/secret.env:2:",
        "a.pyz!secret.env:2:",
        "b.pyz!sub/secret.env:2:",
        "nested.tgz!nested.tar!in.zip!sub/secret.env:2:",
    ] {
        assert!(ran.text().contains(name), "{name}: {}", ran.text());
    }

    // Gzip in gzip in gzip, and one that is cut.
    let mut packed = vec![b'a'; 1 << 20];
    for _ in 0..6 {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(&packed).unwrap();
        packed = encoder.finish().unwrap();
    }
    let other = lab.root().join("bombs");
    fs::create_dir_all(&other).unwrap();
    fs::write(other.join("deep.gz"), &packed).unwrap();
    fs::write(other.join("cut.gz"), &packed[..packed.len() / 2]).unwrap();
    let ran = lab
        .clws("scan --archives")
        .word(other.to_str().unwrap())
        .exits(30);
    assert!(ran.err.contains("not looked at: deep.gz"), "{}", ran.err);
    assert!(ran.err.contains("not looked at: cut.gz"), "{}", ran.err);
}
