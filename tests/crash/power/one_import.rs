//! One `import` into folders that are new, and one that is there: all of it or nothing.

use std::collections::BTreeSet;
use std::fs;

use super::disk::Order;
use super::history::History;
use super::scene::{Scene, Values};
use crate::lab::Lab;
use crate::random::Random;
use crate::strace::is_all;

const THERE: (&str, &str) = ("dev/keys/there", "there-before");
const NEW: [(&str, &str); 4] = [
    ("dev/fresh/one", "new-one"),
    ("dev/fresh/deep/two", "new-two"),
    ("dev/keys/fresh/three", "new-three"),
    ("dev/keys/four", "new-four"),
];

#[test]
fn a_power_cut_leaves_all_of_an_import_or_nothing_of_it() {
    let lab = Lab::founded();
    lab.clws(&format!("secret set {} --type file", THERE.0))
        .stdin(THERE.1.as_bytes())
        .succeeds();
    // Not in the lab: the sources are in the clear.
    let outside = tempfile::tempdir().unwrap();
    for (path, value) in NEW {
        let path = outside.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, value).unwrap();
    }
    let source = outside.path().to_str().unwrap();
    let command = || lab.clws("import --yes").word(source);
    let history = History::record(&lab, &[command()]);
    let before: Values = [(THERE.0.to_owned(), THERE.1.to_owned())].into();
    let mut after = before.clone();
    after.extend(NEW.map(|(path, value)| (path.to_owned(), value.to_owned())));
    let scene = Scene {
        name: "import".into(),
        lab: &lab,
        history,
        states: vec![before, after],
        promises: vec![true],
        // What is there already is no change.
        next: &command,
    };
    let random = &mut Random::from_seed(4_000_000);
    let some = if is_all() { 2000 } else { 40 };
    for order in [Order::Kept, Order::Free] {
        let any = (0..some).map(|_| scene.history.any_cut(order, random));
        let cuts: Vec<_> = scene.history.all_lost().into_iter().chain(any).collect();
        let judged = scene.judge(cuts, order, &mut BTreeSet::new());
        let judged = judged.unwrap_or_else(|why| panic!("{why}"));
        println!("one import, {order:?}: {judged} states judged");
        assert!(judged > some / 4, "{judged}");
    }
}
