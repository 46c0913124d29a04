//! One command, each of its system calls failing in turn, and what is looked at after each.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use crate::lab::{Lab, Run};
use crate::strace::{CALLS, Ended, How, Strace, is_all};
use crate::tree::Tree;

/// What a failed command left behind.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Side {
    Old,
    New,
}

/// A command to be failed in a lab.
pub(crate) struct Trial<'a, 'r> {
    /// The command, for what is printed.
    pub(crate) name: &'a str,
    pub(crate) lab: &'a Lab,
    pub(crate) command: &'a dyn Fn() -> Run<'r>,
    /// Looks with plain commands, the next ones after the failure, and says what is there.
    pub(crate) look: &'a dyn Fn(&str) -> Side,
    /// Runs the command once more, undisturbed, and looks for what is new.
    pub(crate) again: &'a dyn Fn(Side, &str),
    /// What must be in the clear nowhere.
    pub(crate) plaintexts: &'a [&'a str],
    /// The memory-backed folder, if the command uses one.
    pub(crate) memory: Option<&'a Path>,
    /// One in this many of the calls that change something is made to fail: more than 1 where other
    /// scenarios go the same way through the same code.
    pub(crate) one_in: usize,
    /// The ways in which they fail.
    pub(crate) ways: &'a [How],
    /// Calls that have to be among those that were made to fail in each way.
    pub(crate) expected: &'a [&'a str],
}

/// How many calls were made to fail, and what came of it.
#[derive(Default)]
struct Tally {
    hit: BTreeMap<&'static str, usize>,
    old: usize,
    new: usize,
    unsure: usize,
    /// States that none before had left.
    judged: usize,
}

impl Trial<'_, '_> {
    /// Fails each call in turn until none is left to fail.
    pub(crate) fn run(&self) {
        let root = self.lab.root();
        let strace = Strace::new();
        let old = Tree::read(root);
        let calls = strace.record(&(self.command)());
        let new = Tree::read(root);
        old.restore(root);
        let mut judged = BTreeMap::new();
        for how in self.ways.iter().copied() {
            let mut tally = Tally::default();
            for (call, lines) in CALLS.iter().filter_map(|call| calls.get_key_value(call)) {
                let chosen = how.chosen(call, lines, self.one_in);
                for when in 1.. {
                    // One more than there were ends the loop: it must not fire any more.
                    let line = lines.get(when - 1);
                    if line.is_some() && !chosen.contains(&when) {
                        continue;
                    }
                    let ended = strace.inject(&(self.command)(), call, how, when);
                    let what = format!("{} with {how:?} at {call} {when}", self.name);
                    if !ended.hit {
                        assert_eq!(ended.code, Some(0), "{what}: {}", ended.err);
                        old.restore(root);
                        // age writes a stanza of random length, so that the count may differ by one.
                        if line.is_some() {
                            continue;
                        }
                        break;
                    }
                    assert!(!ended.err.contains("panicked"), "{what}: {}", ended.err);
                    *tally.hit.entry(call).or_default() += 1;
                    let left = Tree::read(root);
                    let memory = self.memory.is_some_and(|memory| !is_empty(memory));
                    let shape = (left.shape(&old), memory);
                    let side = match judged.get(&shape).filter(|_| !is_all()) {
                        // The same files as after another failure: judged then.
                        Some(side) => *side,
                        None => {
                            let side = self.judge(&ended, &old, &new, &what);
                            judged.insert(shape, side);
                            tally.judged += 1;
                            side
                        }
                    };
                    tally.count(side, &ended, &what);
                    if Tree::read(root) != old {
                        old.restore(root);
                    }
                    self.memory.inspect(|memory| empty(memory));
                }
            }
            println!("{}: {}", self.name, tally.text(how));
            for call in self.expected {
                assert!(tally.hit.contains_key(call), "{how:?} never hit {call}");
            }
        }
    }

