//! How far the sealing anew of many values is: one bar while they are sealed, one while what was sealed
//! is read back.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::error::Error;
use crate::vault::{Change, Listed, Vault, Work};

use super::ui::Ui;

/// Watches a change that seals `items` anew, and logs at once that their files will be opened: a line
/// of the log for each of a thousand would be signed a thousand times.
pub(crate) fn watch<'l>(
    change: &mut Change<'_>,
    vault: &Vault,
    ui: &Ui,
    items: impl IntoIterator<Item = &'l Listed>,
) -> Result<(), Error> {
    let items: Vec<&Listed> = items.into_iter().collect();
    let files = items.iter().filter_map(|item| match item {
        Listed::File(path) => Some(path),
        Listed::Document(_) => None,
    });
    change.log_ahead(files)?;
    let of = vault.count(items.iter().copied())?;
    let sealing = ui.progress("sealing anew", of);
    let (bar, is_second) = (RefCell::new(sealing), Cell::new(false));
    change.watched(Rc::new(move |work| {
        if work == Work::ReadBack && !is_second.replace(true) {
            let second = bar.borrow().next("reading back");
            // The first bar goes before the second one comes.
            drop(bar.replace(second));
        }
        bar.borrow_mut().step();
    }));
    Ok(())
}
