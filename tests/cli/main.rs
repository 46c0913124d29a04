//! Scenarios through the built program: one a file, its name a sentence.

#[path = "../support/mod.rs"]
mod support;

use support::{desk, lab, terminal};

mod a_bad_edit_keeps_the_text_and_says_why;
mod a_team_shares_a_document;
mod a_value_and_a_file_are_edited_as_they_are;
mod an_editor_loses_nothing_and_leads_nowhere;
mod only_edited_values_are_sealed_anew;
mod plaintext_is_gone_on_every_way_out;
mod two_people_edit_one_document;
