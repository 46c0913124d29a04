//! Looks for what should not lie in clear: the vault's own values in any of the ways in which a value gets
//! written, and credentials by their providers' forms.
//!
//! One pass looks at each byte once: with one multiplication and one load it is decided whether a rule can
//! begin there, with another whether a value can ([`sift`]). Only then a hand-written recogniser looks closer,
//! so the time grows with what is read alone, however many values and rules there are. Nothing is matched by
//! an expression that could go back. No finding holds a secret.

mod allow;
mod anchors;
mod archive;
mod baseline;
mod checksum;
mod finding;
mod form;
mod history;
mod known;
mod look;
mod placeholder;
mod plain;
mod prints;
mod rules;
mod salt;
mod sarif;
mod sift;
mod spelled;
mod staged;
mod state;
mod strength;
mod text;
mod walk;

pub use baseline::{Baseline, Marker};
pub use finding::{Finding, What};
pub use history::history;
pub use known::{Values, learn};
pub use look::{Buffer, Found, Known, Looker};
pub use prints::{LARGEST, Prints};
pub use rules::{Grounds, Rule, all as rules};
pub use sarif::sarif;
pub use staged::Staged;
pub use state::sealed_state;
pub use walk::{Archives, one, walk};
