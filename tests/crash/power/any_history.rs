//! Random commands, random moments, and random losses.

use std::collections::BTreeSet;
use std::fs;
use std::ops::Range;

use super::disk::Order;
use super::history::History;
use super::scene::{Scene, Values};
use crate::lab::{Lab, Run};
use crate::random::Random;
use crate::strace::is_all;
use crate::tree::Tree;

/// How many histories there are of each order: sequences of commands, and cuts of each.
const FEW: (usize, usize) = (5, 14);
const MANY: (usize, usize) = (100, 50);

/// Which of the sequences are tried: all, or those of `CLWS_HISTORIES=20..40`, so that hours can be shared out.
fn wanted(all: usize) -> Range<usize> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the person who runs the tests says so"
    )]
    let Ok(wanted) = std::env::var("CLWS_HISTORIES") else {
        return 0..all;
    };
    let (from, to) = wanted.split_once("..").expect("CLWS_HISTORIES: FROM..TO");
    let bound = |text: &str| text.parse().expect("CLWS_HISTORIES: FROM..TO");
    let range = bound(from)..bound(to);
    assert!(
        range.start < range.end && range.end <= all,
        "CLWS_HISTORIES: of 0..{all}"
    );
    range
}

/// A command by chance, and what it makes of the values; `number` tells it from all others.
fn command<'a>(
    lab: &'a Lab,
    outside: &tempfile::TempDir,
    number: usize,
    values: &mut Values,
    random: &mut Random,
) -> (Run<'a>, bool) {
    let value = format!("value-{number}-{}", "x".repeat(random.below(900)));
    let there: Vec<String> = values.keys().cloned().collect();
    match random.below(8) {
        0 => {
            let path = random.of(&there);
            (lab.clws(&format!("secret get {path}")), false)
        }
        1 => {
            let path = random.of(&there);
            values.remove(path);
            (lab.clws(&format!("secret remove {path} --yes")), true)
        }
        2 => (lab.clws("rekey dev --yes"), true),
        3 => {
            let from = random.of(&there);
            let kind = if from.contains("/keys/") {
                "dev/keys/moved"
            } else {
                "dev/moved/VALUE"
            };
            let to = format!("{kind}{number}");
            let moved = values.remove(from).unwrap();
            values.insert(to.clone(), moved);
            (lab.clws(&format!("secret move {from} {to} --yes")), true)
        }
        4 => {
            let tree = outside.path().join(number.to_string());
            let name = format!("web{number}");
            // A folder that is there, and new ones.
            let folders = [
                "keys".to_owned(),
                format!("keys/{name}"),
                format!("keys/{name}/deep"),
            ];
            for folder in folders {
                fs::create_dir_all(tree.join("dev").join(&folder)).unwrap();
                let path = format!("dev/{folder}/of-{name}");
                fs::write(tree.join(&path), &value).unwrap();
                values.insert(path, value.clone());
            }
            fs::write(
                tree.join(format!("dev/{name}.env")),
                format!("ONE={value}\nTWO=two\n"),
            )
            .unwrap();
            values.insert(format!("dev/{name}/ONE"), value);
            values.insert(format!("dev/{name}/TWO"), "two".into());
            (lab.clws("import --yes").word(tree.to_str().unwrap()), true)
        }
        5 => {
            let path = format!("dev/keys/file{number}");
            values.insert(path.clone(), value.clone());
            (
                lab.clws(&format!("secret set {path} --type file"))
                    .stdin(value.as_bytes()),
                true,
            )
        }
        6 => {
            let path = format!("dev/new{number}/TOKEN");
            values.insert(path.clone(), value.clone());
            (
                lab.clws(&format!("secret set {path}"))
                    .stdin(value.as_bytes()),
                true,
            )
        }
        _ => {
            let path = random.of(&there);
            values.insert(path.clone(), value.clone());
            (
                lab.clws(&format!("secret set {path}"))
                    .stdin(value.as_bytes()),
                true,
            )
        }
    }
}

fn histories(order: Order, seed: u64) {
    let lab = Lab::founded();
    let first: Values = [
        ("dev/web/TOKEN", "first-token"),
        ("dev/web/OTHER", "first-other"),
        ("dev/db/TOKEN", "first-db"),
        ("dev/keys/a", "first-file"),
    ]
    .map(|(path, value)| (path.to_owned(), value.to_owned()))
    .into();
    for (path, value) in &first {
        let kind = if path.contains("/keys/") {
            "file"
        } else {
            "string"
        };
        lab.clws(&format!("secret set {path} --type {kind}"))
            .stdin(value.as_bytes())
            .succeeds();
    }
    let next = || lab.clws("secret set dev/after/TOKEN").stdin(b"after");
    // Not in the lab: the sources of imports are in the clear.
    let outside = tempfile::tempdir().unwrap();
    let old = Tree::read(lab.root());
    let (sequences, cuts) = if is_all() { MANY } else { FEW };
    let (mut judged, mut number) = (0, 0);
    let mut faults = Vec::new();
    let wanted = wanted(sequences);
    for sequence in wanted.clone() {
        let seed = seed + u64::try_from(sequence).unwrap();
        let random = &mut Random::from_seed(seed);
        let mut states = vec![first.clone()];
        let (mut commands, mut promises, mut words) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..=random.below(3) {
            let mut values = states.last().unwrap().clone();
            number += 1;
            let (run, promise) = command(&lab, &outside, number, &mut values, random);
            words.push(run.words());
            commands.push(run);
            promises.push(promise);
            states.push(values);
        }
        let name = format!("seed {seed}: {}", words.join("; "));
        let history = History::record(&lab, &commands);
        let scene = Scene {
            name,
            lab: &lab,
            history,
            states,
            promises,
            next: &next,
        };
        let cuts: Vec<_> = (0..cuts)
            .map(|_| scene.history.any_cut(order, random))
            .collect();
        // One that fails does not hide what the others would say.
        match scene.judge(cuts, order, &mut BTreeSet::new()) {
            Ok(states) => {
                judged += states;
                println!("{order:?} {sequence}: {states} states, {}", scene.name);
            }
            Err(why) => {
                println!("{order:?} {sequence}: {why}");
                faults.push(why);
            }
        }
        old.restore(lab.root());
    }
    println!(
        "{order:?}: sequences {wanted:?} of commands, {cuts} cuts of each, {judged} states judged"
    );
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
}

#[test]
fn values_are_old_or_new_where_the_file_system_keeps_the_order_of_names() {
    histories(Order::Kept, 1_000_000);
}

#[test]
fn values_are_old_or_new_where_anything_unsynced_may_be_lost() {
    histories(Order::Free, 2_000_000);
}
