//! Every history of one `secret set`: each moment, and each choice of what is lost.

use std::collections::BTreeSet;

use super::disk::Order;
use super::history::{Cut, History};
use super::scene::{Scene, Values};
use crate::lab::Lab;
use crate::strace::is_all;

const PATH: &str = "dev/web/TOKEN";
const OLD: &str = "old-hunter2-token";
const NEW: &str = "new-correct-horse";

/// Of all histories one in this many, unless `CLWS_CRASH=all`.
const ONE_IN: usize = 60;

fn values(value: &str) -> Values {
    [(PATH.to_owned(), value.to_owned())].into()
}

fn with_scene(check: impl FnOnce(&Scene<'_>)) {
    let lab = Lab::founded().secret(PATH, OLD);
    let command = || lab.clws("secret set dev/web/TOKEN").stdin(NEW.as_bytes());
    let history = History::record(&lab, &[command()]);
    check(&Scene {
        name: "set".into(),
        lab: &lab,
        history,
        states: vec![values(OLD), values(NEW)],
        promises: vec![true],
        next: &command,
    });
}

#[test]
fn a_power_cut_leaves_the_old_value_or_the_new_one_whatever_is_lost() {
    with_scene(|scene| {
        let cuts = scene.history.all_cuts(0);
        let all = cuts.len();
        let one_in = if is_all() { 1 } else { ONE_IN };
        let mut seen = BTreeSet::new();
        let cuts = cuts.into_iter().step_by(one_in);
        let judged = scene.judge(cuts, Order::Free, &mut seen);
        let judged = judged.unwrap_or_else(|why| panic!("{why}"));
        println!(
            "one write: {all} histories, one in {one_in} of them tried, {judged} states judged"
        );
        assert!(all > 1000, "{all}");
    });
}

/// A watcher that must find nothing is shown to find what is planted.
#[test]
fn each_sync_that_is_left_out_is_found_out() {
    with_scene(|scene| {
        let ops = &scene.history.ops;
        let syncs: Vec<usize> = (0..ops.len()).filter(|step| ops[*step].is_sync()).collect();
        assert!(syncs.len() >= 3, "{ops:?}");
        let mut found = Vec::new();
        for step in &syncs {
            let planted = Scene {
                history: scene.history.without(*step),
                states: scene.states.clone(),
                promises: scene.promises.clone(),
                name: format!("set without {:?}", ops[*step]),
                ..*scene
            };
            // From the step on that was left out, those first at which the command had ended.
            let mut cuts: Vec<Cut> = planted.history.all_cuts(*step);
            cuts.reverse();
            let result = planted.judge(cuts, Order::Free, &mut BTreeSet::new());
            println!("{}: {result:?}", planted.name);
            found.push(result.is_err());
        }
        assert!(found.iter().all(|found| *found), "{found:?}");
    });
}
