//! `identity new` and `remove` under failing system calls: a whole identity is left, or none.

use std::fs;
use std::path::Path;

use clws::identity::{IdentityError, Nobody, Place, create, list};

use crate::keyring::ROLE;
use crate::lab::{Home, name, real, run};

/// The calls that touch what is being made.
const CALLS: [&str; 9] = [
    "mkdirat",
    "?open",
    "openat",
    "flock",
    "getdents64",
    "write",
    "fsync",
    "renameat2",
    "unlinkat",
];

/// Has a child play a role in which the `when`-th of these calls fails; whether one did.
fn failed(home: &Home, role: &str, call: &str, how: &str, when: usize) -> bool {
    let trace = home.path("trace");
    let mut strace = real("strace");
    strace.arg("-f").arg("-o").arg(&trace);
    let shelf = home.path(".config/clws/identities");
    let folders = [".", ".config", ".config/clws"].map(|below| home.path(below));
    let files = [
        "",
        ".lock",
        "ada",
        ".new-ada",
        ".new-ada/age.txt",
        ".new-ada/signing_key",
    ];
    for path in folders
        .iter()
        .cloned()
        .chain(files.map(|file| shelf.join(file)))
    {
        // Without a slash at its end, as the kernel names what is open.
        strace
            .arg("-P")
            .arg(path.components().collect::<std::path::PathBuf>());
    }
    strace.arg("-e").arg(format!("trace={call}"));
    strace
        .arg("-e")
        .arg(format!("inject={call}:{how}:when={when}"));
    strace.arg(std::env::current_exe().unwrap());
    strace.args(["--exact", "keyring::as_a_child", "--nocapture"]);
    strace
        .env_clear()
        .envs(home.world().environment())
        .env(ROLE, role);
    let (_, _, error) = run(&mut strace, b"");
    let traced = fs::read_to_string(&trace).unwrap_or_else(|_| panic!("strace: {error}"));
    traced.contains("(INJECTED)") || traced.contains("killed by SIGKILL")
}

/// What there is under the identities' names, hidden leftovers included.
fn entries(home: &Home) -> Vec<String> {
    let shelf = home.path(".config/clws/identities");
    let read = fs::read_dir(shelf).into_iter().flatten();
    read.map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

/// Fails each call in turn until none is left to fail; gives how many of each there were.
fn fail_each(role: &str, before: impl Fn(&Home)) -> Vec<String> {
    let mut hit = Vec::new();
    for how in ["error=EIO", "error=ENOSPC", "signal=KILL"] {
        for call in CALLS {
            let mut count = 0;
            loop {
                let home = Home::new();
                before(&home);
                if !failed(&home, role, call, how, count + 1) {
                    break;
                }
                count += 1;
                whole_or_none(&home, &format!("{role}: {how} at {call} {count}"));
            }
            hit.push(format!("{how} {call} {count}"));
        }
    }
    println!("{role}: {hit:?}");
    hit
}

/// Whether so many of a call were made to fail; were it none, nothing would have been tried.
fn assert_hit(hit: &[String], expected: &[&str]) {
    for how in ["error=EIO", "error=ENOSPC", "signal=KILL"] {
        for call in expected {
            assert!(hit.contains(&format!("{how} {call}")), "{call} in {hit:?}");
        }
    }
}

#[test]
fn making_one_leaves_a_whole_identity_or_none() {
    let hit = fail_each("new", |_| {});
    assert_hit(
        &hit,
        &["write 2", "fsync 7", "renameat2 1", "mkdirat 6", "openat 4"],
    );
}

#[test]
fn removing_one_leaves_a_whole_identity_or_none() {
    let hit = fail_each("remove", |home| {
        create(&home.world(), &name("ada"), Place::File, None).unwrap();
    });
    assert_hit(&hit, &["renameat2 1", "fsync 2", "unlinkat 4"]);
}

fn whole_or_none(home: &Home, what: &str) {
    for listed in list(&home.world()).unwrap() {
        let bundle = listed.bundle.unwrap();
        bundle.open_age(&Nobody).unwrap();
        bundle.signer(&Nobody).unwrap();
    }
    // Nothing is to be unlocked or removed by hand: the next run works, and clears what was left.
    match create(&home.world(), &name("ada"), Place::File, None) {
        Ok(_) => {}
        Err(IdentityError::Exists { .. }) => {
            create(&home.world(), &name("ben"), Place::File, None).unwrap();
        }
        Err(error) => panic!("{what}: {error}"),
    }
    let hidden: Vec<_> = entries(home)
        .into_iter()
        .filter(|e| e.starts_with('.'))
        .collect();
    assert_eq!(hidden, [".lock"], "{what}");
    assert!(Path::new(&home.bundle("ada")).exists(), "{what}");
}
