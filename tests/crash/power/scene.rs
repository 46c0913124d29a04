//! What must hold after the power came back, seen by plain commands of the built program.

use std::collections::{BTreeMap, BTreeSet};

use super::disk::Order;
use super::history::{Cut, History};
use crate::lab::{Lab, Run};
use crate::tree::Tree;

/// Values by their paths.
pub(crate) type Values = BTreeMap<String, String>;

/// Commands, and the values before the first and after each of them.
pub(crate) struct Scene<'a> {
    pub(crate) name: String,
    pub(crate) lab: &'a Lab,
    pub(crate) history: History,
    pub(crate) states: Vec<Values>,
    /// Of each command whether it promises that what this machine remembers is on the disk when it ends:
    /// a change does, reading does not.
    pub(crate) promises: Vec<bool>,
    /// What must go through afterwards, whatever was lost.
    pub(crate) next: &'a dyn Fn() -> Run<'a>,
}

impl Scene<'_> {
    /// Lays out what each cut left and judges it, the same files once; gives how many there were.
    ///
    /// # Errors
    /// What does not hold, in words.
    pub(crate) fn judge(
        &self,
        cuts: impl IntoIterator<Item = Cut>,
        order: Order,
        seen: &mut BTreeSet<(Tree, usize, bool)>,
    ) -> Result<usize, String> {
        let mut judged = 0;
        for cut in cuts {
            let left = self.history.left(&cut);
            let (ended, is_within) = self.history.progress(&cut);
            if !seen.insert((left.clone().without_notes(), ended, is_within)) {
                continue;
            }
            judged += 1;
            left.restore(self.lab.root());
            let promised = ended > 0 && self.promises[ended - 1];
            if promised && !is_within {
                self.remembers(&left, ended)?;
            }
            let about = |why| format!("{}, {order:?}: {why}\n{cut:?}", self.name);
            self.holds(ended, is_within, order).map_err(about)?;
        }
        Ok(judged)
    }

    /// Compares pins and the audit log with what they were when a command ended.
    fn remembers(&self, left: &Tree, ended: usize) -> Result<(), String> {
        let before = self.history.before_a_cut(ended);
        let remembered = before.remembered();
        let now = left.remembered();
        let is_lost = |(path, was): &(&&str, &Option<&[u8]>)| now.get(*path) != Some(*was);
        let lost: Vec<&&str> = remembered
            .iter()
            .filter(is_lost)
            .map(|(path, _)| path)
            .collect();
        if lost.is_empty() {
            return Ok(());
        }
        Err(format!("{}: it forgot {lost:?}", self.name))
    }

    fn holds(&self, ended: usize, is_within: bool, order: Order) -> Result<(), String> {
        let values = self.values()?;
        let allowed = &self.states[ended..=ended + usize::from(is_within)];
        if !allowed.contains(&values) {
            return Err(format!("{values:?} is none of {allowed:?}"));
        }
        // Lines of what only looked wait for no disk: of two such lines the later one may be there alone.
        let looked = !self.promises[..self.promises.len().min(ended + 1)]
            .iter()
            .all(|promise| *promise);
        for command in ["check", "audit verify"] {
            let ran = self.lab.clws(command).run();
            let is_known = looked && ran.code == 40 && ran.err.contains("a power cut took a part");
            if ran.code != 0 && !is_known {
                return Err(format!("`{command}`: {}{}", ran.text(), ran.err));
            }
        }
        if self.values()? != values {
            return Err("a value was something else when it was read again".into());
        }
        let ran = (self.next)().run();
        if ran.code != 0 {
            return Err(format!("`{}`: {}", ran.words, ran.err));
        }
        let tree = Tree::read(self.lab.root());
        let left: Vec<&str> = tree.unfinished();
        // What no mark speaks of is found when its folder is changed.
        if order == Order::Kept && !left.is_empty() {
            return Err(format!("in the end {left:?} is there"));
        }
        Ok(())
    }

    /// All values that any state has, as the program reads them now.
    fn values(&self) -> Result<Values, String> {
        let paths: BTreeSet<&String> = self.states.iter().flat_map(Values::keys).collect();
        let mut values = Values::new();
        for path in paths {
            let got = self.lab.clws(&format!("secret get {path}")).run();
            match got.code {
                0 => values.insert(path.clone(), got.text()),
                18 => None,
                code => return Err(format!("`secret get {path}` ends with {code}: {}", got.err)),
            };
        }
        Ok(values)
    }
}