    fn judge(&self, ended: &Ended, old: &Tree, new: &Tree, what: &str) -> Side {
        let what = format!("{what} (code {:?}: {})", ended.code, ended.err.trim());
        let side = (self.look)(&what);
        let now = Tree::read(self.lab.root());
        let mut unfinished = now.unfinished();
        // Outside of the vault each temporary file has one name, and the next writer replaces it: it
        // is looked for after that one.
        let is_replaced = |path: &str| {
            [".clws-", ".new-", ".old-"]
                .iter()
                .any(|begin| path.contains(&format!("/{begin}")))
        };
        unfinished.retain(|path| path.starts_with("vault/") || !is_replaced(path));
        assert!(unfinished.is_empty(), "{what} left {unfinished:?}");
        if let Some(memory) = self.memory {
            assert!(is_empty(memory), "{what} left something in memory");
        }
        // Old is old to the byte; new has the same files, and in all others not a byte is changed.
        let (old, new, now) = (old.kept(), new.kept(), now.kept());
        match side {
            Side::Old => assert!(
                now == old,
                "{what}: {:?} is not what was",
                differing(&now, &old)
            ),
            Side::New => {
                assert!(now.keys().eq(new.keys()), "{what}: {:?}", now.keys());
                for (path, content) in &new {
                    if old.get(path) == Some(content) {
                        assert!(now.get(path) == Some(content), "{what} changed {path}");
                    }
                }
            }
        }
        (self.again)(side, &what);
        let now = Tree::read(self.lab.root());
        assert!(
            now.kept().keys().eq(new.keys()),
            "{what}, and then again: {:?}",
            now.kept().keys()
        );
        let mut unfinished = now.unfinished();
        // The pin of a vault that never came to be: nobody locked it ever, and nobody reads it.
        unfinished.retain(|path| now.is_of_a_vault(path));
        assert!(
            unfinished.is_empty(),
            "{what}, and then again: {unfinished:?}"
        );
        let needles: Vec<String> = self.plaintexts.iter().map(ToString::to_string).collect();
        self.lab.nowhere(&needles);
        side
    }
}

impl Tally {
    fn count(&mut self, side: Side, ended: &Ended, what: &str) {
        match side {
            Side::Old => {
                assert_ne!(ended.code, Some(0), "{what}: it said that all went well");
                self.old += 1;
            }
            Side::New if ended.code == Some(0) => self.new += 1,
            Side::New => {
                assert!(
                    !ended.err.contains("nothing was saved"),
                    "{what}: {}",
                    ended.err
                );
                self.unsure += 1;
            }
        }
    }

    fn text(&self, how: How) -> String {
        let how = match how {
            How::Once => "EIO once",
            How::Full => "ENOSPC from then on",
            How::Kill => "KILL",
            How::Interrupted => "EINTR once",
            How::Denied => "EACCES once",
        };
        let all: usize = self.hit.values().sum();
        let mut text = format!(
            "{how} hit {all} calls; {} left the old, {} the new, {} the new without saying so \
             ({} states not seen before)\n   ",
            self.old, self.new, self.unsure, self.judged
        );
        for (call, count) in &self.hit {
            write!(text, " {call} {count}").unwrap();
        }
        text
    }
}

/// A state that was judged before keeps what it left in memory.
fn empty(folder: &Path) {
    for entry in std::fs::read_dir(folder).unwrap() {
        std::fs::remove_dir_all(entry.unwrap().path()).unwrap();
    }
}

fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).unwrap().next().is_none()
}

fn differing<'a>(
    one: &BTreeMap<&'a str, Option<&[u8]>>,
    other: &BTreeMap<&'a str, Option<&[u8]>>,
) -> Vec<&'a str> {
    let paths = one.keys().chain(other.keys());
    paths
        .filter(|path| one.get(*path) != other.get(*path))
        .copied()
        .collect()
}

/// A value by its path: what it was, and what it becomes.
pub(crate) type Value<'a> = (&'a str, Option<&'a str>, Option<&'a str>);

/// Reads values, all of which are the old or all of which are the new ones; then has the vault
/// checked against what this machine remembers, and the log against its chain.
pub(crate) fn side_of(lab: &Lab, values: &[Value<'_>], what: &str) -> Side {
    let mut sides = Vec::new();
    for (path, old, new) in values {
        let got = lab.clws(&format!("secret get {path}")).run();
        let value = match got.code {
            0 => Some(got.text()),
            18 => None,
            code => panic!(
                "{what}; `secret get {path}` then ends with {code}: {}",
                got.err
            ),
        };
        sides.push(if value.as_deref() == *new {
            Side::New
        } else {
            assert_eq!(value.as_deref(), *old, "{what}: neither old nor new");
            Side::Old
        });
    }
    let first = *sides.first().unwrap();
    assert!(sides.iter().all(|side| *side == first), "{what}: {sides:?}");
    for command in ["check", "audit verify"] {
        let ran = lab.clws(command).run();
        assert_eq!(
            ran.code,
            0,
            "{what}; `{command}` then: {}{}",
            ran.text(),
            ran.err
        );
    }
    first
}

/// Expects that a command goes through, and that all values are the new ones then.
pub(crate) fn goes_through(run: Run<'_>, lab: &Lab, values: &[Value<'_>], what: &str) {
    let ran = run.run();
    assert_eq!(ran.code, 0, "{what}; `{}` then: {}", ran.words, ran.err);
    for (path, _, new) in values {
        let got = lab.clws(&format!("secret get {path}")).run();
        let value = (got.code == 0).then(|| got.text());
        assert_eq!(value.as_deref(), *new, "{what}, and then again: {path}");
    }
}
