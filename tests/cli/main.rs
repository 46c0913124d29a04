//! Scenarios through the built program: one a file, its name a sentence.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails that test")]

#[path = "../support/mod.rs"]
mod support;

use support::{fixture, lab, tool};

mod a_plaintext_tree_becomes_a_vault;
mod a_team_shares_a_document;
mod an_import_is_all_or_nothing;
mod an_import_writes_no_plaintext;
mod any_tree_can_be_imported;
mod ten_thousand_variables_are_one_document;
