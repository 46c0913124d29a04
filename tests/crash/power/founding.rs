//! The first commands on a machine: what they said is there is there, in folders that they made.

use super::disk::Order;
use super::history::History;
use crate::lab::{Lab, Run};
use crate::random::Random;
use crate::strace::is_all;

const VALUE: &str = "first-hunter2-token";

/// An identity, a vault, a value.
fn commands(lab: &Lab) -> [Run<'_>; 3] {
    [
        lab.clws("identity new ada --keep file"),
        lab.clws("init --name ada"),
        lab.clws("secret set dev/web/TOKEN").stdin(VALUE.as_bytes()),
    ]
}

#[test]
fn what_was_made_first_is_there_after_a_power_cut() {
    let lab = Lab::empty();
    std::fs::create_dir_all(lab.home("ada")).unwrap();
    let history = History::record(&lab, &commands(&lab));
    let random = &mut Random::from_seed(3_000_000);
    let some = if is_all() { 500 } else { 25 };
    let any = (0..some).map(|_| history.any_cut(Order::Free, random));
    let cuts = history.all_lost().into_iter().chain(any);
    for cut in cuts {
        history.left(&cut).restore(lab.root());
        std::fs::create_dir_all(lab.home("ada")).unwrap();
        let (ended, _) = history.progress(&cut);
        let about = |what: &str, ran: &crate::lab::Ran| {
            format!("{ended} ended, {what}: {}{}\n{cut:?}", ran.text(), ran.err)
        };
        if ended > 0 {
            let shown = lab.clws("identity show ada").run();
            assert_eq!(shown.code, 0, "{}", about("identity", &shown));
        }
        if ended > 1 {
            let checked = lab.clws("check").run();
            assert_eq!(checked.code, 0, "{}", about("check", &checked));
        }
        if ended > 2 {
            let got = lab.clws("secret get dev/web/TOKEN").run();
            assert_eq!(got.text(), VALUE, "{}", about("get", &got));
        }
        // Again from the beginning: what is there already says so.
        for command in commands(&lab) {
            let ran = command.run();
            assert!([0, 16].contains(&ran.code), "{}", about("again", &ran));
        }
        let got = lab.clws("secret get dev/web/TOKEN").run();
        assert_eq!(got.text(), VALUE, "{}", about("get", &got));
    }
}
