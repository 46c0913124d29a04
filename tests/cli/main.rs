//! Scenarios through the built program: one a file, its name a sentence.

#[path = "../support/mod.rs"]
mod support;

use support::lab;

mod a_pulled_repository_changes_nothing_unseen;
mod a_team_shares_a_document;
