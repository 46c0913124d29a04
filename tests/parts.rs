//! The real parts that other tests lean on do what those tests take for granted.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails that test")]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use support::fixture::{self, Certs};
use support::mariadb::MariaDb;
use support::tool::{said, tool};

#[test]
fn a_real_mariadb_takes_the_right_password_and_no_other() {
    let server = MariaDb::start_with("it's \"quoted\" \\ and long");

    let right = server.client(server.password(), "SELECT CURRENT_USER(), 6 * 7;");
    assert!(right.status.success(), "{}", said(&right));
    assert_eq!(String::from_utf8_lossy(&right.stdout), "codalab@%\t42\n");

    for password in ["", "it's", "another"] {
        let wrong = server.client(password, "SELECT 1;");
        assert!(!wrong.status.success());
        assert!(said(&wrong).contains("Access denied"), "{}", said(&wrong));
        assert!(wrong.stdout.is_empty());
    }
}

#[test]
fn two_mariadbs_run_side_by_side_and_are_gone_when_dropped() {
    let (one, two) = (MariaDb::start(), MariaDb::start());
    assert_ne!(one.port(), two.port());
    assert_ne!(one.password(), two.password());
    assert!(!one.client(two.password(), "SELECT 1;").status.success());
    let changed = one.administer("SET PASSWORD FOR 'codalab'@'%' = PASSWORD('new');");
    assert!(changed.status.success(), "{}", said(&changed));
    assert!(one.client("new", "SELECT 1;").status.success());

    let (socket, process) = (one.socket(), format!("/proc/{}", one.pid()));
    assert!(socket.exists() && Path::new(&process).exists());
    drop(one);
    assert!(!socket.exists() && !Path::new(&process).exists());
}

#[test]
fn the_fixture_is_laid_out_as_its_manifest_says() {
    let certs = Certs::lay_out();
    let mut files = 0;
    for entry in fixture::manifest() {
        let path = certs.path().join(&entry.path);
        let meta = fs::symlink_metadata(&path).unwrap();
        if let Some(link) = entry.link() {
            assert_eq!(fs::read_link(&path).unwrap(), Path::new(link));
            continue;
        }
        files += 1;
        assert!(meta.is_file());
        assert_eq!(Some(meta.permissions().mode() & 0o7777), entry.mode);
        assert_eq!(meta.len(), entry.size);
        assert_eq!(sha256(&path), entry.sha256, "{}", entry.path);
    }
    assert_eq!(files, 20);
    assert_eq!(count_files(&certs.path()), 21);
    assert!(fixture::leaks().len() > 10);
    assert!(fixture::expected()["ansible/secrets.yml"].is_object());
}

#[test]
fn git_keeps_every_byte_of_the_fixture_and_the_vectors() {
    let ours = clone_with(Some(&root().join(".gitattributes")));
    for entry in fixture::manifest().iter().filter(|e| e.link().is_none()) {
        let path = Path::new("tests/fixtures/certs/certs").join(&entry.path);
        assert_eq!(sha256(&ours.path().join(&path)), entry.sha256);
    }
    let vectors = fs::read_dir(root().join("tests/vectors/cctv-age")).unwrap();
    for vector in vectors.map(Result::unwrap) {
        let path = Path::new("tests/vectors/cctv-age").join(vector.file_name());
        assert_eq!(sha256(&ours.path().join(&path)), sha256(&vector.path()));
    }

    // The judge can see a difference: without the attributes, git rewrites line ends.
    let theirs = clone_with(None);
    let file = "tests/fixtures/certs/certs/prod/monitor.env";
    assert_ne!(
        sha256(&theirs.path().join(file)),
        sha256(&root().join(file))
    );
}

/// A clone of a repository with our fixtures and vectors, by somebody whose git rewrites line ends.
fn clone_with(attributes: Option<&Path>) -> tempfile::TempDir {
    let (origin, clone) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let git = |arguments: &[&str]| {
        let output = Command::new(tool("git"))
            .current_dir(origin.path())
            .args(["-c", "core.autocrlf=true", "-c", "core.safecrlf=false"])
            .args(["-c", "user.name=test", "-c", "user.email=test@localhost"])
            .args([
                "-c",
                "commit.gpgsign=false",
                "-c",
                "init.defaultBranch=main",
            ])
            .args(arguments)
            .env_remove("GIT_DIR")
            .env_remove("GIT_WORK_TREE")
            .env_remove("GIT_INDEX_FILE")
            .output()
            .unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", said(&output));
    };
    git(&["init", "-q"]);
    if let Some(attributes) = attributes {
        fs::copy(attributes, origin.path().join(".gitattributes")).unwrap();
    }
    for folder in ["tests/fixtures/certs", "tests/vectors/cctv-age"] {
        copy_files(&root().join(folder), &origin.path().join(folder));
    }
    git(&["add", "--all", "--force"]);
    git(&["commit", "-q", "-m", "all"]);
    git(&["clone", "-q", ".", clone.path().to_str().unwrap()]);
    clone
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn sha256(path: &Path) -> String {
    clws::crypto::hex(&clws::crypto::sha256(&fs::read(path).unwrap()))
}

fn count_files(folder: &Path) -> usize {
    fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                count_files(&entry.path())
            } else {
                1
            }
        })
        .sum()
}

fn copy_files(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let kind = entry.file_type().unwrap();
        let target = to.join(entry.file_name());
        if kind.is_dir() {
            copy_files(&entry.path(), &target);
        } else if kind.is_file() {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
