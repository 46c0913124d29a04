//! Four writers at once on one vault, each killed at random moments again and again.

use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use crate::lab::Lab;
use crate::random::Random;
use crate::strace::is_all;
use crate::tree::Tree;

const WRITERS: usize = 4;

/// How many runs are killed in all.
fn kills() -> usize {
    if is_all() { 1000 } else { 60 }
}

/// One of the writers: two values in a document that all of them write to, and a file.
struct Writer<'a> {
    lab: &'a Lab,
    number: usize,
    random: Random,
    /// The value of each secret that the last run which ended well wrote.
    confirmed: [Option<String>; 3],
}

impl Writer<'_> {
    fn path(&self, which: usize) -> String {
        match which {
            0 => format!("dev/common/VALUE_{}", self.number),
            1 => format!("dev/own{}/VALUE", self.number),
            _ => format!("dev/keys/file{}", self.number),
        }
    }

    /// Sets one of them, and may be killed while it does; then it is the old one or the new one.
    fn write(&mut self, count: usize, killed: &AtomicUsize) {
        let which = self.random.below(3);
        let path = self.path(which);
        let value = format!("writer-{}-{count}", self.number);
        let kind = if which == 2 { " --type file" } else { "" };
        let run = self
            .lab
            .clws(&format!("secret set {path}{kind}"))
            .stdin(value.as_bytes());
        let mut child = run
            .command()
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // Who is killed reads nothing.
        let _given = std::io::Write::write_all(&mut stdin, value.as_bytes());
        drop(stdin);
        if !self.random.one_in(4) {
            thread::sleep(Duration::from_micros(self.random.word() % 120_000));
            child.kill().unwrap();
        }
        let ended = child.wait_with_output().unwrap();
        let err = String::from_utf8_lossy(&ended.stderr);
        let got = self.lab.clws(&format!("secret get {path}")).run();
        let now = match got.code {
            0 => Some(got.text()),
            18 => None,
            code => panic!("`secret get {path}` ends with {code}: {}", got.err),
        };
        match ended.status.code() {
            Some(0) => assert_eq!(now.as_ref(), Some(&value), "{path}, set: {err}"),
            // Another one holds the lock for too long.
            Some(31) => assert_eq!(now, self.confirmed[which], "{path}: {err}"),
            Some(code) => panic!("`secret set {path}` ends with {code}: {err}"),
            None => {
                killed.fetch_add(1, Ordering::Relaxed);
                let is_old = now == self.confirmed[which];
                assert!(
                    is_old || now.as_ref() == Some(&value),
                    "{path}, killed: {now:?}"
                );
            }
        }
        self.confirmed[which] = now;
    }
}

#[test]
fn four_writers_that_are_killed_lose_nothing_that_was_said_to_be_sealed() {
    let lab = Lab::founded();
    let killed = AtomicUsize::new(0);
    let confirmed: Vec<(String, Option<String>)> = thread::scope(|threads| {
        let writers: Vec<_> = (0..WRITERS)
            .map(|number| {
                let (lab, killed) = (&lab, &killed);
                threads.spawn(move || {
                    let mut writer = Writer {
                        lab,
                        number,
                        random: Random::from_seed(u64::try_from(number).unwrap()),
                        confirmed: [const { None }; 3],
                    };
                    let mut count = 0;
                    while killed.load(Ordering::Relaxed) < kills() {
                        count += 1;
                        writer.write(count, killed);
                    }
                    let last =
                        (0..3).map(|which| (writer.path(which), writer.confirmed[which].clone()));
                    last.collect::<Vec<_>>()
                })
            })
            .collect();
        let ended = writers
            .into_iter()
            .flat_map(|writer| writer.join().unwrap());
        ended.collect()
    });
    for (path, value) in &confirmed {
        let got = lab.clws(&format!("secret get {path}")).run();
        let now = (got.code == 0).then(|| got.text());
        assert_eq!(now, *value, "{path}: {}", got.err);
    }
    lab.clws("secret set dev/after/ALL")
        .stdin(b"after")
        .succeeds();
    for command in ["check", "check --full", "audit verify"] {
        let ran = lab.clws(command).run();
        assert_eq!(ran.code, 0, "`{command}`: {}{}", ran.text(), ran.err);
    }
    let tree = Tree::read(lab.root());
    let mut unfinished = tree.unfinished();
    // Each of these has one name, and the next writer of it replaces it.
    unfinished.retain(|path| path.starts_with("vault/"));
    assert!(unfinished.is_empty(), "{unfinished:?}");
    for (path, mode, content) in tree.nodes() {
        let is_ours = path.contains("/clws/");
        let wanted = match (is_ours, content) {
            (true, None) => Some(0o700),
            (true, Some(_)) => Some(0o600),
            (false, Some(_)) if path.starts_with("vault/secrets/") => Some(0o644),
            _ => None,
        };
        if let Some(wanted) = wanted {
            assert_eq!(mode, wanted, "{path} has mode {mode:o}");
        }
    }
    println!("{} runs of four writers were killed", killed.into_inner());
}

/// A reader takes no lock: it may read a document of before a rekey, and then the pin of after it.
#[test]
fn who_reads_beside_a_rekey_sees_no_rollback() {
    let lab = Lab::founded();
    lab.clws("secret set dev/common/VALUE")
        .stdin(b"value")
        .succeeds();
    let (done, rounds) = (AtomicBool::new(false), if is_all() { 400 } else { 40 });
    thread::scope(|threads| {
        for _ in 0..3 {
            threads.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let got = lab.clws("secret get dev/common/VALUE").run();
                    assert_eq!((got.code, got.text().as_str()), (0, "value"), "{}", got.err);
                }
            });
        }
        let rekeyed = threads.spawn(|| {
            for _ in 0..rounds {
                lab.clws("rekey dev/common --yes").succeeds();
            }
        });
        let ended = rekeyed.join();
        done.store(true, Ordering::Relaxed);
        ended.unwrap();
    });
}
