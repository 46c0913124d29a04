//! Some commands, one after the other, step by step; and moments at which the power goes.

use std::collections::BTreeMap;

use super::disk::{Disk, Fate, Op, Order, unsynced};
use super::traced::{CALLS, Follower};
use crate::lab::{Lab, Run};
use crate::random::Random;
use crate::strace::Strace;
use crate::tree::Tree;

/// What some commands did to a lab.
pub(crate) struct History {
    start: Disk,
    pub(crate) ops: Vec<Op>,
    /// How many steps each command had come to when it ended.
    pub(crate) ends: Vec<usize>,
    /// What nobody reads but a person who waits: who holds a lock.
    notes: Vec<usize>,
}

/// A moment, and what becomes of what was not synced then; the rest is there.
#[derive(Clone, Debug)]
pub(crate) struct Cut {
    pub(crate) done: usize,
    fates: BTreeMap<usize, Fate>,
}

impl History {
    /// Runs the commands, and leaves the lab as they did.
    pub(crate) fn record(lab: &Lab, commands: &[Run<'_>]) -> Self {
        let root = lab.root().canonicalize().unwrap();
        let strace = Strace::new();
        let before = Disk::of(&Tree::read(&root));
        let mut follower = Follower::new(&root, lab.vault(), before);
        let mut ends = Vec::new();
        for command in commands {
            follower.follow(&strace.trace_all(command, CALLS));
            ends.push(follower.ops.len());
        }
        // The model must have understood everything, or it tries something else than the program.
        assert!(
            follower.view.tree() == Tree::read(&root),
            "what the model has is not what is there"
        );
        let is_lock = |path: &str| path.ends_with("/lock");
        let tree = follower.view.tree();
        let locks = tree.nodes().filter(|(path, ..)| is_lock(path));
        let notes = locks.map(|(path, ..)| follower.view.find(path).unwrap());
        Self {
            notes: notes.collect(),
            start: follower.start,
            ops: follower.ops,
            ends,
        }
    }

    /// The same, had the program left out one of its syncs.
    pub(crate) fn without(&self, step: usize) -> Self {
        assert!(self.ops[step].is_sync());
        let mut ops = self.ops.clone();
        ops.remove(step);
        let ends = self.ends.iter().map(|end| end - usize::from(step < *end));
        Self {
            start: self.start.clone(),
            ops,
            ends: ends.collect(),
            notes: self.notes.clone(),
        }
    }

    /// What is on the disk.
    pub(crate) fn left(&self, cut: &Cut) -> Tree {
        let mut disk = self.start.clone();
        for (number, op) in self.ops[..cut.done].iter().enumerate() {
            disk.apply(op, cut.fates.get(&number).copied().unwrap_or(Fate::Kept));
        }
        disk.tree()
    }

    /// What was on the disk, or would have been, when so many commands had ended.
    pub(crate) fn before_a_cut(&self, ended: usize) -> Tree {
        self.left(&Cut {
            done: self.ends[ended - 1],
            fates: BTreeMap::new(),
        })
    }

    /// How many commands had ended, and whether another one had begun.
    pub(crate) fn progress(&self, cut: &Cut) -> (usize, bool) {
        let ended = self.ends.iter().filter(|end| **end <= cut.done).count();
        let last = ended.checked_sub(1).map_or(0, |last| self.ends[last]);
        (ended, cut.done > last)
    }

    /// A moment, and what is lost, by chance; often the end of a command, when all that it said must hold.
    pub(crate) fn any_cut(&self, order: Order, random: &mut Random) -> Cut {
        let done = if random.one_in(4) {
            *random.of(&self.ends)
        } else {
            random.below(self.ops.len() + 1)
        };
        let open = unsynced(&self.ops, done);
        let synced = self.ops[..done].iter().rposition(Op::is_sync).unwrap_or(0);
        let until = synced + random.below(done + 1 - synced);
        // Of four: now all is lost, now all is kept, now this and that.
        let kept = random.below(5);
        let fate = |number: usize, random: &mut Random| match &self.ops[number] {
            Op::Write(_, _, bytes) if random.below(4) >= kept => match random.below(4) {
                0 => Fate::Lost,
                1 => Fate::Zeros,
                2 => Fate::Begun(random.below(bytes.len() + 1)),
                _ => Fate::Sectors(random.word()),
            },
            Op::Write(..) => Fate::Kept,
            _ if order == Order::Kept && number < until => Fate::Kept,
            _ if order == Order::Kept => Fate::Lost,
            _ if random.below(4) >= kept => Fate::Lost,
            _ => Fate::Kept,
        };
        let fates = open
            .into_iter()
            .map(|number| (number, fate(number, random)));
        Cut {
            done,
            fates: fates.collect(),
        }
    }

    /// Every moment at which a command had just ended, and everything unsynced lost.
    pub(crate) fn all_lost(&self) -> Vec<Cut> {
        let cuts = self.ends.iter().map(|done| Cut {
            done: *done,
            fates: unsynced(&self.ops, *done)
                .into_iter()
                .map(|op| (op, Fate::Lost))
                .collect(),
        });
        cuts.collect()
    }

    /// All moments from `from` on, and at each of them every choice of what is lost.
    ///
    /// A write is there, is not, is zeros, is half there, or has its first sector alone or all but that.
    /// Notes of who holds a lock are there or not, all of them.
    pub(crate) fn all_cuts(&self, from: usize) -> Vec<Cut> {
        let mut cuts = Vec::new();
        for done in from..=self.ops.len() {
            let (notes, open): (Vec<_>, Vec<_>) = unsynced(&self.ops, done)
                .into_iter()
                .partition(|number| self.is_note(*number));
            let mut all = vec![BTreeMap::new()];
            for note in [Fate::Kept, Fate::Lost].into_iter().take(1 + notes.len()) {
                all.extend(
                    (note == Fate::Lost).then(|| notes.iter().map(|n| (*n, note)).collect()),
                );
            }
            for number in open {
                let choices = choices(&self.ops[number]);
                let with = |fates: &BTreeMap<usize, Fate>| {
                    let fates = fates.clone();
                    let choices = choices.clone().into_iter();
                    choices.map(move |fate| {
                        let mut fates = fates.clone();
                        fates.insert(number, fate);
                        fates
                    })
                };
                all = all.iter().flat_map(with).collect();
            }
            cuts.extend(all.into_iter().map(|fates| Cut { done, fates }));
        }
        cuts
    }

    fn is_note(&self, number: usize) -> bool {
        matches!(&self.ops[number], Op::Write(node, ..) | Op::Length(node, _) if self.notes.contains(node))
    }
}

fn choices(op: &Op) -> Vec<Fate> {
    let Op::Write(_, _, bytes) = op else {
        return vec![Fate::Kept, Fate::Lost];
    };
    let half = Fate::Begun(bytes.len() / 2);
    let mut all = vec![Fate::Kept, Fate::Lost, Fate::Zeros, half];
    if bytes.len() > 512 {
        all.extend([Fate::Sectors(1), Fate::Sectors(!1)]);
    }
    all
}
